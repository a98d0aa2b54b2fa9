//! The data directory: who may use it, what it holds, and which programs can read it.

mod error;
mod files;
mod permissions;
mod unfinished;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use self::error::DataDirError;
pub(super) use self::error::disk;
use self::files::make_directory;
pub(super) use self::files::{remove, sync_directory, write_durably};
pub use self::unfinished::Unfinished;
pub(super) use self::unfinished::{Found, look, mark, unmark};

/// The version of the directory's layout. Version 1 is rewritten when its registry is opened, or restored.
pub(super) const LAYOUT_VERSION: u32 = 2;

/// The oldest version that is rewritten.
const OLDEST_VERSION: u32 = 1;

/// The file that says so: with it a directory is a registry.
pub(super) const FORMAT: &str = "FORMAT";

/// The file that a backup has: a directory with it is no registry.
pub(super) const MANIFEST: &str = "MANIFEST";

/// The file that is locked, with the id of the process that locked it last.
const LOCK: &str = "LOCK";

/// The file of the key for the digests that tell a repeated request from another.
pub(super) const REQUEST_KEY: &str = "keys/request.key";

/// A key that a registry makes once and keeps.
pub type Key = [u8; 32];

/// A data directory that no other process uses, as long as this lives.
pub(super) struct DataDir {
    root: PathBuf,
    format: u32,
    /// Held, not read: the lock goes when the last holder is dropped.
    _lock: Arc<File>,
}

impl DataDir {
    /// Takes the directory of a registry in the format of this program. Makes nothing.
    pub fn open(root: &Path) -> Result<DataDir, DataDirError> {
        let directory = DataDir::open_to_upgrade(root)?;
        refuse_earlier(root, directory.format)?;
        Ok(directory)
    }

    /// Takes the directory of a registry in this format, or in an earlier one.
    pub fn open_to_upgrade(root: &Path) -> Result<DataDir, DataDirError> {
        refuse_unless_registry(root)?;
        permissions::judge(root)?;
        let lock = lock(root)?;
        permissions::narrow_once(root)?;
        let directory = DataDir { root: root.to_owned(), format: format_of(root)?, _lock: lock };
        // A kill may have come between the last two steps of the command that filled it.
        unmark(root);
        Ok(directory)
    }

    /// Takes a directory to fill it with a registry, and makes the directory if it does not exist. Refuses one that holds
    /// something, unless the same command was cut off there: then it begins anew.
    pub fn begin(root: &Path, by: &str) -> Result<(DataDir, Unfinished), DataDirError> {
        let was_cut_off = is_free_for(root, by)?;
        permissions::judge(root)?;
        let made = make_directory(root).map_err(disk("made", root))?;
        let lock = lock(root)?;
        let unfinished = Unfinished::new(root, made, Arc::clone(&lock));
        // Another process may have been quicker: now that the directory is locked, it cannot be.
        if let Err(taken) = is_free_for(root, by) {
            unfinished.disown();
            return Err(taken);
        }
        if was_cut_off {
            tracing::warn!(event = "unfinished_registry_removed", data_dir = %root.display(), "an earlier `{by}` did not finish here: starting over");
        }
        mark(root, by)?;
        let directory = DataDir { root: root.to_owned(), format: LAYOUT_VERSION, _lock: lock };
        for part in [directory.log(), directory.keys()] {
            fs::create_dir(&part).map_err(disk("made", &part))?;
        }
        sync_directory(root).map_err(disk("made durable", root))?;
        Ok((directory, unfinished))
    }

    /// The version of its layout, when it was opened.
    pub fn format(&self) -> u32 {
        self.format
    }

    /// Says that the directory is in the format of this program.
    pub fn write_current_format(&self) -> Result<(), DataDirError> {
        write_format(&self.root)
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the log is.
    fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    /// Where the index is.
    pub fn index(&self) -> PathBuf {
        self.root.join("index")
    }

    fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// The key of the digests that tell a repeated request from another.
    pub fn request_key(&self) -> Result<Key, DataDirError> {
        request_key_in(&self.root)
    }

    /// Makes that key: the given one, or one that nobody can guess.
    pub fn make_request_key(&self, given: Option<Key>) -> Result<Key, DataDirError> {
        let (keys, path) = (self.keys(), self.root.join(REQUEST_KEY));
        let key = given.map_or_else(random_key, Ok).map_err(disk("made", &path))?;
        // A key may be lost with its directory.
        make_directory(&keys).map_err(disk("made", &keys))?;
        write_durably(&path, &key, 0o600).map_err(disk("written", &path))?;
        Ok(key)
    }
}

/// The request key of a data directory. Another process may be serving it.
pub(super) fn request_key_in(root: &Path) -> Result<Key, DataDirError> {
    let path = root.join(REQUEST_KEY);
    match fs::read(&path) {
        Ok(bytes) => bytes.try_into().map_err(|_| DataDirError::NoKey { path, fault: "not 32 bytes long" }),
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => Err(DataDirError::NoKey { path, fault: "missing" }),
        Err(refused) => Err(disk("read", &path)(refused)),
    }
}

/// Makes sure that a directory holds a registry, without touching it.
pub(super) fn refuse_unless_registry(root: &Path) -> Result<(), DataDirError> {
    let here = || root.to_owned();
    if root.join(MANIFEST).exists() {
        return Err(DataDirError::IsBackup(here()));
    }
    match look(root, FORMAT)? {
        Found::Whole => Ok(()),
        Found::Missing => Err(DataDirError::Missing(here())),
        Found::Empty => Err(DataDirError::Empty(here())),
        Found::Unfinished(by) => Err(DataDirError::Unfinished { root: here(), by }),
        Found::Foreign(name) => Err(DataDirError::Foreign { root: here(), name }),
    }
}

/// Makes sure that a command may fill a directory, without touching it. Whether it was cut off there before.
fn is_free_for(root: &Path, by: &str) -> Result<bool, DataDirError> {
    let holds = match refuse_unless_registry(root) {
        Ok(()) => return Err(DataDirError::HoldsRegistry(root.to_owned())),
        Err(DataDirError::Missing(_) | DataDirError::Empty(_)) => return Ok(false),
        Err(DataDirError::Unfinished { by: before, .. }) if before == by => return Ok(true),
        Err(DataDirError::Unfinished { by, .. }) => format!("what `{by}` left when it was cut off"),
        Err(DataDirError::IsBackup(_)) => "a backup".to_owned(),
        Err(DataDirError::Foreign { name, .. }) => format!("something else ({name})"),
        Err(refused) => return Err(refused),
    };
    Err(DataDirError::NotEmpty { root: root.to_owned(), holds })
}

/// Keeps other processes out of a directory.
fn lock(root: &Path) -> Result<Arc<File>, DataDirError> {
    let path = root.join(LOCK);
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let mut lock = lock.map_err(disk("locked", &path))?;
    lock.try_lock().map_err(|refusal| match refusal {
        TryLockError::WouldBlock => DataDirError::InUse { root: root.to_owned(), holder: holder(&path) },
        TryLockError::Error(source) => disk("locked", &path)(source),
    })?;
    // For the processes that are refused. Nothing depends on it: the disk may be full.
    drop(lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id())));
    Ok(Arc::new(lock))
}

/// The process that has the lock, in words.
fn holder(lock: &Path) -> String {
    let id = fs::read_to_string(lock).ok().and_then(|text| text.trim().parse::<u32>().ok());
    let Some(id) = id else { return "another process".to_owned() };
    // The program and its command. Another container's processes are not to be seen.
    let words = fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
    let command: Vec<_> = words.split('\0').take(2).filter(|word| !word.is_empty()).collect();
    match command.is_empty() {
        true => format!("process {id}"),
        false => format!("process {id} ({})", command.join(" ")),
    }
}

/// Makes sure that a directory, a data directory or a backup of one, is in the format of this program.
pub(super) fn require_current_format(root: &Path) -> Result<(), DataDirError> {
    refuse_earlier(root, format_of(root)?)
}

fn refuse_earlier(root: &Path, found: u32) -> Result<(), DataDirError> {
    if found < LAYOUT_VERSION { Err(DataDirError::EarlierFormat { root: root.to_owned(), found }) } else { Ok(()) }
}

/// The version of the layout of a directory, a data directory or a backup of one: one that this program knows.
pub(super) fn format_of(root: &Path) -> Result<u32, DataDirError> {
    let path = root.join(FORMAT);
    let text = fs::read_to_string(&path).map_err(disk("read", &path))?;
    match text.trim().parse() {
        Ok(found @ OLDEST_VERSION..=LAYOUT_VERSION) => Ok(found),
        Ok(found) if found > LAYOUT_VERSION => Err(DataDirError::NewerFormat { root: root.to_owned(), found }),
        _ => Err(DataDirError::BadFormat(root.to_owned())),
    }
}

fn write_format(root: &Path) -> Result<(), DataDirError> {
    let path = root.join(FORMAT);
    write_durably(&path, format!("{LAYOUT_VERSION}\n").as_bytes(), 0o600).map_err(disk("written", &path))
}

fn random_key() -> io::Result<Key> {
    let mut key = Key::default();
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    Ok(key)
}
