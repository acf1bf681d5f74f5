//! A plugin that tries to act as another caller, in each kind: it cannot read, set or keep the proof of the caller.

use super::migration;
use crate::harness::{World, altered, call_as};
use palisade::{Caller, Host, Policy};
use serde_json::{Value, json};

/// The kinds, by the name of the interface that runs a script as that kind, and whether the kind can write.
const KINDS: [(&str, bool); 3] = [("reading", false), ("changing", true), ("acting", true)];

/// SQL that would reveal the proof, change it, or leave the transaction in which it is set.
const FORGERIES: [&str; 24] = [
    "SELECT palisade.caller(current_user, NULL)",
    "SELECT palisade.caller('somebody', '00000000-0000-0000-0000-000000000000')",
    "SELECT pid FROM palisade.server()",
    "SELECT palisade.server()",
    "SELECT value FROM palisade.secrets",
    "SELECT current_setting('palisade.caller')",
    "SELECT pg_catalog.current_setting('palisade.caller', true)",
    "SELECT set_config('palisade.caller', 'host', true)",
    "SELECT n FROM numbers WHERE set_config('palisade.caller', 'host', false) = ''",
    "SELECT query_to_xml('SET palisade.caller = host', true, true, '')",
    "SELECT pg_backend_pid()",
    "SELECT setting FROM pg_settings WHERE name = 'palisade.caller'",
    "UPDATE pg_settings SET setting = 'host' WHERE name = 'palisade.caller'",
    "SHOW palisade.caller",
    "SET palisade.caller = 'host'",
    "SET LOCAL palisade.caller = 'host'",
    "RESET palisade.caller",
    "RESET ALL",
    "COMMIT",
    "ROLLBACK TO SAVEPOINT s",
    "SET ROLE NONE",
    "SET SESSION AUTHORIZATION DEFAULT",
    "SET row_security = off",
    "ALTER TABLE numbers DISABLE ROW LEVEL SECURITY",
];

fn step(tag: &str, val: impl Into<Value>) -> Value {
    json!({ "tag": tag, "val": val.into() })
}

async fn run(host: &Host, kind: &str, steps: Vec<Value>, caller: &Caller) -> Vec<String> {
    let steps = json!({ "steps": steps });
    let answers = call_as(host, "cursors", &format!("{kind}/run"), steps, caller.clone()).await.unwrap();
    serde_json::from_value(answers).unwrap()
}

/// A host with two users: Ada owns the numbers 1 to 150, more than one batch, and Bob owns 151 to 160.
async fn numbered(world: &World) -> (Host, Caller, Caller) {
    let folder = altered("cursors", |manifest| {
        let all = r#"numbers = ["select", "insert"]"#;
        assert!(manifest.contains(all));
        manifest.replace(all, r#"numbers = { select = true, insert = true, owner = "who" }"#)
    });
    migration(&folder, "0002_who.sql", "ALTER TABLE numbers ADD COLUMN who uuid;");
    let host = world.builder().plugin(folder.path(), Policy::as_asked()).build().await.unwrap();
    let (ada, bob) = (world.user(&host, "Ada", &[]).await, world.user(&host, "Bob", &[]).await);
    let rows = format!(
        "INSERT INTO plugin_cursors.numbers (n, who) \
         SELECT n, CASE WHEN n <= 150 THEN '{}' ELSE '{}' END::uuid FROM generate_series(1, 160) n",
        ada.id, bob.id
    );
    world.sql.batch_execute(&rows).await.unwrap();
    (host, Caller::user(ada), Caller::user(bob))
}

#[tokio::test]
async fn caller_cannot_be_forged_with_sql_text_in_any_kind() {
    let world = World::new().await;
    let (host, ada, bob) = numbered(&world).await;
    let Caller::User(bobs) = &bob else { panic!("not a user") };
    for (kind, can_write) in KINDS {
        // An open result keeps returning Ada's rows, and so does the next one.
        let mut steps = vec![json!({ "tag": "open" })];
        steps.extend(FORGERIES.map(|text| step("open-text", text)));
        if can_write {
            steps.extend(FORGERIES.map(|text| step("execute", text)));
        }
        let refused = steps.len() - 1;
        steps.extend([step("rest", 0), step("open-text", "SELECT count(*) FROM numbers"), step("rest", 1)]);
        if can_write {
            let his = format!("INSERT INTO numbers (n, who) VALUES (1000, '{}')", bobs.id);
            steps.push(step("execute", his));
        }
        let answers = run(&host, kind, steps.clone(), &ada).await;
        for (answer, step) in answers.iter().zip(&steps).skip(1).take(refused) {
            assert!(answer == "AccessDenied" || answer.starts_with("invalid"), "{kind} {step}: {answer}");
        }
        let rest = &answers[refused + 1..];
        assert_eq!(rest[..3], ["1..150 (150)", "opened", "150"], "{kind}");
        assert!(rest[3..].iter().all(|answer| answer == "AccessDenied"), "{kind}: {rest:?}");
    }
    assert_eq!(world.count("SELECT count(*) FROM plugin_cursors.numbers").await, 160);
}

#[tokio::test]
async fn next_caller_on_a_connection_has_only_their_own_identity() {
    let world = World::new().await;
    let (host, ada, bob) = numbered(&world).await;
    let callers = [
        (&ada, "1..150 (150)"),
        (&Caller::Anonymous, "end"),
        (&bob, "151..160 (10)"),
        (&Caller::Host, "1..160 (160)"),
    ];
    // The calls run one after the other on the same few connections. They are structured calls, because SQL text
    // would make the host clean the connections in between.
    let all = || vec![json!({ "tag": "open" }), step("rest", 0)];
    for (before, _) in KINDS {
        for (after, _) in KINDS {
            for (first, _) in callers {
                for (second, seen) in callers {
                    run(&host, before, all(), first).await;
                    let answers = run(&host, after, all(), second).await;
                    assert_eq!(
                        answers,
                        ["opened", seen],
                        "{before}, then {after}: {first:?}, then {second:?}"
                    );
                }
            }
        }
    }
    let role: String = world.sql.query_one("SELECT role FROM palisade.plugins", &[]).await.unwrap().get(0);
    let connections = format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{role}'");
    let connections = world.count(&connections).await;
    assert!((1..=8).contains(&connections), "{connections} connections for 288 calls");
}
