//! What a proof of the caller allows in the database itself, without the guards.

use super::{equals, note, owned, selection, text};
use crate::harness::{World, call_as};
use palisade::Caller;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// A proof as the host would send it, made with the keys in the database.
async fn proof(world: &World, role: &str, who: &str, expiry_us: i64, pid: i32) -> String {
    let keys = "SELECT value FROM palisade.secrets WHERE name = 'callers'";
    let keys: Vec<u8> = world.sql.query_one(keys, &[]).await.unwrap().get(0);
    let (inner, outer) = keys.split_at(64);
    let rest = format!("{who}.{expiry_us}.{pid}");
    let hash = Sha256::new().chain_update(inner).chain_update(format!("{role}.{rest}")).finalize();
    format!("{rest}.{}", hex::encode(Sha256::new().chain_update(outer).chain_update(hash).finalize()))
}

#[tokio::test]
async fn login_itself_without_a_valid_proof_sees_no_row() {
    let world = World::new().await;
    let (host, ada, bob) = owned(&world).await;
    for user in [&ada, &bob] {
        call_as(&host, "probe", "writes/insert", note(&user.name, user.id), Caller::Host).await.unwrap();
    }
    let role: String = world.sql.query_one("SELECT role FROM palisade.plugins", &[]).await.unwrap().get(0);
    let row =
        world.sql.query_one("SELECT pg_backend_pid(), (extract(epoch FROM now()) * 1000000)::bigint", &[]);
    let row = row.await.unwrap();
    let (pid, now): (i32, i64) = (row.get(0), row.get(1));
    let (her, his) = (ada.id.to_string(), bob.id.to_string());
    let (later, soon) = (now + 3_600_000_000, now + 1_000_000_000);
    let good = proof(&world, &role, &her, later, pid).await;
    let mac = good.rsplit('.').next().unwrap();
    // Authentic, but not valid now or here: an error that tells them from an answer, and shows nothing.
    let refused = [
        ("expired", proof(&world, &role, &her, now - 1_000_000, pid).await),
        ("expired, of the host", proof(&world, &role, "host", now - 1_000_000, pid).await),
        ("another connection's", proof(&world, &role, &her, later, pid + 1).await),
    ];
    let proofs = [
        ("good", good.clone(), 1),
        ("of the host", proof(&world, &role, "host", later, pid).await, 2),
        ("another role's", proof(&world, &format!("{role}x"), &her, later, pid).await, 0),
        ("expired, without a valid mac", format!("{her}.{}.{pid}.{mac}", now - 1_000_000), 0),
        ("for another user", good.replace(&her, &his), 0),
        ("for the host", good.replace(&her, "host"), 0),
        ("lengthened", good.replace(&later.to_string(), &soon.to_string()), 0),
        ("with another's mac", format!("{her}.{later}.{pid}.{}", "0".repeat(64)), 0),
        ("without a mac", format!("{her}.{later}.{pid}."), 0),
        ("with nothing but a mac", format!("...{mac}"), 0),
        ("of words", "host.tomorrow.mine.trust-me".to_owned(), 0),
        ("empty", String::new(), 0),
    ];
    world.become_login("probe").await;
    let count = async || world.count("SELECT count(*) FROM plugin_probe.notes").await;
    assert_eq!(count().await, 0, "never set");
    for (what, proof, expected) in proofs {
        world.sql.batch_execute(&format!("SET palisade.caller = '{proof}'")).await.unwrap();
        assert_eq!(count().await, expected, "{what}");
    }
    for (what, proof) in refused {
        world.sql.batch_execute(&format!("SET palisade.caller = '{proof}'")).await.unwrap();
        for statement in ["SELECT count(*) FROM plugin_probe.notes", "DELETE FROM plugin_probe.notes"] {
            let error = world.sql.query(statement, &[]).await.expect_err(what);
            assert_eq!(error.code().unwrap().code(), "PAL01", "{what}");
        }
    }
    world.sql.batch_execute("SET palisade.caller = ''").await.unwrap();
    for statement in [
        format!("INSERT INTO plugin_probe.notes (title, key) VALUES ('x', '{her}')"),
        "SELECT * FROM palisade.secrets".to_owned(),
        "ALTER TABLE plugin_probe.notes DISABLE ROW LEVEL SECURITY".to_owned(),
        "DROP POLICY palisade_caller ON plugin_probe.notes".to_owned(),
        "ALTER FUNCTION palisade.caller(name, uuid) OWNER TO current_user".to_owned(),
    ] {
        let error = world.sql.batch_execute(&statement).await.expect_err(&statement);
        assert_eq!(error.code().unwrap().code(), "42501", "{statement}");
    }
}

#[tokio::test]
async fn plugin_without_user_rows_may_not_read_the_caller() {
    let world = World::new().await;
    let _host = world.host(&["probe"]).await;
    world.become_login("probe").await;
    let ask = "SELECT palisade.caller(current_user, NULL)";
    assert_eq!(world.sql.batch_execute(ask).await.unwrap_err().code().unwrap().code(), "42501");
}

#[tokio::test]
async fn server_pid_and_clock_are_read_per_connection_not_per_statement() {
    let world = World::new().await;
    let counting = format!("ALTER DATABASE {} SET track_functions = 'all'", world.database());
    world.sql.batch_execute(&counting).await.unwrap();
    let (host, ada, _) = owned(&world).await;
    call_as(&host, "probe", "writes/insert", note("a", ada.id), Caller::user(ada.clone())).await.unwrap();
    for _ in 0..50 {
        let by_key = selection(&["title"], equals("title", text("a")));
        let rows = call_as(&host, "probe", "reads/select", by_key, Caller::user(ada.clone())).await.unwrap();
        assert_eq!(rows.as_array().unwrap().len(), 1);
    }
    // Connections report their statistics when they end.
    drop(host);
    let open =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename LIKE 'pal\\_%'";
    while world.count(open).await > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let calls = |name: &str| {
        format!(
            "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_user_functions WHERE funcname = '{name}'"
        )
    };
    let (proven, identified) = (world.count(&calls("caller")).await, world.count(&calls("server")).await);
    // Two bounds per statement. The pool has at most eight connections.
    assert!(proven >= 102 && (1..=8).contains(&identified), "{proven} proofs, {identified} identity queries");
}
