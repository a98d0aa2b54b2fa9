//! What a witness keeps: the keys that it trusts, every checkpoint that it saw, and the hashes of all leaves.
//!
//! | name | contents |
//! | --- | --- |
//! | `keys` | the Ed25519 keys of checkpoints, in base64, one a line |
//! | `latest` | the latest checkpoint that was found right |
//! | `seen.jsonl` | every checkpoint that was found right, with the time |
//! | `trees/EPOCH/` | the hashes, as in the directory `tree` of a registry |
//! | `refused/TIME/` | a checkpoint that was refused, the one before it, and why |

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::cli::new_file::NewFile;
use crate::proof::tree::{Checkpoint, Hash, Tile};
use crate::registry::clock;
use crate::store::tree::{FollowError, TreeError, TreeWriter};

/// The state cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(super) enum StateError {
    /// A file cannot be read or written.
    #[error(transparent)]
    Disk(#[from] io::Error),
    /// The hashes cannot be read or written.
    #[error(transparent)]
    Tree(#[from] FollowError),
    /// Another process uses it.
    #[error("another witness uses this directory")]
    InUse,
    /// A file is not what was written.
    #[error("{0} was changed or damaged: set it aside, and begin again with a checkpoint that you trust")]
    Damaged(&'static str),
}

impl From<TreeError> for StateError {
    fn from(_: TreeError) -> StateError {
        StateError::Damaged("trees")
    }
}

/// A checkpoint that was found right.
#[derive(Clone)]
pub(super) struct Seen {
    /// The signed note.
    pub note: String,
    /// What it says.
    pub checkpoint: Checkpoint,
}

/// The state of a witness.
pub(super) struct State {
    directory: PathBuf,
    /// The keys that checkpoints may be signed by.
    pub keys: Vec<[u8; 32]>,
    /// The latest checkpoint that was found right.
    pub last: Option<Seen>,
    /// Held, not read: the directory is locked until this is dropped.
    _lock: File,
}

/// A line of `seen.jsonl`.
#[derive(Serialize)]
struct Line<'a> {
    seen_at: String,
    checkpoint: &'a str,
}

impl State {
    /// Opens the state in a directory, which is created if it does not exist.
    pub fn open(directory: &Path) -> Result<State, StateError> {
        fs::create_dir_all(directory)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(directory.join("LOCK"))?;
        lock.try_lock().map_err(|_| StateError::InUse)?;
        let keys = match read(&directory.join("keys"))? {
            None => Vec::new(),
            Some(text) => {
                let key = |line: &str| STANDARD.decode(line).ok()?.try_into().ok();
                text.lines().map(key).collect::<Option<Vec<_>>>().ok_or(StateError::Damaged("keys"))?
            }
        };
        let last = read(&directory.join("latest"))?.map(|note| {
            let checkpoint = Checkpoint::read_signed(&note, keys.iter().copied());
            checkpoint.map(|checkpoint| Seen { note, checkpoint }).map_err(|_| StateError::Damaged("latest"))
        });
        if last.is_none() && directory.join("seen.jsonl").exists() {
            return Err(StateError::Damaged("latest"));
        }
        Ok(State { directory: directory.to_owned(), keys, last: last.transpose()?, _lock: lock })
    }

    /// Opens the hashes of an epoch.
    pub fn tree(&self, epoch: &str) -> Result<TreeWriter, StateError> {
        Ok(TreeWriter::open_copy(&self.directory.join("trees").join(epoch))?)
    }

    /// Begins the hashes of an epoch with those of an earlier one, up to a size.
    pub fn forked(&self, earlier: &TreeWriter, size: u64, epoch: &str) -> Result<TreeWriter, StateError> {
        let path = self.directory.join("trees").join(epoch);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let mut tree = self.tree(epoch)?;
        for tile in Tile::between(0, 0, size) {
            let bytes = earlier.reader().tile(tile)?;
            let hashes: &[Hash] = bytes.as_chunks().0;
            tree.append(hashes)?;
        }
        Ok(tree)
    }

    /// Trusts a key from now on.
    pub fn trust(&mut self, key: [u8; 32]) -> Result<(), StateError> {
        if !self.keys.contains(&key) {
            self.keys.push(key);
            let lines: String = self.keys.iter().map(|key| format!("{}\n", STANDARD.encode(key))).collect();
            self.replace("keys", lines.as_bytes())?;
        }
        Ok(())
    }

    /// Keeps a checkpoint that was found right, and the hashes that it was computed from.
    pub fn keep(&mut self, seen: Seen, tree: &mut TreeWriter) -> Result<(), StateError> {
        tree.save()?;
        let line = Line { seen_at: clock::now().to_string(), checkpoint: &seen.note };
        let line = serde_json::to_string(&line).map_err(io::Error::other)?;
        let mut file = OpenOptions::new().create(true).append(true).open(self.directory.join("seen.jsonl"))?;
        writeln!(file, "{line}")?;
        file.sync_all()?;
        self.replace("latest", seen.note.as_bytes())?;
        self.last = Some(seen);
        Ok(())
    }

    /// Keeps a checkpoint that was refused, as evidence, beside the one that it contradicts.
    pub fn keep_refused(&self, note: &str, why: &str) -> Result<(), StateError> {
        let directory = self.directory.join("refused").join(clock::now().to_string());
        fs::create_dir_all(&directory)?;
        let last = self.last.as_ref().map_or("", |last| &last.note);
        for (name, text) in [("refused.note", note), ("latest.note", last), ("why", &format!("{why}\n"))] {
            let mut file = File::create(directory.join(name))?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
        }
        Ok(())
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = NewFile::replacing(&self.directory.join(name))?;
        file.write_all(bytes)?;
        file.keep()?;
        File::open(&self.directory)?.sync_all()
    }
}

fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}
