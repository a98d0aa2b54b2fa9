//! How far the deliveries to a client have come: a small file in the data directory, which survives a crash.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The least time between two writes while deliveries go on. After a crash what was delivered since is delivered again.
const INTERVAL: Duration = Duration::from_secs(1);

/// A position in the feed: everything up to this record is delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// The epoch of the record. Empty, as a file may have it: the current one.
    pub epoch: String,
    /// The number of the record.
    pub revision: u64,
}

/// The position of a client, and its file.
pub(super) struct Cursor {
    path: PathBuf,
    position: Position,
    written: Position,
    written_at: Instant,
}

impl Cursor {
    /// Opens the position of a client. If there is none, writes `first`.
    pub(super) async fn open(directory: &Path, client: &str, first: impl FnOnce() -> Position) -> io::Result<Cursor> {
        // Clients may have any name of letters, digits, `-`, `_` and `.`, also `..`.
        let path = directory.join(format!("{client}.position"));
        let found = match fs::read_to_string(&path) {
            Ok(text) => Some(read(&text)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let (position, is_new) = found.map_or_else(|| (first(), true), |position| (position, false));
        let mut cursor = Cursor { path, written: position.clone(), position, written_at: Instant::now() };
        if is_new {
            cursor.write().await?;
        }
        Ok(cursor)
    }

    /// The position.
    pub(super) fn position(&self) -> &Position {
        &self.position
    }

    /// Moves to a position, and writes it if the last write was some time ago.
    pub(super) async fn move_to(&mut self, position: Position) -> io::Result<()> {
        self.position = position;
        if self.written_at.elapsed() >= INTERVAL { self.keep().await } else { Ok(()) }
    }

    /// Writes the position unless it is written.
    pub(super) async fn keep(&mut self) -> io::Result<()> {
        if self.position == self.written { Ok(()) } else { self.write().await }
    }

    async fn write(&mut self) -> io::Result<()> {
        let (path, position) = (self.path.clone(), self.position.clone());
        let text = format!("{}/{}\n", position.epoch, position.revision);
        tokio::task::spawn_blocking(move || write(&path, &text)).await.map_err(io::Error::other)??;
        (self.written, self.written_at) = (position, Instant::now());
        Ok(())
    }
}

fn read(text: &str) -> io::Result<Position> {
    let parsed = text.strip_suffix('\n').and_then(|text| text.split_once('/'));
    let parsed = parsed
        .and_then(|(epoch, revision)| Some(Position { epoch: epoch.to_owned(), revision: revision.parse().ok()? }));
    parsed.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not a position: EPOCH/REVISION"))
}

/// Held while a position is written. A write goes on when its delivery is ended, and the next delivery has the same
/// files.
static WRITING: Mutex<()> = Mutex::new(());

/// Writes a file atomically and durably.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let directory = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let draft = path.with_added_extension("tmp");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(revision: u64) -> Position {
        Position { epoch: "e".to_owned(), revision }
    }

    #[tokio::test]
    async fn a_position_survives_once_it_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path().join("webhooks");
        let open = async || Cursor::open(&directory, "..", || at(7)).await.unwrap();
        let mut cursor = open().await;
        assert_eq!(fs::read_to_string(directory.join("...position")).unwrap(), "e/7\n");
        cursor.move_to(at(8)).await.unwrap();
        assert_eq!(open().await.position(), &at(7), "a position that was written a moment ago waits");
        cursor.keep().await.unwrap();
        assert_eq!(open().await.position(), &at(8));
        cursor.written_at -= INTERVAL;
        cursor.move_to(at(9)).await.unwrap();
        assert_eq!(open().await.position(), &at(9));
    }

    #[tokio::test]
    async fn a_damaged_position_is_an_error_and_no_position() {
        let directory = tempfile::tempdir().unwrap();
        for damaged in ["", "e/7", "e\n", "e/-1\n", "e/x\n"] {
            fs::write(directory.path().join("a.position"), damaged).unwrap();
            let opened = Cursor::open(directory.path(), "a", || at(1)).await;
            assert_eq!(opened.map(|_| ()).unwrap_err().kind(), io::ErrorKind::InvalidData, "{damaged}");
        }
    }
}
