//! The feed: the changes of every record in order, starting after any record.
//!
//! Watchers pull the feed; `waking` tells them when to pull. A watcher at the head takes the newest records from
//! `RecentRecords`, which all watchers share. A watcher that is behind reads the log from its position, one chunk at a
//! time, on the blocking thread pool; watchers take turns there. A slow reader holds only its current chunk: it delays
//! neither the writer nor other readers.

mod staff;
mod waking;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use self::staff::Staff;
pub use self::waking::Watcher;
use super::errors::ReadError;
use super::handle::Registry;
use super::recent_records::Chunk;
use super::shared::Shared;
use super::timeline_cache::Looked;
use crate::domain::day::Day;
use crate::domain::id::{CredentialNumber, ProviderId, Revision};
use crate::domain::record::{Change, Record};
use crate::store::index::View as _;
use crate::store::record;

/// The maximum number of changes in a part.
const PART: usize = 1000;

/// The changes that a watcher asks for and may see.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// If set, only changes of this provider and its staff.
    pub provider: Option<ProviderId>,
    /// If set, only changes of these credentials, and changes that concern no credential.
    pub credentials: Option<HashSet<CredentialNumber>>,
    /// True to leave out designations.
    pub without_designations: bool,
}

impl View {
    fn is_unrestricted(&self) -> bool {
        self.provider.is_none() && self.credentials.is_none() && !self.without_designations
    }

    /// True if the change is requested, regardless of whose staff it concerns.
    fn matches(&self, change: &Change) -> bool {
        let asked = |number| self.credentials.as_ref().is_none_or(|numbers| numbers.contains(number));
        match change {
            Change::Standing { number, .. } | Change::Coverage { number, .. } => asked(number),
            Change::Designation { number, .. } => !self.without_designations && asked(number),
            Change::Service { .. } | Change::Provider { .. } | Change::Records { .. } => true,
        }
    }
}

/// A watcher's position: it has all records up to one, and some parts of the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The last record that was sent completely.
    pub revision: Revision,
    /// The number of parts of the next record that were sent.
    pub parts: u32,
}

/// The changes of a record, or one part of them.
#[derive(Debug)]
pub struct Part<'a> {
    /// The epoch that the record belongs to.
    pub epoch: Uuid,
    /// The record.
    pub revision: Revision,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Today, as known at the record.
    pub today: Option<Day>,
    /// The part's number, starting from 1.
    pub part: u32,
    /// True if this is the record's last part.
    pub is_last: bool,
    /// The changes.
    pub changes: &'a [Change],
}

/// The feed cannot start.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The credential is not on file, or the caller may not see it.
    #[error("credential {0} is not on file, or the caller may not see it")]
    NoSuchCredential(CredentialNumber),
    /// The provider is not on file.
    #[error("provider {0} is not on file")]
    NoSuchProvider(ProviderId),
    /// The facts cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// A watcher's position in the history of changes, and the records to send next.
pub struct Feed {
    shared: Arc<Shared>,
    filter: Option<ChangeFilter>,
    sent: Position,
    /// The records after the last one sent, as far as they are loaded.
    ready: VecDeque<Filtered>,
}

/// Filters records down to what the watcher may see and asked for.
struct ChangeFilter {
    view: View,
    staff: Option<Staff>,
}

/// A record to be sent.
struct Filtered {
    record: Arc<Record>,
    /// The changes that the watcher sees; `None` if it sees all of them.
    visible: Option<Vec<Change>>,
}

impl Filtered {
    fn changes(&self) -> &[Change] {
        self.visible.as_ref().unwrap_or(&self.record.changes)
    }

    fn parts(&self) -> u32 {
        u32::try_from(self.changes().len().div_ceil(PART)).unwrap_or(u32::MAX).max(1)
    }
}

impl Registry {
    /// Returns a feed of the changes after a position. With `own`, the view's provider is the caller itself and need
    /// not be on file.
    pub async fn feed(&self, after: Position, view: View, own: bool) -> Result<Feed, FeedError> {
        let shared = Arc::clone(&self.shared);
        if let Some(provider) = view.provider.as_ref().filter(|_| !own)
            && !shared.providers.pin().contains_key(provider)
        {
            return Err(FeedError::NoSuchProvider(provider.clone()));
        }
        if let Some(number) = shared.unknown_among(view.credentials.iter().flatten()).await? {
            return Err(FeedError::NoSuchCredential(number));
        }
        let staff = match view.provider.clone() {
            None => None,
            Some(provider) => {
                let readers = shared.recent_records.readers.clone();
                Some(readers.run(move || Staff::of(&shared, provider)).await??)
            }
        };
        let filter = ChangeFilter { view, staff };
        if let ChangeFilter { view, staff: Some(staff) } = &filter {
            let head = self.head().revision;
            let mut hidden = view.credentials.iter().flatten().filter(|number| !staff.has(**number, head));
            if let Some(number) = hidden.next() {
                return Err(FeedError::NoSuchCredential(*number));
            }
        }
        Ok(Feed { shared: Arc::clone(&self.shared), filter: Some(filter), sent: after, ready: VecDeque::new() })
    }

    /// Returns the epoch that a revision belongs to.
    pub fn epoch_of(&self, revision: Revision) -> Uuid {
        self.shared.epoch_of(revision)
    }
}

impl ChangeFilter {
    /// Filters a record. Reads the disk if the record may change who is staff.
    fn apply(&mut self, shared: &Arc<Shared>, record: Arc<Record>) -> Result<Filtered, ReadError> {
        if self.view.is_unrestricted() {
            return Ok(Filtered { record, visible: None });
        }
        let view = &self.view;
        let visible = match &mut self.staff {
            Some(staff) => {
                let mut visible = staff.changes(shared, &record)?;
                visible.retain(|change| view.matches(change));
                visible
            }
            None => record.changes.iter().filter(|change| view.matches(change)).cloned().collect(),
        };
        Ok(Filtered { record, visible: Some(visible) })
    }

    /// True if filtering these records reads the disk: some of them may change who is staff.
    fn reads_the_disk(&self, records: &[Arc<Record>]) -> bool {
        self.staff.as_ref().is_some_and(|staff| records.iter().any(|record| staff.is_changed_by(record)))
    }

    fn apply_to_all(&mut self, shared: &Arc<Shared>, records: Vec<Arc<Record>>) -> Result<Vec<Filtered>, ReadError> {
        records.into_iter().map(|record| self.apply(shared, record)).collect()
    }
}

impl Feed {
    /// Returns the position.
    pub fn position(&self) -> Position {
        self.sent
    }

    /// Returns the next part of the records up to `through`; `None` if all were sent. If the caller drops this future
    /// before it completes, it must not call again.
    pub async fn next(&mut self, through: Revision) -> Result<Option<Part<'_>>, ReadError> {
        // Drop records that were sent completely, so that an idle watcher holds no memory.
        while self.ready.pop_front_if(|filtered| filtered.record.revision <= self.sent.revision).is_some() {}
        if self.sent.revision >= through {
            return Ok(None);
        }
        if self.ready.is_empty() {
            self.fill(through).await?;
        }
        let Some(filtered) = self.ready.front() else { return Err(ReadError::Interrupted) };
        let (revision, parts) = (filtered.record.revision, self.sent.parts);
        let is_last = parts + 1 >= filtered.parts();
        self.sent = if is_last { Position { revision, parts: 0 } } else { Position { parts: parts + 1, ..self.sent } };
        let rest = filtered.changes().get(parts as usize * PART..).unwrap_or_default();
        Ok(Some(Part {
            epoch: self.shared.epoch_of(revision),
            revision,
            recorded_at: filtered.record.recorded_at,
            today: self.shared.head.load().history.today(revision),
            part: parts + 1,
            is_last,
            changes: &rest[..rest.len().min(PART)],
        }))
    }

    /// Loads some of the records after the last one sent.
    async fn fill(&mut self, through: Revision) -> Result<(), ReadError> {
        let from = self.sent.revision.next();
        let newest = self.shared.recent_records.newest(from, through);
        let mut filter = self.filter.take().ok_or(ReadError::Interrupted)?;
        let newest = match newest {
            Some(records) if !filter.reads_the_disk(&records) => {
                self.ready.extend(filter.apply_to_all(&self.shared, records)?);
                self.filter = Some(filter);
                return Ok(());
            }
            newest => newest,
        };
        let shared = Arc::clone(&self.shared);
        let read = self.shared.recent_records.readers.run(move || {
            let records = newest.map_or_else(|| shared.read_some(from, through), Ok)?;
            let filtered = filter.apply_to_all(&shared, records)?;
            Ok::<_, ReadError>((filter, filtered))
        });
        let (filter, filtered) = read.await??;
        self.filter = Some(filter);
        self.ready.extend(filtered);
        Ok(())
    }
}

impl Shared {
    /// Returns one of the credentials that was never issued, if there is one.
    async fn unknown_among(
        self: &Arc<Self>,
        numbers: impl Iterator<Item = &CredentialNumber>,
    ) -> Result<Option<CredentialNumber>, ReadError> {
        let mut asked = Vec::new();
        for number in numbers {
            match self.timeline_cache.see().look(*number) {
                Looked::Here(_) => {}
                Looked::Unknown => return Ok(Some(*number)),
                Looked::NotHere => asked.push(*number),
            }
        }
        if asked.is_empty() {
            return Ok(None);
        }
        let shared = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || {
            for number in asked {
                if shared.index.specialist_of_credential(number)?.is_none() {
                    return Ok(Some(number));
                }
            }
            Ok(None)
        });
        read.await.map_err(|_| ReadError::Interrupted)?
    }

    fn epoch_of(&self, revision: Revision) -> Uuid {
        self.head.load().history.epoch_of(revision).map(|epoch| epoch.id).unwrap_or_default()
    }

    /// Reads some records from the log: the first one, and more while they are small.
    fn read_some(&self, from: Revision, through: Revision) -> Result<Vec<Arc<Record>>, ReadError> {
        let mut some = Chunk::default();
        for stored in self.log.read(from, through) {
            let (revision, bytes) = stored?;
            if !some.push(&Arc::new(record::decode(revision, &bytes)?)) {
                break;
            }
        }
        Ok(some.records)
    }
}
