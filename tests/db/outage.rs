//! A database that freezes, ends or is not there yet: everything answers in time, nobody is blamed, and all is well again
//! without a restart.

use super::rows::step;
use crate::harness::{Frozen, OwnServer, World, altered, builder, call, call_patiently, guest};
use palisade::grant::ItemPower;
use palisade::guard::item::{Draft, Fields, ItemScope, ItemType, Status, Title};
use palisade::guard::user::Permission;
use palisade::{Blame, CallError, Caller, Host, Policy, ServingStatus};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Far more than anything here takes that does not hang.
const WAIT_MAX: Duration = Duration::from_mins(1);

fn is_outage(error: &CallError) -> bool {
    let is_one = matches!(
        error,
        CallError::Unavailable { .. } | CallError::Overloaded { .. } | CallError::InDoubt { .. }
    );
    is_one && error.blame() == Blame::Operator
}

/// Calls until a call succeeds.
async fn recovers(host: &Host, plugin: &str, function: &str, arguments: &Value) {
    let deadline = Instant::now() + WAIT_MAX;
    while let Err(error) = call(host, plugin, function, arguments.clone()).await {
        assert!(Instant::now() < deadline, "{plugin} is never served again: {error:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// With a plugin whose own time is shorter than the outage, and one whose time is longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frozen_database_is_nobodys_failure_and_everything_answers_in_time() {
    let server = OwnServer::new();
    let database = server.start().await;
    let short = altered("cursors", |manifest| format!("{manifest}\n[limits]\nwall-time = \"3 s\"\n"));
    let builder = builder(database.url()).plugin(short.path(), Policy::as_asked());
    let host = builder.plugin(guest("replay"), Policy::as_asked()).build().await.unwrap();
    let calls = [
        ("cursors", "reading/run", json!({ "steps": [{ "tag": "first" }] })),
        (
            "cursors",
            "changing/run",
            json!({ "steps": [step("execute", "INSERT INTO numbers (n) VALUES (1)")] }),
        ),
        ("replay", "writes/insist", json!({ "id": 100 })),
    ];
    recovers(&host, "cursors", calls[0].1, &calls[0].2).await;
    let user = host.users().add("Ada", &[]).await.unwrap();
    let token = host.users().token(user.id.into(), None).await.unwrap();
    let frozen = Frozen::new(&database);
    let until = Instant::now() + Duration::from_secs(12);
    let callers = (0..8).map(|caller| {
        let (host, (plugin, function, arguments)) = (host.clone(), calls[caller % calls.len()].clone());
        tokio::spawn(async move {
            let mut longest = Duration::ZERO;
            while Instant::now() < until {
                let began = Instant::now();
                match call(&host, plugin, function, arguments.clone()).await {
                    // A guest may answer what it likes to an error of its statement.
                    Ok(answer) => assert!(answer.to_string().contains("connection"), "{answer}"),
                    Err(error) => assert!(is_outage(&error), "{plugin} {function}: {error:?}"),
                }
                longest = longest.max(began.elapsed());
            }
            longest
        })
    });
    let callers: Vec<_> = callers.collect();
    let began = Instant::now();
    assert!(host.ready().await.is_err());
    assert!(began.elapsed() < Duration::from_secs(2 + 3), "readiness: {:?}", began.elapsed());
    let (identified, item) = tokio::join!(
        host.identify(&token),
        host.items(Caller::Host).get("0190a0b0-0000-7000-8000-000000000000")
    );
    assert!(is_outage(&identified.unwrap_err()) && is_outage(&item.unwrap_err()));
    assert!(began.elapsed() < Duration::from_secs(20), "tokens and items: {:?}", began.elapsed());
    for caller in callers {
        let longest = caller.await.unwrap();
        assert!(longest < Duration::from_secs(20), "a call took {longest:?}");
    }
    drop(frozen);
    for (plugin, function, arguments) in &calls {
        recovers(&host, plugin, function, arguments).await;
    }
    assert!(
        host.statuses()
            .iter()
            .all(|status| status.status == ServingStatus::Serving && status.running_on == 0)
    );
    assert!(host.identify(&token).await.unwrap().is_some());
    host.ready().await.unwrap();
    drop(host);
    database.stop().await;
}

#[tokio::test]
async fn killed_private_database_is_started_again_and_calls_recover() {
    let server = OwnServer::new();
    let database = server.start().await;
    let host = builder(database.url()).plugin(guest("cursors"), Policy::as_asked()).build().await.unwrap();
    let reading = json!({ "steps": [{ "tag": "first" }] });
    recovers(&host, "cursors", "reading/run", &reading).await;
    crate::harness::signal(i32::try_from(database.id()).unwrap(), rustix::process::Signal::KILL);
    recovers(&host, "cursors", "reading/run", &reading).await;
    drop(host);
    database.stop().await;
}

#[tokio::test]
async fn action_that_has_committed_something_is_not_told_to_try_again() {
    let server = OwnServer::new();
    let database = server.start().await;
    let short = altered("cursors", |manifest| format!("{manifest}\n[limits]\naction-time = \"3 s\"\n"));
    let host = builder(database.url()).plugin(short.path(), Policy::as_asked()).build().await.unwrap();
    let sql = crate::harness::connect(&database.url()).await;
    // A statement that ends its own connection, as a server does that stops: after a write, and before any.
    let ends = "CREATE FUNCTION public.vanish() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS \
        $$BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(10); RETURN NEW; END$$; \
        CREATE TRIGGER vanish BEFORE INSERT ON plugin_cursors.numbers FOR EACH ROW WHEN (NEW.n = 13) \
        EXECUTE FUNCTION public.vanish()";
    sql.batch_execute(ends).await.unwrap();
    let acting = async |numbers: &[i64]| {
        let mut steps: Vec<Value> = numbers.iter().map(|number| step("insert", *number)).collect();
        // The guest does not give up when its statement fails, and so runs out of time.
        steps.push(step("spin", 9_000));
        call_patiently(&host, "cursors", "acting/run", json!({ "steps": steps })).await
    };
    let first = acting(&[13]).await;
    let later = acting(&[1, 2, 13]).await;
    assert_eq!(
        sql.query_one("SELECT count(*) FROM plugin_cursors.numbers", &[]).await.unwrap().get::<_, i64>(0),
        2
    );
    assert!(matches!(first, Err(CallError::Unavailable { .. })), "{first:?}");
    let Err(error @ CallError::PartlyDone { .. }) = later else { panic!("{later:?}") };
    assert!(error.to_string().contains("a part of the action was done"), "{error}");
    drop(host);
    database.stop().await;
}

#[tokio::test]
async fn full_disk_is_the_operators_and_quarantines_nobody() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    // What a server says whose disk is full.
    let full = "CREATE FUNCTION public.no_room() RETURNS trigger LANGUAGE plpgsql AS \
        $$BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END$$; \
        CREATE TRIGGER no_room BEFORE INSERT ON plugin_probe.notes FOR EACH ROW EXECUTE FUNCTION public.no_room(); \
        CREATE TRIGGER no_room BEFORE INSERT ON palisade.items FOR EACH ROW EXECUTE FUNCTION public.no_room()";
    world.sql.batch_execute(full).await.unwrap();
    let insertion = json!({ "insertion": { "table": "notes", "columns": ["title"], "rows": [[{ "tag": "scalar", "val": { "tag": "text", "val": "t" } }]], "returning": [] } });
    for _ in 0..30 {
        let error = call(&host, "probe", "writes/insert", insertion.clone()).await.unwrap_err();
        assert!(matches!(error, CallError::InsufficientStorage { .. }), "{error:?}");
        assert_eq!(error.blame(), Blame::Operator);
    }
    let draft = Draft {
        item_type: ItemType::parse("note", ItemScope::All, ItemPower::Write).unwrap(),
        title: Title::parse("t").unwrap(),
        status: Status::Published,
        fields: Fields::empty(),
    };
    let error = host.items(Caller::Host).create(draft).await.unwrap_err();
    assert!(matches!(error, CallError::InsufficientStorage { .. }), "{error:?}");
    world.sql.batch_execute("DROP FUNCTION public.no_room() CASCADE").await.unwrap();
    call(&host, "probe", "writes/insert", insertion).await.unwrap();
    host.stop().await;
}

#[tokio::test]
async fn start_waits_for_a_database_that_comes_later_and_not_for_ever() {
    let server = OwnServer::new();
    let database = server.start().await;
    let url = database.url();
    database.stop().await;
    let began = Instant::now();
    let missing = builder(&*url).database_wait(Duration::from_secs(1)).build().await;
    assert!(missing.is_err() && began.elapsed() >= Duration::from_secs(1));
    let starting = tokio::spawn(builder(&*url).build());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!starting.is_finished(), "it waits");
    let database = server.start().await;
    drop(starting.await.unwrap().unwrap());
    database.stop().await;
}

#[tokio::test]
async fn start_does_not_wait_for_a_database_that_refuses_the_login() {
    let world = World::new().await;
    let (_, url) = world.login("LOGIN").await;
    let began = Instant::now();
    let refused = builder(url.replace("password=known", "password=wrong")).build().await;
    assert!(refused.is_err() && began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

/// Clients that leave shortly after a call that uses the database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_are_cut_off_cost_no_connections_and_honest_callers_are_served() {
    let world = World::new().await;
    let host = world.host(&["cursors"]).await;
    super::rows::fill(&world, 300).await;
    let steps = json!({ "steps": [{ "tag": "open" }, step("open-text", "SELECT n FROM numbers ORDER BY n DESC"), step("rest", 0)] });
    recovers(&host, "cursors", "reading/run", &steps).await;
    let began: std::time::SystemTime = world.sql.query_one("SELECT now()", &[]).await.unwrap().get(0);
    let until = Instant::now() + Duration::from_secs(3);
    let aborting = (0..16_u64).map(|client| {
        let (host, steps) = (host.clone(), steps.clone());
        tokio::spawn(async move {
            let mut cut = 0_u32;
            while Instant::now() < until {
                let wait = Duration::from_micros(500 + 500 * ((client + u64::from(cut)) % 12));
                let call = call(&host, "cursors", "reading/run", steps.clone());
                cut += u32::from(tokio::time::timeout(wait, call).await.is_err());
            }
            cut
        })
    });
    let aborting: Vec<_> = aborting.collect();
    while Instant::now() < until {
        let honest = call(&host, "cursors", "reading/run", steps.clone()).await;
        assert!(honest.is_ok(), "{honest:?}");
    }
    let mut cut = 0;
    for client in aborting {
        cut += client.await.unwrap();
    }
    // Every connection that was lost meanwhile was replaced by a younger one.
    let younger = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND application_name = 'palisade/cursors' AND backend_start > $1";
    let younger: i64 = world.sql.query_one(younger, &[&began]).await.unwrap().get(0);
    // The pool has eight. On a busy machine a few of them do not come clean in time and are replaced.
    assert!(cut > 200 && younger <= 16, "{cut} calls were cut off, {younger} connections are new");
    let pids = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND application_name = 'palisade/cursors' AND state = 'active'";
    let deadline = Instant::now() + WAIT_MAX;
    while world.count(pids).await > 0 {
        assert!(Instant::now() < deadline, "statements of calls that were cut off run on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operator_can_disable_a_plugin_while_the_database_is_frozen_and_nobody_else_can() {
    let server = OwnServer::new();
    let database = server.start().await;
    let builder = builder(database.url()).plugin(guest("greeter"), Policy::as_asked());
    let host = builder.build().await.unwrap();
    let users = host.users();
    users.permit("operators", &[Permission::parse("host:operate").unwrap()]).await.unwrap();
    let roles = ["operators".to_owned()];
    let (ada, bob) = (users.add("Ada", &roles).await.unwrap(), users.add("Bob", &[]).await.unwrap());
    let hers = users.token(ada.id.into(), None).await.unwrap();
    let short = users.token(ada.id.into(), Some(Duration::from_secs(6))).await.unwrap();
    let his = users.token(bob.id.into(), None).await.unwrap();
    // The host reads them once a second.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let frozen = Frozen::new(&database);
    tokio::time::sleep(Duration::from_secs(4)).await;
    let began = Instant::now();
    let caller = host.identify(&hers).await.unwrap().unwrap();
    assert!(host.may_operate(&caller).await.unwrap());
    let disabled = host.disable_by("greeter", "a test", "by Ada").await.unwrap();
    assert_eq!(disabled, palisade::DisabledWhere::Here);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let greet = call(&host, "greeter", "greeting/greet", json!({ "name": "Ada" })).await;
    assert!(matches!(greet, Err(CallError::Disabled { .. })), "{greet:?}");
    for token in [&*his, &*short, "pal_unknown"] {
        assert!(host.identify(token).await.is_err(), "{token}");
    }
    assert!(host.may_operate(&Caller::user(bob)).await.is_err());
    drop(frozen);
    let sql = crate::harness::connect(&database.url()).await;
    let stored = "SELECT count(*) FROM palisade.switches WHERE plugin = 'greeter' AND reason = 'a test'";
    let deadline = Instant::now() + WAIT_MAX;
    while sql.query_one(stored, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        assert!(Instant::now() < deadline, "the database is never told");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(host);
    database.stop().await;
}

/// A PgBouncer without `ignore_startup_parameters`, as far as a start gets to know it.
#[tokio::test]
async fn pgbouncer_in_the_way_is_named_with_the_parameter_for_it() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://u:p@{}/d", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut startup = [0; 1024];
            let _read = socket.read(&mut startup).await.unwrap();
            let fields = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0";
            let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
            socket.write_all(&[&b"E"[..], &length, fields].concat()).await.unwrap();
        }
    });
    let began = Instant::now();
    let Err(error) = builder(url).build().await else { panic!("it starts") };
    assert!(error.to_string().contains("`pgbouncer=true`"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(20), "it does not wait for what no waiting changes");
}
