//! The SQLite file of the copy, in WAL mode so that others can read it while it is written.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, params};

use super::change::{ApplyError, apply, day};
use crate::proto::v1;

const SCHEMA: &str = include_str!("schema.sql");

/// The application id in the file's header: "CPSm".
const APPLICATION: i32 = 0x4350_536d;

/// The version of the schema.
const VERSION: i32 = 1;

/// How long to wait for readers and other writers.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why the copy cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file is not a copy of a registry.
    #[error("it is another database, or not an SQLite database: use another file")]
    NotACopy,
    /// A newer program wrote the file.
    #[error("a newer version of this program wrote it: use that version, or start over with --rebuild")]
    Newer,
    /// Another process writes the copy.
    #[error("another process is writing it")]
    KeptByAnother,
    /// A reader of the old copy prevents replacing it.
    #[error("another process is reading it and does not stop")]
    Busy,
    /// The message is not the next one.
    #[error("the feed continued with part {part} of revision {revision}, which is not the next message")]
    Gap {
        /// The revision of the message.
        revision: u64,
        /// The part of the message.
        part: u32,
    },
    /// A change could not be applied.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// SQLite failed. Its message already contains its cause.
    #[error("SQLite error: {0}")]
    Sql(rusqlite::Error),
    /// The file system failed.
    #[error("the file cannot be opened or replaced")]
    Disk(#[from] std::io::Error),
}

impl From<rusqlite::Error> for FileError {
    fn from(error: rusqlite::Error) -> FileError {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => FileError::NotACopy,
            _ => FileError::Sql(error),
        }
    }
}

/// The position of a copy in the feed, and what the copy contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The epoch. Empty before the first record.
    pub epoch: String,
    /// The last record that was copied completely.
    pub revision: u64,
    /// The registry's today as of that record.
    pub today: Option<String>,
    /// Whether the copy contains designations.
    pub designations_told: bool,
    /// The provider that the copy is limited to.
    pub provider_id: Option<String>,
}

/// A copy that this process writes.
pub struct MirrorFile {
    path: PathBuf,
    connection: Connection,
    /// The position, including uncommitted transactions.
    position: Position,
    /// The number of parts of the next record taken so far.
    parts: u32,
    /// The numbers of records and changes in the open transaction. `None`: no transaction is open.
    open: Option<(usize, usize)>,
    /// Prevents other processes from writing this copy. Readers do not use this lock.
    _lock: File,
}

impl MirrorFile {
    /// Opens a copy, or creates one if there is no file.
    pub fn open(path: &Path) -> Result<MirrorFile, FileError> {
        MirrorFile::open_locked(path, lock(path)?)
    }

    fn open_locked(path: &Path, lock: File) -> Result<MirrorFile, FileError> {
        let connection = connect(path)?;
        // Check this first: it does not change the file.
        refuse_foreign(&connection)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // After a power failure the last transactions may be missing, each completely. Their records are sent again.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        // Keep the WAL files when the last connection closes, so that users who may not write the directory can read.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        MirrorFile::on(path, connection, lock)
    }

    /// Begins a new copy next to the one at `path`, to replace it later. Deletes an earlier unfinished one.
    pub fn begin_rebuild(path: &Path) -> Result<MirrorFile, FileError> {
        let lock = lock(path)?;
        if path.exists() {
            refuse_foreign(&connect(path)?)?;
        }
        let new = beside(path, ".new");
        for old in [beside(&new, "-journal"), new.clone()] {
            remove(&old)?;
        }
        let connection = connect(&new)?;
        // The file is used only after it is in place, and is synced before that.
        connection.pragma_update(None, "synchronous", "OFF")?;
        MirrorFile::on(&new, connection, lock)
    }

    /// Replaces the copy at `path` with a rebuilt one. Existing readers of the old copy can go on reading it.
    pub fn put_in_place(self, path: &Path) -> Result<MirrorFile, FileError> {
        let MirrorFile { connection, _lock: lock, .. } = self;
        connection.close().map_err(|(_, error)| error)?;
        let new = beside(path, ".new");
        File::open(&new)?.sync_all()?;
        if path.exists() {
            // Move the WAL of the old copy into the old file. Until the new file has the name, a crash leaves the old
            // copy complete.
            let old = connect(path)?;
            let busy: i64 = old.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
            if busy != 0 {
                return Err(FileError::Busy);
            }
        }
        remove(&beside(path, "-wal"))?;
        remove(&beside(path, "-shm"))?;
        fs::rename(&new, path)?;
        File::open(path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new(".")))?
            .sync_all()?;
        MirrorFile::open_locked(path, lock)
    }

    fn on(path: &Path, connection: Connection, lock: File) -> Result<MirrorFile, FileError> {
        connection.set_prepared_statement_cache_capacity(64);
        if is_empty(&connection)? {
            let begin = format!(
                "BEGIN IMMEDIATE; {SCHEMA} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}; COMMIT"
            );
            connection.execute_batch(&begin)?;
        }
        let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version > VERSION {
            return Err(FileError::Newer);
        }
        let position = position(&connection)?;
        Ok(MirrorFile { path: path.to_owned(), connection, position, parts: 0, open: None, _lock: lock })
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The position of the copy.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// Sets what the copy contains, before the first record.
    pub fn begin(&mut self, designations_told: bool, provider_id: Option<String>) -> Result<(), FileError> {
        let sql = "UPDATE mirror SET designations_told = ?, provider_id = ?";
        self.connection.execute(sql, params![designations_told, provider_id])?;
        self.position = Position { designations_told, provider_id, ..self.position.clone() };
        Ok(())
    }

    /// Takes the next message of the feed. It takes effect when the whole record is committed.
    pub fn take(&mut self, message: &v1::ChangeMessage) -> Result<(), FileError> {
        let (revision, part) = (message.revision, message.part);
        if (revision, part) != (self.position.revision + 1, self.parts + 1) {
            return Err(FileError::Gap { revision, part });
        }
        if self.open.is_none() {
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
            self.open = Some((0, 0));
        }
        for change in &message.changes {
            apply(&self.connection, change)?;
        }
        self.parts += 1;
        if let Some((records, changes)) = &mut self.open {
            *records += usize::from(message.last_part);
            *changes += message.changes.len();
        }
        if message.last_part {
            self.move_to(message)?;
        }
        Ok(())
    }

    /// Writes the position in the same transaction as the changes of the record.
    fn move_to(&mut self, message: &v1::ChangeMessage) -> Result<(), FileError> {
        let recorded_at = message.recorded_at.and_then(|at| Timestamp::new(at.seconds, at.nanos).ok());
        let recorded_at = recorded_at.map(|at| at.to_string());
        let today = message.today.map(day).transpose()?.map(|day| day.to_string());
        let sql = "UPDATE mirror SET epoch = ?, revision = ?, recorded_at = ?, today = ?";
        let mut statement = self.connection.prepare_cached(sql)?;
        statement.execute(params![message.epoch, message.revision, recorded_at, today])?;
        let (epoch, revision) = (message.epoch.clone(), message.revision);
        self.position = Position { epoch, revision, today, ..self.position.clone() };
        self.parts = 0;
        Ok(())
    }

    /// The numbers of complete records and of changes that are not committed yet.
    pub fn waiting(&self) -> (usize, usize) {
        self.open.unwrap_or_default()
    }

    /// Commits everything taken. Does nothing within an incomplete record.
    pub fn commit(&mut self) -> Result<(), FileError> {
        if self.parts == 0 && self.open.take().is_some() {
            self.connection.execute_batch("COMMIT")?;
        }
        Ok(())
    }

    /// Discards everything that is not committed, because the feed broke off and will send it again.
    pub fn roll_back(&mut self) -> Result<(), FileError> {
        if self.open.take().is_some() {
            self.connection.execute_batch("ROLLBACK")?;
            self.position = position(&self.connection)?;
            self.parts = 0;
        }
        Ok(())
    }
}

fn connect(path: &Path) -> Result<Connection, FileError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    Ok(connection)
}

fn lock(path: &Path) -> Result<File, FileError> {
    let file = File::options().create(true).append(true).open(beside(path, "-lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(FileError::KeptByAnother),
        Err(fs::TryLockError::Error(error)) => Err(error.into()),
    }
}

/// The path with a suffix.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Refuses a database that is not a copy. An empty database is accepted.
fn refuse_foreign(connection: &Connection) -> Result<(), FileError> {
    let is_ours = is_empty(connection)? || application(connection)? == APPLICATION;
    if is_ours { Ok(()) } else { Err(FileError::NotACopy) }
}

fn is_empty(connection: &Connection) -> Result<bool, FileError> {
    Ok(connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))?)
}

fn application(connection: &Connection) -> Result<i32, FileError> {
    Ok(connection.pragma_query_value(None, "application_id", |row| row.get(0))?)
}

fn position(connection: &Connection) -> Result<Position, FileError> {
    let sql = "SELECT epoch, revision, today, designations_told, provider_id FROM mirror";
    Ok(connection.query_row(sql, [], |row| {
        Ok(Position {
            epoch: row.get(0)?,
            revision: row.get(1)?,
            today: row.get(2)?,
            designations_told: row.get(3)?,
            provider_id: row.get(4)?,
        })
    })?)
}
