//! Rows about another plugin's data that a plugin would find if the host confused names or keys. Plugin `a` stores
//! something, plugin `a-b` looks for it under every name that it could have, and then `a` itself finds it.

use super::arena::Arena;
use super::row::{End, Row, Seen, rust, wat};
use crate::db::attacks::leftovers;
use crate::harness::{altered, call, call_as};
use crate::supervision::create;
use palisade::{CallError, Caller, Policy};
use serde_json::{Value, json};

const NOTHING: &str = "the neighbour finds nothing, and the plugin finds its own data";

pub fn rows() -> Vec<Row> {
    let of = |component, function| rust(component, "G10", function, json!({}), End::Shown(NOTHING)).over();
    vec![
        wat("cache-get", "G10", End::Shown(NOTHING)),
        of("probe", "reads/get-variable"),
        of("steps", "tap-item-presave"),
        of("probe", "reads/item-get"),
        of("sql", "in-mutation/execute"),
        wat("cache-get", "G10", End::Refused("is not a plugin name")).text("a:b"),
    ]
}

/// Tries one of these rows.
pub async fn try_row(arena: &Arena, row: &Row) -> Seen {
    let found = match row.function {
        _ if row.arguments["text"] == "a:b" => {
            return arena.load(row, "a:b").await.map_or_else(Seen::Refused, |()| Seen::Works(0, 0));
        }
        "reads/get-variable" => variables(arena, row).await,
        "tap-item-presave" => contexts(arena, row).await,
        "reads/item-get" => items(arena).await,
        "in-mutation/execute" => {
            leftovers::leave_everything_in_sessions_and_check_them().await;
            Ok(())
        }
        _ => cache(arena, row).await,
    };
    found.map_or_else(Seen::Otherwise, |()| Seen::Shown(NOTHING.into()))
}

/// Fails with what was found unless the condition holds.
fn ensure(is: bool, found: impl std::fmt::Debug) -> Result<(), String> {
    if is { Ok(()) } else { Err(format!("{found:?}")) }
}

async fn cache(arena: &Arena, row: &Row) -> Result<(), String> {
    let (keeping, looking) = (wat("cache-set", "", End::Works).n(5).text("b:c"), row.clone().text("c"));
    arena.load(&keeping, "a").await?;
    let kept = arena.call(&keeping, "a").await;
    arena.load(&looking, "a-b").await?;
    let mut found = Vec::new();
    for (name, key) in [("a-b", "c"), ("a-b", "b:c"), ("a-b", "a:b:c"), ("a-b", "-b:c")] {
        found.push(arena.call(&looking.clone().text(key), name).await);
    }
    arena.load(&looking, "a").await?;
    let own = arena.call(&looking.text("b:c"), "a").await;
    let nothing = found.iter().all(|seen| matches!(seen, Seen::Works(0, _)));
    ensure(nothing && matches!((&kept, &own), (Seen::Works(..), Seen::Works(6, _))), (kept, found, own))
}

async fn variables(arena: &Arena, row: &Row) -> Result<(), String> {
    for name in ["a", "a-b"] {
        arena.load(row, name).await?;
    }
    let set = async |name: &str, text: &str| {
        let value = json!({ "tag": "text", "val": text });
        call(&arena.host, name, "writes/set-variable", json!({ "name": "label", "value": value })).await
    };
    let get = async |name: &str| {
        call(&arena.host, name, "reads/get-variable", json!({ "name": "label" })).await.unwrap()["val"]
            .clone()
    };
    set("a", "kept").await.unwrap();
    let (neighbours, own) = (get("a-b").await, get("a").await);
    set("a-b", "another").await.unwrap();
    ensure(neighbours == "none" && own == "kept" && get("a").await == "kept", (neighbours, own))
}

/// Both plugins have taps in one request and store a word under the same key.
async fn contexts(arena: &Arena, row: &Row) -> Result<(), String> {
    for name in ["a", "a-b"] {
        arena.load(row, name).await?;
    }
    create(&arena.host, json!({})).await.unwrap();
    for name in ["a", "a-b"] {
        let logged = arena.world.log.all().into_iter().filter(|entry| entry.plugin == name);
        let messages: Vec<String> = logged.map(|entry| entry.message).collect();
        let own = format!("Some({name:?})");
        let expected =
            ["presave found None".to_owned(), format!("changed found {own}"), format!("view found {own}")];
        ensure(messages == expected, messages)?;
    }
    Ok(())
}

/// Items are visible to the plugins that are granted their type.
async fn items(arena: &Arena) -> Result<(), String> {
    let named = |name: &str, item_type: &str| {
        let (name, grant) = (format!("name = \"{name}\""), format!("types = {{ {item_type} ="));
        altered("probe", |text| text.replace("name = \"probe\"", &name).replace("types = { note =", &grant))
    };
    let (own, other) = (named("a", "note"), named("a-b", "memo"));
    for folder in [&own, &other] {
        arena.host.load(folder.path(), &Policy::as_asked()).await.unwrap();
    }
    let host = async |name: &str, function: &str, arguments: Value| {
        call_as(&arena.host, name, function, arguments, Caller::Host).await
    };
    let draft = json!({ "itemType": "note", "title": "A note", "status": "published", "fields": "{}" });
    let item = host("a", "writes/item-insert", json!({ "draft": draft })).await.unwrap();
    let id = json!({ "id": item["id"] });
    let found = host("a-b", "reads/item-get", id.clone()).await.unwrap();
    let many = host("a-b", "reads/item-get-many", json!({ "ids": [item["id"]] })).await.unwrap();
    let deleted = host("a-b", "writes/item-delete", json!({ "id": item["id"], "revision": null })).await;
    let own = host("a", "reads/item-get", id).await.unwrap();
    let kept = matches!(deleted, Err(CallError::Returned(_))) && own["id"] == item["id"];
    ensure(found.is_null() && many == json!([]) && kept, (found, many, deleted, own))
}
