//! Tests of statements that try to exhaust the parser, the walk or the planner. The tests of the stack run on half of
//! the stack that the gate provides.

use super::super::super::Refusal;
use super::super::super::catalogue::Catalogue;
use super::super::lex;
use super::{ReadStatement, WriteStatement, catalogue, read};
use crate::db::extension::Extensions;
use crate::db::migration::Migration;
use crate::limits;
use squawk_syntax::SyntaxKind;

/// The words that the parser knows.
fn keywords() -> impl Iterator<Item = String> {
    let names = (0..=u16::MAX).map_while(|number| {
        (number <= SyntaxKind::WHITESPACE as u16).then(|| format!("{:?}", SyntaxKind::from(number)))
    });
    names.filter_map(|name| name.strip_suffix("_KW").map(str::to_owned))
}

fn on_half_the_stack(step: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(limits::SQL_STACK_BYTES / 2).spawn(step).unwrap().join().unwrap();
}

/// Runs both gates on the thread of the caller.
fn gates(sql: &str) {
    let read = ReadStatement::checked(&catalogue(), sql);
    let written =
        WriteStatement::checked(&catalogue(), &sql.replacen("SELECT", "DELETE FROM drafts WHERE", 1));
    assert!(read.is_err() || !sql.is_empty(), "an empty text is not a statement");
    assert!(
        written.is_err() || sql.len() <= limits::SQL_BYTES_MAX,
        "a text that is too long must be refused"
    );
}

#[test]
fn nested_and_chained_text_does_not_overflow_half_the_stack() {
    let repeated = |before: &str, middle: &str, after: &str, times: usize| {
        format!("SELECT {}1{}{}", before.repeat(times), middle, after.repeat(times))
    };
    let mut rows = Vec::new();
    for times in [10, 20, 39, 40, 41, 100, 2_000] {
        for (before, after) in [
            ("(", ")"),
            ("((", "))"),
            ("(SELECT ", ")"),
            ("NOT ", ""),
            ("- ", ""),
            ("+ ", ""),
            ("~ ", ""),
            ("CASE WHEN ", " THEN 1 END"),
            ("CASE ", " WHEN 1 THEN 1 END"),
            ("CASE WHEN 1 THEN 1 ELSE ", " END"),
            ("ARRAY[", "]"),
            ("[", "]"),
            ("lower(", ")"),
            ("coalesce(1, ", ")"),
            ("CAST(", " AS text)"),
            ("EXISTS (SELECT ", ")"),
            ("ARRAY(SELECT ", ")"),
            ("1 IN (", ")"),
            ("1 IN (SELECT ", ")"),
            ("1 + (", ")"),
            ("1 = ANY (", ")"),
            ("1 BETWEEN 1 AND ", ""),
            ("1 BETWEEN ", " AND 1"),
            ("extract(year FROM ", ")"),
            ("position('a' IN ", ")"),
            ("substring(", ", 1)"),
            ("trim(", ")"),
            ("(VALUES (", "))"),
            ("(WITH x AS (SELECT 1) SELECT ", ")"),
            ("(SELECT 1 UNION SELECT ", ")"),
            ("* FROM (SELECT ", ") x"),
            ("1 FROM drafts WHERE (SELECT ", ") = 1"),
            ("INTERVAL ", ""),
            ("{", "}"),
            ("1 + ", ""),
            ("1 AND ", ""),
            ("1 OR NOT ", ""),
            ("'a' || ", ""),
            ("1 = ", ""),
            ("1 - ", ""),
            ("", " + 1"),
            ("", " AND 1"),
            ("", "::text"),
            ("", " IS NULL"),
            ("", "[1]"),
            ("", " COLLATE \"C\""),
            ("", " AT TIME ZONE 'UTC'"),
            ("", " UNION SELECT 1"),
            ("", " UNION ALL (SELECT 1"),
            ("", ".a"),
            ("", " BETWEEN 1 AND 1"),
            ("", " LIKE 'a'"),
            ("", " -> 'a'"),
            ("", ", 1"),
            ("", " IN (1)"),
            ("1 WHERE EXISTS (SELECT ", ")"),
            ("1 FROM (", ")"),
            ("count(*) OVER (PARTITION BY ", ")"),
            ("CASE-", ""),
            ("case-case-", ""),
            ("if(current_time(", ""),
            ("-case ", " end"),
            ("(1, ", ")"),
            ("1::text[", "]"),
            ("cast(1 as array<", ">)"),
            ("a.", ""),
            ("x(", ""),
            ("(a)(", ")"),
        ] {
            rows.push(repeated(before, "", after, times));
            rows.push(repeated(before, "", "", times));
        }
        rows.push(format!("SELECT 1 FROM {}drafts{}", "(".repeat(times), ")".repeat(times)));
        rows.push(format!("SELECT 1 FROM {}drafts", "drafts JOIN ".repeat(times)));
        rows.push(format!("SELECT 1 FROM drafts {}", "JOIN drafts ON true ".repeat(times)));
        rows.push(format!(
            "SELECT 1 FROM {}drafts {}",
            "(drafts JOIN ".repeat(times),
            ") ON true ".repeat(times)
        ));
        rows.push(format!("SELECT {}", "1".repeat(times)));
        rows.push(format!("SELECT 1 {}", "/*".repeat(times)));
        rows.push(format!("SELECT 1 {}{}", "/*".repeat(times), "*/".repeat(times)));
        rows.push(format!("{}SELECT 1", "(".repeat(times)));
        rows.push(format!("SELECT 1{}", ";".repeat(times)));
    }
    on_half_the_stack(move || rows.iter().for_each(|row| gates(row)));
}

#[test]
fn every_keyword_repeated_does_not_overflow_half_the_stack() {
    on_half_the_stack(|| {
        let catalogue = catalogue();
        for keyword in keywords() {
            for row in [
                format!("SELECT {}", format!("{keyword} ").repeat(2_000)),
                format!("SELECT {}1", format!("{keyword} (").repeat(39)),
                format!("SELECT {}1{}", format!("{keyword} (").repeat(39), ")".repeat(39)),
                format!("SELECT {}'1'", format!("{keyword}-").repeat(1_000)),
                format!("SELECT 1 FROM {}", format!("{keyword} ").repeat(2_000)),
                format!("SELECT 1 FROM drafts {}", format!("{keyword} ").repeat(2_000)),
                format!("WITH {}", format!("{keyword} AS (").repeat(39)),
            ] {
                let read = ReadStatement::checked(&catalogue, &row);
                assert!(read.is_err() || row.contains(&keyword), "{keyword}");
            }
            let text = format!(
                "CREATE {}; ALTER TABLE x {}",
                format!("{keyword} ").repeat(1_000),
                format!("{keyword} ").repeat(1_000)
            );
            assert!(
                Migration::checked("plugin_blog", &Extensions::default(), "1.sql", &text).is_err(),
                "{keyword}"
            );
        }
    });
}

fn refused_with(sql: &str, rule: &str) {
    match read(sql) {
        Err(Refusal::Invalid(text)) => assert!(text.contains(rule), "{sql}: {text}"),
        other => panic!("{sql}: {other:?}"),
    }
}

#[test]
fn references_to_common_table_expressions_are_counted_after_expansion() {
    let doubled = |levels: usize| {
        let mut sql = "WITH c0 AS (SELECT 1 AS x)".to_owned();
        for level in 1..=levels {
            let last = level - 1;
            let next = format!(", c{level} AS NOT MATERIALIZED (SELECT a.x FROM c{last} a, c{last} b)");
            sql.push_str(&next);
        }
        sql + &format!(" SELECT x FROM c{levels}")
    };
    // Four levels are 1 + 2 + 4 + 8 + 16 references.
    assert!(read(&doubled(4)).is_ok());
    refused_with(&doubled(5), "at most");
    refused_with(&doubled(18), "at most");
}

#[test]
fn grouping_sets_are_counted_after_expansion() {
    assert!(read("SELECT 1 FROM drafts GROUP BY CUBE (id, title, body, price, owner, created)").is_ok());
    refused_with(
        "SELECT 1 FROM drafts GROUP BY CUBE (id, title, body, price, owner, created, data)",
        "at most 64",
    );
    for (sets, each, spare) in [("GROUPING SETS", "(id)", 0), ("ROLLUP", "id", 1)] {
        let list =
            |n: usize| format!("SELECT 1 FROM drafts GROUP BY {sets} ({})", vec![each; n - spare].join(", "));
        assert!(read(&list(limits::SQL_GROUPING_SETS_MAX)).is_ok(), "{sets}");
        refused_with(&list(limits::SQL_GROUPING_SETS_MAX + 1), "at most 64");
    }
    refused_with("SELECT 1 FROM drafts GROUP BY CUBE (1,2,3,4,5,6,7,8,9,10,11,12)", "at most 64");
    refused_with(
        "SELECT 1 FROM drafts GROUP BY CUBE (id, title, body), CUBE (id, title, body), id, ROLLUP (id)",
        "at most 64",
    );
    refused_with(
        &format!("SELECT 1 FROM drafts GROUP BY CUBE ({})", vec!["1"; 200].join(", ")),
        "at most 64",
    );
}

/// Each row is a limit and a function that writes a statement with that many of the limited thing.
#[test]
fn statement_at_each_limit_is_accepted_and_over_it_refused() {
    let list = |item: &str, times: usize| vec![item; times].join(", ");
    let joined = |times: usize| {
        format!("SELECT 1 FROM {}", (0..times).map(|n| format!("drafts d{n}")).collect::<Vec<_>>().join(", "))
    };
    let nested = |times: usize| format!("SELECT {}1{}", "(".repeat(times), ")".repeat(times));
    let ored = |times: usize| format!("SELECT 1 WHERE {}", vec!["true"; times].join(" OR "));
    let bytes = |times: usize| format!("SELECT '{}'", "x".repeat(times - 9));
    for (max, sql) in [
        (limits::SQL_BYTES_MAX, &bytes as &dyn Fn(usize) -> String),
        (limits::SQL_RELATIONS_MAX, &joined),
        (limits::SQL_CALLS_MAX, &|times| format!("SELECT {}", list("lower('x')", times))),
        (limits::SQL_PRODUCTS_MAX, &|times| format!("SELECT 1{}", " * 1".repeat(times))),
        (limits::SQL_PRODUCTS_MAX, &|times| format!("SELECT {}", list("mod(1, 1)", times))),
        (limits::SQL_NUMBER_BYTES_MAX, &|times| format!("SELECT {}", "1".repeat(times))),
        (limits::SQL_SHORT_TEXT_BYTES_MAX, &|times| {
            format!("SELECT split_part('a', '{}', 1)", "x".repeat(times))
        }),
        (limits::IDENTIFIER_BYTES_MAX, &|times| format!("SELECT 1 AS {}", "x".repeat(times))),
        (limits::SQL_PARAMETERS_MAX, &|times| {
            format!("SELECT {}", (1..=times).map(|n| format!("${n}::text")).collect::<Vec<_>>().join(", "))
        }),
        (limits::SQL_CTE_REFERENCES_MAX, &|times| {
            let from = (0..times).map(|n| format!("c c{n}")).collect::<Vec<_>>();
            format!("WITH c AS (SELECT 1) SELECT 1 FROM {}", from.join(", "))
        }),
        (limits::SQL_SORTS_MAX, &|times| format!("SELECT {}", list("count(DISTINCT 1)", times))),
        (limits::SQL_SORTS_MAX, &|times| format!("SELECT {}", list("count(1) OVER ()", times))),
        (limits::SQL_SORTS_MAX, &|times| format!("SELECT {}", list("count(1 ORDER BY 1)", times))),
        (limits::SQL_SORTS_MAX, &|times| {
            format!("SELECT {}", list("mode() WITHIN GROUP (ORDER BY 1)", times))
        }),
    ] {
        let (at, over) = (sql(max), sql(max + 1));
        assert!(read(&at).is_ok(), "{max}: {at} {:?}", read(&at));
        assert!(read(&over).is_err(), "{max}: {over}");
    }
    // Before the parser runs, the brackets that are open at once are counted, of every kind.
    for (open, close) in [('(', ')'), ('[', ']')] {
        let brackets = |depth: usize| {
            let once = format!("{}{}", open.to_string().repeat(depth), close.to_string().repeat(depth));
            lex::statements(&once.repeat(3), limits::SQL_BYTES_MAX)
        };
        assert!(brackets(limits::SQL_DEPTH_MAX).is_ok(), "{open}");
        assert!(brackets(limits::SQL_DEPTH_MAX + 1).is_err(), "{open}");
    }
    // The text does not show exactly what counts as a level or a node, so these rows keep some distance from the limit.
    assert!(read(&nested(limits::SQL_DEPTH_MAX / 2)).is_ok());
    assert!(read(&nested(limits::SQL_DEPTH_MAX + 1)).is_err());
    assert!(read(&ored(limits::SQL_NODES_MAX / 2 - 10)).is_ok());
    assert!(read(&ored(limits::SQL_NODES_MAX / 2 + 10)).is_err());
}

#[test]
fn text_over_its_limit_is_refused_before_it_is_tokenized() {
    let huge = "(".repeat(10 * limits::SQL_BYTES_MAX);
    assert!(matches!(
        ReadStatement::parse(&Catalogue::new("s", true, true), &huge),
        Err(Refusal::Invalid(_))
    ));
}

#[test]
fn gate_needs_at_most_64_kib_of_its_callers_stack() {
    let sql = format!("SELECT {}1{}", "(SELECT ".repeat(15), ")".repeat(15));
    let thread = std::thread::Builder::new().stack_size(64 * 1024).spawn(move || read(&sql));
    assert!(thread.unwrap().join().unwrap().is_ok());
}
