//! The manifest of a backup. It is written last, so a directory without one is not a complete backup.
//!
//! It is text in the format of `sha256sum`, so that an operator can read it and `sha256sum --check MANIFEST` verifies a
//! backup without this program. Its last line is the digest of the lines before it.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::rewrite::Tail;
use crate::domain::id::Revision;
use crate::store::data_dir::MANIFEST;
use crate::store::record::FORMAT_VERSION;

/// The version of the manifest's format.
const VERSION: u32 = 1;

/// A SHA-256 digest in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sha256Text(String);

impl Sha256Text {
    /// The digest of the hashed bytes.
    pub fn of(hashed: Sha256) -> Sha256Text {
        Sha256Text(hashed.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Parses 64 hexadecimal digits in lower case.
    pub fn parse(text: &str) -> Option<Sha256Text> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (text.len() == 64 && text.bytes().all(is_digit)).then(|| Sha256Text(text.to_owned()))
    }
}

impl fmt::Display for Sha256Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The path, relative to the directory of the backup.
    pub path: String,
    /// The number of bytes that belong to the backup. The file may be longer: see [`Manifest`].
    pub bytes: u64,
    /// The digest of these bytes.
    pub sha256: Sha256Text,
}

/// The contents of a backup.
///
/// A segment of the log may be longer than its manifest says: a later backup into the same directory may have been
/// interrupted before it wrote its own manifest. The log only grows, so the earlier backup is intact: it is the first
/// part of each file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The last record.
    pub head: Revision,
    /// When the last record was committed.
    pub recorded_at: Timestamp,
    /// The epoch of the last record.
    pub epoch: Uuid,
    /// The version of the stored form of the last record.
    pub record_format: u32,
    /// The files. Those of the log are in order.
    pub files: Vec<Listed>,
}

/// The reasons why a directory has no readable manifest of a backup.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The directory does not exist.
    #[error("it does not exist: is its disk mounted?")]
    NoDirectory,
    /// The directory has no manifest.
    #[error("it has no MANIFEST: it is not a backup, or an incomplete one")]
    Absent,
    /// The bytes were corrupted or edited.
    #[error("its MANIFEST is damaged at line {line}")]
    Damaged {
        /// The line, from 1.
        line: usize,
    },
    /// A later version of the program wrote it.
    #[error("its MANIFEST was written by a newer version of this program: use that release, or a later one")]
    Newer,
    /// An I/O operation failed.
    #[error("its MANIFEST could not be read")]
    Disk(#[source] io::Error),
}

impl Manifest {
    /// The manifest of a backup up to a record.
    pub(super) fn of(tail: &Tail, files: Vec<Listed>) -> Manifest {
        let Tail { revision, recorded_at, epoch } = *tail;
        Manifest { head: revision, recorded_at, epoch, record_format: FORMAT_VERSION, files }
    }

    /// Reads the manifest of a backup.
    pub(in crate::store) fn read(backup: &Path) -> Result<Manifest, ManifestError> {
        match fs::read_to_string(backup.join(MANIFEST)) {
            Ok(text) => Manifest::parse(&text),
            Err(absent) if absent.kind() == io::ErrorKind::NotFound && !backup.exists() => {
                Err(ManifestError::NoDirectory)
            }
            Err(absent) if absent.kind() == io::ErrorKind::NotFound => Err(ManifestError::Absent),
            Err(not_text) if not_text.kind() == io::ErrorKind::InvalidData => Err(ManifestError::Damaged { line: 1 }),
            Err(source) => Err(ManifestError::Disk(source)),
        }
    }

    /// The text of the manifest.
    pub fn text(&self) -> String {
        let Manifest { head, recorded_at, epoch, record_format, files } = self;
        let mut text = format!(
            "# cpss-registry backup {VERSION}\n# head {head}\n# recorded_at {recorded_at}\n# epoch {epoch}\n\
             # record_format {record_format}\n"
        );
        for Listed { path, bytes, sha256 } in files {
            text.push_str(&format!("# bytes {bytes}\n{}  {path}\n", sha256.0));
        }
        let whole = digest(text.as_bytes());
        text.push_str(&format!("# whole {}\n", whole.0));
        text
    }

    /// Parses the text of a manifest.
    fn parse(text: &str) -> Result<Manifest, ManifestError> {
        let mut lines = Lines { rest: text.lines(), line: 0 };
        let version: u32 = lines.value("# cpss-registry backup ")?;
        if version > VERSION {
            return Err(ManifestError::Newer);
        }
        let mut manifest = Manifest {
            head: Revision(lines.value("# head ")?),
            recorded_at: lines.value("# recorded_at ")?,
            epoch: lines.value("# epoch ")?,
            record_format: lines.value("# record_format ")?,
            files: Vec::new(),
        };
        loop {
            let line = lines.next()?;
            if let Some(whole) = line.strip_prefix("# whole ") {
                let before = text.rfind("# whole ").unwrap_or_default();
                let same = digest(text.get(..before).unwrap_or_default().as_bytes()).0 == whole;
                return if same { Ok(manifest) } else { Err(lines.damaged()) };
            }
            let bytes = line.strip_prefix("# bytes ").and_then(|bytes| bytes.parse().ok());
            let bytes = bytes.ok_or_else(|| lines.damaged())?;
            let listed = lines.next()?.split_once("  ").ok_or_else(|| lines.damaged())?;
            let (sha256, path) = (Sha256Text(listed.0.to_owned()), listed.1.to_owned());
            manifest.files.push(Listed { path, bytes, sha256 });
        }
    }

    /// The entry of a file.
    pub(super) fn file(&self, path: &str) -> Option<&Listed> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The total number of bytes of the listed files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

fn digest(bytes: &[u8]) -> Sha256Text {
    Sha256Text::of(Sha256::new_with_prefix(bytes))
}

struct Lines<'a> {
    rest: std::str::Lines<'a>,
    line: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Result<&'a str, ManifestError> {
        self.line += 1;
        self.rest.next().ok_or_else(|| self.damaged())
    }

    fn value<T: std::str::FromStr>(&mut self, prefix: &str) -> Result<T, ManifestError> {
        let value = self.next()?.strip_prefix(prefix).and_then(|value| value.parse().ok());
        value.ok_or_else(|| self.damaged())
    }

    fn damaged(&self) -> ManifestError {
        ManifestError::Damaged { line: self.line }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let listed = |path: &str, bytes| Listed { path: path.to_owned(), bytes, sha256: digest(path.as_bytes()) };
        Manifest {
            head: Revision(17),
            recorded_at: "2026-03-02T12:00:00.123456789Z".parse().unwrap(),
            epoch: Uuid::from_u128(7),
            record_format: 1,
            files: vec![listed("FORMAT", 2), listed("log/00000000000000000001.log", 123)],
        }
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written() {
        assert_eq!(Manifest::parse(&manifest().text()).unwrap(), manifest());
        let bare = Manifest { files: Vec::new(), ..manifest() };
        assert_eq!(Manifest::parse(&bare.text()).unwrap(), bare);
    }

    #[test]
    fn every_changed_or_missing_byte_is_detected() {
        let text = manifest().text();
        for at in 0..text.len() {
            let mut flipped = text.clone().into_bytes();
            flipped[at] ^= 0x01;
            let read = String::from_utf8(flipped).map(|flipped| Manifest::parse(&flipped));
            assert!(!read.is_ok_and(|read| read.is_ok()), "byte {at}");
            if at < text.len() - 1 {
                assert!(Manifest::parse(&text[..at]).is_err(), "cut at {at}");
            }
        }
    }

    #[test]
    fn a_manifest_of_a_newer_version_is_refused() {
        let newer = manifest().text().replace("backup 1", "backup 2");
        assert!(matches!(Manifest::parse(&newer), Err(ManifestError::Newer)));
    }
}
