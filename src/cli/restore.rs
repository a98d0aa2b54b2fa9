//! `restore`: creates a registry from a backup.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use super::backup::catalog::chain;
use super::data_dir_args::DataDirArgs;
use super::failure::Failure;
use super::progress::Progress;
use super::{Outcome, display_text, print, print_json};
use crate::domain::id::Revision;
use crate::registry::clock;
use crate::store::backup::{Archive, Cut, Identities, MAGIC, Restored, restore, restore_archives};

/// Fill an empty data directory from a backup; the restored registry begins a new epoch
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Restore {
    /// The backup: a directory, an archive, or - for an archive on standard input. An archive beside its description
    /// brings those that it was taken since. Others are named, in order, beginning with a full one
    #[arg(value_name = "DIR|FILE|-", required = true)]
    backup: Vec<PathBuf>,
    /// Discard everything after this revision
    #[arg(long, value_name = "REVISION", conflicts_with = "to_time")]
    to_revision: Option<u64>,
    /// Discard everything recorded after this instant, such as 2026-03-01T09:00:00-06:00
    #[arg(long, value_name = "TIME")]
    to_time: Option<Timestamp>,
    /// Decrypt archives with this key file of age
    #[arg(long, value_name = "KEYFILE")]
    identity: Option<PathBuf>,
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
  cpss-registry restore ./cpss-20260302T050000Z.tar.age --identity ./key.txt --data-dir ./decrypted

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
        let restored = fill(&self.backup, self.identity.as_deref(), &data_dir, cut, &mut progress)?;
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

/// Fills a data directory from the backup that was named.
pub fn fill(
    backup: &[PathBuf],
    identity: Option<&Path>,
    data_dir: &Path,
    cut: Cut,
    progress: &mut Progress,
) -> Result<Restored, Failure> {
    let on_step = &mut |step| progress.show(step);
    let restored = match opened(backup, identity)? {
        Opened::Directory(directory) => restore(directory, data_dir, cut, clock::now(), on_step),
        Opened::Archives(archives) => restore_archives(archives, data_dir, cut, clock::now(), on_step),
    };
    restored.map_err(|error| Failure::of("nothing was restored", &error).with_usage(error.is_usage()))
}

/// A backup that was named.
enum Opened<'a> {
    /// A backup in a directory.
    Directory(&'a Path),
    /// Archives, in order.
    Archives(Vec<Archive>),
}

/// Opens the backup that was named: a directory, or archives.
fn opened<'a>(backup: &'a [PathBuf], identity: Option<&Path>) -> Result<Opened<'a>, Failure> {
    let identities = identity.map(identities).transpose()?;
    let is_stdin = |path: &Path| path == Path::new("-");
    let archives = match backup {
        // What does not exist may be a directory on a disk that is not mounted.
        [one] if one.is_dir() || !(one.exists() || is_stdin(one)) => return Ok(Opened::Directory(one)),
        [one] if !is_stdin(one) => chain(one)?,
        several => several.to_owned(),
    };
    let archives = archives.iter().map(|path| archive(path, identities.as_ref()));
    Ok(Opened::Archives(archives.collect::<Result<_, _>>()?))
}

/// Opens an archive, and decrypts it if it is encrypted.
fn archive(path: &Path, identities: Option<&Identities>) -> Result<Archive, Failure> {
    let is_stdin = path == Path::new("-");
    let name = if is_stdin { "standard input".to_owned() } else { path.display().to_string() };
    let unreadable = |error: io::Error| Failure::of(format!("cannot read {name}"), &error);
    let mut bytes: Box<dyn BufRead> = if is_stdin {
        Box::new(BufReader::new(io::stdin()))
    } else {
        Box::new(BufReader::new(File::open(path).map_err(unreadable)?))
    };
    let is_encrypted = bytes.fill_buf().map_err(unreadable)?.starts_with(MAGIC);
    let bytes: Box<dyn Read> = match identities {
        Some(identities) if is_encrypted => identities.decrypt(bytes).map_err(unreadable)?,
        None if is_encrypted => {
            return Err(Failure::usage(vec![format!("{name} is encrypted: name the key file with --identity")]));
        }
        _ => Box::new(bytes),
    };
    Ok(Archive { name, bytes })
}

/// Reads a key file.
fn identities(path: &Path) -> Result<Identities, Failure> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| Failure::of(format!("cannot read {shown}"), &error))?;
    let not_keys = || Failure::usage(vec![format!("{shown} is not a key file of age, as `age-keygen` writes it")]);
    Identities::parse(&text).ok_or_else(not_keys)
}
