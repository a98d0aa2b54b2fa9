//! The summary of a list of claims.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;

use super::answer::{Answered, has_unchecked_units};
use super::provider::provider_text;
use super::question::not_compared;
use crate::cli::Outcome;
use crate::cli::display_text::{self, sentence};
use crate::cli::first::First;
use crate::cli::list::{List, Row, Understood};
use crate::proto::v1::{Eligibility, EligibilityItem, Pinned, Reason, Verdict};

/// The maximum number of providers that are named.
const MOST_NAMED: usize = 20;

/// A row that is not eligible, or has no answer.
#[derive(Debug, Serialize)]
struct Named {
    line: u64,
    /// The verdict; NOT ASKED or REFUSED if there is none.
    verdict: String,
    sentence: String,
}

/// A column that rows fill beside the one that they are asked by.
#[derive(Debug, Serialize)]
struct NotCompared {
    asked_by: &'static str,
    not_compared: &'static str,
    rows: u64,
    /// The lines of the first rows.
    #[serde(flatten)]
    lines: First<u64>,
}

/// The counts of the answers, and what a person should know about them.
#[derive(Debug, Serialize)]
pub struct Summary {
    rows: u64,
    eligible: u64,
    eligible_with_limits: u64,
    not_eligible: u64,
    undetermined: u64,
    /// Rows that cannot be asked as they stand.
    not_asked: u64,
    refused: u64,
    /// Eligible claims with more units than the limits leave.
    over_limits: u64,
    /// Claims whose units are not checked, because a count is missing.
    units_not_checked: u64,
    /// Rows that fill a column beside the one that they are asked by.
    not_compared: Vec<NotCompared>,
    #[serde(skip)]
    beside: BTreeMap<(&'static str, &'static str), First<u64>>,
    /// Some of the providers that are not on file.
    providers_not_on_file: BTreeSet<String>,
    /// The rows of the other ones.
    rows_of_providers_not_shown: u64,
    /// The first rows that were not asked, or that the server refused.
    #[serde(flatten)]
    rows_not_asked: First<Named>,
    /// The first rows that are not eligible, or undetermined.
    #[serde(flatten)]
    rows_not_eligible: First<Named>,
    list: Understood,
    epoch: String,
    known_at_revision: u64,
    /// Whether nothing was on record yet.
    is_before_first_record: bool,
    answers: PathBuf,
}

impl Summary {
    /// The summary of no rows yet.
    pub fn begin(list: &List, answers: PathBuf) -> Summary {
        Summary {
            rows: 0,
            eligible: 0,
            eligible_with_limits: 0,
            not_eligible: 0,
            undetermined: 0,
            not_asked: 0,
            refused: 0,
            over_limits: 0,
            units_not_checked: 0,
            not_compared: Vec::new(),
            beside: BTreeMap::new(),
            providers_not_on_file: BTreeSet::new(),
            rows_of_providers_not_shown: 0,
            rows_not_asked: First::of("rows_not_asked"),
            rows_not_eligible: First::of("rows_not_eligible"),
            list: list.understood().clone(),
            epoch: String::new(),
            known_at_revision: 0,
            is_before_first_record: false,
            answers,
        }
    }

    /// Notes the state of knowledge.
    pub fn pin(&mut self, pinned: &Pinned) {
        (self.epoch, self.known_at_revision) = (pinned.epoch.clone(), pinned.revision);
        self.is_before_first_record = pinned.revision == 0;
    }

    /// The number of rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds a row.
    pub fn add(&mut self, row: &Row, answered: &Answered, claim: Option<&EligibilityItem>) {
        self.rows += 1;
        self.units_not_checked += u64::from(claim.is_some_and(has_unchecked_units));
        for pair in not_compared(row) {
            self.beside.entry(pair).or_insert(First::of("lines")).push(row.line());
        }
        let named = |verdict: &str, sentence: &str| Named {
            line: row.line(),
            verdict: verdict.to_owned(),
            sentence: sentence.to_owned(),
        };
        match answered {
            Answered::Faulty(why) => {
                self.not_asked += 1;
                self.rows_not_asked.push(named("NOT ASKED", why));
            }
            Answered::Refused(why) => {
                self.refused += 1;
                self.rows_not_asked.push(named("REFUSED", why));
            }
            Answered::Eligibility(eligibility) => {
                self.add_answer(eligibility, claim);
                if !eligibility.eligible {
                    let why = sentence(eligibility.verdict(), &eligibility.reasons);
                    self.rows_not_eligible.push(named(display_text::verdict(eligibility.verdict()), &why));
                }
            }
        }
    }

    fn add_answer(&mut self, eligibility: &Eligibility, claim: Option<&EligibilityItem>) {
        let is_over = eligibility.coverage.as_ref().is_some_and(|limits| !limits.limit_reasons.is_empty());
        self.over_limits += u64::from(is_over && eligibility.eligible);
        if eligibility.reasons.contains(&Reason::ProviderNotOnFile.into()) {
            let provider = provider_text(claim.and_then(|claim| claim.billing_provider.as_ref()));
            if self.providers_not_on_file.len() < MOST_NAMED {
                self.providers_not_on_file.insert(provider);
            } else if !self.providers_not_on_file.contains(&provider) {
                self.rows_of_providers_not_shown += 1;
            }
        }
        *match eligibility.verdict() {
            Verdict::Confirmed => &mut self.eligible,
            Verdict::ConfirmedWithLimits => &mut self.eligible_with_limits,
            Verdict::NotConfirmed => &mut self.not_eligible,
            Verdict::Undetermined | Verdict::Unspecified => &mut self.undetermined,
        } += 1;
    }

    /// Ends the summary: no further row is added.
    #[must_use]
    pub fn ended(mut self) -> Summary {
        let beside = std::mem::take(&mut self.beside);
        let of = |((asked_by, not_compared), lines): (_, First<u64>)| NotCompared {
            asked_by,
            not_compared,
            rows: lines.count(),
            lines,
        };
        self.not_compared = beside.into_iter().map(of).collect();
        self
    }

    /// The worst outcome of any row.
    pub fn outcome(&self) -> Outcome {
        match self {
            Summary { not_asked: 1.., .. } => Outcome::Faulty,
            Summary { refused: 1.., .. } => Outcome::Failed,
            Summary { not_eligible: 1.., .. } => Outcome::No,
            Summary { undetermined: 1.., .. } => Outcome::NotKnown,
            _ => Outcome::Done,
        }
    }

    /// The summary for people.
    pub fn text(&self, list: &List) -> String {
        let mut text = format!("{} claims, known at revision {}\n\n", self.rows, self.known_at_revision);
        let counts = [
            ("eligible", self.eligible),
            ("eligible, with limits", self.eligible_with_limits),
            ("not eligible", self.not_eligible),
            ("undetermined", self.undetermined),
            ("not asked", self.not_asked),
            ("refused", self.refused),
            ("more units than allowed", self.over_limits),
        ];
        for (what, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            text.push_str(&format!("  {what:<23}  {count}\n"));
        }
        let without_answer = self.rows_not_asked.count();
        if without_answer > 0 {
            let have = if without_answer == 1 { "has" } else { "have" };
            let rows = display_text::rows(without_answer);
            text.push_str(&format!("\n  {rows} {have} a `fault`: filter that column of the answers\n"));
            add_rows(&mut text, &self.rows_not_asked);
        }
        for provider in &self.providers_not_on_file {
            text.push_str(&format!("\n  NO PROVIDER `{provider}` IS ON FILE: correct it, and ask again\n"));
        }
        if self.rows_of_providers_not_shown > 0 {
            let rows = display_text::rows(self.rows_of_providers_not_shown);
            text.push_str(&format!("\n  {rows} with other providers that are not on file\n"));
        }
        self.add_notes(&mut text, list);
        if self.rows_not_eligible.count() > 0 {
            text.push_str("\n  not eligible, or undetermined:\n");
            add_rows(&mut text, &self.rows_not_eligible);
        }
        text.push_str(&self.list.paragraph());
        text.push_str(&format!("\n  rows with answers: {}\n", self.answers.display()));
        text
    }

    /// Adds what was not checked.
    fn add_notes(&self, text: &mut String, list: &List) {
        if self.is_before_first_record {
            text.push_str("\n  WARNING: --known-at is before the registry's first record: nothing was known then\n");
        }
        for NotCompared { asked_by, not_compared, rows, lines } in &self.not_compared {
            let [used, other] = [asked_by, not_compared].map(|key| list.heading(key).unwrap_or(key));
            let rows = display_text::rows(*rows);
            let shown = lines.shown().iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
            let more = if lines.not_shown() > 0 { ", …" } else { "" };
            text.push_str(&format!(
                "\n  {rows}: asked by `{used}`; `{other}` is filled too, and was not compared: line {shown}{more}\n"
            ));
        }
        if self.units_not_checked > 0 {
            let rows = display_text::rows(self.units_not_checked);
            let needed = "units, units_billed_that_day and units_billed_that_year";
            text.push_str(&format!("\n  {rows}: the units were not checked: that takes {needed}\n"));
        }
    }
}

/// Adds the first rows of a kind.
fn add_rows(text: &mut String, rows: &First<Named>) {
    for Named { line, verdict, sentence } in rows.shown() {
        let sentence = display_text::without_line(*line, sentence);
        text.push_str(&format!("    line {line}: {verdict}: {sentence}\n"));
    }
    if rows.not_shown() > 0 {
        text.push_str(&format!("    rows not shown: {}\n", rows.not_shown()));
    }
}
