//! The shape of a result: the types that the host expects the columns of a structured statement to have.
//!
//! Values travel in PostgreSQL's binary format, which does not say what they are. The host encodes and decodes them with
//! the types of its catalogue, and another host can change a table at any time. So a structured statement returns the type
//! of each column that it reads, compares, orders by or writes: of a column that the guest does not see as a null, as in
//! `(NULL::"plugin_blog"."posts")."rank"`, which needs no right on the table. The server describes these columns when it
//! prepares the statement, and refuses a prepared statement whose description has changed. The store compares the
//! description with the shape before it lets a row through.
//!
//! The store's half is `host/store/src/postgres/statement.rs`. Tests: `tests/hosts/`.

use super::catalogue::ColumnName;
use super::typmod::Typmod;
use postgres_types::Type;

/// The columns that a result must have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shape {
    columns: Vec<(Type, Typmod)>,
    hidden: usize,
}

impl Shape {
    pub(in crate::db) fn new(visible: Vec<(Type, Typmod)>, hidden: &[ColumnName<'_>]) -> Self {
        let mut columns = visible;
        columns.extend(hidden.iter().map(|column| (column.data_type().clone(), column.typmod())));
        Self { columns, hidden: hidden.len() }
    }

    /// How many of the last columns only show their type. They are not the guest's, and are null in every row.
    pub fn hidden(&self) -> usize {
        self.hidden
    }

    /// Whether the columns that the server describes, each by its type and modifier, are the expected ones.
    pub fn agrees<'t>(&self, described: impl ExactSizeIterator<Item = (&'t Type, i32)>) -> bool {
        described.len() == self.columns.len()
            && self.columns.iter().zip(described).all(|((expected, typmod), (found, modifier))| {
                expected.oid() == found.oid() && *typmod == Typmod::of(found, modifier)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postgres_types::Kind;

    /// `numeric(10, digits)` as the server writes it.
    const fn numeric(digits: i32) -> i32 {
        (10 << 16 | digits) + 4
    }

    #[test]
    fn description_that_differs_in_any_column_does_not_agree() {
        let mood = |oid| Type::new("mood".into(), oid, Kind::Enum(vec!["sad".into()]), "plugin_blog".into());
        let shape = Shape {
            columns: vec![
                (Type::INT4, Typmod::All),
                (Type::NUMERIC, Typmod::Digits(2)),
                (mood(90_000), Typmod::All),
            ],
            hidden: 1,
        };
        let (sad, other) = (mood(90_000), mood(90_001));
        for (described, agrees) in [
            (vec![(&Type::FLOAT4, -1), (&Type::NUMERIC, numeric(2)), (&sad, -1)], false),
            (vec![(&Type::INT8, -1), (&Type::NUMERIC, numeric(2)), (&sad, -1)], false),
            (vec![(&Type::INT4, -1), (&Type::NUMERIC, numeric(1)), (&sad, -1)], false),
            (vec![(&Type::INT4, -1), (&Type::NUMERIC, -1), (&sad, -1)], false),
            (vec![(&Type::INT4, -1), (&Type::NUMERIC, numeric(2)), (&other, -1)], false),
            (vec![(&Type::INT4_ARRAY, -1), (&Type::NUMERIC, numeric(2)), (&sad, -1)], false),
            (vec![(&Type::NUMERIC, numeric(2)), (&Type::INT4, -1), (&sad, -1)], false),
            (vec![(&Type::INT4, -1), (&Type::NUMERIC, numeric(2))], false),
            (vec![], false),
            (vec![(&Type::INT4, -1), (&Type::NUMERIC, numeric(2)), (&sad, -1)], true),
        ] {
            assert_eq!(shape.agrees(described.clone().into_iter()), agrees, "{described:?}");
        }
    }
}
