//! Attempts to reach another user's rows by every SQL construct that could bypass a condition: reading, counting,
//! changing, and violating constraints.

use super::{insertion, integer, is_denied, note, owned, scalar, sql, text, uuid};
use crate::harness::{World, call_as, invalid, returned};
use palisade::{Caller, Host, User};
use serde_json::{Value, json};

/// A host with one row of Ada's and one of Bob's. The rows differ in everything that a query can ask for.
async fn neighbours(world: &World) -> (Host, User, User) {
    let (host, ada, bob) = owned(world).await;
    for user in [&ada, &bob] {
        let rank = if user.name == "Bob" { 7 } else { 1 };
        let row = json!([text(&user.name), text(&user.name.to_lowercase()), integer(rank), uuid(user.id)]);
        let row = insertion(&["title", "slug", "rank", "key"], row, &[]);
        call_as(&host, "probe", "writes/insert", row, Caller::user(user.clone())).await.unwrap();
    }
    (host, ada, bob)
}

#[tokio::test]
async fn no_form_of_read_reaches_another_users_rows() {
    let world = World::new().await;
    let (host, ada, bob) = neighbours(&world).await;
    let his = format!("key = '{}'", bob.id);
    let (nothing, null) = (json!([]), json!([[{ "tag": "scalar", "val": { "tag": "null" } }]]));
    let (hers, none) = (json!([[text("Ada")]]), json!([[integer(0)]]));
    let rows: Vec<(String, &Value)> = vec![
        (format!("SELECT title FROM notes WHERE {his}"), &nothing),
        (format!("SELECT title FROM notes WHERE {his} OR true"), &hers),
        ("SELECT title FROM notes WHERE title = 'Bob' OR NOT (title = 'Bob')".into(), &hers),
        ("SELECT title FROM notes WHERE slug = 'bob'".into(), &nothing),
        ("SELECT title FROM notes WHERE id = 2".into(), &nothing),
        (format!("SELECT count(*) FROM notes WHERE {his}"), &none),
        ("SELECT count(*) FROM notes WHERE rank > 1".into(), &none),
        ("SELECT string_agg(title, ',') FROM notes".into(), &hers),
        ("SELECT max(title) FROM notes".into(), &hers),
        ("SELECT b.title FROM notes a JOIN notes b ON true".into(), &hers),
        ("SELECT b.title FROM notes a JOIN notes b USING (small)".into(), &nothing),
        ("SELECT b.title FROM notes a LEFT JOIN notes b ON b.key <> a.key".into(), &null),
        ("SELECT b.title FROM notes a FULL JOIN notes b ON a.id = b.id".into(), &hers),
        (
            "SELECT x.title FROM notes a, LATERAL (SELECT title FROM notes b WHERE b.id > a.id) x".into(),
            &nothing,
        ),
        (format!("SELECT (SELECT title FROM notes WHERE {his})"), &null),
        ("WITH x AS (SELECT title FROM notes) SELECT title FROM x".into(), &hers),
        ("SELECT title FROM notes UNION SELECT title FROM notes".into(), &hers),
        ("SELECT title FROM notes EXCEPT SELECT 'Ada'".into(), &nothing),
        ("SELECT first_value(title) OVER (ORDER BY title DESC) FROM notes".into(), &hers),
        (
            "SELECT title FROM notes a WHERE EXISTS (SELECT 1 FROM notes b WHERE b.key <> a.key)".into(),
            &nothing,
        ),
        ("SELECT title FROM notes a WHERE a.id < ANY (SELECT id FROM notes)".into(), &nothing),
        // An error here would reveal a row that the condition saw before the row policy did.
        ("SELECT title FROM notes WHERE 1 / (rank - 7) > 0".into(), &nothing),
        ("SELECT title FROM notes WHERE CAST(title AS integer) = 1 AND title = 'Bob'".into(), &nothing),
    ];
    for (statement, expected) in rows {
        let read = call_as(&host, "probe", "reads/query", sql(&statement), Caller::user(ada.clone())).await;
        assert_eq!(read.as_ref().ok(), Some(expected), "{statement}: {read:?}");
    }
    let exists = "SELECT EXISTS (SELECT 1 FROM notes WHERE title = 'Bob')";
    for caller in [Caller::user(ada), Caller::Anonymous] {
        let read = call_as(&host, "probe", "reads/query", sql(exists), caller).await.unwrap();
        assert_eq!(read, json!([[scalar("boolean", false)]]));
    }
}

#[tokio::test]
async fn no_form_of_write_reaches_another_users_rows() {
    let world = World::new().await;
    let (host, ada, bob) = neighbours(&world).await;
    let as_ada = Caller::user(ada.clone());
    let before = world.state().await;
    let mine = ada.id;
    for statement in [
        format!("UPDATE notes SET rank = 9 WHERE key = '{}'", bob.id),
        "UPDATE notes SET rank = 9 WHERE title = 'Bob'".to_owned(),
        "UPDATE notes SET rank = 9 FROM notes b WHERE b.title = 'Bob'".to_owned(),
        format!("UPDATE notes SET key = '{mine}' WHERE slug = 'bob'"),
        "UPDATE notes SET title = (SELECT title FROM notes b WHERE b.slug = 'bob') WHERE slug = 'bob'"
            .to_owned(),
        format!("DELETE FROM notes WHERE key = '{}'", bob.id),
        "DELETE FROM notes USING notes b WHERE b.title = 'Bob'".to_owned(),
        format!("INSERT INTO notes (title, key) SELECT title, '{mine}'::uuid FROM notes WHERE title = 'Bob'"),
    ] {
        let done = call_as(&host, "probe", "writes/execute", sql(&statement), as_ada.clone()).await;
        assert_eq!(done.as_ref().ok(), Some(&json!(0)), "{statement}: {done:?}");
    }
    for statement in [
        format!("UPDATE notes SET key = '{}'", bob.id),
        "UPDATE notes SET key = NULL".to_owned(),
        format!("INSERT INTO notes (title, key) SELECT 'x', '{}'::uuid", bob.id),
        format!(
            "INSERT INTO notes (title, slug, key) VALUES ('x', 'bob', '{mine}') ON CONFLICT (slug) DO UPDATE SET rank = 9"
        ),
        format!(
            "INSERT INTO notes (title, slug, key) VALUES ('x', 'ada', '{mine}') ON CONFLICT (slug) DO UPDATE SET key = '{}'",
            bob.id
        ),
    ] {
        let done = call_as(&host, "probe", "writes/execute", sql(&statement), as_ada.clone()).await;
        assert!(is_denied(done), "{statement}");
    }
    // PostgreSQL would ask the condition of another user's row.
    let asked = format!(
        "INSERT INTO notes (title, slug, key) VALUES ('x', 'bob', '{mine}') ON CONFLICT (slug) \
         DO UPDATE SET key = excluded.key WHERE notes.rank = 7"
    );
    invalid(call_as(&host, "probe", "writes/execute", sql(&asked), as_ada.clone()).await);
    let kept = note("x", ada.id);
    let action = json!({ "insertion": note("x", bob.id)["insertion"] });
    call_as(&host, "probe", "effects/fail-after-insert", action, as_ada).await.unwrap_err();
    assert!(is_denied(call_as(&host, "probe", "writes/insert", kept, Caller::user(bob)).await));
    // Sequences have advanced, but rows have not changed.
    assert_eq!(world.state().await, before);
}

/// A constraint holds for all rows, whoever may see them, and PostgreSQL reports a violation. The contract warns
/// about this.
#[tokio::test]
async fn constraint_reveals_that_a_value_is_taken_and_nothing_else() {
    let world = World::new().await;
    let (host, ada, bob) = neighbours(&world).await;
    let as_ada = Caller::user(ada.clone());
    let taken = insertion(&["title", "slug", "key"], json!([text("x"), text("bob"), uuid(ada.id)]), &["id"]);
    let error = returned(call_as(&host, "probe", "writes/insert", taken, as_ada.clone()).await);
    assert_eq!(error["tag"], "constraint-violation");
    let shown = error.to_string();
    assert!(
        !shown.contains("Bob") && !shown.contains("bob") && !shown.contains(&bob.id.to_string()),
        "{shown}"
    );
    let passed = format!(
        "INSERT INTO notes (title, slug, key) VALUES ('x', 'bob', '{}') ON CONFLICT (slug) DO NOTHING",
        ada.id
    );
    assert_eq!(call_as(&host, "probe", "writes/execute", sql(&passed), as_ada.clone()).await.unwrap(), 0);
    // A foreign key reveals that the referenced row exists.
    for (parent, is_there) in [(2, true), (99, false)] {
        let row = json!([text("x"), integer(parent), uuid(ada.id)]);
        let row = insertion(&["title", "parent", "key"], row, &[]);
        let done = call_as(&host, "probe", "writes/insert", row, as_ada.clone()).await;
        assert_eq!(done.is_ok(), is_there, "{parent}");
    }
}
