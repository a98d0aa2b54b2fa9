//! The store: a durable log, which is the source of truth, and an index derived from it, which answers queries.
//!
//! A record is committed once [`Store::commit`] has returned: its batch is one frame of the log, fsynced. The index
//! follows. It may be deleted at any time; the next start rebuilds it from the log. Readers share the index and read
//! the log while the writer appends.
//!
//! `README.md` lists the files of the data directory.

pub mod backup;
pub mod check;
pub mod disk;
pub mod in_parts;
pub mod incident;
pub mod index;
pub mod log;
pub mod priority;
pub mod progress;
pub mod record;
pub mod signing_keys;
pub mod tree;

mod answered;
mod damage_note;
mod data_dir;
mod engine;
mod first_record;
mod home;
mod identity;
mod keyed;
mod keys_in_use;
mod locking;
mod open_error;
mod opening;
mod options;
pub mod random;
mod rebuild;
mod redact;
pub mod redaction;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::domain::id::Revision;
use crate::domain::record::Record;

use answered::Answered;
pub use damage_note::DamageNote;
use data_dir::{DataDir, LAYOUT_VERSION, require_key};
pub use data_dir::{DataDirError, Key, Unfinished, request_key_in};
use engine::{log_engine, shared_log_engine};
pub use home::{copied_log, mark_as_copy, mark_as_own, name_own_log, own_log, refuse_other_place};
pub use identity::{IdentityError, holds_registry, moved_to, registry_id};
use index::{Index, Progress};
pub use keyed::{mac, request_key_id};
pub use keys_in_use::KeysInUse;
use log::replicated::statements::APART;
use log::status::LogStatus;
use log::{AppendError, Log, LogEngine, ReadLog, StoredRecord, Wake};
pub use open_error::{CloseError, OpenError};
use opening::{open_redacted, take, upgrade};
pub use options::{LogPlace, OpenMode, StoreOptions};
pub use rebuild::{RebuildError, rebuild};
pub use record::Salts;
use record::Tip;
pub use redact::{Order, Plan, Planned, RedactError, Redacted, plan_redaction, redact};

/// The log and the index, as the single writer holds them.
pub struct Store {
    log: Box<dyn Log>,
    index: Arc<Index>,
    /// The last committed record, or the last one found at the start.
    tip: Tip,
    /// While the log is locked: what the next batch builds on, and the instant that its records must be after. Neither
    /// need last.
    locked: Option<(Tip, Timestamp)>,
    salts: Salts,
    request_key: Key,
    answered: Answered,
    /// The instant through which other processes are known to have answered questions by time.
    not_before: Timestamp,
    clock_ahead: SignedDuration,
    /// The id of the log in the place where it is. `None` if it has none, or the database has not been reached yet.
    log_id: Option<Uuid>,
    /// The directory with the signing keys of all replicas.
    common_keys: Option<PathBuf>,
    /// Locks the directory against other processes until the store is closed.
    directory: DataDir,
    /// Set for a new registry. It is the last field, so that everything else is closed before it removes the directory.
    unfinished: Option<Unfinished>,
}

/// The latest instant that the registry in a data directory answered questions by time for. After a kill it is up to a
/// second later. No record may be dated at or before it, so the log that several replicas share must be given it.
pub fn answered_through(data_dir: &Path) -> Timestamp {
    Answered::read(data_dir).through()
}

impl Store {
    /// Locks the data directory, opens the log, and brings the index up to date. A new registry is removed again unless
    /// [`Store::finish`] is called.
    pub fn open(
        directory: &Path,
        mut options: StoreOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Store, OpenError> {
        let copied = copied_log(directory)?.filter(|log| !log.is_nil());
        let (engine, log_id) = match &options.place {
            LogPlace::File => (log_engine(directory, options.log.clone()), own_log(directory)?),
            LogPlace::Shared(shared) => {
                let log_id = shared.check()?;
                require_key(directory, &shared.request_key)?;
                // A lost key is not lost: every replica has it.
                (options.new_request_key, options.replaces_lost_key) = (Some(shared.request_key), true);
                (shared_log_engine(directory, shared, &options.log), log_id.or(copied))
            }
        };
        // The database of an earlier configuration may be one that the log has left.
        let is_new_copy = matches!(options.place, LogPlace::Shared(_)) && copied.is_none();
        let store = Store::open_with(&*engine, directory, options, progress)?;
        if is_new_copy {
            mark_as_copy(directory, log_id.unwrap_or_default())?;
        }
        Ok(Store { log_id, ..store })
    }

    /// Like [`Store::open`], but the given engine stores the log. The other files are in the directory.
    pub fn open_with(
        engine: &dyn LogEngine,
        directory: &Path,
        options: StoreOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Store, OpenError> {
        let is_file = matches!(options.place, LogPlace::File);
        let (directory, unfinished) = take(engine, directory, options.mode, is_file)?;
        let request_key = match directory.request_key() {
            Err(DataDirError::NoKey { .. }) if unfinished.is_some() || options.replaces_lost_key => {
                directory.make_request_key(options.new_request_key)?
            }
            found => found?,
        };
        if directory.format() < LAYOUT_VERSION {
            upgrade(engine, &directory, &options.salts)?;
        }
        let (log, index) = open_redacted(engine, &directory, options.index, progress)?;
        let answered = Answered::read(directory.root());
        let (tip, salts, common_keys) = (log.tip(), options.salts, options.signing_keys);
        Ok(Store {
            log,
            index: Arc::new(index),
            tip,
            locked: None,
            salts,
            request_key,
            answered,
            not_before: Timestamp::UNIX_EPOCH,
            clock_ahead: SignedDuration::ZERO,
            log_id: None,
            common_keys,
            directory,
            unfinished,
        })
    }

    /// Marks a new registry as complete, durably. Does nothing for an existing registry.
    pub fn finish(&mut self) -> Result<(), DataDirError> {
        self.take_unfinished().map_or(Ok(()), Unfinished::finish)
    }

    /// Returns the guard that completes a new registry. `None` for an existing registry and for one that is complete.
    pub fn take_unfinished(&mut self) -> Option<Unfinished> {
        self.unfinished.take()
    }

    /// The last durable record.
    pub fn head(&self) -> Revision {
        self.tip.revision
    }

    /// The last durable record, and the chain up to it.
    pub fn tip(&self) -> &Tip {
        &self.tip
    }

    /// Makes consecutive records durable as one batch, and returns the tip of each. The caller then folds them with
    /// [`Index::fold`].
    pub fn commit(&mut self, records: &[Record]) -> Result<Vec<Tip>, AppendError> {
        let Some(first) = records.first() else { return Ok(Vec::new()) };
        let sealed = |record: &Record| Ok(record::encode(record, &self.salts.salt(record.revision)?));
        let batch = records.iter().map(sealed).collect::<io::Result<Vec<_>>>().map_err(AppendError::NotWritten)?;
        let after = Tip { revision: first.revision.previous(), ..self.builds_on() };
        let tips = self.log.append(&after, &batch).inspect_err(|error| {
            if let AppendError::NotBefore { answered_through } = error {
                self.not_before = self.not_before.max(*answered_through);
            }
        })?;
        self.tip = tips.last().copied().unwrap_or(self.tip);
        Ok(tips)
    }

    /// True if other processes may append to the log.
    pub fn is_shared(&self) -> bool {
        self.log.is_shared()
    }

    /// Returns the next records that other processes appended, as stored. The caller then folds them with
    /// [`Index::fold`].
    pub fn follow(&mut self) -> Result<Vec<StoredRecord>, AppendError> {
        let followed = self.log.follow()?;
        self.tip = followed.last().map_or(self.tip, |(tip, _)| *tip);
        Ok(followed.into_iter().map(|(tip, bytes)| (tip.revision, bytes)).collect())
    }

    /// Has `wake` called whenever other processes may have appended something.
    pub fn on_news(&mut self, wake: Wake) {
        self.log.on_news(wake);
    }

    /// Returns a revision up to which there is every record that was in the log after this was called, for following.
    pub fn reach(&mut self) -> Result<Revision, AppendError> {
        Ok(self.log.reach()?.revision)
    }

    /// What is known about the place where the log is shared. `None` for a log of this process alone.
    pub fn log_status(&self) -> Option<Arc<LogStatus>> {
        self.log.status()
    }

    /// The id of the log in the place where it is. `None` if no log has moved there.
    pub fn log_id(&self) -> Option<Uuid> {
        self.log_id
    }

    /// True if the disk has space for more records.
    pub fn has_room(&self) -> bool {
        self.log.has_room()
    }

    /// The index, to share with readers.
    pub fn index(&self) -> &Arc<Index> {
        &self.index
    }

    /// A reader of the log, for any thread.
    pub fn log_reader(&self) -> Arc<dyn ReadLog> {
        self.log.reader()
    }

    /// The key for request digests.
    pub fn request_key(&self) -> &Key {
        &self.request_key
    }

    /// The keys that sign. Makes those that are missing, unless they are those of all replicas of a shared log.
    pub fn signing_keys(&self, now: Timestamp) -> Result<KeysInUse, DataDirError> {
        KeysInUse::open(&self.directory, (self.is_shared(), self.common_keys.as_deref()), now)
    }

    /// What the scrub found, before this start and since.
    pub fn damage_note(&self) -> DamageNote {
        DamageNote::of(self.directory.root())
    }

    /// This process may answer questions by time up to this instant, once it knows the records that
    /// [`Store::settle`] returned.
    pub fn answered_through(&self) -> Timestamp {
        self.answered.through()
    }

    /// No new record may be dated at or before this instant, because questions by time were answered for it.
    pub fn not_before(&self) -> Timestamp {
        let locked = self.locked.map_or(Timestamp::UNIX_EPOCH, |(_, answered_through)| answered_through);
        self.not_before.max(self.answered.through()).max(locked)
    }

    /// How far this process's clock is ahead of the clock of a shared log, as far as that mattered.
    pub fn clock_ahead(&self) -> SignedDuration {
        self.clock_ahead
    }

    /// Takes into account that the clock is further ahead. Returns false if it is too far ahead to be right.
    pub fn adjust_clock(&mut self, by: SignedDuration) -> bool {
        let adjusted = self.clock_ahead.saturating_add(by);
        let is_plausible = adjusted.abs() <= APART;
        if is_plausible {
            self.clock_ahead = adjusted;
        }
        is_plausible
    }

    /// Records that questions by time are about to be answered up to an instant. It is durable when this returns.
    /// Returns the last record that must be known to answer them.
    pub fn settle(&mut self, instant: Timestamp) -> Result<Revision, AppendError> {
        let tip = self.log.settle(instant)?;
        self.answered.advance(instant).map_err(AppendError::NotWritten)?;
        Ok(tip.revision)
    }

    /// Closes the index cleanly, so that the next start need not rebuild it. All readers must have been dropped.
    pub fn close(mut self) -> Result<(), CloseError> {
        self.log.close();
        if let Err(error) = self.answered.close() {
            // The stored instant is then slightly ahead of the exact one.
            tracing::warn!(
                event = "answered_time_not_exact",
                error = &error as &dyn std::error::Error,
                "the last answered time was not stored exactly: the stored one is slightly ahead"
            );
        }
        let index = Arc::into_inner(self.index).ok_or(CloseError::StillRead)?;
        index.close().map_err(CloseError::Index)
    }
}

#[cfg(test)]
mod tests;
