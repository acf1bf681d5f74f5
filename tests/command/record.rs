//! `palisade serve --record`, `palisade replay` and `palisade test --from`.

use super::child::{Ran, Serving, finish, palisade};
use super::{Removed, with_dir};
use crate::harness::{Answer, World, client, copy, guestbook};
use palisade::store::private::DataDir;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// A copy of the guestbook in Rust, and where its folder's data is.
fn folder() -> (tempfile::TempDir, Removed) {
    let folder = tempfile::tempdir().unwrap();
    copy(&guestbook("rust"), folder.path());
    let DataDir::Persistent(data) = DataDir::of_project(folder.path()).unwrap() else {
        panic!("the data folder is temporary")
    };
    (folder, Removed(data))
}

async fn replay(world: &World, folder: &Path, arguments: &[&str]) -> Ran {
    let mut command = palisade(&with_dir(&[&["replay"], arguments].concat(), folder));
    command.env("DATABASE_URL", world.url());
    finish(command).await
}

#[tokio::test]
async fn recorded_call_runs_again_and_becomes_a_test() {
    let (world, (folder, _data)) = (World::new().await, folder());
    let added = super::run(&world, &["user", "add", "ada", "--token", "--json"]).await.json();
    let token = added["token"].as_str().unwrap().to_owned();
    let serving = Serving::of(folder.path(), &world, &["--record"], &[]).await;
    let call = |function: &str| client().post(format!("{}/call/guestbook-rust/{function}", serving.url()));
    let message = json!({ "name": "Ada", "message": "Hello" });
    let signed = Answer::to(call("writing/sign").bearer_auth(&token).json(&message)).await;
    assert_eq!((signed.status, &signed.body), (200, &json!(1)));
    let refused = Answer::to(call("writing/sign").json(&json!({ "name": "", "message": "x" }))).await;
    assert_ne!(refused.status, 200);
    let caller = Answer::to(call("reading/caller").bearer_auth(&token).json(&json!({}))).await;
    assert_eq!(caller.body, "ada");
    assert_eq!(serving.terminate().await.code(), 0);
    // Listed, without the token.
    let listed = replay(&world, folder.path(), &["--json"]).await;
    assert_eq!(listed.code(), 0, "{listed:?}");
    assert!(!listed.stdout.contains(&token) && !listed.stdout.contains("pal_"), "{listed:?}");
    let calls = listed.json();
    let of = |function: &str| {
        let found = calls.as_array().unwrap().iter().filter(|call| call["function"] == function);
        found.map(|call| call["id"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!((of("writing/sign").len(), of("reading/caller").len()), (2, 1), "{calls}");
    // A query: the same, as the same caller.
    let same = replay(&world, folder.path(), &[&of("reading/caller")[0]]).await;
    assert_eq!((same.code(), same.stdout.as_str()), (0, "\"ada\"\n"), "{same:?}");
    // A mutation runs on the rows as they are, and changes nothing.
    let differs = replay(&world, folder.path(), &[&of("writing/sign")[0], "--json"]).await;
    assert_eq!(differs.code(), 1, "{differs:?}");
    assert_eq!(differs.json()["same"], json!(false));
    assert!(differs.stderr.contains("the answer 1"), "{differs:?}");
    assert_eq!(world.count("SELECT count(*) FROM plugin_guestbook_rust.entries").await, 1);
    world.sql.batch_execute("TRUNCATE plugin_guestbook_rust.entries RESTART IDENTITY").await.unwrap();
    let same = replay(&world, folder.path(), &[&of("writing/sign")[0]]).await;
    assert_eq!((same.code(), same.stdout.as_str()), (0, "1\n"), "{same:?}");
    assert_eq!(world.count("SELECT count(*) FROM plugin_guestbook_rust.entries").await, 0);
    let error = replay(&world, folder.path(), &[&of("writing/sign")[1]]).await;
    assert_eq!((error.code(), error.stdout.as_str()), (0, "\"a name is needed\"\n"), "{error:?}");
    let none = replay(&world, folder.path(), &["999"]).await;
    assert!(none.code() == 2 && none.stderr.contains("no call 999 is kept"), "{none:?}");
    // A test of each, which passes.
    for id in of("writing/sign").iter().chain(&of("reading/caller")) {
        let arguments = ["test", folder.path().to_str().unwrap(), "--from", id];
        let made = finish(palisade(&arguments)).await;
        assert_eq!(made.code(), 0, "{made:?}");
        assert!(made.stdout.trim_end().ends_with(&format!("tests/recorded-{id}.toml")), "{made:?}");
        let again = finish(palisade(&arguments)).await;
        assert!(again.code() == 2 && again.stderr.contains("exists already"), "{again:?}");
    }
    let tested = finish(palisade(&["test", folder.path().to_str().unwrap(), "--json"])).await;
    assert_eq!(tested.code(), 0, "{tested:?}");
    assert_eq!(tested.json()["passed"], json!(3));
}

#[tokio::test]
async fn nothing_is_kept_unless_it_is_asked_for_and_only_the_user_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let (world, (folder, data)) = (World::new().await, folder());
    for options in [&[][..], &["--record"]] {
        let serving = Serving::of(folder.path(), &world, options, &[]).await;
        let echo = format!("{}/call/guestbook-rust/reading/echo", serving.url());
        let answer = Answer::to(client().post(&echo).json(&json!({ "number": 7 }))).await;
        assert_eq!(answer.body, json!(7));
        // Arguments that do not fit are no call.
        assert_eq!(Answer::to(client().post(&echo).json(&json!({ "number": -1 }))).await.status, 400);
        assert_eq!(serving.terminate().await.code(), 0);
        let listed = replay(&world, folder.path(), &["--json"]).await.json();
        let kept: Vec<&Value> = listed.as_array().unwrap().iter().collect();
        if options.is_empty() {
            assert!(kept.is_empty() && !data.0.join("recorded").exists(), "{kept:?}");
            continue;
        }
        assert_eq!((kept.len(), &kept[0]["outcome"]), (1, &json!({ "answer": 7 })), "{kept:?}");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&data.0.join("recorded")), 0o700);
        for entry in fs::read_dir(data.0.join("recorded")).unwrap() {
            assert_eq!(mode(&entry.unwrap().path()), 0o600);
        }
    }
}
