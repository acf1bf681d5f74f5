//! Which grant covers each function, and the manifest line to add when none does.
//!
//! An interface of which a grant covers one function is linked whole, because a component of an interpreted language imports
//! all of it. So loading is not the only check: the gate for SQL text and [`Grants::may`] refuse a function without its grant
//! when it is called. The functions on tables, items and servers check each argument against the grants as it is.

use super::{Grants, ItemPower, TableOperation, UserPower, VariablePower};
use crate::refusal::Refusal;
use std::collections::{BTreeMap, BTreeSet};

impl Grants {
    /// Checks that the plugin may call a function of `user` that needs a grant.
    pub fn may(&self, power: UserPower) -> Result<(), Refusal> {
        if self.user.contains(&power) {
            return Ok(());
        }
        let name = match power {
            UserPower::Get => "get",
            UserPower::HasPermission => "has-permission",
        };
        Err(ungranted("user", name, self))
    }
}

/// How grants cover the functions of the contract that a component imports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Functions of interfaces of which no imported function is covered: the component is not loaded.
    pub refused: Vec<Uncovered>,
    /// Functions without a grant, of interfaces of which another imported function is covered, or of interfaces whose types
    /// such an interface uses: a call is refused.
    pub denied: Vec<Uncovered>,
}

/// A function that no grant covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uncovered {
    /// Its interface, such as `db`.
    pub interface: String,
    /// Its name, such as `query`.
    pub function: String,
    /// The line of `[grants]` that covers it.
    pub line: &'static str,
}

impl Coverage {
    /// Compares imported functions, by interface, with grants.
    pub fn of(imports: &BTreeMap<String, BTreeSet<String>>, grants: &Grants) -> Self {
        let mut coverage = Self::default();
        let is_covered = |interface: &str| {
            let functions = imports.get(interface).into_iter().flatten();
            functions.filter(|name| is_free(name)).any(|name| missing(interface, name, grants).is_none())
        };
        for (interface, functions) in imports {
            let uncovered = functions.iter().filter(|name| is_free(name)).filter_map(|function| {
                let line = missing(interface, function, grants)?;
                Some(Uncovered { interface: interface.clone(), function: function.clone(), line })
            });
            // `db-write` uses the types of `db`, so a component that carries an engine imports all of `db` too.
            let is_linked = is_covered(interface) || is_covered(&format!("{interface}-write"));
            if is_linked { &mut coverage.denied } else { &mut coverage.refused }.extend(uncovered);
        }
        coverage
    }
}

/// The refusal of a function that no grant covers.
pub(crate) fn ungranted(interface: &str, function: &str, grants: &Grants) -> Refusal {
    let line = missing(interface, function, grants).unwrap_or_default();
    Refusal::Ungranted(format!("`{interface}.{function}` needs `{line}` in [grants]"))
}

/// Whether a function is not a method, which follows from the function that returned its resource.
fn is_free(function: &str) -> bool {
    !function.starts_with('[')
}

/// The functions and the lines to add, as a sentence; each line once.
pub fn sentence(uncovered: &[Uncovered]) -> String {
    let functions = uncovered.iter().map(|missing| format!("`{}.{}`", missing.interface, missing.function));
    let mut lines: Vec<String> = Vec::new();
    for line in uncovered.iter().map(|missing| format!("`{}`", missing.line)) {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    format!(
        "it imports {} without a grant: add {} to [grants] in palisade.toml",
        functions.collect::<Vec<_>>().join(", "),
        lines.join(" and ")
    )
}

/// The line of `[grants]` that covers a function of the contract, if the grants do not.
pub fn missing(interface: &str, function: &str, grants: &Grants) -> Option<&'static str> {
    let table = |operation: TableOperation| grants.db.tables.values().any(|table| table.allows(operation));
    let item = |power: ItemPower| grants.item.types.values().any(|powers| powers.contains(&power));
    let (covered, line) = match (interface, function) {
        ("db", "select" | "aggregate") => {
            (table(TableOperation::Select), "db = { tables = { TABLE = [\"select\"] } }")
        }
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
    (!covered).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_without_a_grant_is_named_with_the_line_that_grants_it() {
        for (interface, function, line) in [
            ("db", "select", "db = { tables = { TABLE = [\"select\"] } }"),
            ("db", "aggregate", "db = { tables = { TABLE = [\"select\"] } }"),
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
            assert_eq!(missing(interface, function, &Grants::default()), Some(line));
            // With the names filled in, the line is valid in a manifest and covers this function and no other.
            let filled = line.replace("TABLE", "posts").replace("TYPE", "post").replace("HOST", "a.example");
            let grants: Grants = toml::from_str(&filled).unwrap();
            assert_eq!(missing(interface, function, &grants), None, "{filled}");
            assert_eq!(missing("db", "query", &grants).is_none(), function == "query");
            assert_eq!(missing("db-write", "execute", &grants).is_none(), function == "execute");
            assert_eq!(missing("user", "get", &grants).is_none(), function == "get");
            // What loading lets through is refused when it is called.
            assert_eq!(grants.may(UserPower::Get).is_ok(), function == "get");
            assert_eq!(grants.may(UserPower::HasPermission).is_ok(), function == "has-permission");
        }
        let imports = |rows: &[(&str, &[&str])]| {
            let set = |functions: &[&str]| functions.iter().map(|&name| name.to_owned()).collect();
            rows.iter().map(|(interface, functions)| ((*interface).to_owned(), set(functions))).collect()
        };
        let of = |rows: &[(&str, &[&str])], grants: &str| {
            let coverage = Coverage::of(&imports(rows), &toml::from_str(grants).unwrap());
            let names = |uncovered: &[Uncovered]| -> Vec<String> {
                uncovered.iter().map(|one| format!("{}.{}", one.interface, one.function)).collect()
            };
            (names(&coverage.refused).join(" "), names(&coverage.denied).join(" "))
        };
        let all: &[&str] = &["aggregate", "query", "select", "[method]rows.next"];
        let select = "db = { tables = { posts = [\"select\"] } }";
        for (rows, grants, refused, denied) in [
            (&[("db", all)][..], "", "db.aggregate db.query db.select", ""),
            (&[("db", all)], select, "", "db.query"),
            (&[("db", all)], "db = { query = true }", "", "db.aggregate db.select"),
            // No function that the component could call is covered: the method is of no use alone.
            (&[("db", &["query", "[method]rows.next"])], select, "db.query", ""),
            (
                &[("db", all), ("db-write", &["insert", "update"])],
                "db = { tables = { posts = [\"insert\"] } }",
                "",
                "db.aggregate db.query db.select db-write.update",
            ),
            (&[("db", &["select"]), ("db-write", &["insert"])], select, "db-write.insert", ""),
            (&[("user", &["current", "get", "has-permission"])], "", "", "user.get user.has-permission"),
            (&[("user", &["get"])], "user = [\"has-permission\"]", "user.get", ""),
            (&[("db", all), ("http", &["fetch", "[method]body.read"])], select, "http.fetch", "db.query"),
            (&[("clock", &["now"]), ("limits", &[])], "", "", ""),
        ] {
            assert_eq!(of(rows, grants), (refused.to_owned(), denied.to_owned()), "{rows:?} {grants}");
        }
        let both =
            Coverage::of(&imports(&[("http", &["fetch"]), ("item", &["get", "find"])]), &Grants::default());
        assert_eq!(
            sentence(&both.refused),
            "it imports `http.fetch`, `item.find`, `item.get` without a grant: add `http = [{ url = \"https://HOST/\" }]` and \
             `item = { types = { TYPE = [\"read\"] } }` to [grants] in palisade.toml"
        );
        for free in ["cache", "variables", "logging", "request-context", "clock", "random"] {
            assert_eq!(missing(free, "get", &Grants::default()), None, "{free}");
        }
    }
}
