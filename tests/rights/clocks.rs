//! The server's clock is set, or statements take long on the wire: a caller gets their rows or an error, and never an empty
//! answer for a full one.

use super::{equals, modification, note, owned, removal, selection, text};
use crate::harness::{World, call_as};
use palisade::{CallError, Caller, Host, User};
use serde_json::{Value, json};

/// Replaces the server's clock by one that a test can set, in the test's own database.
async fn settable_clock(world: &World, shows: &str) {
    let text = format!(
        "SET allow_system_table_mods = on; CREATE TABLE public.ahead (seconds integer, since timestamptz); \
         INSERT INTO public.ahead VALUES (0, now()); \
         ALTER FUNCTION pg_catalog.clock_timestamp() RENAME TO true_clock; \
         CREATE FUNCTION pg_catalog.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE SECURITY DEFINER AS \
         $$SELECT true_clock() + ({shows}) * interval '1 second'$$"
    );
    world.sql.batch_execute(&text).await.unwrap();
}

async fn titles(host: &Host, user: &User) -> Result<Value, CallError> {
    let mine = selection(&["title"], json!([]));
    call_as(host, "probe", "reads/select", mine, Caller::user(user.clone())).await
}

#[tokio::test]
async fn statement_is_proven_again_when_the_servers_clock_is_set() {
    let world = World::new().await;
    let (host, ada, _) = owned(&world).await;
    settable_clock(&world, "SELECT seconds FROM public.ahead").await;
    let ada_calls = async |function: &str, arguments: Value| {
        call_as(&host, "probe", function, arguments, Caller::user(ada.clone())).await.unwrap()
    };
    let set_clock = async |seconds: i32| {
        world.sql.batch_execute(&format!("UPDATE public.ahead SET seconds = {seconds}")).await.unwrap();
    };
    ada_calls("writes/insert", note("a", ada.id)).await;
    let full = titles(&host, &ada).await.unwrap();
    assert_eq!(full.as_array().unwrap().len(), 1);
    for (round, ahead) in [20, 0, -20, 20, 3_600, -3_600].into_iter().enumerate() {
        set_clock(ahead).await;
        assert_eq!(titles(&host, &ada).await.unwrap(), full, "{ahead}");
        set_clock(ahead + 20).await;
        let query = json!({ "sql": "SELECT title FROM notes", "parameters": [] });
        assert_eq!(ada_calls("reads/query", query).await, full, "{ahead}");
        set_clock(ahead + 40).await;
        let title = format!("b{round}");
        ada_calls("writes/insert", note(&title, ada.id)).await;
        set_clock(ahead + 60).await;
        let changed = modification("title", text("c"), equals("title", text(&title)), &["title"]);
        assert_eq!(ada_calls("writes/update", changed).await["count"], 1, "{ahead}");
        set_clock(ahead + 80).await;
        let changed = json!({ "sql": "UPDATE notes SET title = 'd' WHERE title = 'c'", "parameters": [] });
        assert_eq!(ada_calls("writes/execute", changed).await, 1, "{ahead}");
        set_clock(ahead + 100).await;
        let removed = ada_calls("writes/delete", removal(equals("title", text("d")), &[])).await;
        assert_eq!(removed["count"], 1, "{ahead}");
    }
}

#[tokio::test]
async fn statement_whose_proof_always_comes_too_late_fails_and_never_answers_empty() {
    let world = World::new().await;
    let (host, ada, _) = owned(&world).await;
    let runs = "SELECT seconds * extract(epoch FROM true_clock() - since)::float8 FROM public.ahead";
    settable_clock(&world, runs).await;
    let insert = async |title| {
        call_as(&host, "probe", "writes/insert", note(title, ada.id), Caller::user(ada.clone())).await
    };
    insert("a").await.unwrap();
    assert_eq!(titles(&host, &ada).await.unwrap().as_array().unwrap().len(), 1);
    // The clock runs away: a hundred seconds in a tenth of a millisecond.
    world.sql.batch_execute("UPDATE public.ahead SET seconds = 1000000, since = now()").await.unwrap();
    for outcome in [titles(&host, &ada).await, insert("b").await] {
        let error = outcome.unwrap_err();
        assert!(matches!(error, CallError::Unavailable { .. }), "{error:?}");
    }
    let all = selection(&["title"], json!([]));
    let anonymous = call_as(&host, "probe", "reads/select", all, Caller::Anonymous).await.unwrap();
    assert_eq!(anonymous, json!([]), "who claims nothing sees nothing, whatever the clock shows");
    assert_eq!(world.count("SELECT count(*) FROM plugin_probe.notes").await, 1, "nothing was written");
}
