//! A function for each request used in scenarios, with a new `request_id` each. Set further fields with the update
//! syntax: `IssueCredentialRequest { decision_note: "…".into(), ..issue(…) }`.

use cpss_registry::proto::google::r#type::Date;
use cpss_registry::proto::v1;
use cpss_registry::proto::v1::{known_at, list_facts_request, report_employment_end_request};
use cpss_registry::proto::v1::{report_employment_start_request, verification_item};
use uuid::Uuid;

use super::client::{Call, Client};

/// Parses a date like `2026-03-02`.
pub fn date(text: &str) -> Date {
    let day: jiff::civil::Date = text.parse().unwrap_or_else(|error| panic!("{text} is not a date: {error}"));
    Date { year: day.year().into(), month: day.month().into(), day: day.day().into() }
}

/// A new request id.
pub fn new_request_id() -> String {
    Uuid::new_v4().to_string()
}

/// Registers a provider: a community mental health center without an id or identifiers.
pub fn register_provider(legal_name: &str) -> v1::RegisterProviderRequest {
    v1::RegisterProviderRequest {
        request_id: new_request_id(),
        legal_name: legal_name.to_owned(),
        facility_type: v1::FacilityType::CommunityMentalHealthCenter.into(),
        county: "Hinds".to_owned(),
        ..Default::default()
    }
}

/// Records that a provider is certified by DMH.
pub fn qualify(provider_id: &str, first_day: &str) -> v1::RecordQualificationRequest {
    v1::RecordQualificationRequest {
        request_id: new_request_id(),
        provider_id: provider_id.to_owned(),
        basis: v1::QualificationBasis::DmhCertified.into(),
        first_day: Some(date(first_day)),
        ..Default::default()
    }
}

/// Suspends a provider for some days. It still qualifies.
pub fn suspend_provider(provider_id: &str, first_day: &str, last_day: Option<&str>) -> v1::SuspendProviderRequest {
    v1::SuspendProviderRequest {
        request_id: new_request_id(),
        provider_id: provider_id.to_owned(),
        first_day: Some(date(first_day)),
        last_day: last_day.map(date),
        ..Default::default()
    }
}

/// A person's name.
pub fn name(given_name: &str, family_name: &str) -> v1::PersonName {
    v1::PersonName { given_name: given_name.to_owned(), family_name: family_name.to_owned(), suffix: String::new() }
}

/// The birth date of people registered by tests.
pub const BORN: &str = "1984-02-29";

/// Registers a person with the birth date [`BORN`].
pub fn register_specialist(given_name: &str, family_name: &str) -> v1::RegisterSpecialistRequest {
    v1::RegisterSpecialistRequest {
        request_id: new_request_id(),
        name: Some(name(given_name, family_name)),
        birth_date: Some(date(BORN)),
        ..Default::default()
    }
}

/// Changes a person's name.
pub fn change_name(specialist_id: &str, given_name: &str, family_name: &str) -> v1::ChangeSpecialistNameRequest {
    v1::ChangeSpecialistNameRequest {
        request_id: new_request_id(),
        specialist_id: specialist_id.to_owned(),
        name: Some(name(given_name, family_name)),
        ..Default::default()
    }
}

/// Reports the start of a supervised job, with the birth date [`BORN`].
pub fn start_job(specialist_id: &str, provider_id: &str, first_day: &str) -> v1::ReportEmploymentStartRequest {
    v1::ReportEmploymentStartRequest {
        request_id: new_request_id(),
        person: Some(report_employment_start_request::Person::SpecialistId(specialist_id.to_owned())),
        provider_id: provider_id.to_owned(),
        position: "Peer support specialist".to_owned(),
        first_day: Some(date(first_day)),
        supervised: true,
        birth_date: Some(date(BORN)),
        ..Default::default()
    }
}

/// Reports the end of a job by resignation.
pub fn end_job(employment_id: &str, last_day: &str) -> v1::ReportEmploymentEndRequest {
    v1::ReportEmploymentEndRequest {
        request_id: new_request_id(),
        job: Some(report_employment_end_request::Job::EmploymentId(employment_id.to_owned())),
        last_day: Some(date(last_day)),
        reason: v1::EmploymentEndReason::Resigned.into(),
        ..Default::default()
    }
}

/// Moves all jobs that are open on a day to another provider.
pub fn transfer(from: &str, to: &str, last_day: &str) -> v1::TransferEmploymentsRequest {
    v1::TransferEmploymentsRequest {
        request_id: new_request_id(),
        from_provider_id: from.to_owned(),
        to_provider_id: to.to_owned(),
        last_day: Some(date(last_day)),
        ..Default::default()
    }
}

/// An application in May 2024 that just meets the criteria of `cpssp-2025`.
pub fn application() -> v1::Application {
    v1::Application {
        applied_on: Some(date("2024-05-01")),
        mississippi_resident: true,
        lived_experience: v1::LivedExperience::Self_.into(),
        recovery_attested: true,
        education: v1::Education::Ged.into(),
        literate: true,
        experience_hours: 120.0,
        experience_within_three_years: true,
        references: 2,
        trainings: vec![v1::Training {
            completed_on: Some(date("2024-03-15")),
            designation: v1::Designation::AdultAndRecovery.into(),
            hours: 40.0,
            pre_training_completed: true,
        }],
        exam_attempts: vec![v1::ExamAttempt { taken_on: Some(date("2024-04-20")), score: 80.0 }],
        ..Default::default()
    }
}

/// Issues a credential on [`application`].
pub fn issue(specialist_id: &str, effective_from: &str) -> v1::IssueCredentialRequest {
    v1::IssueCredentialRequest {
        request_id: new_request_id(),
        specialist_id: specialist_id.to_owned(),
        application: Some(application()),
        effective_from: Some(date(effective_from)),
        designations: vec![v1::Designation::AdultAndRecovery.into()],
        ..Default::default()
    }
}

/// Suspends a credential as discipline.
pub fn suspend(credential_number: &str, first_day: &str, last_day: Option<&str>) -> v1::SuspendCredentialRequest {
    v1::SuspendCredentialRequest {
        request_id: new_request_id(),
        credential_number: credential_number.to_owned(),
        basis: v1::SuspensionBasis::Disciplinary.into(),
        first_day: Some(date(first_day)),
        last_day: last_day.map(date),
        ..Default::default()
    }
}

/// Reinstates a credential.
pub fn reinstate(credential_number: &str, effective_from: &str) -> v1::ReinstateCredentialRequest {
    v1::ReinstateCredentialRequest {
        request_id: new_request_id(),
        credential_number: credential_number.to_owned(),
        effective_from: Some(date(effective_from)),
        ..Default::default()
    }
}

/// Ends a period.
pub fn end_period(fact_id: &str, last_day: &str, reason: &str) -> v1::EndPeriodRequest {
    v1::EndPeriodRequest {
        request_id: new_request_id(),
        fact_id: fact_id.to_owned(),
        last_day: Some(date(last_day)),
        reason: reason.to_owned(),
        ..Default::default()
    }
}

/// Sets a prior number of a credential.
pub fn set_prior_number(credential_number: &str, prior_number: &str) -> v1::SetPriorNumberRequest {
    v1::SetPriorNumberRequest {
        request_id: new_request_id(),
        credential_number: credential_number.to_owned(),
        prior_number: prior_number.to_owned(),
        ..Default::default()
    }
}

/// Retracts a fact.
pub fn retract(fact_id: &str, reason: &str) -> v1::RetractFactRequest {
    v1::RetractFactRequest {
        request_id: new_request_id(),
        fact_id: fact_id.to_owned(),
        reason: reason.to_owned(),
        ..Default::default()
    }
}

/// The state of knowledge at a revision of the current epoch.
pub fn known_at(revision: u64) -> v1::KnownAt {
    v1::KnownAt { epoch: String::new(), point: Some(known_at::Point::Revision(revision)) }
}

/// A question about a credential on a day (`None`: today), from a revision (`None`: the head).
pub fn verify(
    credential_number: &str,
    as_of: impl Into<Option<&'static str>>,
    revision: impl Into<Option<u64>>,
) -> v1::VerifyCredentialRequest {
    let item = v1::VerificationItem {
        subject: Some(verification_item::Subject::CredentialNumber(credential_number.to_owned())),
        as_of: as_of.into().map(date),
        ..Default::default()
    };
    v1::VerifyCredentialRequest { item: Some(item), known_at: revision.into().map(known_at), ..Default::default() }
}

/// Like [`question`], with a provider.
pub fn verify_with(
    provider_id: &str,
    credential_number: &str,
    as_of: impl Into<Option<&'static str>>,
) -> v1::VerifyCredentialRequest {
    let mut request = verify(credential_number, as_of, None);
    request.item.get_or_insert_default().provider_id = provider_id.to_owned();
    request
}

/// A billing question for a provider and a day.
pub fn bill(credential_number: &str, provider_id: &str, day: &str) -> v1::CheckBillingEligibilityRequest {
    let item = v1::EligibilityItem {
        subject: Some(v1::eligibility_item::Subject::CredentialNumber(credential_number.to_owned())),
        billing_provider: Some(v1::eligibility_item::BillingProvider::ProviderId(provider_id.to_owned())),
        date_of_service: Some(date(day)),
        ..Default::default()
    };
    v1::CheckBillingEligibilityRequest { item: Some(item), ..Default::default() }
}

/// All standing periods of a credential.
pub fn answered(claim: v1::EligibilityItem, revision: u64) -> v1::ReviewItem {
    let relied_on = v1::ReliedOn { epoch: String::new(), revision: Some(revision) };
    v1::ReviewItem { claim: Some(claim), relied_on: Some(relied_on) }
}

pub fn review(claim: v1::EligibilityItem, revision: u64) -> v1::ReviewEligibilityRequest {
    v1::ReviewEligibilityRequest { item: Some(answered(claim, revision)), ..Default::default() }
}

pub fn periods(credential_number: &str, revision: impl Into<Option<u64>>) -> v1::ListStandingPeriodsRequest {
    v1::ListStandingPeriodsRequest {
        credential_number: credential_number.to_owned(),
        known_at: revision.into().map(known_at),
        ..Default::default()
    }
}

/// All facts about a person.
pub fn facts_of_specialist(specialist_id: &str) -> v1::ListFactsRequest {
    let subject = list_facts_request::Subject::SpecialistId(specialist_id.to_owned());
    v1::ListFactsRequest { subject: Some(subject), page_size: 1000, ..Default::default() }
}

/// All facts about a provider.
pub fn facts_of_provider(provider_id: &str) -> v1::ListFactsRequest {
    let subject = list_facts_request::Subject::ProviderId(provider_id.to_owned());
    v1::ListFactsRequest { subject: Some(subject), page_size: 1000, ..Default::default() }
}

impl Client {
    /// Answers a question about a credential.
    pub async fn verify(
        &self,
        credential_number: &str,
        as_of: impl Into<Option<&'static str>>,
        revision: impl Into<Option<u64>>,
    ) -> v1::Verification {
        self.verification_of(verify(credential_number, as_of, revision)).await
    }

    /// The verification that answers a question.
    pub async fn verification_of(
        &self,
        question: impl Call<Response = v1::VerifyCredentialResponse>,
    ) -> v1::Verification {
        self.ask(question).await.verification.expect("a verification")
    }

    /// The revision of the head.
    pub async fn head(&self) -> u64 {
        let answer = self.ask(v1::ListRuleSetsRequest::default()).await.answer;
        answer.expect("an answer").known_at_revision
    }
}
