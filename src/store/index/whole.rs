//! Making much of an index at once: everything that follows from the log, or the whole agenda.

use std::fs;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;

use uuid::Uuid;

use super::base::{BaseId, BaseWriter, Sorter};
use super::keys::{self, Entry};
use super::layers::Layers;
use super::view::View as _;
use super::{Index, IndexError, OpenIndexError, Progress};
use crate::domain::day::Day;
use crate::domain::id::Revision;
use crate::store::log::ReadLog;
use crate::store::record::decode;

/// How many records lie between two tellings of progress.
const TELL_EVERY: u64 = 64 * 1024;

/// How many threads fold, at most.
const MOST_THREADS: usize = 8;

/// Where runs are kept while they are sorted.
const RUNS: &str = "runs";

pub(super) fn new_id() -> BaseId {
    BaseId(Uuid::new_v4().as_u64_pair().1)
}

/// Writes a base of everything that follows from the log, into a directory without bases.
pub(super) fn fold_whole(
    directory: &Path,
    log: &dyn ReadLog,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), OpenIndexError> {
    let head = log.head();
    let runs = directory.join(RUNS);
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    let sorters = thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        let parts = parts_of(head, threads).enumerate();
        let parts = parts.map(|(at, (first, last))| {
            let (tell, runs) = (tell.clone(), runs.join(at.to_string()));
            scope.spawn(move || sort(log, first, last, Sorter::new(&runs, threads)?, &tell))
        });
        let parts: Vec<_> = parts.collect();
        drop(tell);
        let mut folded = Revision::ZERO;
        for records in told {
            folded.0 += records;
            progress(Progress { from_the_beginning: true, folded, head });
        }
        let joined = parts.into_iter().map(|part| part.join().unwrap_or(Err(BROKE_OFF)));
        joined.collect::<Result<Vec<Sorter>, _>>()
    })?;
    let mut writer = BaseWriter::begin(&Layers::default().next_path(directory))?;
    writer.add(keys::APPLIED, &head.0.to_be_bytes())?;
    if let Some(sorter) = Sorter::join(sorters)? {
        sorter.give_out(&mut |key, value| writer.add(key, value))?;
    }
    writer.finish(new_id(), BaseId(0), head)?;
    fs::remove_dir_all(&runs)?;
    progress(Progress { from_the_beginning: true, folded: head, head });
    Ok(())
}

const BROKE_OFF: OpenIndexError = OpenIndexError::Index(IndexError::Damaged("a thread that folds broke off"));

/// The records up to a head in parts of like size, in order: the first and the last of each.
fn parts_of(head: Revision, parts: usize) -> impl Iterator<Item = (Revision, Revision)> {
    // What is under one key is of one part.
    let size = head.0.div_ceil(parts as u64).max(1).next_multiple_of(keys::INSTANTS_AT_ONCE);
    (0..parts as u64).map(move |part| (Revision(part * size + 1), Revision(((part + 1) * size).min(head.0))))
}

/// Sorts what follows from some records.
fn sort(
    log: &dyn ReadLog,
    first: Revision,
    last: Revision,
    mut sorter: Sorter,
    tell: &mpsc::Sender<u64>,
) -> Result<Sorter, OpenIndexError> {
    let mut instants = Vec::new();
    for record in log.read(first, last) {
        let (revision, bytes) = record?;
        let record = decode(revision, &bytes)?;
        instants = keys::instants_with(&instants, &record).ok_or(IndexError::Damaged("a revision is missing"))?;
        if revision == last || keys::instants(revision) != keys::instants(revision.next()) {
            sorter.add(&keys::instants(revision), &instants).map_err(IndexError::Disk)?;
        }
        let mut outcome = Ok(());
        keys::writes(&record, &mut |key, value| {
            if key != keys::APPLIED && outcome.is_ok() {
                outcome = sorter.add(key, value);
            }
        });
        outcome?;
        if revision.0.is_multiple_of(TELL_EVERY) && tell.send(TELL_EVERY).is_err() {
            // Whoever listened has given up.
            break;
        }
    }
    Ok(sorter)
}

/// The agenda of everything, for an index that has none.
pub struct WholeAgenda<'a> {
    index: &'a Index,
    sorter: Sorter,
}

impl Index {
    /// Begins the agenda of everything. None where there is one, or where so little is in bases that it need not be in one.
    pub fn whole_agenda(&self) -> Result<Option<WholeAgenda<'_>>, IndexError> {
        if self.layers.load().applied() == Revision::ZERO || self.agenda_follows()? != Revision::ZERO {
            return Ok(None);
        }
        let sorter = Sorter::new(&self.directory.join(RUNS), 1).map_err(IndexError::Disk)?;
        Ok(Some(WholeAgenda { index: self, sorter }))
    }
}

impl WholeAgenda<'_> {
    /// Puts an entry on the agenda of a day. Each entry once.
    pub fn schedule(&mut self, entry: &Entry, due: Option<Day>) -> Result<(), IndexError> {
        let Some(due) = due else { return Ok(()) };
        let mut add = |key: &[u8], value: &[u8]| self.sorter.add(key, value).map_err(IndexError::Disk);
        add(&keys::agenda(due, entry), keys::THERE)?;
        add(&keys::due(entry), &due.number().to_be_bytes())
    }

    /// Lays the agenda on the index: it follows every record in it. Nobody may fold meanwhile.
    pub fn lay(self) -> Result<(), IndexError> {
        let WholeAgenda { index, mut sorter } = self;
        let applied = index.applied()?;
        let layers = index.layers.load_full();
        let write = || {
            sorter.add(keys::AGENDA_FOLLOWS, &applied.0.to_be_bytes())?;
            let mut writer = BaseWriter::begin(&layers.next_path(&index.directory))?;
            sorter.give_out(&mut |key, value| writer.add(key, value))?;
            // Of the records in sled it holds nothing: without sled, they are folded again.
            writer.finish(new_id(), layers.top(), layers.applied())?;
            fs::remove_dir_all(index.directory.join(RUNS))?;
            Layers::open(&index.directory)
        };
        index.layers.store(Arc::new(write().map_err(IndexError::Disk)?));
        index.note_format()
    }
}
