//! The questions: encoded requests about people whose answers are known beforehand.

use std::fs;
use std::path::Path;

use cpss_registry::proto::google::r#type::Date;
use cpss_registry::proto::v1::{self, Verdict, eligibility_item, verification_item};
use cpss_registry::registry::Numbers;
use prost::bytes::Bytes;

use super::wire::{Failure, framed, unframed};

/// A credential for which a provider could bill on a day.
#[derive(Clone)]
pub struct Good {
    pub number: String,
    pub provider: String,
    pub day: Date,
}

/// The credentials that `generate --numbers` lists with a provider and a day.
pub fn good(path: &Path) -> Result<Vec<Good>, Failure> {
    let text = fs::read_to_string(path)?;
    let rows = text.lines().filter(|line| !line.ends_with(",,")).map(|line| {
        let mut cells = line.split(',').map(str::to_owned);
        let (Some(number), Some(provider), Some(day)) = (cells.next(), cells.next(), cells.next()) else {
            return Err("a row of the list of numbers is cut off".into());
        };
        let mut parts = day.split('-').map(str::parse::<i32>);
        let mut part = || parts.next().ok_or("a day is cut off");
        let day = Date { year: part()??, month: part()??, day: part()?? };
        Ok(Good { number, provider, day })
    });
    rows.collect()
}

/// The state of knowledge: the head, or a revision.
pub fn known_at(revision: Option<u64>) -> Option<v1::KnownAt> {
    let point = v1::known_at::Point::Revision(revision?);
    Some(v1::KnownAt { epoch: String::new(), point: Some(point) })
}

fn verification_item(good: &Good) -> v1::VerificationItem {
    v1::VerificationItem {
        subject: Some(verification_item::Subject::CredentialNumber(good.number.clone())),
        as_of: Some(good.day),
        provider_id: good.provider.clone(),
        ..v1::VerificationItem::default()
    }
}

fn eligibility_item(good: &Good) -> v1::EligibilityItem {
    v1::EligibilityItem {
        subject: Some(eligibility_item::Subject::CredentialNumber(good.number.clone())),
        billing_provider: Some(eligibility_item::BillingProvider::ProviderId(good.provider.clone())),
        date_of_service: Some(good.day),
        units: Some(4),
        units_billed_that_day: Some(0),
        units_billed_that_year: Some(0),
        ..v1::EligibilityItem::default()
    }
}

pub fn verify(good: &Good, revision: Option<u64>) -> Bytes {
    let item = Some(verification_item(good));
    framed(&v1::VerifyCredentialRequest { item, known_at: known_at(revision), ..Default::default() })
}

pub fn check(good: &Good) -> Bytes {
    framed(&v1::CheckBillingEligibilityRequest { item: Some(eligibility_item(good)), ..Default::default() })
}

pub fn batch(goods: &[Good]) -> Bytes {
    let items = goods.iter().map(verification_item).collect();
    framed(&v1::BatchVerifyCredentialsRequest { items, ..Default::default() })
}

pub fn verify_opening() -> Bytes {
    use v1::stream_verify_credentials_request::Kind;
    framed(&v1::StreamVerifyCredentialsRequest { kind: Some(Kind::Options(v1::StreamOptions::default())) })
}

pub fn verify_in_stream(good: &Good) -> Bytes {
    use v1::stream_verify_credentials_request::Kind;
    framed(&v1::StreamVerifyCredentialsRequest { kind: Some(Kind::Item(verification_item(good))) })
}

pub fn check_opening() -> Bytes {
    use v1::stream_check_billing_eligibility_request::Kind;
    framed(&v1::StreamCheckBillingEligibilityRequest { kind: Some(Kind::Options(v1::StreamOptions::default())) })
}

pub fn check_in_stream(good: &Good) -> Bytes {
    use v1::stream_check_billing_eligibility_request::Kind;
    framed(&v1::StreamCheckBillingEligibilityRequest { kind: Some(Kind::Item(eligibility_item(good))) })
}

/// The server that answers, which defines the correct answer. The echo server has one answer for everyone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Answerer {
    Registry,
    Echo,
}

fn judge_verification(answerer: Answerer, good: &Good, found: Option<v1::Verification>) -> Result<(), Failure> {
    let found = found.ok_or("an answer without a verification")?;
    let number = found.credential.as_ref().map(|credential| credential.credential_number.as_str());
    if found.verdict() != Verdict::Confirmed {
        return Err(format!("{} is {:?} on {:?}", good.number, found.reasons().collect::<Vec<_>>(), good.day).into());
    }
    if answerer == Answerer::Registry && number != Some(good.number.as_str()) {
        return Err(format!("asked about {}, answered about {number:?}", good.number).into());
    }
    Ok(())
}

fn judge_eligibility(good: &Good, found: Option<v1::Eligibility>) -> Result<(), Failure> {
    let found = found.ok_or("an answer without an eligibility")?;
    let payable = found.coverage.and_then(|coverage| coverage.payable_units);
    if found.eligible && payable == Some(4) {
        return Ok(());
    }
    Err(format!("{} is not eligible with {} on {:?}", good.number, good.provider, good.day).into())
}

fn verification(result: v1::VerificationResult) -> Option<v1::Verification> {
    match result.outcome {
        Some(v1::verification_result::Outcome::Verification(found)) => Some(found),
        _ => None,
    }
}

pub fn judge_verify(answerer: Answerer, good: &Good, answer: &[u8]) -> Result<(), Failure> {
    judge_verification(answerer, good, unframed::<v1::VerifyCredentialResponse>(answer)?.0.verification)
}

/// Checks an answer of a registry that has changed: it must be about the same credential.
pub fn judge_still(good: &Good, answer: &[u8]) -> Result<(), Failure> {
    let found = unframed::<v1::VerifyCredentialResponse>(answer)?.0.verification;
    let number = found.and_then(|found| found.credential).map(|credential| credential.credential_number);
    if number.as_ref() == Some(&good.number) { Ok(()) } else { Err("an answer about another credential".into()) }
}

pub fn judge_check(good: &Good, answer: &[u8]) -> Result<(), Failure> {
    judge_eligibility(good, unframed::<v1::CheckBillingEligibilityResponse>(answer)?.0.eligibility)
}

pub fn judge_batch(answerer: Answerer, goods: &[Good], answer: &[u8]) -> Result<(), Failure> {
    let results = unframed::<v1::BatchVerifyCredentialsResponse>(answer)?.0.results;
    if results.len() != goods.len() {
        return Err("a batch with another number of answers".into());
    }
    goods.iter().zip(results).try_for_each(|(good, result)| judge_verification(answerer, good, verification(result)))
}

/// Checks the first response of a stream and returns its length.
pub fn judge_verify_in_stream(answerer: Answerer, good: &Good, answer: &[u8]) -> Result<usize, Failure> {
    use v1::stream_verify_credentials_response::Kind;
    let (message, length) = unframed::<v1::StreamVerifyCredentialsResponse>(answer)?;
    let Some(Kind::Result(result)) = message.kind else { return Err("a stream message without a result".into()) };
    judge_verification(answerer, good, verification(result)).map(|()| length)
}

/// The first response of a stream: its length and its content.
fn eligibility_in_stream(answer: &[u8]) -> Result<(usize, Option<v1::Eligibility>), Failure> {
    use v1::stream_check_billing_eligibility_response::Kind;
    let (message, length) = unframed::<v1::StreamCheckBillingEligibilityResponse>(answer)?;
    let Some(Kind::Result(result)) = message.kind else { return Err("a stream message without a result".into()) };
    let found = match result.outcome {
        Some(v1::eligibility_result::Outcome::Eligibility(found)) => Some(found),
        _ => None,
    };
    Ok((length, found))
}

/// Checks the first response of a stream and returns its length.
pub fn judge_check_in_stream(good: &Good, answer: &[u8]) -> Result<usize, Failure> {
    let (length, found) = eligibility_in_stream(answer)?;
    judge_eligibility(good, found).map(|()| length)
}

/// The length of the first response of a stream, and whether it is eligible.
pub fn is_eligible_in_stream(answer: &[u8]) -> Result<(usize, bool), Failure> {
    let (length, found) = eligibility_in_stream(answer)?;
    Ok((length, found.is_some_and(|found| found.eligible)))
}

/// Draws with the distribution of claims: a few people very often, most rarely (Zipf, exponent 1).
pub fn skewed(goods: &[Good], draws: usize) -> Vec<&Good> {
    let mut cumulated = Vec::with_capacity(goods.len());
    let mut sum = 0.0;
    for rank in 1..=goods.len() {
        sum += 1.0 / rank as f64;
        cumulated.push(sum);
    }
    let mut numbers = Numbers::From(1);
    let mut one = || {
        let part = (numbers.draw() >> 11) as f64 / (1_u64 << 53) as f64 * sum;
        &goods[cumulated.partition_point(|up_to| *up_to < part).min(goods.len() - 1)]
    };
    (0..draws).map(|_| one()).collect()
}
