//! Tests with a PgBouncer in transaction mode, if the package is installed: no session outlives a transaction.

use super::rows::{KINDS, fill, next, run, step};
use crate::harness::{World, altered, call, call_as, guest};
use palisade::grant::ItemPower;
use palisade::guard::item::{Draft, Fields, ItemScope, ItemType, Status, Title};
use palisade::{CallError, Caller, Host, Policy};
use serde_json::json;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio_postgres::config::Host as Place;

/// A running PgBouncer, stopped on drop.
struct Bouncer {
    child: Child,
    _folder: TempDir,
    url: String,
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _waited = self.child.wait();
    }
}

fn program() -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&paths).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join("pgbouncer")).find(|path| path.is_file())
}

/// A PgBouncer in front of this world's server, with so few connections that calls must share them.
async fn bouncer(program: &Path, world: &World) -> Bouncer {
    let server: tokio_postgres::Config = world.url().parse().unwrap();
    let Some(Place::Unix(socket)) = server.get_hosts().first() else { panic!("the server has no socket") };
    let (user, database) = (server.get_user().unwrap(), server.get_dbname().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        path
    };
    let users = write("users", format!("\"{user}\" \"secret\"\n"));
    let config = write(
        "pgbouncer.ini",
        format!(
            "[databases]\n{database} = host={socket} port={port}\n[pgbouncer]\nunix_socket_dir = {here}\nlisten_port = 6432\n\
             auth_type = scram-sha-256\nauth_file = {users}\nauth_user = {user}\n\
             auth_query = SELECT usename, passwd FROM pg_shadow WHERE usename = $1\n\
             pool_mode = transaction\ndefault_pool_size = 3\nmax_client_conn = 500\n",
            socket = socket.display(),
            port = server.get_ports().first().copied().unwrap_or(5432),
            here = folder.path().display(),
            users = users.display(),
        ),
    );
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
    let mut command = Command::new(program);
    command.arg("--quiet").arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
    if is_root() {
        command.args(["--user", "postgres"]);
    }
    let child = command.spawn().unwrap();
    let here = folder.path().display().to_string();
    let url = format!("host={here} port=6432 user={user} password=secret dbname={database} pgbouncer=true");
    // The socket file exists before anything listens on it.
    let socket = folder.path().join(".s.PGSQL.6432");
    while std::os::unix::net::UnixStream::connect(&socket).is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Bouncer { child, _folder: folder, url }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

async fn host(world: &World, bouncer: &Bouncer, name: &str) -> Host {
    let builder = world.builder().database(&*bouncer.url).plugin(guest(name), Policy::as_asked());
    builder.build().await.unwrap()
}

#[tokio::test]
async fn calls_through_pgbouncer_behave_as_without_it() {
    let Some(program) = program() else {
        println!("pgbouncer is not installed, so the test does nothing: apt-get install pgbouncer");
        return;
    };
    let world = World::new().await;
    let bouncer = bouncer(&program, &world).await;
    let host = host(&world, &bouncer, "cursors").await;
    fill(&world, 300).await;
    for round in 0..3_i64 {
        for (kind, number) in KINDS.into_iter().zip([0, 1_000, 2_000]) {
            let mut steps = vec![
                json!({ "tag": "open" }),
                step("open-text", "SELECT colour FROM numbers ORDER BY n"),
                next(0, 2),
                next(1, 1),
                step("open-text", "SELECT 1 / (n - n) FROM numbers"),
                step("rest", 1),
                step("rest", 0),
            ];
            if kind != "reading" {
                steps.push(step("insert", (number + round).to_string()));
                let text = format!("INSERT INTO numbers (n) VALUES ({})", number + 500 + round);
                steps.push(step("execute", text));
            }
            let answers = run(&host, kind, &steps).await;
            assert_eq!(answers[2..4], ["1..2 (2)", "red"], "{kind}");
            assert!(answers[4].contains("22012"), "{kind}: {answers:?}");
            assert!(answers[6].starts_with("3.."), "{kind}: {answers:?}");
            assert!(answers[7..].iter().all(|count| count == "1"), "{kind}: {answers:?}");
        }
    }
}

#[tokio::test]
async fn clients_that_share_pgbouncer_connections_stay_isolated() {
    let Some(program) = program() else { return };
    let world = World::new().await;
    let bouncer = bouncer(&program, &world).await;
    let host = host(&world, &bouncer, "cursors").await;
    fill(&world, 120).await;
    let calls = (0..60_u32).map(|index| {
        let host = host.clone();
        tokio::spawn(async move {
            let kind = KINDS[index as usize % KINDS.len()];
            let number = 1_000 + index;
            let mut steps =
                vec![step("open-text", format!("SELECT n FROM numbers WHERE n < {}", 1 + index % 50))];
            steps.extend([step("rest", 0), json!({ "tag": "open" }), step("rest", 1)]);
            if kind != "reading" {
                steps.push(step("insert", number.to_string()));
            }
            loop {
                match call(&host, "cursors", &format!("{kind}/run"), json!({ "steps": steps })).await {
                    // Twenty mutations read and write one table. A mutation that loses too often rolls back and
                    // reports it.
                    Err(CallError::Contended { .. }) => {}
                    other => return other,
                }
            }
        })
    });
    for result in calls.collect::<Vec<_>>() {
        result.await.unwrap().unwrap();
    }
    assert_eq!(world.count("SELECT count(*) FROM plugin_cursors.numbers WHERE n >= 1000").await, 40);
}

#[tokio::test]
async fn items_and_users_are_stored_through_pgbouncer() {
    let Some(program) = program() else { return };
    let world = World::new().await;
    let bouncer = bouncer(&program, &world).await;
    let host = host(&world, &bouncer, "audit-trail").await;
    for round in 0..5 {
        let name = format!("user {round}");
        let user = world.user(&host, &name, &["editor"]).await;
        let draft = Draft {
            item_type: ItemType::parse("post", ItemScope::All, ItemPower::Write).unwrap(),
            title: Title::parse("title").unwrap(),
            status: Status::Published,
            fields: Fields::empty(),
        };
        let item = host.items(Caller::Host).create(draft).await.unwrap();
        let caller = Caller::user(user);
        assert_eq!(host.items(caller).get(&item.id.to_string()).await.unwrap().title, "title");
    }
    assert_eq!(world.count("SELECT count(*) FROM palisade.items").await, 5);
}

#[tokio::test]
async fn user_rows_stay_separate_behind_pgbouncer() {
    let Some(program) = program() else { return };
    let world = World::new().await;
    let bouncer = bouncer(&program, &world).await;
    let host = host(&world, &bouncer, "blog").await;
    let mut callers = Vec::new();
    for name in ["Ada", "Bob", "Eve"] {
        callers.push((name, Caller::user(world.user(&host, name, &[]).await)));
    }
    // Other transactions run in between, so that each transaction gets another server connection than the previous
    // one.
    for round in 1..=4_usize {
        let calls = callers.iter().map(|(name, caller)| {
            let (host, caller, draft) = (host.clone(), caller.clone(), json!({ "title": name, "body": "x" }));
            tokio::spawn(async move {
                call_as(&host, "blog", "editing/create", draft, caller.clone()).await.unwrap();
                call_as(&host, "blog", "editing/drafts", json!({}), caller).await.unwrap()
            })
        });
        for (call, (name, _)) in calls.collect::<Vec<_>>().into_iter().zip(&callers) {
            let drafts = call.await.unwrap();
            let drafts = drafts.as_array().unwrap();
            assert_eq!(drafts.len(), round, "{name}");
            assert!(drafts.iter().all(|draft| draft["title"] == *name), "{name}: {drafts:?}");
        }
    }
}

#[tokio::test]
async fn hosts_that_install_at_once_behind_pgbouncer_read_their_tables() {
    let Some(program) = program() else { return };
    let world = World::new().await;
    let bouncer = bouncer(&program, &world).await;
    // There are more hosts than server connections, so that each transaction may get another one than the previous.
    // Each host has its own plugin, so that no host changes the password of a role that another is logging in as.
    let builds = (0..6).map(|number| {
        let name = format!("cursors-{number}");
        let folder = altered("cursors", |manifest| {
            manifest.replace("name = \"cursors\"", &format!("name = \"{name}\""))
        });
        let builder = world.builder().database(&*bouncer.url).plugin(folder.path(), Policy::as_asked());
        (name, tokio::spawn(async move { (builder.build().await, folder) }))
    });
    for (name, build) in builds.collect::<Vec<_>>() {
        let (host, _folder) = build.await.unwrap();
        let steps =
            json!({ "steps": [step("open-text", "SELECT colour FROM numbers WHERE colour = 'red'")] });
        let answers = call(&host.unwrap(), &name, "reading/run", steps).await.unwrap();
        assert_eq!(answers, json!(["opened"]));
    }
}
