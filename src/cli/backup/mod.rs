//! `backup`: copies the registry, also while it is running: on its machine, or over the network.

pub mod catalog;
mod fetch;
mod local;

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use self::catalog::{Catalog, MOST, name_of};
use super::connect::Connection;
use super::data_dir_args::DataDirArgs;
use super::failure::Failure;
use super::{Outcome, block_on, counts, display_text, json, print, print_aside, print_json};
use crate::registry::clock;

/// Copy the registry, also while it is running: into a directory, as an archive, or encrypted from a server
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Backup {
    /// The target: an empty directory, a new one, or one with an earlier backup of the same registry, which is then
    /// updated; - for a tar archive on standard output. From a server: a new file, - for standard output, or a
    /// directory, which gets a file with the time in its name
    #[arg(value_name = "DIR|FILE|-")]
    target: PathBuf,
    #[command(flatten)]
    place: DataDirArgs,
    /// From a server: leave out what this file of an earlier `backup` has. A restore then needs both
    #[arg(long, value_name = "FILE")]
    since: Option<PathBuf>,
    /// From a server into a directory: of every COUNT files, make the first a full backup and the others only what is
    /// new
    #[arg(long, value_name = "COUNT", conflicts_with = "since", value_parser = counts(MOST))]
    full_every: Option<usize>,
    /// From a server into a directory: remove all but the newest files, and those that they need
    #[arg(long, value_name = "COUNT", value_parser = counts(usize::MAX))]
    keep: Option<usize>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry backup /mnt/backup/cpss-2026-03-02 --config /etc/cpss-registry/config.toml
  cd /mnt/backup/cpss-2026-03-02 && sha256sum --check MANIFEST
  cpss-registry backup - --config /etc/cpss-registry/config.toml > /mnt/backup/cpss-2026-03-02.tar

  cpss-registry backup /mnt/backup --keep 14 --profile operator

The last one takes a backup from a server, as a client with the role operator. It is encrypted to the server's
backup_recipients: only the holder of such a key can restore it.

An archive that has no MANIFEST at its end is incomplete, and `restore` refuses it.
The backup contains personal data and the key of the registry. Protect it like the registry.";

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

fn as_text<S: Serializer>(instant: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(instant)
}

impl Backup {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let is_stream = self.target == Path::new("-");
        if is_stream && io::stdout().is_terminal() {
            return Err(Failure::usage(vec!["an archive is not for a terminal: redirect standard output".to_owned()]));
        }
        let report = match self.connection.is_given() {
            true => self.fetch(is_stream)?,
            false => self.copy(is_stream)?,
        };
        // An archive takes standard output.
        match (self.json, is_stream) {
            (true, true) => print_aside(&json(&report)?),
            (true, false) => print_json(&report)?,
            (false, true) => print_aside(&text(&report)),
            (false, false) => print(&text(&report))?,
        }
        Ok(Outcome::Done)
    }

    /// A backup of a data directory of this machine.
    fn copy(&self, is_stream: bool) -> Result<Report, Failure> {
        let only_from_a_server = [
            ("--since", self.since.is_some()),
            ("--full-every", self.full_every.is_some()),
            ("--keep", self.keep.is_some()),
        ];
        if let Some((flag, _)) = only_from_a_server.into_iter().find(|(_, is_given)| *is_given) {
            return Err(Failure::usage(vec![format!("{flag} is for a backup from a server: name it with --endpoint")]));
        }
        let data_dir = self.place.data_dir()?;
        if is_stream { local::archive_to_stdout(&data_dir) } else { local::copy(&data_dir, &self.target) }
    }

    /// A backup of a server.
    fn fetch(&self, is_stream: bool) -> Result<Report, Failure> {
        if self.place.is_given() {
            let line = "a backup comes from a data directory or from a server: leave out the flags of the connection, \
                        or --data-dir and --config";
            return Err(Failure::usage(vec![line.to_owned()]));
        }
        let is_directory = self.target.is_dir();
        if !is_directory && (self.keep.is_some() || self.full_every.is_some()) {
            return Err(Failure::usage(vec!["--keep and --full-every are for a directory that exists".to_owned()]));
        }
        let catalog = if is_directory { Some(Catalog::read(&self.target)?) } else { None };
        let since = match &catalog {
            Some(catalog) if self.since.is_none() => catalog.since(self.full_every.unwrap_or(1)),
            _ => self.since.clone(),
        };
        let file = if is_directory { self.target.join(name_of(clock::now())) } else { self.target.clone() };
        let to = if is_stream { None } else { Some(file.as_path()) };
        let report = block_on(fetch::fetch(&self.connection, to, since.as_deref()))?;
        if let (true, Some(keep)) = (is_directory, self.keep) {
            Catalog::read(&self.target)?.keep(keep)?;
        }
        Ok(report)
    }
}

/// The name of the place that a backup goes to. `None` is standard output.
fn shown(to: Option<&Path>) -> String {
    to.map_or("standard output".to_owned(), |path| path.display().to_string())
}

fn text(report: &Report) -> String {
    let Report { backup, head, recorded_at, epoch, bytes, segments_copied, segments_kept, .. } = report;
    let recorded_at = display_text::instant(*recorded_at);
    format!(
        "backed up to {backup}: revisions 1 to {head}\n\n  last record  {recorded_at}\n  epoch        {epoch}\n  \
         size         {bytes} bytes\n  segments     {segments_copied} copied, {segments_kept} unchanged\n"
    )
}
