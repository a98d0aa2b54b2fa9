//! `restore`: creates a registry from a backup.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

use super::data_dir_args::DataDirArgs;
use super::failure::Failure;
use super::progress::Progress;
use super::{Outcome, display_text, print, print_json};
use crate::domain::id::Revision;
use crate::registry::clock;
use crate::store::backup::{Cut, restore};

/// Fill an empty data directory from a backup; the restored registry begins a new epoch
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Restore {
    /// The backup
    #[arg(value_name = "DIR")]
    backup: PathBuf,
    /// Discard everything after this revision
    #[arg(long, value_name = "REVISION", conflicts_with = "to_time")]
    to_revision: Option<u64>,
    /// Discard everything recorded after this instant, such as 2026-03-01T09:00:00-06:00
    #[arg(long, value_name = "TIME")]
    to_time: Option<Timestamp>,
    #[command(flatten)]
    place: DataDirArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry restore /mnt/backup/cpss-2026-03-02 --data-dir /var/lib/cpss-registry
  cpss-registry restore /mnt/backup/cpss-2026-03-02 --data-dir ./as-it-was --to-revision 1800

Clients with a position after the last restored revision get HISTORY_CHANGED, with that revision.";

#[derive(Serialize)]
struct Report {
    data_dir: String,
    registry: String,
    forked_after: u64,
    known_until: String,
    epoch: String,
    head: u64,
}

impl Restore {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let data_dir = self.place.data_dir()?;
        let cut = match (self.to_revision, self.to_time) {
            (Some(revision), _) => Cut::After(Revision(revision)),
            (None, Some(time)) => Cut::At(time),
            (None, None) => Cut::Nowhere,
        };
        let mut progress = Progress::new();
        let restored = restore(&self.backup, &data_dir, cut, clock::now(), &mut |step| progress.show(step));
        let restored =
            restored.map_err(|error| Failure::of("nothing was restored", &error).with_usage(error.is_usage()))?;
        drop(progress);
        let report = Report {
            data_dir: data_dir.display().to_string(),
            registry: restored.registry.to_string(),
            forked_after: restored.forked_after.0,
            known_until: restored.known_until.to_string(),
            epoch: restored.epoch.to_string(),
            head: restored.head.0,
        };
        if self.json {
            print_json(&report)?;
        } else {
            let Report { data_dir, registry, forked_after, epoch, head, .. } = report;
            let known_until = display_text::instant(restored.known_until);
            print(&format!(
                "restored to {data_dir}: revisions 1 to {forked_after}\n\n  registry     {registry}\n  last record  {known_until}\n  \
                 new epoch    {epoch}, begun in revision {head}\n"
            ))?;
        }
        Ok(Outcome::Done)
    }
}
