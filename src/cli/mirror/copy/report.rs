//! Printing the progress of a copy.

use std::io::{IsTerminal, stdout};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::file::Position;
use crate::cli::failure::Failure;
use crate::cli::print;

/// The interval between progress lines. On a terminal the line is updated in place.
const EVERY: Duration = Duration::from_secs(5);

/// Prints progress: one updated line on a terminal, otherwise plain lines or one JSON object per line.
pub struct Report {
    json: bool,
    in_place: bool,
    /// The last revision printed, and when.
    printed: Option<(u64, Instant)>,
    /// The length of the line on the terminal.
    width: usize,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line<'a> {
    Progress { epoch: &'a str, revision: u64, head: u64, behind: u64, today: Option<&'a str> },
    Lost { error: &'a str, retry_in_seconds: f64 },
}

impl Report {
    /// Prints JSON or text.
    pub fn new(json: bool) -> Report {
        Report { json, in_place: !json && stdout().is_terminal(), printed: None, width: 0 }
    }

    /// Prints the progress of the copy, at most once per interval.
    pub fn progress(&mut self, position: &Position, head: u64) -> Result<(), Failure> {
        let is_new = self.printed.is_none_or(|(revision, at)| {
            revision != position.revision && (self.in_place || at.elapsed() >= EVERY || head <= position.revision)
        });
        if is_new { self.now(position, head) } else { Ok(()) }
    }

    fn now(&mut self, position: &Position, head: u64) -> Result<(), Failure> {
        let Position { epoch, revision, today, .. } = position;
        let (revision, today) = (*revision, today.as_deref());
        let head = head.max(revision);
        let behind = head - revision;
        self.printed = Some((revision, Instant::now()));
        if self.json {
            return line(&Line::Progress { epoch, revision, head, behind, today });
        }
        let today = today.map(|today| format!(", today {today}")).unwrap_or_default();
        self.print(&match behind {
            0 => format!("revision {revision}, up to date{today}"),
            _ => format!("revision {revision} of {head}, {behind} behind{today}"),
        })
    }

    /// Prints that the connection is lost, and when it will be retried.
    pub fn lost(&mut self, failure: &Failure, wait: Duration) -> Result<(), Failure> {
        let error = failure.to_string();
        let error = error.trim_end().trim_start_matches("error: ");
        if self.json {
            return line(&Line::Lost { error, retry_in_seconds: wait.as_secs_f64() });
        }
        self.print(&format!("{error}; trying again in {:.1} s", wait.as_secs_f64()))?;
        self.end()
    }

    /// Ends the updated line on the terminal.
    pub fn end(&mut self) -> Result<(), Failure> {
        if self.in_place && self.width > 0 {
            self.width = 0;
            return print("\n");
        }
        Ok(())
    }

    fn print(&mut self, text: &str) -> Result<(), Failure> {
        if !self.in_place {
            return print(&format!("{text}\n"));
        }
        let width = std::mem::replace(&mut self.width, text.chars().count());
        print(&format!("\r{text:width$}"))
    }
}

fn line(line: &Line<'_>) -> Result<(), Failure> {
    let text = serde_json::to_string(line).map_err(|error| Failure::of("cannot write JSON", &error))?;
    print(&format!("{text}\n"))
}
