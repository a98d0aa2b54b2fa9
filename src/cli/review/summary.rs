//! The summary of a review: which answers flipped, since which records.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::answer::{Reviewed, kinds, now, then};
use super::places::{Lost, Places, Run};
use crate::cli::Outcome;
use crate::cli::claims::answer::verdict;
use crate::cli::claims::row_check::RowCheck;
use crate::cli::display_text::{exact_moment, without_line};
use crate::cli::first::First;
use crate::cli::list::{List, Understood};
use crate::proto::v1::{Pinned, Review};

/// The maximum number of records that are named on the screen.
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

/// Answers that went from one verdict to another.
#[derive(Debug, Serialize)]
struct Transition {
    was: String,
    now: String,
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
    /// Claims whose prior number belongs to another credential now. They are not unchanged.
    other_credential_now: u64,
    became_ineligible: u64,
    became_eligible: u64,
    /// Which verdicts flipped to which.
    transitions: Vec<Transition>,
    #[serde(skip)]
    by_verdicts: BTreeMap<(String, String), u64>,
    /// Rows that relied on a history that was left, and were asked as new claims.
    asked_again: u64,
    asked_again_same_verdict: u64,
    asked_again_other_verdict: u64,
    /// Rows that `claims` could not ask.
    not_answered: u64,
    /// Rows that cannot be reviewed as they stand.
    not_asked: u64,
    refused: u64,
    /// Rows that were in the file before. They are in no other count.
    repeated: u64,
    /// The number of lists that the rows are of.
    lists: usize,
    /// Rows of the files that `claims` wrote that are not there.
    missing: u64,
    /// What is missing of the first lists.
    #[serde(flatten)]
    rows_missing: First<Lost>,
    #[serde(skip)]
    places: Places,
    /// The records that flipped answers, in order.
    changed_by: Vec<Cause>,
    #[serde(skip)]
    causes: BTreeMap<u64, Cause>,
    /// The first rows that flipped.
    #[serde(flatten)]
    flipped_rows: First<Named>,
    /// The first rows whose prior number belongs to another credential now.
    #[serde(flatten)]
    rows_of_other_credentials: First<Named>,
    /// The first rows that were asked again, those with another verdict first.
    #[serde(flatten)]
    rows_asked_again: First<Named>,
    #[serde(skip)]
    rows_with_same_verdict: First<Named>,
    /// The first rows that `claims` could not ask.
    #[serde(flatten)]
    rows_not_answered: First<Named>,
    /// The first rows without a review.
    #[serde(flatten)]
    rows_not_reviewed: First<Named>,
    /// The first rows that were in the file before.
    #[serde(flatten)]
    rows_repeated: First<Named>,
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
            other_credential_now: 0,
            became_ineligible: 0,
            became_eligible: 0,
            transitions: Vec::new(),
            by_verdicts: BTreeMap::new(),
            asked_again: 0,
            asked_again_same_verdict: 0,
            asked_again_other_verdict: 0,
            not_answered: 0,
            not_asked: 0,
            refused: 0,
            repeated: 0,
            lists: 0,
            missing: 0,
            rows_missing: First::of("rows_missing"),
            places: Places::default(),
            changed_by: Vec::new(),
            causes: BTreeMap::new(),
            flipped_rows: First::of("flipped_rows"),
            rows_of_other_credentials: First::of("rows_of_other_credentials"),
            rows_asked_again: First::of("rows_asked_again"),
            rows_with_same_verdict: First::of("rows_asked_again"),
            rows_not_answered: First::of("rows_not_answered"),
            rows_not_reviewed: First::of("rows_not_reviewed"),
            rows_repeated: First::of("rows_repeated"),
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

    /// Adds a row, with its check if it has one. Returns its review: a row that was there before has none.
    pub fn add(&mut self, line: u64, check: Option<RowCheck>, reviewed: Reviewed) -> Reviewed {
        self.rows += 1;
        let is_new = check.is_none_or(|check| self.places.see(check.place));
        let is_changed = matches!(reviewed, Reviewed::Faulty(_));
        let reviewed = if is_new || is_changed { reviewed } else { Reviewed::Repeated };
        let other = reviewed.other_credential();
        if let Some((was, now)) = &other {
            self.other_credential_now += 1;
            let what = format!("the number was of {was}, and is of {now} now");
            self.rows_of_other_credentials.push(Named { line, what });
        }
        let (named, what) = match &reviewed {
            Reviewed::Review(review) if !review.flipped => {
                self.unchanged += u64::from(other.is_none());
                return reviewed;
            }
            Reviewed::Review(review) => {
                self.flip(review);
                (&mut self.flipped_rows, flip_text(review))
            }
            Reviewed::AskedAgain { was, now, .. } => self.ask_again(was, &verdict(now.verdict)),
            Reviewed::Repeated => {
                self.repeated += 1;
                let place = check.map(|check| check.place.to_string()).unwrap_or_default();
                (&mut self.rows_repeated, format!("{place} is in the file twice"))
            }
            Reviewed::NotAnswered(fault) => {
                self.not_answered += 1;
                (&mut self.rows_not_answered, fault.clone())
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
        named.push(Named { line, what });
        reviewed
    }

    /// Counts a row that was asked again. Returns where it is named, and how.
    fn ask_again(&mut self, was: &str, now: &str) -> (&mut First<Named>, String) {
        self.asked_again += 1;
        if was == now {
            self.asked_again_same_verdict += 1;
            (&mut self.rows_with_same_verdict, format!("still {now}"))
        } else {
            self.asked_again_other_verdict += 1;
            (&mut self.rows_asked_again, format!("was {was}, now {now}"))
        }
    }

    fn flip(&mut self, review: &Review) {
        self.flipped += 1;
        *self.by_verdicts.entry((then(review), now(review))).or_default() += 1;
        if review.eligible_changed {
            let is_eligible = review.now.as_ref().is_some_and(|now| now.eligible);
            *(if is_eligible { &mut self.became_eligible } else { &mut self.became_ineligible }) += 1;
        }
        let Some(changed) = &review.changed_at else { return };
        let begin = || Cause {
            revision: changed.revision,
            recorded_at: changed.recorded_at.map_or(String::new(), exact_moment),
            fact_kinds: kinds(review),
            claims: 0,
        };
        self.causes.entry(changed.revision).or_insert_with(begin).claims += 1;
    }

    /// Ends the summary: no further row is added.
    #[must_use]
    pub fn ended(mut self) -> Summary {
        self.changed_by = std::mem::take(&mut self.causes).into_values().collect();
        let of = |((was, now), claims)| Transition { was, now, claims };
        self.transitions = std::mem::take(&mut self.by_verdicts).into_iter().map(of).collect();
        let same = std::mem::replace(&mut self.rows_with_same_verdict, First::of("rows_asked_again"));
        self.rows_asked_again.append(same);
        self.lists = self.places.lists();
        for lost in self.places.lost() {
            self.missing += lost.missing;
            self.rows_missing.push(lost);
        }
        self
    }

    /// The worst outcome of any row.
    pub fn outcome(&self) -> Outcome {
        match self {
            Summary { not_asked: 1.., .. } | Summary { missing: 1.., .. } | Summary { repeated: 1.., .. } => {
                Outcome::Faulty
            }
            Summary { refused: 1.., .. } => Outcome::Failed,
            Summary { flipped: 1.., .. }
            | Summary { other_credential_now: 1.., .. }
            | Summary { asked_again_other_verdict: 1.., .. } => Outcome::No,
            Summary { asked_again: 1.., .. } | Summary { not_answered: 1.., .. } => Outcome::NotKnown,
            _ => Outcome::Done,
        }
    }

    /// The summary for people.
    pub fn text(&self) -> String {
        let mut text = format!("{} claims, known at revision {}\n\n", self.rows, self.known_at_revision);
        self.add_counts(&mut text);
        if !self.changed_by.is_empty() {
            text.push_str("\n  changed by these records; each change could be known from the time of its record on:\n");
        }
        for Cause { revision, recorded_at, fact_kinds, claims } in self.changed_by.iter().take(MOST_NAMED) {
            text.push_str(&format!("    revision {revision}, {recorded_at}: {fact_kinds}: claims: {claims}\n"));
        }
        let records = self.changed_by.len();
        add_more(&mut text, "  records", records.saturating_sub(MOST_NAMED) as u64);
        self.add_lost(&mut text);
        for (what, rows) in [
            ("twice in the file, and reviewed where they are first", &self.rows_repeated),
            ("flipped", &self.flipped_rows),
            (
                "asked by a prior number of another credential now, perhaps another person's",
                &self.rows_of_other_credentials,
            ),
            ("asked again, because the history of their answers was left", &self.rows_asked_again),
            ("not reviewed", &self.rows_not_reviewed),
            ("without an answer, because `claims` could not ask them", &self.rows_not_answered),
        ] {
            if rows.count() > 0 {
                text.push_str(&format!("\n  {what}:\n"));
            }
            for Named { line, what } in rows.shown() {
                text.push_str(&format!("    line {line}: {}\n", without_line(*line, what)));
            }
            add_more(&mut text, "  rows", rows.not_shown());
        }
        text.push_str(&self.list.paragraph());
        text.push_str(&format!("\n  rows with reviews: {}\n", self.reviews.display()));
        text
    }

    /// Adds what is missing. If the rows are of several lists, each is named as `row_check` has it.
    fn add_lost(&self, text: &mut String) {
        for Lost { list, rows, runs, .. } in self.rows_missing.shown() {
            let of_list = if self.lists > 1 { format!(" for list-{list} (see `row_check`)") } else { String::new() };
            for Run { first, last } in runs.shown() {
                let places = if first == last { format!("row {first}") } else { format!("rows {first} to {last}") };
                text.push_str(&format!(
                    "\n  LOST: {places} of the {rows} that `claims` wrote{of_list}: take that file\n"
                ));
            }
            add_more(text, "  runs of lost rows", runs.not_shown());
        }
        add_more(text, "  lists with lost rows", self.rows_missing.not_shown());
    }

    fn add_counts(&self, text: &mut String) {
        let became = |Transition { was, now, claims }: &Transition| (format!("  {was} became {now}"), *claims);
        let flips = self.transitions.iter().map(became);
        let of = |what: &str, count| (what.to_owned(), count);
        let flipped = [of("unchanged", self.unchanged), of("flipped", self.flipped)];
        let eligible = [
            of("  no longer eligible", self.became_ineligible),
            of("  eligible now", self.became_eligible),
            of("of another credential now", self.other_credential_now),
            of("asked again", self.asked_again),
            of("  with the same verdict", self.asked_again_same_verdict),
            of("  with another verdict", self.asked_again_other_verdict),
            of("not reviewed", self.not_asked),
            of("refused", self.refused),
            of("lost", self.missing),
            of("twice in the file", self.repeated),
            of("without an answer", self.not_answered),
        ];
        let counts: Vec<_> = flipped.into_iter().chain(flips).chain(eligible).filter(|(_, count)| *count > 0).collect();
        let width = counts.iter().map(|(what, _)| what.len()).max().unwrap_or_default();
        for (what, count) in counts {
            text.push_str(&format!("  {what:<width$}  {count}\n"));
        }
    }
}

fn add_more(text: &mut String, what: &str, more: u64) {
    if more > 0 {
        text.push_str(&format!("  {what} not shown: {more}\n"));
    }
}

fn flip_text(review: &Review) -> String {
    let since = review.changed_at.as_ref().map_or(String::new(), |changed| {
        let recorded_at = changed.recorded_at.map_or(String::new(), exact_moment);
        format!(", since revision {} of {recorded_at}, by {}", changed.revision, kinds(review))
    });
    format!("{} became {}{since}", then(review), now(review))
}
