//! `palisade dev`: what an edit changes and a broken one does not, what is shown of calls, and what keys do.

use super::Removed;
use super::child::palisade;
use super::new;
use super::reload::reword;
use crate::harness::{Answer, blocks, client, copy, guest, read};
use palisade::store::private::DataDir;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

/// Longer than anything takes on a busy machine.
const WAIT_MAX: Duration = Duration::from_mins(3);

/// A running `palisade dev` of a folder.
struct Dev {
    child: Child,
    keys: ChildStdin,
    shown: Arc<Mutex<String>>,
    url: String,
    home: tempfile::TempDir,
    _data: Removed,
}

/// Collects what comes from a stream.
fn collect(stream: impl AsyncRead + Unpin + Send + 'static, into: &Arc<Mutex<String>>) {
    let into = Arc::clone(into);
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            into.lock().unwrap().extend([&line, "\n"]);
        }
    });
}

impl Dev {
    /// Starts it, with its private database in a folder that is removed at the end.
    async fn start(folder: &Path) -> Self {
        let home = tempfile::tempdir().unwrap();
        let DataDir::Persistent(data) = DataDir::of_project(folder).unwrap() else {
            panic!("the data folder is temporary")
        };
        let mut command = palisade(&["dev", folder.to_str().unwrap(), "--listen", "127.0.0.1:0"]);
        command.env("HOME", home.path()).env("XDG_STATE_HOME", home.path());
        // No other server is used, whatever the variable says.
        command.env("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none");
        // Where `cargo xtask` keeps the toolchain for guests.
        if std::env::var_os("PALISADE_CACHE").is_none() {
            command.env("PALISADE_CACHE", new::cache());
        }
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let shown = Arc::new(Mutex::new(String::new()));
        collect(child.stdout.take().unwrap(), &shown);
        collect(child.stderr.take().unwrap(), &shown);
        let keys = child.stdin.take().unwrap();
        let mut dev = Self { child, keys, shown, url: String::new(), home, _data: Removed(data) };
        dev.shows("palisade dev: http://", 1).await;
        let shown = dev.shown();
        let url = shown.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
        url.clone_into(&mut dev.url);
        dev
    }

    fn shown(&self) -> String {
        self.shown.lock().unwrap().clone()
    }

    /// Waits until it has shown this text as often as given.
    async fn shows(&self, text: &str, times: usize) {
        let waited = tokio::time::timeout(WAIT_MAX, async {
            while self.shown.lock().unwrap().matches(text).count() < times {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        assert!(waited.await.is_ok(), "no {times} of {text:?} in {}", self.shown());
    }

    async fn press(&mut self, key: &str) {
        self.keys.write_all(key.as_bytes()).await.unwrap();
        self.keys.flush().await.unwrap();
    }

    async fn call(&self, function: &str, arguments: &Value) -> Answer {
        Answer::to(client().post(format!("{}/call/{function}", self.url)).json(arguments)).await
    }

    /// Presses `q`, and returns all that was shown.
    async fn quit(mut self) -> String {
        self.press("q").await;
        let ended = tokio::time::timeout(WAIT_MAX, self.child.wait()).await.expect("it ends").unwrap();
        assert_eq!(ended.code(), Some(0), "{}", self.shown());
        assert!(!self.shown().contains('\u{1b}'), "{}", self.shown());
        self.shown()
    }
}

/// A copy of a built guest, which has no `[build]`.
fn built(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&guest(name), folder.path());
    folder
}

fn change(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{} has no {from}", path.display());
    fs::write(path, text.replace(from, to)).unwrap();
}

#[tokio::test]
async fn edit_is_served_and_a_broken_one_leaves_the_version_before() {
    let parent = tempfile::tempdir().unwrap();
    let made = new::new(parent.path(), &["hello", "--lang", "c", "--template", "hello"]).await;
    assert_eq!(made.code(), 0, "{made:?}");
    let folder = parent.path().join("hello");
    let source = folder.join("src/plugin.c");
    let dev = Dev::start(&folder).await;
    dev.shows("hello 0.1.0 is served: built in ", 1).await;
    dev.shows("query    greeting/greet", 1).await;
    let greet = async || dev.call("hello/greeting/greet", &json!({ "name": "Ada" })).await.body;
    assert_eq!(greet().await, json!("Hello, Ada!"));
    dev.shows("query    greeting/greet answered in ", 1).await;
    dev.shows("info greeting Ada", 1).await;
    change(&source, "\"Hello, \"", "\"Howdy, \"");
    dev.shows("changed: src/plugin.c", 1).await;
    dev.shows("is served: built in ", 2).await;
    assert_eq!(greet().await, json!("Howdy, Ada!"));
    // A source that does not compile, a manifest that cannot be parsed, and one that a host would refuse.
    let manifest = folder.join("palisade.toml");
    for (number, (file, from, to, says)) in [
        (&source, "return true;", "return true", "plugin.c:"),
        (&manifest, "[plugin]", "[plugin", "palisade.toml:"),
        (
            &manifest,
            "\"acme:hello/greeting\" = \"query\"",
            "\"acme:hello/greetings\" = \"query\"",
            "greetings",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        change(file, from, to);
        dev.shows("failed: version 0.1.0 as it was before is still served", number + 1).await;
        dev.shows(says, 1).await;
        assert_eq!(greet().await, json!("Howdy, Ada!"));
        change(file, to, from);
        dev.shows("is served: built in ", number + 3).await;
    }
    // A lower number is no mistake here.
    change(&manifest, "version = \"0.1.0\"", "version = \"0.0.9\"");
    dev.shows("hello 0.0.9 is served", 1).await;
    assert_eq!(greet().await, json!("Howdy, Ada!"));
    let shown = dev.quit().await;
    assert_eq!(shown.matches("changed:").count(), 8, "what a build writes starts no other: {shown}");
}

#[tokio::test]
async fn twenty_swaps_lose_no_call() {
    let folder = built("audit-trail");
    let dev = Dev::start(folder.path()).await;
    dev.shows("is served: loaded in ", 1).await;
    let url = format!("{}/call/audit-trail/trail/list", dev.url);
    let is_done = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (url, is_done) = (url.clone(), Arc::clone(&is_done));
            tokio::spawn(async move {
                let arguments = json!({ "item": "0190a5f0-0000-7000-8000-000000000000" });
                let mut calls = 0;
                while calls < 50 || !is_done.load(Ordering::Relaxed) {
                    let answer = Answer::to(client().post(&url).json(&arguments)).await;
                    assert_eq!((answer.status, &answer.body), (200, &json!([])), "{answer:?}");
                    calls += 1;
                }
                calls
            })
        })
        .collect();
    let component = folder.path().join("audit-trail.wasm");
    let bytes = fs::read(&component).unwrap();
    for number in 2..=21 {
        fs::write(&component, &bytes).unwrap();
        dev.shows("is served: loaded in ", number).await;
    }
    is_done.store(true, Ordering::Relaxed);
    let mut calls = 0;
    for caller in callers {
        calls += caller.await.unwrap();
    }
    assert!(calls >= 200, "{calls}");
    let shown = dev.quit().await;
    assert!(shown.matches("trail/list answered in ").count() >= calls, "{shown}");
}

#[tokio::test]
async fn refusals_are_shown_with_their_reason_and_place() {
    let folder = built("sql");
    let dev = Dev::start(folder.path()).await;
    dev.shows("is served", 1).await;
    let statements = ["SELECT 1,\n\tzzz FROM notes", "SELECT pg_sleep(1)", "SELECT 1 FROM vault"];
    let answer = dev.call("sql/in-query/query-each", &json!({ "statements": statements })).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let margin = "           ";
    dev.shows(&format!("{margin}   zzz FROM notes\n{margin}   ^\n"), 1).await;
    dev.shows(&format!("{margin}  SELECT pg_sleep(1)\n{margin}         ^\n"), 1).await;
    let shown = dev.shown();
    for says in [
        "refused a statement is not granted: the column `zzz`",
        "granted are",
        "refused a statement is not accepted: ",
        "pg_sleep",
        "in-query/query-each answered in ",
        "host-calls ",
    ] {
        assert!(shown.contains(says), "no {says:?} in {shown}");
    }
    // A structured call, whose guest is told no more than that it is denied.
    let selection = |table: &str, column: &str| {
        json!({ "selection": {
            "table": table, "columns": [column], "filter": [], "orderBy": [], "limit": null, "after": [],
        }})
    };
    for (table, column, says) in [
        ("notes", "titel", "the column `titel` of `notes` is not granted for select; granted are "),
        (
            "vault",
            "id",
            "the table `vault` is not granted for select: add \"select\" to it in [grants.db.tables]",
        ),
    ] {
        let denied = dev.call("sql/in-query/select", &selection(table, column)).await;
        assert!(denied.body.to_string().contains("access-denied"), "{denied:?}");
        assert!(!denied.body.to_string().contains("granted"), "{denied:?}");
        dev.shows(says, 1).await;
    }
    // Calls that never reach the plugin.
    assert_eq!(dev.call("sql/in-query/nothing", &json!({})).await.status, 404);
    dev.shows("in-query/nothing rejected", 1).await;
    assert_eq!(dev.call("sql/in-query/query-each", &json!({ "statements": 5 })).await.status, 400);
    dev.shows("in-query/query-each rejected", 1).await;
    dev.quit().await;
}

#[tokio::test]
async fn endless_loop_ends_soon_and_traps_are_shown_with_what_was_printed() {
    let folder = built("wasi");
    let dev = Dev::start(folder.path()).await;
    dev.shows("is served", 1).await;
    let print = |end: &str| json!({ "toStderr": true, "pieces": ["VHJhY2ViYWNrOgogIEZpbGUg", "YXBwLnB5Cg=="], "end": end });
    let trapped = dev.call("wasi/printing/write", &print("traps")).await;
    assert_eq!(trapped.status, 500);
    dev.shows("warn Traceback:", 1).await;
    dev.shows("warn   File app.py", 1).await;
    dev.shows("trapped ", 1).await;
    dev.shows("printing/write trap in ", 1).await;
    let ended = dev.call("wasi/printing/write", &print("spins")).await;
    assert_eq!(ended.status, 500);
    dev.shows("limit `guest-time` exceeded: ", 1).await;
    dev.shows("of 2000 ms", 1).await;
    dev.shows("an endless loop?", 1).await;
    // Whoever has said how long a call may compute is obeyed.
    let manifest = folder.path().join("palisade.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, format!("{text}\n[limits]\nguest-time = \"3 s\"\n")).unwrap();
    dev.shows("is served", 2).await;
    dev.call("wasi/printing/write", &print("spins")).await;
    dev.shows("of 3000 ms", 1).await;
    dev.quit().await;
}

#[tokio::test]
async fn keys_reset_the_database_run_the_cron_tap_and_the_tests_and_quit() {
    let folder = built("sql");
    let mut dev = Dev::start(folder.path()).await;
    dev.shows("is served", 1).await;
    let insert = json!({ "statements": ["INSERT INTO notes (title) VALUES ('a')"] });
    assert_eq!(dev.call("sql/in-mutation/execute-each", &insert).await.status, 200);
    let rows = async |dev: &Dev| {
        let count = json!({ "statements": ["SELECT title FROM notes"] });
        dev.call("sql/in-query/query-each", &count).await.body.to_string()
    };
    assert!(rows(&dev).await.contains('1'), "{}", rows(&dev).await);
    dev.press("r").await;
    dev.shows("the database is made anew", 1).await;
    dev.shows("is served", 2).await;
    assert!(rows(&dev).await.contains('0'), "{}", rows(&dev).await);
    dev.press("c").await;
    dev.shows("the plugin has no cron tap", 1).await;
    dev.press("t").await;
    dev.shows("running the tests", 1).await;
    dev.shows("the tests ", 1).await;
    dev.press("b").await;
    dev.shows("is served", 3).await;
    dev.quit().await;

    let folder = built("taps");
    let mut dev = Dev::start(folder.path()).await;
    dev.shows("is served", 1).await;
    dev.press("c").await;
    dev.shows("the cron tap has run", 1).await;
    dev.shows("action   tap-cron answered in ", 1).await;
    dev.quit().await;
}

#[tokio::test]
async fn folder_that_is_no_plugin_or_is_served_already_is_refused() {
    let several = tempfile::tempdir().unwrap();
    copy(guest("greeter").parent().unwrap(), several.path());
    let refused = super::child::finish(palisade(&["dev", several.path().to_str().unwrap()])).await;
    assert!(refused.code() == 2 && refused.stderr.contains("holds several plugins"), "{refused:?}");
    let folder = built("greeter");
    let dev = Dev::start(folder.path()).await;
    let mut command = palisade(&["dev", folder.path().to_str().unwrap(), "--listen", "127.0.0.1:0"]);
    command.env("HOME", dev.home.path()).env("XDG_STATE_HOME", dev.home.path());
    let refused = super::child::finish(command).await;
    assert_eq!(refused.code(), 1);
    assert!(refused.stderr.contains("of this folder is running and uses its database"), "{refused:?}");
    dev.shows("is served", 1).await;
    reword(folder.path(), "Howdy");
    dev.shows("is served", 2).await;
    assert_eq!(
        dev.call("greeter/greeting/greet", &json!({ "name": "Ada" })).await.body,
        json!("Howdy, Ada!")
    );
    dev.quit().await;
}

/// The mode of a terminal, as `stty` shows it.
async fn mode(terminal: &str) -> String {
    let shown = Command::new("stty").args(["-a", "-F", terminal]).output().await.unwrap();
    String::from_utf8(shown.stdout).unwrap()
}

/// Whether keys act at once and are not shown.
fn is_raw(mode: &str) -> bool {
    mode.contains("-icanon") && mode.contains("-echo ")
}

#[tokio::test]
async fn terminal_is_as_it_was_however_it_ends() {
    let folder = built("greeter");
    let DataDir::Persistent(data) = DataDir::of_project(folder.path()).unwrap() else {
        panic!("the data folder is temporary")
    };
    let (_data, home) = (Removed(data), tempfile::tempdir().unwrap());
    for end in ["q", "-TERM", "-INT", "-HUP", "-QUIT"] {
        // `script` gives the command a terminal. The shell stays, so the terminal outlives the command.
        let clean = palisade(&[]);
        let line =
            "tty; \"$PALISADE\" dev \"$FOLDER\" --listen 127.0.0.1:0; echo \"ended with $?\"; sleep 600";
        let mut command = Command::new("script");
        command.args(["-q", "-e", "-c", line, "/dev/null"]).env("SHELL", "/bin/sh");
        for (name, value) in clean.as_std().get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.env("PALISADE", clean.as_std().get_program()).env("FOLDER", folder.path());
        command.env("HOME", home.path()).env("XDG_STATE_HOME", home.path()).kill_on_drop(true);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let shown = Arc::new(Mutex::new(String::new()));
        collect(child.stdout.take().unwrap(), &shown);
        let until = async |text: &str| {
            let waited = tokio::time::timeout(WAIT_MAX, async {
                while !shown.lock().unwrap().contains(text) {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            });
            assert!(waited.await.is_ok(), "{end}: no {text:?} in {}", shown.lock().unwrap());
        };
        until("is served").await;
        let terminal = shown.lock().unwrap().lines().next().unwrap().trim().to_owned();
        assert!(is_raw(&mode(&terminal).await), "{end}: {}", mode(&terminal).await);
        if end == "q" {
            child.stdin.as_mut().unwrap().write_all(b"q").await.unwrap();
        } else {
            let folder = folder.path().to_str().unwrap();
            let pattern = format!("dev {folder} --listen");
            for id in ids(&pattern) {
                assert!(Command::new("kill").args([end, &id]).status().await.unwrap().success());
            }
        }
        until("ended with 0").await;
        let mode = mode(&terminal).await;
        assert!(!mode.contains("-icanon") && !mode.contains("-echo "), "{end}: {mode}");
        // Ends the shell's `sleep` with its terminal.
        child.kill().await.unwrap();
    }
}

/// The ids of the processes of `palisade` whose command lines contain a text.
fn ids(text: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let found = entries.filter(|entry| {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        name.trim() == "palisade" && String::from_utf8_lossy(&line).replace('\0', " ").contains(text)
    });
    found.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

/// The line without what differs from run to run: numbers, and what a call used.
fn settled(line: &str) -> String {
    let mut text = String::new();
    for letter in line.split(" ms  ").next().unwrap().chars() {
        match (letter.is_ascii_digit(), text.ends_with('0')) {
            (true, true) => {}
            (true, false) => text.push('0'),
            (false, _) => text.push(letter),
        }
    }
    text
}

#[tokio::test]
async fn every_example_of_the_page_runs() {
    let page = read("docs/developing.md");
    let parent = tempfile::tempdir().unwrap();
    let (mut dev, mut ran) = (None, 0);
    let sql = built("sql");
    let refusing = Dev::start(sql.path()).await;
    refusing.shows("is served", 1).await;
    let statements = json!({ "statements": ["SELECT zzz FROM notes"] });
    refusing.call("sql/in-query/query-each", &statements).await;
    for (language, text) in blocks(&page) {
        let mut expected: Vec<&str> = text.lines().filter(|line| !line.starts_with("$ ")).collect();
        for command in text.lines().filter_map(|line| line.strip_prefix("$ ")) {
            ran += 1;
            if let Some(arguments) = command.strip_prefix("palisade new ") {
                let made = new::new(parent.path(), &arguments.split(' ').collect::<Vec<_>>()).await;
                assert_eq!(made.code(), 0, "{made:?}");
            } else if let Some(folder) = command.strip_prefix("palisade dev ") {
                dev = Some(Dev::start(&parent.path().join(folder)).await);
            } else {
                let path = command.strip_prefix("curl http://127.0.0.1:8080/call/").unwrap();
                let (path, rest) = path.split_once(' ').unwrap();
                let (_, data) = rest.split_once("-d '").unwrap();
                let data = serde_json::from_str(data.strip_suffix('\'').unwrap()).unwrap();
                let answer = dev.as_ref().unwrap().call(path, &data).await;
                assert_eq!(
                    answer.body,
                    serde_json::from_str::<Value>(expected.remove(0)).unwrap(),
                    "{command}"
                );
            }
        }
        match language {
            "c" => {
                let source = parent.path().join("hello/src/plugin.c");
                let before = fs::read_to_string(&source).unwrap();
                let line = before.lines().find(|line| line.starts_with("    join(ret, ")).unwrap().to_owned();
                fs::write(&source, before.replace(&line, text.trim_end())).unwrap();
                ran += 1;
            }
            "console" | "text" | "text refused" => {
                let dev = if language == "text refused" { &refusing } else { dev.as_ref().unwrap() };
                for line in expected {
                    let waited = tokio::time::timeout(WAIT_MAX, async {
                        while !dev.shown().lines().any(|shown| settled(shown) == settled(line)) {
                            tokio::time::sleep(Duration::from_millis(10)).await;
                        }
                    });
                    assert!(waited.await.is_ok(), "{line:?} is not in {}", dev.shown());
                }
            }
            other => panic!("a block of {other} is not executed"),
        }
    }
    assert!(ran >= 5, "{ran}");
    dev.unwrap().quit().await;
    refusing.quit().await;
}
