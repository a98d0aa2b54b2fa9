//! The manifest: what a backup holds. It is written last, so that a directory without one is no backup.
//!
//! Text, so that an operator can read it, and in the form of `sha256sum`, so that `sha256sum --check MANIFEST` verifies
//! a backup without this program. Its last line is the digest of the lines before it.

use std::fs;
use std::io;
use std::path::Path;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::domain::id::Revision;
use crate::store::data_dir::MANIFEST;

/// The version of its form.
const VERSION: u32 = 1;

/// A SHA-256 digest, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sha256Text(String);

impl Sha256Text {
    /// The digest of what was hashed.
    pub(in crate::store) fn of(hashed: Sha256) -> Sha256Text {
        Sha256Text(hashed.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Where it is, from the directory of the backup on.
    pub path: String,
    /// How long it is. The file may be longer: see [`Manifest`].
    pub bytes: u64,
    /// The digest of as many bytes.
    pub sha256: Sha256Text,
}

/// What a backup holds.
///
/// A segment of the log may have grown beyond what its manifest says, when a later backup into the same directory was cut
/// off before its own manifest was written: the log only grows, so the earlier backup is still there, in the beginning
/// of each file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The last record.
    pub head: Revision,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The epoch it belongs to.
    pub epoch: Uuid,
    /// The version of the stored form of the newest record.
    pub record_format: u32,
    /// The files, the log's in order.
    pub files: Vec<Listed>,
}

/// A directory does not have the manifest of a backup that can be read.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// There is not even the directory.
    #[error("it does not exist: is its disk mounted?")]
    NoDirectory,
    /// There is none.
    #[error("it has no MANIFEST: it is no backup, or one that was not finished")]
    Absent,
    /// Bytes have changed, or somebody has changed them.
    #[error("its MANIFEST is damaged at line {line}")]
    Damaged {
        /// The line, from 1.
        line: usize,
    },
    /// A later program wrote it.
    #[error("its MANIFEST was written by a newer version of this program: use that release, or a later one")]
    Newer,
    /// The disk refused.
    #[error("its MANIFEST could not be read")]
    Disk(#[source] io::Error),
}

impl Manifest {
    /// The manifest of a backup.
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

    /// The text of it.
    pub(super) fn text(&self) -> String {
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

    /// The file at a path.
    pub(super) fn file(&self, path: &str) -> Option<&Listed> {
        self.files.iter().find(|file| file.path == path)
    }

    /// How many bytes it lists.
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
    fn every_byte_that_changes_or_is_missing_is_noticed() {
        let text = manifest().text();
        for at in 0..text.len() {
            let mut turned = text.clone().into_bytes();
            turned[at] ^= 0x01;
            let read = String::from_utf8(turned).map(|turned| Manifest::parse(&turned));
            assert!(!read.is_ok_and(|read| read.is_ok()), "byte {at}");
            if at < text.len() - 1 {
                assert!(Manifest::parse(&text[..at]).is_err(), "cut at {at}");
            }
        }
    }

    #[test]
    fn one_of_a_newer_version_says_so() {
        let newer = manifest().text().replace("backup 1", "backup 2");
        assert!(matches!(Manifest::parse(&newer), Err(ManifestError::Newer)));
    }
}
