//! The rows that SQL text returns when it writes: those of `RETURNING`, or of the `SELECT` behind a WITH that writes.
//!
//! Whose rows these are is in `tests/rights/owners.rs`.

use super::{integer, text};
use crate::harness::{World, call, guest, invalid, limited, returned};
use palisade::{CallError, Host, Policy};
use serde_json::{Value, json};
use std::process::Command;

const WRITING: [&str; 2] = ["in-mutation", "in-action"];

async fn execute(host: &Host, kind: &str, sql: &str) -> Result<Value, CallError> {
    let arguments = json!({ "sql": sql, "parameters": [] });
    call(host, "sql", &format!("{kind}/execute-returning"), arguments).await
}

fn columns(columns: &[(&str, &str)]) -> Value {
    columns.iter().map(|(name, kind)| json!({ "name": name, "typeName": kind })).collect()
}

/// What each statement returns cannot be passed on.
const UNREADABLE: [&str; 8] = [
    "INSERT INTO notes (title) VALUES ('x') RETURNING ARRAY[[1, 2], [3, 4]]",
    "INSERT INTO notes (title) VALUES ('x') RETURNING '[0:1]={1,2}'::int[]",
    "INSERT INTO notes (title) VALUES ('x') RETURNING to_tsvector('english', title)",
    "UPDATE notes SET rank = 7 RETURNING title, ARRAY[ARRAY[rank]]",
    "DELETE FROM notes RETURNING ARRAY[[id]]",
    // Only the last row.
    "UPDATE notes SET rank = 7 RETURNING CASE id WHEN 3 THEN ARRAY[[1]] ELSE ARRAY[1] END",
    "WITH gone AS (DELETE FROM notes RETURNING id) SELECT ARRAY[[id]] FROM gone",
    "INSERT INTO notes (title) VALUES ('note 1') ON CONFLICT (title) DO UPDATE SET rank = 7 RETURNING ARRAY[[1]]",
];

#[tokio::test]
async fn statement_whose_rows_cannot_be_passed_on_changes_nothing() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    let three = "INSERT INTO plugin_sql.notes (id, title) SELECT n, 'note ' || n FROM generate_series(1, 3) n; \
         SELECT setval('plugin_sql.notes_id_seq', 100)";
    world.sql.batch_execute(three).await.unwrap();
    let unchanged = "SELECT count(*) FROM plugin_sql.notes WHERE title LIKE 'note %' AND rank IS NULL";
    for kind in WRITING {
        for unreadable in UNREADABLE {
            let refusal = invalid(execute(&host, kind, unreadable).await);
            assert!(refusal.contains("cast it to text"), "{kind} {unreadable}: {refusal}");
            // The invocation goes on, and keeps what follows.
            let statements =
                json!({ "statements": [unreadable, "INSERT INTO notes (title) VALUES ('kept')"] });
            let both = call(&host, "sql", &format!("{kind}/execute-each"), statements).await.unwrap();
            assert_eq!((&both[0]["tag"], &both[1]["val"]), (&json!("err"), &json!(1)), "{kind} {unreadable}");
            assert_eq!(world.count(unchanged).await, 3, "{kind} {unreadable}");
            let kept = "WITH gone AS (DELETE FROM plugin_sql.notes WHERE title NOT LIKE 'note %' RETURNING 1) SELECT count(*) FROM gone";
            assert_eq!(world.count(kept).await, 1, "{kind} {unreadable}");
        }
    }
}

/// The rule is not one of SQL text.
#[tokio::test]
async fn structured_write_whose_rows_cannot_be_passed_on_changes_nothing() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    let row =
        "INSERT INTO plugin_sql.notes (id, title, tags) VALUES (100, 'a', ARRAY[ARRAY['x'], ARRAY['y']])";
    world.sql.batch_execute(row).await.unwrap();
    let all = json!([[{ "column": "id", "test": { "tag": "is-not-null" } }]]);
    let set = json!([{ "column": "rank", "change": { "tag": "set", "val": integer(7) } }]);
    let modification = json!({ "modification": { "table": "notes", "assignments": set, "filter": all, "returning": ["tags"] } });
    let removal = json!({ "removal": { "table": "notes", "filter": all, "returning": ["tags"] } });
    let conflict = json!({ "columns": ["title"], "resolution": { "tag": "update", "val": [{ "column": "rank", "merge": { "tag": "inserted" } }] } });
    let insertion = json!({ "insertion": { "table": "notes", "columns": ["title", "rank"], "rows": [[text("b"), integer(7)], [text("a"), integer(7)]],
        "onConflict": conflict, "returning": ["tags"] } });
    for kind in WRITING {
        for (function, arguments) in [("update", &modification), ("delete", &removal), ("insert", &insertion)]
        {
            let refusal = invalid(call(&host, "sql", &format!("{kind}/{function}"), arguments.clone()).await);
            assert!(refusal.contains("2 dimensions"), "{kind} {function}: {refusal}");
            let kept = "SELECT count(*) FROM plugin_sql.notes WHERE rank IS NULL";
            assert_eq!(world.count(kept).await, 1, "{kind} {function}");
            assert_eq!(world.count("SELECT count(*) FROM plugin_sql.notes").await, 1, "{kind} {function}");
        }
    }
}

/// Four rows, and what their statements do if they are kept.
const FOUR: [&str; 4] = [
    "INSERT INTO notes (title) SELECT 'new ' || n FROM generate_series(1, 4) n RETURNING title",
    "UPDATE notes SET rank = 7 RETURNING title",
    "DELETE FROM notes RETURNING title",
    "WITH gone AS (DELETE FROM notes RETURNING title) SELECT title FROM gone",
];

#[tokio::test]
async fn returned_rows_at_the_limit_are_kept_and_over_it_undone() {
    let world = World::new().await;
    let fill = "TRUNCATE plugin_sql.notes; INSERT INTO plugin_sql.notes (title) SELECT 'note ' || n FROM generate_series(1, 4) n";
    let unchanged = "SELECT count(*) FROM plugin_sql.notes WHERE title LIKE 'note %' AND rank IS NULL";
    let exceeded = json!({ "tag": "limit-exceeded", "val": { "which": "db-rows", "used": 4, "max": 3 } });
    for max in [3, 4] {
        let host = world.host_with("sql", limited(&format!("db-rows = {max}"))).await;
        for kind in WRITING {
            for statement in FOUR {
                world.sql.batch_execute(fill).await.unwrap();
                let outcome = execute(&host, kind, statement).await;
                let is_unchanged = world.count(unchanged).await == 4
                    && world.count("SELECT count(*) FROM plugin_sql.notes").await == 4;
                assert_eq!(is_unchanged, max == 3, "{kind} {statement} with {max} rows");
                if max == 3 {
                    assert_eq!(returned(outcome), exceeded, "{kind} {statement}");
                } else {
                    let outcome = outcome.unwrap();
                    assert_eq!(outcome["count"], 4, "{kind} {statement}");
                    assert_eq!(outcome["rows"].as_array().unwrap().len(), 4, "{kind} {statement}");
                }
            }
        }
        // A mutation that goes on fails as a whole, and an action's next call is its own.
        let statements = json!({ "statements": [FOUR[1], "INSERT INTO notes (title) VALUES ('after')"] });
        for kind in WRITING.into_iter().filter(|_| max == 3) {
            world.sql.batch_execute(fill).await.unwrap();
            let outcome = call(&host, "sql", &format!("{kind}/execute-each"), statements.clone()).await;
            let is_whole = matches!(&outcome, Err(CallError::LimitExceeded { .. }));
            assert_eq!(is_whole, kind == "in-mutation", "{kind}: {outcome:?}");
            assert_eq!(world.count(unchanged).await, 4, "{kind}");
        }
        host.stop().await;
    }
}

#[tokio::test]
async fn returned_bytes_at_the_limit_are_kept_and_over_it_undone() {
    let world = World::new().await;
    let statement = "INSERT INTO notes (title) VALUES ('a') RETURNING repeat('x', 100000)";
    let used = async |host: &Host, kind: &str| {
        let arguments = json!({ "sql": statement, "parameters": [] });
        let outcome = host.call("sql", &format!("{kind}/execute-returning")).arguments(arguments).await?;
        let usage =
            outcome.usage.iter().find(|usage| usage.limit.name() == "db-bytes").map(|usage| usage.used);
        Ok::<_, CallError>(usage.unwrap())
    };
    let host = world.host(&["sql"]).await;
    let bytes = used(&host, "in-mutation").await.unwrap();
    assert!((100_000..100_100).contains(&bytes), "{bytes}");
    host.stop().await;
    for (max, stays) in [(bytes, 1), (bytes - 1, 0)] {
        let host = world.host_with("sql", limited(&format!("db-bytes = \"{max} B\""))).await;
        for kind in WRITING {
            world.sql.batch_execute("TRUNCATE plugin_sql.notes").await.unwrap();
            let outcome = used(&host, kind).await;
            assert_eq!(outcome.is_ok(), stays == 1, "{kind}: {outcome:?}");
            if kind == "in-action" && stays == 0 {
                assert_eq!(returned(outcome.map(Value::from))["val"]["which"], "db-bytes");
            }
            assert_eq!(world.count("SELECT count(*) FROM plugin_sql.notes").await, stays, "{kind}");
        }
        host.stop().await;
    }
}

#[tokio::test]
async fn rows_are_returned_with_their_columns_for_every_form_of_statement() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    let title = [("title", "text")];
    for kind in WRITING {
        world.sql.batch_execute("TRUNCATE plugin_sql.notes RESTART IDENTITY").await.unwrap();
        for (statement, count, names, rows) in [
            ("INSERT INTO notes (title) VALUES ('a'), ('b')", 2, &[][..], json!([])),
            (
                "INSERT INTO notes (title) VALUES ('c') RETURNING id, title, rank",
                1,
                &[("id", "int8"), ("title", "text"), ("rank", "int4")],
                json!([[integer(3), text("c"), { "tag": "scalar", "val": { "tag": "null" } }]]),
            ),
            (
                "INSERT INTO notes (title) VALUES ('c') ON CONFLICT (title) DO NOTHING RETURNING title",
                0,
                &title,
                json!([]),
            ),
            (
                "INSERT INTO notes (title, rank) VALUES ('c', 5) ON CONFLICT (title) DO UPDATE SET rank = excluded.rank \
                 RETURNING rank AS \"Rank\", rank * 2, upper(title), title AS \"Rank\"",
                1,
                &[("Rank", "int4"), ("?column?", "int4"), ("upper", "text"), ("Rank", "text")],
                json!([[integer(5), integer(10), text("C"), text("c")]]),
            ),
            ("UPDATE notes SET rank = 1 WHERE title = 'a' RETURNING title", 1, &title, json!([[text("a")]])),
            ("UPDATE notes SET rank = 1 WHERE title = 'z' RETURNING title", 0, &title, json!([])),
            (
                "UPDATE notes AS n SET rank = 2 FROM (VALUES ('b')) v (t) WHERE n.title = v.t RETURNING n.tags, v.t",
                1,
                &[("tags", "_text"), ("t", "text")],
                json!([[{ "tag": "scalar", "val": { "tag": "null" } }, text("b")]]),
            ),
            (
                "WITH x AS (INSERT INTO notes (title) VALUES ('d'), ('e') RETURNING title) SELECT title FROM x ORDER BY title DESC",
                2,
                &title,
                json!([[text("e")], [text("d")]]),
            ),
            (
                "WITH x AS (UPDATE notes SET rank = 3 RETURNING rank) SELECT count(*) AS all FROM x",
                1,
                &[("all", "int8")],
                json!([[integer(5)]]),
            ),
            ("WITH x AS (UPDATE notes SET rank = 3) TABLE notes LIMIT 0", 0, &ALL, json!([])),
            (
                "WITH x AS (UPDATE notes SET rank = 3) VALUES (1)",
                1,
                &[("column1", "int4")],
                json!([[integer(1)]]),
            ),
            // Rows without columns.
            (
                "WITH x AS (UPDATE notes SET rank = 4 RETURNING 1) SELECT FROM x",
                5,
                &[],
                json!([[], [], [], [], []]),
            ),
            (
                "WITH x AS (DELETE FROM notes WHERE title > 'b' RETURNING title) \
                 INSERT INTO journal (what) SELECT title FROM x",
                3,
                &[],
                json!([]),
            ),
            ("DELETE FROM notes WHERE title = 'b' RETURNING title", 1, &title, json!([[text("b")]])),
        ] {
            let outcome = execute(&host, kind, statement).await.unwrap();
            let expected = json!({ "count": count, "columns": columns(names), "rows": rows });
            assert_eq!(outcome, expected, "{kind} {statement}");
        }
        assert_eq!(world.count("SELECT count(*) FROM plugin_sql.notes").await, 1, "{kind}");
    }
}

/// The columns of `notes`.
const ALL: [(&str, &str); 7] = [
    ("id", "int8"),
    ("title", "text"),
    ("body", "text"),
    ("rank", "int4"),
    ("tags", "_text"),
    ("extra", "jsonb"),
    ("amount", "numeric"),
];

#[tokio::test]
async fn returning_of_merge_needs_a_server_that_has_it_and_says_so() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    world.sql.batch_execute("INSERT INTO plugin_sql.notes (title) VALUES ('a')").await.unwrap();
    let version = world.count("SELECT current_setting('server_version_num')::bigint").await;
    let merge = "MERGE INTO notes n USING (VALUES ('a'), ('b')) v (t) ON n.title = v.t WHEN MATCHED THEN UPDATE SET rank = 1 \
         WHEN NOT MATCHED THEN INSERT (title) VALUES (v.t)";
    for kind in WRITING {
        let outcome = execute(&host, kind, merge).await.unwrap();
        assert_eq!(outcome, json!({ "count": 2, "columns": [], "rows": [] }), "{kind}");
        let outcome = execute(&host, kind, &format!("{merge} RETURNING n.title")).await;
        if version < 170_000 {
            let refusal = invalid(outcome);
            assert!(refusal.contains("RETURNING of MERGE needs 17"), "{kind}: {refusal}");
        } else {
            let outcome = outcome.unwrap();
            assert_eq!((&outcome["count"], &outcome["columns"]), (&json!(2), &columns(&[("title", "text")])));
        }
    }
    // Another error of the same code is not one of the version.
    let refusal = invalid(
        execute(&host, "in-action", "INSERT INTO notes (title) VALUES ('x', 'y') RETURNING id").await,
    );
    assert!(!refusal.contains("version"), "{refusal}");
}

/// Every type of the contract, read from the write and from a query.
#[tokio::test]
async fn returned_value_of_every_type_is_the_one_that_a_query_reads() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    let full = "INSERT INTO kinds VALUES (1, true, -2, 3, 4, 1.5, 2.5, 1.500, 'a', 'b', '\\x00ff', \
         '00000000-0000-4000-8000-000000000003', '2026-01-31', '10:30', '2026-01-31 10:30', '2026-01-31 10:30+01', \
         '1 month 2 days 3 seconds', '{\"b\":  1}', '{\"b\":  1}', '10.0.0.1/8', '10.0.0.0/8', 'glad', \
         ARRAY['x', NULL], '{1,2}', '{1.0,NaN}', '{sad,glad}')";
    for kind in WRITING {
        world.sql.batch_execute("TRUNCATE plugin_sql.kinds").await.unwrap();
        let inserted = execute(&host, kind, &format!("{full} RETURNING *")).await.unwrap();
        let arguments = json!({ "sql": "SELECT * FROM kinds", "parameters": [] });
        let read = call(&host, "sql", &format!("{kind}/query"), arguments).await.unwrap();
        assert_eq!(inserted["rows"][0].as_array().unwrap().len(), 26, "{kind}");
        assert_eq!(
            json!([inserted["columns"], inserted["rows"]]),
            json!([read["columns"], read["rows"]]),
            "{kind}"
        );
        let deleted = execute(&host, kind, "DELETE FROM kinds RETURNING *").await.unwrap();
        assert_eq!(deleted, inserted, "{kind}");
        let empty = execute(&host, kind, "INSERT INTO kinds (id) VALUES (2) RETURNING *").await.unwrap();
        assert_eq!(empty["columns"], inserted["columns"], "{kind}");
        let null = json!({ "tag": "scalar", "val": { "tag": "null" } });
        assert!(
            empty["rows"][0].as_array().unwrap()[1..].iter().all(|value| *value == null),
            "{kind}: {empty}"
        );
    }
}

/// Another host changes a table. What the server describes counts, not what this host knows.
#[tokio::test]
async fn returned_value_is_decoded_as_the_type_that_the_server_describes() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    let update = "UPDATE kinds SET label = 'x' RETURNING middle";
    world.sql.batch_execute("INSERT INTO plugin_sql.kinds (id, middle) VALUES (1, 42)").await.unwrap();
    for kind in WRITING {
        assert_eq!(execute(&host, kind, update).await.unwrap()["rows"], json!([[integer(42)]]), "{kind}");
    }
    world.sql.batch_execute("ALTER TABLE plugin_sql.kinds ALTER middle TYPE real").await.unwrap();
    let float = json!({ "tag": "scalar", "val": { "tag": "float", "val": 42.0 } });
    for kind in WRITING {
        let outcome = execute(&host, kind, update).await.unwrap();
        assert_eq!(outcome["columns"], columns(&[("middle", "float4")]), "{kind}");
        assert_eq!(outcome["rows"], json!([[float]]), "{kind}");
    }
}

/// A lost race runs the whole invocation again: its earlier rows are nobody's.
#[tokio::test]
async fn number_that_many_callers_take_is_returned_to_exactly_one() {
    const CALLERS: usize = 8;
    const TAKEN: i64 = 8;
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    for (kind, statement) in [
        ("in-mutation", "UPDATE notes SET rank = rank + 1 RETURNING rank"),
        ("in-action", "UPDATE notes SET rank = rank + 1 RETURNING rank"),
        ("in-mutation", "WITH x AS (UPDATE notes SET rank = rank + 1 RETURNING rank) SELECT rank FROM x"),
    ] {
        let zero =
            "TRUNCATE plugin_sql.notes; INSERT INTO plugin_sql.notes (title, rank) VALUES ('counter', 0)";
        world.sql.batch_execute(zero).await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..CALLERS {
            let host = host.clone();
            tasks.spawn(async move {
                let mut seen = Vec::new();
                while seen.len() < usize::try_from(TAKEN).unwrap() {
                    match execute(&host, kind, statement).await {
                        Ok(outcome) => {
                            assert_eq!(
                                (&outcome["count"], outcome["rows"].as_array().unwrap().len()),
                                (&json!(1), 1)
                            );
                            seen.push(outcome["rows"][0][0]["val"]["val"].as_i64().unwrap());
                        }
                        // The call rolled back and reported it, so the client tries again.
                        Err(CallError::Contended { .. }) => {}
                        Err(error) => panic!("{kind} {statement}: {error:?}"),
                    }
                }
                seen
            });
        }
        let mut seen: Vec<i64> = tasks.join_all().await.concat();
        seen.sort_unstable();
        let all = i64::try_from(CALLERS).unwrap() * TAKEN;
        assert_eq!(seen, (1..=all).collect::<Vec<i64>>(), "{kind} {statement}");
    }
    let retries = "palisade_retries_total{plugin=\"sql\"} ";
    let metrics = host.metrics();
    let count = metrics.lines().find_map(|line| line.strip_prefix(retries)).unwrap();
    assert!(count.parse::<u64>().unwrap() > 0, "no call lost a race: the test shows nothing");
}

/// As many rows, each with an array of 1,000 times as many nulls as the second number says.
fn arrays(title: &str, rows: u32, thousands: u32) -> String {
    format!(
        "INSERT INTO notes (title) SELECT '{title} ' || n FROM generate_series(1, {rows}) n RETURNING \
         (SELECT array_agg(NULL::bigint) FROM generate_series(1, 1000) a, generate_series(1, {thousands}) b)"
    )
}

#[tokio::test]
async fn returned_array_at_the_limit_is_kept_and_over_it_undone() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    for kind in WRITING {
        // The guest gets the array, and its caller only the count: a result is not as large.
        let at = json!({ "sql": arrays(kind, 1, 100), "parameters": [] });
        assert_eq!(call(&host, "sql", &format!("{kind}/execute"), at).await.unwrap(), json!(1), "{kind}");
        let refusal = invalid(execute(&host, kind, &arrays("over", 1, 101)).await);
        assert_eq!(refusal, "column \"array_agg\": an array has at most 100000 elements, found 101000");
        assert_eq!(world.count("SELECT count(*) FROM plugin_sql.notes WHERE title LIKE 'over%'").await, 0);
    }
    assert_eq!(world.count("SELECT count(*) FROM plugin_sql.notes").await, 2);
}

/// A null takes 4 bytes on the wire, and as much memory as any other element once it is decoded.
#[tokio::test]
async fn arrays_that_the_host_has_no_memory_for_are_undone() {
    // The hosts of one process share its memory, so this one gets a process of its own.
    const CHILD: &str = "PALISADE_RETURNING_CHILD";
    if std::env::var_os(CHILD).is_none() {
        let itself = concat!("db::returning::", "arrays_that_the_host_has_no_memory_for_are_undone");
        let mut process = Command::new(std::env::current_exe().unwrap());
        process.args(["--exact", itself]).env(CHILD, "yes");
        let ended = tokio::task::spawn_blocking(move || process.output().unwrap()).await.unwrap();
        let printed = String::from_utf8_lossy(&ended.stdout);
        assert!(ended.status.success() && printed.contains("1 passed"), "{printed}");
        return;
    }
    let world = World::new().await;
    let builder = world.builder().memory(384 << 20).plugin(guest("sql"), Policy::as_asked());
    let host = builder.build().await.unwrap();
    for kind in WRITING {
        for (rows, fits) in [(2, true), (40, false)] {
            world.sql.batch_execute("TRUNCATE plugin_sql.notes").await.unwrap();
            let arguments = json!({ "sql": arrays("a", rows, 100), "parameters": [] });
            let outcome = call(&host, "sql", &format!("{kind}/execute"), arguments).await;
            if fits {
                assert_eq!(outcome.unwrap(), json!(rows), "{kind}");
            } else {
                assert!(matches!(outcome, Err(CallError::Overloaded { .. })), "{kind}: {outcome:?}");
            }
            let kept = if fits { i64::from(rows) } else { 0 };
            assert_eq!(world.count("SELECT count(*) FROM plugin_sql.notes").await, kept, "{kind}");
        }
    }
    // The same of a query.
    let nulls = "SELECT array_agg(NULL::bigint) FROM generate_series(1, 1000) a, generate_series(1, 100) b";
    let read = json!({ "statements": [format!("SELECT ({nulls}) FROM generate_series(1, 40) n")] });
    let outcome = call(&host, "sql", "in-query/query-each", read).await;
    assert!(matches!(outcome, Err(CallError::Overloaded { .. })), "{outcome:?}");
}
