//! The summary of a review: which answers flipped, since which records.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::answer::{Reviewed, kinds, now, then};
use crate::cli::Outcome;
use crate::cli::display_text::moment;
use crate::cli::list::{List, Understood};
use crate::proto::v1::{Pinned, Review};

/// The maximum number of rows, and of records, that are named.
const MOST_NAMED: usize = 20;

/// A record that flipped answers.
#[derive(Debug, Serialize)]
struct Cause {
    revision: u64,
    /// When it was recorded: from then on the change could be known.
    recorded_at: String,
    fact_kinds: String,
    claims: u64,
}

/// A row that is named.
#[derive(Debug, Serialize)]
struct Named {
    line: u64,
    what: String,
}

/// The counts of the reviews, and what a person should know about them.
#[derive(Debug, Serialize)]
pub struct Summary {
    rows: u64,
    unchanged: u64,
    flipped: u64,
    became_ineligible: u64,
    became_eligible: u64,
    /// Rows that relied on a history that was left, and were asked as new claims.
    asked_again: u64,
    /// Rows that cannot be reviewed as they stand.
    not_asked: u64,
    refused: u64,
    /// The records that flipped answers, in order.
    changed_by: Vec<Cause>,
    #[serde(skip)]
    causes: BTreeMap<u64, Cause>,
    /// The first rows that flipped.
    flipped_rows: Vec<Named>,
    /// The first rows that were asked again.
    rows_asked_again: Vec<Named>,
    /// The first rows without a review.
    rows_not_reviewed: Vec<Named>,
    list: Understood,
    epoch: String,
    known_at_revision: u64,
    reviews: PathBuf,
}

impl Summary {
    /// The summary of no rows yet.
    pub fn begin(list: &List, reviews: PathBuf) -> Summary {
        Summary {
            rows: 0,
            unchanged: 0,
            flipped: 0,
            became_ineligible: 0,
            became_eligible: 0,
            asked_again: 0,
            not_asked: 0,
            refused: 0,
            changed_by: Vec::new(),
            causes: BTreeMap::new(),
            flipped_rows: Vec::new(),
            rows_asked_again: Vec::new(),
            rows_not_reviewed: Vec::new(),
            list: list.understood().clone(),
            epoch: String::new(),
            known_at_revision: 0,
            reviews,
        }
    }

    /// Notes the state of knowledge.
    pub fn pin(&mut self, pinned: &Pinned) {
        (self.epoch, self.known_at_revision) = (pinned.epoch.clone(), pinned.revision);
    }

    /// The number of rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds a row.
    pub fn add(&mut self, line: u64, reviewed: &Reviewed) {
        self.rows += 1;
        let (named, what) = match reviewed {
            Reviewed::Review(review) if !review.flipped => {
                self.unchanged += 1;
                return;
            }
            Reviewed::Review(review) => {
                self.flip(review);
                (&mut self.flipped_rows, flip_text(review))
            }
            Reviewed::AskedAgain(now) => {
                self.asked_again += 1;
                let verdict = crate::cli::claims::answer::verdict(now.verdict);
                (&mut self.rows_asked_again, format!("now {verdict}"))
            }
            Reviewed::Faulty(why) => {
                self.not_asked += 1;
                (&mut self.rows_not_reviewed, why.clone())
            }
            Reviewed::Refused(why) => {
                self.refused += 1;
                (&mut self.rows_not_reviewed, why.clone())
            }
            Reviewed::HistoryLeft => {
                self.refused += 1;
                (&mut self.rows_not_reviewed, "it was not asked again".to_owned())
            }
        };
        if named.len() < MOST_NAMED {
            named.push(Named { line, what });
        }
    }

    fn flip(&mut self, review: &Review) {
        self.flipped += 1;
        if review.eligible_changed {
            let is_eligible = review.now.as_ref().is_some_and(|now| now.eligible);
            *(if is_eligible { &mut self.became_eligible } else { &mut self.became_ineligible }) += 1;
        }
        let Some(changed) = &review.changed_at else { return };
        let begin = || Cause {
            revision: changed.revision,
            recorded_at: changed.recorded_at.map_or(String::new(), moment),
            fact_kinds: kinds(review),
            claims: 0,
        };
        self.causes.entry(changed.revision).or_insert_with(begin).claims += 1;
    }

    /// Ends the summary: no further row is added.
    #[must_use]
    pub fn ended(mut self) -> Summary {
        self.changed_by = std::mem::take(&mut self.causes).into_values().collect();
        self
    }

    /// The worst outcome of any row.
    pub fn outcome(&self) -> Outcome {
        match self {
            Summary { not_asked: 1.., .. } => Outcome::Faulty,
            Summary { refused: 1.., .. } => Outcome::Failed,
            Summary { flipped: 1.., .. } => Outcome::No,
            Summary { asked_again: 1.., .. } => Outcome::NotKnown,
            _ => Outcome::Done,
        }
    }

    /// The summary for people.
    pub fn text(&self) -> String {
        let mut text = format!("{} claims, known at revision {}\n\n", self.rows, self.known_at_revision);
        let counts = [
            ("unchanged", self.unchanged),
            ("flipped", self.flipped),
            ("  no longer eligible", self.became_ineligible),
            ("  eligible now", self.became_eligible),
            ("asked again", self.asked_again),
            ("not asked", self.not_asked),
            ("refused", self.refused),
        ];
        for (what, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            text.push_str(&format!("  {what:<20}  {count}\n"));
        }
        if !self.changed_by.is_empty() {
            text.push_str("\n  changed by these records; each change could be known from the time of its record on:\n");
        }
        for Cause { revision, recorded_at, fact_kinds, claims } in self.changed_by.iter().take(MOST_NAMED) {
            text.push_str(&format!("    revision {revision}, {recorded_at}: {fact_kinds}: claims: {claims}\n"));
        }
        let records = self.changed_by.len();
        add_more(&mut text, "  records", records as u64, records.min(MOST_NAMED));
        for (what, rows, all) in [
            ("flipped", &self.flipped_rows, self.flipped),
            ("asked again, because the history of their answers was left", &self.rows_asked_again, self.asked_again),
            ("not reviewed", &self.rows_not_reviewed, self.not_asked + self.refused),
        ] {
            if all > 0 {
                text.push_str(&format!("\n  {what}:\n"));
            }
            for Named { line, what } in rows {
                text.push_str(&format!("    line {line}: {what}\n"));
            }
            add_more(&mut text, "  rows", all, rows.len());
        }
        text.push_str(&self.list.paragraph());
        text.push_str(&format!("\n  rows with reviews: {}\n", self.reviews.display()));
        text
    }
}

fn add_more(text: &mut String, what: &str, all: u64, shown: usize) {
    let more = all.saturating_sub(shown as u64);
    if more > 0 {
        text.push_str(&format!("  {what} not shown: {more}\n"));
    }
}

fn flip_text(review: &Review) -> String {
    let since = review.changed_at.as_ref().map_or(String::new(), |changed| {
        let recorded_at = changed.recorded_at.map_or(String::new(), moment);
        format!(", since revision {} of {recorded_at}, by {}", changed.revision, kinds(review))
    });
    format!("{} became {}{since}", then(review), now(review))
}
