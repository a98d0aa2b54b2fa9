//! Filters: which credentials, providers and jobs a list contains.

use crate::domain::day::Day;
use crate::domain::fact::{FacilityType, Identifier, ProviderRow};
use crate::domain::id::{CredentialNumber, ProviderId, SpecialistId};
use crate::domain::name::{FoldedName, PersonName};
use crate::domain::prior_number::PriorNumber;
use crate::domain::specialist::Specialist;
use crate::domain::standing::Standing;
use crate::domain::timeline::Timeline;

/// Selects credentials. An unset field matches everything.
#[derive(Clone, Debug, Default)]
pub struct CredentialFilter {
    /// The day on which the standing and the job are checked; `None` means today.
    pub as_of: Option<Day>,
    /// The credential's standing on the day.
    pub standing: Option<Standing>,
    /// A provider with which the holder has a job on the day.
    pub provider: Option<ProviderId>,
    /// The holder.
    pub specialist: Option<SpecialistId>,
    /// A present or former given name of the holder, folded.
    pub given_name: Option<String>,
    /// A present or former family name, folded; together with `given_name`, both must be of the same name.
    pub family_name: Option<String>,
    /// The holder's birth date.
    pub birth_date: Option<Day>,
}

impl CredentialFilter {
    pub(super) fn matches(&self, timeline: &Timeline, as_of: Day) -> bool {
        self.specialist.is_none_or(|specialist| timeline.specialist == specialist)
            && self.standing.is_none_or(|standing| timeline.days.at(as_of).standing == standing)
            && self.provider.as_ref().is_none_or(|provider| timeline.has_job_with(provider.as_str(), as_of))
            && timeline.names.folded().any(|(given, family)| self.bears(given, family))
    }

    fn bears(&self, given_name: &str, family_name: &str) -> bool {
        self.given_name.as_ref().is_none_or(|given| given == given_name)
            && self.family_name.as_ref().is_none_or(|family| family == family_name)
    }
}

/// Selects people. An unset field matches everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeopleFilter {
    /// The beginnings of a present or former name: both must be of the same name. An empty one matches everything.
    pub name: FoldedName,
    /// The birth date.
    pub birth_date: Option<Day>,
    /// A prior number of one of the person's credentials, void or not.
    pub prior_number: Option<PriorNumber>,
}

impl PeopleFilter {
    pub(super) fn matches(&self, person: &Specialist) -> bool {
        let bears =
            |prior: &PriorNumber| person.credentials.iter().any(|credential| credential.prior_numbers.contains(prior));
        self.names_of(person).next().is_some()
            && self.birth_date.is_none_or(|asked| person.birth_date == Some(asked))
            && self.prior_number.as_ref().is_none_or(bears)
    }

    /// Returns the names of a person that match.
    pub(super) fn names_of(&self, person: &Specialist) -> impl Iterator<Item = FoldedName> {
        let FoldedName { given, family } = &self.name;
        let begins = move |name: &FoldedName| name.given.starts_with(given) && name.family.starts_with(family);
        person.names.iter().map(PersonName::folded).filter(begins)
    }
}

/// Selects providers. An unset field matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderFilter {
    /// The facility type.
    pub facility_type: Option<FacilityType>,
    /// The county, in lower case.
    pub county: Option<String>,
    /// An identifier in another registry.
    pub identifier: Option<Identifier>,
}

impl ProviderFilter {
    pub(super) fn matches(&self, row: &ProviderRow) -> bool {
        self.facility_type.is_none_or(|asked| row.facility_type == asked)
            && self.county.as_ref().is_none_or(|county| row.county.to_lowercase() == *county)
            && self.identifier.as_ref().is_none_or(|asked| row.identifiers.contains(asked))
    }
}

/// Selects jobs. An unset field matches everything.
#[derive(Clone, Debug, Default)]
pub struct EmploymentFilter {
    /// The employer.
    pub provider: Option<ProviderId>,
    /// The holder of a credential.
    pub credential: Option<CredentialNumber>,
    /// The employee.
    pub specialist: Option<SpecialistId>,
    /// A day that the job includes.
    pub as_of: Option<Day>,
    /// If set, only jobs of this provider's own staff, as known at the head.
    pub own_staff_of: Option<ProviderId>,
}
