//! Sorts more entries than fit into memory: runs are sorted in memory, written to disk, and merged.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// The number of bytes of entries that all sorters together keep in memory.
const RUN_BYTES: usize = 128 * 1024 * 1024;

/// The number of bytes of a run that are read at once.
const READ_BYTES: usize = 256 * 1024;

/// Called with each key and value.
pub(in super::super) type Take<'a> = dyn FnMut(&[u8], &[u8]) -> io::Result<()> + 'a;

/// Sorts entries by key. If a key was added several times, the last value wins.
pub(in super::super) struct Sorter {
    directory: PathBuf,
    /// The entries of the current run in the order in which they were added: key, then value.
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    runs: Vec<PathBuf>,
    run_bytes: usize,
}

/// The position of an entry in `bytes`.
#[derive(Clone, Copy)]
struct Entry {
    /// The first bytes of the key, which decide most comparisons.
    head: u64,
    at: u32,
    value_size: u32,
    key_size: u8,
}

fn head_of(key: &[u8]) -> u64 {
    let mut head = [0; 8];
    let size = key.len().min(8);
    head[..size].copy_from_slice(&key[..size]);
    u64::from_be_bytes(head)
}

impl Entry {
    fn key<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.at as usize..][..usize::from(self.key_size)]
    }

    fn value<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.at as usize + usize::from(self.key_size)..][..self.value_size as usize]
    }
}

impl Sorter {
    /// Creates an empty sorter that writes runs in a directory. It is one of `of` sorters that share the memory.
    pub(in super::super) fn new(directory: &Path, of: usize) -> io::Result<Sorter> {
        Sorter::with_runs_of(directory, RUN_BYTES / of.max(1))
    }

    /// Like [`Sorter::new`], but with runs of another size.
    pub(super) fn with_runs_of(directory: &Path, run_bytes: usize) -> io::Result<Sorter> {
        fs::create_dir_all(directory)?;
        let directory = directory.to_owned();
        Ok(Sorter { directory, bytes: Vec::new(), entries: Vec::new(), runs: Vec::new(), run_bytes })
    }

    /// Adds an entry.
    pub(in super::super) fn add(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        let entry = Entry {
            head: head_of(key),
            at: u32::try_from(self.bytes.len()).map_err(io::Error::other)?,
            value_size: u32::try_from(value.len()).map_err(io::Error::other)?,
            key_size: u8::try_from(key.len()).map_err(io::Error::other)?,
        };
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        self.entries.push(entry);
        if self.bytes.len() >= self.run_bytes { self.write_run() } else { Ok(()) }
    }

    /// Combines several sorters into one. The order of the sorters decides which value of a key is the last.
    pub(in super::super) fn join(sorters: Vec<Sorter>) -> io::Result<Option<Sorter>> {
        let mut joined: Option<Sorter> = None;
        for mut sorter in sorters {
            sorter.write_run()?;
            match &mut joined {
                Some(joined) => joined.runs.append(&mut sorter.runs),
                None => joined = Some(sorter),
            }
        }
        Ok(joined)
    }

    fn write_run(&mut self) -> io::Result<()> {
        let bytes = &self.bytes;
        // Entries with the same key keep the order in which they were added.
        let by_key = |one: &Entry, other: &Entry| {
            one.head.cmp(&other.head).then_with(|| one.key(bytes).cmp(other.key(bytes))).then(one.at.cmp(&other.at))
        };
        self.entries.sort_unstable_by(by_key);
        let path = self.directory.join(format!("{}.run", self.runs.len()));
        let mut out = BufWriter::with_capacity(1 << 20, File::create(&path)?);
        for entry in &self.entries {
            out.write_all(&[entry.key_size])?;
            out.write_all(&entry.value_size.to_be_bytes())?;
            out.write_all(entry.key(bytes))?;
            out.write_all(entry.value(bytes))?;
        }
        out.flush()?;
        self.runs.push(path);
        self.bytes.clear();
        self.entries.clear();
        Ok(())
    }

    /// Calls `take` with each key once, in order, and deletes the runs.
    pub(in super::super) fn merge_into(mut self, take: &mut Take<'_>) -> io::Result<()> {
        if !self.entries.is_empty() {
            self.write_run()?;
        }
        (self.bytes, self.entries) = (Vec::new(), Vec::new());
        let mut runs = self.runs.iter().map(|path| Run::open(path)).collect::<io::Result<Vec<_>>>()?;
        // A heap of the runs that have an entry, the smallest key first.
        let mut heap: Vec<usize> = (0..runs.len()).filter(|at| !runs[*at].is_finished).collect();
        for at in (0..heap.len() / 2).rev() {
            sift_down(&mut heap, at, &runs);
        }
        let (mut key, mut value) = (Vec::new(), Vec::new());
        while let Some(smallest) = heap.first().copied() {
            if !key.is_empty() && runs[smallest].key != key {
                take(&key, &value)?;
            }
            std::mem::swap(&mut key, &mut runs[smallest].key);
            std::mem::swap(&mut value, &mut runs[smallest].value);
            runs[smallest].advance()?;
            if runs[smallest].is_finished {
                heap.swap_remove(0);
            }
            sift_down(&mut heap, 0, &runs);
        }
        if !key.is_empty() {
            take(&key, &value)?;
        }
        self.runs.iter().try_for_each(fs::remove_file)
    }
}

/// A run that is being read.
struct Run {
    file: BufReader<File>,
    head: u64,
    key: Vec<u8>,
    value: Vec<u8>,
    is_finished: bool,
}

impl Run {
    fn open(path: &Path) -> io::Result<Run> {
        let file = BufReader::with_capacity(READ_BYTES, File::open(path)?);
        let mut run = Run { file, head: 0, key: Vec::new(), value: Vec::new(), is_finished: false };
        run.advance()?;
        Ok(run)
    }

    fn advance(&mut self) -> io::Result<()> {
        let mut sizes = [0; 5];
        match self.file.read_exact(&mut sizes) {
            Err(end) if end.kind() == io::ErrorKind::UnexpectedEof => {
                self.is_finished = true;
                return Ok(());
            }
            read => read?,
        }
        let [key_size, value_size @ ..] = sizes;
        self.key.resize(usize::from(key_size), 0);
        self.value.resize(u32::from_be_bytes(value_size) as usize, 0);
        self.file.read_exact(&mut self.key)?;
        self.file.read_exact(&mut self.value)?;
        self.head = head_of(&self.key);
        Ok(())
    }

    /// True if this run's entry comes first. Of equal keys, that of the earlier run does.
    fn precedes(&self, at: usize, other: &Run, other_at: usize) -> bool {
        self.head.cmp(&other.head).then_with(|| self.key.cmp(&other.key)).then(at.cmp(&other_at)).is_lt()
    }
}

fn sift_down(heap: &mut [usize], mut at: usize, runs: &[Run]) {
    loop {
        let children = [2 * at + 1, 2 * at + 2].into_iter().filter(|child| *child < heap.len());
        let first = |one: usize, other: usize| {
            if runs[heap[one]].precedes(heap[one], &runs[heap[other]], heap[other]) { one } else { other }
        };
        let smallest = children.fold(at, |smallest, child| first(child, smallest));
        if smallest == at {
            return;
        }
        heap.swap(at, smallest);
        at = smallest;
    }
}
