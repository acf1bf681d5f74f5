//! The last entry of each audit log: the table `palisade.audit_heads`.

use super::Database;
use palisade_guard::refusal::Refusal;
use tokio_postgres::types::Type;

/// The last entry that the database knows of one audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditHead {
    /// Which log.
    pub log: String,
    /// The machine and the file.
    pub place: String,
    /// The number of the entry.
    pub seq: u64,
    /// The entry's hash.
    pub hash: Vec<u8>,
    /// The log that was found in its place when it was gone.
    pub replaced_by: Option<String>,
}

impl Database {
    /// The heads of a log and of every other log that was in this place.
    pub async fn audit_heads(&self, log: &str, place: &str) -> Result<Vec<AuditHead>, Refusal> {
        let text = "SELECT log, place, seq, hash, replaced_by FROM palisade.audit_heads WHERE log = $1 OR place = $2 \
            ORDER BY log";
        let rows = self.lookup(text, &[Type::TEXT, Type::TEXT], &[&log, &place]).await?;
        rows.iter()
            .map(|row| {
                let seq: i64 = row.try_get(2).map_err(Refusal::internal)?;
                Ok(AuditHead {
                    log: row.try_get(0).map_err(Refusal::internal)?,
                    place: row.try_get(1).map_err(Refusal::internal)?,
                    seq: seq.try_into().map_err(Refusal::internal)?,
                    hash: row.try_get(3).map_err(Refusal::internal)?,
                    replaced_by: row.try_get(4).map_err(Refusal::internal)?,
                })
            })
            .collect()
    }

    /// Writes a log's head. A head with a smaller number than the one in the database is ignored, unless it is written anew:
    /// several hosts may share a log.
    pub async fn put_audit_head(&self, head: &AuditHead, anew: bool) -> Result<(), Refusal> {
        let AuditHead { log, place, seq, hash, .. } = head;
        let seq = i64::try_from(*seq).map_err(Refusal::internal)?;
        let text = "INSERT INTO palisade.audit_heads AS h (log, place, seq, hash) VALUES ($1, $2, $3, $4) \
            ON CONFLICT (log) DO UPDATE SET place = excluded.place, seq = excluded.seq, hash = excluded.hash, \
                changed_at = now() \
            WHERE h.seq < excluded.seq OR $5";
        let types = [Type::TEXT, Type::TEXT, Type::INT8, Type::BYTEA, Type::BOOL];
        self.lookup(text, &types, &[log, place, &seq, hash, &anew]).await.map(drop)
    }

    /// Records that a log is gone, and which one was found in its place.
    pub async fn replace_audit_log(&self, gone: &str, found: &str) -> Result<(), Refusal> {
        let text = "UPDATE palisade.audit_heads SET replaced_by = $2, changed_at = now() WHERE log = $1";
        self.lookup(text, &[Type::TEXT, Type::TEXT], &[&gone, &found]).await.map(drop)
    }
}
