//! `check`: verifies the data on disk.

use std::path::PathBuf;

use serde::Serialize;

use super::data_dir_args::DataDirArgs;
use super::failure::Failure;
use super::progress::Progress;
use super::{Outcome, check_log, print, print_json};
use crate::server::check::{CheckedDueDates, check};
use crate::store::backup::{log_of_backup, verify};
use crate::store::check::{Checked, IndexState, check_log};

/// Check every frame and record of a registry that is not running, and its index against the log: exit 0 if all are
/// good
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Check {
    /// Check this backup instead: its digests, frames and records
    #[arg(long, value_name = "DIR", conflicts_with_all = ["data_dir", "config", "log"])]
    backup: Option<PathBuf>,
    /// Compare the data directory with the database of the shared log instead: every frame of it, and where they part.
    /// The replica may be running
    #[arg(long, requires = "config")]
    log: bool,
    #[command(flatten)]
    place: DataDirArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry check --data-dir /var/lib/cpss-registry
  cpss-registry check --backup /mnt/backup/cpss-2026-03-02

The check builds a second index from the log and compares the two. It needs as much disk space as the index.
It also compares the due dates (what changes on which day) with the timelines of all people. They are \"not checked\" if
the next start computes them again, and for a backup, which has none.

With --log and --config FILE, the check reads the database of a shared log, and says up to which revision the replica has
the same records.";

#[derive(Serialize)]
struct Report {
    fine: bool,
    records: u64,
    head: u64,
    bytes: u64,
    index: &'static str,
    index_entries: Option<u64>,
    due_dates: Option<u64>,
    /// The result of the last scrub by the service, if it found damage and no later scrub passed.
    scrub_found: Option<String>,
    findings: Vec<Wrong>,
}

#[derive(Serialize)]
struct Wrong {
    place: String,
    reason: String,
}

impl Check {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        if self.log {
            return check_log::run(&self.place.flags(), self.json);
        }
        let report = self.check()?;
        let fine = report.fine;
        if self.json {
            print_json(&report)?;
        } else {
            print(&text(&report))?;
        }
        if fine { Ok(Outcome::Done) } else { Ok(Outcome::Failed) }
    }

    fn check(&self) -> Result<Report, Failure> {
        let mut progress = Progress::new();
        let on_step = &mut |step| progress.show(step);
        match &self.backup {
            None => {
                let checked = check(&self.place.data_dir()?, on_step);
                let (checked, due) = checked.map_err(|error| {
                    Failure::of("the registry could not be checked", &error).with_usage(error.is_wrong_place())
                })?;
                Ok(report(checked, due))
            }
            Some(backup) => {
                let manifest = verify(backup, on_step).map_err(|error| Failure::of("the backup is damaged", &error))?;
                let log = log_of_backup(backup, &manifest);
                let log = log.map_err(|error| Failure::of("the backup is damaged", &error))?;
                let checked = check_log(&*log, on_step);
                let checked = checked.map_err(|error| Failure::of("the backup could not be checked", &error))?;
                Ok(report(checked, None))
            }
        }
    }
}

fn report(checked: Checked, due: Option<CheckedDueDates>) -> Report {
    let (index, index_entries) = match checked.index {
        IndexState::Equal { entries } => ("equal to the fold of the log", Some(entries)),
        IndexState::Different { entries } => ("different from the fold of the log", Some(entries)),
        IndexState::Rebuilt => ("rebuilt, as at the next start", None),
        IndexState::NotChecked => ("not checked", None),
    };
    let (due_dates, wrong_dates) = due.map(|due| (due.dates, due.findings)).unzip();
    let findings = checked.findings.into_iter().chain(wrong_dates.unwrap_or_default());
    let wrong = findings.map(|found| Wrong { place: found.place, reason: found.reason });
    let findings: Vec<_> = wrong.collect();
    Report {
        fine: findings.is_empty(),
        records: checked.records,
        head: checked.head.0,
        bytes: checked.bytes,
        index,
        index_entries,
        due_dates,
        scrub_found: checked.scrub_found,
        findings,
    }
}

fn text(report: &Report) -> String {
    let Report { fine, records, bytes, index, index_entries, due_dates, scrub_found, findings, .. } = report;
    let entries = index_entries.map_or(String::new(), |entries| format!(", {entries} entries"));
    let due = due_dates.map_or("not checked".to_owned(), |dates| dates.to_string());
    let mut text = format!(
        "{}\n\n  records    {records}\n  log        {bytes} bytes\n  index      {index}{entries}\n  due dates  {due}\n",
        if *fine { "fine" } else { "NOT FINE" }
    );
    if let Some(found) = scrub_found {
        text.push_str(&format!("  DAMAGED: a scrub found: {found}. Writes are refused until a scrub passes.\n"));
    }
    for Wrong { place, reason } in findings {
        text.push_str(&format!("  {place}: {reason}\n"));
    }
    text
}
