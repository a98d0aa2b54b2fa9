//! The files of backups that were fetched from a server. Beside each is a description, without which it is not one that
//! another may be taken since: FILE.json. It names the file that it was taken since, and nobody on file.

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cli::failure::Failure;
use crate::cli::new_file::NewFile;
use crate::proto::bounds::MOST_ENTRIES;
use crate::proto::v1;

/// The ending of the files.
const ENDING: &str = ".tar.age";

/// How many files a restore may need.
pub const MOST: usize = 1000;

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
        let entry = Entry::find(path)?.ok_or_else(|| {
            Failure::usage(vec![format!(
                "{shown} has no description {shown}.json: take a full backup, without --since"
            )])
        })?;
        if fs::metadata(path).is_ok_and(|file| file.len() == entry.bytes) {
            return Ok(entry);
        }
        Err(Failure::usage(vec![format!("{shown} is not there, or not as long as {shown}.json says")]))
    }

    /// Like [`Entry::read`], with the number of files that a restore of it needs. Each of them must be there, with its
    /// description, and as long as that says.
    pub fn read_whole(path: &Path) -> Result<(Entry, usize), Failure> {
        let entry = Entry::read(path)?;
        let files = chain(path)?;
        files.iter().try_for_each(|file| Entry::read(file).map(drop))?;
        Ok((entry, files.len()))
    }

    /// The description of a backup, if it has one.
    fn find(path: &Path) -> Result<Option<Entry>, Failure> {
        let description = beside(path);
        let unreadable =
            |error: &(dyn Error + 'static)| Failure::of(format!("cannot read {}", description.display()), error);
        match fs::read_to_string(&description) {
            Ok(text) => {
                let entry: Entry = serde_json::from_str(&text).map_err(|error| unreadable(&error))?;
                Ok(Some(Entry { path: path.to_owned(), ..entry }))
            }
            Err(absent) if absent.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(&error)),
        }
    }

    /// Writes the description.
    pub fn write(&self) -> io::Result<()> {
        let mut file = NewFile::replacing(&beside(&self.path))?;
        serde_json::to_writer_pretty(&mut file, self).map_err(io::Error::other)?;
        file.keep()
    }

    /// The segments of the log that are in this backup and those that it was taken since, up to as many as a request
    /// may name. The others are sent again.
    pub fn segments(&self) -> Vec<v1::BackupFile> {
        let mut segments = Vec::new();
        let mut bytes = 0;
        for line in self.manifest.lines() {
            if let Some(length) = line.strip_prefix("# bytes ") {
                bytes = length.parse().unwrap_or_default();
            } else if segments.len() < MOST_ENTRIES
                && let Some((sha256, path)) = line.split_once("  ").filter(|(_, path)| path.starts_with("log/"))
            {
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
    while let Some(since) = Entry::find(&at)?.and_then(|entry| entry.since_path()) {
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
        let entries = paths.iter().map(|path| Entry::find(path));
        Ok(Catalog(entries.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect()))
    }

    /// The file to take the next backup since, if each chain may have this many files. `None` for a full backup, also
    /// if a file that the last one needs is gone, was shortened, or has lost its description.
    pub fn since(&self, full_every: usize) -> Option<PathBuf> {
        let last = self.0.last()?;
        let (_, length) = Entry::read_whole(&last.path).ok()?;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a backup and its description, as if it was taken since another one.
    fn taken(directory: &Path, file: &str, since: Option<&Entry>) -> Entry {
        let path = directory.join(file);
        fs::write(&path, b"bytes").unwrap();
        let end = v1::BackupEnd { bytes: 5, segments_kept: 1, ..v1::BackupEnd::default() };
        let entry = Entry::of(&path, since, &end);
        entry.write().unwrap();
        entry
    }

    #[test]
    fn nothing_is_taken_since_a_backup_that_cannot_be_restored() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let since = |full_every| Catalog::read(path).unwrap().since(full_every);
        assert_eq!(since(7), None, "the first one");
        let full = taken(path, "cpss-1.tar.age", None);
        let second = taken(path, "cpss-2.tar.age", Some(&full));
        let third = taken(path, "cpss-3.tar.age", Some(&second));
        assert_eq!(since(7), Some(third.path.clone()));
        assert_eq!(since(3), None, "the chain is as long as it may be");
        assert_eq!(Entry::read_whole(&third.path).unwrap().1, 3);
        for lost in [&second.path, &full.path] {
            fs::rename(lost, path.join("aside")).unwrap();
            assert_eq!(since(7), None, "{} is gone", lost.display());
            let refused = Entry::read_whole(&third.path).unwrap_err().to_string();
            assert!(refused.contains(&format!("{}, which is not there", lost.display())), "{refused}");
            fs::rename(path.join("aside"), lost).unwrap();
        }
        for shortened in [&full.path, &second.path, &third.path] {
            fs::write(shortened, b"byte").unwrap();
            assert_eq!(since(7), None, "{} was shortened", shortened.display());
            let refused = Entry::read_whole(&third.path).unwrap_err().to_string();
            assert!(refused.contains(&format!("{} is not there, or not as long", shortened.display())), "{refused}");
            fs::write(shortened, b"bytes").unwrap();
        }
        fs::remove_file(beside(&second.path)).unwrap();
        assert_eq!(since(7), None, "a file whose own needs are not known");
        let refused = Entry::read_whole(&third.path).unwrap_err().to_string();
        assert!(refused.contains(&format!("{} has no description", second.path.display())), "{refused}");
        let fourth = taken(path, "cpss-4.tar.age", None);
        assert_eq!(since(7), Some(fourth.path), "a new chain");
    }

    #[test]
    fn a_description_that_cannot_be_read_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let full = taken(directory.path(), "cpss-1.tar.age", None);
        let second = taken(directory.path(), "cpss-2.tar.age", Some(&full));
        fs::write(beside(&full.path), "{").unwrap();
        let named = format!("cannot read {}", beside(&full.path).display());
        let of_directory = Catalog::read(directory.path()).err();
        for refused in [of_directory, chain(&second.path).err(), Entry::read(&full.path).err()] {
            let refused = refused.unwrap().to_string();
            assert!(refused.contains(&named), "{refused}");
        }
    }

    #[test]
    fn a_request_names_no_more_segments_than_the_server_reads() {
        let line = |at| format!("# bytes 7\n{at:064}  log/{at:020}.log\n");
        let manifest = (1..=MOST_ENTRIES + 1).map(line).collect();
        let end = v1::BackupEnd { manifest, ..v1::BackupEnd::default() };
        let segments = Entry::of(Path::new("cpss-1.tar.age"), None, &end).segments();
        assert_eq!(segments.len(), MOST_ENTRIES);
        assert_eq!((segments[0].path.as_str(), segments[0].bytes), ("log/00000000000000000001.log", 7));
    }
}
