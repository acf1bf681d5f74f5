//! `palisade test`: what it runs, what it says when a test fails, and what it does with a file that is not one of tests.

mod page;

use super::child::{Ran, finish, palisade};
use crate::harness::{copy, guest, guestbook};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// The tests that the guestbooks of all languages share.
const GUESTBOOK: &str = include_str!("../../guestbooks/tests/guestbook.toml");

/// The guestbook in Rust, with one file of tests.
fn signed(tests: &str) -> tempfile::TempDir {
    with(&guestbook("rust"), tests)
}

/// A built plugin with one file of tests.
fn with(plugin: &Path, tests: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(plugin, folder.path());
    fs::create_dir(folder.path().join("tests")).unwrap();
    fs::write(folder.path().join("tests/a.toml"), tests).unwrap();
    folder
}

async fn test(folder: &Path, options: &[&str]) -> Ran {
    let mut command = palisade(&[&["test"], options].concat());
    // A server that is not there: the tests have their own.
    command.current_dir(folder).env("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none");
    finish(command).await
}

/// A test with these lines behind its name.
fn one(rest: &str) -> String {
    format!("[[test]]\nname = \"one\"\n{rest}")
}

async fn passes_the_tests_of_a_guestbook(language: &str) {
    let folder = with(&guestbook(language), GUESTBOOK);
    let ran = test(folder.path(), &[]).await;
    assert_eq!((ran.code(), ran.stderr.as_str()), (0, ""), "{language}: {}", ran.stdout);
    let tests = GUESTBOOK.matches("[[test]]").count();
    assert!(ran.stdout.contains(&format!("\n{tests} passed, 0 failed (")), "{language}: {}", ran.stdout);
}

#[tokio::test]
async fn guestbook_in_rust_passes_the_tests_of_a_guestbook() {
    passes_the_tests_of_a_guestbook("rust").await;
}

#[tokio::test]
async fn guestbook_in_c_passes_the_tests_of_a_guestbook() {
    passes_the_tests_of_a_guestbook("c").await;
}

#[tokio::test]
async fn guestbook_in_js_passes_the_tests_of_a_guestbook() {
    passes_the_tests_of_a_guestbook("js").await;
}

#[tokio::test]
async fn guestbook_in_python_passes_the_tests_of_a_guestbook() {
    passes_the_tests_of_a_guestbook("python").await;
}

#[tokio::test]
async fn failed_test_shows_place_difference_and_logs_and_ends_with_1() {
    let tests = "[[test]]\nname = \"passes\"\n[[test.steps]]\ncall = \"greeting/greet\"\narguments = { name = \"Ada\" }\n\
                 answer = \"Hello, Ada!\"\n\n[[test]]\nname = \"fails\"\n[[test.steps]]\ncall = \"greeting/greet\"\n\
                 arguments = { name = \"Bob\" }\nanswer = \"Hello, Ada!\"\n";
    let folder = with(&guest("greeter"), tests);
    let ran = test(folder.path(), &[]).await;
    assert_eq!(ran.code(), 1, "{ran:?}");
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(lines[0].starts_with("ok     tests/a.toml:2: passes ("), "{}", ran.stdout);
    assert!(lines[1].starts_with("FAILED tests/a.toml:9: fails ("), "{}", ran.stdout);
    assert_eq!(lines[2], "    tests/a.toml:13: step 1, `greeting/greet`: another answer than expected");
    assert_eq!(lines[3], "      - \"Hello, Ada!\"");
    assert_eq!(lines[4], "      + \"Hello, Bob!\"");
    assert!(lines.iter().any(|line| line.contains("1 passed, 1 failed")), "{}", ran.stdout);
    assert!(ran.stderr.contains("1 of 2 tests failed"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(folder.path().join("tests/a.toml")).unwrap(), tests, "nothing is written");
}

/// What the only failure of a test says.
async fn failure(folder: &Path) -> String {
    let ran = test(folder, &["--json"]).await;
    assert_eq!(ran.code(), 1, "{ran:?}");
    let tests = ran.json();
    assert_eq!(tests["failed"], 1, "{tests}");
    let failures =
        tests["tests"].as_array().unwrap().iter().flat_map(|test| test["failures"].as_array().unwrap());
    let failures: Vec<&Value> = failures.collect();
    assert_eq!(failures.len(), 1, "{tests}");
    format!(
        "{}:{}: {}",
        failures[0]["line"],
        failures[0]["column"],
        failures[0]["sentence"].as_str().unwrap()
    )
}

#[tokio::test]
async fn each_thing_that_differs_from_a_test_fails_it_with_its_place() {
    let recent = "[[test.steps]]\ncall = \"reading/recent\"\narguments = { max = 5 }\n";
    let row = "[test.before]\nentries = [{ id = 1, name = \"Ada\", message = \"x\" }]\n";
    for (tests, expected) in [
        // The answer, the side, and a failure that nobody expects.
        (one(&format!("{row}{recent}answer = []\n")), "8:1: step 1, `reading/recent`: another answer"),
        (one(&format!("{row}{recent}answer = [{{ id = 1 }}, {{ id = 2 }}]\n")), "another answer"),
        (one(&format!("{recent}error = \"no\"\n")), "6:1: step 1, `reading/recent`: another outcome"),
        (one(&format!("{recent}fails = \"trapped\"\n")), "another outcome"),
        (
            one("[[test.steps]]\ncall = \"writing/sign\"\narguments = { name = \"\", message = \"\" }\n"),
            "4:1: step 1, `writing/sign`: the error \"a name is needed\"",
        ),
        (one("[[test.steps]]\ncall = \"writing/sign\"\narguments = { name = 1 }\n"), "$.name"),
        (one("[[test.steps]]\ncall = \"writing/sing\"\n"), "no function `writing/sing`"),
        (
            one(
                "[[test.steps]]\ncall = \"reading/recent\"\narguments = { max = -1 }\nfails = \"something else\"\n",
            ),
            "6:1: step 1, `reading/recent`: another outcome",
        ),
        // Rows.
        (one(&format!("{row}{recent}[test.after]\nentries = []\n")), "9:1: `entries` has other rows"),
        (one(&format!("{recent}[test.after]\nentries = [{{ id = 1 }}]\n")), "other rows"),
        (
            one(&format!("{row}{recent}[test.after]\nentries = [{{ name = \"Ada\" }}, {{ id = 1 }}]\n")),
            "other rows",
        ),
        (one(&format!("{row}{recent}[test.after]\nentries = [{{ message = \"y\" }}]\n")), "other rows"),
        // A table or a column that does not exist.
        (
            one(&format!("[test.before]\nentris = []\n{recent}")),
            "4:1: the plugin has no table \"entris\"; did you mean `entries`?",
        ),
        (
            one(&format!("{recent}[test.after]\nsecrets = []\n")),
            "7:1: the plugin has no table \"secrets\"; it has `entries`",
        ),
        (
            one(&format!("{recent}[test.after]\nentries = [{{ nam = \"Ada\" }}]\n")),
            "7:12: `entries` has no column \"nam\"; did you mean `name`?",
        ),
        (
            one(&format!("[test.before]\n\"entries; DROP TABLE entries\" = []\n{recent}")),
            "the plugin has no table",
        ),
        (one(&format!("[test.before]\n\"palisade.users\" = []\n{recent}")), "the plugin has no table"),
        (
            one(&format!("[test.before]\nentries = [{{ id = 1, \"message\\\"\" = \"x\" }}]\n{recent}")),
            "has no column",
        ),
        // Values that a column cannot hold.
        (
            one(&format!(
                "[test.before]\nentries = [{{ id = \"x\", name = \"a\", message = \"b\" }}]\n{recent}"
            )),
            "4:12: the row of `entries` cannot be added: PostgreSQL says: ",
        ),
        (one(&format!("[test.before]\nentries = [{{ id = 1 }}]\n{recent}")), "PostgreSQL says: null value"),
        (
            one(&format!("{recent}[test.after]\nentries = [{{ id = \"x\" }}]\n")),
            "7:12: the row cannot be one of `entries`",
        ),
        // A user.
        (
            format!("[users]\nada = {{ permissions = [\"NO\"] }}\n{}", one(recent)),
            "2:1: the user `ada` cannot be added",
        ),
    ] {
        let folder = signed(&tests);
        let said = failure(folder.path()).await;
        assert!(said.contains(expected), "{tests}\n{said}\nlacks {expected}");
    }
}

#[tokio::test]
async fn file_that_is_not_one_of_tests_ends_with_2_before_anything_runs() {
    let recent = one("[[test.steps]]\ncall = \"reading/recent\"\narguments = { max = 5 }\n");
    for (tests, expected) in [
        ("[[test]\n".to_owned(), "tests/a.toml:1:"),
        (format!("{recent}anser = []\n"), "tests/a.toml:6:1: a step has no key `anser`"),
        (format!("{recent}[test.http]\n"), "[[test.http]]"),
        ("[users]\n".to_owned(), "there are no tests in"),
        ("x".repeat(1024 * 1024 + 1), "tests/a.toml"),
        (format!("{recent}#{}\n", "x".repeat(1024 * 1024)), "tests/a.toml"),
    ] {
        let folder = signed(&tests);
        let refused = test(folder.path(), &[]).await;
        assert_eq!((refused.code(), refused.stdout.as_str()), (2, ""), "{refused:?}");
        assert!(refused.stderr.contains(expected), "{refused:?}");
    }
    // A file without an end, one that nobody writes to, and one elsewhere.
    let folder = signed(&recent);
    let path = folder.path().join("tests/b.toml");
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("c.toml"), &recent).unwrap();
    for make in ["zero", "pipe", "link"] {
        match make {
            "zero" => symlink("/dev/zero", &path).unwrap(),
            "pipe" => assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success()),
            _ => symlink(elsewhere.path().join("c.toml"), &path).unwrap(),
        }
        let refused = test(folder.path(), &[]).await;
        assert_eq!((refused.code(), refused.stdout.as_str()), (2, ""), "{make}: {refused:?}");
        assert!(refused.stderr.contains("tests/b.toml"), "{make}: {refused:?}");
        fs::remove_file(&path).unwrap();
    }
}

#[tokio::test]
async fn file_at_the_most_bytes_is_read() {
    let tests = one("[[test.steps]]\ncall = \"reading/recent\"\narguments = { max = 5 }\n");
    let comment = "#".repeat(1024 * 1024 - tests.len());
    let folder = signed(&format!("{tests}{comment}"));
    assert_eq!(test(folder.path(), &[]).await.code(), 0);
}

#[tokio::test]
async fn filter_runs_the_tests_whose_names_contain_it() {
    let folder = signed(GUESTBOOK);
    let ran = test(folder.path(), &["--filter", "without a name", "--json"]).await;
    assert_eq!(ran.code(), 0, "{ran:?}");
    let result = ran.json();
    assert_eq!((&result["passed"], &result["left-out"]), (&json!(1), &json!(5)), "{result}");
    assert_eq!(result["tests"][0]["name"], "an entry without a name is not stored");
    let none = test(folder.path(), &["--filter", "nothing like this"]).await;
    assert_eq!(none.code(), 2, "{none:?}");
    assert!(none.stderr.contains("no test contains"), "{none:?}");
}

#[tokio::test]
async fn plugin_that_is_not_built_or_has_no_tests_is_named_with_what_to_do() {
    let folder = signed(GUESTBOOK);
    fs::remove_file(folder.path().join("guestbook.wasm")).unwrap();
    let refused = test(folder.path(), &[]).await;
    assert_eq!(refused.code(), 2, "{refused:?}");
    assert!(refused.stderr.contains("run `palisade build` first"), "{refused:?}");
    fs::remove_dir_all(folder.path().join("tests")).unwrap();
    let refused = test(folder.path(), &[]).await;
    assert!(refused.code() == 2 && refused.stderr.contains("there are no tests in"), "{refused:?}");
    let empty = tempfile::tempdir().unwrap();
    let refused = test(empty.path(), &[]).await;
    assert!(refused.code() == 2 && refused.stderr.contains("no plugins in"), "{refused:?}");
}

#[tokio::test]
async fn source_that_is_newer_than_the_component_is_a_warning() {
    let folder = signed(GUESTBOOK);
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("src/lib.rs"), "").unwrap();
    let ran = test(folder.path(), &["--filter", "exact"]).await;
    assert_eq!(ran.code(), 0, "{ran:?}");
    assert!(
        ran.stderr.contains("src/lib.rs is newer than") && ran.stderr.contains("palisade build"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn update_writes_what_tests_get_and_then_they_pass() {
    let before = "# Kept.\n[users]\nada = {}\n\n[[test]]\nname = \"one\"  # kept\n\n[[test.steps]]\ncall = \"writing/sign\"\n\
                  arguments = { name = \"Ada\", message = \"x\" }\nanswer = 99\n\n[[test.steps]]\ncall = \"writing/sign\"\n\
                  arguments = { name = \"\", message = \"x\" }\nanswer = 1\n\n[[test.steps]]\ncall = \"reading/recent\"\n\
                  arguments = { max = 1 }\nanswer = []\n\n[[test.steps]]\ncall = \"reading/caller\"\nanswer = \"Eve\"\n\n\
                  [test.after]\nentries = [{ name = \"Eve\" }]\n";
    let after = before
        .replace("answer = 99", "answer = 1")
        .replace(
            "\"x\" }\nanswer = 1\n\n[[test.steps]]\ncall = \"reading/recent\"",
            "\"x\" }\nerror = \"a name is needed\"\n\n[[test.steps]]\ncall = \"reading/recent\"",
        )
        .replace("answer = []", "answer = [{ id = 1, message = \"x\", name = \"Ada\" }]")
        .replace("answer = \"Eve\"\n", "")
        .replace("[{ name = \"Eve\" }]", "[{ name = \"Ada\" }]");
    let folder = signed(before);
    let path = folder.path().join("tests/a.toml");
    assert_eq!(test(folder.path(), &[]).await.code(), 1);
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    let updated = test(folder.path(), &["--update"]).await;
    assert_eq!(updated.code(), 0, "{updated:?}");
    assert!(updated.stdout.contains("1 passed, 0 failed, 1 updated ("), "{updated:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), after);
    let again = test(folder.path(), &["--update"]).await;
    assert!(again.code() == 0 && again.stdout.contains("0 updated"), "{again:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), after);
}

#[tokio::test]
async fn update_leaves_a_test_that_fails_otherwise() {
    let tests = one(
        "[[test.steps]]\ncall = \"writing/sign\"\narguments = { name = \"Ada\", message = \"x\" }\nanswer = 99\n\
                     [[test.steps]]\ncall = \"writing/sign\"\narguments = { name = \"\", message = \"x\" }\n",
    );
    let folder = signed(&tests);
    let ran = test(folder.path(), &["--update"]).await;
    assert_eq!(ran.code(), 1, "{ran:?}");
    assert_eq!(fs::read_to_string(folder.path().join("tests/a.toml")).unwrap(), tests);
}

#[tokio::test]
async fn seed_and_instant_decide_what_a_test_gets() {
    let step = "[[test.steps]]\ncall = \"reads/brief\"\nanswer = 0\n";
    let tests = |seed: &str, at: &str| one(&format!("seed = \"{seed}\"\nat = \"{at}\"\n{step}"));
    let (one, other) = ("07".repeat(32), "08".repeat(32));
    let mut all = Vec::new();
    for (seed, at) in [
        (&one, "2026-01-31T12:00:00Z"),
        (&one, "2026-01-31T12:00:00Z"),
        (&other, "2026-01-31T12:00:00Z"),
        (&one, "2026-01-31T12:00:01Z"),
    ] {
        let folder = with(&guest("replay"), &tests(seed, at));
        assert_eq!(test(folder.path(), &["--update"]).await.code(), 0);
        all.push(
            fs::read_to_string(folder.path().join("tests/a.toml"))
                .unwrap()
                .split_once(step.split_once("answer").unwrap().0)
                .unwrap()
                .1
                .to_owned(),
        );
    }
    assert_eq!(all[0], all[1]);
    assert!(all[0] != all[2] && all[0] != all[3] && all[0].starts_with("answer"), "{all:?}");
}

#[tokio::test]
async fn requests_to_other_servers_get_the_answers_of_the_test() {
    let request = |method: &str, path: &str, rest: &str| {
        format!(
            "[[test.steps]]\ncall = \"effects/fetch\"\narguments = {{ request = {{ method = \"{method}\", \
             url = \"https://api.example.com{path}\", headers = []{rest} }} }}\n"
        )
    };
    let get = request("get", "/v1/a", "");
    let answer = |rest: &str| format!("[[test.http]]\nurl = \"https://api.example.com/v1/a\"\n{rest}");
    // In order, with status, headers and body, and failures.
    let tests = one(&format!(
        "{}{}{}{}{get}answer = {{ status = 200, body = \"aGk=\" }}\n{get}answer = {{ status = 404, headers = [{{ name = \"x-a\", \
         value = \"Yg==\" }}] }}\n{get}error = {{ tag = \"timeout\" }}\n{get}error = {{ tag = \"connection-failed\" }}\n\
         {}error = {{ tag = \"access-denied\" }}\n",
        answer("body = \"hi\"\n"),
        answer("status = 404\nheaders = { x-a = \"b\" }\n"),
        answer("fails = \"timeout\"\n"),
        answer("fails = \"connection\"\n"),
        request("get", "/v2/secret", ""),
    ));
    let folder = with(&guest("probe"), &tests);
    let ran = test(folder.path(), &[]).await;
    assert_eq!(ran.code(), 0, "{}", ran.stdout);
    // What is sent.
    let post = request("post", "/v1/a", ", body = \"eyJhIjoxfQ==\"");
    let sent = |sent: &str| one(&format!("{}{post}", answer(&format!("method = \"POST\"\nsent = {sent}\n"))));
    let folder = with(&guest("probe"), &sent("{ a = 1 }"));
    assert_eq!(test(folder.path(), &[]).await.code(), 0);
    for (tests, expected) in [
        (sent("{ a = 2 }"), "6:1: another body of POST https://api.example.com/v1/a than expected"),
        (
            one(&format!("{}{get}{}", answer(""), answer(""))),
            "the plugin did not send GET https://api.example.com/v1/a",
        ),
        (
            one(&format!("{get}error = {{}}\n")),
            "the plugin sent GET https://api.example.com/v1/a, and no [[test.http]]",
        ),
    ] {
        let folder = with(&guest("probe"), &tests);
        let ran = test(folder.path(), &["--json"]).await;
        assert_eq!(ran.code(), 1, "{ran:?}");
        let said = ran.json()["tests"][0]["failures"].to_string();
        let place = |failure: &Value| {
            format!("{}:{}: {}", failure["line"], failure["column"], failure["sentence"].as_str().unwrap())
        };
        let said_places: Vec<String> =
            ran.json()["tests"][0]["failures"].as_array().unwrap().iter().map(place).collect();
        assert!(said_places.iter().any(|said| said.contains(expected)), "{said} lacks {expected}");
    }
}

/// The folders and processes of private servers that tests have left.
fn left(of: u32) -> Vec<String> {
    let mut left = Vec::new();
    for root in [std::env::temp_dir(), "/var/tmp".into()] {
        let entries = fs::read_dir(root).unwrap().flatten();
        left.extend(entries.filter_map(|entry| entry.file_name().into_string().ok()));
    }
    left.retain(|name| name.starts_with(&format!("palisade-pg-{of}-")));
    left
}

#[tokio::test]
async fn server_and_databases_are_gone_afterwards_even_if_the_command_is_killed() {
    let folder = signed(GUESTBOOK);
    for kills in [false, true] {
        let mut command = palisade(&["test"]);
        command.current_dir(folder.path());
        let mut child = command.spawn().unwrap();
        let id = child.id().unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_mins(1);
        while left(id).is_empty() {
            assert!(std::time::Instant::now() < deadline, "no server starts");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        if kills {
            // Until the server has been started: what `initdb` leaves is the next start's to remove.
            while super::processes(&format!("palisade-pg-{id}-")).iter().all(|line| !line.contains("rm -rf"))
            {
                assert!(std::time::Instant::now() < deadline, "no helper starts");
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            child.kill().await.unwrap();
        } else {
            assert!(child.wait().await.unwrap().success());
        }
        while !left(id).is_empty() || !super::processes(&format!("palisade-pg-{id}-")).is_empty() {
            assert!(std::time::Instant::now() < deadline, "left: {:?}", left(id));
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}
