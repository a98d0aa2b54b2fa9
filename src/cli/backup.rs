//! `backup`: copies the registry, also while it is running.

use std::path::PathBuf;

use serde::Serialize;

use super::data_dir_args::DataDirArgs;
use super::failure::Failure;
use super::progress::Progress;
use super::{Outcome, display_text, print, print_aside, print_json};
use crate::registry::clock;
use crate::store::backup::{BackupNote, Taken, backup};
use crate::store::priority::{BELOW_NORMAL, lower_priority};

/// Copy the registry into a directory, also while it is running: consistent, verified, with a manifest of digests
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Backup {
    /// The target: an empty directory, a new one, or one with an earlier backup of the same registry, which is then
    /// updated
    #[arg(value_name = "DIR")]
    target: PathBuf,
    #[command(flatten)]
    place: DataDirArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry backup /mnt/backup/cpss-2026-03-02 --config /etc/cpss-registry/config.toml
  cd /mnt/backup/cpss-2026-03-02 && sha256sum --check MANIFEST

The backup contains personal data and the key of the registry. Protect it like the registry.";

#[derive(Serialize)]
struct Report {
    backup: String,
    head: u64,
    recorded_at: String,
    epoch: String,
    bytes: u64,
    segments_copied: usize,
    segments_kept: usize,
    online: bool,
}

impl Backup {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let data_dir = self.place.data_dir()?;
        // The backup may take its time; requests to the registry should not have to wait for it.
        lower_priority(BELOW_NORMAL);
        let mut progress = Progress::new();
        let taken = backup(&data_dir, &self.target, &mut |step| progress.show(step));
        let taken = taken.map_err(|error| Failure::of("the backup failed", &error).with_usage(error.is_usage()))?;
        drop(progress);
        let note = BackupNote { taken_at: clock::now(), head: taken.manifest.head };
        if let Err(error) = note.keep(&data_dir) {
            print_aside(&format!("the backup is complete, but the server will not report its age: {error}\n"));
        }
        let report = self.report(&taken);
        if self.json {
            print_json(&report)?;
        } else {
            let Report { backup, head, epoch, bytes, segments_copied, segments_kept, .. } = report;
            let recorded_at = display_text::instant(taken.manifest.recorded_at);
            print(&format!(
                "backed up to {backup}: revisions 1 to {head}\n\n  last record  {recorded_at}\n  epoch        {epoch}\n  \
                 size         {bytes} bytes\n  segments     {segments_copied} copied, {segments_kept} unchanged\n"
            ))?;
        }
        Ok(Outcome::Done)
    }

    fn report(&self, taken: &Taken) -> Report {
        let Taken { manifest, copied, kept, is_online } = taken;
        Report {
            backup: self.target.display().to_string(),
            head: manifest.head.0,
            recorded_at: manifest.recorded_at.to_string(),
            epoch: manifest.epoch.to_string(),
            bytes: manifest.bytes(),
            segments_copied: *copied,
            segments_kept: *kept,
            online: *is_online,
        }
    }
}
