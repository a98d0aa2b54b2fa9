//! Packs a closed file: writes the packed form to a temporary file, compares it with the original, and replaces the
//! original.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::super::sync;
use super::packed::{BLOCK, MAX_LINE, PackReader, PackWriter};
use super::{Closed, Trail};

impl Trail {
    /// Removes the temporary files that a crash left behind.
    pub(in super::super) fn clean(&self) -> io::Result<()> {
        self.unfinished()?.iter().try_for_each(fs::remove_file)
    }

    /// Packs a file. At every moment at least one complete form exists: the original is removed only after the packed
    /// file and its directory entry are synced.
    pub(in super::super) fn pack(&self, file: &Closed, is_closing: &dyn Fn() -> bool) -> io::Result<()> {
        let unfinished = file.unfinished();
        let packed = write(&file.plain, &unfinished, is_closing).and_then(|()| compare(&file.plain, &unfinished));
        if let Err(error) = packed {
            fs::remove_file(&unfinished).ok();
            return Err(error);
        }
        fs::rename(&unfinished, file.packed())?;
        sync::names(self.directory())?;
        fs::remove_file(&file.plain)
    }
}

fn write(plain: &Path, packed: &Path, is_closing: &dyn Fn() -> bool) -> io::Result<()> {
    let out = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(packed)?;
    let mut writer = PackWriter::new(BufWriter::new(out))?;
    let mut lines = BufReader::new(File::open(plain)?);
    let mut block = Vec::new();
    loop {
        let is_end = lines.by_ref().take(MAX_LINE as u64).read_until(b'\n', &mut block)? == 0;
        if block.len() >= BLOCK || (is_end && !block.is_empty()) {
            writer.add(&block)?;
            block.clear();
            if is_closing() {
                return Err(io::ErrorKind::Interrupted.into());
            }
        }
        if is_end {
            break;
        }
    }
    let mut out = writer.finish()?;
    out.flush()?;
    out.get_ref().sync_all()
}

/// Reads the packed file as every reader does, and compares it with the original byte for byte.
fn compare(plain: &Path, packed: &Path) -> io::Result<()> {
    let (mut expected, reader) = (BufReader::new(File::open(plain)?), PackReader::open(packed)?);
    let mut piece = Vec::new();
    for block in &reader.blocks {
        let lines = reader.read(block)?;
        piece.resize(lines.len(), 0);
        expected.read_exact(&mut piece)?;
        if piece != lines {
            return Err(io::Error::other("a packed audit file does not hold what was packed"));
        }
    }
    if expected.fill_buf()?.is_empty() && reader.has_index {
        Ok(())
    } else {
        Err(io::Error::other("a packed audit file holds only a part of what was packed"))
    }
}
