//! The JSON output of an answer, with the contract's names as keys.

use serde::Serialize;

use super::answer::instant;
use crate::cli::display_text::{code, day};
use crate::proto::v1::{Answer, Credential, Designation, Reason, Standing, Verdict, Verification};

/// The JSON form of an answer. Enum values have the contract's names; a value that this program does not know is a
/// number.
#[derive(Serialize)]
pub struct Json<'a> {
    credential_number: &'a str,
    verdict: String,
    holds_credential: Option<bool>,
    may_use_title: Option<bool>,
    may_practice: Option<bool>,
    standing: Option<String>,
    reasons: Vec<String>,
    missing_designations: Vec<String>,
    credential: Option<JsonCredential<'a>>,
    answer: Option<JsonAnswer<'a>>,
}

#[derive(Serialize)]
struct JsonCredential<'a> {
    credential_number: &'a str,
    specialist_id: &'a str,
    display_name: &'a str,
    standing: String,
    effective_from: Option<String>,
    term_last_day: Option<String>,
    designations: Vec<String>,
    issued_rule_set_id: &'a str,
    separation_first_day: Option<String>,
}

#[derive(Serialize)]
struct JsonAnswer<'a> {
    as_of: Option<String>,
    epoch: &'a str,
    known_at_revision: u64,
    known_at_time: Option<String>,
    rule_set_id: &'a str,
    semantics_version: u32,
    settled: bool,
    settles_on: Option<String>,
    token: &'a str,
}

impl<'a> Json<'a> {
    /// Converts an answer. The number is in canonical form, or empty if no such number can exist.
    pub fn of(verification: &'a Verification) -> Json<'a> {
        Json {
            credential_number: &verification.credential_number,
            verdict: code(verification.verdict, Verdict::as_str_name, ""),
            holds_credential: verification.holds_credential,
            may_use_title: verification.may_use_title,
            may_practice: verification.may_practice,
            standing: verification.standing.map(|standing| code(standing, Standing::as_str_name, "")),
            reasons: all_named(&verification.reasons, Reason::as_str_name),
            missing_designations: all_named(&verification.missing_designations, Designation::as_str_name),
            credential: verification.credential.as_ref().map(JsonCredential::of),
            answer: verification.answer.as_ref().map(JsonAnswer::of),
        }
    }
}

impl<'a> JsonCredential<'a> {
    fn of(credential: &'a Credential) -> JsonCredential<'a> {
        JsonCredential {
            credential_number: &credential.credential_number,
            specialist_id: &credential.specialist_id,
            display_name: &credential.display_name,
            standing: code(credential.standing, Standing::as_str_name, ""),
            effective_from: credential.effective_from.map(day),
            term_last_day: credential.term_last_day.map(day),
            designations: all_named(&credential.designations, Designation::as_str_name),
            issued_rule_set_id: &credential.issued_rule_set_id,
            separation_first_day: credential.separation_first_day.map(day),
        }
    }
}

impl<'a> JsonAnswer<'a> {
    fn of(answer: &'a Answer) -> JsonAnswer<'a> {
        JsonAnswer {
            as_of: answer.as_of.map(day),
            epoch: &answer.epoch,
            known_at_revision: answer.known_at_revision,
            known_at_time: instant(answer).map(|time| time.to_string()),
            rule_set_id: &answer.rule_set_id,
            semantics_version: answer.semantics_version,
            settled: answer.settled,
            settles_on: answer.settles_on.map(day),
            token: &answer.token,
        }
    }
}

fn all_named<E: TryFrom<i32>>(numbers: &[i32], name: fn(&E) -> &'static str) -> Vec<String> {
    numbers.iter().map(|number| code(*number, name, "")).collect()
}
