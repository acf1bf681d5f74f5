//! The calls that `palisade serve --record` keeps: a ring of files in the folder's data, one for each query and mutation.
//!
//! A call is kept with what it needs to run again: arguments, caller, request, seed and instant; and with its outcome. Tokens and
//! the operator's secrets are no part of it, but arguments and answers are, so only the server's user can read the files. The
//! rows are not kept: a call runs again on the rows as they are then. [`replay`] runs one again. Tests: `tests/command/record.rs`.

pub(super) mod replay;

use crate::output;
use anyhow::{Context, Result};
use palisade::{CallError, CallRecorder, Caller, Integers, RecordedCall, Replay, User};
use palisade_guard::limits::{
    RECORDED_BYTES_MAX, RECORDED_CALL_BYTES_MAX, RECORDED_CALLS_MAX, RECORDED_QUEUE_MAX, SECRET_BYTES,
};
use palisade_guard::request_context::RequestId;
use palisade_guard::user::UserId;
use palisade_store::files::{self, Others};
use palisade_store::private::DataDir;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::VecDeque;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread;

/// Their folder, in the data of the folder of plugins.
const FOLDER: &str = "recorded";
const EXTENSION: &str = "json";

/// A kept call.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Kept {
    pub(super) plugin: String,
    pub(super) version: String,
    pub(super) function: String,
    pub(super) arguments: Value,
    /// `None` is an anonymous caller.
    pub(super) caller: Option<KeptUser>,
    pub(super) request: String,
    pub(super) seed: String,
    /// Microseconds since 1970.
    pub(super) instant: i64,
    /// Whether 64-bit integers of the outcome are strings.
    pub(super) integers_as_strings: bool,
    pub(super) outcome: Outcome,
}

/// A user who called.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeptUser {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) roles: Vec<String>,
}

/// What a call returned.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    Answer(Value),
    Error(Value),
    Fails(String),
}

impl Outcome {
    pub(super) fn of(outcome: Result<&Value, &CallError>) -> Self {
        match outcome {
            Ok(value) => Self::Answer(value.clone()),
            Err(CallError::Returned(value)) => Self::Error(value.clone()),
            Err(error) => Self::Fails(error.to_string()),
        }
    }
}

impl Kept {
    fn of(call: &RecordedCall<'_>) -> Self {
        let user = |user: &User| KeptUser {
            id: user.id.to_string(),
            name: user.name.clone(),
            roles: user.roles.clone(),
        };
        Self {
            plugin: call.plugin.to_owned(),
            version: call.version.to_owned(),
            function: call.function.to_owned(),
            arguments: call.arguments.clone(),
            caller: call.caller.as_user().map(user),
            request: call.request.as_str().to_owned(),
            seed: hex::encode(call.replay.seed()),
            instant: call.replay.instant_us(),
            integers_as_strings: call.integers == Integers::Strings,
            outcome: Outcome::of(call.outcome),
        }
    }

    /// What the call runs with.
    pub(super) fn replay(&self) -> Option<Replay> {
        let mut seed = [0; SECRET_BYTES];
        hex::decode_to_slice(&self.seed, &mut seed).ok()?;
        Replay::of(seed, self.instant)
    }

    pub(super) fn request(&self) -> Option<RequestId> {
        RequestId::parse(&self.request)
    }

    pub(super) fn caller(&self) -> Option<Caller> {
        let Some(KeptUser { id, name, roles }) = &self.caller else { return Some(Caller::Anonymous) };
        let id = UserId::parse(id).ok()?.uuid();
        Some(Caller::user(User { id, name: name.clone(), roles: roles.clone() }))
    }
}

/// Passes calls on to the thread that writes them.
struct Recorder {
    calls: SyncSender<Vec<u8>>,
    left_out: AtomicU64,
}

impl CallRecorder for Recorder {
    fn record(&self, call: &RecordedCall<'_>) {
        if is_large(call.outcome) {
            return self.leave_out("its answer is too large");
        }
        let mut text = Bounded(Vec::new());
        if serde_json::to_writer(&mut text, &Kept::of(call)).is_err() {
            return self.leave_out("it is too large");
        }
        match self.calls.try_send(text.0) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.leave_out("the disk is too slow"),
            Err(TrySendError::Disconnected(_)) => self.leave_out("the disk failed"),
        }
    }
}

impl Recorder {
    fn leave_out(&self, why: &str) {
        // The first of them, and then ever fewer.
        let before = self.left_out.fetch_add(1, Ordering::Relaxed);
        if before.checked_add(1).is_some_and(u64::is_power_of_two) {
            tracing::warn!("a call is not kept for `palisade replay`: {why} ({} so far)", before + 1);
        }
    }
}

/// Whether an answer has more text than one call may: it is not copied to find out.
fn is_large(outcome: Result<&Value, &CallError>) -> bool {
    fn spend(value: &Value, left: &mut usize) -> Option<()> {
        *left = left.checked_sub(1)?;
        match value {
            Value::String(text) => *left = left.checked_sub(text.len())?,
            Value::Array(list) => list.iter().try_for_each(|value| spend(value, left))?,
            Value::Object(object) => object.iter().try_for_each(|(key, value)| {
                *left = left.checked_sub(key.len())?;
                spend(value, left)
            })?,
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        Some(())
    }
    let (Ok(value) | Err(CallError::Returned(value))) = outcome else { return false };
    spend(value, &mut { RECORDED_CALL_BYTES_MAX }).is_none()
}

/// Bytes up to the most that one call may have.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len().saturating_add(bytes.len()) > RECORDED_CALL_BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The files of kept calls, from the oldest.
struct Ring {
    folder: PathBuf,
    files: VecDeque<(u64, u64)>,
    bytes: u64,
}

impl Ring {
    fn open(folder: PathBuf) -> io::Result<Self> {
        DirBuilder::new().mode(0o700).recursive(true).create(&folder)?;
        let mut files: Vec<_> = fs::read_dir(&folder)?
            .filter_map(|entry| {
                let entry = entry.ok()?;
                Some((id(&entry.path())?, entry.metadata().ok()?.len()))
            })
            .collect();
        files.sort_unstable();
        let bytes = files.iter().map(|(_, bytes)| bytes).sum();
        let mut ring = Self { folder, files: files.into(), bytes };
        ring.shrink();
        Ok(ring)
    }

    /// Keeps a call, and removes the oldest ones that are too many then.
    fn keep(&mut self, text: &[u8]) -> io::Result<()> {
        let mut id = self.files.back().map_or(1, |(last, _)| last.saturating_add(1));
        let mut file = loop {
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path(&self.folder, id)) {
                // Another server of the same folder has this one.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => id = id.saturating_add(1),
                opened => break opened?,
            }
        };
        self.files.push_back((id, text.len() as u64));
        self.bytes = self.bytes.saturating_add(text.len() as u64);
        file.write_all(text)?;
        self.shrink();
        Ok(())
    }

    fn shrink(&mut self) {
        while self.files.len() > RECORDED_CALLS_MAX || self.bytes > RECORDED_BYTES_MAX {
            let Some((id, bytes)) = self.files.pop_front() else { return };
            self.bytes = self.bytes.saturating_sub(bytes);
            let _gone = fs::remove_file(path(&self.folder, id));
        }
    }
}

fn path(folder: &Path, id: u64) -> PathBuf {
    folder.join(format!("{id}.{EXTENSION}"))
}

fn id(path: &Path) -> Option<u64> {
    let is_ours = path.extension().is_some_and(|extension| extension == EXTENSION);
    path.file_stem().filter(|_| is_ours)?.to_str()?.parse().ok()
}

/// The folder of the calls of a folder of plugins.
fn folder(plugins: &Path) -> Result<PathBuf> {
    match DataDir::of_project(plugins)? {
        DataDir::Persistent(data) => Ok(data.join(FOLDER)),
        DataDir::Temporary => Err(output::usage("this folder has no data")),
    }
}

/// Starts to keep the calls of a folder of plugins.
pub(super) fn start(plugins: &Path) -> Result<Arc<dyn CallRecorder>> {
    let folder = folder(plugins)?;
    let cannot = || format!("cannot keep calls in {}", folder.display());
    let mut ring = Ring::open(folder.clone()).with_context(cannot)?;
    let (calls, waiting) = sync_channel::<Vec<u8>>(RECORDED_QUEUE_MAX);
    let write = move || {
        for text in waiting {
            if let Err(error) = ring.keep(&text) {
                tracing::warn!(%error, "a call is not kept for `palisade replay`");
            }
        }
    };
    thread::Builder::new().name("palisade-record".to_owned()).spawn(write).with_context(cannot)?;
    Ok(Arc::new(Recorder { calls, left_out: AtomicU64::new(0) }))
}

/// The ids of the kept calls, from the oldest.
fn ids(folder: &Path) -> Vec<u64> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut ids: Vec<u64> = entries.filter_map(|entry| id(&entry.path())).collect();
    ids.sort_unstable();
    ids
}

fn read(folder: &Path, id: u64) -> Result<Kept> {
    let path = path(folder, id);
    let text = files::trusted(&path, Others::MayNothing)
        .and_then(|file| files::read_text(file, RECORDED_CALL_BYTES_MAX as u64));
    match text {
        Ok(text) => {
            serde_json::from_str(&text).with_context(|| format!("{} is no kept call", path.display()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(output::usage(format!(
            "no call {id} is kept: `palisade replay` lists those that are, and `palisade serve --record` keeps them"
        ))),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// A kept call of a folder of plugins.
pub(super) fn kept(plugins: &Path, id: u64) -> Result<Kept> {
    read(&folder(plugins)?, id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::os::unix::fs::PermissionsExt;

    fn recorded<'a>(
        arguments: &'a Value,
        outcome: Result<&'a Value, &'a CallError>,
        caller: &'a Caller,
    ) -> Kept {
        let request = RequestId::parse("a/../b").unwrap();
        let replay = Replay::of([7; SECRET_BYTES], 5).unwrap();
        let integers = Integers::default();
        Kept::of(&RecordedCall {
            plugin: "a",
            version: "0.1.0",
            function: "b/c",
            arguments,
            caller,
            request: &request,
            replay,
            integers,
            outcome,
        })
    }

    #[test]
    fn kept_call_reads_back_with_what_it_needs_to_run_again() {
        let id = UserId::parse("0190a5f0-0000-7000-8000-000000000000").unwrap().uuid();
        let user = User { id, name: "Ada".into(), roles: vec!["ada".into()] };
        let (arguments, value) = (json!({ "a": 1 }), json!([u64::MAX, 1.5]));
        let caller = Caller::user(user.clone());
        let kept = recorded(&arguments, Ok(&value), &caller);
        let text = serde_json::to_string(&kept).unwrap();
        let kept: Kept = serde_json::from_str(&text).unwrap();
        assert_eq!(kept.replay(), Replay::of([7; SECRET_BYTES], 5));
        assert_eq!(kept.caller().unwrap().as_user(), Some(&user));
        assert_eq!(kept.request().unwrap().as_str(), "a/../b");
        assert_eq!((&kept.arguments, &kept.outcome), (&arguments, &Outcome::Answer(value)));
        let error = CallError::Returned(json!("no"));
        let kept = recorded(&arguments, Err(&error), &Caller::Anonymous);
        assert!(
            matches!(kept.caller(), Some(Caller::Anonymous)) && kept.outcome == Outcome::Error(json!("no"))
        );
    }

    #[test]
    fn ring_keeps_the_last_calls_for_its_user_alone() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("data/recorded");
        let mut ring = Ring::open(folder.clone()).unwrap();
        for call in 0..RECORDED_CALLS_MAX + 3 {
            ring.keep(format!("{call}").as_bytes()).unwrap();
        }
        assert_eq!(ids(&folder), (4..=RECORDED_CALLS_MAX as u64 + 3).collect::<Vec<_>>());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&path(&folder, 4))), (0o700, 0o600));
        // A start goes on behind the last one, and counts what is there.
        let mut again = Ring::open(folder.clone()).unwrap();
        again.keep(b"x").unwrap();
        assert_eq!(ids(&folder).len(), RECORDED_CALLS_MAX);
        assert_eq!(ids(&folder).last(), Some(&(RECORDED_CALLS_MAX as u64 + 4)));
    }

    #[test]
    fn ring_is_bounded_by_bytes() {
        let outer = tempfile::tempdir().unwrap();
        let mut ring = Ring::open(outer.path().join("recorded")).unwrap();
        let large = vec![b'x'; RECORDED_CALL_BYTES_MAX];
        let most = RECORDED_BYTES_MAX / RECORDED_CALL_BYTES_MAX as u64;
        for _ in 0..most {
            ring.keep(&large).unwrap();
        }
        assert_eq!(ids(&ring.folder).len() as u64, most);
        ring.keep(b"x").unwrap();
        assert_eq!(ids(&ring.folder).len() as u64, most);
    }

    #[test]
    fn answer_over_the_bytes_of_a_call_is_large_and_one_at_them_is_not() {
        let text = |bytes: usize| Value::from("x".repeat(bytes));
        assert!(!is_large(Ok(&text(RECORDED_CALL_BYTES_MAX - 1))));
        assert!(is_large(Ok(&text(RECORDED_CALL_BYTES_MAX))));
        assert!(is_large(Ok(&Value::from(vec![0; RECORDED_CALL_BYTES_MAX]))));
        let error = CallError::Returned(text(RECORDED_CALL_BYTES_MAX));
        assert!(is_large(Err(&error)) && !is_large(Err(&CallError::Denied)));
        let mut bounded = Bounded(Vec::new());
        assert!(bounded.write_all(&vec![0; RECORDED_CALL_BYTES_MAX]).is_ok());
        assert!(bounded.write_all(&[0]).is_err());
    }
}
