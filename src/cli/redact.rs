//! `redact`: removes what is personal about a person from a registry that is not running.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::data_dir_args::DataDirArgs;
use super::failure::Failure;
use super::progress::Progress;
use super::{Outcome, print, print_json};
use crate::domain::id::SpecialistId;
use crate::domain::text::is_hidden;
use crate::registry::clock;
use crate::server::setup::{self, OwnerAccess, SetupError};
use crate::store::backup::{BackupNote, log_of_data_dir};
use crate::store::progress::{Step, Unit};
use crate::store::{
    Order, Plan, Planned, RedactError, Redacted, StoreOptions, copied_log, holds_registry, plan_redaction, redact,
};

/// The longest reason, in characters.
const LONGEST_WHY: usize = 500;

/// Remove the names, the birth date, the notes and the texts of a person from a registry that is not running; this
/// cannot be undone
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Redact {
    /// The person, as `find` shows the id
    #[arg(long, value_name = "ID")]
    specialist: SpecialistId,
    /// The reason, at most 500 characters. It stays on record, so it may not name the person
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    why: String,
    /// Who orders it, as the record will say
    #[arg(long, value_name = "NAME", default_value = "operator", value_parser = reason)]
    by: String,
    /// For a log that is shared in a database: the database, with the role that installed the schema; a URL without a
    /// password
    #[arg(long, value_name = "URL", requires = "config", conflicts_with = "data_dir")]
    log_owner_url: Option<String>,
    /// The file with the password of that role
    #[arg(long, value_name = "FILE", requires = "log_owner_url")]
    log_owner_password_file: Option<PathBuf>,
    /// Only list what would be removed
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    place: DataDirArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLE: &str = "\
Example:
  cpss-registry redact --data-dir ./sample --specialist SP-GC4W-MBDQ-N --why 'order 26-118' --dry-run

It records the redaction, and then removes the personal part of every record about the person before it, and its salt,
from the log, from what was set aside, and from the index, which is built again. Revisions, digests, the chain and every
proof stay as they are, and so do standings and verdicts. Questions about the person say NAME_REDACTED.
If it is interrupted, the next start completes it, or run it again.";

/// Reads a text that stays on record: one line, not empty.
fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text {
        "" => Err("is empty".to_owned()),
        long if long.chars().count() > LONGEST_WHY => Err(format!("is longer than {LONGEST_WHY} characters")),
        hidden if hidden.chars().any(is_hidden) => Err("has an invisible character".to_owned()),
        _ => Ok(text.to_owned()),
    }
}

#[derive(Serialize)]
struct Report {
    specialist_id: String,
    /// The credentials that were issued to the person, so that who orders it can tell that it is the right one.
    credential_numbers: Vec<String>,
    dry_run: bool,
    /// The record of the redaction. Unset: none was necessary, or it was a dry run.
    revision: Option<u64>,
    /// True if it was on record before, and was completed.
    was_on_record: bool,
    records: Vec<Removed>,
    /// What was set aside in the data directory: its segments are redacted, and its indexes removed.
    set_aside: Vec<String>,
    /// What still has what was removed.
    not_reached: Vec<String>,
}

/// What is removed from a record, in numbers.
#[derive(Serialize)]
struct Removed {
    revision: u64,
    names: usize,
    birth_dates: usize,
    texts: usize,
    note: bool,
    /// How many of these are about others. The personal part of a record can only be removed as a whole.
    of_others: usize,
}

impl Removed {
    fn of(Planned { revision, contents }: &Planned) -> Removed {
        let (names, birth_dates, texts) = (contents.names, contents.birth_dates, contents.texts);
        Removed { revision: revision.0, names, birth_dates, texts, note: contents.note, of_others: contents.of_others }
    }

    fn text(&self) -> String {
        let count = |number, of: &str| match number {
            0 => None,
            1 => Some(of.to_owned()),
            more => Some(format!("{more} {of}s")),
        };
        let parts = [
            count(self.names, "name"),
            count(self.birth_dates, "birth date"),
            count(self.texts, "text"),
            self.note.then(|| "the note".to_owned()),
        ];
        let others = match self.of_others {
            0 => String::new(),
            others => format!("; {others} of them about others, because the record has one personal part"),
        };
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        format!("  revision {}: {}{others}\n", self.revision, parts.join(", "))
    }
}

impl Redact {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        if let Some(url) = &self.log_owner_url {
            return self.run_shared(url);
        }
        let failed = |error: RedactError| Failure::of(error.outcome(), &error).with_usage(error.is_usage());
        let data_dir = self.place.data_dir()?;
        if copied_log(&data_dir).map_err(|error| Failure::of("nothing was redacted", &error))?.is_some() {
            return Err(Failure::usage(vec![format!(
                "{} has a copy of a log that is shared in a database: name it with --log-owner-url",
                data_dir.display()
            )]));
        }
        let plan = self.plan(&data_dir)?;
        plan.require_nameless(&self.order()).map_err(failed)?;
        let done = if self.dry_run { None } else { self.redact(&data_dir, &plan).map_err(failed)? };
        self.print(&plan, done, not_reached(&data_dir))
    }

    /// Redacts in the database. Every replica that runs follows, and the others when they start.
    fn run_shared(&self, url: &str) -> Result<Outcome, Failure> {
        let config = PathBuf::from(self.place.flags().config.unwrap_or_default());
        let owner = OwnerAccess { url: url.to_owned(), password_file: self.log_owner_password_file.clone() };
        let failed =
            |error: SetupError| Failure::of("not everything was redacted", &error).with_usage(error.is_usage());
        let (plan, done) = setup::redact(&config, &owner, &self.order(), self.dry_run).map_err(failed)?;
        let database = "old row versions in the database, its write-ahead log, standbys and base backups: VACUUM FULL \
                        cpss_registry.log while no replica runs, and let the archive expire";
        let mut places = vec![database.to_owned(), "replicas that do not run: they follow when they start".to_owned()];
        places.extend(self.place.data_dir().map(|data_dir| not_reached(&data_dir)).unwrap_or_default());
        self.print(&plan, done, places)
    }

    fn print(&self, plan: &Plan, done: Option<Redacted>, not_reached: Vec<String>) -> Result<Outcome, Failure> {
        let report = Report {
            specialist_id: self.specialist.to_string(),
            credential_numbers: plan.credentials.iter().map(ToString::to_string).collect(),
            dry_run: self.dry_run,
            revision: done.map(|done| done.revision.0),
            was_on_record: done.is_some_and(|done| done.was_on_record),
            records: plan.records.iter().map(Removed::of).collect(),
            set_aside: plan.set_aside.iter().map(|path| path.display().to_string()).collect(),
            not_reached,
        };
        if self.json {
            print_json(&report)?;
        } else {
            print(&report.text())?;
        }
        Ok(Outcome::Done)
    }

    fn order(&self) -> Order {
        Order { specialist: self.specialist, why: self.why.clone(), by: self.by.clone() }
    }

    fn plan(&self, data_dir: &Path) -> Result<Plan, Failure> {
        let opened = log_of_data_dir(data_dir);
        let (log, guard) =
            opened.map_err(|error| Failure::of("nothing was redacted", &error).with_usage(error.is_usage()))?;
        if guard.is_none() && !self.dry_run {
            let line = format!("a service is running on {}: stop it first", data_dir.display());
            return Err(Failure::usage(vec![line]));
        }
        plan_redaction(data_dir, &*log, self.specialist)
            .map_err(|error| Failure::of("nothing was redacted", &error).with_usage(error.is_usage()))
    }

    fn redact(&self, data_dir: &Path, plan: &Plan) -> Result<Option<Redacted>, RedactError> {
        let mut progress = Progress::new();
        redact(data_dir, &StoreOptions::default(), plan, &self.order(), clock::now(), &mut |reached| {
            let (done, total) = (reached.folded.0, reached.head.0);
            progress.show(Step { doing: "building the index", unit: Unit::Entries, done, total });
        })
    }
}

/// What a redaction does not reach, in words.
fn not_reached(data_dir: &Path) -> Vec<String> {
    let last = |note: Option<BackupNote>| match note {
        Some(BackupNote { taken_at, head }) => format!(" (the last one: {taken_at}, up to revision {head})"),
        None => String::new(),
    };
    vec![
        format!(
            "backups and archives taken before{}: take a new one, and delete them. After a restore of an older one, redact \
             again",
            last(BackupNote::read(data_dir))
        ),
        format!(
            "the copy of `log ship`{}: run it again, and it takes over what changed",
            last(BackupNote::read_shipped(data_dir))
        ),
        "exports, and answers that clients have".to_owned(),
        format!("data directories that were kept after a restore or an upgrade{}: delete them", old_files(data_dir)),
    ]
}

/// The files of an earlier registry directly above a data directory. A restore into a directory below it leaves them.
fn old_files(data_dir: &Path) -> String {
    let above = data_dir.canonicalize().ok().and_then(|path| path.parent().map(Path::to_owned));
    let Some(above) = above.filter(|above| holds_registry(above)) else { return String::new() };
    let there = ["log", "index", "set-aside"].map(|name| above.join(name)).into_iter().filter(|path| path.is_dir());
    let there: Vec<_> = there.map(|path| path.display().to_string()).collect();
    format!(" (here: {})", there.join(", "))
}

impl Report {
    fn text(&self) -> String {
        let Report { specialist_id, credential_numbers, dry_run, revision, .. } = self;
        let Report { records, set_aside, not_reached, was_on_record, .. } = self;
        let person = match &credential_numbers[..] {
            [] => format!("{specialist_id} (no credential)"),
            numbers => format!("{specialist_id} ({})", numbers.join(", ")),
        };
        let mut text = match (dry_run, revision) {
            (true, _) => format!("this would be removed about {person}:\n"),
            (false, Some(revision)) if *was_on_record => {
                format!("the redaction of revision {revision} is complete. This was left of {person}:\n")
            }
            (false, Some(revision)) => format!("recorded in revision {revision}. This was removed of {person}:\n"),
            (false, None) => format!("nothing is left to remove about {person}\n"),
        };
        text.extend(records.iter().map(Removed::text));
        if records.is_empty() && *dry_run {
            text.push_str("  nothing\n");
        }
        if !set_aside.is_empty() {
            text.push_str(
                "of what was set aside, segments are redacted (and removed if they cannot be read whole), and ",
            );
            text.push_str("indexes are removed:\n");
            text.extend(set_aside.iter().map(|path| format!("  {path}\n")));
        }
        text.push_str("not reached:\n");
        text.extend(not_reached.iter().map(|place| format!("  {place}\n")));
        text
    }
}
