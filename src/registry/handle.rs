//! The registry as callers hold it. Each group of operations has a file of its own in the layer above.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use uuid::Uuid;

use super::clock::Clock;
use super::head::Head;
use super::message::Message;
use super::scrub::{Pace, Scrub, Scrubber};
use super::seal::SEAL_BYTES;
use super::shared::Shared;
use super::turns::Turns;
use crate::domain::id::{CredentialNumber, ProviderId, Revision};
use crate::store::KeysInUse;

/// A handle to the registry. Clones share one registry.
#[derive(Clone)]
pub struct Registry {
    pub(super) shared: Arc<Shared>,
    pub(super) writer: mpsc::Sender<Message>,
    pub(super) bulk_slots: Arc<Semaphore>,
    /// Limits concurrent dry runs and replays.
    pub(super) dry_runs: Turns,
    /// How long questions at the head are answered after every record was last known.
    pub(super) serve_stale_for: Duration,
}

impl Registry {
    /// Returns the published head.
    pub fn head(&self) -> Arc<Head> {
        self.shared.head.load_full()
    }

    /// Returns the revision of the published head.
    pub fn head_revision(&self) -> Revision {
        self.shared.head.load().revision
    }

    /// Returns the id of the registry: the epoch of its first record. Neither a restore nor an accepted loss changes
    /// it.
    pub fn id(&self) -> Option<Uuid> {
        self.head().history.registry_id()
    }

    /// Returns the epoch that forked after a revision, if there is one.
    pub fn epoch_after(&self, revision: Revision) -> Option<Uuid> {
        self.head().history.epoch_after(revision)
    }

    /// Returns the clock.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// The keys that sign answers, receipts, and checkpoints.
    pub fn signing_keys(&self) -> &Arc<KeysInUse> {
        &self.shared.signing_keys
    }

    /// Computes the seal of some parts.
    pub fn seal(&self, parts: &[&[u8]]) -> [u8; SEAL_BYTES] {
        self.shared.sealer.seal(parts)
    }

    /// True if `seal` is the seal of these parts.
    pub fn is_sealed(&self, parts: &[&[u8]], seal: &[u8]) -> bool {
        self.shared.sealer.is_sealed(parts, seal)
    }

    /// True if the holder of a credential is staff of a provider. Does not read the disk once every timeline is in
    /// memory.
    pub fn is_staff(&self, provider: &ProviderId, number: CredentialNumber) -> bool {
        self.shared.is_staff(provider, number)
    }

    /// Starts a scrub of the log. Its result decides whether writes are accepted. Fails if the thread cannot be
    /// started.
    pub fn begin_scrub(&self, pace: Pace) -> io::Result<Scrub> {
        let damage = Arc::clone(&self.shared.damage);
        let (log, pass_bytes) = (Arc::clone(&self.shared.log), Arc::clone(damage.pass_bytes()));
        Scrubber { log, pass_bytes }.begin(pace, move |scrubbed| damage.take(scrubbed))
    }

    /// Starts the warm-up: a background thread loads every timeline, so that questions do not have to.
    pub fn start_warm_up(&self) -> io::Result<()> {
        self.shared.start_warm_up()
    }

    /// Asks the writer to process its queue and end.
    pub async fn close(&self) {
        // The send fails only if the writer has already ended.
        drop(self.writer.send(Message::Close).await);
    }
}
