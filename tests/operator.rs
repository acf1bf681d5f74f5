//! The operator's tools: routes, commands, and the audit log.

use crate::command::Removed;
use crate::command::child::{Serving, finish, palisade, run};
use crate::harness::{Answer, Served, World, altered, call, copy, guest, limited, odd};
use crate::supervision::{answers, assert_disabled, panics, quarantine, until, wait_out_quarantine};
use palisade::audit::{Why, verify};
use palisade::grant::Grants;
use palisade::guard::user::{Permission, UserId};
use palisade::limits::{BREAKER_FAILURES, PROBE_FAILURES};
use palisade::store::private::DataDir;
use palisade::{Host, OPERATOR_PERMISSION, Policy};
use reqwest::Method;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

const LIST: &str = "/admin/plugins";

/// A token for a new user with this role.
async fn token(world: &World, host: &Host, role: &str) -> String {
    let user = world.user(host, "ada", &[role]).await;
    host.users().token(UserId::from(user.id), None).await.unwrap()
}

fn entries(path: &Path) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// How often an event happened to a plugin, according to the entries of a log.
fn count(entries: &[Value], event: &str, plugin: Option<&str>, words: &str) -> u64 {
    let these = entries.iter().filter(|entry| {
        entry["event"] == event
            && entry["plugin"].as_str() == plugin
            && entry["what"].as_str().unwrap().contains(words)
    });
    these.map(|entry| entry["count"].as_u64().unwrap()).sum()
}

#[tokio::test]
async fn operator_routes_deny_callers_without_the_permission() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let editor = token(&world, &host, "editor").await;
    host.users().permit("editor", &[Permission::parse("host:operator").unwrap()]).await.unwrap();
    let served = Served::new(host.clone()).await;
    for (method, path) in [
        (Method::GET, LIST),
        (Method::POST, "/admin/plugins/probe/disable"),
        (Method::POST, "/admin/plugins/probe/enable"),
        (Method::POST, "/admin/plugins/none/enable"),
    ] {
        let request = || served.request(method.clone(), path).json(&json!({ "reason": "a test" }));
        let anonymous = Answer::to(request()).await;
        assert_eq!((anonymous.status, anonymous.kind()), (401, "unauthorized"), "{path}: {anonymous:?}");
        let unprivileged = Answer::to(request().bearer_auth(&editor)).await;
        assert_eq!((unprivileged.status, unprivileged.kind()), (403, "denied"), "{path}: {unprivileged:?}");
        assert_eq!(Answer::to(request().bearer_auth("pal_none")).await.status, 401, "{path}");
    }
    answers(&host).await.unwrap();
}

#[tokio::test]
async fn operator_manages_plugins_over_http_and_readyz_hides_the_reason() {
    let world = World::new().await;
    let host = world.host(&["probe", "greeter"]).await;
    let token = token(&world, &host, "operator").await;
    host.users().permit("operator", &[Permission::parse(OPERATOR_PERMISSION).unwrap()]).await.unwrap();
    let served = Served::new(host.clone()).await;
    let ask = async |method: Method, path: &str, body: Value| {
        Answer::to(served.request(method, path).bearer_auth(&token).json(&body)).await
    };
    quarantine(&host).await;
    let message = json!({ "message": "another" });
    let refused = served.post("/call/probe/abuses/panic", &message).await;
    assert_eq!((refused.status, refused.kind()), (503, "quarantined"), "{refused:?}");
    assert_eq!(served.post("/call/probe/reads/now", &json!({})).await.status, 200);
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert!(refused.body["error"]["reason"].as_str().unwrap().contains("failed"), "{refused:?}");
    let ready = served.get("/readyz").await;
    assert_eq!((ready.status, &ready.body["plugins"][1]["state"]), (200, &json!("quarantined")), "{ready:?}");
    let entries = &ask(Method::GET, LIST, json!({})).await.body["plugins"][1]["entries"];
    assert_eq!((&entries[0]["entry"], &entries[0]["callers"]), (&json!("abuses/panic"), &json!("anonymous")));

    for bad in [json!({}), json!({ "reason": 5 }), json!({ "reason": "" }), json!({ "reason": "a", "x": 1 })]
    {
        let refused = ask(Method::POST, "/admin/plugins/probe/disable", bad).await;
        assert_eq!((refused.status, refused.kind()), (400, "bad-arguments"), "{refused:?}");
    }
    let disabled = ask(Method::POST, "/admin/plugins/probe/disable", json!({ "reason": "leaks" })).await;
    assert_eq!(disabled.status, 204, "{disabled:?}");
    assert_disabled(answers(&host).await);
    let refused = served.post("/call/probe/reads/now", &json!({})).await;
    assert_eq!((refused.status, refused.kind(), refused.header("retry-after")), (503, "disabled", ""));
    assert!(!refused.body.to_string().contains("leaks"), "{refused:?}");
    let list = ask(Method::GET, LIST, json!({})).await.body;
    assert_eq!(list["plugins"][0]["state"], "serving");
    assert_eq!(
        (&list["plugins"][1]["state"], &list["plugins"][1]["reason"]),
        (&json!("disabled"), &json!("leaks"))
    );
    let ready = served.get("/readyz").await;
    assert_eq!((ready.status, &ready.body["plugins"][1]["state"]), (200, &json!("disabled")));
    assert!(!ready.body.to_string().contains("leaks"), "{ready:?}");

    assert_eq!(ask(Method::POST, "/admin/plugins/none/enable", json!({})).await.status, 404);
    assert_eq!(ask(Method::POST, "/admin/plugins/probe/enable", json!({})).await.status, 204);
    answers(&host).await.unwrap();
}

#[tokio::test]
async fn commands_disable_and_enable_through_server_and_database() {
    let world = World::new().await;
    let host = world.host(&["greeter"]).await;
    let token = token(&world, &host, "operator").await;
    host.users().permit("operator", &[Permission::parse(OPERATOR_PERMISSION).unwrap()]).await.unwrap();
    let (folder, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // The data folder, in which a command without `--url` keeps its audit log.
    let DataDir::Persistent(data) = DataDir::of_project(home.path()).unwrap() else {
        panic!("the data folder is temporary")
    };
    let _data = Removed(data);
    let log = folder.path().join("audit.jsonl");
    let serving = Serving::start(&world, &["--audit-log", log.to_str().unwrap()]).await;
    let url = serving.url().to_owned();
    let through = ["--url", &url, "--token", &token];
    let server = async |arguments: &[&str]| finish(palisade(&[arguments, &through].concat())).await;
    let directly = async |arguments: &[&str]| {
        let mut command = palisade(&[arguments, &["--dir", home.path().to_str().unwrap()]].concat());
        finish({
            command.env("DATABASE_URL", world.url());
            command
        })
        .await
    };
    let disabled = server(&["disable", "greeter", "--reason", "a test"]).await;
    assert_eq!((disabled.code(), disabled.stdout.as_str()), (0, "`greeter` is disabled\n"), "{disabled:?}");
    let listed = server(&["plugins", "--json"]).await.json();
    assert_eq!((&listed[2]["name"], &listed[2]["state"]), (&json!("greeter"), &json!("disabled")));
    assert!(server(&["plugins"]).await.stdout.contains("disabled, since 2"));
    until(&host, "greeter", "disabled").await;
    let enabled = directly(&["enable", "greeter"]).await;
    assert_eq!((enabled.code(), enabled.stdout.as_str()), (0, "`greeter` is enabled\n"), "{enabled:?}");
    until(&host, "greeter", "serving").await;
    assert_eq!(directly(&["disable", "gretter", "--reason", "a test"]).await.code(), 2);
    let anonymous = finish(palisade(&["enable", "greeter", "--url", &url])).await;
    assert!(anonymous.code() == 1 && anonymous.stderr.contains("without a token"), "{anonymous:?}");
    assert_eq!(serving.terminate().await.code(), 0);
    let entries = entries(&log);
    assert_eq!(count(&entries, "disabled", Some("greeter"), "a test"), 1);
    assert_eq!(count(&entries, "enabled", Some("greeter"), "elsewhere"), 1);
}

#[tokio::test]
async fn audit_log_records_events_and_a_repetitive_guest_cannot_fill_it() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logs/audit.jsonl");
    let some: Grants = toml::from_str("variables = [\"write\"]").unwrap();
    let frugal = altered("probe", limited("random-bytes = \"1 B\""));
    let host = world
        .builder()
        .audit_log(&path)
        .plugin(frugal.path(), Policy::as_asked())
        .plugin(guest("steps"), Policy::only(some))
        .build()
        .await;
    // The load fails because the policy does not list its taps.
    assert!(host.is_err());
    let builder = world.builder().audit_log(&path).plugin(frugal.path(), Policy::as_asked());
    let host = builder.build().await.unwrap();
    for _ in 0..1_000 {
        assert!(call(&host, "probe", "reads/random", json!({ "length": 2 })).await.is_err());
    }
    let bad = odd(b"\0asm\x01\0\0\0", "[exports]\n\"acme:odd/calls\" = \"query\"\n");
    assert!(host.load(bad.path(), &Policy::as_asked()).await.is_err());
    assert!(host.load(guest("cursors"), &Policy::harmless()).await.is_err());
    let elsewhere = json!({ "request": { "method": "get", "url": "http://169.254.169.254/", "headers": [], "body": null, "secret": null, "timeoutMs": null } });
    assert!(call(&host, "probe", "effects/fetch", elsewhere).await.is_err());
    // All calls so far succeeded; the next ones fail.
    for _ in 0..2 * BREAKER_FAILURES {
        let _ = panics(&host).await;
    }
    host.disable("probe", "é\u{9b}2J".trim_end_matches("\u{9b}2J")).await.unwrap();
    host.enable("probe").await.unwrap();
    host.stop().await;

    let text = fs::read_to_string(&path).unwrap();
    assert!(text.is_ascii() && !text.contains("secret of the guest"));
    let entries = entries(&path);
    let probe = Some("probe");
    assert_eq!(count(&entries, "limit-hit", probe, "random-bytes"), 1_000);
    let kinds = entries.iter().filter(|entry| entry["event"] == "limit-hit").count();
    assert!(kinds <= 4, "a thousand repetitions make {kinds} entries");
    assert_eq!(count(&entries, "refused-load", Some("steps"), "tap"), 1);
    assert_eq!(count(&entries, "refused-load", Some("odd"), ""), 1);
    assert_eq!(count(&entries, "denied-grant", Some("cursors"), "db"), 1);
    assert_eq!(count(&entries, "denied-grant", probe, "http"), 1);
    assert_eq!(count(&entries, "quarantined", probe, "failed"), 1);
    assert_eq!(count(&entries, "disabled", probe, "é"), 1);
    assert_eq!(count(&entries, "enabled", probe, ""), 1);
    assert_eq!(count(&entries, "lifted", probe, ""), 1);
    assert_eq!(verify(&path).unwrap().unwrap().entries, entries.len() as u64);
}

#[tokio::test]
async fn audit_log_records_failed_canaries_and_quarantine_probes() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let host =
        world.builder().audit_log(&path).plugin(guest("probe"), Policy::as_asked()).build().await.unwrap();
    quarantine(&host).await;
    wait_out_quarantine(&host, "probe").await;
    for _ in 0..PROBE_FAILURES {
        let _ = panics(&host).await;
    }
    wait_out_quarantine(&host, "probe").await;
    world.sql.batch_execute("GRANT SELECT ON palisade.secrets TO PUBLIC").await.unwrap();
    assert!(host.load(guest("greeter"), &Policy::as_asked()).await.is_err());
    host.stop().await;
    let entries = entries(&path);
    assert_eq!(count(&entries, "quarantined", Some("probe"), "`abuses/panic` for anonymous callers"), 1);
    assert_eq!(count(&entries, "probed", Some("probe"), "for 2000 ms more"), 1);
    assert_eq!(count(&entries, "canary-fell", Some("greeter"), "secrets"), 1);
}

#[tokio::test]
async fn verify_prints_the_number_of_entries_or_the_faulty_line() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let host =
        world.builder().audit_log(&path).plugin(guest("probe"), Policy::as_asked()).build().await.unwrap();
    for _ in 0..3 {
        host.disable("probe", "a test").await.unwrap();
        host.enable("probe").await.unwrap();
    }
    host.stop().await;
    let verified = async || run(&world, &["audit-log", "verify", path.to_str().unwrap()]).await;
    let whole = verified().await;
    assert!(whole.code() == 0 && whole.stdout.starts_with("6 entries, the last one "), "{whole:?}");
    let good = fs::read_to_string(&path).unwrap();
    let bad = good.replacen("a test", "a joke", 2).replacen("a joke", "a test", 1);
    fs::write(&path, bad).unwrap();
    let found = verified().await;
    assert!(found.code() == 1 && found.stderr.contains("line 3: altered"), "{found:?}");
    let last = good.trim_end().rfind('\n').unwrap();
    fs::write(&path, &good[..=last]).unwrap();
    let found = verified().await;
    assert!(found.code() == 1 && found.stderr.contains("line 6: truncated"), "{found:?}");
    assert_eq!(verify(&path).unwrap().unwrap_err().why, Why::Truncated);
    fs::remove_file(&path).unwrap();
    assert_eq!(verified().await.code(), 1);
}

#[tokio::test]
async fn audit_log_that_was_deleted_or_replaced_by_an_old_copy_is_found_by_the_database() {
    let world = World::new().await;
    let (folder, old) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = folder.path().join("audit.jsonl");
    let start = async |path: &Path| {
        let builder = world.builder().audit_log(path).plugin(guest("probe"), Policy::as_asked());
        builder.build().await.unwrap()
    };
    let work = async |path: &Path| {
        let host = start(path).await;
        host.disable("probe", "a test").await.unwrap();
        host.enable("probe").await.unwrap();
        host.stop().await;
    };
    let verified = async |path: &Path| run(&world, &["audit-log", "verify", path.to_str().unwrap()]).await;
    work(&path).await;
    let whole = verified(&path).await;
    assert!(whole.code() == 0 && whole.stdout.contains("and the database agrees"), "{whole:?}");
    copy(folder.path(), old.path());
    work(&path).await;
    assert_eq!(world.count("SELECT max(seq) FROM palisade.audit_heads").await, 4);

    // An old copy, whole in itself.
    copy(old.path(), folder.path());
    assert_eq!(verify(&path).unwrap().unwrap().entries, 2);
    let found = verified(&path).await;
    assert!(found.code() == 1 && found.stderr.contains("line 3: behind"), "{found:?}");
    start(&path).await.stop().await;
    assert!(entries(&path)[2]["what"].as_str().unwrap().contains("this log ended with entry 4"));
    assert_eq!(verify(&path).unwrap().unwrap_err().why, Why::Behind);

    // Another host of the same database.
    let other = old.path().join("other/audit.jsonl");
    work(&other).await;
    assert_eq!(verified(&other).await.code(), 0);

    for file in fs::read_dir(folder.path()).unwrap() {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
    let found = verified(&path).await;
    assert!(found.code() == 1 && found.stderr.contains("which is gone"), "{found:?}");
    work(&path).await;
    let after = entries(&path);
    assert_eq!(count(&after, "resumed", None, "it is gone"), 1, "{after:?}");
    assert_eq!(verify(&path).unwrap().unwrap_err().why, Why::Behind);
    let found = verified(&path).await;
    assert!(found.code() == 1 && found.stderr.contains("which is gone"), "{found:?}");
    work(&path).await;
    assert_eq!(count(&entries(&path), "resumed", None, "it is gone"), 1, "it is reported once");
    assert_eq!(verified(&other).await.code(), 0);
}

#[tokio::test]
async fn audit_log_goes_on_while_the_database_takes_no_head_and_writes_it_later() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let builder = world.builder().audit_log(&path).plugin(guest("probe"), Policy::as_asked());
    let host = builder.build().await.unwrap();
    world.sql.batch_execute("ALTER TABLE palisade.audit_heads RENAME TO away").await.unwrap();
    host.disable("probe", "a test").await.unwrap();
    host.enable("probe").await.unwrap();
    for _ in 0..600 {
        if verify(&path).unwrap().is_ok_and(|verified| verified.entries == 2) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(verify(&path).unwrap().unwrap().entries, 2);
    world.sql.batch_execute("ALTER TABLE palisade.away RENAME TO audit_heads").await.unwrap();
    for _ in 0..600 {
        if world.count("SELECT coalesce(max(seq), 0) FROM palisade.audit_heads").await == 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(world.count("SELECT coalesce(max(seq), 0) FROM palisade.audit_heads").await, 2);
    host.stop().await;
}

#[tokio::test]
async fn locked_audit_log_stops_the_start_with_a_sentence_and_never_hangs_the_stop() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let serving = Serving::start(&world, &["--audit-log", path.to_str().unwrap()]).await;
    let holder = fs::File::open(&path).unwrap();
    holder.lock().unwrap();
    let examples = crate::command::child::examples();
    let refused = run(
        &world,
        &[
            "serve",
            examples.to_str().unwrap(),
            "--listen",
            "127.0.0.1:0",
            "--audit-log",
            path.to_str().unwrap(),
        ],
    )
    .await;
    assert!(refused.code() == 1 && refused.stderr.contains("another process has locked"), "{refused:?}");
    assert_eq!(serving.terminate().await.code(), 0);
    holder.unlock().unwrap();
}

#[tokio::test]
async fn rotated_audit_log_is_verified_in_all_its_files() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let builder = world.builder().audit_log(&path).plugin(guest("probe"), Policy::as_asked());
    let host = builder.build().await.unwrap();
    host.disable("probe", "a test").await.unwrap();
    let file = path.to_str().unwrap();
    let command = async |arguments: &[&str]| run(&world, arguments).await;
    // The writer is another thread.
    while !fs::read_to_string(&path).unwrap().contains("a test") {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let rotated = command(&["audit-log", "rotate", file]).await;
    assert_eq!(rotated.code(), 0, "{rotated:?}");
    host.enable("probe").await.unwrap();
    host.stop().await;
    let whole = command(&["audit-log", "verify", file]).await;
    assert!(
        whole.code() == 0 && whole.stdout.starts_with("3 entries in 2 files, the last one "),
        "{whole:?}"
    );
    let old = rotated.stdout.trim().strip_prefix("the entries so far are in ").unwrap().to_owned();
    fs::remove_file(old).unwrap();
    let found = command(&["audit-log", "verify", file]).await;
    assert!(found.code() == 1 && found.stderr.contains("line 1: continued"), "{found:?}");
    assert_eq!(command(&["audit-log", "verify", file, "--latest"]).await.code(), 0);
}
