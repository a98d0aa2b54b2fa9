//! The reasons why a data directory cannot be used. Each message names the directory and the remedy.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::LAYOUT_VERSION;
use crate::domain::id::Revision;

/// The reasons why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another process uses it. Stop that process, or give another directory.
    #[error(
        "the data directory {} is in use by {holder}: stop that process, or name another data directory",
        root.display()
    )]
    InUse {
        /// The directory.
        root: PathBuf,
        /// The process, with its id if that is known.
        holder: String,
    },
    /// A later release wrote it.
    #[error(
        "the data directory {} has format {found} but this program supports format {LAYOUT_VERSION}: start the release \
         that wrote it, or a later one",
        root.display()
    )]
    NewerFormat {
        /// The directory.
        root: PathBuf,
        /// The version found.
        found: u32,
    },
    /// An earlier release wrote it, and it was not rewritten yet.
    #[error(
        "the data directory {} has format {found}: start this release on it once, which rewrites it in format \
         {LAYOUT_VERSION}; if its log is damaged, restore a backup, or accept the loss with the release that wrote it",
        root.display()
    )]
    EarlierFormat {
        /// The directory.
        root: PathBuf,
        /// The version found.
        found: u32,
    },
    /// The log is a copy, and it would be appended to.
    #[error(
        "the log in the data directory {} is a copy of a log in a database: set engine = \"postgresql\" in the table \
         [log], or bring the log here with `cpss-registry log pull`",
        .0.display()
    )]
    IsCopy(PathBuf),
    /// The directory keeps a log of its own, and it would be used as a copy.
    #[error(
        "the data directory {} keeps a log of its own, which is not in the database: move it there with \
         `cpss-registry log move`, or name an empty directory, which is filled from the database",
        .0.display()
    )]
    KeepsItsLog(PathBuf),
    /// A file does not contain what it should.
    #[error("{} is damaged: restore the registry from a backup, or fill the replica again", .0.display())]
    BadFile(PathBuf),
    /// FORMAT is damaged.
    #[error("{} is damaged: restore the registry from a backup", .0.join(super::FORMAT).display())]
    BadFormat(PathBuf),
    /// The directory does not exist.
    #[error(
        "no registry here: {dir} does not exist: is the disk mounted? (`cpss-registry create --data-dir {dir}` creates \
         a new registry)",
        dir = .0.display()
    )]
    Missing(PathBuf),
    /// The path is not a directory.
    #[error("{} is not a directory: name one that is", .0.display())]
    NotADirectory(PathBuf),
    /// The directory is empty.
    #[error(
        "no registry here: {dir} is empty: is the disk mounted? (`cpss-registry create --data-dir {dir}` creates a new \
         registry)",
        dir = .0.display()
    )]
    Empty(PathBuf),
    /// The directory contains something else.
    #[error(
        "no registry here: {} has no FORMAT and contains something else ({name}): name the data directory of a \
         registry",
        root.display()
    )]
    Foreign {
        /// The directory.
        root: PathBuf,
        /// One of the names in it.
        name: String,
    },
    /// The directory is a backup. Restore it.
    #[error(
        "no registry here: {dir} is a backup: `cpss-registry restore {dir} --data-dir EMPTY` restores it",
        dir = .0.display()
    )]
    IsBackup(PathBuf),
    /// A command was interrupted while it filled the directory.
    #[error(
        "no registry here: `{by}` was interrupted before it had filled {}: run it again, or empty the directory",
        root.display()
    )]
    Unfinished {
        /// The directory.
        root: PathBuf,
        /// The command.
        by: String,
    },
    /// The log of the registry contains no record.
    #[error(
        "no registry here: {} contains no records: is its disk mounted? If it is, restore the registry from a backup",
        .0.display()
    )]
    NoRecord(PathBuf),
    /// The log of the registry contains no record, and other files prove that there were records.
    #[error(
        "records were lost: the records up to {acknowledged} were acknowledged, but {} contains no records: is its \
         disk mounted? If it is, restore the registry from a backup",
        log.display()
    )]
    LostLog {
        /// The log's directory.
        log: PathBuf,
        /// The last record known to have been acknowledged.
        acknowledged: Revision,
    },
    /// The directory already contains a registry.
    #[error(
        "the data directory {} is not empty, it contains a registry: name one that is empty or does not exist",
        .0.display()
    )]
    HoldsRegistry(PathBuf),
    /// The directory contains something else.
    #[error(
        "the data directory {} is not empty, it contains {contents}: name one that is empty or does not exist",
        root.display()
    )]
    NotEmpty {
        /// The directory.
        root: PathBuf,
        /// What the directory contains.
        contents: String,
    },
    /// The key is missing or damaged.
    #[error(
        "{} is {fault}: copy it from a backup. If no backup has it, start once with `serve --new-request-key`: after \
         that, repetitions of earlier requests are refused (REQUEST_ID_REUSED)",
        path.display()
    )]
    NoKey {
        /// The key's file.
        path: PathBuf,
        /// What is wrong with the key.
        fault: &'static str,
    },
    /// The key is not the one that all replicas have.
    #[error(
        "{} is not the request key that the configuration names: is it the right data directory? An empty one is \
         filled from the shared log",
        path.display()
    )]
    AnotherKey {
        /// The key's file.
        path: PathBuf,
    },
    /// The file of a signing key is damaged.
    #[error(
        "{} cannot be used: {fault}: copy it from a backup, or move it away: a new key is then made and signs, and \
         what the old one signed is verified by its .jwk as before",
        path.display()
    )]
    BadSigningKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: String,
    },
    /// No key can sign answers, or none can sign checkpoints.
    #[error(
        "{} has no keys that sign: copy the files there from a backup or from another replica. A registry whose log is \
         not shared makes new keys at its start",
        .0.display()
    )]
    NoSigningKeys(PathBuf),
    /// Users other than the owner and group can write to it.
    #[error(
        "every user can write to the data directory {dir} (mode {mode:04o}) and replace its files: `chmod o-w {dir}`, or \
         name a new directory inside it",
        dir = root.display()
    )]
    WritableByOthers {
        /// The directory.
        root: PathBuf,
        /// The mode of the directory.
        mode: u32,
    },
    /// The process lacks a permission.
    #[error(
        "{path} may not be {doing} by user {user}: {belongs}: run this command as that user",
        path = path.display()
    )]
    Forbidden {
        /// The file or directory.
        path: PathBuf,
        /// The operation, as a past participle.
        doing: &'static str,
        /// The user id of this process.
        user: u32,
        /// The owner and mode of the file.
        belongs: String,
        /// The cause.
        source: io::Error,
    },
    /// An I/O operation failed.
    #[error("{} could not be {doing}", path.display())]
    Disk {
        /// The file or directory.
        path: PathBuf,
        /// The operation, as a past participle.
        doing: &'static str,
        /// The cause.
        source: io::Error,
    },
}

impl DataDirError {
    /// True if the given directory does not contain a registry: it is missing, empty, or contains something else.
    pub fn is_no_registry(&self) -> bool {
        use DataDirError::{Empty, Foreign, IsBackup, Missing, NotADirectory, NotEmpty, Unfinished};
        let is_none = matches!(self, Missing(_) | NotADirectory(_) | Empty(_) | IsBackup(_));
        is_none || matches!(self, Foreign { .. } | Unfinished { .. } | NotEmpty { .. })
    }

    /// True if the operator must give another directory, fix its permissions, mount its disk, or restore a backup:
    /// there is no registry, its log is missing, or every user can write to it.
    pub fn is_wrong_place(&self) -> bool {
        use DataDirError::{IsCopy, KeepsItsLog, LostLog, NoRecord, WritableByOthers};
        let is_lost = matches!(self, NoRecord(_) | LostLog { .. });
        self.is_no_registry() || is_lost || matches!(self, IsCopy(_) | KeepsItsLog(_) | WritableByOthers { .. })
    }
}

/// Returns a function that wraps the I/O error of an operation on a file or directory.
pub(in crate::store) fn disk(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DataDirError {
    let path = path.to_owned();
    move |source| match source.kind() {
        io::ErrorKind::PermissionDenied => {
            let user = rustix::process::geteuid().as_raw();
            DataDirError::Forbidden { belongs: belongs(&path), path, doing, user, source }
        }
        _ => DataDirError::Disk { path, doing, source },
    }
}

/// The owner and mode of a file. If the file is hidden or missing, those of the nearest readable parent directory.
fn belongs(path: &Path) -> String {
    for decides in path.ancestors() {
        if let Ok(found) = fs::metadata(decides) {
            let (owner, mode, path) = (found.uid(), found.mode() & 0o7777, decides.display());
            return format!("{path} belongs to user {owner} and has mode {mode:04o}");
        }
    }
    "its owner is not known".to_owned()
}
