//! Which grant covers each function, and the manifest line to add when none does.

use palisade_guard::grant::{Grants, ItemPower, TableOperation, UserPower, VariablePower};

/// Checks that a grant covers a function. The error names the line to add.
pub(super) fn explain(interface: &str, function: &str, grants: &Grants) -> Result<(), String> {
    let table = |operation: TableOperation| grants.db.tables.values().any(|table| table.allows(operation));
    let item = |power: ItemPower| grants.item.types.values().any(|powers| powers.contains(&power));
    let (covered, line) = match (interface, function) {
        ("db", "select") => (table(TableOperation::Select), "db = { tables = { TABLE = [\"select\"] } }"),
        ("db", "query") => (grants.db.query, "db = { query = true }"),
        ("db-write", "insert") => {
            (table(TableOperation::Insert), "db = { tables = { TABLE = [\"insert\"] } }")
        }
        ("db-write", "update") => {
            (table(TableOperation::Update), "db = { tables = { TABLE = [\"update\"] } }")
        }
        ("db-write", "delete") => {
            (table(TableOperation::Delete), "db = { tables = { TABLE = [\"delete\"] } }")
        }
        ("db-write", _) => (grants.db.execute, "db = { execute = true }"),
        ("user", "get") => (grants.user.contains(&UserPower::Get), "user = [\"get\"]"),
        ("user", "has-permission") => {
            (grants.user.contains(&UserPower::HasPermission), "user = [\"has-permission\"]")
        }
        ("variables-write", _) => {
            (grants.variables.contains(&VariablePower::Write), "variables = [\"write\"]")
        }
        ("item", _) => (item(ItemPower::Read), "item = { types = { TYPE = [\"read\"] } }"),
        ("item-write", _) => (item(ItemPower::Write), "item = { types = { TYPE = [\"write\"] } }"),
        ("http", _) => (!grants.http.is_empty(), "http = [{ url = \"https://HOST/\" }]"),
        _ => (true, ""),
    };
    if covered {
        return Ok(());
    }
    Err(format!(
        "it imports `{interface}.{function}` without a grant: add `{line}` to [grants] in palisade.toml, and see that the \
         operator's policy allows it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_without_a_grant_is_refused_with_the_line_that_grants_it() {
        for (interface, function, line) in [
            ("db", "select", "db = { tables = { TABLE = [\"select\"] } }"),
            ("db", "query", "db = { query = true }"),
            ("db-write", "insert", "db = { tables = { TABLE = [\"insert\"] } }"),
            ("db-write", "update", "db = { tables = { TABLE = [\"update\"] } }"),
            ("db-write", "delete", "db = { tables = { TABLE = [\"delete\"] } }"),
            ("db-write", "execute", "db = { execute = true }"),
            ("user", "get", "user = [\"get\"]"),
            ("user", "has-permission", "user = [\"has-permission\"]"),
            ("variables-write", "set", "variables = [\"write\"]"),
            ("item", "load", "item = { types = { TYPE = [\"read\"] } }"),
            ("item-write", "create", "item = { types = { TYPE = [\"write\"] } }"),
            ("http", "fetch", "http = [{ url = \"https://HOST/\" }]"),
        ] {
            let refusal = explain(interface, function, &Grants::default()).unwrap_err();
            let names = format!("`{interface}.{function}` without a grant: add `{line}` to [grants]");
            assert!(refusal.contains(&names), "{refusal}");
            // With the names filled in, the line is valid in a manifest and covers this function and no other.
            let filled = line.replace("TABLE", "posts").replace("TYPE", "post").replace("HOST", "a.example");
            let grants: Grants = toml::from_str(&filled).unwrap();
            assert_eq!(explain(interface, function, &grants), Ok(()), "{filled}");
            assert!(explain("db", "query", &grants).is_ok() == (function == "query"));
            assert!(explain("db-write", "execute", &grants).is_ok() == (function == "execute"));
            assert!(explain("user", "get", &grants).is_ok() == (function == "get"));
        }
        for free in ["cache", "variables", "logging", "request-context", "clock", "random"] {
            assert_eq!(explain(free, "get", &Grants::default()), Ok(()), "{free}");
        }
    }
}
