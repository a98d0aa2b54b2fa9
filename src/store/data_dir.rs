//! The data directory: who may use it, what it holds, and which programs can read it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The version of the directory's layout.
const LAYOUT_VERSION: u32 = 1;

/// The file that says so.
pub(super) const FORMAT: &str = "FORMAT";

/// A key that a registry makes once and keeps.
pub type Key = [u8; 32];

/// The data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another process uses it. Stop that one, or name another directory.
    #[error("the data directory is in use by another process: stop it, or name another data directory")]
    InUse,
    /// A later program wrote it.
    #[error(
        "the data directory has format {found} and this program knows format {LAYOUT_VERSION}: \
         start the release that wrote it, or a later one"
    )]
    NewerFormat {
        /// Its version.
        found: u32,
    },
    /// It holds no format that can be read, though it holds something else. It is no data directory, or a damaged one.
    #[error("the data directory's FORMAT cannot be read: name another data directory, or restore this one")]
    NotADataDir,
    /// Nothing was ever recorded there. Name another directory.
    #[error("there is no registry in the data directory: name the one that it is kept in")]
    NoRegistry,
    /// A restore must not mix with what is there.
    #[error("the data directory is not empty: name one that is empty or does not exist")]
    NotEmpty,
    /// The key is not 32 bytes long.
    #[error("keys/request.key is not 32 bytes long: restore it from a backup")]
    BadKey,
    /// The disk refused.
    #[error("the data directory could not be {doing}")]
    Disk {
        /// What was attempted.
        doing: &'static str,
        /// What the disk said.
        source: io::Error,
    },
}

/// A data directory that no other process uses, as long as this lives.
pub(super) struct DataDir {
    root: PathBuf,
    /// Held, not read: the lock goes when it is dropped.
    _lock: File,
}

impl DataDir {
    /// Takes the directory, making it if it does not exist.
    pub fn open(root: &Path) -> Result<DataDir, DataDirError> {
        let directory = DataDir::lock(root)?;
        directory.check_format()?;
        directory.make_parts()?;
        Ok(directory)
    }

    /// Takes the directory of a registry that is there, and makes nothing.
    pub fn open_existing(root: &Path) -> Result<DataDir, DataDirError> {
        if !root.join(FORMAT).exists() && !root.join("log").exists() {
            return Err(DataDirError::NoRegistry);
        }
        let directory = DataDir::lock(root)?;
        check_format_of(root)?;
        Ok(directory)
    }

    /// Takes a directory that is to be filled, making it if it does not exist. Until [`DataDir::finish`] no program takes
    /// it for a registry once something is in it.
    pub fn begin(root: &Path) -> Result<DataDir, DataDirError> {
        let directory = DataDir::lock(root)?;
        let names: Vec<_> = fs::read_dir(root).and_then(Iterator::collect).map_err(disk("read"))?;
        if names.iter().any(|entry: &fs::DirEntry| entry.file_name() != "LOCK") {
            return Err(DataDirError::NotEmpty);
        }
        directory.make_parts()?;
        Ok(directory)
    }

    /// Makes what was filled a registry.
    pub fn finish(&self) -> Result<(), DataDirError> {
        for part in [self.log(), self.keys(), self.root.clone()] {
            sync_directory(&part).map_err(disk("made durable"))?;
        }
        self.write_format()
    }

    fn lock(root: &Path) -> Result<DataDir, DataDirError> {
        let made = fs::create_dir_all(root).and_then(|()| sync_directory(root.parent().unwrap_or(root)));
        made.map_err(disk("made"))?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(root.join("LOCK"));
        let lock = lock.map_err(disk("locked"))?;
        lock.try_lock().map_err(|refusal| match refusal {
            TryLockError::WouldBlock => DataDirError::InUse,
            TryLockError::Error(source) => disk("locked")(source),
        })?;
        Ok(DataDir { root: root.to_owned(), _lock: lock })
    }

    fn make_parts(&self) -> Result<(), DataDirError> {
        for part in [self.log(), self.keys()] {
            fs::create_dir_all(part).map_err(disk("made"))?;
        }
        sync_directory(&self.root).map_err(disk("made"))
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the log is.
    pub fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    /// Where the index is.
    pub fn index(&self) -> PathBuf {
        self.root.join("index")
    }

    fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// The key of the digests that tell a repeated request from another, made at the first start unless one is given.
    pub fn request_key(&self, given: Option<Key>) -> Result<Key, DataDirError> {
        let path = self.keys().join("request.key");
        match fs::read(&path) {
            Ok(bytes) => bytes.try_into().map_err(|_| DataDirError::BadKey),
            Err(absent) if absent.kind() == io::ErrorKind::NotFound => {
                let key = given.map_or_else(random_key, Ok).map_err(disk("given a key"))?;
                write_durably(&path, &key, 0o600).map_err(disk("given a key"))?;
                Ok(key)
            }
            Err(source) => Err(disk("read")(source)),
        }
    }

    fn check_format(&self) -> Result<(), DataDirError> {
        if self.root.join(FORMAT).exists() || self.log().exists() {
            return check_format_of(&self.root);
        }
        self.write_format()
    }

    fn write_format(&self) -> Result<(), DataDirError> {
        let text = format!("{LAYOUT_VERSION}\n");
        write_durably(&self.root.join(FORMAT), text.as_bytes(), 0o644).map_err(disk("given a format"))
    }
}

/// Makes sure that this program knows the layout of a directory, a data directory or a backup of one.
pub(super) fn check_format_of(root: &Path) -> Result<(), DataDirError> {
    match fs::read_to_string(root.join(FORMAT)) {
        Ok(text) => match text.trim().parse() {
            Ok(LAYOUT_VERSION) => Ok(()),
            Ok(found) if found > LAYOUT_VERSION => Err(DataDirError::NewerFormat { found }),
            _ => Err(DataDirError::NotADataDir),
        },
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => Err(DataDirError::NotADataDir),
        Err(source) => Err(disk("read")(source)),
    }
}

fn random_key() -> io::Result<Key> {
    let mut key = Key::default();
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    Ok(key)
}

fn disk(doing: &'static str) -> impl Fn(io::Error) -> DataDirError {
    move |source| DataDirError::Disk { doing, source }
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    let here = Path::new(".");
    File::open(if directory.as_os_str().is_empty() { here } else { directory })?.sync_all()
}

/// Puts a file in place whole, or not at all.
pub(super) fn write_durably(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let draft = path.with_extension("tmp");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(mode).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    path.parent().map_or(Ok(()), sync_directory)
}
