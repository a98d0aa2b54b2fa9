//! Why a data directory cannot be used: in sentences that name the directory and the remedy.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::LAYOUT_VERSION;
use crate::domain::id::Revision;

/// The data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another process uses it. Stop that process, or name another directory.
    #[error("the data directory {} is in use by {holder}: stop that process, or name another data directory", root.display())]
    InUse {
        /// The directory.
        root: PathBuf,
        /// The process, with its id if that is known.
        holder: String,
    },
    /// A later release wrote it.
    #[error(
        "the data directory {} has format {found} and this program knows format {LAYOUT_VERSION}: start the release that \
         wrote it, or a later one",
        root.display()
    )]
    NewerFormat {
        /// The directory.
        root: PathBuf,
        /// Its version.
        found: u32,
    },
    /// An earlier release wrote it, and it is still to be rewritten.
    #[error(
        "the data directory {} has format {found}: start this release on it once, which rewrites it in format \
         {LAYOUT_VERSION}; if its log is damaged, restore a backup, or accept the loss with the release that wrote it",
        root.display()
    )]
    EarlierFormat {
        /// The directory.
        root: PathBuf,
        /// Its version.
        found: u32,
    },
    /// Its FORMAT is damaged.
    #[error("{} is damaged: restore the registry from a backup", .0.join(super::FORMAT).display())]
    BadFormat(PathBuf),
    /// The directory does not exist.
    #[error(
        "no registry here: {dir} does not exist: is the disk mounted? (`cpss-registry create --data-dir {dir}` makes a \
         new registry)",
        dir = .0.display()
    )]
    Missing(PathBuf),
    /// What has the directory's name is no directory.
    #[error("{} is not a directory: name one that is", .0.display())]
    NotADirectory(PathBuf),
    /// Nothing is in the directory.
    #[error(
        "no registry here: {dir} is empty: is the disk mounted? (`cpss-registry create --data-dir {dir}` makes a new \
         registry)",
        dir = .0.display()
    )]
    Empty(PathBuf),
    /// The directory holds something else.
    #[error(
        "no registry here: {} has no FORMAT and holds something else ({name}): name the data directory of a registry",
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
        "no registry here: {dir} is a backup: `cpss-registry restore {dir} --data-dir EMPTY` makes a registry of it",
        dir = .0.display()
    )]
    IsBackup(PathBuf),
    /// A command was cut off while it filled the directory.
    #[error(
        "no registry here: `{by}` was cut off before it had filled {}: run it again, or empty the directory",
        root.display()
    )]
    Unfinished {
        /// The directory.
        root: PathBuf,
        /// The command.
        by: String,
    },
    /// The log of the registry is not there.
    #[error(
        "no registry here: {} holds no record: is its disk mounted? If it is, restore the registry from a backup",
        .0.display()
    )]
    NoRecord(PathBuf),
    /// The same, and what is beside it proves that there were records.
    #[error(
        "records were lost: the records up to {acknowledged} were acknowledged, and {} holds no record: is its disk mounted? \
         If it is, restore the registry from a backup",
        log.display()
    )]
    LostLog {
        /// The log's directory.
        log: PathBuf,
        /// The last record known to have been acknowledged.
        acknowledged: Revision,
    },
    /// A new registry must not mix with one that is there.
    #[error("the data directory {} is not empty, it holds a registry: name one that is empty or does not exist", .0.display())]
    HoldsRegistry(PathBuf),
    /// Nor with anything else.
    #[error("the data directory {} is not empty, it holds {holds}: name one that is empty or does not exist", root.display())]
    NotEmpty {
        /// The directory.
        root: PathBuf,
        /// What is in it.
        holds: String,
    },
    /// The key is lost.
    #[error(
        "{} is {fault}: copy it from a backup. If no backup has it, start once with `serve --new-request-key`: requests \
         that were recorded before and are sent again are refused from then on (REQUEST_ID_REUSED)",
        path.display()
    )]
    NoKey {
        /// The key's file.
        path: PathBuf,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// Others than its owner and group may write it.
    #[error(
        "every user may write the data directory {dir} (mode {mode:04o}), and so replace the record: `chmod o-w {dir}`, or \
         name a directory in it that does not exist yet",
        dir = root.display()
    )]
    WritableByOthers {
        /// The directory.
        root: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The process lacks a permission.
    #[error("{path} may not be {doing} by user {user}: {belongs}: run this command as that user", path = path.display())]
    Forbidden {
        /// The file or directory.
        path: PathBuf,
        /// What was attempted.
        doing: &'static str,
        /// The user id of this process.
        user: u32,
        /// Who may, and by which mode.
        belongs: String,
        /// What the system said.
        source: io::Error,
    },
    /// The disk refused.
    #[error("{} could not be {doing}", path.display())]
    Disk {
        /// The file or directory.
        path: PathBuf,
        /// What was attempted.
        doing: &'static str,
        /// What the disk said.
        source: io::Error,
    },
}

impl DataDirError {
    /// Whether the operator named a directory that is no registry: one that is missing, empty, or something else.
    pub fn is_no_registry(&self) -> bool {
        use DataDirError::{Empty, Foreign, IsBackup, Missing, NotADirectory, NotEmpty, Unfinished};
        let is_none = matches!(self, Missing(_) | NotADirectory(_) | Empty(_) | IsBackup(_));
        is_none || matches!(self, Foreign { .. } | Unfinished { .. } | NotEmpty { .. })
    }

    /// Whether nothing helps but to name another directory, to put this one right, to mount its disk, or to restore a
    /// backup: there is no registry, none with its log, or one that everybody may write.
    pub fn is_wrong_place(&self) -> bool {
        use DataDirError::{LostLog, NoRecord, WritableByOthers};
        self.is_no_registry() || matches!(self, NoRecord(_) | LostLog { .. } | WritableByOthers { .. })
    }
}

/// The failure of an operation on a file or directory.
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

/// Whose the file is. Where a directory above hides it, or does not have it yet, that directory decides.
fn belongs(path: &Path) -> String {
    for decides in path.ancestors() {
        if let Ok(found) = fs::metadata(decides) {
            let (owner, mode, path) = (found.uid(), found.mode() & 0o7777, decides.display());
            return format!("{path} belongs to user {owner} and has mode {mode:04o}");
        }
    }
    "its owner is not known".to_owned()
}
