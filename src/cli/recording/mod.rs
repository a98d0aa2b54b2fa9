//! Recording one command: asked first what it would change, confirmed, sent with the id of the journal, and reported.

mod act_hints;
mod aftermath;
mod beside;
mod hints;
mod job_days;
mod journal;
mod receipt;
mod said;
mod send;
mod taken_back;

use std::path::PathBuf;
use std::time::Duration;

use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use self::aftermath::Aftermath;
use self::journal::{Entry, Journal, Recorded};
use self::send::{Receipt, Sending, send};
use super::connect::{Connection, Service};
use super::failure::Failure;
use super::impact::print_impact;
use super::listing::{Format, ListFormat};
use super::message_json::Json;
use super::new_file::NewFile;
use super::{Outcome, block_on, personal, print, print_aside, print_json, profile, terminal};
use crate::proto::v1::ImportRow;
use crate::proto::v1::import_row::Command;
use crate::proto::v1::preview_impact_request::Subject;
use crate::registry::clock;

const TIMEOUT: Duration = Duration::from_secs(60);

/// The fields that are not known of a report whose changes are hidden.
const HIDDEN: [&str; 5] = ["change_count", "changes", "foreseen_change_count", "foreseen_changes", "specialist_count"];

/// Why a preview is refused although the same command would be recorded.
const PREVIEW_IS_A_READ: &str = "nothing was recorded: what it would change is a read of a person, which needs the \
                                 audit; recording does not";

/// The flags of every command that records something.
#[derive(Clone, Debug, clap::Args)]
pub struct Recording {
    /// Show what would change, and record nothing
    #[arg(long)]
    dry_run: bool,
    /// Show everyone whom it would affect, with names, and record nothing
    #[arg(long, conflicts_with = "dry_run")]
    affected: bool,
    /// How to print whom it would affect; csv: for spreadsheets, with credential numbers and days
    #[arg(long, value_enum, value_name = "FORMAT", requires = "affected", conflicts_with = "json")]
    format: Option<Format>,
    /// Record it as a new request, although the same line was recorded in the last 30 days. A request without an answer
    /// is retried instead
    #[arg(long, conflicts_with_all = ["dry_run", "affected"])]
    again: bool,
    /// Write a signed receipt to a new file, for `verify-answer`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dry_run", "affected"])]
    receipt: Option<PathBuf>,
    /// A remark that is stored with the fact. Write nothing about anyone's health
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub note: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub connection: Connection,
}

/// Whether a person confirms a command after seeing what it would change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// It is recorded at once.
    NotNeeded,
    /// A person is asked on the terminal.
    Asked,
}

/// What to say about an answer, for programs and for people.
struct Report<'a> {
    request_id: Option<&'a str>,
    is_recorded_before: bool,
    sentence: &'a str,
    beside: &'a [said::Line],
}

impl Recording {
    /// Records a command.
    pub fn record(&self, command: &Command, confirmation: Confirmation) -> Result<Outcome, Failure> {
        block_on(Box::pin(self.run(command, confirmation)))
    }

    async fn run(&self, command: &Command, confirmation: Confirmation) -> Result<Outcome, Failure> {
        self.require_free_receipt()?;
        let service = self.connection.open(TIMEOUT).await?;
        if self.affected {
            let row = ImportRow { command: Some(command.clone()), note: self.note.clone(), ..ImportRow::default() };
            print_impact(service, Subject::Command(row), ListFormat::of(self.json, self.format)).await?;
            return Ok(Outcome::Done);
        }
        if self.dry_run || confirmation == Confirmation::Asked {
            let sending = Sending { request_id: &Uuid::new_v4().to_string(), validate_only: true, receipt: false };
            let receipt = match send(service.clone(), command, sending).await {
                Ok(receipt) => receipt,
                Err(status) => return Err(preview_refused(&service, command, &status, confirmation).await),
            };
            let beside = &beside::lines(service.clone(), command, &receipt).await;
            if self.dry_run {
                print_notes(&hints::after(&service, command, &receipt).await);
                let sentence = "Nothing is recorded yet. This is what would change:";
                self.say(&receipt, &Report { request_id: None, is_recorded_before: false, sentence, beside })?;
                return Ok(Outcome::Done);
            }
            print_aside(&receipt::text("This is what would change:", &receipt, beside, terminal::width()));
            if !is_confirmed()? {
                print_aside("Nothing was recorded.\n");
                return Ok(Outcome::Failed);
            }
        }
        let journal = Journal::in_directory(profile::directory()?);
        let entry = journal.begin(&self.content(command)?, self.again, clock::now());
        let entry = entry.map_err(|failure| failure.with_remedy("nothing was sent"))?;
        print_aside(&format!("request id {}\n", entry.request_id));
        let receipt = self.deliver(&service, command, &journal, &entry).await?;
        let revision = receipt.revision;
        let recorded = Recorded { epoch: receipt.epoch.clone(), revision };
        let is_recorded_before = entry.recorded.as_ref() == Some(&recorded);
        let sentence = if is_recorded_before {
            format!(
                "This line was recorded before, as revision {revision}. Nothing was added; --again records it again."
            )
        } else {
            format!("Recorded as revision {revision}.")
        };
        if let Err(failure) = journal.recorded(&entry, recorded) {
            // It is recorded, and the entry is there: the same line stays a retry.
            print_aside(&failure.to_string());
        }
        self.keep(&receipt);
        if entry.is_retry {
            refuse_what_is_over(service.clone(), &receipt).await?;
        } else {
            print_notes(&hints::after(&service, command, &receipt).await);
        }
        let beside = &beside::lines(service, command, &receipt).await;
        let request_id = Some(&*entry.request_id);
        let report = Report { request_id, is_recorded_before, sentence: &sentence, beside };
        self.say(&receipt, &report).map_err(|failure| failure.with_remedy(&sentence))?;
        Ok(Outcome::Done)
    }

    /// Fails if there is a file where the receipt is to be written.
    fn require_free_receipt(&self) -> Result<(), Failure> {
        let taken = self.receipt.as_deref().filter(|path| path.exists());
        taken.map_or(Ok(()), |path| {
            let line = format!("{} already exists: name another file with --receipt; nothing was sent", path.display());
            Err(Failure::usage(vec![line]))
        })
    }

    /// Writes the signed receipt to its file.
    fn keep(&self, receipt: &Receipt) {
        let Some(path) = &self.receipt else { return };
        if let Err(error) = NewFile::write(path, format!("{}\n", receipt.signed_receipt).as_bytes()) {
            let failure = Failure::of(format!("the receipt was not written to {}", path.display()), &error);
            print_aside(&failure.with_remedy("it is recorded: run the same line again to get the receipt").to_string());
        }
    }

    /// Sends the command, and notes in the journal if it was refused.
    async fn deliver(
        &self,
        service: &Service,
        command: &Command,
        journal: &Journal,
        entry: &Entry,
    ) -> Result<Receipt, Failure> {
        let receipt = self.receipt.is_some();
        let sending = Sending { request_id: &entry.request_id, validate_only: false, receipt };
        let remedy = "whether it was recorded is not known: run the same line again, which records it once";
        let sent = tokio::select! {
            sent = send(service.clone(), command, sending) => sent,
            _ = tokio::signal::ctrl_c() => {
                return Err(Failure::interrupted("interrupted before the answer arrived").with_remedy(remedy));
            }
        };
        let status = match sent {
            Ok(receipt) => return Ok(receipt),
            Err(status) => status,
        };
        if is_refusal(&status) {
            journal.refused(entry)?;
            return Err(hints::refused(service, command, &status).await);
        }
        if is_turned_away(&status) {
            if entry.is_retry {
                // The entry stays: an earlier try of the same line may be on record.
                return Err(Failure::answered(&status).with_remedy("this time nothing was recorded"));
            }
            journal.refused(entry)?;
            return Err(Failure::answered(&status).with_remedy("nothing was recorded"));
        }
        Err(Failure::answered(&status).with_remedy(remedy))
    }

    /// What makes a line the same line: the server, the caller, and the command with all its fields.
    fn content(&self, command: &Command) -> Result<Vec<u8>, Failure> {
        let row = ImportRow { command: Some(command.clone()), ..ImportRow::default() };
        let mut content = self.connection.scope()?.into_bytes();
        content.push(0);
        content.extend(row.encode_to_vec());
        Ok(content)
    }

    fn say(&self, receipt: &Receipt, report: &Report<'_>) -> Result<(), Failure> {
        if !self.json {
            return print(&receipt::text(report.sentence, receipt, report.beside, terminal::width()));
        }
        let request_id = report.request_id.map_or(Json::Null, |id| Json::Text(id.to_owned()));
        let mut fields = vec![
            ("request_id".to_owned(), request_id),
            ("recorded_before".to_owned(), Json::Bool(report.is_recorded_before)),
        ];
        if let Json::Object(response) = &receipt.json {
            let is_hidden = |name: &str| receipt.hides_changes() && HIDDEN.contains(&name);
            let shown = |(name, value): &(String, Json)| {
                (name.clone(), if is_hidden(name) { Json::Null } else { value.clone() })
            };
            fields.extend(response.iter().map(shown));
        }
        print_json(&Json::Object(fields))
    }
}

fn print_notes(notes: &[String]) {
    notes.iter().for_each(|note| print_aside(&format!("note: {note}\n")));
}

/// The failure of a preview, with what a person can do.
async fn preview_refused(service: &Service, command: &Command, status: &Status, confirmation: Confirmation) -> Failure {
    let failure = hints::refused(service, command, status).await;
    let details = status.get_error_details();
    let is_unaudited = details.error_info().is_some_and(|info| info.reason == "AUDIT_UNAVAILABLE");
    match (is_unaudited, confirmation) {
        (false, _) => failure,
        (true, Confirmation::NotNeeded) => failure.with_remedy(PREVIEW_IS_A_READ),
        (true, Confirmation::Asked) => failure
            .with_remedy(PREVIEW_IS_A_READ)
            .with_remedy("to record it without a preview: the same line with --yes"),
    }
}

/// Refuses a line that was recorded before, but whose record is no longer in force.
async fn refuse_what_is_over(service: Service, receipt: &Receipt) -> Result<(), Failure> {
    let revision = receipt.revision;
    let unknown = format!("it is recorded as revision {revision}; whether that is still in force is not known");
    let aftermath = Aftermath::of(service, receipt).await.map_err(|failure| failure.with_remedy(&unknown))?;
    aftermath.failure(revision).map_or(Ok(()), Err)
}

/// Whether a status says that the request was judged and not recorded.
fn is_refusal(status: &Status) -> bool {
    use Code::{AlreadyExists, FailedPrecondition, InvalidArgument, NotFound};
    matches!(status.code(), InvalidArgument | FailedPrecondition | NotFound | AlreadyExists)
}

/// Whether a status says that this request was not judged, and that nothing was recorded for it.
fn is_turned_away(status: &Status) -> bool {
    const REASONS: [&str; 12] = [
        "TOO_FAST",
        "TOO_MANY",
        "TOO_LARGE",
        "WRITER_BUSY",
        "STORE_FULL",
        "CALENDAR_HELD",
        "NOT_WRITTEN",
        "LOG_UNREACHABLE",
        "LOG_NOT_OPENED",
        "CLOCK_SKEWED",
        "DURABILITY_REDUCED",
        "DIVERGED",
    ];
    let is_not_allowed = matches!(status.code(), Code::PermissionDenied | Code::Unauthenticated | Code::Unimplemented);
    let details = status.get_error_details();
    is_not_allowed || details.error_info().is_some_and(|info| REASONS.contains(&info.reason.as_str()))
}

fn is_confirmed() -> Result<bool, Failure> {
    let confirmed = personal::confirmed("Record this?")?;
    confirmed.ok_or_else(|| Failure::usage(vec!["nothing was recorded: confirm with --yes".to_owned()]))
}
