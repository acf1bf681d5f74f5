//! Which grant covers each function, and what to add to the manifest when none does.
//!
//! An interface of which a grant covers one function is linked whole, because a component of an interpreted language imports
//! all of it. So loading is not the only check: the gate for SQL text and [`Grants::may`] refuse a function without its grant
//! when it is called. The functions on tables, items and servers check each argument against the grants as it is.

use super::{Grants, ItemPower, TableOperation, UserPower, VariablePower};
use crate::refusal::Refusal;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

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
    /// What covers it.
    pub fix: Fix,
}

/// What to add to a manifest, and where. It fits the manifest that is there: a key that the manifest has already is not written
/// a second time, and a table of TOML is named by its header, however the manifest writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What to add.
    pub text: &'static str,
    /// To which part of the manifest.
    pub place: &'static str,
}

impl fmt::Display for Fix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` to {}", self.text, self.place)
    }
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
                let fix = missing(interface, function, grants)?;
                Some(Uncovered { interface: interface.clone(), function: function.clone(), fix })
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
    let fix = missing(interface, function, grants)
        .map_or_else(String::new, |fix| format!(": add {fix} in palisade.toml"));
    Refusal::Ungranted(format!("`{interface}.{function}` is not granted{fix}"))
}

/// Whether a function is not a method, which follows from the function that returned its resource.
fn is_free(function: &str) -> bool {
    !function.starts_with('[')
}

/// The functions and what to add, as a sentence.
pub fn sentence(uncovered: &[Uncovered]) -> String {
    let functions = uncovered.iter().map(|missing| format!("`{}.{}`", missing.interface, missing.function));
    format!(
        "it imports {} without a grant: add {} in palisade.toml",
        functions.collect::<Vec<_>>().join(", "),
        fixes(uncovered, " and ")
    )
}

/// What to add for each of some functions, once.
pub fn fixes<'u>(uncovered: impl IntoIterator<Item = &'u Uncovered>, between: &str) -> String {
    let mut fixes: Vec<String> = Vec::new();
    for fix in uncovered.into_iter().map(|missing| missing.fix.to_string()) {
        if !fixes.contains(&fix) {
            fixes.push(fix);
        }
    }
    fixes.join(between)
}

/// What to add to the manifest so that a grant covers a function of the contract, if the grants do not.
pub fn missing(interface: &str, function: &str, grants: &Grants) -> Option<Fix> {
    let table = |operation: TableOperation, line, word| {
        let tables = &grants.db.tables;
        let is_covered = tables.values().any(|table| table.allows(operation));
        (
            is_covered,
            either(tables.is_empty(), line, "[grants.db.tables]", word, "a table in [grants.db.tables]"),
        )
    };
    let item = |power: ItemPower, line, word| {
        let types = &grants.item.types;
        let is_covered = types.values().any(|powers| powers.contains(&power));
        (
            is_covered,
            either(types.is_empty(), line, "[grants.item.types]", word, "a type in [grants.item.types]"),
        )
    };
    let user = |power: UserPower, line, word| {
        let powers = &grants.user;
        (powers.contains(&power), either(powers.is_empty(), line, "[grants]", word, "`user` in [grants]"))
    };
    let (covered, fix) = match (interface, function) {
        ("db", "select" | "aggregate") => table(TableOperation::Select, "TABLE = [\"select\"]", "select"),
        ("db", "query") => (grants.db.query, Fix { text: "query = true", place: "[grants.db]" }),
        ("db-write", "insert") => table(TableOperation::Insert, "TABLE = [\"insert\"]", "insert"),
        ("db-write", "update") => table(TableOperation::Update, "TABLE = [\"update\"]", "update"),
        ("db-write", "delete") => table(TableOperation::Delete, "TABLE = [\"delete\"]", "delete"),
        ("db-write", _) => (grants.db.execute, Fix { text: "execute = true", place: "[grants.db]" }),
        ("user", "get") => user(UserPower::Get, "user = [\"get\"]", "\"get\""),
        ("user", "has-permission") => {
            user(UserPower::HasPermission, "user = [\"has-permission\"]", "\"has-permission\"")
        }
        ("variables-write", _) => {
            let fix = Fix { text: "variables = [\"write\"]", place: "[grants]" };
            (grants.variables.contains(&VariablePower::Write), fix)
        }
        ("item", _) => item(ItemPower::Read, "TYPE = [\"read\"]", "\"read\""),
        ("item-write", _) => item(ItemPower::Write, "TYPE = [\"write\"]", "\"write\""),
        ("http", _) => {
            (!grants.http.is_empty(), Fix { text: "http = [{ url = \"https://HOST/\" }]", place: "[grants]" })
        }
        _ => return None,
    };
    (!covered).then_some(fix)
}

/// A new line, or a word to add to what is there.
const fn either(
    is_new: bool,
    line: &'static str,
    place: &'static str,
    word: &'static str,
    there: &'static str,
) -> Fix {
    if is_new { Fix { text: line, place } } else { Fix { text: word, place: there } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_without_a_grant_is_named_with_the_line_that_grants_it() {
        for (interface, function, text, place) in [
            ("db", "select", "TABLE = [\"select\"]", "[grants.db.tables]"),
            ("db", "aggregate", "TABLE = [\"select\"]", "[grants.db.tables]"),
            ("db", "query", "query = true", "[grants.db]"),
            ("db-write", "insert", "TABLE = [\"insert\"]", "[grants.db.tables]"),
            ("db-write", "update", "TABLE = [\"update\"]", "[grants.db.tables]"),
            ("db-write", "delete", "TABLE = [\"delete\"]", "[grants.db.tables]"),
            ("db-write", "execute", "execute = true", "[grants.db]"),
            ("user", "get", "user = [\"get\"]", "[grants]"),
            ("user", "has-permission", "user = [\"has-permission\"]", "[grants]"),
            ("variables-write", "set", "variables = [\"write\"]", "[grants]"),
            ("item", "load", "TYPE = [\"read\"]", "[grants.item.types]"),
            ("item-write", "create", "TYPE = [\"write\"]", "[grants.item.types]"),
            ("http", "fetch", "http = [{ url = \"https://HOST/\" }]", "[grants]"),
        ] {
            assert_eq!(missing(interface, function, &Grants::default()), Some(Fix { text, place }));
            // With the names filled in, the line is valid below its header and covers this function and no other.
            let filled = text.replace("TABLE", "posts").replace("TYPE", "post").replace("HOST", "a.example");
            let manifest: BTreeMap<String, Grants> = toml::from_str(&format!("{place}\n{filled}\n")).unwrap();
            let grants = manifest["grants"].clone();
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
        // What the manifest has already is not written a second time.
        for (interface, function, grants, fix) in [
            ("db-write", "execute", "db = { query = true }", "`execute = true` to [grants.db]"),
            ("db", "query", "[db.tables]\nposts = [\"select\"]", "`query = true` to [grants.db]"),
            ("db", "select", "db = { query = true }", "`TABLE = [\"select\"]` to [grants.db.tables]"),
            (
                "db-write",
                "insert",
                "[db.tables]\nposts = [\"select\"]",
                "`insert` to a table in [grants.db.tables]",
            ),
            ("db", "select", "[db.tables.posts]\ndelete = true", "`select` to a table in [grants.db.tables]"),
            ("user", "get", "user = [\"has-permission\"]", "`\"get\"` to `user` in [grants]"),
            ("user", "has-permission", "user = [\"get\"]", "`\"has-permission\"` to `user` in [grants]"),
            (
                "item",
                "load",
                "item = { types = { post = [\"write\"] } }",
                "`\"read\"` to a type in [grants.item.types]",
            ),
            (
                "item-write",
                "create",
                "[item.types]\npost = [\"read\"]",
                "`\"write\"` to a type in [grants.item.types]",
            ),
        ] {
            let grants: Grants = toml::from_str(grants).unwrap();
            let found = missing(interface, function, &grants).map(|fix| fix.to_string());
            assert_eq!(found.as_deref(), Some(fix));
        }
        let both =
            Coverage::of(&imports(&[("http", &["fetch"]), ("item", &["get", "find"])]), &Grants::default());
        assert_eq!(
            sentence(&both.refused),
            "it imports `http.fetch`, `item.find`, `item.get` without a grant: add `http = [{ url = \"https://HOST/\" }]` to [grants] \
             and `TYPE = [\"read\"]` to [grants.item.types] in palisade.toml"
        );
        for free in ["cache", "variables", "logging", "request-context", "clock", "random"] {
            assert_eq!(missing(free, "get", &Grants::default()), None, "{free}");
        }
    }
}
