//! Streams backups of the running registry, encrypted for the holders of keys: see [`crate::store::backup`].
//!
//! A thread of low priority reads the log and writes the archive; the caller reads its pieces. A caller that goes away
//! ends the thread. Memory is bounded: the thread waits until its pieces are read.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use super::clock;
use crate::store::backup::{Archived, BackupNote, archive};
use crate::store::priority::{BELOW_NORMAL, lower_priority};

pub use crate::store::backup::{BackupError, Listed, Recipients, Sha256Text};

/// The size of a piece. The encryption adds a little.
const PIECE_BYTES: usize = 64 * 1024;

/// The number of pieces that wait for the reader.
const PIECES: usize = 2;

/// The memory that a backup takes: its pieces, and what the thread has read of the log.
pub const BACKUP_BYTES: usize = 4 * 1024 * 1024;

/// A backup cannot be begun.
#[derive(Debug, thiserror::Error)]
pub enum BackupRefused {
    /// The configuration names nobody who may read backups.
    #[error("the configuration has no backup_recipients")]
    NoRecipient,
    /// The client already takes a backup.
    #[error("this client already takes a backup")]
    UnderWay,
    /// The thread cannot be started.
    #[error("the thread cannot be started")]
    Thread(#[from] io::Error),
}

/// What may be backed up, for whom, and who is doing so.
pub struct Backups {
    data_dir: PathBuf,
    recipients: Recipients,
    under_way: Mutex<HashSet<String>>,
}

/// What a backup consists of.
#[derive(Debug)]
pub enum Sent {
    /// The next bytes.
    Piece {
        /// Where they begin.
        offset: u64,
        /// The bytes.
        bytes: Vec<u8>,
        /// The digest of everything up to their end.
        sha256: [u8; 32],
    },
    /// The end.
    End(Box<Ended>),
}

/// A backup that was streamed to its end.
#[derive(Debug)]
pub struct Ended {
    /// What is in it.
    pub archived: Archived,
    /// The length of the encrypted archive in bytes.
    pub bytes: u64,
    /// The digest of the encrypted archive.
    pub sha256: Sha256Text,
}

impl Backups {
    /// The backups of a data directory.
    pub fn new(data_dir: PathBuf, recipients: Recipients) -> Arc<Backups> {
        Arc::new(Backups { data_dir, recipients, under_way: Mutex::default() })
    }

    /// Begins a backup for a client, without the closed segments that it has.
    pub fn begin(self: &Arc<Backups>, client: &str, kept: Vec<Listed>) -> Result<BackupStream, BackupRefused> {
        if self.recipients.is_empty() {
            return Err(BackupRefused::NoRecipient);
        }
        let turn = Turn::of(self, client).ok_or(BackupRefused::UnderWay)?;
        let (sender, pieces) = mpsc::channel(PIECES);
        std::thread::Builder::new().name("backup".to_owned()).spawn(move || {
            lower_priority(BELOW_NORMAL);
            let ended = write(&turn.backups, &kept, &sender);
            // Before the end is sent: who has it may take the next backup.
            drop(turn);
            // If nobody reads any more, nobody has to know.
            drop(sender.blocking_send(ended.map(|ended| Sent::End(Box::new(ended)))));
        })?;
        Ok(BackupStream { pieces, backups: Arc::clone(self) })
    }

    fn clients(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The turn of a client, whose thread has it until it ends.
struct Turn {
    backups: Arc<Backups>,
    client: String,
}

impl Turn {
    fn of(backups: &Arc<Backups>, client: &str) -> Option<Turn> {
        let is_first = backups.clients().insert(client.to_owned());
        is_first.then(|| Turn { backups: Arc::clone(backups), client: client.to_owned() })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.backups.clients().remove(&self.client);
    }
}

/// A backup that is being streamed.
pub struct BackupStream {
    pieces: mpsc::Receiver<Result<Sent, BackupError>>,
    backups: Arc<Backups>,
}

impl BackupStream {
    /// The next part of the backup. After an error, and after the end, there is nothing more.
    pub async fn next(&mut self) -> Option<Result<Sent, BackupError>> {
        self.pieces.recv().await
    }

    /// Notes for the metrics that the backup was sent to its end.
    pub async fn keep_note(&self, ended: &Archived) {
        let note = BackupNote { taken_at: clock::now(), head: ended.manifest.head };
        let data_dir = self.backups.data_dir.clone();
        let kept = tokio::task::spawn_blocking(move || note.keep(&data_dir)).await;
        if let Ok(Err(error)) = kept {
            tracing::warn!(
                event = "backup_not_noted",
                error = &error as &dyn std::error::Error,
                "a backup was sent, but its age is not reported"
            );
        }
    }
}

/// Writes a backup into the channel.
fn write(
    backups: &Backups,
    kept: &[Listed],
    sender: &mpsc::Sender<Result<Sent, BackupError>>,
) -> Result<Ended, BackupError> {
    let pieces = Pieces { sender, buffer: Vec::with_capacity(2 * PIECE_BYTES), sent: 0, hashed: Sha256::new() };
    let mut encrypted = backups.recipients.encrypt(pieces).map_err(BackupError::Output)?;
    let archived = archive(&backups.data_dir, kept, &mut encrypted, &mut |_| {})?;
    let mut pieces = encrypted.finish().map_err(BackupError::Output)?;
    pieces.send().map_err(BackupError::Output)?;
    Ok(Ended { archived, bytes: pieces.sent, sha256: Sha256Text::of(pieces.hashed) })
}

/// Cuts what is written into pieces.
struct Pieces<'a> {
    sender: &'a mpsc::Sender<Result<Sent, BackupError>>,
    buffer: Vec<u8>,
    sent: u64,
    hashed: Sha256,
}

impl Pieces<'_> {
    fn send(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let bytes = std::mem::replace(&mut self.buffer, Vec::with_capacity(2 * PIECE_BYTES));
        self.hashed.update(&bytes);
        let (offset, sha256) = (self.sent, self.hashed.clone().finalize().into());
        self.sent += bytes.len() as u64;
        let piece = Sent::Piece { offset, bytes, sha256 };
        self.sender.blocking_send(Ok(piece)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE_BYTES {
            self.send()?;
        }
        Ok(bytes.len())
    }

    /// Fails if nobody reads any more. A piece is sent when it is full, or at the end.
    fn flush(&mut self) -> io::Result<()> {
        if self.sender.is_closed() { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_goes_away_is_noticed_while_nothing_is_sent() {
        let (sender, reader) = mpsc::channel(PIECES);
        let mut pieces = Pieces { sender: &sender, buffer: Vec::new(), sent: 0, hashed: Sha256::new() };
        pieces.flush().unwrap();
        drop(reader);
        assert_eq!(pieces.flush().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
