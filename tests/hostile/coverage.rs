//! What the table has to have: a row for each component, attack, limit, and constant that a component can run into.

use super::elsewhere::ELSEWHERE;
use super::row::{End, Origin, Row};
use super::{ATTACKS, several, single, source};
use palisade::limits::Limit;

/// Components in the table, at least.
const COMPONENTS_MIN: usize = 50;

/// Limits that no call runs into as it is counted: what is over is dropped, and the call goes on.
const SILENT: &[Limit] = &[Limit::LogRecords, Limit::LogBytes];

fn rows() -> Vec<Row> {
    [single(), several::rows()].concat()
}

/// Whether a row is about an attack, a limit or a constant.
pub fn is_about(row: &Row, what: &str) -> bool {
    row.about.split(' ').any(|word| word == what)
}

#[test]
fn table_has_every_component_and_every_attack() {
    let rows = rows();
    let names = source::names();
    assert!(names.len() >= COMPONENTS_MIN, "{} components", names.len());
    for name in &names {
        assert!(
            rows.iter().any(|row| row.component == name && row.origin != Origin::Rust),
            "{name} has no row"
        );
        let aim = source::aim(name);
        assert!(aim.ends_with(['.', ':']) || aim.len() > 20, "{name}: {aim}");
    }
    for (attack, words) in ATTACKS {
        let stopped = rows.iter().any(|row| is_about(row, attack) && !row.is_at);
        assert!(stopped, "no row is about {attack}: {words}");
    }
    let known = |word: &str| {
        ATTACKS.iter().any(|(attack, _)| *attack == word) || !word.starts_with('G') || word.len() > 3
    };
    assert!(rows.iter().flat_map(|row| row.about.split(' ')).all(known));
}

#[test]
fn table_has_every_limit_at_it_and_over_it() {
    let rows = rows();
    for limit in Limit::ALL {
        let mine = || rows.iter().filter(|row| is_about(row, limit.name()));
        assert!(mine().any(|row| row.is_at), "no row is at the limit {limit}");
        let ends = |row: &Row| match row.end {
            End::Limit(by, _) | End::Told(by, ..) => by == *limit,
            _ => SILENT.contains(limit) && !row.is_at,
        };
        assert!(mine().any(ends), "no row is over the limit {limit}");
    }
}

#[test]
fn table_has_every_constant_that_a_component_can_run_into() {
    let rows = rows();
    let text = include_str!("../../host/guard/src/limits/mod.rs");
    let declared = text.lines().filter_map(|line| line.strip_prefix("pub const ")?.split_once(':'));
    let declared: Vec<&str> = declared.map(|(name, _)| name).collect();
    let elsewhere: Vec<&str> = ELSEWHERE.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    for name in &declared {
        let here = rows.iter().any(|row| is_about(row, name));
        assert!(
            here != elsewhere.contains(name),
            "{name} needs either a row or a place among those that need none"
        );
    }
    for name in elsewhere {
        assert!(declared.contains(&name), "there is no {name} any more");
    }
}
