//! The summary of a staff list: how many are confirmed, and who is not and why.

use std::path::PathBuf;

use serde::Serialize;

use super::answer::why_refused;
use super::compare::Changes;
use super::question::{Answered, lost_letters, no_given_names, not_checked, person};
use super::{has_reason, is_stdout};
use crate::cli::Outcome;
use crate::cli::display_text::{self, code, sentence};
use crate::cli::list::{List, Row, Understood};
use crate::proto::v1::verification_result::Outcome as Fared;
use crate::proto::v1::{Pinned, Reason, Verdict, VerificationResult};

/// The maximum number of people that are named.
const MOST_NAMED: usize = 100;

/// A person who is not confirmed.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct NotConfirmed {
    line: u64,
    /// The person, as the list says it.
    person: String,
    /// The verdict; REFUSED if there is none.
    verdict: String,
    /// Why.
    sentence: String,
    /// The same, without that it may change because employers may still report about the day.
    #[serde(skip)]
    sentence_if_settled: String,
    /// Whether the list is most likely wrong: the number cannot exist, or the name is another one.
    #[serde(skip)]
    is_mistake: bool,
}

impl NotConfirmed {
    fn may_change(&self) -> bool {
        self.sentence != self.sentence_if_settled
    }
}

/// The counts of the results, and what a person should know about them.
#[derive(Debug, Serialize)]
pub struct Summary {
    rows: usize,
    confirmed: usize,
    confirmed_with_limits: usize,
    not_confirmed: usize,
    undetermined: usize,
    refused: usize,
    mistyped: usize,
    term_ends_soon: usize,
    /// The first people who are not confirmed, those first for whom the list is most likely wrong.
    people_not_confirmed: Vec<NotConfirmed>,
    /// The provider in the question, if no answer says whether it is on file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unjudged_provider: Option<String>,
    /// What changed since an earlier list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
    list: Understood,
    /// What is not compared with the record.
    not_checked: Vec<String>,
    epoch: String,
    known_at_revision: u64,
    /// The file with the answers.
    pub answers: PathBuf,
    /// Whether the answers are in UTF-8 although the list is not.
    pub reencoded: bool,
}

impl Summary {
    /// The summary of results that were written to a file.
    pub fn of(answered: &Answered<'_>, list: &List, pinned: Pinned, answers: PathBuf) -> Summary {
        let count = |wanted: Option<Verdict>| answered.results.iter().filter(|one| verdict_of(one) == wanted).count();
        let with = |reason| answered.results.iter().filter(|result| has_reason(result, reason)).count();
        let mut people: Vec<NotConfirmed> = answered.pairs().filter_map(not_confirmed).collect();
        people.sort_by_key(|person| !person.is_mistake);
        people.truncate(MOST_NAMED);
        let asked = || answered.staff.asked();
        let in_rows = lost_letters(asked()).into_iter().chain(no_given_names(asked()));
        Summary {
            rows: answered.results.len(),
            confirmed: count(Some(Verdict::Confirmed)),
            confirmed_with_limits: count(Some(Verdict::ConfirmedWithLimits)),
            not_confirmed: count(Some(Verdict::NotConfirmed)),
            undetermined: count(Some(Verdict::Undetermined)) + count(Some(Verdict::Unspecified)),
            refused: count(None),
            mistyped: with(Reason::NumberMistyped),
            term_ends_soon: with(Reason::TermEndsSoon),
            people_not_confirmed: people,
            unjudged_provider: None,
            changes: None,
            list: list.understood().clone(),
            not_checked: not_checked(list).chain(in_rows).collect(),
            epoch: pinned.epoch,
            known_at_revision: pinned.revision,
            answers,
            reencoded: false,
        }
    }

    /// The worst outcome of any row.
    pub fn outcome(&self) -> Outcome {
        match self {
            Summary { refused: 1.., .. } => Outcome::Failed,
            Summary { not_confirmed: 1.., .. } => Outcome::No,
            Summary { undetermined: 1.., .. } => Outcome::NotKnown,
            _ => Outcome::Done,
        }
    }

    /// The summary for people.
    pub fn text(&self) -> String {
        let mut text =
            format!("{}, known at revision {}\n\n", display_text::rows(self.rows as u64), self.known_at_revision);
        let counts = [
            (display_text::verdict(Verdict::Confirmed), self.confirmed),
            (display_text::verdict(Verdict::ConfirmedWithLimits), self.confirmed_with_limits),
            (display_text::verdict(Verdict::NotConfirmed), self.not_confirmed),
            (display_text::verdict(Verdict::Undetermined), self.undetermined),
            ("REFUSED", self.refused),
        ];
        for (verdict, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            text.push_str(&format!("  {verdict:<21}  {count}\n"));
        }
        self.add_people(&mut text);
        if self.mistyped > 0 {
            text.push_str(&format!("\n  {} of the numbers cannot exist: look for typing errors\n", self.mistyped));
        }
        match self.term_ends_soon {
            0 => {}
            1 => text.push_str("\n  the term of 1 person ends soon: see the column term_last_day of the answers\n"),
            count => text.push_str(&format!(
                "\n  the terms of {count} people end soon: see the column term_last_day of the answers\n"
            )),
        }
        if let Some(provider) = &self.unjudged_provider {
            let why = "no row names somebody on file correctly";
            text.push_str(&format!("\n  {why}, so no answer depends on the provider `{provider}`\n"));
        }
        if let Some(changes) = &self.changes {
            changes.add_to(&mut text);
        }
        text.push_str(&self.list.paragraph());
        if !self.not_checked.is_empty() {
            text.push_str(&format!("\n  {}\n", self.not_checked.join("\n  ")));
        }
        if !is_stdout(&self.answers) {
            text.push_str(&format!("\n  rows with answers: {}\n", self.answers.display()));
        }
        if self.reencoded {
            text.push_str("  they are in UTF-8: the encoding of the list does not have all letters of the answers\n");
        }
        text
    }

    fn add_people(&self, text: &mut String) {
        let people = &self.people_not_confirmed;
        let may_all_change = people.len() > 1 && people.iter().all(NotConfirmed::may_change);
        for it in people {
            let NotConfirmed { line, person, verdict, .. } = it;
            let verdict = verdict.replace('_', " ");
            let sentence = if may_all_change { &it.sentence_if_settled } else { &it.sentence };
            text.push_str(&format!("\n  line {line}: {person}: {verdict}: {sentence}"));
        }
        if may_all_change {
            text.push_str(&format!("\n\n  {}", display_text::reason(Reason::ReportingWindowOpen)));
        }
        let named = self.people_not_confirmed.len();
        let all = self.not_confirmed + self.undetermined + self.refused;
        match all.saturating_sub(named) {
            _ if all == 0 => {}
            0 => text.push('\n'),
            more => text.push_str(&format!("\n  rows not shown: {more}; the file with the answers has the reasons\n")),
        }
    }
}

/// The verdict of a result, if its question was not refused.
fn verdict_of(result: &VerificationResult) -> Option<Verdict> {
    match &result.outcome {
        Some(Fared::Verification(verification)) => Some(verification.verdict()),
        Some(Fared::Error(_)) | None => None,
    }
}

fn not_confirmed((row, result): (&Row, &VerificationResult)) -> Option<NotConfirmed> {
    let (verdict, sentence, sentence_if_settled) = match &result.outcome {
        Some(Fared::Verification(verification)) => match verification.verdict() {
            Verdict::Confirmed | Verdict::ConfirmedWithLimits => return None,
            verdict => {
                let is_settled = |reason: &&i32| **reason != Reason::ReportingWindowOpen as i32;
                let settled: Vec<i32> = verification.reasons.iter().filter(is_settled).copied().collect();
                let name = code(verdict.into(), Verdict::as_str_name, "VERDICT_");
                (name, sentence(verdict, &verification.reasons), sentence(verdict, &settled))
            }
        },
        Some(Fared::Error(_)) | None => {
            let why = why_refused(result).unwrap_or_default().to_owned();
            ("REFUSED".to_owned(), why.clone(), why)
        }
    };
    let is_mistake = [Reason::NumberMistyped, Reason::NameMismatch].iter().any(|reason| has_reason(result, *reason));
    Some(NotConfirmed { line: row.line(), person: person(row), verdict, sentence, sentence_if_settled, is_mistake })
}
