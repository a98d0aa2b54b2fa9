//! The data directory: its lock, its permissions, its parts, and its format.

mod error;
mod files;
mod permissions;
mod set_aside;
mod unfinished;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use self::error::DataDirError;
pub(super) use self::error::disk;
pub(super) use self::files::{make_directory, move_away, paths_in, remove, sync_directory, write_durably};
pub(super) use self::set_aside::{all_set_aside, begin_set_aside, kept_through};
pub use self::unfinished::Unfinished;
pub(super) use self::unfinished::{Found, UNPACKED, inspect, mark, unmark};

/// The version of the directory's layout. A directory of version 1 is rewritten when its registry is opened or
/// restored.
pub(super) const LAYOUT_VERSION: u32 = 2;

/// The oldest version that can be rewritten.
const OLDEST_VERSION: u32 = 1;

/// The file with the layout version. Its presence makes the directory a registry.
pub(super) const FORMAT: &str = "FORMAT";

/// The file whose presence makes the log of the directory a copy of one in a database.
pub(super) const COPY: &str = "COPY";

/// The file whose presence makes the directory a backup.
pub(super) const MANIFEST: &str = "MANIFEST";

/// The lock file. It contains the id of the process that locked it last.
const LOCK: &str = "LOCK";

/// The file of the key for request digests, which identify repeated requests.
pub(super) const REQUEST_KEY: &str = "keys/request.key";

/// A key that a registry creates once and keeps.
pub type Key = [u8; 32];

/// A data directory, locked against other processes as long as this value lives.
pub(super) struct DataDir {
    root: PathBuf,
    format: u32,
    /// Held, not read: the lock is released when the last holder is dropped.
    _lock: Arc<File>,
}

impl DataDir {
    /// Opens the directory of a registry in the current format. Creates nothing.
    pub fn open(root: &Path) -> Result<DataDir, DataDirError> {
        let directory = DataDir::open_to_upgrade(root)?;
        refuse_earlier(root, directory.format)?;
        Ok(directory)
    }

    /// Opens the directory of a registry in the current format or an earlier one.
    pub fn open_to_upgrade(root: &Path) -> Result<DataDir, DataDirError> {
        refuse_unless_registry(root)?;
        permissions::check(root)?;
        let lock = lock(root)?;
        permissions::restrict_once(root)?;
        let directory = DataDir { root: root.to_owned(), format: format_of(root)?, _lock: lock };
        // The command that filled the directory may have been killed before it removed its mark.
        unmark(root);
        Ok(directory)
    }

    /// Locks a directory to create a registry in it, and creates the directory if it does not exist. Fails if the
    /// directory contains something, unless the same command was interrupted there: then it starts again.
    pub fn begin(root: &Path, by: &str) -> Result<(DataDir, Unfinished), DataDirError> {
        let was_interrupted = is_free_for(root, by)?;
        permissions::check(root)?;
        let made = make_directory(root).map_err(disk("made", root))?;
        let lock = lock(root)?;
        let unfinished = Unfinished::new(root, made, Arc::clone(&lock));
        // Check again: another process may have been faster before the directory was locked.
        if let Err(taken) = is_free_for(root, by) {
            unfinished.release();
            return Err(taken);
        }
        if was_interrupted {
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

    /// The version of the layout at the time of opening.
    pub fn format(&self) -> u32 {
        self.format
    }

    /// Stores that the directory is in the current format.
    pub fn write_current_format(&self) -> Result<(), DataDirError> {
        write_format(&self.root)
    }

    /// The path of the directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The path of the log.
    fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    /// The path of the index.
    pub fn index(&self) -> PathBuf {
        self.root.join("index")
    }

    /// The path of the keys.
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// The key for request digests.
    pub fn request_key(&self) -> Result<Key, DataDirError> {
        request_key_in(&self.root)
    }

    /// Creates that key: the given one, or a random one.
    pub fn make_request_key(&self, given: Option<Key>) -> Result<Key, DataDirError> {
        let (keys, path) = (self.keys(), self.root.join(REQUEST_KEY));
        let key = given.map_or_else(random_key, Ok).map_err(disk("made", &path))?;
        // The directory of keys may be lost together with the key.
        make_directory(&keys).map_err(disk("made", &keys))?;
        write_durably(&path, &key, 0o600).map_err(disk("written", &path))?;
        Ok(key)
    }
}

/// The request key in a data directory. Another process may be serving it.
pub fn request_key_in(root: &Path) -> Result<Key, DataDirError> {
    let path = root.join(REQUEST_KEY);
    match fs::read(&path) {
        Ok(bytes) => bytes.try_into().map_err(|_| DataDirError::NoKey { path, fault: "not 32 bytes long" }),
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => Err(DataDirError::NoKey { path, fault: "missing" }),
        Err(refused) => Err(disk("read", &path)(refused)),
    }
}

/// Fails if a data directory has another request key than the given one. Changes nothing.
pub(super) fn require_key(root: &Path, key: &Key) -> Result<(), DataDirError> {
    match request_key_in(root) {
        Ok(found) if found != *key => Err(DataDirError::AnotherKey { path: root.join(REQUEST_KEY) }),
        _ => Ok(()),
    }
}

/// Fails unless a directory contains a registry. Changes nothing.
pub(super) fn refuse_unless_registry(root: &Path) -> Result<(), DataDirError> {
    let here = || root.to_owned();
    if root.join(MANIFEST).exists() {
        return Err(DataDirError::IsBackup(here()));
    }
    match inspect(root, FORMAT)? {
        Found::Complete => Ok(()),
        Found::Missing => Err(DataDirError::Missing(here())),
        Found::Empty => Err(DataDirError::Empty(here())),
        Found::Unfinished(by) => Err(DataDirError::Unfinished { root: here(), by }),
        Found::Foreign(name) => Err(DataDirError::Foreign { root: here(), name }),
    }
}

/// Fails unless a command may fill a directory. Changes nothing. Returns true if the same command was interrupted
/// there.
fn is_free_for(root: &Path, by: &str) -> Result<bool, DataDirError> {
    let contents = match refuse_unless_registry(root) {
        Ok(()) => return Err(DataDirError::HoldsRegistry(root.to_owned())),
        Err(DataDirError::Missing(_) | DataDirError::Empty(_)) => return Ok(false),
        Err(DataDirError::Unfinished { by: before, .. }) if before == by => return Ok(true),
        Err(DataDirError::Unfinished { by, .. }) => format!("what `{by}` left when it was interrupted"),
        Err(DataDirError::IsBackup(_)) => "a backup".to_owned(),
        Err(DataDirError::Foreign { name, .. }) => format!("something else ({name})"),
        Err(refused) => return Err(refused),
    };
    Err(DataDirError::NotEmpty { root: root.to_owned(), contents })
}

/// Locks a directory against other processes.
pub(super) fn lock(root: &Path) -> Result<Arc<File>, DataDirError> {
    let path = root.join(LOCK);
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let mut lock = lock.map_err(disk("locked", &path))?;
    lock.try_lock().map_err(|refusal| match refusal {
        TryLockError::WouldBlock => DataDirError::InUse { root: root.to_owned(), holder: holder(&path) },
        TryLockError::Error(source) => disk("locked", &path)(source),
    })?;
    // The process id is only for error messages, so an error is ignored: the disk may be full.
    drop(lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id())));
    Ok(Arc::new(lock))
}

/// Describes the process that holds the lock.
fn holder(lock: &Path) -> String {
    let id = fs::read_to_string(lock).ok().and_then(|text| text.trim().parse::<u32>().ok());
    let Some(id) = id else { return "another process".to_owned() };
    // The program and its command. They are unavailable if the process runs in another container.
    let words = fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
    let command: Vec<_> = words.split('\0').take(2).filter(|word| !word.is_empty()).collect();
    match command.is_empty() {
        true => format!("process {id}"),
        false => format!("process {id} ({})", command.join(" ")),
    }
}

/// Fails unless a data directory or backup is in the current format.
pub(super) fn require_current_format(root: &Path) -> Result<(), DataDirError> {
    refuse_earlier(root, format_of(root)?)
}

fn refuse_earlier(root: &Path, found: u32) -> Result<(), DataDirError> {
    if found < LAYOUT_VERSION { Err(DataDirError::EarlierFormat { root: root.to_owned(), found }) } else { Ok(()) }
}

/// The layout version of a data directory or backup. Fails if this program does not support it.
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
