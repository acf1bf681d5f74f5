//! What an integrator builds on: typed calls, stores of one's own, loading and unloading.

use crate::harness::{World, altered, call, guest, returned};
use async_trait::async_trait;
use palisade::guard::cache::{CacheEntry, CacheKey, CacheTag};
use palisade::guard::name::PluginName;
use palisade::guard::value::{Scalar, Value as Sql};
use palisade::guard::variables::{NewValue, Value, Variable};
use palisade::limits::Limits;
use palisade::store::{At, CacheStore, VariableStore};
use palisade::{Blame, CallError, Policy, Refusal};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

#[derive(Serialize)]
struct Greet {
    name: String,
}

/// What no greeting is.
#[derive(Debug, Deserialize)]
struct Number {
    _number: u64,
}

#[tokio::test]
async fn typed_call_whose_answer_is_of_another_type_is_the_hosts_error() {
    let world = World::new().await;
    let host = world.host(&["greeter"]).await;
    let greet = host.typed::<Greet, Number>("greeter", "greeting/greet").unwrap();
    let error = greet.call(&Greet { name: "Ada".into() }).await.unwrap_err();
    assert!(matches!(error, CallError::UnexpectedAnswer { .. }), "{error:?}");
    assert_eq!(error.blame(), Blame::Host);
    let text = error.to_string();
    assert!(text.contains("`greeting/greet` of plugin `greeter`") && text.contains("Number"), "{text}");
    let rude = Greet { name: "\u{1b}[31m\n".repeat(1_000) };
    let text = greet.call(&rude).await.unwrap_err().to_string();
    assert!(text.len() < 400 && !text.contains(['\u{1b}', '\n']), "{text}");
}

#[tokio::test]
async fn typed_call_of_an_absent_function_is_rejected_when_it_is_resolved() {
    let world = World::new().await;
    let host = world.host(&["greeter"]).await;
    for (plugin, function) in [("greeter", "greeting/greets"), ("greeters", "greeting/greet")] {
        let error = host.typed::<Greet, String>(plugin, function).err().unwrap();
        assert!(
            matches!(error, CallError::NoFunction { .. } | CallError::NoPlugin { .. }),
            "{plugin} {function}: {error:?}"
        );
    }
}

#[tokio::test]
async fn typed_call_follows_the_version_that_is_loaded_and_ends_with_the_plugin() {
    let world = World::new().await;
    let builder = world.builder().plugin(guest("greeter"), Policy::as_asked()).allow_downgrade();
    let host = builder.build().await.unwrap();
    let greet = host.typed::<Greet, String>("greeter", "greeting/greet").unwrap();
    let ada = Greet { name: "Ada".into() };
    assert_eq!(greet.call(&ada).await.unwrap(), "Hello, Ada!");
    let next = altered("greeter", |text| text.replace("version = \"0.1.0\"", "version = \"0.2.0\""));
    host.load(next.path(), &Policy::harmless()).await.unwrap();
    assert_eq!(greet.call(&ada).await.unwrap(), "Hello, Ada!");
    assert!(host.unload("greeter"));
    assert!(matches!(greet.call(&ada).await, Err(CallError::NoPlugin { .. })));
    host.load(guest("greeter"), &Policy::harmless()).await.unwrap();
    assert_eq!(greet.call(&ada).await.unwrap(), "Hello, Ada!");
}

#[tokio::test]
async fn unloaded_plugin_is_gone_from_calls_taps_and_lists_and_can_be_loaded_again() {
    let world = World::new().await;
    let host = world.host(&["greeter", "probe"]).await;
    let greet = async || call(&host, "greeter", "greeting/greet", json!({ "name": "Ada" })).await;
    let version = host.plugins_version();
    assert!(host.metrics().contains("plugin_state{plugin=\"greeter\""));
    assert!(!host.unload("nothing"));
    assert!(host.unload("greeter"));
    assert!(!host.unload("greeter"), "it is unloaded already");
    assert!(!host.metrics().contains("plugin_state{plugin=\"greeter\""), "its state is gone");
    assert_ne!(host.plugins_version(), version);
    assert!(matches!(greet().await, Err(CallError::NoPlugin { .. })));
    let names: Vec<String> = host.plugins().into_iter().map(|plugin| plugin.name).collect();
    assert_eq!(names, ["probe"]);
    host.load(guest("greeter"), &Policy::harmless()).await.unwrap();
    assert_eq!(greet().await.unwrap(), json!("Hello, Ada!"));
}

#[tokio::test]
async fn running_call_of_an_unloaded_plugin_finishes() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    let sleeping = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS \
         'BEGIN PERFORM pg_sleep(1); RETURN NULL; END'; \
         CREATE TRIGGER slow AFTER INSERT ON plugin_sql.notes EXECUTE FUNCTION slow()";
    world.sql.batch_execute(sleeping).await.unwrap();
    let insertion = json!({ "insertion": {
        "table": "notes", "columns": ["title"], "rows": [[{ "tag": "scalar", "val": { "tag": "text", "val": "a" } }]],
        "returning": [],
    }});
    let running = {
        let host = host.clone();
        tokio::spawn(async move { call(&host, "sql", "in-mutation/insert", insertion).await })
    };
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    while world.count(waiting).await == 0 {
        tokio::task::yield_now().await;
    }
    assert!(host.unload("sql"));
    running.await.unwrap().unwrap();
    assert_eq!(world.count("SELECT count(*) FROM plugin_sql.notes WHERE title = 'a'").await, 1);
}

/// Variables in a table of the integrator's own.
struct OwnVariables;

/// The table, for the logins of all plugins that are installed.
const TABLE: &str = "
    CREATE SCHEMA own;
    CREATE TABLE own.settings (plugin text, name text, value jsonb, PRIMARY KEY (plugin, name));
    DO $$ DECLARE login text; BEGIN
        FOR login IN SELECT role FROM palisade.plugins LOOP
            EXECUTE format('GRANT USAGE ON SCHEMA own TO %I', login);
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON own.settings TO %I', login);
        END LOOP;
    END $$";

fn text(text: &str) -> Sql {
    Sql::Scalar(Scalar::Text(text.to_owned()))
}

#[async_trait]
impl VariableStore for OwnVariables {
    async fn get(&self, at: &mut At<'_>, variable: Variable<'_>) -> Result<Option<Value>, Refusal> {
        let plugin = text(at.plugin.map_or("", PluginName::as_str));
        let select = "SELECT value FROM own.settings WHERE plugin = $1 AND name = $2";
        let rows = at.query(select, &[plugin, text(variable.name())]).await?;
        Ok(rows.first().and_then(|row| match row.first() {
            Some(Sql::Scalar(Scalar::Json(json))) => serde_json::from_str(json).ok(),
            _ => None,
        }))
    }

    async fn set(&self, at: &mut At<'_>, setting: &NewValue<'_>) -> Result<(), Refusal> {
        let plugin = text(at.plugin.map_or("", PluginName::as_str));
        let value = Sql::Scalar(Scalar::Json(serde_json::to_string(setting.value()).unwrap()));
        let insert = "INSERT INTO own.settings VALUES ($1, $2, $3) \
            ON CONFLICT (plugin, name) DO UPDATE SET value = excluded.value";
        assert_eq!(at.execute(insert, &[plugin, text(setting.name()), value]).await?, 1);
        Ok(())
    }

    async fn unset(&self, at: &mut At<'_>, variable: Variable<'_>) -> Result<(), Refusal> {
        let plugin = text(at.plugin.map_or("", PluginName::as_str));
        let delete = "DELETE FROM own.settings WHERE plugin = $1 AND name = $2";
        at.execute(delete, &[plugin, text(variable.name())]).await.map(drop)
    }
}

#[tokio::test]
async fn own_store_takes_part_in_the_transaction_of_the_plugin() {
    let world = World::new().await;
    let builder = world.builder().variables(Arc::new(OwnVariables));
    let builder = builder.plugin(guest("steps"), Policy::as_asked());
    let host = builder.plugin(guest("probe"), Policy::as_asked()).build().await.unwrap();
    world.sql.batch_execute(TABLE).await.unwrap();
    let failed = call(&host, "steps", "sequences/set-then-fail", json!({ "label": "x" })).await;
    assert_eq!(returned(failed), json!("failed after the set"));
    assert_eq!(world.count("SELECT count(*) FROM own.settings").await, 0, "it is rolled back");
    for count in 8..10 {
        assert_eq!(call(&host, "steps", "sequences/increment", json!({})).await.unwrap(), json!(count - 7));
    }
    let label = json!({ "name": "label", "value": { "tag": "text", "val": "new" } });
    call(&host, "probe", "writes/set-variable", label).await.unwrap();
    let read = call(&host, "probe", "reads/get-variable", json!({ "name": "label" })).await.unwrap();
    assert_eq!(read, json!({ "tag": "text", "val": "new" }));
    assert_eq!(world.count("SELECT count(*) FROM own.settings").await, 2);
    assert_eq!(world.count("SELECT count(*) FROM palisade.variables").await, 0);
}

/// A cache outside of the process: what it knows of a key is text.
#[derive(Default)]
struct Remote(Mutex<HashMap<(String, String), Kept>>);

/// What such a cache keeps of an entry.
struct Kept {
    value: Vec<u8>,
    ttl_ms: u64,
    tags: Vec<String>,
}

fn place(key: &CacheKey) -> (String, String) {
    (key.plugin().to_string(), key.as_str().to_owned())
}

#[async_trait]
impl CacheStore for Remote {
    async fn get(&self, key: &CacheKey) -> Result<Option<Arc<CacheEntry>>, Refusal> {
        let kept = self.0.lock().unwrap();
        let Some(Kept { value, ttl_ms, tags }) = kept.get(&place(key)) else { return Ok(None) };
        let limits = Limits::default();
        let entry = CacheEntry::parse(key.plugin(), value.clone(), Some(*ttl_ms), tags.clone(), &limits)?;
        Ok(Some(Arc::new(entry)))
    }

    async fn set(&self, key: CacheKey, entry: CacheEntry) -> Result<(), Refusal> {
        let tags = entry.tags().iter().map(|tag| tag.as_str().to_owned()).collect();
        let ttl_ms = u64::try_from(entry.ttl().as_millis()).unwrap();
        self.0.lock().unwrap().insert(place(&key), Kept { value: entry.value().to_vec(), ttl_ms, tags });
        Ok(())
    }

    async fn delete(&self, key: &CacheKey) -> Result<(), Refusal> {
        self.0.lock().unwrap().remove(&place(key));
        Ok(())
    }

    async fn invalidate(&self, tag: &CacheTag) -> Result<(), Refusal> {
        let is_tagged = |kept: &Kept| kept.tags.iter().any(|other| other == tag.as_str());
        self.0
            .lock()
            .unwrap()
            .retain(|(plugin, _), kept| plugin != tag.plugin().as_str() || !is_tagged(kept));
        Ok(())
    }
}

#[tokio::test]
async fn cache_outside_of_the_process_knows_keys_and_tags_by_plugin_and_text() {
    let world = World::new().await;
    let remote = Arc::new(Remote::default());
    let builder = world.builder().cache(Arc::clone(&remote) as Arc<dyn CacheStore>);
    let host = builder.plugin(guest("probe"), Policy::as_asked()).build().await.unwrap();
    let set = json!({ "key": "k", "value": "AQI=", "retention": { "ttlMs": 5_000, "tags": ["t"] } });
    call(&host, "probe", "reads/cache-set", set).await.unwrap();
    let key = ("probe".to_owned(), "k".to_owned());
    assert_eq!(remote.0.lock().unwrap()[&key].tags, ["t"]);
    let get = async || call(&host, "probe", "reads/cache-get", json!({ "key": "k" })).await.unwrap();
    assert_eq!(get().await, json!("AQI="));
    call(&host, "probe", "reads/cache-invalidate-tag", json!({ "tag": "t" })).await.unwrap();
    assert_eq!(get().await, json!(null));
}

#[tokio::test]
async fn typed_call_that_outlives_the_host_still_sees_what_an_operator_disables() {
    let world = World::new().await;
    let greet = world.host(&["greeter"]).await.typed::<Greet, String>("greeter", "greeting/greet").unwrap();
    let ada = Greet { name: "Ada".into() };
    assert_eq!(greet.call(&ada).await.unwrap(), "Hello, Ada!");
    world.builder().build().await.unwrap().disable("greeter", "a test").await.unwrap();
    while greet.call(&ada).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(matches!(greet.call(&ada).await, Err(CallError::Disabled { .. })));
}
