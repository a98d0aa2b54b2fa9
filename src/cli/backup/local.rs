//! A backup of a data directory of this machine.

use std::io::{self, BufWriter};
use std::path::Path;

use super::{Report, shown};
use crate::cli::failure::Failure;
use crate::cli::print_aside;
use crate::cli::progress::Progress;
use crate::registry::clock;
use crate::store::backup::{Archived, BackupError, BackupNote, Manifest, Taken, archive, backup};
use crate::store::priority::{BELOW_NORMAL, lower_priority};

/// The number of bytes that are written to standard output at once.
const OUT_BYTES: usize = 256 * 1024;

/// Copies a data directory into another directory.
pub fn copy(data_dir: &Path, target: &Path) -> Result<Report, Failure> {
    // The backup may take its time; requests to the registry should not have to wait for it.
    lower_priority(BELOW_NORMAL);
    let mut progress = Progress::new();
    let taken = backup(data_dir, target, &mut |step| progress.show(step)).map_err(|error| failed(&error))?;
    keep_note(data_dir, &taken.manifest);
    let Taken { manifest, copied, kept, is_online } = taken;
    Ok(report(Some(target), &manifest, (copied, kept), is_online))
}

/// Writes an archive to standard output.
pub fn archive_to_stdout(data_dir: &Path) -> Result<Report, Failure> {
    lower_priority(BELOW_NORMAL);
    let mut progress = Progress::new();
    let mut out = BufWriter::with_capacity(OUT_BYTES, io::stdout().lock());
    let archived = archive(data_dir, &[], &mut out, &mut |step| progress.show(step)).map_err(|error| failed(&error))?;
    keep_note(data_dir, &archived.manifest);
    let Archived { manifest, copied, kept, is_online } = archived;
    Ok(report(None, &manifest, (copied, kept), is_online))
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

fn report(to: Option<&Path>, manifest: &Manifest, (copied, kept): (usize, usize), online: bool) -> Report {
    Report {
        backup: shown(to),
        head: manifest.head.0,
        recorded_at: manifest.recorded_at,
        epoch: manifest.epoch.to_string(),
        bytes: manifest.bytes(),
        segments_copied: copied,
        segments_kept: kept,
        online,
    }
}
