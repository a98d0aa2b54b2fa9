//! `audit`: searches the audit of reads by credential number, client and day.

use std::io;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use serde::Serialize;

use super::config;
use super::failure::Failure;
use super::list::date;
use super::{Outcome, print, print_json_line};
use crate::domain::day::Day;
use crate::domain::id::CredentialNumber;
use crate::registry::clock::Clock;
use crate::server::config::{Config, Flags};
use crate::telemetry::audit::{Bounds, Query, Read, search};

/// The limits of one page of the search. Each page is printed before the next one is read.
const PAGE: Bounds = Bounds { lines: 1000, numbers: 100_000, bytes: 1 << 30 };

/// Search the audit of reads, also while the registry is running: exit 0 if a line matches, 3 if none does
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct SearchAudit {
    /// Who asked about this credential
    #[arg(value_name = "NUMBER")]
    number: Option<CredentialNumber>,
    /// Also lines that name this person, job or fact by its id, in addition to NUMBER; may be repeated. The RPC
    /// ListReads finds all ids of a person by itself
    #[arg(long = "id", value_name = "ID")]
    ids: Vec<String>,
    /// What this client asked; the client's name in the list of clients
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
    /// Only lines on or after this day in America/Chicago, such as 2026-03-02 or 3/2/2026
    #[arg(long, value_name = "DATE", value_parser = date::read)]
    from: Option<Date>,
    /// Only lines on or before this day in America/Chicago
    #[arg(long, value_name = "DATE", value_parser = date::read)]
    to: Option<Date>,
    /// The audit file [default: the one in the configuration]
    #[arg(long, value_name = "FILE")]
    audit_file: Option<String>,
    /// The data directory [default: the one in the configuration, or /var/lib/cpss-registry]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Read the audit file or the data directory from this configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<String>,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry audit CPS-28MS-MN2K-Z --config /etc/cpss-registry/config.toml
  cpss-registry audit --client region-1-hr --from 2026-03-01 --to 2026-03-02 --json --config /etc/cpss-registry/config.toml

The outcome of a question is its verdict. Other outcomes: REFUSED (over a limit, or not permitted), ERROR (an invalid
question), DRY_RUN (a report with validate_only), LISTED (a person in a list or a feed), none (a read without a
verdict). A call that the role of the client may not make is REFUSED, without a number. A miss is an answer that the person was
not found: NOT_FOUND, NAME_MISMATCH or CREDENTIAL_NOT_ON_FILE, in an additional line. The line of a question by name and birth date that found nobody has no number.

A line of a batch counts the questions about each number, and the outcomes of all questions in the line. Its last line
counts the outcomes of the whole batch. Files that cannot be read completely are listed; the exit
code is then 1.";

/// A line in JSON output.
#[derive(Serialize)]
struct Line<'a> {
    at: String,
    client: &'a str,
    method: &'a str,
    request_id: &'a str,
    known_at: u64,
    revision: u64,
    numbers: Vec<Asked>,
    subject_id: &'a str,
    as_of: Option<String>,
    outcomes: Vec<Outcomes<'a>>,
}

#[derive(Serialize)]
struct Asked {
    number: String,
    count: u64,
}

#[derive(Serialize)]
struct Outcomes<'a> {
    outcome: &'a str,
    count: u64,
}

#[derive(Serialize)]
struct Unreadable<'a> {
    unreadable_file: &'a str,
}

impl SearchAudit {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let (file, clock) = (self.file()?, Clock::new(None));
        let clock = clock.map_err(|error| Failure::of("the audit cannot be searched", &error))?;
        let query = Query {
            number: self.number.map(CredentialNumber::text),
            ids: self.ids.clone(),
            client: self.client.clone(),
            from: self.from.map(|day| clock.begins(Day::from_civil(day))),
            until: self.to.map(|day| clock.begins(Day::from_civil(day).next())),
        };
        let (mut after, mut day, mut count, mut unreadable) = (None, None, 0_u64, Vec::new());
        loop {
            let found = search(&file, &query, after, PAGE);
            let found = found.map_err(|error| cannot_search(&file, &error))?;
            for (_, read) in &found.reads {
                self.print(read, &clock, &mut day)?;
            }
            count += found.reads.len() as u64;
            unreadable.extend(found.unreadable);
            after = found.next;
            if after.is_none() {
                break;
            }
        }
        unreadable.dedup();
        for file in &unreadable {
            if self.json {
                print_json_line(&Unreadable { unreadable_file: file })?;
            } else {
                print(&format!("{file} cannot be read completely: some of its lines are missing above\n"))?;
            }
        }
        if count == 0 && !self.json {
            print("no line of the audit matches\n")?;
        }
        Ok(match (unreadable.is_empty(), count) {
            (false, _) => Outcome::Failed,
            (true, 0) => Outcome::No,
            (true, _) => Outcome::Done,
        })
    }

    /// The audit file.
    fn file(&self) -> Result<PathBuf, Failure> {
        let flags = Flags {
            audit_file: self.audit_file.clone(),
            data_dir: self.data_dir.clone(),
            config: self.config.clone(),
            ..Flags::default()
        };
        Config::read_audit_file(&flags).map_err(|mistakes| config::refused(&mistakes))
    }

    fn print(&self, read: &Read, clock: &Clock, day: &mut Option<Date>) -> Result<(), Failure> {
        if self.json {
            return print_json_line(&line(read));
        }
        let local = clock.local(read.at);
        let heading =
            if day.replace(local.date()) == Some(local.date()) { String::new() } else { format!("{}\n", local.date()) };
        print(&format!("{heading}{}\n", text(read, &local.strftime("%H:%M:%S").to_string())))
    }
}

fn cannot_search(file: &Path, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::NotFound {
        let remedy = "name the configuration of the server with --config, or the file with --audit-file";
        return Failure::said(vec![format!("there is no audit at {}", file.display())]).with_remedy(remedy);
    }
    Failure::of(format!("{} cannot be searched", file.display()), error)
}

fn line(read: &Read) -> Line<'_> {
    Line {
        at: format!("{:.6}", read.at),
        client: &read.client,
        method: &read.method,
        request_id: &read.request_id,
        known_at: read.known_at,
        revision: read.revision,
        numbers: numbers(read).map(|(number, count)| Asked { number, count }).collect(),
        subject_id: &read.subject_id,
        as_of: read.as_of.map(|day| day.to_string()),
        outcomes: read.outcomes.iter().map(|(outcome, count)| Outcomes { outcome, count: *count }).collect(),
    }
}

fn numbers(read: &Read) -> impl Iterator<Item = (String, u64)> {
    read.numbers.iter().map(|(number, count)| (String::from_utf8_lossy(number).into_owned(), *count))
}

/// A line in text output.
fn text(read: &Read, time: &str) -> String {
    let times = |(what, count): (String, u64)| if count == 1 { what } else { format!("{what} ×{count}") };
    let outcomes = read.outcomes.iter().map(|(outcome, count)| times((outcome.clone(), *count)));
    let subject = Some(read.subject_id.clone()).filter(|id| !id.is_empty());
    let parts: Vec<_> = numbers(read).map(times).chain(subject).chain(outcomes).collect();
    let as_of = read.as_of.map_or(String::new(), |day| format!("  as of {day}"));
    let Read { client, method, request_id, .. } = read;
    format!("  {time}  {client}  {method}  {}{as_of}  {request_id}", parts.join(" "))
}
