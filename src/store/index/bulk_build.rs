//! Making much of an index at once: everything that follows from the log, or all due dates.

use std::fs;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;

use uuid::Uuid;

use super::keys::{self, Entry};
use super::layers::Layers;
use super::read::View as _;
use super::sorted_table::{BaseWriter, Sorter, TableId};
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

pub(super) fn new_id() -> TableId {
    TableId(Uuid::new_v4().as_u64_pair().1)
}

/// Writes a base of what follows from the records that are in no base: on top of these bases, or, if they do not take
/// so much, of all records. Gives the bases that there are then.
pub(super) fn fold_into_table(
    directory: &Path,
    layers: Layers,
    log: &dyn ReadLog,
    progress: &mut dyn FnMut(Progress),
) -> Result<Layers, OpenIndexError> {
    let head = log.head();
    let takes = layers.take_on_top(head.0.saturating_sub(layers.applied().0));
    let layers = if takes { layers } else { Layers::default() };
    let (applied, from_the_beginning) = (layers.applied(), layers.applied() == Revision::ZERO);
    let mut instants = layers.get(&keys::instants(applied.next()))?.unwrap_or_default().to_vec();
    let runs = directory.join(RUNS);
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    let sorters = thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        let parts = parts_of(applied.next(), head, threads).enumerate();
        let parts = parts.map(|(at, part)| {
            let (tell, runs, instants) = (tell.clone(), runs.join(at.to_string()), std::mem::take(&mut instants));
            scope.spawn(move || sort(log, part, instants, Sorter::new(&runs, threads)?, &tell))
        });
        let parts: Vec<_> = parts.collect();
        drop(tell);
        let mut folded = applied;
        for records in told {
            folded.0 += records;
            progress(Progress { from_the_beginning, folded, head });
        }
        let joined = parts.into_iter().map(|part| part.join().unwrap_or(Err(BROKE_OFF)));
        joined.collect::<Result<Vec<Sorter>, _>>()
    })?;
    let mut writer = BaseWriter::begin(&layers.next_path(directory))?;
    writer.add(keys::APPLIED, &head.0.to_be_bytes())?;
    if let Some(sorter) = Sorter::join(sorters)? {
        sorter.give_out(&mut |key, value| writer.add(key, value))?;
    }
    writer.finish(new_id(), layers.top(), head)?;
    fs::remove_dir_all(&runs)?;
    progress(Progress { from_the_beginning, folded: head, head });
    Ok(Layers::open(directory))
}

const BROKE_OFF: OpenIndexError = OpenIndexError::Index(IndexError::Damaged("a thread that folds broke off"));

/// The records from one up to another in parts of like size, in order: the first and the last of each.
fn parts_of(first: Revision, last: Revision, parts: usize) -> impl Iterator<Item = (Revision, Revision)> {
    // What is under one key is of one part.
    let before = first.previous().0 / keys::INSTANTS_AT_ONCE * keys::INSTANTS_AT_ONCE;
    let size = (last.0 - before).div_ceil(parts as u64).max(1).next_multiple_of(keys::INSTANTS_AT_ONCE);
    let begin = move |part: u64| before + part * size;
    (0..parts as u64).map(move |part| (Revision(begin(part) + 1).max(first), Revision(begin(part + 1)).min(last)))
}

/// Sorts what follows from some records. Of those before them, these instants are under the same key as the first
/// one's.
fn sort(
    log: &dyn ReadLog,
    (first, last): (Revision, Revision),
    mut instants: Vec<u8>,
    mut sorter: Sorter,
    tell: &mpsc::Sender<u64>,
) -> Result<Sorter, OpenIndexError> {
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

/// The due dates of everything, for an index that has none.
pub struct BulkDueDates<'a> {
    index: &'a Index,
    sorter: Sorter,
}

impl Index {
    /// Begins the due dates of everything. None where there are some, or where so little is in bases that they need not
    /// be in one.
    pub fn bulk_due_dates(&self) -> Result<Option<BulkDueDates<'_>>, IndexError> {
        if self.layers.load().applied() == Revision::ZERO || self.due_dates_as_of()? != Revision::ZERO {
            return Ok(None);
        }
        let sorter = Sorter::new(&self.directory.join(RUNS), 1).map_err(IndexError::Disk)?;
        Ok(Some(BulkDueDates { index: self, sorter }))
    }
}

impl BulkDueDates<'_> {
    /// Makes an entry due on a day. Each entry once.
    pub fn schedule(&mut self, entry: &Entry, due: Option<Day>) -> Result<(), IndexError> {
        let Some(due) = due else { return Ok(()) };
        let mut add = |key: &[u8], value: &[u8]| self.sorter.add(key, value).map_err(IndexError::Disk);
        add(&keys::due_entry(due, entry), keys::THERE)?;
        add(&keys::due(entry), &due.number().to_be_bytes())
    }

    /// Lays the due dates on the index: they follow every record in it. Nobody may fold meanwhile.
    pub fn lay(self) -> Result<(), IndexError> {
        let BulkDueDates { index, mut sorter } = self;
        let applied = index.applied()?;
        let layers = index.layers.load_full();
        let write = || {
            sorter.add(keys::DUE_DATES_FOLLOW, &applied.0.to_be_bytes())?;
            let mut writer = BaseWriter::begin(&layers.next_path(&index.directory))?;
            sorter.give_out(&mut |key, value| writer.add(key, value))?;
            // Of the records in sled it holds nothing: without sled, they are folded again.
            writer.finish(new_id(), layers.top(), layers.applied())?;
            fs::remove_dir_all(index.directory.join(RUNS))?;
            Ok(Layers::open(&index.directory))
        };
        index.layers.store(Arc::new(write().map_err(IndexError::Disk)?));
        Ok(())
    }
}
