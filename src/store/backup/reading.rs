//! Reads a log part by part, and checks that the parts are one history.

use sha2::{Digest as _, Sha256};

use super::BackupError;
use super::manifest::Sha256Text;
use super::redacted;
use super::rewrite::Tail;
use crate::store::log::{OfflineLog, Part};
use crate::store::priority::yield_now;
use crate::store::record::{self, Hash};
use crate::store::redaction::Redactions;

/// The number of bytes of the log after which the reader yields the CPU.
const BYTES_PER_SLICE: u64 = 16 * 1024;

/// Called with each frame of a part: the digest of the bytes before it, its offset, and its bytes.
pub(super) type OnFrame<'a> = dyn FnMut(&Sha256, u64, &[u8]) -> Result<(), BackupError> + 'a;

/// How far a log was read.
#[derive(Clone)]
pub(super) struct Reading {
    /// The last record read.
    pub tail: Tail,
    /// The chain up to the end of the previous part.
    chain: Option<Hash>,
    redactions: Redactions,
}

impl Reading {
    /// Nothing was read yet.
    pub fn new() -> Reading {
        Reading { tail: Tail::new(), chain: None, redactions: Redactions::new() }
    }

    /// Reads the next part. Every frame is verified, and every record decoded. Returns the digest of the part.
    pub fn part(
        &mut self,
        log: &dyn OfflineLog,
        part: &Part,
        on_frame: &mut OnFrame<'_>,
    ) -> Result<Sha256Text, BackupError> {
        let mut batches = log.batches(part, self.chain)?;
        if part.first != self.tail.revision.next() {
            return Err(batches.damaged("the segment does not follow the one before it").into());
        }
        let mut hashed = Sha256::new();
        loop {
            let offset = batches.offset();
            let Some(whole) = batches.read()? else { break };
            for (revision, bytes) in &whole.frame.records {
                let record = record::decode(*revision, bytes)?;
                self.tail.advance(&record);
                redacted::note(&mut self.redactions, &record);
            }
            on_frame(&hashed, offset, whole.bytes)?;
            hashed.update(whole.bytes);
            if offset / BYTES_PER_SLICE < (offset + whole.bytes.len() as u64) / BYTES_PER_SLICE {
                yield_now();
            }
        }
        if batches.offset() != part.bytes {
            return Err(batches.damaged("the segment ends before its file").into());
        }
        self.chain = batches.chain();
        Ok(Sha256Text::of(hashed))
    }

    /// Fails if a redaction that was read is not complete.
    pub fn refuse_pending(&self, log: &dyn OfflineLog) -> Result<(), BackupError> {
        redacted::refuse_pending(log, &self.redactions)
    }
}
