//! Tests of the tokens: each text is read as PostgreSQL reads it, or refused.

use super::super::lex::{Class, statements};
use super::read;

/// The tokens of a text, each with the first letter of its class.
fn tokens(sql: &str) -> Result<String, String> {
    let statements = statements(sql, 10_000).map_err(|fault| format!("{fault:?}"))?;
    let shown = |class: Class, value: &str| match class {
        Class::Word => value.to_owned(),
        Class::Name => format!("\"{value}\""),
        Class::Text => format!("'{value}'"),
        Class::Bits | Class::Number | Class::Parameter | Class::Sign => format!("{class:?}:{value}"),
    };
    let lines = statements.iter().map(|statement| {
        let tokens = statement.tokens.iter().map(|token| shown(token.class, &token.value));
        tokens.collect::<Vec<_>>().join(" ")
    });
    Ok(lines.collect::<Vec<_>>().join(" ; "))
}

#[test]
fn text_is_split_as_postgresql_splits_it() {
    for (sql, expected) in [
        // Words fold to lower case, and only A to Z.
        ("Select \u{c4}Bc a$b _x", "select \u{c4}bc a$b _x"),
        ("\"Ab\"\"c\"", "\"Ab\"c\""),
        ("U&\"d\\0061t\\+000061\"", "\"data\""),
        ("U&\"d!0061\" UESCAPE '!'", "\"da\""),
        // Strings.
        ("'it''s' 'a\\b'", "'it's' 'a\\b'"),
        ("'a'\n'b' 'c'\n\n  'd'", "'ab' 'cd'"),
        ("'a' -- comment\n'b'", "'ab'"),
        ("'a' 'b'", "'a' 'b'"),
        ("'a' /* \n */ 'b'", "'a' 'b'"),
        ("E'a\\'b\\\\c\\n\\x41\\101\\u00e4\\U0001F600'", "'a'b\\c\nAA\u{e4}\u{1f600}'"),
        ("E'\\ud83d\\ude00' e'\\q'", "'\u{1f600}' 'q'"),
        ("E'a'\n'\\n'", "'a\n'"),
        ("U&'\\0441\\+01F600\\\\'", "'\u{441}\u{1f600}\\'"),
        ("U&'\\d83d\\de00'", "'\u{1f600}'"),
        ("$$a'b\\$$ $x$ $$ $x$", "'a'b\\' ' $$ '"),
        ("b'01' X'1f'", "Bits:b'01' Bits:x'1f'"),
        // Numbers.
        (
            "1 1.5 .5 1. 1e3 1.5E+3 .5e-10",
            "Number:1 Number:1.5 Number:.5 Number:1. Number:1e3 Number:1.5e+3 Number:.5e-10",
        ),
        ("1..2", "Number:1 Sign:.. Number:2"),
        ("a.1", "a Number:.1"),
        // Operators: as long as possible, and a sign at the end belongs to what follows.
        ("n>-1", "n Sign:> Sign:- Number:1"),
        ("2*-1", "Number:2 Sign:* Sign:- Number:1"),
        ("a@-1", "a Sign:@- Number:1"),
        ("a->>'b'", "a Sign:->> 'b'"),
        ("a->-1", "a Sign:-> Sign:- Number:1"),
        ("a<>-1 a!=b", "a Sign:<> Sign:- Number:1 a Sign:<> b"),
        (
            "a?|b a?&b a@>b a<@b a#>>b a#-b",
            "a Sign:?| b a Sign:?& b a Sign:@> b a Sign:<@ b a Sign:#>> b a Sign:#- b",
        ),
        ("1--2\n3", "Number:1 Number:3"),
        ("1+--2\n3", "Number:1 Sign:+ Number:3"),
        ("1*/* x */2", "Number:1 Sign:* Number:2"),
        ("a::int[1:2]", "a Sign::: int Sign:[ Number:1 Sign:: Number:2 Sign:]"),
        ("f(a=>1)", "f Sign:( a Sign:=> Number:1 Sign:)"),
        ("$1+$2", "Parameter:$1 Sign:+ Parameter:$2"),
        // Comments and statements.
        ("a /* b /* c */ d */ e -- f", "a e"),
        ("a;;b;", "a ; b"),
        ("", ""),
    ] {
        assert_eq!(tokens(sql).as_deref(), Ok(expected), "{sql}");
    }
}

/// Texts that one version of PostgreSQL reads in another way than the next, and texts that no version reads.
#[test]
fn text_without_one_meaning_is_refused() {
    for sql in [
        "0b11",
        "0x1F",
        "0o17",
        "1_000",
        "1a",
        "1.5x",
        "1e",
        "1ex",
        "$1a",
        "$",
        "$a",
        "$a$ x",
        "'a",
        "\"a",
        "\"\"",
        "E'\\u00'",
        "E'\\ud83d'",
        "E'\\ud83dx'",
        "E'\\0'",
        "E'\\xff'",
        "E'\\000'",
        "U&'\\00'",
        "U&'\\dc00'",
        "U&'!0061' UESCAPE '+'",
        "U&'x' UESCAPE 'ab'",
        "/* a",
        "n'x'",
        "a\0b",
        "'a\0b'",
        "$$\0$$",
        "\\",
        "{",
        "}",
        "b'12g'",
        "U&\"\"",
        "\u{1}",
    ] {
        assert!(tokens(sql).is_err(), "{sql:?}: {:?}", tokens(sql));
    }
    let (at, over) = (crate::limits::IDENTIFIER_BYTES_MAX, crate::limits::IDENTIFIER_BYTES_MAX + 1);
    assert!(tokens(&"x".repeat(at)).is_ok() && tokens(&"x".repeat(over)).is_err());
    assert!(
        tokens(&format!("\"{}\"", "x".repeat(at))).is_ok()
            && tokens(&format!("\"{}\"", "x".repeat(over))).is_err()
    );
}

#[test]
fn position_is_that_of_the_authors_text() {
    let sql = "SELECT 'a' /* x\n */ ,\n  U&'\\0061',\t\u{e4}x";
    let refusal = read(sql).unwrap_err().to_string();
    assert_eq!(refusal, "access denied");
    let sql = "SELECT 'a' /* x\n */ ,\n  U&'\\0061',\tpg_sleep(1)";
    let refusal = read(sql).unwrap_err().to_string();
    assert_eq!(refusal, "`pg_sleep` near line 3, column 14: not in the list of functions");
}

/// A printed text is accepted again and printed the same: every token has one canonical form.
#[test]
fn printed_text_is_printed_the_same_again() {
    for sql in super::corpus::legitimate::READS {
        let Ok(first) = read(sql) else { continue };
        // The names that the gate gives to common table expressions are its own.
        let again = first.replace("\"cte ", "\"cte_");
        let Ok(second) = read(&again) else { panic!("{sql}\n{again}\n{:?}", read(&again)) };
        assert_eq!(
            second.replace("\"cte ", "\"cte_").replace("cte_", ""),
            again.replace("cte_", ""),
            "{sql}"
        );
    }
}
