//! VerificationService: questions about credentials and claims.

use std::sync::Arc;

use tonic::{Request, Response, Status, Streaming};

use super::decode::ItemPath;
use super::encode::Wire;
use super::miss::Miss;
use super::preencoded::service::VerificationService;
use super::preencoded::{Answers, Preencoded, USUAL_ANSWER};
use super::question::Question;
use super::read_audit::AuditEntry;
use super::redaction::{CallContext, context};
use super::searches::{Search, SearchTarget};
use super::stream::answered;
use super::{Contract, answer, day_asked, decode, encode, status, unreadable, whole};
use crate::domain::day::{Day, Period};
use crate::domain::decide::Rejection;
use crate::domain::id::CredentialNumber;
use crate::domain::rule_sets::RuleSets;
use crate::domain::sets::Reasons;
use crate::domain::standing::Reason;
use crate::domain::timeline::Timeline;
use crate::domain::walk::CredentialDay;
use crate::proto::v1;
use crate::registry::snapshot::{Knowledge, Snapshot};

#[tonic::async_trait]
impl VerificationService for Contract {
    async fn verify_credential(
        &self,
        request: Request<v1::VerifyCredentialRequest>,
    ) -> Result<Response<Preencoded<v1::VerifyCredentialResponse>>, Status> {
        let context = context(&request)?;
        let v1::VerifyCredentialRequest { item, known_at, min_revision, min_token, sign } = request.into_inner();
        let options = v1::StreamOptions { known_at, min_revision, min_token };
        let signer = self.signer("sign", sign)?;
        let asked = decode::asked_at(decode::verification_item(ItemPath::Single, item.as_ref()), &options);
        let response = self.single(&context, "VerificationService/VerifyCredential", asked).await?;
        Ok(Response::new(self.signed(signer, &context, &item, response)?))
    }

    async fn batch_verify_credentials(
        &self,
        request: Request<v1::BatchVerifyCredentialsRequest>,
    ) -> Result<Response<Preencoded<v1::BatchVerifyCredentialsResponse>>, Status> {
        let context = context(&request)?;
        let v1::BatchVerifyCredentialsRequest { items, known_at, min_revision, min_token } = request.into_inner();
        let options = v1::StreamOptions { known_at, min_revision, min_token };
        self.batch(&context, "VerificationService/BatchVerifyCredentials", &options, &items).await
    }

    type StreamVerifyCredentialsStream = Answers<Preencoded<v1::StreamVerifyCredentialsResponse>>;

    async fn stream_verify_credentials(
        &self,
        request: Request<Streaming<v1::StreamVerifyCredentialsRequest>>,
    ) -> Result<Response<Self::StreamVerifyCredentialsStream>, Status> {
        answered(self.clone(), request).await
    }

    async fn check_billing_eligibility(
        &self,
        request: Request<v1::CheckBillingEligibilityRequest>,
    ) -> Result<Response<Preencoded<v1::CheckBillingEligibilityResponse>>, Status> {
        let context = context(&request)?;
        let v1::CheckBillingEligibilityRequest { item, known_at, min_revision, min_token, sign } = request.into_inner();
        let options = v1::StreamOptions { known_at, min_revision, min_token };
        let signer = self.signer("sign", sign)?;
        let asked = decode::asked_at(decode::eligibility_item(ItemPath::Single, item.as_ref()), &options);
        let response = self.single(&context, "VerificationService/CheckBillingEligibility", asked).await?;
        Ok(Response::new(self.signed(signer, &context, &item, response)?))
    }

    async fn batch_check_billing_eligibility(
        &self,
        request: Request<v1::BatchCheckBillingEligibilityRequest>,
    ) -> Result<Response<Preencoded<v1::BatchCheckBillingEligibilityResponse>>, Status> {
        let context = context(&request)?;
        let v1::BatchCheckBillingEligibilityRequest { items, known_at, min_revision, min_token } = request.into_inner();
        let options = v1::StreamOptions { known_at, min_revision, min_token };
        self.batch(&context, "VerificationService/BatchCheckBillingEligibility", &options, &items).await
    }

    type StreamCheckBillingEligibilityStream = Answers<Preencoded<v1::StreamCheckBillingEligibilityResponse>>;

    async fn stream_check_billing_eligibility(
        &self,
        request: Request<Streaming<v1::StreamCheckBillingEligibilityRequest>>,
    ) -> Result<Response<Self::StreamCheckBillingEligibilityStream>, Status> {
        answered(self.clone(), request).await
    }

    async fn review_eligibility(
        &self,
        request: Request<v1::ReviewEligibilityRequest>,
    ) -> Result<Response<Preencoded<v1::ReviewEligibilityResponse>>, Status> {
        let context = context(&request)?;
        let v1::ReviewEligibilityRequest { item, known_at, min_revision, min_token, sign } = request.into_inner();
        let options = v1::StreamOptions { known_at, min_revision, min_token };
        let signer = self.signer("sign", sign)?;
        let asked = decode::asked_at(decode::review_item(ItemPath::Single, item.as_ref()), &options);
        let response = self.single(&context, "VerificationService/ReviewEligibility", asked).await?;
        Ok(Response::new(self.signed(signer, &context, &item, response)?))
    }

    async fn batch_review_eligibility(
        &self,
        request: Request<v1::BatchReviewEligibilityRequest>,
    ) -> Result<Response<Preencoded<v1::BatchReviewEligibilityResponse>>, Status> {
        let context = context(&request)?;
        let v1::BatchReviewEligibilityRequest { items, known_at, min_revision, min_token } = request.into_inner();
        let options = v1::StreamOptions { known_at, min_revision, min_token };
        self.batch(&context, "VerificationService/BatchReviewEligibility", &options, &items).await
    }

    type StreamReviewEligibilityStream = Answers<Preencoded<v1::StreamReviewEligibilityResponse>>;

    async fn stream_review_eligibility(
        &self,
        request: Request<Streaming<v1::StreamReviewEligibilityRequest>>,
    ) -> Result<Response<Self::StreamReviewEligibilityStream>, Status> {
        answered(self.clone(), request).await
    }

    async fn get_credential(
        &self,
        request: Request<v1::GetCredentialRequest>,
    ) -> Result<Response<Preencoded<v1::GetCredentialResponse>>, Status> {
        let context = context(&request)?;
        let mut request = request.into_inner();
        let signer = self.signer("sign", request.sign)?;
        let asked = decode::get_credential(&request).map_err(|rejection| status::rejected(&rejection))?;
        let snapshot = self.pin_at(asked.known_at).await?;
        let found = AuditEntry::person(Some(asked.number), snapshot.today);
        let method = "VerificationService/GetCredential";
        let timeline = self.on_file(&context, method, &snapshot, found, (asked.number, asked.family_name)).await?;
        if timeline.names.is_redacted() {
            // No name was compared, so none is claimed.
            request.family_name.clear();
        }
        let today = day_asked(&snapshot, "as_of", None)?;
        let response = Preencoded::built(&v1::GetCredentialResponse {
            credential: context.credential(&timeline, today),
            answer: Some(answer(&snapshot, today)),
            signed_answer: String::new(),
        });
        Ok(Response::new(self.signed(signer, &context, &request, response)?))
    }

    async fn list_standing_periods(
        &self,
        request: Request<v1::ListStandingPeriodsRequest>,
    ) -> Result<Response<Preencoded<v1::ListStandingPeriodsResponse>>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let signer = self.signer("sign", request.sign)?;
        let asked = decode::list_standing_periods(&request).map_err(|rejection| status::rejected(&rejection))?;
        let snapshot = self.pin_at(asked.known_at).await?;
        let found = AuditEntry::person(Some(asked.number), None);
        let method = "VerificationService/ListStandingPeriods";
        let timeline = self.on_file(&context, method, &snapshot, found, (asked.number, None)).await?;
        let range = Period::from_inclusive(asked.first_day.unwrap_or(timeline.effective_from), asked.last_day);
        let today = day_asked(&snapshot, "as_of", None)?;
        let periods = standing_periods(&snapshot, &timeline, range);
        let answer = Some(answer(&snapshot, today));
        let response = v1::ListStandingPeriodsResponse { periods, answer, signed_answer: String::new() };
        let response = whole(response, "ask for fewer days, with first_day and last_day")?;
        Ok(Response::new(self.signed(signer, &context, &request, Preencoded::built(&response))?))
    }
}

impl Contract {
    /// Answers a single question.
    async fn single<M>(
        &self,
        context: &CallContext,
        method: &'static str,
        asked: Result<(impl Question, Knowledge), Rejection>,
    ) -> Result<Preencoded<M>, Status> {
        let (question, knowledge) = asked.map_err(|rejection| status::rejected(&rejection))?;
        let snapshot = self.pin_knowing(knowledge).await?;
        let mut wire = Wire::with_capacity(USUAL_ANSWER);
        let answered = question.answer(ItemPath::Single, (self, &snapshot), context, &mut wire, 1).await;
        self.audit_outcome(context, method, &snapshot, question.ask(), answered).await?;
        Ok(Preencoded::written(wire))
    }

    /// Returns the timeline of a number that is on file, if the caller may see it and the family name, if given, is the
    /// holder's or those of the holder are redacted. Writes the read to the audit before it is looked up: as refused,
    /// if the search is.
    async fn on_file(
        &self,
        context: &CallContext,
        method: &'static str,
        snapshot: &Snapshot,
        asked: AuditEntry,
        (number, family_name): (CredentialNumber, Option<String>),
    ) -> Result<Arc<Timeline>, Status> {
        let target = SearchTarget::by_number(number, family_name.is_some());
        let search = self.begin_audited_search(context, method, Some(target), snapshot).await?;
        if let Err(refused) = self.audit_read(context, method, snapshot, asked).await {
            // Nothing was looked up.
            search.into_iter().for_each(Search::found);
            return Err(refused);
        }
        let timeline = if context.reaches(snapshot, number) {
            snapshot.timeline(number).await.map_err(|error| unreadable(&error))?
        } else {
            None
        };
        let is_holder = |Timeline { names, .. }: &Timeline| {
            let is_theirs = |family: String| names.folded().any(|(_, name)| *name == *family);
            names.is_redacted() || family_name.is_none_or(is_theirs)
        };
        let found = match timeline {
            None => Err(Miss::NotFound),
            Some(timeline) if is_holder(&timeline) => Ok(timeline),
            Some(_) => Err(Miss::NameMismatch),
        };
        self.conclude_search(context, method, search, snapshot, found.as_ref().err().copied()).await?;
        found.map_err(|_| status::not_found("credential", &number.to_string()))
    }
}

/// Returns the smallest list of periods that describes a range.
fn standing_periods(snapshot: &Snapshot, timeline: &Timeline, asked: Period) -> Vec<v1::StandingPeriod> {
    let records_begin = snapshot.rule_sets().and_then(RuleSets::records_begin);
    let mut periods: Vec<(Period, &CredentialDay, Reasons)> = Vec::new();
    for (days, day) in timeline.days.iter() {
        let cuts = [days.start, records_begin.unwrap_or(days.start).clamp(days.start, days.end), days.end];
        for cut in cuts.windows(2) {
            let days = Period { start: cut[0], end: cut[1] }.intersect(asked);
            if days.is_empty() {
                continue;
            }
            let reasons = period_reasons(timeline, day, days.start, records_begin);
            match periods.last_mut() {
                Some((last, same, given)) if same.standing == day.standing && *given == reasons => last.end = days.end,
                _ => periods.push((days, day, reasons)),
            }
        }
    }
    periods.into_iter().map(|(days, day, reasons)| encode::standing_period(days, day.standing, reasons)).collect()
}

/// Returns the standing's own reason, and whether employment is missing or was not on record yet.
fn period_reasons(timeline: &Timeline, day: &CredentialDay, from: Day, records_begin: Option<Day>) -> Reasons {
    let unemployed = !day.employed && from >= timeline.effective_from;
    let missing = match records_begin {
        Some(begin) if from < begin => Reason::DateBeforeRecords,
        _ => Reason::NoQualifyingEmployment,
    };
    day.reason.into_iter().chain(unemployed.then_some(missing)).collect()
}
