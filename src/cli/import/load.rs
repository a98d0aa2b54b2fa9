//! Sends the rows of a directory to the registry, and takes their results.
//!
//! Each group of files is one stream, in which many rows are under way at once. A row names other rows by the ids that
//! the registry gave them, so it waits until they are answered. Everything can be sent again: a row that is on record
//! is answered with what it recorded.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use uuid::Uuid;

use super::caller::Caller;
use super::commands;
use super::conflicts;
use super::ids::{Ids, Repeated};
use super::kind::{GROUPS, Kind, SOURCE_ID};
use super::numbers::Numbers;
use super::once::{Once, Thing};
use super::order;
use super::refusals;
use super::report::{BadRow, Report};
use super::source::{File, Source};
use crate::cli::failure::Failure;
use crate::cli::list::{Fault, ListError, Row};
use crate::cli::progress::Progress;
use crate::proto::google::r#type::Date;
use crate::proto::v1;
use crate::proto::v1::import_records_response::Result as Outcome;
use crate::proto::v1::provider_service_client::ProviderServiceClient;
use crate::proto::v1::record_service_client::RecordServiceClient;

/// The timeout of each file; large ones take long.
pub const TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// The number of rows that are sent and not answered.
const UNDER_WAY: usize = 256;

/// How many rows are answered between two steps of the progress.
const STEP: u64 = 500;

/// The remedy if the registry cannot record rows for now.
pub const AGAIN: &str = "run the same line again: it goes on where it ended, and records nothing twice";

/// A directory that is being loaded.
pub struct Load<'a> {
    source: &'a Source,
    caller: &'a Caller,
    /// The rows that repeat earlier rows of the same group.
    repetitions: Vec<Repetition<'a>>,
    /// The last revision before the import: what is recorded up to it was done already.
    head: u64,
    /// What can be on record once, in the rows that were read.
    once: Once,
    /// The rows that were read.
    pub ids: Ids,
    /// What became of them.
    pub report: Report,
    /// The list of numbers, if one is written.
    pub numbers: Option<Numbers>,
}

/// A row that is sent and not answered.
struct Sent<'a> {
    file: &'a File,
    row: Row,
    id: Uuid,
    days: Vec<(&'static str, Date)>,
    things: Vec<Thing>,
}

/// A row that repeats an earlier one, which may not be answered yet.
struct Repetition<'a> {
    file: &'a File,
    row: Row,
    id: Uuid,
    /// The line of the earlier one.
    line: u64,
}

impl<'a> Load<'a> {
    /// Begins to load a directory into a registry.
    pub fn begin(source: &'a Source, caller: &'a Caller, head: u64) -> Load<'a> {
        let (ids, mut report) = (Ids::of_source(&source.name), Report::default());
        for kind in &source.without_rows {
            report.of(*kind);
        }
        Load { source, caller, repetitions: Vec::new(), head, once: Once::default(), ids, report, numbers: None }
    }

    /// Loads all files. Fails if the registry cannot record a row for now.
    pub async fn run(&mut self, progress: &mut Progress) -> Result<(), Failure> {
        for kinds in GROUPS {
            let total = self.source.rows(kinds);
            if total > 0 {
                self.files(kinds, total, progress).await?;
            }
        }
        Ok(())
    }

    /// Begins a stream of rows.
    async fn stream(
        &self,
        rows: mpsc::Receiver<v1::ImportRecordsRequest>,
    ) -> Result<Streaming<v1::ImportRecordsResponse>, Failure> {
        let mut client = RecordServiceClient::new(self.caller.clone());
        let answers = client.import_records(ReceiverStream::new(rows)).await;
        Ok(answers.map_err(|status| Failure::answered(&status))?.into_inner())
    }

    /// Sends a group of files, and takes the results.
    async fn files(&mut self, kinds: &'static [Kind], total: u64, progress: &mut Progress) -> Result<(), Failure> {
        let cannot_read = |error: ListError| Failure::of("cannot read a file", &error);
        let mut rows = order::rows(self.source, kinds).map_err(cannot_read)?;
        let (sender, receiver) = mpsc::channel(UNDER_WAY);
        let mut answers = self.stream(receiver).await?;
        let (mut sender, mut sent, mut done) = (Some(sender), VecDeque::new(), 0);
        let doing = match kinds {
            [kind] => kind.name(),
            _ => "people and their credentials",
        };
        loop {
            while sent.len() < UNDER_WAY
                && let Some(to) = &sender
            {
                // It waits for the rows that it names, which are under way.
                if !sent.is_empty()
                    && let Some(Ok((file, row))) = rows.peek()
                    && self.ids.is_awaited_by(file.kind, row)
                {
                    break;
                }
                match rows.next().transpose().map_err(cannot_read)? {
                    None => sender = None,
                    Some((file, row)) => match self.read(file, row) {
                        // The channel has room for all rows that are under way.
                        Some((row, request)) => {
                            drop(to.try_send(request));
                            sent.push_back(row);
                        }
                        None => done += 1,
                    },
                }
            }
            let Some(row) = sent.pop_front() else { break };
            let answer = next(&mut answers).await?;
            self.take(&row, answer).await?;
            done += 1;
            if done % STEP == 0 {
                progress.rows(doing, done, total);
            }
        }
        self.take_repetitions();
        progress.rows(doing, total, total);
        Ok(())
    }

    /// Counts the rows that repeat others, whose results are known now.
    fn take_repetitions(&mut self) {
        for Repetition { file, row, id, line } in std::mem::take(&mut self.repetitions) {
            if self.ids.is_recorded(id) {
                self.report.of(file.kind).done_already += 1;
            } else {
                let remedy =
                    format!("line {line} is the same row, and it is not on record: remove one, and correct it");
                self.bad(file, vec![row.fault(SOURCE_ID, remedy)]);
            }
        }
    }

    /// Reads a row. None: it is bad, or a repetition.
    fn read(&mut self, file: &'a File, row: Row) -> Option<(Sent<'a>, v1::ImportRecordsRequest)> {
        let kind = file.kind;
        let id = self.ids.request_id(kind, row.text(SOURCE_ID));
        let (request, days) = match commands::read(kind, &row, &self.ids) {
            Ok(read) => read,
            Err(faults) => {
                if !row.text(SOURCE_ID).is_empty() {
                    self.ids.faulty(id, kind, row.line());
                }
                self.bad(file, faults);
                return None;
            }
        };
        match self.ids.sent(id, kind, row.line(), &request) {
            Repeated::No => {
                let things = self.once.take(request.command.as_ref(), row.line());
                if kind == Kind::Deaths
                    && let Some((_, line)) = self.once.earlier(&things, row.line())
                {
                    self.ids.refused(id);
                    let remedy = format!("line {line} is a death of the same person: remove the wrong one");
                    self.bad(file, vec![row.fault("specialist", remedy)]);
                    return None;
                }
                let row_of_import = v1::ImportRow { request_id: id.to_string(), ..request };
                let request = v1::ImportRecordsRequest { row: Some(row_of_import) };
                Some((Sent { file, row, id, days, things }, request))
            }
            Repeated::Same(line) => {
                self.repetitions.push(Repetition { file, row, id, line });
                None
            }
            Repeated::Other(line) => {
                let remedy = format!("line {line} has the same source_id and other content: each row needs its own");
                self.bad(file, vec![row.fault(SOURCE_ID, remedy)]);
                None
            }
        }
    }

    /// Takes the result of a row.
    async fn take(&mut self, sent: &Sent<'a>, answer: v1::ImportRecordsResponse) -> Result<(), Failure> {
        let Sent { file, row, id, days, things } = sent;
        if answer.request_id != id.to_string() {
            return Err(Failure::said(vec!["the registry answered another row than was sent".to_owned()]));
        }
        match (answer.result, answer.imported_earlier) {
            (Some(Outcome::Outcome(outcome)), _) => {
                let counts = self.report.of(file.kind);
                *(if outcome.revision > self.head { &mut counts.loaded } else { &mut counts.done_already }) += 1;
                self.recorded(sent, &outcome);
                self.report.take_days(file.kind, days);
            }
            (Some(Outcome::Error(_)), Some(earlier)) => {
                let found = conflicts::found(file.kind, row, &self.ids, &earlier);
                let rows = found.into_iter().map(|(fault, cell)| bad_row(file, fault, Some(cell)));
                self.report.bad(file.kind, rows);
                if let Some(outcome) = &earlier.outcome {
                    self.recorded(sent, outcome);
                }
            }
            (Some(Outcome::Error(error)), None) if refusals::says(&error, "PROVIDER_EXISTS") => {
                self.take_provider_on_file(file, row, *id).await?;
            }
            (Some(Outcome::Error(error)), None) if refusals::is_of_row(&error) => {
                self.ids.refused(*id);
                let earlier = self.once.earlier(things, row.line());
                self.bad(file, refusals::faults(file.kind, row, &error, earlier));
            }
            (Some(Outcome::Error(error)), None) => return Err(not_recorded(&error)),
            (None, _) => return Err(Failure::said(vec!["the registry answered a row without a result".to_owned()])),
        }
        Ok(())
    }

    /// Notes that a row is on record.
    fn recorded(&mut self, Sent { file, row, id, .. }: &Sent<'a>, outcome: &v1::ImportOutcome) {
        self.ids.recorded(*id, outcome);
        if let Some(numbers) = self.numbers.as_mut().filter(|_| file.kind == Kind::Credentials) {
            numbers.add(file, row, &outcome.credential_number, &self.ids);
        }
    }

    /// Takes a row whose `provider_id` is on file: other rows may name that provider by it, if the row says the same.
    async fn take_provider_on_file(&mut self, file: &'a File, row: &Row, id: Uuid) -> Result<(), Failure> {
        let provider_id = row.text("provider_id").to_owned();
        let request = v1::GetProviderRequest { provider_id: provider_id.clone(), ..Default::default() };
        let answered = ProviderServiceClient::new(self.caller.clone()).get_provider(request).await;
        let provider = answered.map_err(|status| Failure::answered(&status))?.into_inner().provider.unwrap_or_default();
        let found = conflicts::with_provider(row, &self.ids, &provider);
        if found.is_empty() {
            self.report.of(file.kind).done_already += 1;
            self.ids.recorded(id, &v1::ImportOutcome { provider_id, ..Default::default() });
        } else {
            self.ids.refused(id);
            let rows = found.into_iter().map(|(fault, cell)| bad_row(file, fault, Some(cell)));
            self.report.bad(file.kind, rows);
        }
        Ok(())
    }

    fn bad(&mut self, file: &File, faults: Vec<Fault>) {
        self.report.bad(file.kind, faults.into_iter().map(|fault| bad_row(file, fault, None)));
    }
}

fn bad_row(file: &File, mut fault: Fault, on_record: Option<String>) -> BadRow {
    fault.column = fault.column.trim_matches('`').to_owned();
    BadRow { file: file.name.clone(), fault, on_record }
}

/// The next result.
pub async fn next(answers: &mut Streaming<v1::ImportRecordsResponse>) -> Result<v1::ImportRecordsResponse, Failure> {
    let answer = answers.message().await.map_err(|status| Failure::answered(&status).with_remedy(AGAIN))?;
    answer.ok_or_else(|| Failure::said(vec!["the registry ended the import early".to_owned()]).with_remedy(AGAIN))
}

/// The registry cannot record rows for now.
pub fn not_recorded(error: &crate::proto::google::rpc::Status) -> Failure {
    Failure::answered(&refusals::status(error)).with_remedy(AGAIN)
}
