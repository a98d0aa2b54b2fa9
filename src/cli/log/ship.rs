//! `log ship`: keeps a copy of the log that follows it.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::cli::data_dir_args::DataDirArgs;
use crate::cli::failure::Failure;
use crate::cli::progress::Progress;
use crate::cli::{Outcome, block_on, ended_by_signal, print, print_aside};
use crate::registry::clock;
use crate::store::backup::{self, BackupError, BackupNote};
use crate::store::incident::Incident;
use crate::store::log::ReadError;
use crate::store::priority::{BELOW_NORMAL, lower_priority};

/// The pause between two looks at the log.
const PERIOD: Duration = Duration::from_secs(1);

/// Keep a backup in a directory within seconds of the head, until it is ended
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Ship {
    /// The target, on another disk: an empty directory, a new one, or one with an earlier backup of the same registry
    #[arg(value_name = "DIR")]
    target: PathBuf,
    #[command(flatten)]
    place: DataDirArgs,
    /// End once the copy has everything
    #[arg(long)]
    once: bool,
}

const EXAMPLE: &str = "\
Example:
  cpss-registry log ship /mnt/backup/shipped --config /etc/cpss-registry/config.toml --once

The directory is a backup at every moment: `restore` and `check --backup` read it. The server may run, stop, and start
meanwhile. It reports how old the copy is (cpss_ship_last_timestamp_seconds).
The copy contains personal data and the key of the registry. Protect it like the registry.";

impl Ship {
    pub(in crate::cli) fn run(self) -> Result<Outcome, Failure> {
        let data_dir = self.place.data_dir()?;
        lower_priority(BELOW_NORMAL);
        // The first copy may take hours. Until it is complete, a signal ends the process at once.
        let ship = self.begin(&data_dir)?;
        block_on(async {
            let ended = ended_by_signal()?;
            tokio::select! {
                failed = self.ship(ship, &data_dir) => failed,
                () = ended => Ok(Outcome::Done),
            }
        })
    }

    async fn ship(&self, mut ship: backup::Ship, data_dir: &Path) -> Result<Outcome, Failure> {
        print(&format!("shipping to {}: revisions 1 to {}\n", self.target.display(), ship.head().0))?;
        let (failing, unnoted) = (Incident::new(), Incident::new());
        loop {
            let looked = Instant::now();
            let at = clock::now();
            match ship.follow() {
                Ok(()) => {
                    if failing.resolve() {
                        print_aside("the log is shipped again\n");
                    }
                    let note = BackupNote { taken_at: at, head: ship.head() };
                    match note.keep_shipped(data_dir) {
                        Ok(()) => drop(unnoted.resolve()),
                        Err(error) => {
                            tell(&unnoted, &format!("the server will not report the age of the copy: {error}\n"));
                        }
                    }
                    if self.once {
                        return Ok(Outcome::Done);
                    }
                }
                // Names were redacted: segments have other bytes, in the copy too once it has begun again.
                Err(BackupError::RedactedSince | BackupError::Log(ReadError::Damaged(_))) => {
                    drop(ship);
                    ship = self.begin(data_dir)?;
                    continue;
                }
                // What a server does when it starts or a disk is full may pass; what a history says does not.
                Err(error) if self.once || !may_pass(&error) => return Err(failed(&error)),
                Err(error) => tell(&failing, &failed(&error).to_string()),
            }
            sleep(PERIOD.saturating_sub(looked.elapsed())).await;
        }
    }

    /// Brings the copy to the head. Waits for a server that has not published its head yet, unless it copies once.
    fn begin(&self, data_dir: &Path) -> Result<backup::Ship, Failure> {
        let waiting = Incident::new();
        loop {
            let mut progress = Progress::new();
            match backup::Ship::begin(data_dir, &self.target, &mut |step| progress.show(step)) {
                Err(BackupError::NoPublishedHead) if !self.once => {
                    tell(&waiting, "waiting for the server to publish its head\n");
                }
                Err(BackupError::RedactionPending) if !self.once => {
                    tell(&waiting, "waiting for the server to complete a redaction\n");
                }
                begun => return begun.map_err(|error| failed(&error)),
            }
            thread::sleep(PERIOD);
        }
    }
}

/// Prints a text, unless it was printed within the last minute.
fn tell(incident: &Incident, text: &str) {
    if incident.occurred_for(text).is_some() {
        print_aside(text);
    }
}

/// True if an error says something about the disks, and nothing about the log.
fn may_pass(error: &BackupError) -> bool {
    matches!(error, BackupError::DataDir(_) | BackupError::Log(ReadError::Disk { .. }))
}

fn failed(error: &BackupError) -> Failure {
    Failure::of("the log is not shipped", error).with_usage(error.is_usage())
}
