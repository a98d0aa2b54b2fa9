//! The copy as a file: SQLite in WAL mode, so that others read while it is written.

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

/// Says in the file's header whose it is: "CPSm".
const APPLICATION: i32 = 0x4350_536d;

/// The version of the tables.
const VERSION: i32 = 1;

/// How long is waited for readers and other writers.
const PATIENCE: Duration = Duration::from_secs(10);

/// The copy cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Somebody else's file.
    #[error("it is a database of something else, or no SQLite database: name another file")]
    NotACopy,
    /// A copy of a later program.
    #[error("a newer version of this program wrote it: use that one, or start over with --rebuild")]
    Newer,
    /// Two keep one copy.
    #[error("another process keeps it")]
    KeptByAnother,
    /// A reader of the old copy keeps it from being replaced.
    #[error("another process reads it and does not stop")]
    Busy,
    /// The feed does not go on where it was.
    #[error("the feed goes on with part {part} of revision {revision}, and that is not what comes next")]
    Gap {
        /// The record sent.
        revision: u64,
        /// The part sent.
        part: u32,
    },
    /// A change is refused.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// SQLite refuses. What it says has its own source in it.
    #[error("SQLite refuses: {0}")]
    Sql(rusqlite::Error),
    /// The disk refuses.
    #[error("the file cannot be opened or put in place")]
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

/// How far a copy is, and of what it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The epoch; empty before the first record.
    pub epoch: String,
    /// The last record copied, whole.
    pub revision: u64,
    /// The registry's today as of that record.
    pub today: Option<String>,
    /// Whether designations are shown.
    pub designations_told: bool,
    /// The provider that it is of.
    pub provider_id: Option<String>,
}

/// A copy that is being kept.
pub struct MirrorFile {
    path: PathBuf,
    connection: Connection,
    /// As in the file, transactions that are not committed included.
    position: Position,
    /// The parts of the next record that were taken.
    parts: u32,
    /// How many records, and changes, the open transaction has; none: none is open.
    open: Option<(usize, usize)>,
    /// Keeps other processes from keeping this copy. Readers do not ask for it.
    _lock: File,
}

impl MirrorFile {
    /// Opens a copy, or begins one where there is no file.
    pub fn open(path: &Path) -> Result<MirrorFile, FileError> {
        MirrorFile::open_locked(path, lock(path)?)
    }

    fn open_locked(path: &Path, lock: File) -> Result<MirrorFile, FileError> {
        let connection = connect(path)?;
        // Asked first: it is not changed either.
        refuse_foreign(&connection)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // After a power cut the last transactions may be gone, each whole: their records are sent again.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        // The files beside it stay when the last reader goes: who may not write the directory can read at any time.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        MirrorFile::on(path, connection, lock)
    }

    /// Begins a copy beside the one at `path`, which it is to take the place of. One begun before is thrown away.
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
        // It counts once it is in place, and is synced before that.
        connection.pragma_update(None, "synchronous", "OFF")?;
        MirrorFile::on(&new, connection, lock)
    }

    /// Puts a rebuilt copy in the place of the one at `path`. A reader of that one goes on reading it.
    pub fn put_in_place(self, path: &Path) -> Result<MirrorFile, FileError> {
        let MirrorFile { connection, _lock: lock, .. } = self;
        connection.close().map_err(|(_, error)| error)?;
        let new = beside(path, ".new");
        File::open(&new)?.sync_all()?;
        if path.exists() {
            // What is still in the log of the old copy goes into the old copy: until the new one has its name, a crash
            // leaves that whole.
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

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How far it is.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// Says of what it is a copy, before the first record.
    pub fn begin(&mut self, designations_told: bool, provider_id: Option<String>) -> Result<(), FileError> {
        let sql = "UPDATE mirror SET designations_told = ?, provider_id = ?";
        self.connection.execute(sql, params![designations_told, provider_id])?;
        self.position = Position { designations_told, provider_id, ..self.position.clone() };
        Ok(())
    }

    /// Takes the next part of the feed. It counts with the commit of the whole record.
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

    /// Writes the position, into the transaction that holds the record's changes.
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

    /// How many whole records, and changes, wait to be committed.
    pub fn waiting(&self) -> (usize, usize) {
        self.open.unwrap_or_default()
    }

    /// Makes everything taken count. Of a record that is not whole yet nothing counts: it is not the time.
    pub fn commit(&mut self) -> Result<(), FileError> {
        if self.parts == 0 && self.open.take().is_some() {
            self.connection.execute_batch("COMMIT")?;
        }
        Ok(())
    }

    /// Forgets what does not count yet: the feed broke off, and sends it again.
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

/// The file of this name and an ending.
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

/// Refuses a database that is no copy. An empty one may become one.
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
