//! Which work is retried and which must not be, and which statements a connection caches.

use super::{insert, integer, text};
use crate::harness::{World, call};
use palisade::limits::{MUTATION_ATTEMPTS_MAX, STATEMENTS_CACHED_MAX};
use palisade::{CallError, Host};
use serde_json::{Value, json};

/// Makes every insert of this title fail as if it lost a race.
const RACE: &str = "
    CREATE FUNCTION public.race() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.title LIKE 'race-%' THEN RAISE EXCEPTION 'lost' USING ERRCODE = substr(NEW.title, 6); END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER race BEFORE INSERT ON plugin_sql.notes FOR EACH ROW EXECUTE FUNCTION public.race();";

async fn execute_each(host: &Host, kind: &str, titles: &[&str]) -> Result<Value, CallError> {
    let insert = |title: &&str| format!("INSERT INTO notes (title) VALUES ('{title}')");
    let statements: Vec<String> = titles.iter().map(insert).collect();
    call(host, "sql", &format!("{kind}/execute-each"), json!({ "statements": statements })).await
}

#[tokio::test]
async fn counter_incremented_by_ten_clients_loses_no_update() {
    const CLIENTS: i64 = 10;
    const INCREMENTS: i64 = 20;
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    insert(&host, "probe", &["counter"]).await;
    world.sql.batch_execute("UPDATE plugin_probe.notes SET rank = 0").await.unwrap();
    let add = json!({ "sql": "UPDATE notes SET rank = rank + $2 WHERE title = $1", "parameters": [text("counter"), integer(1)] });
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let (host, add) = (host.clone(), add.clone());
        tasks.spawn(async move {
            let mut done = 0;
            while done < INCREMENTS {
                match call(&host, "probe", "writes/execute", add.clone()).await {
                    Ok(changed) => {
                        assert_eq!(changed, json!(1));
                        done += 1;
                    }
                    // The call rolled back and reported it, so the client tries again.
                    Err(CallError::Contended { .. }) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
        });
    }
    while let Some(result) = tasks.join_next().await {
        result.unwrap();
    }
    assert_eq!(world.count("SELECT rank::bigint FROM plugin_probe.notes").await, CLIENTS * INCREMENTS);
}

/// Only a serializable transaction gets a read followed by a write right.
#[tokio::test]
async fn counter_read_then_written_by_ten_clients_loses_no_update() {
    let world = World::new().await;
    let host = world.host(&["steps"]).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let host = host.clone();
        tasks.spawn(async move {
            let mut seen = Vec::new();
            while seen.len() < 5 {
                match call(&host, "steps", "sequences/increment", json!({})).await {
                    Ok(count) => seen.push(count.as_i64().unwrap()),
                    Err(CallError::Contended { .. }) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
            seen
        });
    }
    let mut seen = Vec::new();
    while let Some(result) = tasks.join_next().await {
        seen.extend(result.unwrap());
    }
    seen.sort_unstable();
    assert_eq!(seen, (1..=50).collect::<Vec<i64>>(), "each number was returned exactly once");
}

#[tokio::test]
async fn action_that_loses_a_race_is_not_retried() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    world.sql.batch_execute(RACE).await.unwrap();
    for code in ["40001", "40P01"] {
        let (before, race, after) =
            (format!("before {code}"), format!("race-{code}"), format!("after {code}"));
        let outcomes = execute_each(&host, "in-action", &[&before, &race, &after]).await.unwrap();
        let expected = json!([{ "tag": "ok", "val": 1 }, { "tag": "err", "val": { "tag": "serialization" } }, { "tag": "ok", "val": 1 }]);
        assert_eq!(outcomes, expected, "{code}: each call of an action is its own transaction");
        // The title is unique, so a second run would fail on it. Three calls use three sequence numbers.
        assert_eq!(
            world.count("SELECT last_value FROM plugin_sql.notes_id_seq").await % 3,
            0,
            "{code} ran again"
        );
    }
    assert_eq!(world.count("SELECT count(*) FROM plugin_sql.notes").await, 4);
}

#[tokio::test]
async fn mutation_that_always_loses_a_race_is_contended_and_rolls_back() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    world.sql.batch_execute(RACE).await.unwrap();
    for code in ["40001", "40P01"] {
        let race = format!("race-{code}");
        let outcome = execute_each(&host, "in-mutation", &["before", &race, "after"]).await;
        assert!(matches!(outcome, Err(CallError::Contended { .. })), "{code}: {outcome:?}");
    }
    assert_eq!(world.count("SELECT count(*) FROM plugin_sql.notes").await, 0);
    let lost = format!("palisade_retries_total{{plugin=\"sql\"}} {}\n", 2 * MUTATION_ATTEMPTS_MAX);
    assert!(host.metrics().contains(&lost), "{lost}");
}

/// The plugin chooses the shape of a structured call, so it can produce any number of statement texts.
#[tokio::test]
async fn cached_statements_of_one_connection_are_capped() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    let look = "CREATE FUNCTION public.look() RETURNS text LANGUAGE sql VOLATILE SECURITY DEFINER AS \
            $$ SELECT count(*)::text FROM pg_catalog.pg_prepared_statements $$; \
         ALTER TABLE plugin_sql.spy ALTER COLUMN seen SET DEFAULT public.look()";
    world.sql.batch_execute(look).await.unwrap();
    let columns = ["id", "title", "body", "rank", "tags", "extra", "amount"];
    let directions = ["ascending", "descending"];
    // Each subset of the columns, ordered in both directions by each of two columns: 2 * 127 * 2 texts.
    let shapes = (1_u32..128).flat_map(|subset| {
        let chosen: Vec<&str> = (0..7).filter(|bit| subset >> bit & 1 == 1).map(|bit| columns[bit]).collect();
        let order = ["id", "rank"].into_iter().flat_map(move |column| directions.map(|direction| (column, direction)));
        order.map(move |(column, direction)| {
            let order = json!([{ "column": column, "direction": direction }]);
            json!({ "table": "notes", "columns": chosen, "filter": [], "orderBy": order, "limit": null, "after": [] })
        })
    });
    let shapes: Vec<Value> = shapes.collect();
    assert!(shapes.len() > 2 * STATEMENTS_CACHED_MAX);
    let row = json!({ "table": "spy", "columns": ["hand"], "rows": [[text("look")]], "returning": [] });
    let arguments = json!({ "selections": shapes, "insertion": row });
    call(&host, "sql", "in-mutation/select-each-then-insert", arguments).await.unwrap();
    let kept = world.count("SELECT seen::bigint FROM plugin_sql.spy").await;
    // The counting statement itself is included.
    let max = i64::try_from(STATEMENTS_CACHED_MAX).unwrap() + 1;
    assert!(kept > 1 && kept <= max, "{kept} statements are cached, at most {max} are allowed");
}
