//! Rows that belong to users: each user sees only their own, whatever the plugin asks for.

use super::{
    OWNED, equals, insertion, integer, is_denied, migration, modification, note, owned, probe, removal,
    selection, sql, text, uuid,
};
use crate::harness::{World, call_as, guest, returned};
use palisade::{Caller, Host, Policy};
use serde_json::{Value, json};

async fn titles(host: &Host, caller: &Caller) -> [Vec<String>; 2] {
    let names = |rows: Value| {
        let rows = rows.as_array().unwrap().clone().into_iter();
        let mut names: Vec<String> =
            rows.map(|row| row[0]["val"]["val"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    let structured = selection(&["title"], json!([]));
    let structured = call_as(host, "probe", "reads/select", structured, caller.clone()).await.unwrap();
    let raw = sql("SELECT title FROM notes WHERE true OR title = (SELECT min(title) FROM notes)");
    let raw = call_as(host, "probe", "reads/query", raw, caller.clone()).await.unwrap();
    [names(structured), names(raw)]
}

#[tokio::test]
async fn two_users_of_one_plugin_see_only_their_own_rows() {
    let world = World::new().await;
    let (host, ada, bob) = owned(&world).await;
    for user in [&ada, &bob] {
        let note = note(&user.name, user.id);
        call_as(&host, "probe", "writes/insert", note, Caller::user(user.clone())).await.unwrap();
    }
    let (as_ada, as_bob) = (Caller::user(ada.clone()), Caller::user(bob.clone()));
    // Repeated, because the same few connections serve both users.
    for _ in 0..3 {
        assert_eq!(titles(&host, &as_ada).await, [["Ada"], ["Ada"]]);
        assert_eq!(titles(&host, &as_bob).await, [["Bob"], ["Bob"]]);
        assert_eq!(titles(&host, &Caller::Anonymous).await, [Vec::<String>::new(), Vec::new()]);
    }
    let columns = json!([{ "name": "title", "typeName": "text" }]);
    let none = json!({ "count": 0, "columns": columns, "rows": [] });
    let others = || equals("key", uuid(bob.id));
    let change = modification("rank", integer(1), others(), &["title"]);
    assert_eq!(call_as(&host, "probe", "writes/update", change, as_ada.clone()).await.unwrap(), none);
    let remove = removal(others(), &["title"]);
    assert_eq!(call_as(&host, "probe", "writes/delete", remove, as_ada.clone()).await.unwrap(), none);
    for (statement, count) in [("UPDATE notes SET rank = 7", 1), ("DELETE FROM notes WHERE title = 'Bob'", 0)]
    {
        let done = call_as(&host, "probe", "writes/execute", sql(statement), as_ada.clone()).await.unwrap();
        assert_eq!(done, json!(count), "{statement}");
    }
    assert_eq!(
        world.count("SELECT count(*) FROM plugin_probe.notes WHERE rank = 7 AND title = 'Ada'").await,
        1
    );
    assert_eq!(world.count("SELECT count(*) FROM plugin_probe.notes").await, 2);
}

#[tokio::test]
async fn write_for_another_owner_is_denied() {
    let world = World::new().await;
    let (host, ada, bob) = owned(&world).await;
    let as_ada = Caller::user(ada.clone());
    call_as(&host, "probe", "writes/insert", note("mine", ada.id), as_ada.clone()).await.unwrap();
    call_as(&host, "probe", "writes/insert", note("his", bob.id), Caller::user(bob.clone())).await.unwrap();
    let before = world.state().await;
    let mine = || equals("key", uuid(ada.id));
    let hers = format!("INSERT INTO notes (title, key) VALUES ('x', '{}')", ada.id);
    let his = format!("INSERT INTO notes (title, key) VALUES ('x', '{}')", bob.id);
    let give = format!("UPDATE notes SET key = '{}'", bob.id);
    let over = format!(
        "INSERT INTO notes (id, title, key) VALUES (2, 'x', '{}') ON CONFLICT (id) DO UPDATE SET title = 'x'",
        ada.id
    );
    for (function, arguments, caller) in [
        ("writes/insert", note("x", bob.id), &as_ada),
        ("writes/insert", insertion(&["title"], json!([text("nobody's")]), &[]), &as_ada),
        ("writes/update", modification("key", uuid(bob.id), mine(), &[]), &as_ada),
        (
            "writes/update",
            modification("key", json!({ "tag": "scalar", "val": { "tag": "null" } }), mine(), &[]),
            &as_ada,
        ),
        ("writes/execute", sql(&his), &as_ada),
        ("writes/execute", sql(&give), &as_ada),
        ("writes/execute", sql(&over), &as_ada),
        ("writes/insert", note("x", ada.id), &Caller::Anonymous),
        ("writes/execute", sql(&hers), &Caller::Anonymous),
    ] {
        let result = call_as(&host, "probe", function, arguments.clone(), caller.clone()).await;
        assert!(is_denied(result), "{function} {arguments}");
    }
    assert_eq!(world.state().await, before);
}

/// A structured upsert has no WHERE: the policy refuses the hidden row before any new value is computed.
#[tokio::test]
async fn upsert_on_a_hidden_row_is_denied_or_left_out_whatever_the_row_contains() {
    let world = World::new().await;
    let (host, ada, bob) = owned(&world).await;
    let (as_ada, as_bob) = (Caller::user(ada.clone()), Caller::user(bob.clone()));
    let mut hidden = Vec::new();
    for (id, slug, rank) in [(1, "full", json!(i32::MAX)), (2, "low", json!(0)), (3, "null", Value::Null)] {
        let rank = if rank.is_null() {
            json!({ "tag": "scalar", "val": { "tag": "null" } })
        } else {
            integer(rank.as_i64().unwrap())
        };
        let row = json!([integer(id), text("his"), text(slug), rank, uuid(bob.id)]);
        let row = insertion(&["id", "title", "slug", "rank", "key"], row, &[]);
        call_as(&host, "probe", "writes/insert", row, as_bob.clone()).await.unwrap();
        hidden.push((id, slug));
    }
    let before = world.state().await;
    let change = |tag: &str, value: Value| json!({ "tag": "change", "val": { "tag": tag, "val": value } });
    let inserted = || json!({ "tag": "inserted" });
    let upsert = |id: i64, slug: &str, key: &str, resolution: Value| {
        let row = json!([integer(id), text("x"), text(slug), integer(1), uuid(ada.id)]);
        let mut call = insertion(&["id", "title", "slug", "rank", "key"], row, &["id", "title", "rank"]);
        call["insertion"]["onConflict"] = json!({ "columns": [key], "resolution": resolution });
        call
    };
    for (id, slug) in hidden {
        for (key, id, slug) in [("id", id, "free"), ("slug", 99, slug)] {
            for (column, merge) in [
                ("rank", inserted()),
                // With the row that has the largest rank this would overflow.
                ("rank", json!({ "tag": "sum" })),
                ("rank", change("add", integer(i64::from(i32::MAX)))),
                ("rank", change("add", integer(-1))),
                ("title", change("set", text("taken"))),
                ("key", inserted()),
                ("key", change("set", uuid(bob.id))),
            ] {
                let update = json!({ "tag": "update", "val": [{ "column": column, "merge": merge }] });
                for caller in [&as_ada, &Caller::Anonymous] {
                    let call = upsert(id, slug, key, update.clone());
                    let result = call_as(&host, "probe", "writes/insert", call, caller.clone()).await;
                    assert!(is_denied(result), "{key} {slug} {column} {merge}");
                }
            }
            let call = upsert(id, slug, key, json!({ "tag": "nothing" }));
            let left_out = call_as(&host, "probe", "writes/insert", call, as_ada.clone()).await.unwrap();
            assert_eq!((&left_out["count"], &left_out["rows"]), (&json!(0), &json!([])), "{key} {slug}");
        }
    }
    assert_eq!(world.state().await, before);
    // Her own row she may change, and may not give away.
    let own = |rank: i64, column: &str, merge: Value| {
        let row = json!([integer(50), text("mine"), integer(rank), uuid(ada.id)]);
        let mut call = insertion(&["id", "title", "rank", "key"], row, &["rank"]);
        let update = json!({ "tag": "update", "val": [{ "column": column, "merge": merge }] });
        call["insertion"]["onConflict"] = json!({ "columns": ["id"], "resolution": update });
        call
    };
    for (rank, seen) in [(4, 4), (3, 7)] {
        let call = own(rank, "rank", json!({ "tag": "sum" }));
        let outcome = call_as(&host, "probe", "writes/insert", call, as_ada.clone()).await.unwrap();
        assert_eq!((&outcome["count"], &outcome["rows"]), (&json!(1), &json!([[integer(seen)]])));
    }
    let away = own(1, "key", change("set", uuid(bob.id)));
    assert!(is_denied(call_as(&host, "probe", "writes/insert", away, as_ada).await));
}

#[tokio::test]
async fn aggregate_computes_with_the_callers_own_rows_only() {
    let world = World::new().await;
    let (host, ada, bob) = owned(&world).await;
    for (user, ranks) in [(&ada, &[1, 2][..]), (&bob, &[40, 2, 2_000_000_000, 2_000_000_000])] {
        for rank in ranks {
            let row = json!([text(&user.name), integer(*rank), uuid(user.id)]);
            let row = insertion(&["title", "rank", "key"], row, &[]);
            call_as(&host, "probe", "writes/insert", row, Caller::user(user.clone())).await.unwrap();
        }
    }
    let measure =
        |name: &str, tag: &str| json!({ "name": name, "computation": { "tag": tag, "val": "rank" } });
    let measures = json!([
        { "name": "n", "computation": { "tag": "count" } },
        measure("ranks", "count-distinct"),
        measure("total", "sum"),
        measure("least", "minimum"),
        measure("most", "maximum")
    ]);
    let aggregate = |group_by: Value, measures: &Value| json!({ "aggregation": { "table": "notes", "groupBy": group_by, "measures": measures, "filter": [], "orderBy": [], "limit": null } });
    let no_value = json!({ "tag": "scalar", "val": { "tag": "null" } });
    let own = json!([[integer(2), integer(2), integer(3), integer(1), integer(2)]]);
    let none = json!([[integer(0), integer(0), no_value, no_value, no_value]]);
    let all = json!([[integer(6), integer(4), integer(4_000_000_045), integer(1), integer(2_000_000_000)]]);
    for (caller, expected, groups) in [
        (Caller::user(ada.clone()), own, json!([[text("Ada")]])),
        (Caller::Anonymous, none, json!([])),
        (Caller::Host, all, json!([[text("Ada")], [text("Bob")]])),
    ] {
        let found =
            call_as(&host, "probe", "reads/aggregate", aggregate(json!([]), &measures), caller.clone()).await;
        assert_eq!(found.unwrap(), expected, "{caller:?}");
        let mut distinct = aggregate(json!(["title"]), &json!([]));
        distinct["aggregation"]["orderBy"] = json!([{ "column": "title", "direction": "ascending" }]);
        let found = call_as(&host, "probe", "reads/aggregate", distinct, caller.clone()).await;
        assert_eq!(found.unwrap(), groups, "{caller:?}");
    }
}

#[tokio::test]
async fn host_as_caller_sees_every_users_rows() {
    let world = World::new().await;
    let (host, ada, bob) = owned(&world).await;
    for user in [&ada, &bob] {
        call_as(&host, "probe", "writes/insert", note(&user.name, user.id), Caller::Host).await.unwrap();
    }
    world.sql.batch_execute("INSERT INTO plugin_probe.notes (title) VALUES ('nobody''s')").await.unwrap();
    assert_eq!(titles(&host, &Caller::Host).await, [["Ada", "Bob"], ["Ada", "Bob"]]);
    assert_eq!(titles(&host, &Caller::user(ada)).await, [["Ada"], ["Ada"]]);
}

#[tokio::test]
async fn mutation_keeps_its_caller_after_a_failed_statement() {
    let world = World::new().await;
    let (host, ada, _) = owned(&world).await;
    let bad = insertion(&["title", "key", "rank"], json!([text("bad"), uuid(ada.id), integer(-1)]), &[]);
    let both = json!({ "first": bad["insertion"], "second": note("good", ada.id)["insertion"] });
    call_as(&host, "probe", "writes/insert-despite", both, Caller::user(ada.clone())).await.unwrap();
    assert_eq!(titles(&host, &Caller::user(ada.clone())).await, [["good"], ["good"]]);
    let effects = json!({ "insertion": note("kept", ada.id)["insertion"] });
    call_as(&host, "probe", "effects/fail-after-insert", effects, Caller::user(ada.clone()))
        .await
        .unwrap_err();
    assert_eq!(titles(&host, &Caller::user(ada)).await, [["good", "kept"], ["good", "kept"]]);
}

#[tokio::test]
async fn migration_sees_every_users_rows_and_changes_the_owner_column() {
    let world = World::new().await;
    let folder = probe(OWNED);
    let host = world.builder().plugin(folder.path(), Policy::as_asked()).build().await.unwrap();
    let (ada, bob) = (world.user(&host, "Ada", &[]).await, world.user(&host, "Bob", &[]).await);
    for user in [&ada, &bob] {
        call_as(&host, "probe", "writes/insert", note(&user.name, user.id), Caller::Host).await.unwrap();
    }
    migration(
        &folder,
        "0002_rank.sql",
        "-- palisade: contract\nUPDATE notes SET rank = 5; ALTER TABLE notes RENAME COLUMN key TO author;",
    );
    let manifest = folder.path().join("palisade.toml");
    let renamed =
        std::fs::read_to_string(&manifest).unwrap().replace("owner = \"key\"", "owner = \"author\"");
    std::fs::write(&manifest, renamed).unwrap();
    host.load(folder.path(), &Policy::as_asked()).await.unwrap();
    assert_eq!(world.count("SELECT count(*) FROM plugin_probe.notes WHERE rank = 5").await, 2);
    assert_eq!(titles(&host, &Caller::user(ada)).await, [["Ada"], ["Ada"]]);
}

#[tokio::test]
async fn unchanged_row_policy_is_kept_and_a_revoked_one_is_dropped() {
    let world = World::new().await;
    let (host, ada, bob) = owned(&world).await;
    call_as(&host, "probe", "writes/insert", note("Bob", bob.id), Caller::user(bob)).await.unwrap();
    let made = async || {
        let rows = world
            .sql
            .query("SELECT oid::bigint FROM pg_policy WHERE polname LIKE 'palisade%' ORDER BY 1", &[]);
        rows.await.unwrap().iter().map(|row| row.get(0)).collect::<Vec<i64>>()
    };
    let before = made().await;
    assert_eq!(before.len(), 2);
    host.load(probe(OWNED).path(), &Policy::as_asked()).await.unwrap();
    assert_eq!(made().await, before);
    world.sql.batch_execute("ALTER TABLE plugin_probe.notes NO FORCE ROW LEVEL SECURITY").await.unwrap();
    host.load(probe(OWNED).path(), &Policy::as_asked()).await.unwrap();
    let forced =
        "SELECT count(*) FROM pg_class WHERE relname = 'notes' AND relrowsecurity AND relforcerowsecurity";
    assert_eq!(world.count(forced).await, 1);
    assert_eq!(titles(&host, &Caller::user(ada.clone())).await, [Vec::<String>::new(), Vec::new()]);
    host.load(guest("probe"), &Policy::as_asked()).await.unwrap();
    assert_eq!((made().await.len(), world.count(forced).await), (0, 0));
    assert_eq!(titles(&host, &Caller::user(ada)).await, [["Bob"], ["Bob"]]);
}

#[tokio::test]
async fn blog_without_owner_checks_shows_each_author_their_own_drafts() {
    let world = World::new().await;
    let host = world.host(&["blog"]).await;
    let ada = Caller::user(world.user(&host, "Ada", &[]).await);
    let bob = Caller::user(world.user(&host, "Bob", &[]).await);
    let draft = json!({ "title": "Hers", "body": "x" });
    let id = call_as(&host, "blog", "editing/create", draft.clone(), ada.clone()).await.unwrap();
    assert_eq!(
        returned(call_as(&host, "blog", "editing/create", draft, Caller::Anonymous).await),
        "Sign in to write."
    );
    for (caller, seen) in [(&ada, 1), (&bob, 0), (&Caller::Anonymous, 0)] {
        let drafts = call_as(&host, "blog", "editing/drafts", json!({}), caller.clone()).await.unwrap();
        assert_eq!(drafts.as_array().unwrap().len(), seen);
    }
    let discard = json!({ "draft": id });
    let refused = returned(call_as(&host, "blog", "editing/discard", discard.clone(), bob).await);
    assert_eq!(refused, format!("You have no draft {id}."));
    call_as(&host, "blog", "editing/discard", discard, ada).await.unwrap();
}

/// A conflict with another user's row tells nothing of the row but that it exists, which a `UNIQUE` tells anyway.
#[tokio::test]
async fn conflict_with_a_hidden_row_tells_nothing_of_its_contents() {
    let world = World::new().await;
    let (host, ada, bob) = owned(&world).await;
    let his = note("secret of Bob", bob.id);
    call_as(&host, "probe", "writes/insert", his, Caller::user(bob.clone())).await.unwrap();
    let as_ada = Caller::user(ada.clone());
    let before = world.state().await;
    let conflict = |then: &str| {
        sql(&format!(
            "INSERT INTO notes AS n (id, title, key) VALUES (1, 'x', '{}') ON CONFLICT (id) DO UPDATE SET {then}",
            ada.id
        ))
    };
    for then in [
        "rank = 1 WHERE n.title LIKE 'secret%'",
        "rank = 1 WHERE n.title LIKE 'public%'",
        "rank = 1 WHERE false",
        "rank = 1 WHERE 1 / (length(n.title) - 13) = 1",
        "rank = 1 WHERE EXISTS (SELECT 1 FROM notes m WHERE m.title = n.title)",
    ] {
        let refusal =
            returned(call_as(&host, "probe", "writes/execute", conflict(then), as_ada.clone()).await);
        assert_eq!(refusal["tag"], "invalid-argument", "{then}: {refusal}");
        assert!(refusal.to_string().contains("WHERE after DO UPDATE"), "{then}: {refusal}");
    }
    // The new value is computed after the policy has refused the row, so its errors tell nothing either.
    for then in ["rank = 1", "rank = 1 / (length(n.title) - 13)", "title = n.title || 'x'", "rank = n.rank"] {
        let refused = call_as(&host, "probe", "writes/execute", conflict(then), as_ada.clone()).await;
        assert!(is_denied(refused), "{then}");
    }
    assert_eq!(world.state().await, before);
}

/// What SQL text returns when it writes is what the caller may see, whatever the statement does.
#[tokio::test]
async fn rows_that_sql_text_returns_are_the_callers_own() {
    let world = World::new().await;
    let (host, ada, bob) = owned(&world).await;
    for user in [&ada, &bob] {
        let note = note(&user.name, user.id);
        call_as(&host, "probe", "writes/insert", note, Caller::user(user.clone())).await.unwrap();
    }
    let as_ada = Caller::user(ada.clone());
    let execute = async |statement: &str, caller: &Caller| {
        call_as(&host, "probe", "writes/execute-returning", sql(statement), caller.clone()).await
    };
    let before = world.state().await;
    for statement in [
        format!("INSERT INTO notes (title, key) VALUES ('x', '{}') RETURNING *", bob.id),
        format!("UPDATE notes SET key = '{}' RETURNING title", bob.id),
        format!(
            "INSERT INTO notes (id, title, key) VALUES (2, 'x', '{}') ON CONFLICT (id) DO UPDATE SET rank = 1 RETURNING title",
            ada.id
        ),
        format!("WITH x AS (UPDATE notes SET key = '{}' RETURNING title) SELECT title FROM x", bob.id),
    ] {
        assert!(is_denied(execute(&statement, &as_ada).await), "{statement}");
    }
    assert_eq!(world.state().await, before);
    let left_out = format!(
        "INSERT INTO notes (id, title, key) VALUES (2, 'x', '{}') ON CONFLICT (id) DO NOTHING RETURNING id, title",
        ada.id
    );
    let outcome = execute(&left_out, &as_ada).await.unwrap();
    assert_eq!((&outcome["count"], &outcome["rows"]), (&json!(0), &json!([])));
    if world.count("SELECT current_setting('server_version_num')::bigint").await >= 170_000 {
        let merge = "MERGE INTO notes n USING (VALUES (1), (2)) v (i) ON n.id = v.i WHEN MATCHED THEN UPDATE SET rank = 6 \
             RETURNING n.title";
        assert_eq!(execute(merge, &as_ada).await.unwrap()["rows"], json!([[text("Ada")]]));
        assert_eq!(execute(merge, &Caller::Anonymous).await.unwrap()["rows"], json!([]));
    }
    for (statement, hers) in [
        ("UPDATE notes SET rank = 7 RETURNING title", json!([[text("Ada")]])),
        (
            "UPDATE notes n SET rank = 8 FROM notes m RETURNING n.title || ' ' || m.title",
            json!([[text("Ada Ada")]]),
        ),
        (
            "UPDATE notes SET rank = 9 RETURNING (SELECT string_agg(title, ' ') FROM notes)",
            json!([[text("Ada")]]),
        ),
        (
            "WITH x AS (UPDATE notes SET rank = 10 RETURNING title) \
             SELECT n.title, x.title FROM x RIGHT JOIN notes n ON true",
            json!([[text("Ada"), text("Ada")]]),
        ),
        ("WITH x AS (DELETE FROM notes RETURNING title) SELECT title FROM x", json!([[text("Ada")]])),
    ] {
        let outcome = execute(statement, &Caller::Anonymous).await.unwrap();
        assert_eq!(outcome["rows"], json!([]), "{statement}");
        let outcome = execute(statement, &as_ada).await.unwrap();
        assert_eq!(outcome["rows"], hers, "{statement}");
        assert_eq!(outcome["count"], hers.as_array().unwrap().len(), "{statement}");
    }
    assert_eq!(world.count("SELECT count(*) FROM plugin_probe.notes WHERE rank IS NULL").await, 1, "Bob's");
    assert_eq!(world.count("SELECT count(*) FROM plugin_probe.notes").await, 1);
}
