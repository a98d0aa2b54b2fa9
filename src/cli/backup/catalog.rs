//! The files of backups that were fetched from a server. Beside each is a description, without which it is not one that
//! another may be taken since: FILE.json. It names the file that it was taken since, and nobody on file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cli::failure::Failure;
use crate::cli::new_file::NewFile;
use crate::proto::v1;

/// The ending of the files.
const ENDING: &str = ".tar.age";

/// How many files a restore may need.
const MOST: usize = 1000;

/// A backup in a file, as the description beside it says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    #[serde(skip)]
    path: PathBuf,
    /// The digest of the file.
    sha256: String,
    bytes: u64,
    head_revision: u64,
    epoch: String,
    /// The name of the file that this one was taken since, in the same directory.
    since: Option<String>,
    manifest: String,
}

impl Entry {
    /// Describes a backup that was fetched.
    pub fn of(path: &Path, since: Option<&Entry>, end: &v1::BackupEnd) -> Entry {
        let v1::BackupEnd { bytes, sha256, manifest, epoch, head_revision, .. } = end;
        let since = since.filter(|_| end.segments_kept > 0).map(|since| name(&since.path));
        Entry {
            path: path.to_owned(),
            sha256: sha256.clone(),
            bytes: *bytes,
            head_revision: *head_revision,
            epoch: epoch.clone(),
            since,
            manifest: manifest.clone(),
        }
    }

    /// Reads the description of a backup. The file itself must be there, too.
    pub fn read(path: &Path) -> Result<Entry, Failure> {
        let shown = path.display();
        let entry = Entry::find(path).map_err(|error| Failure::of(format!("cannot read {shown}.json"), &error))?;
        let entry = entry.ok_or_else(|| {
            Failure::usage(vec![format!(
                "{shown} has no description {shown}.json: take a full backup, without --since"
            )])
        })?;
        if fs::metadata(path).is_ok_and(|file| file.len() == entry.bytes) {
            return Ok(entry);
        }
        Err(Failure::usage(vec![format!("{shown} is not there, or not as long as {shown}.json says")]))
    }

    /// The description of a backup, if it has one.
    fn find(path: &Path) -> io::Result<Option<Entry>> {
        match fs::read_to_string(beside(path)) {
            Ok(text) => {
                let entry: Entry = serde_json::from_str(&text).map_err(io::Error::other)?;
                Ok(Some(Entry { path: path.to_owned(), ..entry }))
            }
            Err(absent) if absent.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the description.
    pub fn write(&self) -> io::Result<()> {
        let mut file = NewFile::replacing(&beside(&self.path))?;
        serde_json::to_writer_pretty(&mut file, self).map_err(io::Error::other)?;
        file.keep()
    }

    /// The segments of the log that are in this backup and those that it was taken since.
    pub fn segments(&self) -> Vec<v1::BackupFile> {
        let mut segments = Vec::new();
        let mut bytes = 0;
        for line in self.manifest.lines() {
            if let Some(length) = line.strip_prefix("# bytes ") {
                bytes = length.parse().unwrap_or_default();
            } else if let Some((sha256, path)) = line.split_once("  ").filter(|(_, path)| path.starts_with("log/")) {
                segments.push(v1::BackupFile { path: path.to_owned(), bytes, sha256: sha256.to_owned() });
            }
        }
        segments
    }

    fn since_path(&self) -> Option<PathBuf> {
        self.since.as_deref().map(|since| self.path.with_file_name(since))
    }
}

/// The files that a restore of a backup needs, in order: a full one, and those that were taken since it.
pub fn chain(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = vec![path.to_owned()];
    let mut at = path.to_owned();
    let unreadable = |error: io::Error| Failure::of(format!("cannot read {}.json", path.display()), &error);
    while let Some(since) = Entry::find(&at).map_err(unreadable)?.and_then(|entry| entry.since_path()) {
        if !since.exists() {
            let line = format!("{} was taken since {}, which is not there", at.display(), since.display());
            return Err(Failure::said(vec![line]));
        }
        if files.len() > MOST {
            return Err(Failure::said(vec![format!("{} needs more than {MOST} files", path.display())]));
        }
        files.insert(0, since.clone());
        at = since;
    }
    Ok(files)
}

/// The backups in a directory, from the oldest on.
pub struct Catalog(Vec<Entry>);

impl Catalog {
    /// Reads the descriptions in a directory.
    pub fn read(directory: &Path) -> Result<Catalog, Failure> {
        let unreadable = |error: io::Error| Failure::of(format!("cannot read {}", directory.display()), &error);
        let files = fs::read_dir(directory).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(unreadable)?;
        let mut paths: Vec<_> =
            files.iter().map(fs::DirEntry::path).filter(|path| name(path).ends_with(ENDING)).collect();
        paths.sort();
        let entries = paths.iter().map(|path| Entry::find(path).map_err(unreadable));
        Ok(Catalog(entries.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect()))
    }

    /// The file to take the next backup since, if each chain may have this many files. `None` for a full backup.
    pub fn since(&self, full_every: usize) -> Option<PathBuf> {
        let last = self.0.last()?;
        let length = self.needed_by(last).len();
        (length < full_every).then(|| last.path.clone())
    }

    /// Removes all but the newest backups, and those that they need.
    pub fn keep(&self, count: usize) -> Result<(), Failure> {
        let newest = self.0.iter().rev().take(count);
        let needed: Vec<_> = newest.flat_map(|entry| self.needed_by(entry)).collect();
        for entry in self.0.iter().filter(|entry| !needed.contains(&entry.path)) {
            let path = &entry.path;
            let unremoved = |error: io::Error| Failure::of(format!("cannot remove {}", path.display()), &error);
            // The description first: nothing may be taken since a file that is gone.
            fs::remove_file(beside(path)).and_then(|()| fs::remove_file(path)).map_err(unremoved)?;
        }
        Ok(())
    }

    /// The files that a restore of a backup needs, as far as they are here.
    fn needed_by(&self, entry: &Entry) -> Vec<PathBuf> {
        let mut needed = vec![entry.path.clone()];
        let mut at = entry;
        while let Some(since) = at.since_path().filter(|since| !needed.contains(since))
            && let Some(earlier) = self.0.iter().find(|earlier| earlier.path == since)
        {
            needed.push(since);
            at = earlier;
        }
        needed
    }
}

/// The name of a backup that is taken now.
pub fn name_of(now: Timestamp) -> String {
    format!("cpss-{}{ENDING}", now.strftime("%Y%m%dT%H%M%SZ"))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The path of the description.
fn beside(path: &Path) -> PathBuf {
    path.with_file_name(format!("{}.json", name(path)))
}
