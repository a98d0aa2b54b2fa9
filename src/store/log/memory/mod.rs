//! A log engine in memory, for tests. It gives the guarantees of an engine, and fails on demand. Several writers may
//! share one log, as replicas share a database.

mod offline;

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use self::offline::{OfflineMemory, damage_at};
use super::frame;
use super::{
    AppendError, ChangeError, Convert, Extent, Log, LogDraft, LogEngine, OfflineLog, OpenLogError, PreparedEnd,
    ReadError, ReadLog, Records, Redact, UpgradeError, Wake, require_head,
};
use crate::domain::id::Revision;
use crate::store::record::{Hash, Tip, digest, recorded_at};

/// The segment name in every damage.
const NAME: &str = "memory";

/// How the next calls fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Appends fail.
    Refused,
    /// This many appends fail as if another process had been first each time.
    HeadMoved(usize),
    /// The disk is full.
    Full,
    /// The outcome of an append is unknown.
    OutcomeUnknown {
        /// True if the batch exists after a restart.
        is_kept: bool,
    },
    /// Reads fail.
    Unreadable,
}

/// The engine. All clones are the same log.
#[derive(Clone, Default)]
pub struct MemoryEngine(Arc<Mutex<State>>);

#[derive(Default)]
pub struct State {
    /// The stored frames.
    pub frames: Vec<Vec<u8>>,
    /// What was moved aside.
    pub set_aside: Vec<Vec<u8>>,
    /// The number of frames that readers see.
    visible: usize,
    published: Option<Revision>,
    /// No record may be dated at or before this instant.
    answered_through: Option<Timestamp>,
    wakes: Vec<Wake>,
    fault: Option<Fault>,
}

impl State {
    /// Forgets which records were acknowledged, as a copy does that is not synced.
    pub fn forget_published(&mut self) {
        self.published = None;
    }
}

impl MemoryEngine {
    /// From now on calls fail like this, or no longer.
    pub fn fail(&self, fault: Option<Fault>) {
        self.state().fault = fault;
    }

    /// The contents of the log.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn head(&self) -> Result<Tip, AppendError> {
        Ok(self.snapshot(true).map_err(unreadable)?.scan().0)
    }

    fn snapshot(&self, visible_only: bool) -> Result<OfflineMemory, ReadError> {
        let state = self.state();
        if state.fault == Some(Fault::Unreadable) {
            return Err(ReadError::Disk { segment: NAME.to_owned(), source: io::Error::other("on demand") });
        }
        let count = if visible_only { state.visible } else { state.frames.len() };
        Ok(OfflineMemory::of(state.frames[..count].to_vec()))
    }
}

impl LogEngine for MemoryEngine {
    fn open(&self) -> Result<Box<dyn Log>, OpenLogError> {
        let offline = self.snapshot(false).map_err(|_| io::Error::other("on demand"))?;
        let (tip, damage) = offline.scan();
        if let Some(damage) = damage {
            return Err(damage.into());
        }
        let mut state = self.state();
        let published = state.published.unwrap_or_default();
        if published > tip.revision {
            let (segment, head, offset) = (NAME.to_owned(), tip.revision, offline.bytes());
            let found = "nothing follows";
            return Err(OpenLogError::LostRecords { published, head, segment, offset, found });
        }
        state.visible = state.frames.len();
        state.published = Some(tip.revision);
        Ok(Box::new(MemoryLog { engine: self.clone(), tip, outcome_unknown: false }))
    }

    fn holds_no_record(&self) -> io::Result<bool> {
        Ok(self.state().frames.is_empty())
    }

    fn published_head(&self) -> io::Result<Option<Revision>> {
        Ok(self.state().published)
    }

    fn upgrade(&self, _: &mut Convert<'_>) -> Result<(), UpgradeError> {
        // A log in memory never was in an earlier form.
        Ok(())
    }

    fn redact(&self, redact: &mut Redact<'_>) -> Result<(), UpgradeError> {
        let mut tip = Tip::ORIGIN;
        for frame in &mut self.state().frames {
            let mut records = records_of(frame);
            for (revision, record) in (tip.revision.0 + 1..).zip(&mut records) {
                if let Some(redacted) = redact(Revision(revision), record)? {
                    *record = redacted;
                }
            }
            let (redacted, tips) = frame::encode(&tip, &records)?;
            (*frame, tip) = (redacted, tips.last().copied().unwrap_or(tip));
        }
        Ok(())
    }

    fn offline(&self, extent: Extent) -> Result<Box<dyn OfflineLog>, ReadError> {
        let offline = self.snapshot(false)?;
        let (tip, damage) = offline.scan();
        let ends_early = || damage_at(offline.bytes(), "the log ends before its head");
        Ok(Box::new(match extent {
            Extent::Everything => offline,
            Extent::Whole => OfflineMemory { head: damage.map_or(Ok(tip.revision), Err)?, ..offline },
            Extent::UpTo(head) if head <= tip.revision => OfflineMemory { head, ..offline.up_to(head) },
            Extent::UpTo(_) => return Err(damage.unwrap_or_else(ends_early).into()),
        }))
    }

    fn new_draft(&self) -> Result<Box<dyn LogDraft>, ChangeError> {
        Ok(Box::new(MemoryDraft { engine: self.clone(), frames: Vec::new() }))
    }

    fn prepare_end(&self, after: Revision, frame: &[u8]) -> Result<Box<dyn PreparedEnd>, ChangeError> {
        let kept = self.snapshot(false).map_err(|error| refused(io::Error::other(error)))?.batches_up_to(after);
        Ok(Box::new(MemoryEnd { engine: self.clone(), kept, frame: frame.to_vec() }))
    }

    fn withdraw_published_head(&self, _: &Path) -> Result<(), ChangeError> {
        self.state().published = None;
        Ok(())
    }
}

/// The records in a frame.
pub fn records_of(frame: &[u8]) -> Vec<Vec<u8>> {
    let first = frame::Header::read(frame).map(|header| header.first).unwrap_or_default();
    let frame = frame::Frame::check(frame, frame::Expected::at(first, frame::Form::Current));
    frame.map(|frame| frame.records.iter().map(|(_, record)| record.to_vec()).collect()).unwrap_or_default()
}

struct MemoryLog {
    engine: MemoryEngine,
    tip: Tip,
    outcome_unknown: bool,
}

impl Log for MemoryLog {
    fn tip(&self) -> Tip {
        self.tip
    }

    fn append(&mut self, after: &Tip, batch: &[Vec<u8>]) -> Result<Vec<Tip>, AppendError> {
        if self.outcome_unknown {
            return Err(AppendError::OutcomeUnknown(io::Error::other("the outcome of an earlier append is unknown")));
        }
        let head = self.engine.head()?;
        require_head(&head, after)?;
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let (frame, tips) = frame::encode(after, batch)?;
        let mut state = self.engine.state();
        let first_at = recorded_at(&batch[0]).map_err(AppendError::NotARecord)?;
        if let Some(answered_through) = state.answered_through.filter(|answered| *answered >= first_at) {
            return Err(AppendError::NotBefore { answered_through });
        }
        match state.fault {
            Some(Fault::Refused) => return Err(AppendError::NotWritten(io::Error::other("on demand"))),
            Some(Fault::Full) => return Err(AppendError::DiskFull),
            Some(Fault::OutcomeUnknown { is_kept }) => {
                state.frames.extend(is_kept.then_some(frame));
                self.outcome_unknown = true;
                return Err(AppendError::OutcomeUnknown(io::Error::other("on demand")));
            }
            Some(Fault::HeadMoved(times @ 1..)) => {
                state.fault = Some(Fault::HeadMoved(times - 1));
                return Err(AppendError::HeadMoved { expected: after.revision, head: after.revision.next() });
            }
            Some(Fault::HeadMoved(0) | Fault::Unreadable) | None => {}
        }
        state.frames.push(frame);
        state.visible = state.frames.len();
        self.tip = tips.last().copied().unwrap_or(head);
        state.published = Some(self.tip.revision);
        state.wakes.iter().for_each(|wake| wake());
        Ok(tips)
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn follow(&mut self) -> Result<Vec<(Tip, Vec<u8>)>, AppendError> {
        let head = self.engine.head()?;
        let unknown: Result<Vec<_>, _> = self.reader().read(self.tip.revision.next(), head.revision).collect();
        let mut followed = Vec::new();
        for (_, bytes) in unknown.map_err(unreadable)? {
            self.tip = self.tip.follow(&digest(&bytes).map_err(AppendError::NotARecord)?);
            followed.push((self.tip, bytes));
        }
        Ok(followed)
    }

    fn on_news(&mut self, wake: Wake) {
        self.engine.state().wakes.push(wake);
    }

    fn reach(&mut self) -> Result<Tip, AppendError> {
        self.engine.head()
    }

    fn confirm(&mut self, decided_on: &Tip) -> Result<(), AppendError> {
        require_head(&self.engine.head()?, decided_on)
    }

    fn settle(&mut self, through: Timestamp) -> Result<Tip, AppendError> {
        let head = self.engine.head()?;
        let mut state = self.engine.state();
        state.answered_through = state.answered_through.max(Some(through));
        Ok(head)
    }

    fn has_room(&self) -> bool {
        self.engine.state().fault != Some(Fault::Full)
    }

    fn reader(&self) -> Arc<dyn ReadLog> {
        Arc::new(MemoryReader(self.engine.clone()))
    }

    fn close(&mut self) {}
}

struct MemoryReader(MemoryEngine);

impl ReadLog for MemoryReader {
    fn head(&self) -> Revision {
        let state = self.0.state();
        state.frames[..state.visible]
            .last()
            .and_then(|last| frame::Header::read(last))
            .map_or(Revision::ZERO, |header| header.next().previous())
    }

    fn read(&self, from: Revision, to: Revision) -> Records {
        let head = self.head();
        match self.0.snapshot(true) {
            Ok(offline) => OfflineMemory { head, ..offline }.read(from, to),
            Err(error) => Box::new([Err(error)].into_iter()),
        }
    }

    fn chain_of(&self, revision: Revision) -> Result<Hash, ReadError> {
        self.0.snapshot(true)?.chain_of(revision)
    }
}

struct MemoryDraft {
    engine: MemoryEngine,
    frames: Vec<Vec<u8>>,
}

impl LogDraft for MemoryDraft {
    fn begin_part(&mut self, _: Revision) -> Result<(), ChangeError> {
        Ok(())
    }

    fn write(&mut self, frame: &[u8]) -> Result<(), ChangeError> {
        self.frames.push(frame.to_vec());
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), ChangeError> {
        if self.engine.state().fault == Some(Fault::Full) {
            return Err(refused(io::ErrorKind::StorageFull.into()));
        }
        self.engine.state().frames = self.frames;
        Ok(())
    }
}

struct MemoryEnd {
    engine: MemoryEngine,
    /// The number of frames that are kept.
    kept: usize,
    frame: Vec<u8>,
}

impl PreparedEnd for MemoryEnd {
    fn put_in_place(self: Box<Self>, _: &Path) -> Result<(), ChangeError> {
        let mut state = self.engine.state();
        let lost = state.frames.split_off(self.kept);
        state.set_aside = lost;
        state.frames.push(self.frame);
        Ok(())
    }
}

fn unreadable(error: ReadError) -> AppendError {
    AppendError::NotWritten(io::Error::other(error))
}

fn refused(source: io::Error) -> ChangeError {
    ChangeError::of("written", Path::new(NAME))(source)
}
