//! `restore-drill`: proves that a backup can be restored, and says how long it takes.

mod questions;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;

use self::questions::{Asked, MOST};
use super::connect::Connection;
use super::failure::Failure;
use super::progress::Progress;
use super::restore::fill;
use super::scratch_dir::ScratchDir;
use super::{Outcome, block_on, counts, ended_by_signal, print, print_json};
use crate::server::check::check;
use crate::store::backup::{Cut, Restored};

/// Restore a backup into a scratch directory, check it, and compare its answers: exit 0 if nothing differs
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct RestoreDrill {
    /// The backup, as for `restore`
    #[arg(value_name = "DIR|FILE|-", required = true)]
    backup: Vec<PathBuf>,
    /// Decrypt archives with this key file of age
    #[arg(long, value_name = "KEYFILE")]
    identity: Option<PathBuf>,
    /// Make the scratch directory in this one. It is removed afterwards
    #[arg(long, value_name = "DIR", default_value_os_t = std::env::temp_dir())]
    within: PathBuf,
    /// Ask about this many credentials, spread over all
    #[arg(long, value_name = "COUNT", default_value_t = 200, value_parser = counts(MOST))]
    credentials: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

const EXAMPLE: &str = "\
Example:
  cpss-registry restore-drill /mnt/backup/cpss-2026-03-02

The answers are compared with the standings that the backup itself has on record, and with --endpoint or --profile also
with those of a server as of the same revision, asked as registrar or auditor. The time to recover is that of the restore
and of the start. The scratch directory holds personal data while the drill runs. SIGTERM and Ctrl-C end the drill, and
remove the directory, once the restore, the check, or the start is through.";

#[derive(Serialize)]
struct Report {
    fine: bool,
    revisions: u64,
    known_until: String,
    restore_seconds: f64,
    check_seconds: f64,
    start_seconds: f64,
    /// Restore and start.
    recovery_seconds: f64,
    questions: usize,
    /// Those that a server was asked, too.
    compared_with_server: usize,
    findings: Vec<String>,
}

impl RestoreDrill {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let report = block_on(async {
            let ended = ended_by_signal()?;
            tokio::select! {
                biased;
                () = ended => Err(Failure::interrupted("interrupted")),
                report = self.drill() => report,
            }
        })?;
        if self.json {
            print_json(&report)?;
        } else {
            print(&text(&report))?;
        }
        Ok(if report.fine { Outcome::Done } else { Outcome::Failed })
    }

    async fn drill(&self) -> Result<Report, Failure> {
        let scratch = ScratchDir::make(&self.within)?;
        let mut progress = Progress::new();
        let began = Instant::now();
        let restored = fill(&self.backup, self.identity.as_deref(), &scratch.data_dir(), Cut::Nowhere, &mut progress)?;
        let restoring = began.elapsed();
        tokio::task::yield_now().await;

        let began = Instant::now();
        let checked = check(&scratch.data_dir(), &mut |step| progress.show(step));
        let (checked, due) = checked.map_err(|error| Failure::of("the restored registry cannot be checked", &error))?;
        let checking = began.elapsed();
        let due = due.map(|due| due.findings).unwrap_or_default();
        let mut findings: Vec<_> =
            checked.findings.into_iter().chain(due).map(|found| format!("{}: {}", found.place, found.reason)).collect();
        tokio::task::yield_now().await;

        let began = Instant::now();
        let opened = scratch.open(None).await?;
        let starting = began.elapsed();
        drop(progress);
        let server = if self.connection.is_given() { Some(&self.connection) } else { None };
        let asked = questions::ask(&opened.caller(), server, restored.forked_after.0, self.credentials).await;
        let ended = opened.end().await;
        let asked = asked?;
        ended.map_err(|error| Failure::of("the restored registry did not close", &error))?;
        findings.extend(asked.findings.iter().cloned());
        Ok(report(&restored, [restoring, checking, starting], &asked, findings))
    }
}

fn report(restored: &Restored, times: [Duration; 3], asked: &Asked, findings: Vec<String>) -> Report {
    let [restoring, checking, starting] = times;
    let seconds = |time: Duration| (time.as_secs_f64() * 1000.0).round() / 1000.0;
    Report {
        fine: findings.is_empty(),
        revisions: restored.forked_after.0,
        known_until: restored.known_until.to_string(),
        restore_seconds: seconds(restoring),
        check_seconds: seconds(checking),
        start_seconds: seconds(starting),
        recovery_seconds: seconds(restoring + starting),
        questions: asked.questions,
        compared_with_server: asked.compared_with_server,
        findings,
    }
}

fn text(report: &Report) -> String {
    let Report { revisions, known_until, restore_seconds, check_seconds, start_seconds, .. } = report;
    let Report { recovery_seconds, questions, compared_with_server, findings, .. } = report;
    let mut text = format!(
        "{}\n\n  revisions      1 to {revisions}, until {known_until}\n  recovery       {recovery_seconds:.1} s: restore \
         {restore_seconds:.1} s, start {start_seconds:.1} s\n  check          {check_seconds:.1} s\n  questions      \
         {questions}, of which a server was asked {compared_with_server}\n",
        if report.fine { "fine" } else { "NOT FINE" }
    );
    for finding in findings {
        text.push_str(&format!("  {finding}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::domain::id::Revision;

    #[test]
    fn the_time_to_recover_is_that_of_the_restore_and_of_the_start() {
        let restored = Restored {
            registry: Uuid::nil(),
            forked_after: Revision(7),
            known_until: Timestamp::UNIX_EPOCH,
            epoch: Uuid::nil(),
            head: Revision(8),
        };
        let asked = Asked { questions: 0, compared_with_server: 0, findings: Vec::new() };
        // As floats, 0.1 and 0.2 are not 0.3.
        let times = [100_400, 5_000_000, 200_000].map(Duration::from_micros);
        let report = report(&restored, times, &asked, Vec::new());
        assert_eq!([report.restore_seconds, report.start_seconds, report.recovery_seconds], [0.1, 0.2, 0.3]);
        let times = [400, 0, 400].map(Duration::from_micros);
        assert_eq!(super::report(&restored, times, &asked, Vec::new()).recovery_seconds, 0.001, "rounded once");
    }
}
