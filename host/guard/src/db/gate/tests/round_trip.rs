//! Property tests: a printed text is accepted again and printed the same; its tokens are the guest's in their
//! order; and mutated hostile statements are refused or call only listed functions.

use super::super::lex::{self, Class};
use super::super::{functions, types::COLLATIONS};
use super::{hostile, legitimate, read, write};
use crate::db::quoted;
use crate::limits;
use proptest::prelude::*;

/// Random expressions with few parentheses, over the columns of `drafts`.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        prop::sample::select(vec![
            "\"id\"",
            "\"title\"",
            "\"d\".\"body\"",
            "1",
            "- 2.5",
            "NULL",
            "TRUE",
            "'it''s'",
            "$1",
            "'back\\slash'",
        ])
        .prop_map(str::to_owned),
        "[a-z'\\\\\n\u{e9}\u{1f600}]{0,8}".prop_map(|text| format!("'{}'", text.replace('\'', "''"))),
    ];
    leaf.prop_recursive(5, 40, 3, |inner| {
        let operator = prop::sample::select(vec![
            "=",
            "<>",
            "<",
            "<=",
            ">",
            ">=",
            "AND",
            "OR",
            "+",
            "-",
            "*",
            "/",
            "%",
            "||",
            "->",
            "->>",
            "#>",
            "@>",
            "&",
            "|",
            "<<",
            "IS DISTINCT FROM",
            "LIKE",
            "NOT ILIKE",
        ]);
        prop_oneof![
            (inner.clone(), operator, inner.clone()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            inner.clone().prop_map(|a| format!("({a})")),
            inner.clone().prop_map(|a| format!("NOT {a}")),
            inner.clone().prop_map(|a| format!("- {a}")),
            inner.clone().prop_map(|a| format!("{a} IS NOT NULL")),
            inner.clone().prop_map(|a| format!("{a}::text")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} IN ({b}, 1)")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("{a} BETWEEN {b} AND {c}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("CASE WHEN {a} THEN {b} END")),
            inner.clone().prop_map(|a| format!("lower({a})")),
            inner.clone().prop_map(|a| format!("substring({a}, 2, 3)")),
            inner.clone().prop_map(|a| format!("EXISTS (SELECT {a} FROM comments c WHERE {a})")),
            inner.prop_map(|a| format!("count(*) FILTER (WHERE {a}) OVER (ORDER BY {a})")),
        ]
    })
}

fn statement() -> impl Strategy<Value = String> {
    (prop::collection::vec(expression(), 1..3), expression(), expression(), 0_usize..6).prop_map(
        |(list, filter, other, shape)| {
            let list = list.join(", ");
            let select = format!("SELECT {list} FROM drafts d WHERE {filter}");
            match shape {
                0 => select,
                1 => format!("{select} ORDER BY {other} DESC LIMIT 3"),
                2 => format!("{select} GROUP BY {other} HAVING {filter}"),
                3 => format!("WITH w AS ({select}) SELECT 1 AS n FROM w, drafts d WHERE {other} UNION ALL VALUES (2) ORDER BY n"),
                4 => format!("SELECT 1 FROM ({select}) s, LATERAL ({select}) AS l"),
                _ => format!("SELECT DISTINCT {list} FROM drafts d LEFT JOIN comments c ON {other} WHERE {filter}"),
            }
        },
    )
}

/// The tokens of a text, without the schemas and the AS before an alias that the gate adds.
fn own_tokens(text: &str) -> Vec<(Class, String)> {
    let tokens = tokens(text);
    let is = |index: usize, value: &str| tokens.get(index).is_some_and(|(_, text)| text == value);
    let is_schema = |index| is(index, "plugin_blog") || is(index, "pg_catalog");
    let is_added = |index: usize| {
        is_schema(index) && is(index + 1, ".") || index > 0 && is(index, ".") && is_schema(index - 1)
    };
    let kept = (0..tokens.len()).filter(|index| !is_added(*index) && !is(*index, "as"));
    kept.map(|index| tokens[index].clone()).collect()
}

/// The tokens of one statement, with a name in quotes as a word.
fn tokens(text: &str) -> Vec<(Class, String)> {
    let statements = lex::statements(text, limits::SQL_BYTES_MAX).unwrap();
    let all = statements.into_iter().flat_map(|statement| statement.tokens);
    all.map(|token| (if token.class == Class::Name { Class::Word } else { token.class }, token.value))
        .collect()
}

/// Whether a printed text calls only listed functions, judged by its tokens.
fn calls_only_listed_functions(text: &str) -> bool {
    let is_listed = |name: &str| functions::kind(name).is_some() || functions::rows(name).is_some();
    let statements = lex::statements(text, limits::SQL_BYTES_MAX).unwrap();
    let tokens: Vec<_> = statements.into_iter().flat_map(|statement| statement.tokens).collect();
    tokens.windows(3).all(|window| match window {
        [schema, dot, name] if schema.value == "pg_catalog" && dot.value == "." => {
            is_listed(&name.value) || COLLATIONS.contains(&name.value.as_str()) || is_type(&name.value)
        }
        [name, open, next] if name.class == Class::Name && open.class == Class::Sign && open.value == "(" => {
            // A name in quotes before a parenthesis is a call, or an alias or table with a list of columns.
            is_listed(&name.value) || next.class == Class::Name
        }
        _ => true,
    })
}

/// Whether a name is that of a type of PostgreSQL that a column can have.
fn is_type(name: &str) -> bool {
    read(&format!("SELECT NULL::pg_catalog.{}", quoted(name))).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn printed_text_of_a_random_statement_is_stable(sql in statement()) {
        // The gate refuses some random statements, such as one with a LIKE of a LIKE.
        if let Ok(text) = read(&sql) {
            prop_assert_eq!(read(&text), Ok(text));
        }
    }

    #[test]
    fn printed_expression_has_the_guests_tokens_in_their_order(expression in expression()) {
        let sql = format!("SELECT {expression} FROM drafts AS d");
        // A text that could name the clock is printed with a cast.
        if let Some(text) = read(&sql).ok().filter(|text| !text.contains("CAST(")) {
            prop_assert_eq!(own_tokens(&sql), own_tokens(&text), "{}", text);
        }
    }

    #[test]
    fn mutated_statement_is_refused_or_holds_only_what_is_listed(
        row in 0_usize..1_000, other in 0_usize..1_000, cut in any::<prop::sample::Index>(), paste in any::<prop::sample::Index>(),
    ) {
        let rows: Vec<&str> = [
            hostile::NOT_READS, hostile::DENIED, hostile::CONSTRUCTS, hostile::WRITES, hostile::PLACES, hostile::CALLS,
            legitimate::READS, legitimate::WRITES,
        ].concat();
        let words = |index: usize| rows[index % rows.len()].split_inclusive([' ', '(', ')', ',', '.']).collect::<Vec<_>>();
        let (mut a, b) = (words(row), words(other));
        prop_assume!(!a.is_empty() && !b.is_empty());
        let (at, from) = (cut.index(a.len()), paste.index(b.len()));
        a.splice(at..=at, b[from..].iter().copied());
        let sql = a.concat();
        for gate in [read, write] {
            if let Ok(text) = gate(&sql) {
                prop_assert!(calls_only_listed_functions(&text), "{}", text);
                for secret in ["secret", "pg_sleep", "pg_authid", "ctid", "set_config"] {
                    let is_hidden = !text.replace(&format!("'{secret}'"), "").contains(&format!(".\"{secret}\""));
                    prop_assert!(is_hidden, "{}", text);
                }
                prop_assert_eq!(gate(&text), Ok(text));
            }
        }
    }
}

#[test]
fn printed_text_of_a_legitimate_statement_is_stable() {
    for (rows, gate) in [(legitimate::READS, read as fn(&str) -> _), (legitimate::WRITES, write)] {
        for row in rows {
            let text = gate(row).unwrap();
            assert_eq!(gate(&text), Ok(text), "{row}");
        }
    }
}
