//! Property tests: a printed text is accepted again and printed the same; its tree is the same as the guest's; and
//! mutated hostile statements are refused or call only listed functions.

use super::super::functions;
use super::{hostile, legitimate, read, write};
use proptest::prelude::*;
use sqlparser::ast::{CaseWhen, CastKind, Expr, SelectItem, SetExpr, Statement};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};

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

/// The only expression of `SELECT … FROM`, without parentheses and with all casts in one form.
fn tree(sql: &str) -> Option<Expr> {
    let parsed = Parser::parse_sql(&PostgreSqlDialect {}, sql).ok()?;
    let Some(Statement::Query(query)) = parsed.into_iter().next() else { return None };
    let SetExpr::Select(select) = *query.body else { return None };
    match select.projection.into_iter().next()? {
        SelectItem::UnnamedExpr(expr) => plain(expr),
        _ => None,
    }
}

fn plain(expr: Expr) -> Option<Expr> {
    let boxed = |expr: Box<Expr>| plain(*expr).map(Box::new);
    Some(match expr {
        Expr::Nested(inner) => plain(*inner)?,
        Expr::BinaryOp { left, op, right } => Expr::BinaryOp { left: boxed(left)?, op, right: boxed(right)? },
        Expr::UnaryOp { op, expr } => Expr::UnaryOp { op, expr: boxed(expr)? },
        Expr::IsNotNull(expr) => Expr::IsNotNull(boxed(expr)?),
        Expr::IsDistinctFrom(left, right) => Expr::IsDistinctFrom(boxed(left)?, boxed(right)?),
        Expr::Cast { kind: _, expr, data_type, format } => {
            Expr::Cast { kind: CastKind::Cast, expr: boxed(expr)?, data_type, format }
        }
        Expr::Between { expr, negated, low, high } => {
            Expr::Between { expr: boxed(expr)?, negated, low: boxed(low)?, high: boxed(high)? }
        }
        Expr::Like { negated, any, expr, pattern, escape_char } => {
            Expr::Like { negated, any, expr: boxed(expr)?, pattern: boxed(pattern)?, escape_char }
        }
        Expr::ILike { negated, any, expr, pattern, escape_char } => {
            Expr::ILike { negated, any, expr: boxed(expr)?, pattern: boxed(pattern)?, escape_char }
        }
        Expr::InList { expr, list, negated } => Expr::InList {
            expr: boxed(expr)?,
            list: list.into_iter().map(plain).collect::<Option<_>>()?,
            negated,
        },
        Expr::Case { case_token, end_token, operand: None, conditions, else_result: None } => {
            let conditions = conditions.into_iter().map(|CaseWhen { condition, result }| {
                Some(CaseWhen { condition: plain(condition)?, result: plain(result)? })
            });
            let conditions = conditions.collect::<Option<_>>()?;
            Expr::Case { case_token, end_token, operand: None, conditions, else_result: None }
        }
        // An escape is another spelling of the same text.
        Expr::Value(value) => match super::super::literal::string(&value.value) {
            Some(text) => {
                let value = sqlparser::ast::Value::SingleQuotedString(text.to_owned());
                Expr::Value(value.with_empty_span())
            }
            None => Expr::Value(value),
        },
        leaf @ (Expr::Identifier(_) | Expr::CompoundIdentifier(_)) => leaf,
        _ => return None,
    })
}

/// Whether a printed text calls only listed functions, judged by its tokens.
fn calls_only_listed_functions(text: &str) -> bool {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, text).tokenize().unwrap();
    tokens.windows(3).all(|window| match window {
        [Token::Word(schema), Token::Period, Token::Word(name)] if schema.value == "pg_catalog" => {
            functions::kind(&name.value).is_some()
                || functions::rows(&name.value).is_some()
                || ["C", "POSIX", "default"].contains(&name.value.as_str())
        }
        [Token::Word(name), Token::LParen, _] if name.quote_style.is_some() => {
            // A quoted name before a parenthesis is a call, or an alias or table with a list of columns.
            functions::kind(&name.value).is_some()
                || functions::rows(&name.value).is_some()
                || text.contains(&format!("AS {name} ("))
                || text.contains(&format!("{name} (\""))
        }
        _ => true,
    })
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
    fn printed_expression_has_the_same_tree_as_the_guests(expression in expression()) {
        let sql = format!("SELECT {expression} FROM drafts AS d");
        if let (Ok(text), Some(before)) = (read(&sql), tree(&sql)) {
            prop_assert_eq!(Some(before), tree(&text), "{}", text);
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
