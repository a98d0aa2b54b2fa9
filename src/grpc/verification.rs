//! VerificationService: questions about credentials and claims.

use std::pin::Pin;
use std::sync::Arc;

use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::decode::Claim;
use super::disclosure::{Asker, asker};
use super::reads::{self, Found};
use super::stream::answered;
use super::{Contract, answer, day_asked, decode, encode, status, unreadable};
use crate::domain::day::{Day, Period};
use crate::domain::id::CredentialNumber;
use crate::domain::law::Law;
use crate::domain::standing::Reason;
use crate::domain::timeline::{CredentialDay, Timeline};
use crate::domain::verdict::Reasons;
use crate::proto::v1;
use crate::proto::v1::verification_service_server::VerificationService;
use crate::registry::question::{Answer, Ask, AskSubject};
use crate::registry::snapshot::Snapshot;

/// How many questions a batch may have.
const LARGEST_BATCH: usize = 1000;

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// A question about a credential, answered from a snapshot.
pub(super) async fn verify(
    snapshot: &Snapshot,
    asker: &Asker,
    item: Option<&v1::VerificationItem>,
) -> Result<(v1::Verification, Found), Status> {
    let ask = decode::verification_item("item", item).map_err(|rejection| status::rejected(&rejection))?;
    verified(snapshot, asker, &ask).await
}

async fn verified(snapshot: &Snapshot, asker: &Asker, ask: &Ask) -> Result<(v1::Verification, Found), Status> {
    asker.refuse_other_asked(snapshot, ask.provider.as_ref())?;
    let as_of = day_asked(snapshot, "item.as_of", ask.as_of)?;
    let found = snapshot.answer(ask, as_of, false).await.map_err(|error| unreadable(&error))?;
    Ok((asker.verification(snapshot, &found, answer(snapshot, as_of)), noted(ask, &found)))
}

/// A question about a claim, answered from a snapshot.
pub(super) async fn check(
    snapshot: &Snapshot,
    asker: &Asker,
    item: Option<&v1::EligibilityItem>,
) -> Result<(v1::Eligibility, Found), Status> {
    let claim = decode::eligibility_item("item", item).map_err(|rejection| status::rejected(&rejection))?;
    checked(snapshot, asker, &claim).await
}

async fn checked(snapshot: &Snapshot, asker: &Asker, claim: &Claim) -> Result<(v1::Eligibility, Found), Status> {
    asker.refuse_other_asked(snapshot, claim.ask.provider.as_ref())?;
    let day = claim.date_of_service;
    let found = snapshot.answer(&claim.ask, day, true).await.map_err(|error| unreadable(&error))?;
    let limits = snapshot.coverage_limits(day, claim.units, encode::is_eligible(found.finding.verdict));
    Ok((encode::eligibility(&found.finding, limits.as_ref(), answer(snapshot, day)), noted(&claim.ask, &found)))
}

/// What is written down of an answer: the credential found, or else the one asked about.
fn noted(ask: &Ask, found: &Answer) -> Found {
    let asked = match &ask.subject {
        AskSubject::Number(number) => *number,
        AskSubject::Holder(_) => None,
    };
    let number = found.timeline.as_ref().map(|timeline| timeline.number).or(asked);
    Found { number, as_of: Some(found.as_of), verdict: Some(found.finding.verdict) }
}

fn refuse_large_batch(items: usize) -> Result<(), Status> {
    if items > LARGEST_BATCH {
        return Err(status::too_large(format!("a batch has at most {LARGEST_BATCH} items: use the stream")));
    }
    Ok(())
}

#[tonic::async_trait]
impl VerificationService for Contract {
    async fn verify_credential(
        &self,
        request: Request<v1::VerifyCredentialRequest>,
    ) -> Result<Response<v1::VerifyCredentialResponse>, Status> {
        let asker = asker(&request)?;
        let request = request.into_inner();
        let ask = decode::verification_item("item", request.item.as_ref());
        let asked = decode::asked_at(ask, request.known_at.as_ref());
        let (ask, known_at) = asked.map_err(|rejection| status::rejected(&rejection))?;
        let snapshot = self.pin_from(known_at, request.min_revision).await?;
        let (verification, found) = verified(&snapshot, &asker, &ask).await?;
        self.note(&asker, "VerificationService/VerifyCredential", &snapshot, found)?;
        Ok(Response::new(v1::VerifyCredentialResponse { verification: Some(verification) }))
    }

    async fn batch_verify_credentials(
        &self,
        request: Request<v1::BatchVerifyCredentialsRequest>,
    ) -> Result<Response<v1::BatchVerifyCredentialsResponse>, Status> {
        let asker = asker(&request)?;
        let request = request.into_inner();
        refuse_large_batch(request.items.len())?;
        let snapshot = self.pin(request.known_at.as_ref(), request.min_revision).await?;
        let mut results = Vec::with_capacity(request.items.len());
        let mut tally = self.tally(&asker, "VerificationService/BatchVerifyCredentials", &snapshot);
        let mut turns = self.turns.work();
        for item in request.items {
            turns.item().await;
            let (result, found) = verification_result(&snapshot, &asker, item).await;
            reads::add(&mut tally, found, None)?;
            results.push(result);
        }
        Ok(Response::new(v1::BatchVerifyCredentialsResponse { results }))
    }

    type StreamVerifyCredentialsStream = Answers<v1::StreamVerifyCredentialsResponse>;

    async fn stream_verify_credentials(
        &self,
        request: Request<Streaming<v1::StreamVerifyCredentialsRequest>>,
    ) -> Result<Response<Self::StreamVerifyCredentialsStream>, Status> {
        answered(self.clone(), request).await
    }

    async fn check_billing_eligibility(
        &self,
        request: Request<v1::CheckBillingEligibilityRequest>,
    ) -> Result<Response<v1::CheckBillingEligibilityResponse>, Status> {
        let asker = asker(&request)?;
        let request = request.into_inner();
        let claim = decode::eligibility_item("item", request.item.as_ref());
        let asked = decode::asked_at(claim, request.known_at.as_ref());
        let (claim, known_at) = asked.map_err(|rejection| status::rejected(&rejection))?;
        let snapshot = self.pin_from(known_at, request.min_revision).await?;
        let (eligibility, found) = checked(&snapshot, &asker, &claim).await?;
        self.note(&asker, "VerificationService/CheckBillingEligibility", &snapshot, found)?;
        Ok(Response::new(v1::CheckBillingEligibilityResponse { eligibility: Some(eligibility) }))
    }

    async fn batch_check_billing_eligibility(
        &self,
        request: Request<v1::BatchCheckBillingEligibilityRequest>,
    ) -> Result<Response<v1::BatchCheckBillingEligibilityResponse>, Status> {
        let asker = asker(&request)?;
        let request = request.into_inner();
        refuse_large_batch(request.items.len())?;
        let snapshot = self.pin(request.known_at.as_ref(), request.min_revision).await?;
        let mut results = Vec::with_capacity(request.items.len());
        let mut tally = self.tally(&asker, "VerificationService/BatchCheckBillingEligibility", &snapshot);
        let mut turns = self.turns.work();
        for item in request.items {
            turns.item().await;
            let (result, found) = eligibility_result(&snapshot, &asker, item).await;
            reads::add(&mut tally, found, None)?;
            results.push(result);
        }
        Ok(Response::new(v1::BatchCheckBillingEligibilityResponse { results }))
    }

    type StreamCheckBillingEligibilityStream = Answers<v1::StreamCheckBillingEligibilityResponse>;

    async fn stream_check_billing_eligibility(
        &self,
        request: Request<Streaming<v1::StreamCheckBillingEligibilityRequest>>,
    ) -> Result<Response<Self::StreamCheckBillingEligibilityStream>, Status> {
        answered(self.clone(), request).await
    }

    async fn get_credential(
        &self,
        request: Request<v1::GetCredentialRequest>,
    ) -> Result<Response<v1::GetCredentialResponse>, Status> {
        let asker = asker(&request)?;
        let request = request.into_inner();
        let asked = decode::get_credential(&request).map_err(|rejection| status::rejected(&rejection))?;
        let snapshot = self.pin_at(asked.known_at).await?;
        let timeline = on_file(&snapshot, &asker, asked.number).await?;
        let is_holder = |family: &String| timeline.names.folded().any(|(_, name)| name == family);
        if !asked.family_name.as_ref().is_none_or(is_holder) {
            return Err(status::not_found("credential", &asked.number.to_string()));
        }
        let today = day_asked(&snapshot, "as_of", None)?;
        let found = Found::person(Some(timeline.number), Some(today));
        self.note(&asker, "VerificationService/GetCredential", &snapshot, found)?;
        Ok(Response::new(v1::GetCredentialResponse {
            credential: asker.credential(&timeline, today),
            answer: Some(answer(&snapshot, today)),
        }))
    }

    async fn list_standing_periods(
        &self,
        request: Request<v1::ListStandingPeriodsRequest>,
    ) -> Result<Response<v1::ListStandingPeriodsResponse>, Status> {
        let asker = asker(&request)?;
        let request = request.into_inner();
        let asked = decode::list_standing_periods(&request).map_err(|rejection| status::rejected(&rejection))?;
        let snapshot = self.pin_at(asked.known_at).await?;
        let timeline = on_file(&snapshot, &asker, asked.number).await?;
        let range = Period::from_inclusive(asked.first_day.unwrap_or(timeline.effective_from), asked.last_day);
        let today = day_asked(&snapshot, "as_of", None)?;
        let found = Found::person(Some(timeline.number), None);
        self.note(&asker, "VerificationService/ListStandingPeriods", &snapshot, found)?;
        Ok(Response::new(v1::ListStandingPeriodsResponse {
            periods: standing_periods(&snapshot, &timeline, range),
            answer: Some(answer(&snapshot, today)),
        }))
    }
}

/// The timeline of a number that is on file and the caller's to see.
async fn on_file(snapshot: &Snapshot, asker: &Asker, number: CredentialNumber) -> Result<Arc<Timeline>, Status> {
    let not_found = || status::not_found("credential", &number.to_string());
    if !asker.reaches(snapshot, number) {
        return Err(not_found());
    }
    let timeline = snapshot.timeline(number).await.map_err(|error| unreadable(&error))?;
    timeline.ok_or_else(not_found)
}

/// The answer to one item: an item at fault has its error, and the others their answers.
pub(super) async fn verification_result(
    snapshot: &Snapshot,
    asker: &Asker,
    item: v1::VerificationItem,
) -> (v1::VerificationResult, Option<Found>) {
    use v1::verification_result::Outcome;
    let (outcome, found) = match verify(snapshot, asker, Some(&item)).await {
        Ok((verification, found)) => (Outcome::Verification(verification), Some(found)),
        Err(error) => (Outcome::Error(status::to_rpc_status(&error)), None),
    };
    (v1::VerificationResult { correlation_id: item.correlation_id, outcome: Some(outcome) }, found)
}

/// The answer to one item: an item at fault has its error, and the others their answers.
pub(super) async fn eligibility_result(
    snapshot: &Snapshot,
    asker: &Asker,
    item: v1::EligibilityItem,
) -> (v1::EligibilityResult, Option<Found>) {
    use v1::eligibility_result::Outcome;
    let (outcome, found) = match check(snapshot, asker, Some(&item)).await {
        Ok((eligibility, found)) => (Outcome::Eligibility(eligibility), Some(found)),
        Err(error) => (Outcome::Error(status::to_rpc_status(&error)), None),
    };
    (v1::EligibilityResult { correlation_id: item.correlation_id, outcome: Some(outcome) }, found)
}

/// The fewest periods that tell the whole truth about a range.
fn standing_periods(snapshot: &Snapshot, timeline: &Timeline, asked: Period) -> Vec<v1::StandingPeriod> {
    let records_begin = snapshot.law().and_then(Law::records_begin);
    let mut told: Vec<(Period, &CredentialDay, Reasons)> = Vec::new();
    for (days, day) in timeline.days.iter() {
        let cuts = [days.start, records_begin.unwrap_or(days.start).clamp(days.start, days.end), days.end];
        for cut in cuts.windows(2) {
            let days = Period { start: cut[0], end: cut[1] }.intersect(asked);
            if days.is_empty() {
                continue;
            }
            let reasons = period_reasons(timeline, day, days.start, records_begin);
            match told.last_mut() {
                Some((last, same, given)) if same.standing == day.standing && *given == reasons => last.end = days.end,
                _ => told.push((days, day, reasons)),
            }
        }
    }
    told.into_iter().map(|(days, day, reasons)| encode::standing_period(days, day.standing, reasons)).collect()
}

/// The standing's own reason, and that employment is missing, or was not on record yet.
fn period_reasons(timeline: &Timeline, day: &CredentialDay, from: Day, records_begin: Option<Day>) -> Reasons {
    let unemployed = !day.employed && from >= timeline.effective_from;
    let missing = match records_begin {
        Some(begin) if from < begin => Reason::DateBeforeRecords,
        _ => Reason::NoQualifyingEmployment,
    };
    day.reason.into_iter().chain(unemployed.then_some(missing)).collect()
}
