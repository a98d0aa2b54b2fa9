//! The review of a claim, as the cells that are added to its row.

use prost::Message as _;

use crate::cli::claims::answer::{eligible, is_of_content, verdict};
use crate::cli::display_text::{code, moment, sentence};
use crate::proto::google::rpc::{Code, ErrorInfo, Status};
use crate::proto::v1::review_result::Outcome as Fared;
use crate::proto::v1::{Eligibility, FactKind, Pinned, Review, ReviewResult};

/// The columns added for the reviews.
pub const ANSWER: [&str; 12] = [
    "flipped",
    "verdict_now",
    "eligible_now",
    "sentence_now",
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
#[expect(clippy::large_enum_variant, reason = "most have the larger one")]
pub enum Reviewed {
    /// It was reviewed.
    Review(Box<Review>),
    /// Its answer relied on a history that was left.
    HistoryLeft,
    /// It was asked as a new claim, because its answer relied on a history that was left.
    AskedAgain(Eligibility),
    /// It cannot be asked as it stands.
    Faulty(String),
    /// The server refused it for another reason.
    Refused(String),
}

impl Reviewed {
    /// The review in a result.
    pub fn of(result: ReviewResult) -> Reviewed {
        match result.outcome {
            Some(Fared::Review(review)) => Reviewed::Review(Box::new(review)),
            Some(Fared::Error(status)) if is_history_changed(&status) => Reviewed::HistoryLeft,
            Some(Fared::Error(status)) if is_of_content(&status) => Reviewed::Faulty(status.message),
            Some(Fared::Error(status)) => Reviewed::Refused(status.message),
            None => Reviewed::Refused("it was not answered".to_owned()),
        }
    }

    /// Takes a review for faulty if the row's verdict is not the one that was given at the revision relied on.
    #[must_use]
    pub fn checked(self, row_verdict: &str) -> Reviewed {
        let Reviewed::Review(review) = &self else { return self };
        let given = then(review);
        if given == row_verdict {
            return self;
        }
        let shown: String = row_verdict.chars().take(40).collect();
        Reviewed::Faulty(format!(
            "the row says {shown}, but the answer at that revision was {given}: take the file that `claims` wrote"
        ))
    }
}

fn is_history_changed(status: &Status) -> bool {
    let is_it = |any: &prost_types::Any| {
        any.type_url.ends_with("/google.rpc.ErrorInfo")
            && ErrorInfo::decode(any.value.as_slice()).is_ok_and(|info| info.reason == "HISTORY_CHANGED")
    };
    status.code == Code::FailedPrecondition as i32 && status.details.iter().any(is_it)
}

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
        Reviewed::AskedAgain(now) => (now.clone(), None),
        Reviewed::Faulty(why) | Reviewed::Refused(why) => return without_review(why),
        Reviewed::HistoryLeft => return without_review("its history was left, and it was not asked again"),
    };
    let changed = review.and_then(|review| review.changed_at.clone());
    let flipped = review.map_or("", |review| if review.flipped { "yes" } else { "no" });
    vec![
        flipped.to_owned(),
        verdict(now.verdict),
        eligible(&now).to_owned(),
        sentence(now.verdict(), &now.reasons),
        changed.as_ref().and_then(|changed| changed.recorded_at).map_or(String::new(), moment),
        review.map_or(String::new(), |review| kinds(review)),
        changed.as_ref().map_or(String::new(), |changed| changed.revision.to_string()),
        changed.map_or(String::new(), |changed| changed.epoch),
        if review.is_none() { "yes" } else { "" }.to_owned(),
        pinned.revision.to_string(),
        pinned.epoch.clone(),
        String::new(),
    ]
}

fn without_review(why: &str) -> Vec<String> {
    let mut cells = vec![String::new(); ANSWER.len() - 1];
    cells.push(why.to_owned());
    cells
}
