//! The storage quota of a plugin: how large its tables may become.
//!
//! The size is the server's own, files of indexes and of large values included; no count of what a statement is sent
//! could tell what an `INSERT … SELECT` or an `UPDATE` writes. It is measured in the transaction, after a statement that
//! writes, so that a statement over the quota is undone. Measuring costs a round trip, so the host does it only when the
//! statements since the last time could have filled what was left, at a rate that no disk exceeds. A statement that
//! writes for long is watched from another connection, and cut off.
//!
//! Deletes are always possible. An undone statement leaves its space in the files until the server's vacuum gives it back.
//! So a statement that makes no file larger passes over the quota, too; and when the files are larger than the quota
//! by a part of it, nothing that could make them larger is tried any more.
//!
//! Not here: the question to the server, see [`super::session`] and [`super::watch`]; it is `storage.sql`. Items and
//! variables are in the host's tables and do not count. Tests: `tests/db/storage.rs`.

use palisade_guard::ledger::{Exceeded, Usage};
use palisade_guard::limits::{Limit, STORAGE_SLACK_DIVISOR, STORAGE_STATEMENT_BYTES};
use std::sync::atomic::{AtomicU64, Ordering};

/// The question, for the role that asks.
pub(super) const OWN: &str = "SELECT palisade.storage(current_user)";

/// What is known of the size of one plugin's tables. All connections of the plugin share it.
#[derive(Debug)]
pub(crate) struct Storage {
    role: String,
    quota: u64,
    /// Bytes when they were last measured; the largest number before they ever were.
    measured: AtomicU64,
    /// Statements that wrote since then.
    unmeasured: AtomicU64,
}

impl Storage {
    pub(super) fn new(role: &str, quota: u64) -> Self {
        Self {
            role: role.to_owned(),
            quota,
            measured: AtomicU64::new(u64::MAX),
            unmeasured: AtomicU64::new(0),
        }
    }

    /// The plugin's login.
    pub(super) fn role(&self) -> &str {
        &self.role
    }

    /// Whether the size must be measured before a statement that writes: it may be so far over the quota that nothing is
    /// tried.
    pub(super) fn is_full(&self) -> bool {
        self.measured() > self.cap()
    }

    /// Notes a statement that writes. Returns whether the size must be measured after it.
    pub(super) fn write(&self) -> bool {
        let statements = self.unmeasured.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let room = self.quota.saturating_sub(self.measured());
        statements.saturating_mul(STORAGE_STATEMENT_BYTES) > room
    }

    /// Bytes when they were last measured.
    pub(super) fn measured(&self) -> u64 {
        self.measured.load(Ordering::Relaxed)
    }

    /// Takes a measurement from before a statement. Refuses the statement if nothing is to be tried.
    pub(super) fn before(&self, bytes: u64) -> Result<(), Exceeded> {
        self.keep(bytes);
        if bytes > self.cap() { Err(self.exceeded(bytes)) } else { Ok(()) }
    }

    /// Takes a measurement from after a statement, before which the size was known to be `before`. Refuses the statement
    /// if it has made the tables larger than the quota.
    pub(super) fn after(&self, before: u64, bytes: u64) -> Result<(), Exceeded> {
        self.keep(bytes);
        if bytes > self.quota && bytes > before { Err(self.exceeded(bytes)) } else { Ok(()) }
    }

    /// Takes a measurement from while a statement runs. Refuses the statement if it is to be cut off.
    pub(super) fn meanwhile(&self, bytes: u64) -> Result<(), Exceeded> {
        if bytes > self.cap() { Err(self.exceeded(bytes)) } else { Ok(()) }
    }

    fn keep(&self, bytes: u64) {
        self.measured.store(bytes, Ordering::Relaxed);
        self.unmeasured.store(0, Ordering::Relaxed);
    }

    /// The size over which no statement that writes is tried.
    fn cap(&self) -> u64 {
        let slack = self.quota.checked_div(STORAGE_SLACK_DIVISOR).unwrap_or_default();
        self.quota.saturating_add(slack)
    }

    fn exceeded(&self, used: u64) -> Exceeded {
        Exceeded(Usage { limit: Limit::Storage, used, max: self.quota })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade_guard::limits::MIB;

    #[test]
    fn statement_is_refused_only_if_it_makes_the_tables_larger_than_the_quota() {
        let storage = Storage::new("r", 800);
        for (before, after, is_refused) in [
            (0, 800, false),
            (0, 801, true),
            (800, 801, true),
            (850, 850, false),
            (850, 849, false),
            (850, 851, true),
        ] {
            assert_eq!(storage.after(before, after).is_err(), is_refused, "{before} {after}");
            assert_eq!(storage.measured(), after);
        }
        let Exceeded(usage) = storage.after(0, 801).unwrap_err();
        assert_eq!((usage.limit, usage.used, usage.max), (Limit::Storage, 801, 800));
    }

    #[test]
    fn nothing_is_tried_when_the_files_are_over_the_quota_by_a_part_of_it() {
        let storage = Storage::new("r", 800);
        assert!(storage.is_full(), "not measured yet");
        assert!(storage.before(900).is_ok() && !storage.is_full() && storage.meanwhile(900).is_ok());
        assert!(storage.before(901).is_err() && storage.is_full() && storage.meanwhile(901).is_err());
        assert!(storage.before(100).is_ok() && !storage.is_full(), "the server has given space back");
        assert!(Storage::new("r", u64::MAX).before(u64::MAX).is_ok(), "no quota");
    }

    #[test]
    fn size_is_measured_before_unmeasured_statements_can_fill_the_rest() {
        let storage = Storage::new("r", 1024 * MIB);
        storage.before(512 * MIB).unwrap();
        let measured: Vec<bool> = (0..9).map(|_| storage.write()).collect();
        assert_eq!(measured, [false, false, false, false, false, false, false, false, true]);
        storage.after(0, 1020 * MIB).unwrap();
        assert!(storage.write(), "near the quota each statement is measured");
    }
}
