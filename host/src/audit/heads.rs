//! The head of the audit log in the database, where who deletes the log and its head cannot reach it.
//!
//! A task of the host writes it after the file, and no request and no entry waits for it. While the database is away the file
//! goes on, and the newest head is written when it answers. At the start, and by `palisade audit-log verify --database`, it is
//! compared with the file. Each log has a name of its own, made from its key, so hosts on one database do not mix them up.

use super::log::{DATABASE, Tail};
use super::{Audit, Event};
use palisade_guard::limits::{AUDIT_HEAD_MS, AUDIT_TICK_MS};
use palisade_guard::refusal::Refusal;
use palisade_store::postgres::Database;
use palisade_store::postgres::audits::AuditHead;
use std::time::Duration;

/// Compares a log with the database. An entry says what the database names and the file does not have.
pub(crate) async fn compare(audit: &Audit, database: &Database) -> Result<(), Refusal> {
    let Some((log, place)) = audit.identity() else { return Ok(()) };
    // In this order, because another host may be writing: the file is never behind the database.
    let known = database.audit_heads(log, place).await?;
    let Some(tail) = audit.flush().await else { return Ok(()) };
    for head in known {
        let AuditHead { log: named, seq, hash, replaced_by, .. } = head;
        let last = format!("entry {seq} with the hash {}", hex::encode(hash));
        if named == log && seq > tail.seq {
            let what = format!("{DATABASE}this log ended with {last}, and the file has {} entries", tail.seq);
            report(audit, what);
            write(database, log, place, tail, true).await?;
        } else if named != log && seq > 0 && replaced_by.is_none() {
            report(
                audit,
                format!("{DATABASE}the log that was in this place ended with {last}, and it is gone"),
            );
            database.replace_audit_log(&named, log).await?;
        }
    }
    Ok(())
}

fn report(audit: &Audit, what: String) {
    tracing::error!("the audit log is damaged: {what}");
    audit.note(Event::Resumed, None, what);
}

/// Writes the newest head whenever it changes, until the host is dropped.
pub(crate) async fn follow(audit: Audit, database: Database) {
    let Some(mut tails) = audit.tails() else { return };
    let Some((log, place)) = audit.identity().map(|(log, place)| (log.to_owned(), place.to_owned())) else {
        return;
    };
    // The writer of the entries must end with the host, and not with this task.
    drop(audit);
    let mut is_reported = false;
    loop {
        let tail = *tails.borrow_and_update();
        match write(&database, &log, &place, tail, false).await {
            Ok(()) => {
                is_reported = false;
                if tails.changed().await.is_err() {
                    return;
                }
            }
            Err(refusal) => {
                // One warning for each outage.
                if !is_reported {
                    tracing::warn!(%refusal, "the database does not take the audit log's head; the log itself goes on");
                    is_reported = true;
                }
                tokio::time::sleep(Duration::from_millis(AUDIT_TICK_MS)).await;
            }
        }
    }
}

/// Writes the last head of a host that stops.
pub(crate) async fn finish(audit: &Audit, database: &Database) {
    let Some((log, place)) = audit.identity() else { return };
    let Some(tail) = audit.flush().await else { return };
    let written = write(database, log, place, tail, false);
    match tokio::time::timeout(Duration::from_millis(AUDIT_HEAD_MS), written).await {
        Ok(Ok(())) => {}
        Ok(Err(_)) | Err(_) => {
            tracing::warn!(
                "the database does not have the audit log's last entries; the next start adds them"
            );
        }
    }
}

async fn write(database: &Database, log: &str, place: &str, tail: Tail, anew: bool) -> Result<(), Refusal> {
    let (log, place) = (log.to_owned(), place.to_owned());
    let head = AuditHead { log, place, seq: tail.seq, hash: tail.hash.to_vec(), replaced_by: None };
    database.put_audit_head(&head, anew).await
}
