//! The marks of a tree: sizes at which its files were durable, each with the root and the chain of the log there.
//!
//! A mark ties the files to one history. If the end of the log was replaced since, an earlier mark is still of it, and
//! the tree goes on from there.

use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::proof::tree::Hash;
use crate::store::data_dir::{remove, write_durably};

/// The file of the marks.
const NAME: &str = "marks";

/// How the file begins.
const HEADING: &str = "cpss-registry tree 1";

/// A size at which the files were durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// The number of leaves.
    pub size: u64,
    /// The root of the tree.
    pub root: Hash,
    /// The chain of the log up to that record.
    pub chain: Hash,
}

/// The marks, the greatest last.
#[derive(Debug)]
pub(super) struct Marks {
    path: PathBuf,
    marks: Vec<Mark>,
}

impl Marks {
    /// Reads the marks in a directory. There are none if the file cannot be read or is damaged.
    pub fn read(directory: &Path) -> Marks {
        let path = directory.join(NAME);
        let marks = std::fs::read_to_string(&path).ok().and_then(|text| marks_in(&text)).unwrap_or_default();
        Marks { path, marks }
    }

    /// The greatest mark.
    pub fn last(&self) -> Option<Mark> {
        self.marks.last().copied()
    }

    /// Forgets the greatest mark, until the next one is added or the marks are removed.
    pub fn pop(&mut self) {
        self.marks.pop();
    }

    /// Adds a mark, durably. Earlier ones become sparser.
    pub fn add(&mut self, mark: Mark) -> io::Result<()> {
        self.marks.retain(|earlier| earlier.size < mark.size);
        let mut distance = None;
        // The first one of each order of magnitude is kept, so that it can grow into the next one.
        self.marks.retain(|earlier| {
            let of_this = Some((mark.size - earlier.size).ilog2());
            std::mem::replace(&mut distance, of_this) != of_this
        });
        self.marks.push(mark);
        write_durably(&self.path, self.text().as_bytes(), 0o600)
    }

    /// Removes all marks.
    pub fn clear(&mut self) -> io::Result<()> {
        self.marks.clear();
        remove(&self.path)
    }

    fn text(&self) -> String {
        let hexadecimal = |hash: &Hash| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let lines = self
            .marks
            .iter()
            .map(|mark| format!("{} {} {}\n", mark.size, hexadecimal(&mark.root), hexadecimal(&mark.chain)));
        let text = format!("{HEADING}\n{}", lines.collect::<String>());
        format!("{text}{:08x}\n", crc32c::crc32c(text.as_bytes()))
    }
}

fn marks_in(text: &str) -> Option<Vec<Mark>> {
    let (body, checksum) = text.strip_suffix('\n')?.rsplit_once('\n')?;
    let body = format!("{body}\n");
    if u32::from_str_radix(checksum, 16).ok()? != crc32c::crc32c(body.as_bytes()) {
        return None;
    }
    let mut lines = body.lines();
    (lines.next() == Some(HEADING)).then(|| lines.map(|line| line.parse().ok()).collect())?
}

impl FromStr for Mark {
    type Err = ();

    fn from_str(line: &str) -> Result<Mark, ()> {
        let mut words = line.split(' ');
        let mut word = || words.next().ok_or(());
        let (size, root, chain) = (word()?, word()?, word()?);
        Ok(Mark { size: size.parse().map_err(drop)?, root: hash(root).ok_or(())?, chain: hash(chain).ok_or(())? })
    }
}

fn hash(text: &str) -> Option<Hash> {
    let digits = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    text.as_bytes().chunks(2).map(digits).collect::<Option<Vec<_>>>()?.try_into().ok()
}
