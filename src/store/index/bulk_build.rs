//! Builds large parts of an index at once: everything that follows from the log, or all due dates.

use std::fs;
use std::path::Path;
use std::sync::mpsc;
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

/// The number of records between two progress reports.
const REPORT_INTERVAL: u64 = 64 * 1024;

/// The maximum number of threads that read the log.
const MAX_THREADS: usize = 8;

/// The directory for sorted runs.
const RUNS: &str = "runs";

pub(super) fn new_id() -> TableId {
    TableId(Uuid::new_v4().as_u64_pair().1)
}

/// Writes a base from the records that are in no base, and from those in the bases that it replaces, because they are
/// not much larger. Returns the bases that then exist.
pub(super) fn build_base(
    directory: &Path,
    layers: Layers,
    log: &dyn ReadLog,
    progress: &mut dyn FnMut(Progress),
) -> Result<Layers, OpenIndexError> {
    let head = log.head();
    let earlier = layers;
    let layers = earlier.below(earlier.kept_below(head));
    let (applied, from_the_beginning) = (layers.applied(), layers.applied() == Revision::ZERO);
    let mut instants = layers.get(&keys::instants(applied.next()))?.unwrap_or_default().to_vec();
    let runs = directory.join(RUNS);
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let sorters = thread::scope(|scope| {
        let (report, reports) = mpsc::channel();
        let parts = parts_of(applied.next(), head, threads).enumerate();
        let parts = parts.map(|(at, part)| {
            let (report, runs, instants) = (report.clone(), runs.join(at.to_string()), std::mem::take(&mut instants));
            scope.spawn(move || sort(log, part, instants, Sorter::new(&runs, threads)?, &report))
        });
        let parts: Vec<_> = parts.collect();
        drop(report);
        let mut folded = applied;
        for records in reports {
            folded.0 += records;
            progress(Progress { from_the_beginning, folded, head });
        }
        let joined = parts.into_iter().map(|part| part.join().unwrap_or(Err(THREAD_PANICKED)));
        joined.collect::<Result<Vec<Sorter>, _>>()
    })?;
    let mut writer = BaseWriter::begin(&layers.next_path(directory), head.0 - applied.0)?;
    writer.add(keys::APPLIED, &head.0.to_be_bytes())?;
    if let Some(sorter) = Sorter::join(sorters)? {
        sorter.merge_into(&mut |key, value| writer.add(key, value))?;
    }
    writer.finish(new_id(), layers.top(), head)?;
    earlier.delete_above(layers.len(), directory);
    fs::remove_dir_all(&runs)?;
    progress(Progress { from_the_beginning, folded: head, head });
    Ok(Layers::open(directory))
}

const THREAD_PANICKED: OpenIndexError = OpenIndexError::Index(IndexError::Damaged("a rebuild thread panicked"));

/// Splits the records from `first` to `last` into parts of about equal size, in order. Yields the first and last
/// revision of each.
fn parts_of(first: Revision, last: Revision, parts: usize) -> impl Iterator<Item = (Revision, Revision)> {
    // Revisions whose instants share a key must be in the same part.
    let before = first.previous().0 / keys::INSTANTS_PER_KEY * keys::INSTANTS_PER_KEY;
    let size = (last.0 - before).div_ceil(parts as u64).max(1).next_multiple_of(keys::INSTANTS_PER_KEY);
    let begin = move |part: u64| before + part * size;
    (0..parts as u64).map(move |part| (Revision(begin(part) + 1).max(first), Revision(begin(part + 1)).min(last)))
}

/// Sorts the entries that follow from some records. `instants` are those of earlier records that share a key with the
/// first one.
fn sort(
    log: &dyn ReadLog,
    (first, last): (Revision, Revision),
    mut instants: Vec<u8>,
    mut sorter: Sorter,
    report: &mpsc::Sender<u64>,
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
        if revision.0.is_multiple_of(REPORT_INTERVAL) && report.send(REPORT_INTERVAL).is_err() {
            // The receiver has stopped.
            break;
        }
    }
    Ok(sorter)
}

/// Builds all due dates, for an index that has none.
pub struct BulkDueDates<'a> {
    index: &'a Index,
    sorter: Sorter,
}

impl Index {
    /// Starts to build all due dates. `None` if there are some already, or if no base exists: then the index is small
    /// enough to add them to sled.
    pub fn bulk_due_dates(&self) -> Result<Option<BulkDueDates<'_>>, IndexError> {
        if self.on_disk.layers().applied() == Revision::ZERO || self.due_dates_as_of()? != Revision::ZERO {
            return Ok(None);
        }
        let sorter = Sorter::new(&self.directory.join(RUNS), 1).map_err(IndexError::Disk)?;
        Ok(Some(BulkDueDates { index: self, sorter }))
    }
}

impl BulkDueDates<'_> {
    /// Schedules an entry for a day. Call it once for each entry.
    pub fn schedule(&mut self, entry: &Entry, due: Option<Day>) -> Result<(), IndexError> {
        let Some(due) = due else { return Ok(()) };
        let mut add = |key: &[u8], value: &[u8]| self.sorter.add(key, value).map_err(IndexError::Disk);
        add(&keys::due_entry(due, entry), keys::PRESENT)?;
        add(&keys::due(entry), &due.number().to_be_bytes())
    }

    /// Adds the due dates to the index. They cover every record in it. The caller must not fold records meanwhile.
    pub fn finish(self) -> Result<(), IndexError> {
        let BulkDueDates { index, mut sorter } = self;
        index.recent.wait()?;
        let applied = index.applied()?;
        let layers = index.on_disk.layers();
        let write = || {
            sorter.add(keys::DUE_DATES_APPLIED, &applied.0.to_be_bytes())?;
            let mut writer = BaseWriter::begin(&layers.next_path(&index.directory), 0)?;
            sorter.merge_into(&mut |key, value| writer.add(key, value))?;
            // The base does not contain the records above it. After a restart these are folded from the log again.
            writer.finish(new_id(), layers.top(), layers.applied())?;
            fs::remove_dir_all(index.directory.join(RUNS))?;
            Ok(Layers::open(&index.directory))
        };
        index.on_disk.replace_layers(write().map_err(IndexError::Disk)?);
        Ok(())
    }
}
