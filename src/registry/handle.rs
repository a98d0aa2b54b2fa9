//! The registry, as its callers hold it. Each of its uses has a file of its own above this one.

use std::io;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use uuid::Uuid;

use super::clock::Clock;
use super::head::Head;
use super::scrub::{Pace, Scrub, Scrubber};
use super::seal::SEAL_BYTES;
use super::shared::Shared;
use super::writer::Message;
use crate::domain::id::{CredentialNumber, ProviderId, Revision};

/// The registry, as its callers see it. Clones share it.
#[derive(Clone)]
pub struct Registry {
    pub(super) shared: Arc<Shared>,
    pub(super) writer: mpsc::Sender<Message>,
    pub(super) places: Arc<Semaphore>,
    /// For dry runs and replays under way.
    pub(super) dry_runs: Arc<Semaphore>,
}

impl Registry {
    /// The published head.
    pub fn head(&self) -> Arc<Head> {
        self.shared.head.load_full()
    }

    /// The revision of the published head.
    pub fn head_revision(&self) -> Revision {
        self.shared.head.load().revision
    }

    /// The id of the registry: the epoch of its first record, which no restore and no accepted loss changes.
    pub fn id(&self) -> Option<Uuid> {
        self.head().history.registry_id()
    }

    /// The epoch that begins right after a revision, if one does.
    pub fn epoch_after(&self, revision: Revision) -> Option<Uuid> {
        self.head().history.epoch_after(revision)
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// The seal on some parts.
    pub fn seal(&self, parts: &[&[u8]]) -> [u8; SEAL_BYTES] {
        self.shared.sealer.seal(parts)
    }

    /// Whether this is the seal on these parts.
    pub fn is_sealed(&self, parts: &[&[u8]], seal: &[u8]) -> bool {
        self.shared.sealer.is_sealed(parts, seal)
    }

    /// Whether the holder of a credential is staff of a provider. Reads no disk once every timeline is in memory.
    pub fn is_staff(&self, provider: &ProviderId, number: CredentialNumber) -> bool {
        self.shared.is_staff(provider, number)
    }

    /// Begins to read the log over. What it finds decides whether writes are taken. An error: there is no thread for
    /// it.
    pub fn begin_scrub(&self, pace: Pace) -> io::Result<Scrub> {
        let damage = Arc::clone(&self.shared.damage);
        Scrubber { log: Arc::clone(&self.shared.log) }.begin(pace, move |scrubbed| damage.take(scrubbed))
    }

    /// Starts to read in what questions would otherwise read in one by one.
    pub fn begin_to_read_in(&self) -> io::Result<()> {
        self.shared.begin_to_read_in()
    }

    /// Lets the writer finish what is queued and end.
    pub async fn close(&self) {
        // A writer that has ended already need not be asked.
        drop(self.writer.send(Message::Close).await);
    }
}
