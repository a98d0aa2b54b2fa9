//! What became of a record since it was made: a line that is run again must not read as if it were in force.

use super::send::{Receipt, Subject as About};
use crate::cli::connect::Service;
use crate::cli::facts::facts_of;
use crate::cli::failure::Failure;
use crate::proto::v1::list_facts_request::Subject;
use crate::proto::v1::{Fact, FactKind};

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aftermath {
    /// It is in force.
    InForce,
    /// It was retracted, or what it is about was, by this revision.
    TakenBack(u64),
    /// A later report, of this revision, counts in its place.
    Replaced(u64),
}

impl Aftermath {
    /// Asks what became of a record.
    pub async fn of(service: Service, receipt: &Receipt) -> Result<Aftermath, Failure> {
        let facts = facts(service, receipt).await?;
        let Some(at) = facts.iter().position(|fact| fact.fact_id == receipt.fact_id) else {
            return Ok(Aftermath::InForce);
        };
        let (before, fact, after) = (&facts[..at], &facts[at], &facts[at + 1..]);
        let target = before.iter().find(|it| it.fact_id == fact.target_fact_id);
        let target = target.filter(|_| fact.kind() != FactKind::FactRetracted);
        if let Some(gone) = std::iter::once(fact).chain(target).find(|it| it.retracted) {
            let retraction = facts.iter().find(|it| it.fact_id == gone.retracted_by_fact_id);
            return Ok(Aftermath::TakenBack(retraction.map_or(fact.revision, |it| it.revision)));
        }
        let last = after.iter().rfind(|later| !later.retracted && counts_instead(later, fact));
        Ok(match last.filter(|later| !says_the_same(later, fact)) {
            Some(later) => Aftermath::Replaced(later.revision),
            None => Aftermath::InForce,
        })
    }

    /// The failure of a line that is run again although its record is no longer in force.
    pub fn failure(self, revision: u64) -> Option<Failure> {
        let (what, remedy) = match self {
            Aftermath::InForce => return None,
            Aftermath::TakenBack(by) => (format!("taken back as revision {by}"), "add --again to report it again"),
            Aftermath::Replaced(by) => (
                format!("replaced by revision {by}"),
                "history shows what counts now; add --again to report it again if that is what is meant",
            ),
        };
        let line = format!("recorded as revision {revision} and {what}. Nothing was added");
        Some(Failure::said(vec![line]).with_remedy(remedy))
    }
}

/// The earlier report that said the same as the one in a receipt, by its revision.
pub async fn same_report(service: Service, receipt: &Receipt) -> Option<u64> {
    let facts = facts(service, receipt).await.ok()?;
    let (fact, before) =
        facts.iter().position(|fact| fact.fact_id == receipt.fact_id).map(|at| (&facts[at], &facts[..at]))?;
    let same = before.iter().rfind(|it| !it.retracted && it.kind == fact.kind && counts_instead(fact, it));
    same.filter(|it| says_the_same(fact, it)).map(|it| it.revision)
}

/// The facts about what a receipt is about.
async fn facts(service: Service, receipt: &Receipt) -> Result<Vec<Fact>, Failure> {
    match receipt.subject.as_ref().and_then(subject) {
        Some(subject) => Ok(facts_of(service, Some(subject), None).await?.facts),
        None => Ok(Vec::new()),
    }
}

fn subject(about: &About) -> Option<Subject> {
    Some(match about {
        About::Employment(job) => Subject::EmploymentId(job.employment_id.clone()),
        About::Credential(credential) => Subject::CredentialNumber(credential.credential_number.clone()),
        About::Specialist(person) => Subject::SpecialistId(person.specialist_id.clone()),
        About::Provider(provider) => Subject::ProviderId(provider.provider_id.clone()),
        // They are those of many people.
        About::Jobs(_) => return None,
        About::Fact(fact) => {
            let Fact { employment_id, credential_number, specialist_id, provider_id, .. } = fact;
            let named = [
                (employment_id, Subject::EmploymentId as fn(String) -> Subject),
                (credential_number, Subject::CredentialNumber),
                (specialist_id, Subject::SpecialistId),
                (provider_id, Subject::ProviderId),
            ];
            let (id, of) = named.into_iter().find(|(id, _)| !id.is_empty())?;
            of(id.clone())
        }
    })
}

/// Whether a later fact of the same subject counts in place of an earlier one.
fn counts_instead(later: &Fact, fact: &Fact) -> bool {
    use FactKind::{
        EmploymentCorrected, EmploymentEnded, EmploymentStarted, NameChanged, PeriodEnded, ProviderUpdated,
        SpecialistDied,
    };
    match (fact.kind(), later.kind()) {
        (EmploymentStarted, EmploymentCorrected)
        | (EmploymentEnded | EmploymentCorrected, EmploymentEnded | EmploymentCorrected) => {
            later.employment_id == fact.employment_id
        }
        (PeriodEnded, PeriodEnded) => later.target_fact_id == fact.target_fact_id,
        (_, PeriodEnded) => later.target_fact_id == fact.fact_id,
        (NameChanged, NameChanged) | (SpecialistDied, SpecialistDied) | (ProviderUpdated, ProviderUpdated) => true,
        _ => false,
    }
}

/// Whether a later fact says nothing else than an earlier one.
fn says_the_same(later: &Fact, fact: &Fact) -> bool {
    let is_first_same = [later, fact].iter().any(|it| it.first_day.is_none()) || later.first_day == fact.first_day;
    is_first_same
        && later.last_day == fact.last_day
        && later.name == fact.name
        && later.death_date == fact.death_date
        && (&later.legal_name, &later.county, later.facility_type, &later.identifiers)
            == (&fact.legal_name, &fact.county, fact.facility_type, &fact.identifiers)
}
