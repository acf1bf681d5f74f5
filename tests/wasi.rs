//! Components with a real standard library: WASI exists but gives access to nothing.

use crate::harness::{World, call, limited};
use crate::logging::Lines;
use palisade::guard::request_context::RequestId;
use palisade::limits::{Limit, RANDOM_CALL_BYTES_MAX};
use palisade::{CallError, Caller, Replay};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use wit_parser::{Handle, Resolve, Type, TypeDefKind, WorldId, WorldItem};

#[tokio::test]
async fn std_guest_reaches_nothing_through_wasi() {
    let world = World::new().await;
    let host = world.host(&["wasi"]).await;
    let attempts = [
        "file",
        "list",
        "write",
        "environment",
        "arguments",
        "stdin",
        "connect",
        "listen",
        "resolve",
        "process",
    ];
    for what in attempts {
        let found = call(&host, "wasi", "attempts/reach", json!({ "what": what })).await;
        assert!(matches!(found, Err(CallError::Returned(_))), "{what}: {found:?}");
    }
    assert!(!Path::new("/tmp/palisade-was-here").exists());
}

#[tokio::test]
async fn std_guest_prints_to_the_log_within_its_budget() {
    let world = World::new().await;
    let host = world.host(&["wasi"]).await;
    call(&host, "wasi", "attempts/print", json!({ "text": "one\ntwo \u{1b}[31m" })).await.unwrap();
    let messages = world.log.messages();
    assert!(messages.contains(&"one".to_owned()), "{messages:?}");
    assert!(messages.contains(&"two \\u{1b}[31m".to_owned()), "{messages:?}");
    assert!(world.log.all().iter().all(|entry| entry.plugin == "wasi"));
}

#[tokio::test]
async fn std_guest_sees_virtual_time_in_a_query_and_real_time_in_an_action() {
    let world = World::new().await;
    let host = world.host(&["wasi"]).await;
    let clocks = call(&host, "wasi", "attempts/clocks", json!({})).await.unwrap();
    assert_eq!(clocks[1], 0, "time stands still in a query");
    assert!(clocks[0].as_u64().unwrap() > 1_600_000_000_000_000_000_u64, "{clocks}");
    let clocks = call(&host, "wasi", "actions/clocks", json!({})).await.unwrap();
    assert!(clocks[1].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn std_guest_hash_order_follows_the_invocation_seed() {
    let world = World::new().await;
    let host = world.host(&["wasi"]).await;
    let mut orders = std::collections::BTreeSet::new();
    for _ in 0..20 {
        orders.insert(call(&host, "wasi", "attempts/order", json!({})).await.unwrap().to_string());
    }
    assert!(orders.len() > 1, "each invocation has its own seed");
}

#[tokio::test]
async fn std_guest_over_the_random_byte_limit_of_one_call_is_stopped() {
    let world = World::new().await;
    let host = world.host(&["wasi"]).await;
    for function in ["attempts/random", "actions/random"] {
        let over = call(&host, "wasi", function, json!({ "length": RANDOM_CALL_BYTES_MAX + 1 })).await;
        assert_eq!(stopped(over), (Limit::RandomCallBytes, RANDOM_CALL_BYTES_MAX + 1, RANDOM_CALL_BYTES_MAX));
        let filled = call(&host, "wasi", function, json!({ "length": RANDOM_CALL_BYTES_MAX })).await.unwrap();
        assert!(filled.as_u64().unwrap() > RANDOM_CALL_BYTES_MAX / 2, "{function}: {filled}");
    }
}

/// The limit that stopped a call, with its usage and maximum.
fn stopped(result: Result<Value, CallError>) -> (Limit, u64, u64) {
    match result {
        Err(CallError::LimitExceeded { usage, .. }) => (usage.limit, usage.used, usage.max),
        other => panic!("expected a limit, got {other:?}"),
    }
}

#[tokio::test]
async fn lowered_random_limits_hold_for_wasi_too() {
    for (line, limit) in [
        ("random-call-bytes = \"64 B\"", Limit::RandomCallBytes),
        ("random-bytes = \"64 B\"", Limit::RandomBytes),
    ] {
        let world = World::new().await;
        let host = world.host_with("wasi", limited(line)).await;
        for function in ["attempts/random", "actions/random"] {
            assert!(call(&host, "wasi", function, json!({ "length": 64 })).await.is_ok(), "{line}");
            let over = call(&host, "wasi", function, json!({ "length": 65 })).await;
            assert_eq!(stopped(over), (limit, 65, 64), "{line}");
        }
    }
}

#[tokio::test]
async fn every_random_import_spends_random_bytes() {
    let world = World::new().await;
    let host = world.host_with("wasi", limited("random-bytes = \"0 B\"")).await;
    for (import, bytes) in [
        ("random/random#get-random-bytes", 40),
        ("random/random#get-random-u64", 8),
        ("random/insecure#get-insecure-random-bytes", 40),
        ("random/insecure#get-insecure-random-u64", 8),
        ("random/insecure-seed#insecure-seed", 16),
    ] {
        let over = call(&host, "wasi", "attempts/probe", json!({ "name": import })).await;
        assert_eq!(stopped(over), (Limit::RandomBytes, bytes, 0), "{import}");
    }
}

#[tokio::test]
async fn guest_that_prints_over_its_budget_goes_on_and_the_rest_is_counted() {
    let world = World::new().await;
    let host = world.host(&["wasi"]).await;
    let (lines, _capturing) = Lines::capture();
    for (text, logged) in
        [("x\n".repeat(20_000), 256), (format!("{}\n", "y".repeat(1_000)).repeat(1_000), 256)]
    {
        let before = world.log.all().len();
        call(&host, "wasi", "attempts/print", json!({ "text": text })).await.unwrap();
        assert_eq!(world.log.all().len() - before, logged);
    }
    let dropped: Vec<u64> =
        lines.of("palisade::plugin").iter().filter_map(|event| event["fields"]["dropped"].as_u64()).collect();
    // Both streams have every line, and `println` adds an empty one.
    assert_eq!(dropped[0], 2 * 20_000 - 256);
    assert!(dropped[1] > 1_000, "{dropped:?}");
}

#[tokio::test]
async fn sleep_is_over_at_once_where_time_stands_still_and_ends_with_the_action() {
    let world = World::new().await;
    let host = world.host_with("wasi", limited("action-time = \"300 ms\"")).await;
    let hour = json!({ "ms": 3_600_000 });
    call(&host, "wasi", "attempts/sleep", hour.clone()).await.unwrap();
    for function in ["attempts/spin", "changes/spin"] {
        for _ in 0..3 {
            assert_eq!(call(&host, "wasi", function, hour.clone()).await.unwrap(), 0, "{function}");
        }
    }
    let began = Instant::now();
    call(&host, "wasi", "actions/sleep", json!({ "ms": 20 })).await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(20));
    let (limit, _, max) = stopped(call(&host, "wasi", "actions/sleep", hour).await);
    assert_eq!((limit, max), (Limit::ActionTime, 300));
}

/// What an import's answer follows from in a query and in a mutation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Follows {
    /// From nothing: it is always this text.
    Nothing(&'static str),
    /// From the seed.
    Seed,
    /// From the instant.
    Instant,
    /// The call ends, always in the same way.
    Ends,
    /// It needs a resource of this name, and no import gives one out.
    NoSuch(&'static str),
}

use Follows::{Ends, NoSuch, Nothing, Seed};

const CLOSED: &str = "Err(StreamError::Closed)";

/// A row for every function of WASI that the host links.
const IMPORTS: &[(&str, &[(&str, Follows)])] = &[
    (
        "cli/environment",
        &[
            ("get-environment", Nothing("[]")),
            ("get-arguments", Nothing("[]")),
            ("initial-cwd", Nothing("None")),
        ],
    ),
    ("cli/exit", &[("exit", Ends), ("exit-with-code", Ends)]),
    ("cli/stdin", &[("get-stdin", Nothing("a resource"))]),
    ("cli/stdout", &[("get-stdout", Nothing("a resource"))]),
    ("cli/stderr", &[("get-stderr", Nothing("a resource"))]),
    ("cli/terminal-input", &[]),
    ("cli/terminal-output", &[]),
    ("cli/terminal-stdin", &[("get-terminal-stdin", Nothing("none"))]),
    ("cli/terminal-stdout", &[("get-terminal-stdout", Nothing("none"))]),
    ("cli/terminal-stderr", &[("get-terminal-stderr", Nothing("none"))]),
    (
        "clocks/monotonic-clock",
        &[
            ("now", Nothing("0")),
            ("resolution", Nothing("1")),
            ("subscribe-instant", Nothing("true")),
            ("subscribe-duration", Nothing("true")),
        ],
    ),
    (
        "clocks/wall-clock",
        &[("now", Follows::Instant), ("resolution", Nothing("Datetime { seconds: 0, nanoseconds: 1000 }"))],
    ),
    ("io/error", &[("[method]error.to-debug-string", NoSuch("error"))]),
    (
        "io/poll",
        &[
            ("[method]pollable.ready", Nothing("[0, 0, 0]")),
            ("[method]pollable.block", Nothing("()")),
            ("poll", Nothing("[0, 1, 2]")),
        ],
    ),
    (
        "io/streams",
        &[
            ("[method]input-stream.read", Nothing(CLOSED)),
            ("[method]input-stream.blocking-read", Nothing(CLOSED)),
            ("[method]input-stream.skip", Nothing(CLOSED)),
            ("[method]input-stream.blocking-skip", Nothing(CLOSED)),
            ("[method]input-stream.subscribe", Nothing("true")),
            ("[method]output-stream.check-write", Nothing("((Ok(4096), Ok(4096)), Ok(4096), Ok(4096))")),
            ("[method]output-stream.write", Nothing("(Ok(4096), Ok(()))")),
            ("[method]output-stream.blocking-write-and-flush", Nothing("Ok(())")),
            ("[method]output-stream.flush", Nothing("Ok(())")),
            ("[method]output-stream.blocking-flush", Nothing("Ok(())")),
            ("[method]output-stream.subscribe", Nothing("true")),
            ("[method]output-stream.write-zeroes", Nothing("(Ok(4096), Ok(()))")),
            ("[method]output-stream.blocking-write-zeroes-and-flush", Nothing("Ok(())")),
            ("[method]output-stream.splice", Nothing(CLOSED)),
            ("[method]output-stream.blocking-splice", Nothing(CLOSED)),
        ],
    ),
    ("random/random", &[("get-random-bytes", Seed), ("get-random-u64", Seed)]),
    ("random/insecure", &[("get-insecure-random-bytes", Seed), ("get-insecure-random-u64", Seed)]),
    ("random/insecure-seed", &[("insecure-seed", Seed)]),
    ("filesystem/preopens", &[("get-directories", Nothing("0"))]),
    (
        "filesystem/types",
        &[
            ("[method]descriptor.", NoSuch("descriptor")),
            ("[method]directory-entry-stream.", NoSuch("directory-entry-stream")),
            ("filesystem-error-code", NoSuch("error")),
        ],
    ),
    ("sockets/network", &[]),
    ("sockets/instance-network", &[("instance-network", Nothing("a resource"))]),
    (
        "sockets/ip-name-lookup",
        &[
            ("resolve-addresses", Nothing("permanent-resolver-failure")),
            ("[method]resolve-address-stream.", NoSuch("resolve-address-stream")),
        ],
    ),
    ("sockets/tcp", &[("[method]tcp-socket.", NoSuch("tcp-socket"))]),
    ("sockets/tcp-create-socket", &[("create-tcp-socket", Nothing("access-denied"))]),
    (
        "sockets/udp",
        &[
            ("[method]udp-socket.", NoSuch("udp-socket")),
            ("[method]incoming-datagram-stream.", NoSuch("incoming-datagram-stream")),
            ("[method]outgoing-datagram-stream.", NoSuch("outgoing-datagram-stream")),
        ],
    ),
    ("sockets/udp-create-socket", &[("create-udp-socket", Nothing("access-denied"))]),
];

/// The WIT of the WASI that the host links.
fn linked() -> (Resolve, WorldId) {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let listed = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked", "--manifest-path", manifest])
        // The packages for other systems need not be there.
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .output()
        .unwrap();
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let package =
        listed["packages"].as_array().unwrap().iter().find(|package| package["name"] == "wasmtime-wasi");
    let wit = Path::new(package.unwrap()["manifest_path"].as_str().unwrap()).with_file_name("src/p2/wit");
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(&wit).unwrap();
    let world = resolve.select_world(&[package], Some("wasi:cli/imports")).unwrap();
    (resolve, world)
}

/// The row of a function. A row whose name ends with a dot is for every method of its resource.
fn row(interface: &str, function: &str) -> Option<Follows> {
    let (_, rows) = IMPORTS.iter().find(|(name, _)| *name == interface)?;
    let found =
        rows.iter().find(|(name, _)| *name == function || name.ends_with('.') && function.starts_with(*name));
    found.map(|(_, follows)| *follows)
}

/// Whether a function can return a resource of this name, in whatever it is wrapped.
fn returns(resolve: &Resolve, of: &Type, resource: &str) -> bool {
    let Type::Id(id) = of else { return false };
    let def = &resolve.types[*id];
    let inner = |of: &Type| returns(resolve, of, resource);
    match &def.kind {
        TypeDefKind::Resource => def.name.as_deref() == Some(resource),
        TypeDefKind::Handle(Handle::Own(id)) => returns(resolve, &Type::Id(*id), resource),
        TypeDefKind::Type(of) | TypeDefKind::List(of) | TypeDefKind::Option(of) => inner(of),
        TypeDefKind::Result(result) => result.ok.iter().chain(&result.err).any(inner),
        TypeDefKind::Tuple(tuple) => tuple.types.iter().any(inner),
        TypeDefKind::Record(record) => record.fields.iter().any(|field| inner(&field.ty)),
        TypeDefKind::Variant(variant) => variant.cases.iter().filter_map(|case| case.ty.as_ref()).any(inner),
        _ => false,
    }
}

#[test]
fn every_wasi_import_has_a_row_and_no_import_gives_out_what_no_guest_may_have() {
    let (resolve, world) = linked();
    let mut interfaces = 0;
    for item in resolve.worlds[world].imports.values() {
        let WorldItem::Interface { id, .. } = item else { continue };
        interfaces += 1;
        let interface = &resolve.interfaces[*id];
        let package = &resolve.packages[interface.package.unwrap()].name.name;
        let name = format!("{package}/{}", interface.name.as_ref().unwrap());
        assert!(IMPORTS.iter().any(|(known, _)| *known == name), "no row for {name}");
        for function in interface.functions.values() {
            let follows = row(&name, &function.name);
            let follows = follows.unwrap_or_else(|| panic!("no row for {name}#{}", function.name));
            let closed = ["descriptor", "directory-entry-stream", "tcp-socket", "udp-socket"]
                .into_iter()
                .chain(["incoming-datagram-stream", "outgoing-datagram-stream", "resolve-address-stream"])
                .chain(["terminal-input", "terminal-output"]);
            for resource in closed {
                let gives = function.result.as_ref().is_some_and(|of| returns(&resolve, of, resource));
                let is_closed = matches!(follows, NoSuch(_))
                    || matches!(
                        follows,
                        Nothing("none" | "0" | "access-denied" | "permanent-resolver-failure")
                    );
                assert!(!gives || is_closed, "{name}#{} gives out a {resource}", function.name);
            }
        }
    }
    assert_eq!(interfaces, IMPORTS.len(), "a row for an interface that does not exist");
}

#[tokio::test]
async fn every_wasi_import_answers_the_same_in_every_run_of_a_query_or_mutation() {
    let world = World::new().await;
    let host = world.host(&["wasi"]).await;
    let (seed, instant) = ([7; 32], 1_769_860_800_000_001);
    let ask = async |function: &str, name: &str, replay: Replay| {
        let asked = host
            .call("wasi", function)
            .arguments(json!({ "name": name }))
            .caller(Caller::Host)
            .request(RequestId::parse("replayed").unwrap())
            .replay(replay);
        match asked.await {
            Ok(outcome) => outcome.value.as_str().unwrap().to_owned(),
            Err(error) => error.to_string(),
        }
    };
    for function in ["attempts/probe", "changes/probe"] {
        for (interface, rows) in IMPORTS {
            for (import, follows) in *rows {
                let name = format!("{interface}#{import}");
                let at = |seed, instant| ask(function, &name, Replay::of(seed, instant).unwrap());
                if matches!(follows, NoSuch(_)) {
                    continue;
                }
                let first = at(seed, instant).await;
                tokio::time::sleep(Duration::from_millis(3)).await;
                assert_eq!(first, at(seed, instant).await, "{function} {name}");
                assert!(
                    !first.contains("no import is named") && !first.contains("LastOperationFailed"),
                    "{first}"
                );
                if *follows == Ends {
                    // Few calls, because a plugin that fails often is quarantined.
                    assert!(first.contains("it exited with status "), "{name}: {first}");
                    continue;
                }
                let (other_seed, other_instant) = (at([8; 32], instant).await, at(seed, instant + 5).await);
                assert_eq!(first != other_seed, *follows == Seed, "{function} {name}: {first}, {other_seed}");
                assert_eq!(
                    first != other_instant,
                    *follows == Follows::Instant,
                    "{function} {name}: {first}, {other_instant}"
                );
                if let Nothing(text) = follows {
                    assert!(first == *text || first.contains(&format!("\"{text}\"")), "{name}: {first}");
                }
            }
        }
    }
}
