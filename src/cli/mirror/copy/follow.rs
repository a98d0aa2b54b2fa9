//! Following the feed from the position of the copy, reconnecting when the connection is lost.

use std::time::Duration;

use tokio::time::{Instant, timeout};
use tonic::{Code, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

use super::file::{FileError, MirrorFile};
use super::report::Report;
use super::unkept;
use crate::cli::connect::{Connection, Service};
use crate::cli::failure::Failure;
use crate::proto::v1;
use crate::proto::v1::change_service_client::ChangeServiceClient;
use crate::proto::v1::watch_changes_response::Event;

/// The timeout for connecting and for the first response.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The registry sends a heartbeat every 5 seconds. After this long without one, the connection counts as lost.
const SILENCE: Duration = Duration::from_secs(20);

/// Limits of one transaction while the copy catches up: records, changes and time.
const RECORDS: usize = 1000;
const CHANGES: usize = 20_000;
const AT_MOST: Duration = Duration::from_secs(1);

/// The first and the longest delay before reconnecting.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How long to follow the feed.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Whether to end when the copy has reached the head. Otherwise it follows until the process is ended.
    pub ends_at_head: bool,
    /// Whether to reconnect when the connection is lost. Otherwise that is a failure.
    pub reconnects: bool,
}

/// Why the feed broke off.
enum Broken {
    /// A temporary failure.
    ForNow(Failure),
    /// A permanent failure.
    ForGood(Failure),
    /// The copy cannot be written.
    Unkept(FileError),
}

impl From<FileError> for Broken {
    fn from(error: FileError) -> Broken {
        Broken::Unkept(error)
    }
}

/// Follows the feed into a copy.
pub async fn follow(
    connection: &Connection,
    file: &mut MirrorFile,
    report: &mut Report,
    plan: Plan,
) -> Result<(), Failure> {
    let mut wait = FIRST_WAIT;
    loop {
        let began_at = file.position().revision;
        let broken = match watch(connection, file, report, plan).await {
            Ok(()) => return Ok(()),
            Err(broken) => broken,
        };
        match broken {
            Broken::ForGood(failure) => return Err(failure),
            Broken::Unkept(error) => return Err(unkept(file.path(), &error)),
            Broken::ForNow(failure) if !plan.reconnects => return Err(failure),
            Broken::ForNow(failure) => {
                file.roll_back().map_err(|error| unkept(file.path(), &error))?;
                if file.position().revision > began_at {
                    wait = FIRST_WAIT;
                }
                // Random jitter, so that not all clients reconnect at the same moment.
                let wait_for = wait.mul_f64(0.5 + f64::from(Uuid::new_v4().as_bytes()[0]) / 512.0);
                report.lost(&failure, wait_for)?;
                tokio::time::sleep(wait_for).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        }
    }
}

async fn watch(connection: &Connection, file: &mut MirrorFile, report: &mut Report, plan: Plan) -> Result<(), Broken> {
    let channel = connection.open(TIMEOUT).await;
    let channel =
        channel.map_err(|failure| if failure.is_usage() { Broken::ForGood } else { Broken::ForNow }(failure))?;
    let mut client = ChangeServiceClient::new(channel);
    let mut head = begin(&mut client, file).await?;
    let for_good = |error: Failure| Broken::ForGood(error);
    report.progress(file.position(), head).map_err(for_good)?;

    let request = v1::WatchChangesRequest { after: Some(after(file)), ..Default::default() };
    let mut stream = client.watch_changes(request).await.map_err(|status| broken(&status, file))?.into_inner();
    let mut since = Instant::now();
    loop {
        let next = timeout(SILENCE, stream.message()).await;
        let silent = |_| Broken::ForNow(Failure::answered(&Status::unavailable("the registry has stopped sending")));
        let next = next.map_err(silent)?.map_err(|status| broken(&status, file))?;
        let Some(event) = next else { return Err(broken(&Status::unavailable("the stream ended"), file)) };
        match event.event {
            Some(Event::Message(message)) => {
                file.take(&message)?;
                head = head.max(message.revision);
                let (records, changes) = file.waiting();
                if message.last_part && (records >= RECORDS || changes >= CHANGES || since.elapsed() >= AT_MOST) {
                    file.commit()?;
                    since = Instant::now();
                    report.progress(file.position(), head).map_err(for_good)?;
                }
            }
            // The registry has sent everything up to the head.
            Some(Event::Progress(progress)) => {
                file.commit()?;
                since = Instant::now();
                let is_there = progress.head_revision >= head;
                head = head.max(progress.head_revision);
                report.progress(file.position(), head).map_err(for_good)?;
                if is_there && plan.ends_at_head {
                    return Ok(());
                }
            }
            None => {}
        }
    }
}

fn after(file: &MirrorFile) -> v1::ChangePosition {
    v1::ChangePosition { epoch: file.position().epoch.clone(), revision: file.position().revision }
}

/// Checks that the feed can continue at the position of the copy and has the same contents. Returns the head.
async fn begin(client: &mut ChangeServiceClient<Service>, file: &mut MirrorFile) -> Result<u64, Broken> {
    let request = v1::ListChangesRequest { after: Some(after(file)), page_size: 1, ..Default::default() };
    let listed = client.list_changes(request).await.map_err(|status| broken(&status, file))?.into_inner();
    let progress = listed.progress.unwrap_or_default();
    let designations_told = !progress.designations_withheld;
    let provider_id = Some(progress.provider_id).filter(|id| !id.is_empty());
    let position = file.position();
    if position.revision == 0 {
        file.begin(designations_told, provider_id)?;
    } else if (position.designations_told, &position.provider_id) != (designations_told, &provider_id) {
        return Err(Broken::ForGood(Failure::said(vec![
            "this caller gets other contents from the registry than this copy has".to_owned(),
            format!("the copy:     {}", scope(position.designations_told, position.provider_id.as_deref())),
            format!("the registry: {}", scope(designations_told, provider_id.as_deref())),
            "use the credentials of the client that began the copy, or another file, or --rebuild".to_owned(),
        ])));
    }
    Ok(progress.head_revision)
}

fn scope(designations_told: bool, provider_id: Option<&str>) -> String {
    let of = provider_id.map_or("everyone".to_owned(), |id| format!("the staff of {id}"));
    format!("{of}, {} designations", if designations_told { "with" } else { "without" })
}

/// The meaning of an error status for the copy.
fn broken(status: &Status, file: &MirrorFile) -> Broken {
    let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
    let position = file.position();
    let start_over = "its answers are no longer reliable; start over with --rebuild".to_owned();
    let copied = format!("the copy is at revision {} of epoch {}", position.revision, position.epoch);
    match (status.code(), reason.as_str()) {
        (Code::FailedPrecondition, "HISTORY_CHANGED") => Broken::ForGood(Failure::said(vec![
            "the registry has another history than this copy: it was restored to an earlier state, or is another one"
                .to_owned(),
            status.message().to_owned(),
            copied,
            start_over,
        ])),
        (Code::OutOfRange, _) => Broken::ForGood(Failure::said(vec![
            "the copy is ahead of the registry: records were lost there, or the registry is a backup".to_owned(),
            status.message().to_owned(),
            copied,
            start_over,
        ])),
        (Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded | Code::Cancelled | Code::Aborted, _)
        | (Code::Unknown | Code::Internal, "") => Broken::ForNow(Failure::answered(status)),
        _ => Broken::ForGood(Failure::answered(status)),
    }
}
