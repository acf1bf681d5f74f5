//! Loading: a faulty plugin is rejected with a message that names the fix, and leaves nothing behind.

mod compiler;
mod composed;
mod policy;
mod start;
mod types;

use crate::harness::{CALLS, World, altered, call, component, guest, odd};
use palisade::limits::COMPONENT_INSTANCES_MAX;
use palisade::{CallError, LoadError, Policy};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;

/// The message with which a plugin is rejected.
async fn refusal(world: &World, folder: &Path, policy: Policy) -> String {
    let host = world.builder().build().await.unwrap();
    let error = host.load(folder, &policy).await.map(|plugin| plugin.name).unwrap_err();
    assert!(host.plugins().is_empty());
    error.to_string()
}

/// The message for the plugin `odd`. Asserts that nothing of it was installed.
async fn refusal_of(world: &World, component: &[u8], rest: &str) -> String {
    let sentence = refusal(world, odd(component, rest).path(), Policy::as_asked()).await;
    let installed = "SELECT count(*) FROM pg_namespace WHERE nspname = 'plugin_odd'";
    assert_eq!(world.count(installed).await, 0, "a rejected plugin is not installed: {sentence}");
    assert_eq!(world.count("SELECT count(*) FROM palisade.plugins").await, 0);
    sentence
}

/// An import of an interface with one function.
fn import(interface: &str, function: &str, ty: &str) -> String {
    format!(r#"(import "{interface}" (instance (export "{function}" (func {ty}))))"#)
}

/// A component with another contract version in its names.
fn patched(name: &str, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "names have length prefixes");
    let mut bytes = std::fs::read(guest(name).join(format!("{name}.wasm"))).unwrap();
    let places: Vec<usize> =
        (0..bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}

#[tokio::test]
async fn plain_component_is_loaded() {
    let world = World::new().await;
    let folder = odd(&component("", ""), CALLS);
    let host = world
        .builder()
        .plugin(folder.path().join("palisade.toml"), Policy::harmless())
        .build()
        .await
        .unwrap();
    assert_eq!(host.plugins()[0].functions[0].path, "calls/f");
    call(&host, "odd", "calls/f", json!({})).await.unwrap();
}

#[tokio::test]
async fn component_that_imports_only_types_is_loaded() {
    let world = World::new().await;
    let page = r#"(type $page (record (field "size" u32)))"#;
    let host = world.builder().build().await.unwrap();
    for import in [
        format!(r#"{page} (import "page" (type (eq $page)))"#),
        format!(r#"(import "acme:odd/types" (instance {page} (export "page" (type (eq $page)))))"#),
    ] {
        let folder = odd(&component(&import, ""), CALLS);
        host.load(folder.path(), &Policy::harmless()).await.unwrap();
        call(&host, "odd", "calls/f", json!({})).await.unwrap();
    }
    let unknown = r#"(import "palisade:plugin/shapes@0.1.0" (instance))"#;
    let folder = odd(&component(unknown, ""), CALLS);
    let sentence = refusal(&world, folder.path(), Policy::as_asked()).await;
    assert!(sentence.contains("which contract 0.1.0 does not have"), "{sentence}");
}

#[tokio::test]
async fn file_that_is_not_a_component_is_rejected_with_the_command_to_run() {
    let world = World::new().await;
    let module = wat::parse_str("(module)").unwrap();
    let whole = component("", "");
    for (bytes, expected) in [
        (&b""[..], "build the plugin, then run `palisade build`"),
        (b"#!/bin/sh\n", "build the plugin, then run `palisade build`"),
        (&module, "this is a core module, not a component: run `palisade build FILE.wasm --out PLUGIN.wasm`"),
        (b"\0asm\x0d\0\x01\0\xff\xff\xff", "malformed"),
        (&whole[..whole.len() - 3], "malformed"),
    ] {
        let sentence = refusal_of(&world, bytes, CALLS).await;
        assert!(sentence.starts_with("plugin `odd`: ") && sentence.contains(expected), "{sentence}");
    }
}

#[tokio::test]
async fn compile_bomb_is_rejected_before_it_is_compiled() {
    let world = World::new().await;
    let bomb =
        format!("(core module $n) {}", "(core instance (instantiate $n))".repeat(COMPONENT_INSTANCES_MAX));
    let sentence = refusal_of(&world, &component(&bomb, ""), CALLS).await;
    assert!(sentence.contains("more than 200 instances: build it as one module"), "{sentence}");
}

#[tokio::test]
async fn component_for_another_contract_is_rejected_with_both_versions() {
    let world = World::new().await;
    for (to, version) in
        [(b"@0.2.0", "0.2.0"), (b"@1.0.0", "1.0.0"), (b"@0.1.9", "0.1.9"), (b"@0.0.1", "0.0.1")]
    {
        let import = import(
            &format!("palisade:plugin/clock{}", String::from_utf8_lossy(to)),
            "monotonic",
            "(result u64)",
        );
        let loaded = world.builder().build().await.unwrap();
        let folder = odd(&component(&import, ""), CALLS);
        let result = loaded.load(folder.path(), &Policy::as_asked()).await;
        // A later patch version is compatible as far as its types exist.
        if version == "0.1.9" {
            result.unwrap();
            continue;
        }
        let sentence = result.map(|plugin| plugin.name).unwrap_err().to_string();
        let expected = format!(
            "it is built for contract {version}, and this host speaks 0.1.0: build it with palisade-sdk 0.1.0"
        );
        assert!(sentence.contains(&expected), "{sentence}");
    }
    // The same for a tap, in a real component.
    let folder = altered("taps", |manifest| manifest);
    std::fs::write(folder.path().join("taps.wasm"), patched("taps", b"@0.1.0", b"@0.2.0")).unwrap();
    let sentence = refusal(&world, folder.path(), Policy::as_asked()).await;
    assert!(
        sentence.contains("contract 0.2.0") && sentence.contains("build it with palisade-sdk 0.1.0"),
        "{sentence}"
    );
}

#[tokio::test]
async fn import_outside_the_contract_is_rejected_by_name() {
    let world = World::new().await;
    for (name, expected) in [
        ("acme:other/door@0.1.0", "it imports `acme:other/door@0.1.0`, which no world of a host has"),
        ("wasi:http/outgoing-handler@0.2.0", "wasi:http/outgoing-handler"),
        ("palisade:plugin/shell@0.1.0", "which contract 0.1.0 does not have: remove the import"),
        ("palisade:plugin/clock", "without a version: build it with palisade-sdk 0.1.0"),
        ("palisade:pluginx/clock@0.1.0", "a plugin reaches palisade:plugin and closed WASI only"),
    ] {
        let sentence = refusal_of(&world, &component(&import(name, "open", ""), ""), CALLS).await;
        assert!(sentence.contains(expected), "{name}: {sentence}");
    }
    let bare = r#"(import "open" (func))"#;
    let sentence = refusal_of(&world, &component(bare, ""), CALLS).await;
    assert!(
        sentence.contains("it imports `open`, which no world of a host has: remove the import"),
        "{sentence}"
    );
}

#[tokio::test]
async fn import_with_types_unlike_the_contract_is_rejected() {
    let world = World::new().await;
    for (interface, function, ty) in [
        ("clock", "now", "(result string)"),
        ("clock", "later", "(result u64)"),
        ("logging", "log", "(param \"message\" string)"),
    ] {
        let import = import(&format!("palisade:plugin/{interface}@0.1.0"), function, ty);
        let sentence = refusal_of(&world, &component(&import, ""), CALLS).await;
        let fits =
            sentence.contains("it does not fit the contract palisade:plugin") && sentence.contains(interface);
        assert!(fits && sentence.contains("build it with this contract"), "{sentence}");
    }
}

#[tokio::test]
async fn import_without_a_grant_is_rejected_with_the_line_to_add() {
    let world = World::new().await;
    for (interface, function, fix) in [
        ("db", "select", "`TABLE = [\"select\"]` to [grants.db.tables]"),
        ("db", "query", "`query = true` to [grants.db]"),
        ("db-write", "insert", "`TABLE = [\"insert\"]` to [grants.db.tables]"),
        ("db-write", "update", "`TABLE = [\"update\"]` to [grants.db.tables]"),
        ("db-write", "delete", "`TABLE = [\"delete\"]` to [grants.db.tables]"),
        ("db-write", "execute", "`execute = true` to [grants.db]"),
        ("user", "get", "`user = [\"get\"]` to [grants]"),
        ("user", "has-permission", "`user = [\"has-permission\"]` to [grants]"),
        ("variables-write", "set", "`variables = [\"write\"]` to [grants]"),
        ("item", "find", "`TYPE = [\"read\"]` to [grants.item.types]"),
        ("item-write", "delete", "`TYPE = [\"write\"]` to [grants.item.types]"),
        ("http", "fetch", "`http = [{ url = \"https://HOST/\" }]` to [grants]"),
    ] {
        let import = import(&format!("palisade:plugin/{interface}@0.1.0"), function, "");
        let sentence = refusal_of(&world, &component(&import, ""), &CALLS.replace("query", "action")).await;
        let expected =
            format!("it imports `{interface}.{function}` without a grant: add {fix} in palisade.toml");
        assert!(sentence.contains(&expected), "{sentence}");
    }
}

#[tokio::test]
async fn all_missing_grants_are_named_at_once() {
    let world = World::new().await;
    let imports =
        import("palisade:plugin/user@0.1.0", "get", "") + &import("palisade:plugin/http@0.1.0", "fetch", "");
    let sentence = refusal_of(&world, &component(&imports, ""), &CALLS.replace("query", "action")).await;
    assert!(
        sentence.contains(
            "it imports `http.fetch`, `user.get` without a grant: add `http = [{ url = \"https://HOST/\" }]` to [grants] \
             and `user = [\"get\"]` to [grants] in palisade.toml"
        ),
        "{sentence}"
    );
}

#[tokio::test]
async fn everything_that_does_not_fit_is_told_at_once() {
    let world = World::new().await;
    let imports = [
        import("palisade:plugin/http@0.1.0", "fetch", ""),
        import("palisade:plugin/shell@0.1.0", "run", ""),
        import("acme:other/door@0.1.0", "open", ""),
    ];
    let rest = "[exports]\n\"acme:odd/cals\" = \"query\"\n[taps]\nitem-view = {}\n";
    let sentence = refusal_of(&world, &component(&imports.concat(), ""), rest).await;
    for expected in [
        "6 things to change:\n",
        "it imports `acme:other/door@0.1.0`, which no world of a host has",
        "it imports `palisade:plugin/shell@0.1.0`, which contract 0.1.0 does not have",
        "it imports `http.fetch` without a grant",
        "it exports `acme:odd/calls`: give it a kind, `\"acme:odd/calls\" = \"query\"`, in [exports] of palisade.toml, instead of \
         `acme:odd/cals`",
        "[taps] of palisade.toml lists `item-view`, and it does not export",
        "it imports `http`, which only an action has",
        "palisade.toml (-) and the component (+) differ:",
    ] {
        assert!(sentence.contains(expected), "{expected} in {sentence}");
    }
}

/// The contract's functions that need a grant of their own, of interfaces of which other functions are granted. A policy that
/// withholds one denies it as the manifest does.
#[tokio::test]
async fn interface_granted_in_part_is_linked_whole_and_its_other_functions_are_denied() {
    let world = World::new().await;
    let denied = json!({ "tag": "access-denied" });
    for (powers, function, arguments) in [
        (", query = true", "reads/query", json!({ "sql": "SELECT 1", "parameters": [] })),
        (
            ", execute = true",
            "writes/execute",
            json!({ "sql": "DELETE FROM notes WHERE id = 1", "parameters": [] }),
        ),
        ("\"has-permission\", ", "reads/has-permission", json!({ "permission": "post:edit" })),
        (", \"get\"", "reads/get-user", json!({ "id": "00000000-0000-0000-0000-000000000001" })),
    ] {
        let full = guest("probe");
        let part = altered("probe", |manifest| {
            assert!(manifest.contains(powers));
            manifest.replace(powers, "")
        });
        for (folder, is_granted) in [(full.as_path(), true), (part.path(), false)] {
            let host = world.builder().plugin(folder, Policy::as_asked()).build().await.unwrap();
            let answer = call(&host, "probe", function, arguments.clone()).await;
            assert_eq!(
                matches!(&answer, Err(CallError::Returned(error)) if *error == denied),
                !is_granted,
                "{function}: {answer:?}"
            );
            let passport = host.plugins().remove(0).passport;
            assert_eq!(
                passport.denied.values().map(BTreeSet::len).sum::<usize>(),
                usize::from(!is_granted),
                "{passport:?}"
            );
            host.stop().await;
        }
    }
}

#[tokio::test]
async fn plugin_with_grants_withheld_by_the_policy_is_rejected() {
    let world = World::new().await;
    let sentence = refusal(&world, &guest("blog"), Policy::harmless()).await;
    assert!(sentence.starts_with("plugin `blog`: it imports `"), "{sentence}");
    assert!(
        sentence.contains("without a grant") && sentence.contains("see that the operator's policy allows it"),
        "{sentence}"
    );
}

#[tokio::test]
async fn import_that_no_exported_kind_can_use_is_rejected() {
    let world = World::new().await;
    for (interface, function, grant, kind, expected) in [
        (
            "db-write",
            "execute",
            "db = { execute = true }",
            "query",
            "only a mutation has, and none of its exports is more than a query",
        ),
        (
            "variables-write",
            "unset",
            "variables = [\"write\"]",
            "query",
            "declare the interface that needs it as \"mutation\"",
        ),
        (
            "http",
            "fetch",
            "http = [{ url = \"https://a.example/\" }]",
            "mutation",
            "only an action has, and none of its exports is more than a mutation",
        ),
    ] {
        let import = import(&format!("palisade:plugin/{interface}@0.1.0"), function, "");
        let rest = format!("{}[grants]\n{grant}\n", CALLS.replace("query", kind));
        let sentence = refusal_of(&world, &component(&import, ""), &rest).await;
        assert!(
            sentence.contains(&format!("it imports `{interface}`")) && sentence.contains(expected),
            "{sentence}"
        );
    }
}

#[tokio::test]
async fn export_mismatch_of_manifest_and_component_is_rejected() {
    let world = World::new().await;
    let plain = component("", "");
    let root = wat::parse_str(
        r#"(component (core module $m (func (export "f"))) (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f"))) (export "run" (func $f)))"#,
    );
    for (bytes, rest, expected) in [
        (
            &plain,
            "",
            "it exports `acme:odd/calls`: give it a kind, `\"acme:odd/calls\" = \"query\"`, in [exports]",
        ),
        (
            &plain,
            "[exports]\n\"acme:odd/calls\" = \"query\"\n\"acme:odd/cals\" = \"query\"\n",
            "[exports] of palisade.toml lists `acme:odd/cals`, which it does not export",
        ),
        (
            &plain,
            &format!("{CALLS}[taps]\nitem-view = {{}}\n"),
            "and it does not export `palisade:plugin/tap-item-view`",
        ),
        (&root.unwrap(), "", "the function `run` outside any interface: put it into one"),
        (
            &wat::parse_str("(component)").unwrap(),
            "",
            "nothing could be called: name an interface that it exports",
        ),
    ] {
        let sentence = refusal_of(&world, bytes, rest).await;
        assert!(sentence.contains(expected), "{sentence}");
    }
    let folder = altered("taps", |manifest| manifest.replace("item-view = { weight = 10 }\n", ""));
    let sentence = refusal(&world, folder.path(), Policy::as_asked()).await;
    assert!(sentence.contains("add `item-view = {}` to [taps] of palisade.toml"), "{sentence}");
}

#[tokio::test]
async fn function_that_json_cannot_carry_is_rejected_by_name() {
    let world = World::new().await;
    let sentence = refusal(&world, &guest("resourceful"), Policy::as_asked()).await;
    assert!(
        sentence.contains("of `probe:resourceful/tickets`") && sentence.contains("a resource"),
        "{sentence}"
    );
    assert!(sentence.contains("pass an id, or the data itself"), "{sentence}");
}

#[tokio::test]
async fn manifest_error_is_reported_with_line_and_column() {
    let world = World::new().await;
    let plain = component("", "");
    for (rest, expected) in [
        ("colour = 1\n", "palisade.toml:5:1: unknown key `colour`"),
        ("[exports]\n\"acme:odd/calls\" = \"read\"\n", "palisade.toml:6:20: unknown word `read`"),
        ("[grants]\ndb = { tables = { t = [\"drop\"] } }\n", "palisade.toml:6:24: unknown word `drop`"),
        ("[limits]\nmemory = 5\n", "write a text such as \"32 MiB\""),
    ] {
        let sentence = refusal_of(&world, &plain, rest).await;
        assert!(sentence.contains(expected), "{sentence}");
    }
}

#[tokio::test]
async fn missing_file_is_named() {
    let world = World::new().await;
    let folder = altered("probe", |manifest| manifest);
    std::fs::remove_file(folder.path().join("probe.wasm")).unwrap();
    let missing = refusal(&world, folder.path(), Policy::as_asked()).await;
    assert!(
        missing.starts_with("plugin `probe`: its component probe.wasm is not there: run `palisade build "),
        "{missing}"
    );
    std::fs::remove_file(folder.path().join("palisade.toml")).unwrap();
    assert!(refusal(&world, folder.path(), Policy::as_asked()).await.contains("palisade.toml: No such file"));
    assert!(
        refusal(&world, Path::new("no/such/folder"), Policy::as_asked())
            .await
            .starts_with("cannot read no/such/folder")
    );
}

#[tokio::test]
async fn table_that_no_migration_creates_is_rejected_by_name() {
    let world = World::new().await;
    for table in ["nots", "palisade.users", "x\\\"; DROP SCHEMA palisade CASCADE; --"] {
        let folder = altered("probe", |manifest| {
            manifest.replace("notes = [", &format!("\"{table}\" = [\"select\"], notes = ["))
        });
        let sentence = refusal(&world, folder.path(), Policy::as_asked()).await;
        let expected = "which no migration makes: correct the name, or add a migration";
        assert!(sentence.contains(&table.replace('\\', "")) && sentence.contains(expected), "{sentence}");
    }
    assert_eq!(world.count("SELECT count(*) FROM pg_namespace WHERE nspname = 'plugin_probe'").await, 0);
    assert_eq!(world.count("SELECT count(*) FROM palisade.users").await, 0);
}

#[tokio::test]
async fn migration_changed_or_deleted_after_it_ran_is_rejected_by_name() {
    let world = World::new().await;
    let folder = altered("probe", |manifest| manifest);
    let file = folder.path().join("migrations/0001_notes.sql");
    let host = world.builder().plugin(folder.path(), Policy::as_asked()).build().await.unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let before = world.state().await;
    std::fs::write(&file, format!("{text}-- a comment\n")).unwrap();
    let sentence = |result: Result<_, LoadError>| result.map(drop).unwrap_err().to_string();
    let changed = sentence(host.load(folder.path(), &Policy::as_asked()).await);
    assert!(
        changed.contains("migrations/0001_notes.sql has changed since it ran here: restore it"),
        "{changed}"
    );
    std::fs::remove_file(&file).unwrap();
    let missing = sentence(host.load(folder.path(), &Policy::as_asked()).await);
    assert!(
        missing.contains("migrations/0001_notes.sql ran here and is missing now: restore the file"),
        "{missing}"
    );
    assert_eq!(world.state().await, before);
    std::fs::write(&file, text).unwrap();
    host.load(folder.path(), &Policy::as_asked()).await.unwrap();
    call(&host, "probe", "reads/now", json!({})).await.unwrap();
}

#[tokio::test]
async fn rejected_new_version_leaves_the_old_one_running() {
    let world = World::new().await;
    let host = world.host(&["greeter"]).await;
    let folder = altered("greeter", |manifest| manifest.replace("0.1.0", "0.2.0"));
    std::fs::write(folder.path().join("greeter.wasm"), b"garbage").unwrap();
    host.load(folder.path(), &Policy::as_asked()).await.map(drop).unwrap_err();
    assert_eq!(host.plugins()[0].version, "0.1.0");
    let greeting = call(&host, "greeter", "greeting/greet", json!({ "name": "Ada" })).await;
    assert_eq!(greeting.unwrap(), json!("Hello, Ada!"));
}

#[tokio::test]
async fn exports_unlike_the_manifest_are_rejected_with_the_difference() {
    let world = World::new().await;
    let rest = "[exports]\n\"acme:odd/old\" = \"query\"\n[taps]\nitem-view = {}\n";
    let sentence = refusal_of(&world, &component("", ""), rest).await;
    let difference = "\npalisade.toml (-) and the component (+) differ:\n+ export acme:odd/calls;\n- export acme:odd/old;\n\
         - export palisade:plugin/tap-item-view;";
    assert!(sentence.ends_with(difference), "{sentence}");
    let far = refusal_of(&world, &component(&import("acme:other/door@0.1.0", "open", ""), ""), CALLS).await;
    assert!(!far.contains("differ"), "{far}");
}
