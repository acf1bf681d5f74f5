//! The host's limits as their source states them: constants, and the table of what an invocation may use.

use std::collections::BTreeMap;

use super::Tree;
use super::numbers::whole;
use super::rust::{Token, starts};

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Bytes,
    Time,
    Count,
}

/// A limit's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    /// As the source states it; `None` where that takes more than reading products.
    pub number: Option<u128>,
    pub unit: Unit,
    /// Bytes, or microseconds, in one of its unit.
    pub factor: u128,
}

impl Value {
    /// The unit, as a suffix of the number.
    pub fn suffix(self) -> &'static str {
        match (self.unit, self.factor) {
            (Unit::Bytes, 1) => " bytes",
            (Unit::Bytes, _) => " KiB",
            (Unit::Time, 1) => " µs",
            (Unit::Time, 1_000) => " ms",
            (Unit::Time, _) => " s",
            (Unit::Count, _) => "",
        }
    }
}

/// All limits.
pub struct Limits {
    constants: BTreeMap<String, Value>,
    table: BTreeMap<String, Value>,
}

impl Limits {
    pub const FILE: &str = "host/guard/src/limits/mod.rs";

    /// Reads the source. Without it there are no limits.
    pub fn read(tree: &Tree) -> Self {
        let source = tree.sources.iter().find(|source| source.path == Self::FILE);
        let code = source.map_or(Vec::new(), |source| source.code());
        let mut constants = BTreeMap::new();
        for at in 0..code.len() {
            // `pub const NAME: TYPE = VALUE;`
            let rest = &code[at..];
            if starts(rest, &["pub", "const"])
                && let Some(name) = rest.get(2)
                && let Some(equals) = rest.iter().position(|token| token.text == "=")
            {
                let number = number(&until(&rest[equals + 1..], ";"), &constants);
                let (unit, factor) = unit(&name.text);
                constants.insert(name.text.clone(), Value { number, unit, factor });
            }
        }
        let table = table(&code, &constants);
        Self { constants, table }
    }

    /// A constant by its name.
    pub fn constant(&self, name: &str) -> Option<Value> {
        self.constants.get(name).copied()
    }

    /// A limit by the name that manifests use.
    pub fn limit(&self, name: &str) -> Option<Value> {
        self.table.get(name).copied()
    }
}

/// The rows of `limits! { … }`: `Variant, "name", Unit, VALUE;`.
fn table(code: &[&Token], constants: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let begin = (0..code.len()).find(|at| starts(&code[*at..], &["limits", "!", "{"]));
    let Some(begin) = begin else { return BTreeMap::new() };
    let mut rows = BTreeMap::new();
    for at in begin..code.len() {
        let name = code[at].text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let (Some(name), Some(unit)) = (name, code.get(at + 2)) else { continue };
        if !starts(&code[at + 1..], &[","]) || !starts(&code[(at + 3).min(code.len())..], &[","]) {
            continue;
        }
        let (unit, factor) = match unit.text.as_str() {
            "Bytes" => (Unit::Bytes, 1),
            "Milliseconds" => (Unit::Time, 1_000),
            _ => (Unit::Count, 1),
        };
        let number = number(&until(&code[at + 4..], ";"), constants);
        rows.insert(name.to_owned(), Value { number, unit, factor });
    }
    rows
}

fn until<'a>(code: &[&'a Token], end: &str) -> Vec<&'a str> {
    code.iter().map(|token| token.text.as_str()).take_while(|text| *text != end).collect()
}

/// The value of a product of whole numbers and constants, each with or without `as TYPE`.
fn number(expression: &[&str], constants: &BTreeMap<String, Value>) -> Option<u128> {
    expression.split(|text| *text == "*").try_fold(1_u128, |product, factor| {
        let ([factor] | [factor, "as", _]) = factor else { return None };
        let value = whole(factor).or_else(|| constants.get(*factor)?.number)?;
        product.checked_mul(value)
    })
}

/// What a constant's name says that it counts.
fn unit(name: &str) -> (Unit, u128) {
    let has = |part: &str| name.split('_').any(|word| word == part);
    match () {
        () if has("BYTES") => (Unit::Bytes, 1),
        () if has("KIB") && name != "KIB" => (Unit::Bytes, 1024),
        () if has("MS") => (Unit::Time, 1_000),
        () if has("US") => (Unit::Time, 1),
        () if has("S") => (Unit::Time, 1_000_000),
        () => (Unit::Count, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo;

    #[test]
    fn products_names_and_casts_are_evaluated_and_the_rest_is_unknown() {
        let constants =
            BTreeMap::from([("KIB".to_owned(), Value { number: Some(1024), unit: Unit::Count, factor: 1 })]);
        for (expression, value) in [
            ("f ( 3 )", None),
            ("A", None),
            ("- 5", None),
            ("1 + 1", None),
            ("i64 :: MAX - 1", None),
            ("64", Some(64)),
            ("1_000", Some(1_000)),
            ("64u32", Some(64)),
            ("64 * KIB", Some(65_536)),
            ("64 * KIB as usize", Some(65_536)),
            ("30 * 24 * 3_600_000", Some(2_592_000_000)),
        ] {
            let words: Vec<_> = expression.split(' ').collect();
            assert_eq!(number(&words, &constants), value, "{expression}");
        }
    }

    #[test]
    fn limits_of_the_repository_are_read() {
        let limits = Limits::read(&Tree::read(&repo::root()).expect("the repository"));
        let value = limits.constant("CACHE_VALUE_BYTES_MAX").expect("the constant");
        assert_eq!((value.number, value.unit), (Some(1024 * 1024), Unit::Bytes));
        assert_eq!(limits.limit("cache-value-bytes").expect("the limit").number, value.number);
        assert_eq!(limits.limit("stack").expect("the limit").number, Some(1024 * 1024));
        assert!(limits.constant("KEYS").is_none() && limits.limit("MEMORY").is_none());
        assert!(limits.table.len() > 20 && limits.constants.len() > 100);
    }
}
