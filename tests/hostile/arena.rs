//! A host with a well-behaved neighbour, on which rows are tried.

use super::row::{Origin, Row, Seen};
use super::source;
use crate::harness::{Outside, World, altered, call, guest};
use palisade::limits::{Limit, Limits};
use palisade::{CallError, Host, Policy};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Calls after one that found the host overloaded.
const PATIENCE: usize = 10;

/// A database, a host, a server that plugins may reach, and the number of loaded plugins.
pub struct Arena {
    pub world: World,
    pub host: Host,
    outside: Outside,
}

/// Rows that share one loaded plugin.
pub struct Group<'a> {
    pub name: String,
    pub rows: Vec<(usize, &'a Row)>,
}

/// Groups rows by plugin.
pub fn groups(rows: &[Row]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let same = |group: &&mut Group<'_>| {
            let first = group.rows[0].1;
            (first.component, first.origin, first.kind, &first.manifest)
                == (row.component, row.origin, row.kind, &row.manifest)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.rows.push((index, row)),
            None => groups.push(Group { name: format!("h{}", groups.len()), rows: vec![(index, row)] }),
        }
    }
    groups
}

impl Arena {
    pub async fn new() -> Self {
        let world = World::new().await;
        let outside = Outside::new().await;
        let host = world.builder().addresses(Outside::addresses()).build().await.unwrap();
        host.load(guest("greeter"), &Policy::harmless()).await.unwrap();
        Self { world, host, outside }
    }

    /// A folder with a row's plugin under this name.
    pub fn folder(&self, row: &Row, name: &str) -> TempDir {
        let manifest = row.manifest.replace("ADDRESS", &self.outside.address);
        let Origin::Wat(size) = row.origin else {
            return altered(row.component, |text| {
                text.replace(&format!("name = \"{}\"", row.component), &format!("name = \"{name}\""))
                    + &manifest
            });
        };
        let folder = tempfile::tempdir().unwrap();
        let exports = if row.component.starts_with("tap-") {
            "[taps]\nitem-access = {}\n".to_owned()
        } else {
            format!("[exports]\n\"acme:odd/calls\" = \"{}\"\n", row.kind)
        };
        let text = format!(
            "[plugin]\nname = \"{name}\"\nversion = \"0.1.0\"\ncomponent = \"c.wasm\"\n{exports}{manifest}"
        );
        std::fs::write(folder.path().join("palisade.toml"), text).unwrap();
        source::place(row.component, size, &folder.path().join("c.wasm"));
        folder
    }

    /// Loads a row's plugin.
    pub async fn load(&self, row: &Row, name: &str) -> Result<(), String> {
        let folder = self.folder(row, name);
        // A manifest may ask for more time than usual, because a busy machine must not decide which limit is met first.
        let [guest, wall] =
            [Limit::GuestTime, Limit::WallTime].map(|limit| (limit, limit.default_max() * 20));
        let limits = Limits::default().with(guest.0, guest.1).with(wall.0, wall.1);
        let loaded = self.host.load(folder.path(), &Policy::as_asked().limits(limits)).await;
        loaded.map(drop).map_err(|error| error.to_string())
    }

    /// Tries a row whose plugin is loaded.
    pub async fn call(&self, row: &Row, name: &str) -> Seen {
        let mut arguments = row.arguments.clone();
        if let Some(Value::String(text)) = arguments.get_mut("text") {
            *text = text.replace("ADDRESS", &self.outside.address);
        }
        let logged = || self.world.log.all().iter().filter(|entry| entry.plugin == name).count();
        let before = logged();
        let mut result = call(&self.host, name, row.function, arguments.clone()).await;
        // On a busy machine a call may wait for a processor until its deadline, and is told to try again.
        for _ in 0..PATIENCE {
            if !matches!(result, Err(CallError::Overloaded { .. })) {
                break;
            }
            result = call(&self.host, name, row.function, arguments.clone()).await;
        }
        let is_line = |text: &String| !text.contains(|c: char| c.is_control() || c == '\u{2028}');
        assert!(
            self.world.log.messages().iter().all(is_line),
            "{}: a log record has more than one line",
            row.component
        );
        Seen::of(result, logged() - before)
    }

    /// Tries the rows of a group, and calls the neighbour after each.
    pub async fn try_group(&self, group: &Group<'_>) -> Vec<(usize, Seen)> {
        let first = group.rows[0].1;
        let loaded = self.load(first, &group.name).await;
        let mut seen = Vec::new();
        for (index, row) in &group.rows {
            let one = match &loaded {
                Ok(()) => self.call(row, &group.name).await,
                Err(sentence) => Seen::Refused(sentence.clone()),
            };
            seen.push((*index, self.with_neighbour(one).await));
        }
        let is_there = self.host.plugins().iter().any(|plugin| plugin.name == group.name);
        assert_eq!(is_there, loaded.is_ok(), "{}: a rejected plugin is not listed", first.component);
        seen
    }

    /// Returns the observation, or reports that the neighbour was not served.
    pub async fn with_neighbour(&self, seen: Seen) -> Seen {
        match call(&self.host, "greeter", "greeting/greet", json!({ "name": "Ada" })).await {
            Ok(greeting) if greeting == json!("Hello, Ada!") => seen,
            other => Seen::Otherwise(format!("the neighbour got {other:?} after: {seen}")),
        }
    }
}
