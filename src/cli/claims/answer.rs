//! The answer to a claim, as the cells that are added to its row.

use std::fmt::Display;

use tonic_types::{ErrorDetails, RpcStatusExt as _};

use super::provider::provider_text;
use super::row_check::{AnsweredClaim, Place, RowCheck};
use crate::cli::display_text::{code, day, sentence};
use crate::cli::list::{Fault, Row};
use crate::proto::google::rpc::{Code, Status};
use crate::proto::v1::eligibility_result::Outcome as Fared;
use crate::proto::v1::{Eligibility, EligibilityItem, EligibilityResult, LimitReason, Pinned, Reason, Verdict};

/// The columns added for the answers. `review` reads those that the check covers again.
pub const ANSWER: [&str; 13] = [
    "eligible",
    "verdict",
    "sentence",
    "reasons",
    "number_on_record",
    "asked_provider",
    "payable_units",
    "limit_reasons",
    "settles_on",
    "known_at_revision",
    "epoch",
    "fault",
    "row_check",
];

/// How the claim of a row fared.
#[derive(Debug)]
pub enum Answered {
    /// It was answered.
    Eligibility(Box<Eligibility>),
    /// It cannot be asked as it stands.
    Faulty(String),
    /// The server refused it for another reason.
    Refused(String),
}

impl Answered {
    /// The answer to a row.
    pub fn of(row: &Row, result: EligibilityResult) -> Answered {
        match result.outcome {
            Some(Fared::Eligibility(eligibility)) => Answered::Eligibility(Box::new(eligibility)),
            Some(Fared::Error(status)) if is_of_content(&status) => Answered::Faulty(content_text(row, &status)),
            Some(Fared::Error(status)) => Answered::Refused(status.message),
            None => Answered::Refused("it was not answered".to_owned()),
        }
    }

    /// The outcome of a row with faults.
    pub fn faulty(faults: &[Fault]) -> Answered {
        Answered::Faulty(joined(faults))
    }

    /// Why there is no answer. Empty: there is one.
    fn why(&self) -> &str {
        match self {
            Answered::Eligibility(_) => "",
            Answered::Faulty(why) | Answered::Refused(why) => why,
        }
    }
}

/// Whether an item was refused because of what it says.
pub fn is_of_content(status: &Status) -> bool {
    [Code::InvalidArgument as i32, Code::OutOfRange as i32].contains(&status.code)
}

/// What the server finds wrong with a row, by the headings of the list.
pub fn content_text(row: &Row, status: &Status) -> String {
    let found = details(status).bad_request().map(|request| request.field_violations.clone()).unwrap_or_default();
    let fault = |field: &str, remedy: String| {
        let key = match field.rsplit('.').next().unwrap_or(field) {
            "credential_number" | "subject" => "number",
            "billing_provider" => "provider_id",
            "revision" => "known_at_revision",
            other => other,
        };
        row.fault(key, remedy)
    };
    let faults: Vec<_> = found.into_iter().map(|found| fault(&found.field, found.description)).collect();
    if faults.is_empty() { status.message.clone() } else { joined(&faults) }
}

/// The details of a status that came as the result of an item.
pub fn details(status: &Status) -> ErrorDetails {
    let Status { code, message, details } = status.clone();
    tonic_types::Status { code, message, details }.get_error_details()
}

/// Texts as one.
pub fn joined(faults: &[impl Display]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The cells of a row: the answer to its claim, and its check.
pub fn cells(
    row: &Row,
    answered: &Answered,
    claim: Option<&EligibilityItem>,
    pinned: &Pinned,
    place: Place,
) -> Vec<String> {
    let claim_id = row.text("claim_id");
    let (Answered::Eligibility(eligibility), Some(claim)) = (answered, claim) else {
        let mut cells = vec![String::new(); ANSWER.len() - 2];
        cells.push(answered.why().to_owned());
        cells.push(RowCheck::of(place, claim_id, None).to_string());
        return cells;
    };
    let given = verdict(eligibility.verdict);
    let coverage = eligibility.coverage.clone().unwrap_or_default();
    let payable_units = coverage.payable_units.map_or(String::new(), |units| units.to_string());
    let answered = AnsweredClaim {
        claim,
        epoch: &pinned.epoch,
        revision: pinned.revision,
        verdict: &given,
        eligible: eligible(eligibility),
        number_on_record: &eligibility.credential_number,
        payable_units: &payable_units,
    };
    let check = RowCheck::of(place, claim_id, Some(answered)).to_string();
    let settles_on = eligibility.answer.as_ref().and_then(|answer| answer.settles_on);
    vec![
        eligible(eligibility).to_owned(),
        given,
        claim_sentence(eligibility, claim),
        reasons(&eligibility.reasons),
        eligibility.credential_number.clone(),
        provider_text(claim.billing_provider.as_ref()),
        payable_units,
        limits(claim, &coverage.limit_reasons),
        settles_on.map_or(String::new(), day),
        pinned.revision.to_string(),
        pinned.epoch.clone(),
        String::new(),
        check,
    ]
}

/// The answer in whole sentences. A provider that is not on file is named first: that is a mistake in the list rather
/// than an answer about the person.
pub fn claim_sentence(eligibility: &Eligibility, claim: &EligibilityItem) -> String {
    let text = sentence(eligibility.verdict(), &eligibility.reasons);
    if !eligibility.reasons.contains(&Reason::ProviderNotOnFile.into()) {
        return text;
    }
    format!("NO PROVIDER `{}` IS ON FILE. {text}", provider_text(claim.billing_provider.as_ref()))
}

/// Whether a claim has units that are not checked, because a count beside them is missing.
pub fn has_unchecked_units(claim: &EligibilityItem) -> bool {
    let counts = [claim.units, claim.units_billed_that_day, claim.units_billed_that_year];
    counts.iter().any(Option::is_some) && counts.contains(&None)
}

/// The limits that a claim exceeds.
fn limits(claim: &EligibilityItem, exceeded: &[i32]) -> String {
    if has_unchecked_units(claim) {
        return "NOT_CHECKED".to_owned();
    }
    let names = exceeded.iter().map(|limit| code(*limit, LimitReason::as_str_name, "LIMIT_REASON_"));
    names.collect::<Vec<_>>().join(" ")
}

/// Whether a claim is eligible, as a word.
pub fn eligible(eligibility: &Eligibility) -> &'static str {
    if eligibility.eligible { "yes" } else { "no" }
}

/// The contract's name of a verdict.
pub fn verdict(number: i32) -> String {
    code(number, Verdict::as_str_name, "VERDICT_")
}

fn reasons(numbers: &[i32]) -> String {
    let names = numbers.iter().map(|reason| code(*reason, Reason::as_str_name, "REASON_"));
    names.collect::<Vec<_>>().join(" ")
}
