//! A private PostgreSQL server runs when it is needed, and ends when its host ends, however the host ends.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use palisade_guard::limits::PRIVATE_PROCESS_BYTES_MAX;
use palisade_store::private::{DataDir, PrivateError, PrivateOptions, PrivateServer};
use tokio_postgres::{Client, Config, NoTls};

/// Set in a process that holds a server until it is killed: the data's folder, or nothing for a temporary server.
const HOLD: &str = "PALISADE_TEST_HOLD";
/// How long to wait for something that takes well under a second.
const PATIENCE: Duration = Duration::from_secs(30);

async fn connect(config: &Config) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn setting(server: &PrivateServer, name: &str) -> String {
    let client = connect(&palisade_store::private::config(server)).await.unwrap();
    client.query_one("SELECT current_setting($1)", &[&name]).await.unwrap().get(0)
}

/// Not durable, so that `initdb` is quick; otherwise as `palisade serve` would start it.
fn kept_in(folder: &Path) -> PrivateOptions {
    PrivateOptions { durable: false, ..PrivateOptions::persistent(folder) }
}

/// A folder that an unprivileged server can use even if the tests run as root.
fn scratch() -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("palisade-test-").tempdir_in("/var/tmp").unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    folder
}

fn folder_of(server: &PrivateServer) -> PathBuf {
    let url = server.url();
    let sockets = url.strip_prefix("host='").unwrap().split('\'').next().unwrap();
    Path::new(sockets).parent().unwrap().to_owned()
}

fn is_running(id: u32) -> bool {
    Path::new("/proc").join(id.to_string()).join("cwd").read_link().is_ok()
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never came true: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What the process that is killed runs: this very test, with `HOLD` set.
async fn hold_if_asked() {
    let Some(folder) = std::env::var_os(HOLD) else { return };
    let options = if folder.is_empty() { PrivateOptions::temporary() } else { kept_in(Path::new(&folder)) };
    let server = PrivateServer::start(options).await.unwrap();
    println!("HELD {} {}", server.id(), folder_of(&server).display());
    std::future::pending::<()>().await;
}

/// Runs this test again in a separate process, waits until that process holds a server, and kills it.
fn kill_a_host_with_a_server(test: &str, folder: &str) -> (u32, PathBuf) {
    let mut host = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(HOLD, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(host.stdout.take().unwrap()).lines();
    let line = lines.map(Result::unwrap).find(|line| line.contains("HELD ")).unwrap();
    let (id, path) = line.split_once("HELD ").unwrap().1.split_once(' ').unwrap();
    let (id, path) = (id.parse().unwrap(), PathBuf::from(path));
    assert!(is_running(id));
    host.kill().unwrap();
    host.wait().unwrap();
    (id, path)
}

#[tokio::test]
async fn other_roles_are_denied_without_a_password() {
    let server = PrivateServer::start(PrivateOptions::temporary()).await.unwrap();
    let client = connect(&palisade_store::private::config(&server)).await.unwrap();
    client.batch_execute("CREATE ROLE plugin LOGIN PASSWORD 'right'").await.unwrap();
    let mut config = palisade_store::private::config(&server);
    config.user("plugin");
    connect(&config).await.unwrap_err();
    config.password("wrong");
    connect(&config).await.unwrap_err();
    config.password("right");
    connect(&config).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn folder_that_others_can_enter_or_plant_is_refused() {
    let scratch = scratch();
    let open = scratch.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
    let link = scratch.path().join("link");
    symlink(&open, &link).unwrap();
    let file = scratch.path().join("file");
    fs::write(&file, "").unwrap();
    let long = scratch.path().join("long".repeat(30));
    let list = scratch.path().join("a,b");
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o711)).unwrap();
    let mut rows = vec![
        (open, "chmod 700"),
        (link, "not a folder"),
        (file, "not a folder"),
        (long, "shorter"),
        (list, "comma"),
    ];
    let foreign = scratch.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    if chown(&foreign, Some(65_533), None).is_ok() {
        rows.push((foreign, "belongs to user 65533"));
    }
    for (path, why) in rows {
        let error = PrivateServer::start(kept_in(&path)).await.err().expect("a refusal");
        assert!(matches!(error, PrivateError::Folder { .. }), "{}: {error}", path.display());
        assert!(error.to_string().contains(why), "{error}");
        assert!(!path.join("data").exists(), "{}", path.display());
    }
}

#[tokio::test]
async fn second_host_on_the_same_data_is_refused_with_the_fix() {
    let scratch = scratch();
    let server = PrivateServer::start(kept_in(scratch.path())).await.unwrap();
    let error = PrivateServer::start(kept_in(scratch.path())).await.err().expect("a refusal");
    assert!(matches!(error, PrivateError::InUse(_)), "{error}");
    assert!(error.to_string().contains("DATABASE_URL"), "{error}");
    assert_eq!(setting(&server, "cluster_name").await, "palisade");
    server.stop().await;
}

#[tokio::test]
async fn data_of_an_unknown_version_is_refused_with_the_fix() {
    let scratch = scratch();
    fs::create_dir(scratch.path().join("data")).unwrap();
    fs::write(scratch.path().join("data/PG_VERSION"), "7\n").unwrap();
    let error = PrivateServer::start(kept_in(scratch.path())).await.err().expect("a refusal").to_string();
    assert!(error.contains("apt-get install postgresql-7"), "{error}");
}

#[tokio::test]
async fn setting_that_postgres_refuses_is_reported_in_its_words() {
    let mut options = PrivateOptions::temporary();
    options.settings.push(("no_such_setting".into(), "1".into()));
    let error = PrivateServer::start(options).await.err().expect("a refusal");
    assert!(matches!(error, PrivateError::Failed { program: "postgres", .. }), "{error}");
    assert!(error.to_string().contains("no_such_setting"), "{error}");
}

#[tokio::test]
async fn server_listens_on_no_network_and_does_not_inherit_the_hosts_environment() {
    let server = PrivateServer::start(PrivateOptions::temporary()).await.unwrap();
    assert_eq!(setting(&server, "listen_addresses").await, "");
    assert_eq!(setting(&server, "max_connections").await, "120");
    let environment = fs::read(Path::new("/proc").join(server.id().to_string()).join("environ")).unwrap();
    let environment = String::from_utf8_lossy(&environment).into_owned();
    assert!(environment.contains("PATH="), "{environment}");
    assert!(!environment.contains("CARGO"), "{environment}");
    server.stop().await;
}

/// The address space that each process of a server may have, as the kernel shows it.
fn address_space(server: &PrivateServer) -> String {
    let limits = fs::read_to_string(Path::new("/proc").join(server.id().to_string()).join("limits")).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max address space")).unwrap();
    line.split_whitespace().nth(3).unwrap().to_owned()
}

#[tokio::test]
async fn server_has_a_memory_bound_unless_its_shared_memory_is_set() {
    let server = PrivateServer::start(PrivateOptions::temporary()).await.unwrap();
    assert_eq!(address_space(&server), PRIVATE_PROCESS_BYTES_MAX.to_string());
    server.stop().await;
    let mut options = PrivateOptions::temporary();
    options.settings.push(("shared_buffers".into(), "1GB".into()));
    let server = PrivateServer::start(options).await.unwrap();
    assert_eq!(address_space(&server), "unlimited");
    server.stop().await;
}

#[tokio::test]
async fn stopped_server_leaves_nothing_behind() {
    let server = PrivateServer::start(PrivateOptions::temporary()).await.unwrap();
    let (id, folder) = (server.id(), folder_of(&server));
    let config: Config = server.url().parse().unwrap();
    let open = connect(&config).await.unwrap();
    assert!(is_running(id) && folder.exists());
    server.stop().await;
    assert!(!is_running(id) && !folder.exists());
    open.simple_query("SELECT 1").await.unwrap_err();
}

#[tokio::test]
async fn dropped_server_leaves_nothing_behind() {
    let server = PrivateServer::start(PrivateOptions::temporary()).await.unwrap();
    let (id, folder) = (server.id(), folder_of(&server));
    drop(server);
    eventually("the dropped server has ended", || !is_running(id) && !folder.exists());
}

#[tokio::test]
async fn two_servers_run_side_by_side() {
    let (one, two) = tokio::join!(
        PrivateServer::start(PrivateOptions::temporary()),
        PrivateServer::start(PrivateOptions::temporary())
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_ne!(folder_of(&one), folder_of(&two));
    connect(&palisade_store::private::config(&one))
        .await
        .unwrap()
        .batch_execute("CREATE TABLE only_here ()")
        .await
        .unwrap();
    let other = connect(&palisade_store::private::config(&two)).await.unwrap();
    other.batch_execute("TABLE only_here").await.unwrap_err();
    one.stop().await;
    other.simple_query("SELECT 1").await.unwrap();
    two.stop().await;
}

#[tokio::test]
async fn data_survives_a_stop_and_the_leftovers_of_a_crash() {
    let scratch = scratch();
    let half = scratch.path().join("data.new");
    fs::create_dir(&half).unwrap();
    fs::write(half.join("PG_VERSION"), "half").unwrap();
    let server = PrivateServer::start(PrivateOptions::persistent(scratch.path())).await.unwrap();
    let client = connect(&palisade_store::private::config(&server)).await.unwrap();
    client.batch_execute("CREATE TABLE kept AS SELECT 7 AS n").await.unwrap();
    assert_eq!(setting(&server, "fsync").await, "on");
    server.stop().await;
    assert!(!half.exists());

    // The id of a living process that is not a server, as after the restart of a container, and a stale lock of a
    // socket.
    fs::write(scratch.path().join("data/postmaster.pid"), format!("{}\n", std::process::id())).unwrap();
    fs::write(scratch.path().join("run/.s.PGSQL.5432.lock"), format!("{}\n", std::process::id())).unwrap();
    let server = PrivateServer::start(PrivateOptions::persistent(scratch.path())).await.unwrap();
    let client = connect(&palisade_store::private::config(&server)).await.unwrap();
    assert_eq!(client.query_one("SELECT n FROM kept", &[]).await.unwrap().get::<_, i32>(0), 7);
    server.stop().await;
}

#[tokio::test]
async fn server_of_a_killed_host_ends_and_its_folder_is_swept() {
    hold_if_asked().await;
    let (id, folder) = kill_a_host_with_a_server("server_of_a_killed_host_ends_and_its_folder_is_swept", "");
    eventually("the server of the killed host has ended", || !is_running(id));
    assert!(!folder.join("data/postmaster.pid").exists(), "it ended in order");
    PrivateServer::start(PrivateOptions::temporary()).await.unwrap().stop().await;
    assert!(!folder.exists());
}

#[tokio::test]
async fn data_of_a_killed_host_is_taken_over_at_once() {
    hold_if_asked().await;
    let scratch = scratch();
    let folder = scratch.path().to_str().unwrap();
    let (id, _) = kill_a_host_with_a_server("data_of_a_killed_host_is_taken_over_at_once", folder);
    let server = PrivateServer::start(kept_in(scratch.path())).await.unwrap();
    assert!(!is_running(id));
    assert_eq!(setting(&server, "fsync").await, "off");
    server.stop().await;
}

#[test]
fn projects_have_folders_of_their_own() {
    let (one, two) = (scratch(), scratch());
    let path = |project: &Path| match DataDir::of_project(project) {
        Ok(DataDir::Persistent(path)) => path,
        other => panic!("{other:?}"),
    };
    assert_eq!(path(one.path()), path(&one.path().join(".")));
    assert_ne!(path(one.path()), path(two.path()));
}

/// With a backend that looks at no interrupt, and so outlives the server.
#[tokio::test]
async fn server_that_is_killed_is_started_again_with_its_data_until_it_is_stopped() {
    let folder = scratch();
    let server = PrivateServer::start(kept_in(folder.path())).await.unwrap();
    let config = palisade_store::private::config(&server);
    // Two batches: statements of one batch are one transaction, which ends after its checkpoint.
    for text in ["CREATE TABLE kept (n integer)", "CHECKPOINT"] {
        connect(&config).await.unwrap().batch_execute(text).await.unwrap();
    }
    for _ in 0..2 {
        let busy = connect(&config).await.unwrap();
        let spin = tokio::spawn(async move {
            busy.batch_execute("SELECT strpos(repeat('0', 8000000), '1e131071'::numeric::text)").await
        });
        let client = connect(&config).await.unwrap();
        let spins = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%strpos%'";
        while client.query_one(spins, &[]).await.unwrap().get::<_, i64>(0) < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let first = server.id();
        let pid = rustix::process::Pid::from_raw(i32::try_from(first).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        let deadline = Instant::now() + PATIENCE;
        let again = loop {
            assert!(Instant::now() < deadline, "the server is never started again");
            if server.id() != first
                && let Ok(client) = connect(&config).await
            {
                break client;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!(again.query_one("SELECT count(*) FROM kept", &[]).await.unwrap().get::<_, i64>(0), 0);
        assert!(spin.await.unwrap().is_err(), "what ran is gone");
    }
    let last = server.id();
    server.stop().await;
    std::thread::sleep(Duration::from_millis(500));
    assert!(!is_running(last));
    assert!(PrivateServer::start(kept_in(folder.path())).await.is_ok(), "the folder is free");
}
