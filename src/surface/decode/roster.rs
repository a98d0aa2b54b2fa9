//! Decodes a provider's staff list for comparison with the registry.

use super::fields::{Fields, LONGEST_CORRELATION_ID, LONGEST_NAME};
use crate::domain::day::Day;
use crate::domain::decide::Rejection;
use crate::domain::id::{CredentialNumber, EmploymentId, ProviderId, SpecialistId};
use crate::domain::prior_number::PriorNumber;
use crate::proto::v1;
use crate::proto::v1::roster_row::Subject;
use crate::registry::snapshot::KnownAt;

/// The longest id in a list, in characters. Every real id is shorter.
const LONGEST_ID: usize = 64;

/// The options of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RosterAsked {
    /// The provider whose list it is.
    pub provider: ProviderId,
    /// The day of the list; `None` means today.
    pub as_of: Option<Day>,
    /// The state of knowledge.
    pub known_at: KnownAt,
}

/// The compared fields of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RosterJob {
    /// The job or person that the row names.
    pub subject: RosterSubject,
    /// The family name in the list, folded.
    pub family_name: Option<String>,
    /// The first day in the list.
    pub first_day: Option<Day>,
}

/// What a row names. `None` stands for an id that cannot exist and therefore matches no job.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RosterSubject {
    /// The job.
    Employment(Option<EmploymentId>),
    /// The holder of a credential.
    Credential(Option<CredentialNumber>),
    /// The holder of a credential with this prior number.
    PriorNumber(Option<PriorNumber>),
    /// A person.
    Specialist(Option<SpecialistId>),
}

/// Decodes the options of a comparison. `own`: the caller's provider, if the caller is one.
pub fn roster_options(options: &v1::RosterOptions, own: Option<&ProviderId>) -> Result<RosterAsked, Rejection> {
    let mut fields = Fields::default();
    let asked = fields.within("options", |fields| {
        let provider = match own {
            Some(own) if options.provider_id.is_empty() => Some(own.clone()),
            _ => fields.id("provider_id", &options.provider_id),
        };
        let as_of = fields.optional_day("as_of", options.as_of);
        let known_at = fields.known_at(options.known_at.as_ref());
        Some(RosterAsked { provider: provider?, as_of, known_at: known_at? })
    });
    fields.finish(asked)
}

/// Decodes a row of the list.
pub fn roster_row(row: &v1::RosterRow) -> Result<RosterJob, Rejection> {
    let mut fields = Fields::default();
    let job = fields.within("row", |fields| {
        fields.optional_text("correlation_id", &row.correlation_id, LONGEST_CORRELATION_ID);
        let subject = subject(fields, row);
        let family_name = fields.optional_text("family_name", &row.family_name, LONGEST_NAME);
        let family_name = fields.optional_folded_family_name("family_name", &family_name);
        fields.optional_text("position", &row.position, LONGEST_NAME);
        let first_day = fields.optional_day("first_day", row.first_day);
        Some(RosterJob { subject: subject?, family_name, first_day })
    });
    fields.finish(job)
}

fn subject(fields: &mut Fields, row: &v1::RosterRow) -> Option<RosterSubject> {
    let Some(subject) = &row.subject else {
        fields.refuse("subject", "required: employment_id, credential_number, prior_number or specialist_id");
        return None;
    };
    let (field, id) = match subject {
        Subject::EmploymentId(id) => ("employment_id", id),
        Subject::CredentialNumber(number) => ("credential_number", number),
        Subject::PriorNumber(number) => ("prior_number", number),
        Subject::SpecialistId(id) => ("specialist_id", id),
    };
    if id.is_empty() {
        fields.refuse(field, "required");
    }
    // A malformed id matches no job. It is kept until the list is compared, so limit its length.
    fields.optional_text(field, id, LONGEST_ID);
    Some(match subject {
        Subject::EmploymentId(id) => RosterSubject::Employment(id.parse().ok()),
        Subject::CredentialNumber(number) => RosterSubject::Credential(number.parse().ok()),
        Subject::PriorNumber(number) => RosterSubject::PriorNumber(number.parse().ok()),
        Subject::SpecialistId(id) => RosterSubject::Specialist(id.parse().ok()),
    })
}
