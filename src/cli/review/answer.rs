//! The review of a claim, as the cells that are added to its row.

use crate::cli::claims::answer::{content_text, details, eligible, is_of_content, verdict};
use crate::cli::claims::row_check::number;
use crate::cli::display_text::{code, exact_moment, sentence};
use crate::cli::list::Row;
use crate::proto::google::rpc::Status;
use crate::proto::v1::review_result::Outcome as Fared;
use crate::proto::v1::{Eligibility, FactKind, Pinned, Review, ReviewResult};

/// The columns added for the reviews.
pub const ANSWER: [&str; 14] = [
    "flipped",
    "verdict_differs",
    "verdict_now",
    "eligible_now",
    "sentence_now",
    "number_on_record_now",
    "changed_at",
    "changed_by",
    "changed_at_revision",
    "changed_at_epoch",
    "asked_again",
    "reviewed_at_revision",
    "reviewed_at_epoch",
    "review_fault",
];

/// How the review of a row fared.
#[derive(Debug)]
pub enum Reviewed {
    /// It was reviewed.
    Review(Box<Review>),
    /// Its answer relied on a history that was left.
    HistoryLeft,
    /// It was asked as a new claim, because its answer relied on a history that was left.
    AskedAgain {
        /// The verdict of the answer.
        was: String,
        /// The number on record of the answer. Empty: none.
        number_was: String,
        /// The answer to the new claim.
        now: Box<Eligibility>,
    },
    /// It was in the file before, and was reviewed there.
    Repeated,
    /// `claims` could not ask it: the fault that it had then.
    NotAnswered(String),
    /// It cannot be asked as it stands.
    Faulty(String),
    /// The server refused it for another reason.
    Refused(String),
}

impl Reviewed {
    /// The review of a row.
    pub fn of(row: &Row, result: ReviewResult) -> Reviewed {
        match result.outcome {
            Some(Fared::Review(review)) => Reviewed::reproduced(row, review),
            Some(Fared::Error(status)) => Reviewed::without_review(row, status),
            None => Reviewed::Refused("it was not answered".to_owned()),
        }
    }

    fn without_review(row: &Row, status: Status) -> Reviewed {
        let info = details(&status).error_info().cloned();
        match info.filter(|info| info.reason == "HISTORY_CHANGED") {
            Some(info) if info.metadata.contains_key("last_shared_revision") => Reviewed::HistoryLeft,
            Some(_) => Reviewed::Faulty(row.fault("epoch", UNKNOWN_EPOCH).to_string()),
            None if is_of_content(&status) => Reviewed::Faulty(content_text(row, &status)),
            None => Reviewed::Refused(status.message),
        }
    }

    /// A review, unless the verdict at the revision relied on is not the one in the row. The row is as `claims` wrote
    /// it, so the registry answers otherwise than it did.
    fn reproduced(row: &Row, review: Review) -> Reviewed {
        let (given, was) = (then(&review), row.text("verdict"));
        if given == was {
            return Reviewed::Review(Box::new(review));
        }
        let remedy =
            format!("at that revision the answer is {given}: review as the caller who asked, at the same registry");
        Reviewed::Faulty(row.fault("verdict", remedy).to_string())
    }
}

impl Reviewed {
    /// The numbers of the credential that was asked about and of the one that has its prior number now, if that is
    /// another one.
    pub fn other_credential(&self) -> Option<(String, String)> {
        let number_of = |answer: &Option<Eligibility>| answer.as_ref().map(|answer| answer.credential_number.clone());
        let (was, now) = match self {
            Reviewed::Review(review) => (number_of(&review.then)?, number_of(&review.now)?),
            Reviewed::AskedAgain { number_was, now, .. } => (number(number_was), now.credential_number.clone()),
            _ => return None,
        };
        Some((was, now)).filter(|(was, now)| !was.is_empty() && !now.is_empty() && was != now)
    }
}

/// What to do with an answer of an epoch that the registry does not know. It may be of a history that was left before
/// the one that this registry continues.
const UNKNOWN_EPOCH: &str = "this registry never had that epoch: review the file at the registry that answered it, or \
                             ask the list again with `claims`";

/// The verdict at the revision relied on.
pub fn then(review: &Review) -> String {
    verdict(review.then.as_ref().map_or(0, |then| then.verdict))
}

/// The verdict now.
pub fn now(review: &Review) -> String {
    verdict(review.now.as_ref().map_or(0, |now| now.verdict))
}

/// The kinds of the facts that changed a verdict.
pub fn kinds(review: &Review) -> String {
    let names = review.fact_kinds.iter().map(|kind| code(*kind, FactKind::as_str_name, "FACT_KIND_"));
    names.collect::<Vec<_>>().join(" ")
}

/// The cells of a row.
pub fn cells(reviewed: &Reviewed, pinned: &Pinned) -> Vec<String> {
    let (now, review) = match reviewed {
        Reviewed::Review(review) => (review.now.clone().unwrap_or_default(), Some(review)),
        Reviewed::AskedAgain { now, .. } => (Eligibility::clone(now), None),
        Reviewed::Repeated => return cells_without_review("the row is in the file twice: see the first one"),
        Reviewed::NotAnswered(_) => return cells_without_review("`claims` could not ask it: see `fault`"),
        Reviewed::Faulty(why) | Reviewed::Refused(why) => return cells_without_review(why),
        Reviewed::HistoryLeft => return cells_without_review("its history was left, and it was not asked again"),
    };
    let differs = match reviewed {
        Reviewed::AskedAgain { was, now, .. } => *was != verdict(now.verdict),
        _ => review.is_some_and(|review| review.flipped),
    };
    let yes_or_no = |is_so: bool| if is_so { "yes" } else { "no" };
    let changed = review.and_then(|review| review.changed_at.clone());
    vec![
        review.map_or("", |review| yes_or_no(review.flipped)).to_owned(),
        yes_or_no(differs).to_owned(),
        verdict(now.verdict),
        eligible(&now).to_owned(),
        sentence(now.verdict(), &now.reasons),
        now.credential_number.clone(),
        changed.as_ref().and_then(|changed| changed.recorded_at).map_or(String::new(), exact_moment),
        review.map_or(String::new(), |review| kinds(review)),
        changed.as_ref().map_or(String::new(), |changed| changed.revision.to_string()),
        changed.map_or(String::new(), |changed| changed.epoch),
        if review.is_none() { "yes" } else { "" }.to_owned(),
        pinned.revision.to_string(),
        pinned.epoch.clone(),
        String::new(),
    ]
}

fn cells_without_review(why: &str) -> Vec<String> {
    let mut cells = vec![String::new(); ANSWER.len() - 1];
    cells.push(why.to_owned());
    cells
}
