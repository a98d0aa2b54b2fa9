//! The journal of request ids, beside the profiles: running a line again is a retry, not a second request.
//!
//! An entry has the id of a request and a digest of its content, keyed so that nobody can find a name in it by
//! guessing. The key has a file of its own. Writers take turns by a lock on it. The journal is replaced as a whole, so
//! that an interrupted command leaves no half of it.

#[cfg(test)]
mod tests;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

use crate::cli::failure::Failure;
use crate::cli::print_aside;

/// For this long after it was recorded, the same line is a retry. A later one is a new request.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(30 * 24);

const JOURNAL: &str = "requests.jsonl";
const KEY: &str = "requests.key";

/// Where a line goes that is cut off.
const CUT_OFF: &str = "requests.jsonl.cut-off";

/// Why a damaged journal stops a command.
const SECOND_REQUEST: &str = "without it, a line that is run again would be a second request";

/// A request that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The id of the request.
    pub request_id: String,
    digest: String,
    made_at: String,
    /// What it was recorded as. `None`: no answer arrived yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Recorded>,
    /// Whether the journal had it before, so that it may have been recorded.
    #[serde(skip)]
    pub is_retry: bool,
}

/// The record of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// The epoch of the record.
    pub epoch: String,
    /// The record.
    pub revision: u64,
}

impl Entry {
    fn is_recent(&self, now: Timestamp) -> bool {
        self.made_at.parse::<Timestamp>().is_ok_and(|made_at| now.duration_since(made_at) < REMEMBERED)
    }
}

/// The journal of a user.
#[derive(Clone, Debug)]
pub struct Journal {
    directory: PathBuf,
}

impl Journal {
    /// The journal in a directory.
    pub fn in_directory(directory: PathBuf) -> Journal {
        Journal { directory }
    }

    /// Returns the latest entry of a content. Makes one if there is none, or if `is_new` and the latest was recorded.
    /// It is on disk when this returns.
    pub fn begin(&self, content: &[u8], is_new: bool, now: Timestamp) -> Result<Entry, Failure> {
        let turn = Turn::take(&self.directory).map_err(|error| self.unwritable(&error))?;
        let mut entries = self.read()?;
        entries.retain(|entry| entry.recorded.is_none() || entry.is_recent(now));
        let key = turn.key().map_err(|error| self.unwritable(&error))?;
        let key = match key {
            Some(key) => key,
            None if entries.is_empty() => turn.make_key().map_err(|error| self.unwritable(&error))?,
            None => return Err(self.without_key()),
        };
        let digest = digest(&key, content).map_err(|error| self.unwritable(&error))?;
        let latest = entries.iter().rfind(|entry| entry.digest == digest);
        if let Some(entry) = latest.filter(|entry| !is_new || entry.recorded.is_none()) {
            return Ok(Entry { is_retry: true, ..entry.clone() });
        }
        let request_id = Uuid::new_v4().to_string();
        let entry = Entry { request_id, digest, made_at: now.to_string(), recorded: None, is_retry: false };
        entries.push(entry.clone());
        self.write(&entries).map_err(|error| self.unwritable(&error))?;
        Ok(entry)
    }

    /// Notes that a request was recorded. It takes the place of earlier ones with the same content.
    pub fn recorded(&self, entry: &Entry, recorded: Recorded) -> Result<(), Failure> {
        self.change(|entries| {
            let is_earlier = |other: &Entry| other.digest == entry.digest && other.recorded.is_some();
            entries.retain(|other| other.request_id != entry.request_id && !is_earlier(other));
            entries.push(Entry { recorded: Some(recorded), ..entry.clone() });
        })
    }

    /// Removes a request for which nothing was recorded. Earlier ones with the same content stay.
    pub fn refused(&self, entry: &Entry) -> Result<(), Failure> {
        self.change(|entries| entries.retain(|other| other.request_id != entry.request_id))
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Entry>)) -> Result<(), Failure> {
        let _turn = Turn::take(&self.directory).map_err(|error| self.unwritable(&error))?;
        let mut entries = self.read()?;
        change(&mut entries);
        self.write(&entries).map_err(|error| self.unwritable(&error))
    }

    fn path(&self) -> PathBuf {
        self.directory.join(JOURNAL)
    }

    fn read(&self) -> Result<Vec<Entry>, Failure> {
        let text = match fs::read_to_string(self.path()) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Failure::of(format!("cannot read {}", self.path().display()), &error)),
        };
        let mut lines: Vec<&str> = text.lines().collect();
        let cut = lines.pop_if(|last| !text.ends_with('\n') && serde_json::from_str::<Entry>(last).is_err());
        let entries = lines.iter().zip(1..).map(|(line, number)| {
            serde_json::from_str(line).map_err(|error| {
                let what = format!("{}, line {number}, is damaged: {error}", self.path().display());
                Failure::said(vec![what, SECOND_REQUEST.to_owned()])
                    .with_remedy("repair the line, or move the file away if no request is without an answer")
            })
        });
        let entries: Vec<Entry> = entries.collect::<Result<_, _>>()?;
        if let Some(cut) = cut {
            self.set_aside(cut, &entries).map_err(|error| self.unwritable(&error))?;
        }
        Ok(entries)
    }

    /// Sets the last line aside, which is cut off, and keeps the entries before it.
    fn set_aside(&self, cut: &str, entries: &[Entry]) -> io::Result<()> {
        let beside = self.directory.join(CUT_OFF);
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&beside)?;
        file.write_all(format!("{cut}\n").as_bytes())?;
        file.sync_all()?;
        self.write(entries)?;
        print_aside(&format!(
            "the last line of {} was cut off, and is now in {}: what it was for would be a second request\n",
            self.path().display(),
            beside.display()
        ));
        Ok(())
    }

    fn write(&self, entries: &[Entry]) -> io::Result<()> {
        let mut text = String::new();
        for entry in entries {
            text.push_str(&serde_json::to_string(entry)?);
            text.push('\n');
        }
        let draft = self.directory.join(format!("{JOURNAL}.new"));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, self.path())?;
        File::open(&self.directory)?.sync_all()
    }

    fn without_key(&self) -> Failure {
        let what = format!("{} is lost, or empty", self.directory.join(KEY).display());
        Failure::said(vec![what, SECOND_REQUEST.to_owned()]).with_remedy(&format!(
            "restore the file, or move {} away if no request is without an answer",
            self.path().display()
        ))
    }

    fn unwritable(&self, error: &io::Error) -> Failure {
        Failure::of(format!("the journal {} cannot be written", self.path().display()), error)
    }
}

/// The turn of one command at the journal: the locked file with the key.
struct Turn(File);

impl Turn {
    fn take(directory: &Path) -> io::Result<Turn> {
        fs::create_dir_all(directory)?;
        let key = directory.join(KEY);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(key)?;
        flock(&file, FlockOperation::LockExclusive)?;
        Ok(Turn(file))
    }

    /// The key. `None`: there is none yet.
    fn key(&self) -> io::Result<Option<Vec<u8>>> {
        let mut file = &self.0;
        let mut key = Vec::new();
        file.rewind()?;
        file.read_to_end(&mut key)?;
        Ok(Some(key).filter(|key| !key.is_empty()))
    }

    fn make_key(&self) -> io::Result<Vec<u8>> {
        let key: Vec<u8> = [Uuid::new_v4(), Uuid::new_v4()].iter().flat_map(|random| *random.as_bytes()).collect();
        let mut file = &self.0;
        file.write_all(&key)?;
        file.sync_all()?;
        Ok(key)
    }
}

/// The keyed digest of a content.
fn digest(key: &[u8], content: &[u8]) -> io::Result<String> {
    let mut keyed = Hmac::<Sha256>::new_from_slice(key).map_err(io::Error::other)?;
    keyed.update(content);
    let bytes = keyed.finalize().into_bytes();
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
