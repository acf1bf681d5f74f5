//! Tests of hostile statements, which must be refused. A row that passes is a security hole.

pub(super) use super::corpus::calls::{CALLS, PLACES};
pub(super) use super::corpus::reads::{CONSTRUCTS, DENIED, NOT_READS};
pub(super) use super::corpus::writes::WRITES;
use super::{read, write};
use crate::refusal::Refusal;

fn passed<'a>(
    rows: impl IntoIterator<Item = &'a str>,
    gate: fn(&str) -> Result<String, Refusal>,
) -> Vec<String> {
    rows.into_iter().filter_map(|row| gate(row).ok().map(|text| format!("{row}\n   -> {text}"))).collect()
}

#[test]
fn statement_that_does_not_read_is_refused_as_a_query() {
    assert_eq!(passed(NOT_READS.iter().copied(), read), Vec::<String>::new());
}

#[test]
fn call_of_an_unlisted_function_is_refused() {
    let rows: Vec<String> = CALLS.iter().map(|call| format!("SELECT {call}")).collect();
    assert_eq!(passed(rows.iter().map(String::as_str), read), Vec::<String>::new());
}

#[test]
fn hidden_call_is_refused_in_every_place() {
    let rows: Vec<String> = PLACES.iter().map(|place| place.replace('%', "pg_sleep(1)")).collect();
    assert_eq!(passed(rows.iter().map(String::as_str), read), Vec::<String>::new());
    let rows: Vec<String> =
        PLACES.iter().map(|place| place.replace('%', "(SELECT secret FROM people)")).collect();
    assert_eq!(passed(rows.iter().map(String::as_str), read), Vec::<String>::new());
}

#[test]
fn ungranted_name_is_refused_and_only_what_is_granted_is_told() {
    // What a refusal of a name can say besides that it is denied. None depends on what exists beyond the grants.
    let told =
        ["a system column", "a whole row is not a value", "a whole row cannot be a result", "not granted"];
    for row in DENIED {
        match read(row) {
            Err(Refusal::Denied) => {}
            Err(Refusal::Invalid(sentence)) => {
                assert!(told.iter().any(|told| sentence.contains(told)), "{row}: {sentence}");
                let granted = sentence.split_once("did you mean").map_or("", |(_, granted)| granted);
                assert!(!granted.contains("secret") && !granted.contains("seal"), "{row}: {sentence}");
            }
            other => panic!("{row}: {other:?}"),
        }
    }
}

#[test]
fn hidden_column_is_refused_like_one_that_does_not_exist() {
    // `secret` exists and is not granted; `secreu` does not exist. `nbme` is near a granted name, as a hidden one could be.
    let outcome = |column: &str| read(&format!("SELECT {column} FROM people"));
    assert_eq!(outcome("secret"), outcome("secreu"));
    let sentence = outcome("nbme").unwrap_err().to_string();
    assert_eq!(
        sentence,
        "the column `nbme` near line 1, column 8: not granted; did you mean `name`? Granted are `id`, `name`"
    );
    for (sql, rule) in [
        ("UPDATE people SET nam = 'x'", "not granted for `update`; did you mean `name`?"),
        ("UPDATE people SET id = 1", "not granted for `update`. Granted are `name`"),
        ("UPDATE comment SET body = 'x'", "did you mean `comments`?"),
        ("DELETE FROM comments", "not granted for `delete`"),
    ] {
        let sentence = write(sql).unwrap_err().to_string();
        assert!(sentence.contains(rule), "{sentence}");
    }
}

/// The contract has no value for a row, so it would fail when the first one arrives.
#[test]
fn whole_row_is_no_result_in_a_call_that_hands_it_on() {
    for value in [
        "c",
        "lead(c) OVER ()",
        "lag(c, 1, c) OVER ()",
        "first_value(c) OVER ()",
        "nth_value(c, 2) OVER ()",
        "min(c)",
        "max(c)",
        "coalesce(c, c)",
        "coalesce(NULL, c)",
        "nullif(c, c)",
        "greatest(c, c)",
        "CASE WHEN true THEN c END",
        "CASE WHEN true THEN NULL ELSE coalesce(c, c) END",
        "array_agg(c)",
        "array_agg(c ORDER BY c.id)",
        "ARRAY[c]",
        "ARRAY(SELECT d FROM comments d)",
        "mode() WITHIN GROUP (ORDER BY c)",
        "(SELECT max(d) FROM comments d)",
        "array_append(array_agg(c), c)",
        "trim_array(array_agg(c), 1)",
        "(array_agg(c))[1]",
    ] {
        for sql in [
            format!("SELECT {value} FROM comments c"),
            format!("SELECT s.x FROM (SELECT {value} AS x FROM comments c) s"),
        ] {
            let sentence = read(&sql).map(drop).map_err(|refusal| refusal.to_string());
            assert!(sentence.is_err_and(|sentence| sentence.contains("cannot be a result")), "{sql}");
        }
        let sql = format!("SELECT s.x IS NULL FROM (SELECT {value} AS x FROM comments c) s");
        assert!(read(&sql).is_ok(), "{sql}: {:?}", read(&sql));
    }
    for value in ["to_jsonb(lead(c) OVER ())", "count(c)", "max(c.id)", "(lead(c.body, c.id::int) OVER ())"] {
        let sql = format!("SELECT {value} FROM comments c");
        assert!(read(&sql).is_ok(), "{sql}: {:?}", read(&sql));
    }
}

/// PostgreSQL knows OVERRIDING only behind the list of columns.
#[test]
fn columns_that_the_gate_adds_stand_before_overriding() {
    for (sql, printed) in [
        (
            "INSERT INTO letters OVERRIDING SYSTEM VALUE SELECT 1, 'a'",
            "(\"id\", \"body\") OVERRIDING SYSTEM VALUE SELECT",
        ),
        (
            "INSERT INTO letters OVERRIDING USER VALUE VALUES (1, 'a')",
            "(\"id\", \"body\") OVERRIDING USER VALUE VALUES",
        ),
        (
            "INSERT INTO letters (body) OVERRIDING USER VALUE VALUES ('a')",
            "(\"body\") OVERRIDING USER VALUE VALUES",
        ),
        ("INSERT INTO letters VALUES (1, 'a')", "(\"id\", \"body\") VALUES"),
        ("INSERT INTO drafts OVERRIDING USER VALUE SELECT 1", "\"drafts\" OVERRIDING USER VALUE SELECT"),
        (
            "MERGE INTO letters l USING (SELECT 1 AS n) s ON l.id = s.n WHEN NOT MATCHED THEN \
             INSERT OVERRIDING USER VALUE VALUES (s.n, 'a')",
            "(\"id\", \"body\") OVERRIDING USER VALUE VALUES",
        ),
        (
            "MERGE INTO letters l USING (SELECT 1 AS n) s ON l.id = s.n WHEN NOT MATCHED THEN \
             INSERT (body) OVERRIDING SYSTEM VALUE VALUES ('a')",
            "(\"body\") OVERRIDING SYSTEM VALUE VALUES",
        ),
    ] {
        let text = write(sql).unwrap_or_else(|refusal| panic!("{sql}: {refusal}"));
        assert!(text.contains(printed), "{sql}: {text}");
    }
}

#[test]
fn unlisted_construct_is_refused() {
    assert_eq!(passed(CONSTRUCTS.iter().copied(), read), Vec::<String>::new());
}

#[test]
fn write_beyond_the_grants_is_refused() {
    assert_eq!(passed(WRITES.iter().copied(), write), Vec::<String>::new());
}
