//! The end of a backup.

use super::timestamp;
use crate::proto::v1;
use crate::registry::backup::Ended;

/// Encodes the end of a backup.
pub fn backup_end(ended: &Ended) -> v1::BackupEnd {
    let Ended { archived, bytes, sha256 } = ended;
    let count = |segments: usize| u32::try_from(segments).unwrap_or(u32::MAX);
    v1::BackupEnd {
        bytes: *bytes,
        sha256: sha256.to_string(),
        manifest: archived.manifest.text(),
        epoch: archived.manifest.epoch.to_string(),
        head_revision: archived.manifest.head.0,
        recorded_at: Some(timestamp(archived.manifest.recorded_at)),
        segments_sent: count(archived.copied),
        segments_kept: count(archived.kept),
    }
}
