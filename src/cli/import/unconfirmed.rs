//! The credentials that cannot be confirmed today, because the certificate of a provider has expired and no renewal is
//! on record. Their standings do not show it.

use std::collections::HashSet;

use serde::Serialize;

use super::caller::{Caller, PAGE};
use crate::cli::dates::{civil, is_before};
use crate::cli::display_text::day;
use crate::cli::failure::Failure;
use crate::cli::pages::all_pages;
use crate::proto::google::r#type::Date;
use crate::proto::v1;
use crate::proto::v1::employment_service_client::EmploymentServiceClient;
use crate::proto::v1::provider_service_client::ProviderServiceClient;
use crate::proto::v1::verification_item::Subject;
use crate::proto::v1::verification_result::Outcome;
use crate::proto::v1::verification_service_client::VerificationServiceClient;
use crate::proto::v1::{ProviderPeriodKind, Reason, Verdict};

/// A provider, and how many of its staff cannot be confirmed.
#[derive(Debug, Serialize)]
pub struct Unconfirmed {
    provider_id: String,
    legal_name: String,
    expired: String,
    credentials: u64,
}

impl Unconfirmed {
    /// The provider and its staff as a sentence.
    pub fn text(&self) -> String {
        let Unconfirmed { provider_id, legal_name, expired, credentials } = self;
        let credentials = match credentials {
            1 => "1 credential".to_owned(),
            count => format!("{count} credentials"),
        };
        format!(
            "{credentials} cannot be confirmed today: the certificate of {provider_id} ({legal_name}) expired on \
             {expired}, and no renewal is on record"
        )
    }
}

/// Counts the credentials that cannot be confirmed today, by provider.
pub async fn unconfirmed(caller: &Caller, today: Option<Date>) -> Result<Vec<Unconfirmed>, Failure> {
    let mut found = Vec::new();
    for (provider, expired) in with_expired_certificate(caller, today).await? {
        let mut credentials = 0;
        let staff: Vec<String> = staff(caller, &provider.provider_id, today).await?.into_iter().collect();
        for numbers in staff.chunks(PAGE as usize) {
            credentials += count(caller, numbers, today).await?;
        }
        if credentials > 0 {
            let v1::Provider { provider_id, legal_name, .. } = provider;
            found.push(Unconfirmed { provider_id, legal_name, expired: day(expired), credentials });
        }
    }
    Ok(found)
}

/// The providers with a qualification today whose certificate has expired, and the last day of that certificate.
async fn with_expired_certificate(caller: &Caller, today: Option<Date>) -> Result<Vec<(v1::Provider, Date)>, Failure> {
    let has_expired = |period: &&v1::ProviderPeriod| {
        let is_past = |day: Option<Date>| is_before(day, today);
        let includes_today = !is_before(today, period.first_day) && !is_past(period.last_day);
        period.kind() == ProviderPeriodKind::Qualification && includes_today && is_past(period.valid_through)
    };
    let mut client = ProviderServiceClient::new(caller.clone());
    let ask = async |page_token: String| {
        let request = v1::ListProvidersRequest { page_size: PAGE, page_token, ..Default::default() };
        let page = client.list_providers(request).await?.into_inner();
        Ok((page.providers, page.next_page_token))
    };
    let mut found = Vec::new();
    let take = |provider: v1::Provider| {
        let expired = provider.periods.iter().filter(has_expired).filter_map(|period| period.valid_through);
        if let Some(expired) = expired.max_by_key(|date| civil(*date)) {
            found.push((provider, expired));
        }
        Ok(())
    };
    all_pages(ask, take).await?;
    Ok(found)
}

/// The credentials of those who work for a provider on a day.
async fn staff(caller: &Caller, provider_id: &str, as_of: Option<Date>) -> Result<HashSet<String>, Failure> {
    let mut client = EmploymentServiceClient::new(caller.clone());
    let ask = async |page_token: String| {
        let provider_id = provider_id.to_owned();
        let request =
            v1::ListEmploymentsRequest { provider_id, as_of, page_size: PAGE, page_token, ..Default::default() };
        let page = client.list_employments(request).await?.into_inner();
        Ok((page.employments, page.next_page_token))
    };
    let mut numbers = HashSet::new();
    let take = |job: v1::Employment| {
        if !job.credential_number.is_empty() {
            numbers.insert(job.credential_number);
        }
        Ok(())
    };
    all_pages(ask, take).await?;
    Ok(numbers)
}

/// How many of these credentials cannot be confirmed for that reason.
async fn count(caller: &Caller, numbers: &[String], as_of: Option<Date>) -> Result<u64, Failure> {
    let item = |number: &String| v1::VerificationItem {
        subject: Some(Subject::CredentialNumber(number.clone())),
        as_of,
        ..Default::default()
    };
    let request = v1::BatchVerifyCredentialsRequest { items: numbers.iter().map(item).collect(), ..Default::default() };
    let answered = VerificationServiceClient::new(caller.clone()).batch_verify_credentials(request).await;
    let results = answered.map_err(|status| Failure::answered(&status))?.into_inner().results;
    let is_unconfirmed = |result: &&v1::VerificationResult| {
        let Some(Outcome::Verification(answer)) = &result.outcome else { return false };
        let why = Reason::ProviderRenewalNotRecorded as i32;
        answer.verdict() == Verdict::Undetermined && answer.reasons.contains(&why)
    };
    Ok(results.iter().filter(is_unconfirmed).count() as u64)
}
