//! The answer to a claim, as the cells that are added to its row.

use crate::cli::claims::provider::provider_text;
use crate::cli::display_text::{code, day, sentence};
use crate::proto::google::rpc::{Code, Status};
use crate::proto::v1::eligibility_item::BillingProvider;
use crate::proto::v1::eligibility_result::Outcome as Fared;
use crate::proto::v1::{Eligibility, EligibilityResult, LimitReason, Pinned, Reason, Verdict};

/// The columns added for the answers. `review` reads the provider, the verdict, the revision and the epoch again.
pub const ANSWER: [&str; 12] = [
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
];

/// How the claim of a row fared.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "most have the larger one")]
pub enum Answered {
    /// It was answered.
    Eligibility(Eligibility),
    /// It cannot be asked as it stands.
    Faulty(String),
    /// The server refused it for another reason.
    Refused(String),
}

impl Answered {
    /// The answer in a result.
    pub fn of(result: EligibilityResult) -> Answered {
        match result.outcome {
            Some(Fared::Eligibility(eligibility)) => Answered::Eligibility(eligibility),
            Some(Fared::Error(status)) if is_of_content(&status) => Answered::Faulty(status.message),
            Some(Fared::Error(status)) => Answered::Refused(status.message),
            None => Answered::Refused("it was not answered".to_owned()),
        }
    }
}

/// Whether an item was refused because of what it says.
pub fn is_of_content(status: &Status) -> bool {
    [Code::InvalidArgument as i32, Code::OutOfRange as i32].contains(&status.code)
}

/// The cells of a row.
pub fn cells(answered: &Answered, provider: Option<&BillingProvider>, pinned: &Pinned) -> Vec<String> {
    let eligibility = match answered {
        Answered::Eligibility(eligibility) => eligibility,
        Answered::Faulty(why) | Answered::Refused(why) => {
            let mut cells = vec![String::new(); ANSWER.len() - 1];
            cells.push(why.clone());
            return cells;
        }
    };
    let coverage = eligibility.coverage.clone().unwrap_or_default();
    let limits = coverage.limit_reasons.iter().map(|limit| code(*limit, LimitReason::as_str_name, "LIMIT_REASON_"));
    let settles_on = eligibility.answer.as_ref().and_then(|answer| answer.settles_on);
    vec![
        eligible(eligibility).to_owned(),
        verdict(eligibility.verdict),
        sentence(eligibility.verdict(), &eligibility.reasons),
        reasons(&eligibility.reasons),
        eligibility.credential_number.clone(),
        provider_text(provider),
        coverage.payable_units.map_or(String::new(), |units| units.to_string()),
        limits.collect::<Vec<_>>().join(" "),
        settles_on.map_or(String::new(), day),
        pinned.revision.to_string(),
        pinned.epoch.clone(),
        String::new(),
    ]
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
