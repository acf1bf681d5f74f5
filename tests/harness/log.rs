//! A log sink that records what plugins log.

use palisade::Kind;
use palisade::guard::logging::{Level, LogRecord};
use palisade::store::{LogSink, LogSource};
use std::sync::{Arc, Mutex};

/// The records of plugins, in order.
#[derive(Clone, Default)]
pub struct Captured(Arc<Mutex<Vec<Entry>>>);

/// A record, with what the host added.
#[derive(Clone, Debug)]
pub struct Entry {
    pub plugin: String,
    pub entered: String,
    pub kind: Kind,
    pub request: String,
    pub level: Level,
    pub message: String,
    pub fields: Vec<(String, String)>,
    pub is_cut: bool,
}

impl Captured {
    /// All records so far.
    pub fn all(&self) -> Vec<Entry> {
        self.0.lock().unwrap().clone()
    }

    /// All messages so far.
    pub fn messages(&self) -> Vec<String> {
        self.all().into_iter().map(|entry| entry.message).collect()
    }
}

impl LogSink for Captured {
    fn log(&self, source: &LogSource<'_>, record: &LogRecord) {
        self.0.lock().unwrap().push(Entry {
            plugin: source.plugin.to_string(),
            entered: source.entered.to_owned(),
            kind: source.kind,
            request: source.request.as_str().to_owned(),
            level: record.level(),
            message: record.message().to_owned(),
            fields: record.fields().to_vec(),
            is_cut: record.is_cut(),
        });
    }
}
