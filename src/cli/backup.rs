//! `backup`: copies the registry, also while it is running.

use std::io::{self, BufWriter, IsTerminal as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::data_dir_args::DataDirArgs;
use super::failure::Failure;
use super::progress::Progress;
use super::{Outcome, display_text, json, print, print_aside, print_json};
use crate::registry::clock;
use crate::store::backup::{Archived, BackupError, BackupNote, Manifest, Taken, archive, backup};
use crate::store::priority::{BELOW_NORMAL, lower_priority};

/// Copy the registry into a directory, also while it is running: consistent, verified, with a manifest of digests
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Backup {
    /// The target: an empty directory, a new one, or one with an earlier backup of the same registry, which is then
    /// updated; - for a tar archive on standard output
    #[arg(value_name = "DIR|-")]
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
  cpss-registry backup - --config /etc/cpss-registry/config.toml > /mnt/backup/cpss-2026-03-02.tar

An archive that has no MANIFEST at its end is incomplete, and `restore` refuses it.
The backup contains personal data and the key of the registry. Protect it like the registry.";

/// The number of bytes that are written to standard output at once.
const OUT_BYTES: usize = 256 * 1024;

#[derive(Serialize)]
struct Report {
    backup: String,
    head: u64,
    #[serde(serialize_with = "as_text")]
    recorded_at: Timestamp,
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
        let is_stream = self.target == Path::new("-");
        let report = if is_stream { write_archive(&data_dir)? } else { self.copy(&data_dir)? };
        // An archive takes standard output.
        match (self.json, is_stream) {
            (true, true) => print_aside(&json(&report)?),
            (true, false) => print_json(&report)?,
            (false, true) => print_aside(&text(&report)),
            (false, false) => print(&text(&report))?,
        }
        Ok(Outcome::Done)
    }

    fn copy(&self, data_dir: &Path) -> Result<Report, Failure> {
        let mut progress = Progress::new();
        let taken = backup(data_dir, &self.target, &mut |step| progress.show(step)).map_err(|error| failed(&error))?;
        keep_note(data_dir, &taken.manifest);
        let Taken { manifest, copied, kept, is_online } = taken;
        Ok(report(self.target.display().to_string(), &manifest, (copied, kept), is_online))
    }
}

/// Writes an archive to standard output.
fn write_archive(data_dir: &Path) -> Result<Report, Failure> {
    if io::stdout().is_terminal() {
        return Err(Failure::usage(vec!["an archive is not for a terminal: redirect standard output".to_owned()]));
    }
    let mut progress = Progress::new();
    let mut out = BufWriter::with_capacity(OUT_BYTES, io::stdout().lock());
    let archived = archive(data_dir, &[], &mut out, &mut |step| progress.show(step)).map_err(|error| failed(&error))?;
    keep_note(data_dir, &archived.manifest);
    let Archived { manifest, copied, kept, is_online } = archived;
    Ok(report("standard output".to_owned(), &manifest, (copied, kept), is_online))
}

fn as_text<S: Serializer>(instant: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(instant)
}

fn failed(error: &BackupError) -> Failure {
    Failure::of("the backup failed", error).with_usage(error.is_usage())
}

/// Tells the server of the backup.
fn keep_note(data_dir: &Path, manifest: &Manifest) {
    let note = BackupNote { taken_at: clock::now(), head: manifest.head };
    if let Err(error) = note.keep(data_dir) {
        print_aside(&format!("the backup is complete, but the server will not report its age: {error}\n"));
    }
}

fn report(backup: String, manifest: &Manifest, (copied, kept): (usize, usize), online: bool) -> Report {
    Report {
        backup,
        head: manifest.head.0,
        recorded_at: manifest.recorded_at,
        epoch: manifest.epoch.to_string(),
        bytes: manifest.bytes(),
        segments_copied: copied,
        segments_kept: kept,
        online,
    }
}

fn text(report: &Report) -> String {
    let Report { backup, head, recorded_at, epoch, bytes, segments_copied, segments_kept, .. } = report;
    let recorded_at = display_text::instant(*recorded_at);
    format!(
        "backed up to {backup}: revisions 1 to {head}\n\n  last record  {recorded_at}\n  epoch        {epoch}\n  \
         size         {bytes} bytes\n  segments     {segments_copied} copied, {segments_kept} unchanged\n"
    )
}
