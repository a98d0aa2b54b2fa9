//! `restore`: creates a registry from a backup.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use super::data_dir_args::DataDirArgs;
use super::failure::Failure;
use super::progress::Progress;
use super::{Outcome, display_text, print, print_json};
use crate::domain::id::Revision;
use crate::registry::clock;
use crate::store::backup::{Archive, BackupError, Cut, Restored, restore, restore_archives};

/// Fill an empty data directory from a backup; the restored registry begins a new epoch
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Restore {
    /// The backup: a directory, an archive, or - for an archive on standard input. Several archives: a full one, then
    /// those that were taken since it, in order
    #[arg(value_name = "DIR|FILE|-", required = true)]
    backup: Vec<PathBuf>,
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
  cpss-registry backup - --data-dir /var/lib/cpss-registry | cpss-registry restore - --data-dir ./copy

An archive is unpacked in the data directory first, which takes its space twice.
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
        let restored = self.restore(&data_dir, cut, &mut progress)?;
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

    fn restore(
        &self,
        data_dir: &Path,
        cut: Cut,
        progress: &mut Progress,
    ) -> Result<Result<Restored, BackupError>, Failure> {
        let on_step = &mut |step| progress.show(step);
        match self.backup.as_slice() {
            [directory] if directory.is_dir() => Ok(restore(directory, data_dir, cut, clock::now(), on_step)),
            archives => {
                let archives = archives.iter().map(|path| opened(path)).collect::<Result<_, _>>()?;
                Ok(restore_archives(archives, data_dir, cut, clock::now(), on_step))
            }
        }
    }
}

/// Opens an archive.
fn opened(path: &Path) -> Result<Archive, Failure> {
    if path == Path::new("-") {
        return Ok(Archive { name: "standard input".to_owned(), bytes: Box::new(BufReader::new(io::stdin())) });
    }
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| Failure::of(format!("cannot open {name}"), &error))?;
    Ok(Archive { name, bytes: Box::new(BufReader::new(file)) })
}
