//! `export`: writes every record as a line of JSON.
//!
//! One object per record, in order, with its facts and the changes that they made. The output contains names, birth
//! dates and everything else that was reported. It is the agency's own data, and as confidential as the registry. The
//! same log always gives the same bytes.

mod fact;
mod fields;

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use uuid::Uuid;

use self::fields::{Fields, word};
use super::data_dir_args::DataDirArgs;
use super::failure::Failure;
use super::new_file::NewFile;
use super::progress::Progress;
use super::{Outcome, block_on, block_on_until_interrupted, print, print_json};
use crate::domain::fact::{Fact, RegistryFact, Role};
use crate::domain::id::Revision;
use crate::domain::record::Record;
use crate::store::backup::{BackupError, log_of_backup, log_of_data_dir, verify};
use crate::store::log::{OfflineLog, ReadLog};
use crate::store::progress::{Step, Unit};
use crate::store::record;

/// Write every record as one line of JSON, including names and birth dates; from a registry, running or not, or a
/// backup
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Export {
    /// The file to write, which must not exist; - for standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Read this backup instead
    #[arg(long, value_name = "DIR", conflicts_with_all = ["data_dir", "config"])]
    backup: Option<PathBuf>,
    #[command(flatten)]
    place: DataDirArgs,
    /// Print a summary as one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry export records.jsonl --config /etc/cpss-registry/config.toml
  cpss-registry export - --backup /mnt/backup/cpss-2026-03-02 | jq -c '.facts[] | select(.kind == \"REVOKED\")'

The file contains personal data. Only its owner can read it (mode 0600).";

#[derive(Serialize)]
struct Report {
    file: String,
    head: u64,
}

impl Export {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let mut progress = Progress::new();
        // Hold the lock until the end, so that the log cannot change.
        let (log, _held) = match &self.backup {
            Some(backup) => (self.open_backup(backup, &mut progress)?, None),
            None => log_of_data_dir(&self.place.data_dir()?)
                .map_err(|error| not_exported(&error).with_usage(error.is_usage()))?,
        };
        if self.file.as_os_str() == "-" {
            let mut out = BufWriter::new(io::stdout().lock());
            return block_on(async {
                match write_all(&*log, &mut out, &mut progress).await {
                    // A closed pipe is not a failure.
                    Err(ExportError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Outcome::Done),
                    written => written.map(|()| Outcome::Done).map_err(|error| not_exported(&error)),
                }
            });
        }
        block_on_until_interrupted(async {
            let written = self.write_file(&*log, &mut progress).await;
            written.map_err(|error| not_exported(&error).with_usage(matches!(error, ExportError::IsThere(_))))
        })?;
        drop(progress);
        let report = Report { file: self.file.display().to_string(), head: log.head().0 };
        if self.json {
            print_json(&report)?;
        } else {
            print(&format!("exported revisions 1 to {} to {}\n", report.head, report.file))?;
        }
        Ok(Outcome::Done)
    }

    fn open_backup(&self, backup: &Path, progress: &mut Progress) -> Result<Box<dyn OfflineLog>, Failure> {
        let verified = verify(backup, &mut |step| progress.show(step)).map_err(BackupError::from);
        let log = verified.and_then(|manifest| log_of_backup(backup, &manifest));
        log.map_err(|error| not_exported(&error))
    }

    fn not_made(&self, error: io::Error) -> ExportError {
        let path = self.file.clone();
        match error.kind() {
            io::ErrorKind::AlreadyExists => ExportError::IsThere(path),
            _ => ExportError::Create(path, error),
        }
    }

    /// Writes the file, which gets its name once it is whole.
    async fn write_file(&self, log: &dyn ReadLog, progress: &mut Progress) -> Result<(), ExportError> {
        let mut out = NewFile::begin(&self.file).map_err(|error| self.not_made(error))?;
        write_all(log, &mut out, progress).await?;
        out.keep().map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => ExportError::IsThere(self.file.clone()),
            _ => ExportError::Write(error),
        })
    }
}

fn not_exported(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::of("the records were not exported", error)
}

#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error("{} already exists: use another file", .0.display())]
    IsThere(PathBuf),
    #[error("{} could not be created", .0.display())]
    Create(PathBuf, #[source] io::Error),
    #[error("the records could not be written")]
    Write(#[source] io::Error),
    #[error(transparent)]
    Log(#[from] crate::store::log::ReadError),
    #[error(transparent)]
    Undecodable(#[from] record::Undecodable),
}

/// The number of records after which a signal is looked for.
const RECORDS_AT_ONCE: u64 = 256;

async fn write_all(log: &dyn ReadLog, out: &mut impl Write, progress: &mut Progress) -> Result<(), ExportError> {
    let head = log.head();
    let mut epochs = Epochs::default();
    for read in log.read(Revision(1), head) {
        let (revision, bytes) = read?;
        let record = record::decode(revision, &bytes)?;
        epochs.take(&record);
        let line = Line::of(&record, &epochs);
        serde_json::to_writer(&mut *out, &line).map_err(io::Error::from).map_err(ExportError::Write)?;
        out.write_all(b"\n").map_err(ExportError::Write)?;
        progress.show(Step { doing: "exporting", unit: Unit::Entries, done: revision.0, total: head.0 });
        if revision.0.is_multiple_of(RECORDS_AT_ONCE) {
            tokio::task::yield_now().await;
        }
    }
    out.flush().map_err(ExportError::Write)
}

/// The epoch of each revision.
#[derive(Default)]
struct Epochs(Vec<(Revision, Uuid)>);

impl Epochs {
    fn take(&mut self, record: &Record) {
        for fact in &record.facts {
            if let Fact::Registry(RegistryFact::EpochBegan { epoch, .. }) = fact {
                self.0.push((record.revision, *epoch));
            }
        }
    }

    fn of(&self, revision: Revision) -> Uuid {
        let after = self.0.partition_point(|(first, _)| *first <= revision);
        after.checked_sub(1).and_then(|at| self.0.get(at)).map_or(Uuid::nil(), |(_, epoch)| *epoch)
    }
}

/// The JSON form of a record.
#[derive(Serialize)]
struct Line {
    revision: u64,
    recorded_at: String,
    epoch: String,
    caller: String,
    role: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    caller_provider_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    note: String,
    facts: Vec<Fields>,
    changes: Vec<Fields>,
}

impl Line {
    fn of(record: &Record, epochs: &Epochs) -> Line {
        let (role, provider) = match &record.reporter.role {
            Role::Provider(id) => ("PROVIDER".to_owned(), Some(id.to_string())),
            role => (word(role), None),
        };
        Line {
            revision: record.revision.0,
            // Always nine digits, so that the texts sort like the instants.
            recorded_at: format!("{:.9}", record.recorded_at),
            epoch: epochs.of(record.revision).to_string(),
            caller: record.reporter.client.clone(),
            role,
            caller_provider_id: provider,
            method: record.request.as_ref().map(|request| request.method.clone()),
            request_id: record.request.as_ref().map(|request| request.request_id.to_string()),
            note: record.note.clone(),
            facts: record.recorded_facts().map(|recorded| fact::fields(recorded.id, recorded.fact, epochs)).collect(),
            changes: record.changes.iter().map(fields::change).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
