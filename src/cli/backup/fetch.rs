//! Fetches a backup from a server. A file gets its name once every byte of it is on disk and matches its digest.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::catalog::Entry;
use super::{Report, shown};
use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::new_file::NewFile;
use crate::cli::print_aside;
use crate::proto::v1;
use crate::proto::v1::operations_service_client::OperationsServiceClient;
use crate::proto::v1::stream_backup_response::Content;

/// The timeout for connecting and for the first message.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The server sends something every 5 seconds. After this long without, the connection counts as lost.
const SILENCE: Duration = Duration::from_secs(30);

/// How often a backup is begun, and the pause after a first one that broke off.
const ATTEMPTS: u32 = 4;
const WAIT: Duration = Duration::from_secs(1);

/// Why a backup broke off.
enum Broken {
    /// For a reason that may pass.
    ForNow(Failure),
    /// For good.
    ForGood(Failure),
}

/// Fetches a backup into a new file, or to standard output. What the file `since` has is left out. If the connection is
/// lost, it is started over.
pub async fn fetch(connection: &Connection, to: Option<&Path>, since: Option<&Path>) -> Result<Report, Failure> {
    let since = since.map(Entry::read_whole).transpose()?.map(|(since, _)| since);
    if let Some(path) = to.filter(|path| path.exists()) {
        return Err(Failure::usage(vec![format!("{} already exists: name another file", path.display())]));
    }
    let (mut attempts, mut wait) = (1, WAIT);
    loop {
        let fetched = match to {
            Some(path) => to_file(connection, since.as_ref(), path).await,
            None => attempt_to(connection, since.as_ref(), &mut io::stdout().lock()).await,
        };
        match fetched {
            Ok(end) => return report(to, &end),
            // What is on standard output cannot be taken back.
            Err(Broken::ForNow(failure)) if attempts < ATTEMPTS && to.is_some() => {
                print_aside(&format!("{failure}the backup is started over in {} s\n", wait.as_secs()));
                tokio::time::sleep(wait).await;
                attempts += 1;
                wait *= 2;
            }
            Err(Broken::ForNow(failure) | Broken::ForGood(failure)) => return Err(failure),
        }
    }
}

/// Fetches a backup into a file, and describes it in a file beside it.
async fn to_file(connection: &Connection, since: Option<&Entry>, path: &Path) -> Result<v1::BackupEnd, Broken> {
    let unwritten = |error: io::Error| Broken::ForGood(Failure::of(format!("cannot write {}", path.display()), &error));
    let mut file = NewFile::replacing(path).map_err(unwritten)?;
    let end = attempt_to(connection, since, &mut file).await?;
    file.keep().and_then(|()| sync_parent(path)).map_err(unwritten)?;
    // Last, so that a description never names a file that is not there.
    let entry = Entry::of(path, since, &end);
    entry.write().and_then(|()| sync_parent(path)).map_err(unwritten)?;
    Ok(end)
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let parent =
        path.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(PathBuf::from("."), PathBuf::from);
    File::open(parent)?.sync_all()
}

/// Fetches a backup once. Every part must follow the one before it and match its digest.
async fn attempt_to(
    connection: &Connection,
    since: Option<&Entry>,
    out: &mut dyn Write,
) -> Result<v1::BackupEnd, Broken> {
    let service = connection.open(TIMEOUT).await;
    let service =
        service.map_err(|failure| if failure.is_lasting() { Broken::ForGood } else { Broken::ForNow }(failure))?;
    let kept = since.map(Entry::segments).unwrap_or_default();
    let called = OperationsServiceClient::new(service).stream_backup(v1::StreamBackupRequest { kept }).await;
    let mut messages = called.map_err(|status| broken(&status))?.into_inner();
    let unwritten = |error: io::Error| Broken::ForGood(Failure::of("cannot write the backup", &error));
    let (mut received, mut hashed) = (0, Sha256::new());
    loop {
        let next = timeout(SILENCE, messages.message()).await;
        let silent = |_| Broken::ForNow(Failure::said(vec!["the registry has stopped sending".to_owned()]));
        let next = next.map_err(silent)?.map_err(|status| broken(&status))?;
        match next.and_then(|message| message.content) {
            Some(Content::Part(part)) => {
                hashed.update(&part.data);
                let is_whole = received == part.offset && hashed.clone().finalize()[..] == part.sha256[..];
                if !is_whole && !part.data.is_empty() {
                    return Err(changed());
                }
                received += part.data.len() as u64;
                out.write_all(&part.data).map_err(unwritten)?;
            }
            Some(Content::End(end)) => {
                out.flush().map_err(unwritten)?;
                // The server counts the backup as taken once its client has heard that nothing follows.
                drop(timeout(SILENCE, messages.message()).await);
                let digest: String = hashed.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
                return if (received, digest) == (end.bytes, end.sha256.clone()) { Ok(end) } else { Err(changed()) };
            }
            None => {
                return Err(Broken::ForNow(Failure::said(vec!["the backup ended before it was complete".to_owned()])));
            }
        }
    }
}

fn changed() -> Broken {
    Broken::ForNow(Failure::said(vec!["the backup was changed on its way: its digest differs".to_owned()]))
}

fn broken(status: &Status) -> Broken {
    let failure = Failure::answered(status);
    let is_lost = status.get_error_details().error_info().is_none() && status.code() != Code::Unimplemented;
    // A client takes one backup at a time, and the server notices a moment late that an earlier one broke off.
    let may_pass = matches!(status.code(), Code::Unavailable | Code::ResourceExhausted);
    if is_lost || may_pass { Broken::ForNow(failure) } else { Broken::ForGood(failure) }
}

fn report(to: Option<&Path>, end: &v1::BackupEnd) -> Result<Report, Failure> {
    let recorded_at = end.recorded_at.as_ref();
    let recorded_at = recorded_at.and_then(|time| Timestamp::new(time.seconds, time.nanos).ok());
    let unreadable = || Failure::said(vec!["the server did not say when the last record was recorded".to_owned()]);
    Ok(Report {
        backup: shown(to),
        head: end.head_revision,
        recorded_at: recorded_at.ok_or_else(unreadable)?,
        epoch: end.epoch.clone(),
        bytes: end.bytes,
        segments_copied: end.segments_sent as usize,
        segments_kept: end.segments_kept as usize,
        online: true,
    })
}
