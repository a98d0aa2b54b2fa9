//! The first day of complete records. The registry has one for all its records, so another day in a manifest would
//! change the answers about everybody: it is recorded only if that is meant.

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use uuid::Uuid;

use super::caller::{Caller, PAGE};
use super::findings::position;
use super::load::{AGAIN, next, not_recorded};
use super::refusals;
use super::source::MANIFEST;
use crate::cli::dates::is_before;
use crate::cli::display_text::day;
use crate::cli::failure::Failure;
use crate::cli::print_aside;
use crate::proto::google::r#type::Date;
use crate::proto::v1;
use crate::proto::v1::change::Change as Of;
use crate::proto::v1::change_service_client::ChangeServiceClient;
use crate::proto::v1::credential_service_client::CredentialServiceClient;
use crate::proto::v1::import_records_response::Result as Outcome;
use crate::proto::v1::import_row::Command;
use crate::proto::v1::preview_impact_request::Subject;
use crate::proto::v1::preview_impact_response::Kind;
use crate::proto::v1::record_service_client::RecordServiceClient;
use crate::proto::v1::watch_changes_response::Event;

/// The flag of an import that moves the day.
pub const FLAG: &str = "--moves-records-begin";

/// What is on file before an import.
struct OnFile {
    today: Option<Date>,
    /// The first day of complete records. None: records are complete from the beginning.
    first_day: Option<Date>,
}

/// Records the first day of a manifest. Fails if that would change answers and is not meant, and if the day is in the
/// future.
pub async fn record(caller: &Caller, first_day: Date, is_meant: bool) -> Result<(), Failure> {
    let on_file = on_file(caller).await?;
    if is_before(on_file.today, Some(first_day)) {
        let today = on_file.today.map(day).unwrap_or_default();
        let first =
            format!("{MANIFEST}: records_begin is {}, after today, {today}; nothing was loaded", day(first_day));
        return Err(Failure::usage(vec![first])
            .with_remedy("write the first day for which the old records of jobs are complete, or remove the line"));
    }
    if on_file.first_day == Some(first_day) {
        return Ok(());
    }
    let moves = on_file.first_day.is_some() || has_older_credential(caller, first_day).await?;
    if moves && !is_meant {
        return Err(refused(caller, &on_file, first_day).await?);
    }
    let outcome = send(caller, first_day).await?;
    if moves {
        let people = people(outcome.specialist_count);
        let (before, after) = (until_now(on_file.first_day), day(first_day));
        print_aside(&format!("records begin on {after} for the whole registry; {before}; this changed {people}\n"));
    }
    Ok(())
}

/// Why a day is not recorded, and what to do.
async fn refused(caller: &Caller, on_file: &OnFile, first_day: Date) -> Result<Failure, Failure> {
    let row = v1::ImportRow { command: Some(command(first_day)), ..Default::default() };
    let request = v1::PreviewImpactRequest { subject: Some(Subject::Command(row)), ..Default::default() };
    let answered = RecordServiceClient::new(caller.clone()).preview_impact(request).await;
    let mut answers = answered.map_err(|status| Failure::answered(&status))?.into_inner();
    let first = answers.message().await.map_err(|status| Failure::answered(&status))?;
    let Some(Kind::Header(header)) = first.and_then(|message| message.kind) else {
        return Err(Failure::said(vec!["the registry did not say what the day would change".to_owned()]));
    };
    let (before, after) = (until_now(on_file.first_day), day(first_day));
    let people = people(header.specialist_count);
    let effect = match on_file.first_day {
        Some(before) if is_before(Some(first_day), Some(before)) => format!(
            "from {after} to {}, a person without a job on record would count as not employed: this would change {people}",
            day(before)
        ),
        _ => format!(
            "before {after}, a person without a job on record would count as \"not known\": this would change {people}"
        ),
    };
    let remedies = [
        effect,
        "the day applies to all records, of every import and every report".to_owned(),
        "if the day on file is right for these records, too: remove the line, or write that day".to_owned(),
        format!("if the whole registry must have the new day: add {FLAG}"),
    ];
    let said = format!("{MANIFEST}: records_begin is {after}, but {before}; nothing was loaded");
    Ok(Failure::usage([vec![said], remedies.to_vec()].concat()))
}

/// The day until now, as a clause.
fn until_now(on_file: Option<Date>) -> String {
    match on_file {
        Some(first_day) => format!("the registry had {} on file", day(first_day)),
        None => "the registry had no such day on file, and has credentials from before it".to_owned(),
    }
}

fn people(count: u32) -> String {
    match count {
        0 => "nobody's standing".to_owned(),
        1 => "the standing of 1 person".to_owned(),
        count => format!("the standing of {count} people"),
    }
}

/// Whether a credential is older than a day: what is asked about its earlier days changes with the first day of
/// complete records.
async fn has_older_credential(caller: &Caller, first_day: Date) -> Result<bool, Failure> {
    let mut client = CredentialServiceClient::new(caller.clone());
    let mut page_token = String::new();
    loop {
        let request = v1::ListCredentialsRequest { page_size: PAGE, page_token, ..Default::default() };
        let page = client.list_credentials(request).await.map_err(|status| Failure::answered(&status))?.into_inner();
        if page.credentials.iter().any(|credential| is_before(credential.effective_from, Some(first_day))) {
            return Ok(true);
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(false);
        }
    }
}

/// Asks what is on file. Only the changes say what the first day of complete records is.
async fn on_file(caller: &Caller) -> Result<OnFile, Failure> {
    let request = v1::ListCredentialsRequest { page_size: 1, ..Default::default() };
    let listed = CredentialServiceClient::new(caller.clone()).list_credentials(request).await;
    let listed = listed.map_err(|status| Failure::answered(&status))?.into_inner();
    let today = listed.answer.and_then(|answer| answer.as_of);
    let head = position(caller).await?.revision;
    // The changes of a single credential: those of the others are not needed.
    let credential_numbers = listed.credentials.into_iter().map(|credential| credential.credential_number).collect();
    let request = v1::WatchChangesRequest { credential_numbers, ..Default::default() };
    let answered = ChangeServiceClient::new(caller.clone()).watch_changes(request).await;
    let mut answers = answered.map_err(|status| Failure::answered(&status))?.into_inner();
    let mut first_day = None;
    while let Some(message) = answers.message().await.map_err(|status| Failure::answered(&status))? {
        let reached = match message.event {
            Some(Event::Message(message)) => {
                for change in message.changes {
                    if let Some(Of::Records(records)) = change.change {
                        first_day = records.first_day;
                    }
                }
                if message.last_part { message.revision } else { 0 }
            }
            Some(Event::Progress(progress)) => progress.head_revision,
            None => 0,
        };
        if reached >= head {
            return Ok(OnFile { today, first_day });
        }
    }
    Err(Failure::said(vec!["the registry ended the list of changes early".to_owned()]).with_remedy(AGAIN))
}

fn command(first_day: Date) -> Command {
    Command::RecordsBegin(v1::RecordsBegin { first_day: Some(first_day) })
}

/// Records the day. The id is new each time: that the day is on file already says that it was recorded before.
async fn send(caller: &Caller, first_day: Date) -> Result<v1::ImportOutcome, Failure> {
    let request_id = Uuid::new_v4().to_string();
    let row = v1::ImportRow { request_id, command: Some(command(first_day)), ..Default::default() };
    let (rows, waiting) = mpsc::channel(1);
    // The channel has room for one.
    drop(rows.try_send(v1::ImportRecordsRequest { row: Some(row) }));
    drop(rows);
    let answers = RecordServiceClient::new(caller.clone()).import_records(ReceiverStream::new(waiting)).await;
    let mut answers = answers.map_err(|status| Failure::answered(&status))?.into_inner();
    match next(&mut answers).await?.result {
        Some(Outcome::Outcome(outcome)) => Ok(outcome),
        Some(Outcome::Error(error)) if refusals::is_of_row(&error) => {
            Err(Failure::answered(&refusals::status(&error)).with_remedy("nothing was loaded"))
        }
        Some(Outcome::Error(error)) => Err(not_recorded(&error)),
        None => Err(Failure::said(vec!["the registry answered a row without a result".to_owned()])),
    }
}
