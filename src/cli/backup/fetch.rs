//! Fetches a backup from a server. A file gets its name once every byte of it is on disk and matches its digest.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::Report;
use super::catalog::{Entry, name_of};
use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::new_file::NewFile;
use crate::cli::print_aside;
use crate::proto::v1;
use crate::proto::v1::operations_service_client::OperationsServiceClient;
use crate::proto::v1::stream_backup_response::Content;
use crate::registry::clock;

/// The timeout for connecting and for the first message.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The server sends something every 5 seconds. After this long without, the connection counts as lost.
const SILENCE: Duration = Duration::from_secs(30);

/// How often a backup is begun, and the pause after a first one that broke off.
const ATTEMPTS: u32 = 4;
const WAIT: Duration = Duration::from_secs(1);

/// Where a backup goes.
pub struct Plan<'a> {
    /// The file or the directory.
    pub target: &'a Path,
    /// True for standard output.
    pub is_stream: bool,
    /// True if the target is a directory.
    pub is_directory: bool,
    /// The file whose contents are left out.
    pub since: Option<&'a Path>,
}

/// Why a backup broke off.
enum Broken {
    /// For a reason that may pass.
    ForNow(Failure),
    /// For good.
    ForGood(Failure),
}

/// Fetches a backup. If the connection is lost, it is started over.
pub async fn fetch(connection: &Connection, plan: &Plan<'_>) -> Result<Report, Failure> {
    let since = plan.since.map(Entry::read).transpose()?;
    let path = if plan.is_directory { plan.target.join(name_of(clock::now())) } else { plan.target.to_owned() };
    if plan.is_stream && io::stdout().is_terminal() {
        return Err(Failure::usage(vec!["an archive is not for a terminal: redirect standard output".to_owned()]));
    }
    if !plan.is_stream && path.exists() {
        return Err(Failure::usage(vec![format!("{} already exists: name another file", path.display())]));
    }
    let mut wait = WAIT;
    for attempt in 1.. {
        let fetched = if plan.is_stream {
            attempt_to(connection, since.as_ref(), &mut io::stdout().lock()).await
        } else {
            to_file(connection, since.as_ref(), &path).await
        };
        match fetched {
            Ok(end) => return report(&path, plan.is_stream, &end),
            // What is on standard output cannot be taken back.
            Err(Broken::ForNow(failure)) if attempt < ATTEMPTS && !plan.is_stream => {
                print_aside(&format!("{failure}the backup is started over in {} s\n", wait.as_secs()));
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
            Err(Broken::ForNow(failure) | Broken::ForGood(failure)) => return Err(failure),
        }
    }
    Err(Failure::said(vec!["no backup was taken".to_owned()]))
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
        service.map_err(|failure| if failure.is_usage() { Broken::ForGood } else { Broken::ForNow }(failure))?;
    let kept = since.map(Entry::segments).unwrap_or_default();
    let called = OperationsServiceClient::new(service).stream_backup(v1::StreamBackupRequest { kept }).await;
    let mut messages = called.map_err(|status| broken(&status))?.into_inner();
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
                let unwritten = |error: io::Error| Broken::ForGood(Failure::of("cannot write the backup", &error));
                out.write_all(&part.data).map_err(unwritten)?;
            }
            Some(Content::End(end)) => {
                let unwritten = |error: io::Error| Broken::ForGood(Failure::of("cannot write the backup", &error));
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

fn report(path: &Path, is_stream: bool, end: &v1::BackupEnd) -> Result<Report, Failure> {
    let recorded_at = end.recorded_at.as_ref();
    let recorded_at = recorded_at.and_then(|time| Timestamp::new(time.seconds, time.nanos).ok());
    let unreadable = || Failure::said(vec!["the server did not say when the last record was recorded".to_owned()]);
    Ok(Report {
        backup: if is_stream { "standard output".to_owned() } else { path.display().to_string() },
        head: end.head_revision,
        recorded_at: recorded_at.ok_or_else(unreadable)?,
        epoch: end.epoch.clone(),
        bytes: end.bytes,
        segments_copied: end.segments_sent as usize,
        segments_kept: end.segments_kept as usize,
        online: true,
    })
}
