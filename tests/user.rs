//! Tests `wit/user.wit` through a component.

use crate::harness::{World, call, call_as, exceeded, invalid, limited};
use palisade::guard::user::Permission;
use palisade::limits::{PERMISSION_BYTES_MAX, ROLE_BYTES_MAX, USER_NAME_BYTES_MAX};
use palisade::{ANONYMOUS_ROLE, Caller, Host, Refusal};
use serde_json::{Value, json};

async fn current(host: &Host, caller: Caller) -> Value {
    call_as(host, "probe", "reads/current", json!({}), caller).await.unwrap()
}

async fn holds(host: &Host, permission: &str, caller: Caller) -> bool {
    let arguments = json!({ "permission": permission });
    call_as(host, "probe", "reads/has-permission", arguments, caller).await.unwrap().as_bool().unwrap()
}

async fn permit(host: &Host, role: &str, permissions: &[&str]) {
    let permissions: Vec<Permission> =
        permissions.iter().map(|name| Permission::parse(name).unwrap()).collect();
    host.users().permit(role, &permissions).await.unwrap();
}

#[tokio::test]
async fn current_is_none_for_an_anonymous_caller_and_the_host() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    assert_eq!(current(&host, Caller::Anonymous).await, Value::Null);
    assert_eq!(current(&host, Caller::Host).await, Value::Null);
}

#[tokio::test]
async fn current_is_only_the_users_profile_with_sorted_roles() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let user = world.user(&host, "Ada \u{202e}\"L\"", &["writer", "admin", "editor"]).await;
    let token = host.users().token(user.id.into(), None).await.unwrap();
    let caller = host.identify(&token).await.unwrap().unwrap();
    let profile = json!({ "id": user.id.to_string(), "name": "Ada \u{202e}\"L\"", "roles": ["admin", "editor", "writer"] });
    assert_eq!(current(&host, caller).await, profile);
    let stored = world.sql.query_one("SELECT id::text, name FROM palisade.users", &[]).await.unwrap();
    assert_eq!(profile["id"], stored.get::<_, String>(0));
    assert_eq!(profile["name"], stored.get::<_, String>(1));
}

#[tokio::test]
async fn malformed_permission_is_rejected() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let (long, longest) = ("a".repeat(PERMISSION_BYTES_MAX + 1), "a".repeat(PERMISSION_BYTES_MAX));
    for permission in ["", "A", ":a", "1a", "a b", "a\0", "a/b", "é", "a%", &long] {
        let arguments = json!({ "permission": permission });
        // The host has all permissions, but malformed ones are rejected for it too.
        for caller in [Caller::Anonymous, Caller::Host] {
            let refused = call_as(&host, "probe", "reads/has-permission", arguments.clone(), caller).await;
            assert!(invalid(refused).contains("128 bytes"), "{permission:?}");
        }
    }
    assert!(!holds(&host, &longest, Caller::Anonymous).await);
}

#[tokio::test]
async fn permission_is_held_only_through_a_role() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    permit(&host, "editor", &["item:edit:post", "x"]).await;
    permit(&host, ANONYMOUS_ROLE, &["comment.read"]).await;
    permit(&host, "reader", &["read_it-1"]).await;
    let editor = Caller::user(world.user(&host, "Eve", &["editor", "reader"]).await);
    let without_roles = Caller::user(world.user(&host, "Bob", &[]).await);
    for (permission, expected) in [
        // editor, user without roles, anonymous, host
        ("nobody:defined", [false, false, false, true]),
        ("item:edit:pos", [false, false, false, true]),
        ("item:edit:post", [true, false, false, true]),
        ("read_it-1", [true, false, false, true]),
        ("comment.read", [false, false, true, true]),
    ] {
        let mut held = Vec::new();
        for caller in [editor.clone(), without_roles.clone(), Caller::Anonymous, Caller::Host] {
            held.push(holds(&host, permission, caller).await);
        }
        assert_eq!(held, expected, "{permission}");
    }
    world.sql.execute("DELETE FROM palisade.role_permissions WHERE role = 'editor'", &[]).await.unwrap();
    assert!(!holds(&host, "item:edit:post", editor).await, "the next request reads the roles again");
}

#[tokio::test]
async fn malformed_user_id_is_rejected() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let user = world.user(&host, "Ada", &[]).await;
    let id = user.id.to_string();
    for wrong in [
        "",
        "x",
        "' OR true --",
        &id[1..],
        &id.to_uppercase(),
        &format!("{{{id}}}"),
        &id.replace('-', ""),
        &format!("{id}\0"),
    ] {
        let refused = call(&host, "probe", "reads/get-user", json!({ "id": wrong })).await;
        assert!(invalid(refused).contains("36 lower-case characters"), "{wrong:?}");
    }
}

#[tokio::test]
async fn get_returns_any_users_profile_and_none_for_an_unknown_id() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let user = world.user(&host, "Ada", &["b", "a"]).await;
    let get = |id: String| call(&host, "probe", "reads/get-user", json!({ "id": id }));
    assert_eq!(get("00000000-0000-0000-0000-000000000000".into()).await.unwrap(), Value::Null);
    let profile = json!({ "id": user.id.to_string(), "name": "Ada", "roles": ["a", "b"] });
    assert_eq!(get(user.id.to_string()).await.unwrap(), profile);
    world.sql.execute("DELETE FROM palisade.users", &[]).await.unwrap();
    assert_eq!(get(user.id.to_string()).await.unwrap(), Value::Null);
}

#[tokio::test]
async fn calls_over_the_statement_budget_return_limit_exceeded() {
    let world = World::new().await;
    let id = "00000000-0000-0000-0000-000000000000";
    let calls =
        [("reads/get-user", json!({ "id": id })), ("reads/has-permission", json!({ "permission": "p" }))];
    let none = world.host_with("probe", limited("db-statements = 0")).await;
    for (function, arguments) in calls.clone() {
        assert_eq!(exceeded(call(&none, "probe", function, arguments).await), ("db-statements".into(), 1, 0));
    }
    assert_eq!(current(&none, Caller::Anonymous).await, Value::Null, "`current` needs no statement");
    let one = world.host_with("probe", limited("db-statements = 1")).await;
    for (function, arguments) in calls {
        call(&one, "probe", function, arguments).await.unwrap();
    }
}

#[tokio::test]
async fn invalid_name_or_role_is_never_stored() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let (long_name, long_role) = ("n".repeat(USER_NAME_BYTES_MAX + 1), "r".repeat(ROLE_BYTES_MAX + 1));
    for (name, role) in [
        ("", "r"),
        (&*long_name, "r"),
        ("n", ""),
        ("n", "a:b"),
        ("n", "a_b"),
        ("n", "A"),
        ("n", "a.b"),
        ("n", &*long_role),
    ] {
        let refused = host.users().add(name, &[role.to_owned()]).await;
        assert!(matches!(refused, Err(Refusal::Invalid(_))), "{name:?} {role:?}: {refused:?}");
    }
    for role in ["", "a:b", "A", &long_role] {
        assert!(matches!(host.users().permit(role, &[]).await, Err(Refusal::Invalid(_))), "{role:?}");
    }
    assert_eq!(world.count("SELECT count(*) FROM palisade.users").await, 0);
    let user = world.user(&host, &long_name[1..], &[&long_role[1..], "a-1"]).await;
    assert_eq!(current(&host, Caller::user(user.clone())).await["roles"], json!(user.roles));
}
