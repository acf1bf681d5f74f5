//! What a statement may cost: a bound on the work that PostgreSQL does without a look at a cancel.
//!
//! PostgreSQL looks for a cancel between two rows and not inside an expression. So a row's expressions must be cheap
//! enough that a cancelled statement ends soon, whatever values they meet. This module bounds the work from sizes: of
//! literals and parameters, which are known, and of stored values, which the host bounds
//! ([`STORED_BYTES_MAX`](crate::limits::STORED_BYTES_MAX)).
//!
//! Read `size.rs` (how large a value can be), `bounds.rs` (between which numbers it lies), `text.rs` (how long its text is),
//! `class.rs` (how an operation behaves), `work.rs`, `kept.rs` and `demand.rs` (what it takes of time and memory, and what it asks
//! of its operands), `functions.rs` and `operators.rs` (which class each has), and `plan.rs` (a statement's operations and their
//! sum). Nothing here knows the SQL parser.
//!
//! The nanoseconds are of PostgreSQL 15 on one core of 2024. They decide which statements pass and are no promise.
// tidy: numbers are measured nanoseconds, the reasons stand beside them

mod bounds;
mod class;
mod demand;
mod functions;
mod json;
mod kept;
mod operators;
mod plan;
mod size;
mod text;
mod work;

pub use self::bounds::Bounds;
pub use self::class::{Class, Each, Path};
pub use self::functions::{Known, function, functions};
pub use self::json::Census;
pub use self::operators::{operator, operators};
pub use self::plan::{Dear, Moment, Node, Place, Plan, Planner};
pub use self::size::{Family, Size};

use crate::limits::{NS_PER_MS, WORK_MS_MAX};
use crate::refusal::Refusal;

/// Bytes of the shortest array or object in JSON text, with its comma: `[],`.
const CONTAINER_BYTES: u64 = 3;
/// Bytes of the shortest scalar in JSON text, with its comma: `0,`.
const SCALAR_BYTES: u64 = 2;
/// Comparing a scalar with one element of a stored array.
const LISTED_NS: u64 = 8;
/// Comparing an array, object or member with one stored array or object.
const NESTED_NS: u64 = 60;

/// Refuses JSON whose containment (`@>`) in a document would take too long. The document is stored as `jsonb` and has at
/// most `stored_bytes` bytes of JSON text; `given` is JSON text.
///
/// The work is a product: `@>` looks for each element of a given array in every element of a stored one.
pub fn contains(stored_bytes: u64, given: &str) -> Result<(), Refusal> {
    let census = Census::of(given);
    let listed = census.listed.saturating_mul(stored_bytes / SCALAR_BYTES).saturating_mul(LISTED_NS);
    let nested = census.nested.saturating_mul(stored_bytes / CONTAINER_BYTES).saturating_mul(NESTED_NS);
    if listed.saturating_add(nested) / NS_PER_MS <= WORK_MS_MAX {
        return Ok(());
    }
    let Census { listed, nested, .. } = census;
    Err(Refusal::Invalid(format!(
        "the JSON to contain has arrays of {listed} values and {nested} arrays, objects and members inside them, and each is \
         compared with every value of a document of up to {stored_bytes} bytes: give fewer of them"
    )))
}

#[cfg(test)]
mod tests {
    use super::{CONTAINER_BYTES, LISTED_NS, NESTED_NS, SCALAR_BYTES, contains};
    use crate::limits::{ITEM_FIELDS_BYTES_MAX, NS_PER_MS, WORK_MS_MAX};
    use crate::refusal::Refusal;

    fn filled(piece: &str, times: u64) -> String {
        let pieces = vec![piece; usize::try_from(times).unwrap()];
        format!("{{\"a\":[{}]}}", pieces.join(","))
    }

    #[test]
    fn json_to_contain_at_the_work_limit_is_accepted_and_over_it_refused() {
        let room = (WORK_MS_MAX + 1) * NS_PER_MS - 1;
        for (piece, at) in [
            ("1", room / (ITEM_FIELDS_BYTES_MAX / SCALAR_BYTES * LISTED_NS)),
            ("\"x\"", room / (ITEM_FIELDS_BYTES_MAX / SCALAR_BYTES * LISTED_NS)),
            // The list itself counts its elements once more.
            (
                "[]",
                room / (ITEM_FIELDS_BYTES_MAX / CONTAINER_BYTES * NESTED_NS
                    + ITEM_FIELDS_BYTES_MAX / SCALAR_BYTES * LISTED_NS),
            ),
        ] {
            assert_eq!(contains(ITEM_FIELDS_BYTES_MAX, &filled(piece, at)), Ok(()), "{piece} × {at}");
            let over = contains(ITEM_FIELDS_BYTES_MAX, &filled(piece, at + 1));
            assert!(matches!(over, Err(Refusal::Invalid(_))), "{piece} × {at}");
        }
    }

    #[test]
    fn ordinary_json_to_contain_is_accepted() {
        for given in [
            r#"{"pinned":true}"#,
            r#"{"tags":["news","sport"]}"#,
            r#"{"author":{"name":"Ada","mail":{"work":"a@b.c"}},"year":1843}"#,
            r#"{"parts":[{"kind":"image","width":640},{"kind":"text"}]}"#,
        ] {
            assert_eq!(contains(ITEM_FIELDS_BYTES_MAX, given), Ok(()), "{given}");
        }
    }
}
