//! `import`: loads an agency's existing records from a directory of lists, or rehearses that.

mod caller;
mod cells;
mod commands;
mod conflicts;
mod findings;
mod ids;
mod kind;
mod load;
mod numbers;
mod once;
mod order;
mod records_begin;
mod refusals;
mod report;
mod source;
mod unconfirmed;

use std::path::PathBuf;

use jiff::civil::Date;

use self::caller::Caller;
use self::findings::{Findings, position, standings};
use self::load::{AGAIN, Load, TIMEOUT};
use self::numbers::Numbers;
use self::source::Source;
use super::connect::Connection;
use super::failure::Failure;
use super::progress::Progress;
use super::scratch_dir::ScratchDir;
use super::{Outcome, block_on, ended_by_signal, print, print_aside};

/// Load an agency's existing records from a directory; exit 2 if a row is bad, while the others are loaded
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Import {
    /// The directory: manifest.toml, and a file for each kind of record
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Rehearse: load everything into a scratch registry in this process, and print what to compare with the old
    /// system. It calls no server
    #[arg(long)]
    dry_run: bool,
    /// Rehearse onto a copy of the registry in this backup [default: an empty registry]
    #[arg(long, value_name = "BACKUP", requires = "dry_run")]
    onto: Option<PathBuf>,
    /// Rehearse as on this day [default: today]
    #[arg(long, value_name = "DATE", requires = "dry_run")]
    today: Option<Date>,
    /// Where to make the scratch registry; it needs about 1 GiB for a million rows [default: the directory for
    /// temporary files]
    #[arg(long, value_name = "DIR", requires = "dry_run")]
    scratch: Option<PathBuf>,
    /// Write the list of numbers here: a line for each row of credentials that is on record, with its prior numbers as
    /// written and its credential number. An earlier such list is replaced
    #[arg(long, value_name = "FILE.csv", conflicts_with = "dry_run")]
    out: Option<PathBuf>,
    /// The manifest's records_begin is meant for the whole registry, although another day is on file
    #[arg(long)]
    moves_records_begin: bool,
    /// Print one JSON object per bad row, and one with the counts
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry import old-records --dry-run
  cpss-registry import old-records --dry-run --onto /mnt/backup/cpss-2026-03-02
  cpss-registry import old-records --out numbers.csv

Every row has an id of the old system, source_id. Run the same line again after a stop or a correction: rows that are
on record are done already, and nothing is recorded twice. deploy/docs/import.md describes the files.";

impl Import {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let source = Source::open(&self.directory)?;
        print_aside(&source.understood());
        let mut progress = Progress::new();
        if self.dry_run { self.rehearse(&source, &mut progress) } else { block_on(self.load(&source, &mut progress)) }
    }

    async fn load(&self, source: &Source, progress: &mut Progress) -> Result<Outcome, Failure> {
        let caller = caller::through(self.connection.open(TIMEOUT).await?);
        let numbers = self.out.as_deref().map(Numbers::begin).transpose()?;
        self.records_begin(source, &caller).await?;
        let head = position(&caller).await?.revision;
        let mut load = Load::begin(source, &caller, head);
        load.numbers = numbers;
        let loaded = tokio::select! {
            loaded = load.run(progress) => loaded,
            _ = tokio::signal::ctrl_c() => {
                Err(Failure::interrupted("interrupted: rows that were sent last may be on record, too").with_remedy(AGAIN))
            }
        };
        progress.end();
        load.report.sort();
        load.report.print(&source.name, self.json)?;
        loaded?;
        load.numbers.take().map_or(Ok(()), Numbers::keep)?;
        load.report.outcome(self.dry_run)
    }

    async fn records_begin(&self, source: &Source, caller: &Caller) -> Result<(), Failure> {
        let Some(first_day) = source.records_begin else { return Ok(()) };
        records_begin::record(caller, first_day, self.moves_records_begin).await
    }

    fn rehearse(&self, source: &Source, progress: &mut Progress) -> Result<Outcome, Failure> {
        let within = self.scratch.clone().unwrap_or_else(std::env::temp_dir);
        let scratch = ScratchDir::make(&within)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::of("cannot start", &error))?;
        let rehearsed = runtime.block_on(async {
            let ended = ended_by_signal()?;
            if let Some(backup) = &self.onto {
                scratch.restore(backup, progress)?;
            }
            let opened = scratch.open(self.today).await?;
            let caller = caller::through(opened.caller());
            let rehearsed = tokio::select! {
                rehearsed = self.rehearse_in(source, &caller, progress) => rehearsed,
                () = ended => Err(Failure::interrupted(STOPPED)),
            };
            drop(caller);
            opened.end().await.map_err(|error| Failure::of("the rehearsal failed", &error))?;
            rehearsed
        });
        runtime.shutdown_background();
        rehearsed
    }

    async fn rehearse_in(&self, source: &Source, caller: &Caller, progress: &mut Progress) -> Result<Outcome, Failure> {
        let (before, head) = (standings(caller).await?, position(caller).await?);
        self.records_begin(source, caller).await?;
        let mut load = Load::begin(source, caller, head.revision);
        load.run(progress).await?;
        progress.end();
        load.report.sort();
        if !self.json {
            let onto = self.onto.as_ref().map_or_else(
                || "an empty registry (what is on file is not known to it: --onto BACKUP)".to_owned(),
                |backup| format!("a copy of the registry in {}", backup.display()),
            );
            print(&format!("rehearsed into {onto}; nothing was recorded\n\n"))?;
        }
        load.report.print(&source.name, self.json)?;
        Findings::of(caller, &before, &head, &load.ids, &load.report).await?.print(self.json)?;
        load.report.outcome(self.dry_run)
    }
}

/// A signal ended the rehearsal.
const STOPPED: &str = "stopped; the scratch registry is removed";
