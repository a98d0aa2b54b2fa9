//! Moving: ends the log in one place, so that it can go on in another.

use std::sync::Arc;
use uuid::Uuid;

use super::beginning::{catch_up, until_committed};
use super::clock::Clock;
use super::errors::OpenError;
use super::handle::Registry;
use super::not_committed::NotCommitted;
use super::open::{Options, idle_writer_of, open_store};
use super::preface::SEMANTICS_VERSION;
use super::registry_history::Moved;
use super::writer::Writer;
use crate::domain::fact::{LogHome, RegistryFact};
use crate::store::log::StoredRecord;

impl Registry {
    /// Records that the log goes on in another place, as its last record here. Does nothing if it has moved there
    /// before. The record is dated after every instant for which questions by time were answered.
    ///
    /// # Errors
    ///
    /// If the registry cannot be opened, or if the log does not take the record. Then the log is where it was, unless
    /// the error says that the outcome is unknown: call this again.
    pub fn move_log(mut options: Options, to: LogHome) -> Result<Moved, OpenError> {
        let clock = Clock::new(options.today)?;
        let (store, preface) = open_store(&mut options, SEMANTICS_VERSION, &mut |_| {})?;
        let mut writer = idle_writer_of(store, &options, clock, preface, Some(to.id))?;
        let moved = match moved_to(&writer, to.id) {
            Some(moved) => moved,
            None => {
                catch_up(&mut writer)?;
                record(&mut writer, to)?
            }
        };
        let Writer { shared, store, .. } = writer;
        drop(shared);
        store.close()?;
        Ok(moved)
    }
}

/// Returns the end of the log here, if it goes on in the place where it has this id.
fn moved_to(writer: &Writer, id: Uuid) -> Option<Moved> {
    let head = writer.shared.head.load();
    head.history.moved_from(writer.store.log_id()).filter(|moved| moved.to.id == id).cloned()
}

/// Records that the log goes on in another place.
pub(super) fn record(writer: &mut Writer, to: LogHome) -> Result<Moved, OpenError> {
    match until_committed(writer, |writer| try_to_record(writer, &to)) {
        // A statement of an earlier attempt, which was interrupted, was carried out after all.
        Err(OpenError::LogMoved(moved)) if moved.to.id == to.id => Ok(moved),
        recorded => recorded.map(|()| Moved { at: writer.shared.head.load().revision, to }),
    }
}

fn try_to_record(writer: &mut Writer, to: &LogHome) -> Result<(), NotCommitted> {
    writer.follow()?;
    // Without a lock, replicas that report often would be first each time.
    let staged = writer.store.lock().map_err(|error| writer.not_committed(error))?.unwrap_or_default();
    let recorded = record_after(writer, &staged, to);
    writer.store.unlock();
    recorded
}

fn record_after(writer: &mut Writer, staged: &[StoredRecord], to: &LogHome) -> Result<(), NotCommitted> {
    let shared = Arc::clone(&writer.shared);
    let mut batch = writer.new_batch(&shared)?;
    writer.stage(&mut batch, staged)?;
    batch.add_own(RegistryFact::LogMoved { to: to.clone() })?;
    writer.commit(batch).map(drop)
}
