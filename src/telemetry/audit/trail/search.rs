//! Searches the audit files by credential number, client, and time.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use memchr::memmem;

use super::super::Number;
use super::super::read::{Damaged, Read};
use super::close::span_of;
use super::filter::{Key, may_contain};
use super::packed::{BLOCK, Block, MAX_LINE, PackReader};
use super::{Closed, Trail, line_keys, next_serial};

/// The maximum number of threads that decompress blocks for one search.
const MAX_THREADS: usize = 4;

/// A search query. An absent criterion matches everything.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// The credential that was asked about.
    pub number: Option<Number>,
    /// Ids of the specialist, of jobs and of facts. A line that contains one of them matches like one with the number.
    pub ids: Vec<String>,
    /// The client that asked.
    pub client: Option<String>,
    /// The first instant, inclusive.
    pub from: Option<Timestamp>,
    /// The last instant, exclusive.
    pub until: Option<Timestamp>,
}

/// A position in the audit. It stays valid when files are closed and packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The serial number of the file.
    pub serial: u64,
    /// The offset in the text of the file, in bytes.
    pub offset: u64,
}

/// The limits of one search.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The maximum number of lines returned.
    pub lines: usize,
    /// The maximum count of numbers in these lines, not counting the last line.
    pub numbers: usize,
    /// The maximum number of bytes scanned.
    pub bytes: usize,
}

/// The result of a search, in order.
#[derive(Debug, Default)]
pub struct Found {
    /// The matching lines, each with the position after it.
    pub reads: Vec<(Place, Read)>,
    /// Where the search continues. None if it has reached the end.
    pub next: Option<Place>,
    /// The files that could not be read completely.
    pub unreadable: Vec<String>,
}

struct Search<'a> {
    query: &'a Query,
    /// The client's name, escaped as in the lines.
    client: Option<Vec<u8>>,
    bounds: Bounds,
    is_canceled: &'a AtomicBool,
    /// The number of threads that decompress blocks.
    threads: usize,
    found: Found,
}

/// True if the search continues.
type Continues = bool;

impl Trail {
    /// Searches from a position on, oldest lines first. Fails with `NotFound` if there is no file at all.
    pub(in super::super) fn search(
        &self,
        query: &Query,
        after: Option<Place>,
        bounds: Bounds,
        is_canceled: &AtomicBool,
    ) -> io::Result<Found> {
        let client = query.client.as_ref().map(|client| {
            let quoted = serde_json::Value::from(client.as_str()).to_string();
            quoted.as_bytes()[1..quoted.len() - 1].to_vec()
        });
        let mut search = Search { query, client, bounds, is_canceled, threads: threads(), found: Found::default() };
        let after = after.unwrap_or(Place { serial: 0, offset: 0 });
        // The open file is opened first: if it is closed now, it is listed among the closed files as well.
        let open = File::open(self.open());
        let closed = self.closed()?;
        for file in closed.iter().filter(|file| file.serial >= after.serial) {
            let from = if file.serial == after.serial { after.offset } else { 0 };
            if query.may_be_in(file) && !search.closed(file, from)? {
                return Ok(search.found);
            }
        }
        let open = match open {
            // It was closed, and the next one is not begun.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !closed.is_empty() => return Ok(search.found),
            open => open?,
        };
        let inode = |file: io::Result<std::fs::Metadata>| file.ok().map(|file| (file.dev(), file.ino()));
        let open_inode = inode(open.metadata());
        let is_closed = closed.iter().rev().take(2).any(|file| inode(std::fs::metadata(&file.plain)) == open_inode);
        if !is_closed {
            let serial = next_serial(span_of(self.open())?.first, &closed);
            if serial >= after.serial {
                let from = if serial == after.serial { after.offset } else { 0 };
                search.plain(open, serial, from, &self.name)?;
            }
        }
        Ok(search.found)
    }
}

/// One thread for each core, up to [`MAX_THREADS`].
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MAX_THREADS))
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

impl Query {
    /// True if the query is about a person.
    fn is_about_a_person(&self) -> bool {
        self.number.is_some() || !self.ids.is_empty()
    }

    /// True if a text may contain a line about the person.
    fn may_be_about(&self, text: &[u8]) -> bool {
        let has = |what: &[u8]| memmem::find(text, what).is_some();
        !self.is_about_a_person()
            || self.number.is_some_and(|number| has(&number))
            || self.ids.iter().any(|id| has(id.as_bytes()))
    }

    fn may_be_in(&self, file: &Closed) -> bool {
        self.from.is_none_or(|from| file.span.last >= from) && self.until.is_none_or(|until| file.span.first < until)
    }
}

impl Search<'_> {
    /// Searches a closed file from an offset of its text.
    fn closed(&mut self, file: &Closed, from: u64) -> io::Result<Continues> {
        let is_gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        match File::open(&file.plain) {
            Ok(plain) => return self.plain(plain, file.serial, from, &name_of(&file.plain)),
            Err(error) if is_gone(&error) => {}
            Err(_) => return Ok(self.note_unreadable(&name_of(&file.packed()))),
        }
        match PackReader::open(&file.packed()) {
            Ok(packed) => self.packed(&packed, file, from),
            // It was removed because of its age.
            Err(error) if is_gone(&error) => Ok(true),
            Err(_) => Ok(self.note_unreadable(&name_of(&file.packed()))),
        }
    }

    fn note_unreadable(&mut self, name: &str) -> Continues {
        if self.found.unreadable.last().is_none_or(|last| last != name) {
            self.found.unreadable.push(name.to_owned());
        }
        true
    }

    fn packed(&mut self, packed: &PackReader, file: &Closed, from: u64) -> io::Result<Continues> {
        let name = name_of(&file.packed());
        self.spend(packed.filter_bytes());
        if !packed.has_index {
            tracing::warn!(
                event = "audit_index_damaged",
                file = %file.packed().display(),
                "the index of a packed audit file is damaged: all of its lines are searched"
            );
        }
        if self.is_over(Place { serial: file.serial, offset: from }) {
            return Ok(false);
        }
        let end = |block: &Block| block.text_offset + u64::from(block.text_length);
        let is_candidate = |block: &&Block| {
            (end(block) > from || !packed.has_index)
                && self.may_be_between(block.first, block.last)
                && self.may_be_in(packed.filter(block))
        };
        let candidates: Vec<_> = packed.blocks.iter().filter(is_candidate).collect();
        for blocks in candidates.chunks(self.threads) {
            if self.is_canceled.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            for (block, text) in blocks.iter().zip(packed.read_in_parallel(blocks)) {
                let begin = Place { serial: file.serial, offset: block.text_offset.max(from) };
                if self.is_over(begin) {
                    return Ok(false);
                }
                match text {
                    Ok(text) => {
                        let skipped = from.saturating_sub(block.text_offset);
                        let skipped = usize::try_from(skipped).map_err(io::Error::other)?;
                        if !self.lines(text.get(skipped..).unwrap_or_default(), begin, &name) {
                            return Ok(false);
                        }
                    }
                    Err(_) => _ = self.note_unreadable(&name),
                }
            }
        }
        Ok(packed.is_whole || self.note_unreadable(&name))
    }

    fn plain(&mut self, mut file: File, serial: u64, from: u64, name: &str) -> io::Result<Continues> {
        file.seek(SeekFrom::Start(from))?;
        let (mut lines, mut text) = (BufReader::new(file), Vec::new());
        let mut begin = Place { serial, offset: from };
        loop {
            if self.is_canceled.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            if self.is_over(begin) {
                return Ok(false);
            }
            text.clear();
            let mut is_end = false;
            while text.len() < BLOCK && !is_end {
                let read = lines.by_ref().take(MAX_LINE as u64).read_until(b'\n', &mut text)?;
                is_end = read == 0;
            }
            // A line that is being written may be incomplete.
            let whole = memchr::memrchr(b'\n', &text).map_or(0, |end| end + 1);
            let whole = if is_end { whole } else { text.len() };
            if !self.lines(&text[..whole], begin, name) {
                return Ok(false);
            }
            if is_end {
                return Ok(true);
            }
            begin.offset += whole as u64;
        }
    }

    fn may_be_between(&self, first: i64, last: i64) -> bool {
        let Query { from, until, .. } = self.query;
        from.is_none_or(|from| last >= from.as_microsecond())
            && until.is_none_or(|until| first < until.as_microsecond())
    }

    fn may_be_in(&self, filter: &[u8]) -> bool {
        let Query { number, ids, .. } = self.query;
        let is_about = !self.query.is_about_a_person()
            || number.is_some_and(|number| may_contain(filter, Key::Number(&number)))
            || ids.iter().any(|id| may_contain(filter, Key::Id(id.as_bytes())));
        is_about && self.client.as_ref().is_none_or(|client| may_contain(filter, Key::Client(client)))
    }

    fn spend(&mut self, bytes: usize) {
        self.bounds.bytes = self.bounds.bytes.saturating_sub(bytes);
    }

    /// True if a limit is reached. The next search then continues from here.
    fn is_over(&mut self, here: Place) -> bool {
        let Bounds { lines, numbers, bytes } = self.bounds;
        let is_over = lines == 0 || numbers == 0 || bytes == 0;
        if is_over {
            self.found.next = Some(here);
        }
        is_over
    }

    /// Searches lines of a file that begin at a position.
    fn lines(&mut self, text: &[u8], begin: Place, name: &str) -> Continues {
        self.spend(text.len().max(1));
        if !self.query.may_be_about(text) {
            return true;
        }
        let mut place = begin;
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            if self.bounds.lines == 0 || self.bounds.numbers == 0 {
                self.found.next = Some(place);
                return false;
            }
            place.offset += line.len() as u64;
            match self.matched(line) {
                Ok(Some(read)) => {
                    self.bounds.lines -= 1;
                    self.bounds.numbers = self.bounds.numbers.saturating_sub(read.numbers.len().max(1));
                    self.found.reads.push((place, read));
                }
                Ok(None) => {}
                Err(Damaged) => _ = self.note_unreadable(name),
            }
        }
        true
    }

    /// Parses a line if it matches. Fails for a damaged line if what is left of it may match.
    fn matched(&self, line: &[u8]) -> Result<Option<Read>, Damaged> {
        let Query { number, ids, from, until, .. } = self.query;
        let is_of = |client| line_keys::names_client(line, client);
        if line == b"\n" || !self.query.may_be_about(line) || !self.client.as_deref().is_none_or(is_of) {
            return Ok(None);
        }
        let is_within = |at: Timestamp| from.is_none_or(|from| at >= from) && until.is_none_or(|until| at < until);
        let mut read = match Read::of(line) {
            Ok(Some(read)) => read,
            Ok(None) => return Ok(None),
            Err(Damaged) => {
                let mut instants = line_keys::instants(line).peekable();
                let may_be_within = instants.peek().is_none() || instants.any(is_within);
                return if may_be_within { Err(Damaged) } else { Ok(None) };
            }
        };
        // The name of another client may be in a damaged line only.
        if self.client.as_ref().is_some_and(|client| line_keys::client(line) != Some(client)) {
            return Ok(None);
        }
        if self.query.is_about_a_person() {
            read.numbers.retain(|(asked, _)| Some(*asked) == *number);
        }
        let is_about = !self.query.is_about_a_person() || !read.numbers.is_empty() || ids.contains(&read.subject_id);
        Ok((is_within(read.at) && is_about).then_some(read))
    }
}
