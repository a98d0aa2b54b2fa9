//! Decodes requests to read what is on file: lists, their filters and their pages.
//!
//! A filter id that cannot exist is refused as not on file.

use super::fields::{Fields, LONGEST_NAME};
use crate::domain::day::Day;
use crate::domain::decide::Rejection;
use crate::domain::id::{CredentialNumber, ProviderId};
use crate::domain::name::{FoldedName, fold};
use crate::proto::v1;
use crate::proto::v1::list_facts_request::Subject;
use crate::registry::filters::{CredentialFilter, EmploymentFilter, PeopleFilter, ProviderFilter};
use crate::registry::search::FactsOf;
use crate::registry::snapshot::KnownAt;

/// The default page size.
const USUAL_PAGE: u32 = 100;
/// The maximum page size.
const LARGEST_PAGE: u32 = 1000;

/// Returns the page size for a request, within bounds.
pub fn page_size(asked: u32) -> usize {
    let size = if asked == 0 { USUAL_PAGE } else { asked.min(LARGEST_PAGE) };
    usize::try_from(size).unwrap_or(usize::MAX)
}

/// A decoded request for a credential by number.
#[derive(Clone, Debug, PartialEq)]
pub struct CredentialAsked {
    /// The number.
    pub number: CredentialNumber,
    /// A family name that must match the holder's, folded.
    pub family_name: Option<String>,
    /// The state of knowledge.
    pub known_at: KnownAt,
}

/// Decodes a `GetCredential`.
pub fn get_credential(request: &v1::GetCredentialRequest) -> Result<CredentialAsked, Rejection> {
    let mut fields = Fields::default();
    let number = fields.id("credential_number", &request.credential_number);
    let known_at = fields.known_at(request.known_at.as_ref());
    let family_name = fields.optional_folded_family_name("family_name", &request.family_name);
    let asked = number.zip(known_at);
    fields.finish(asked.map(|(number, known_at)| CredentialAsked { number, family_name, known_at }))
}

/// A decoded request for the standings of a credential over a range of days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StandingsAsked {
    /// The credential.
    pub number: CredentialNumber,
    /// The first day of the range; `None` means the credential's first day.
    pub first_day: Option<Day>,
    /// The last day of the range; `None` means without end.
    pub last_day: Option<Day>,
    /// The state of knowledge.
    pub known_at: KnownAt,
}

/// Decodes a `ListStandingPeriods`.
pub fn list_standing_periods(request: &v1::ListStandingPeriodsRequest) -> Result<StandingsAsked, Rejection> {
    let mut fields = Fields::default();
    let number = fields.id("credential_number", &request.credential_number);
    let first_day = fields.optional_day("first_day", request.first_day);
    let last_day = fields.optional_day("last_day", request.last_day);
    fields.in_order("last_day", last_day, "first_day", first_day);
    let known_at = fields.known_at(request.known_at.as_ref());
    let asked = number.zip(known_at);
    fields.finish(asked.map(|(number, known_at)| StandingsAsked { number, first_day, last_day, known_at }))
}

/// Decodes a `ListCredentials`, without its page.
pub fn list_credentials(request: &v1::ListCredentialsRequest) -> Result<(CredentialFilter, KnownAt), Rejection> {
    let mut fields = Fields::default();
    let standing = fields.optional_enum_value("standing", request.standing);
    let provider = fields.optional_id(&request.provider_id);
    let specialist = fields.optional_id(&request.specialist_id);
    let name = request.name.as_ref();
    let given_name = name
        .map(|name| &name.given_name)
        .filter(|given| !given.is_empty())
        .map(|given| fold(&fields.optional_text("name.given_name", given, LONGEST_NAME)));
    let family_name = name.and_then(|name| fields.optional_folded_family_name("name.family_name", &name.family_name));
    let birth_date = fields.optional_day("birth_date", request.birth_date);
    let as_of = fields.optional_day("as_of", request.as_of);
    let known_at = fields.known_at(request.known_at.as_ref());
    let filter = CredentialFilter { standing, provider, specialist, given_name, family_name, birth_date, as_of };
    fields.finish(known_at.map(|known_at| (filter, known_at)))
}

/// The minimum number of letters and digits of a family name that is searched for alone.
const SHORTEST_BEGINNING: usize = 2;

/// Decodes a `FindSpecialists`, without its page.
pub fn find_specialists(request: &v1::FindSpecialistsRequest) -> Result<(PeopleFilter, KnownAt), Rejection> {
    let mut fields = Fields::default();
    let family = fields.optional_folded_family_name("family_name", &request.family_name).unwrap_or_default();
    let given_name = fields.optional_text("given_name", &request.given_name, LONGEST_NAME);
    let given = fold(&given_name);
    if given.is_empty() && !given_name.is_empty() {
        fields.refuse("given_name", "contains no letter or digit, and only these are compared");
    }
    let birth_date = fields.optional_day("birth_date", request.birth_date);
    let prior_number = (!request.prior_number.is_empty())
        .then(|| fields.prior_number("prior_number", &request.prior_number))
        .flatten();
    let has_other = request.birth_date.is_some() || !request.prior_number.is_empty();
    let is_read = request.family_name.is_empty() || !family.is_empty();
    if !has_other && is_read && family.chars().count() < SHORTEST_BEGINNING {
        fields.refuse(
            "family_name",
            "at least two letters or digits are required, unless birth_date or prior_number is set",
        );
    }
    let known_at = fields.known_at(request.known_at.as_ref());
    let filter = PeopleFilter { name: FoldedName { given, family }, birth_date, prior_number };
    fields.finish(known_at.map(|known_at| (filter, known_at)))
}

/// Decodes a `ListEmployments`, without its page. `own`: the caller's provider, if the caller is one.
pub fn list_employments(
    request: &v1::ListEmploymentsRequest,
    own: Option<&ProviderId>,
) -> Result<(EmploymentFilter, KnownAt), Rejection> {
    let mut fields = Fields::default();
    let provider = fields.optional_id(&request.provider_id);
    let provider = if request.provider_id.is_empty() { own.cloned() } else { provider };
    let credential = fields.optional_id(&request.credential_number);
    let specialist = fields.optional_id(&request.specialist_id);
    let named = [&request.provider_id, &request.credential_number, &request.specialist_id];
    if own.is_none() && named.iter().all(|id| id.is_empty()) {
        fields.refuse("provider_id", "required, unless credential_number or specialist_id is set");
    }
    let as_of = fields.optional_day("as_of", request.as_of);
    let known_at = fields.known_at(request.known_at.as_ref());
    let filter = EmploymentFilter { provider, credential, specialist, as_of, own_staff_of: None };
    fields.finish(known_at.map(|known_at| (filter, known_at)))
}

/// Decodes a `GetProvider`: the provider, the day, and the state of knowledge.
pub fn get_provider(request: &v1::GetProviderRequest) -> Result<(ProviderId, Option<Day>, KnownAt), Rejection> {
    let mut fields = Fields::default();
    let provider = fields.id("provider_id", &request.provider_id);
    let as_of = fields.optional_day("as_of", request.as_of);
    let known_at = fields.known_at(request.known_at.as_ref());
    let asked = provider.zip(known_at);
    fields.finish(asked.map(|(provider, known_at)| (provider, as_of, known_at)))
}

/// Decodes a `ListProviders`, without its page.
pub fn list_providers(request: &v1::ListProvidersRequest) -> Result<(ProviderFilter, KnownAt), Rejection> {
    let mut fields = Fields::default();
    let facility_type = fields.optional_enum_value("facility_type", request.facility_type);
    let county = fields.optional_text("county", &request.county, LONGEST_NAME).to_lowercase();
    let identifier = request.identifier.as_ref();
    let identifier = identifier
        .and_then(|identifier| fields.within("identifier", |fields| super::provider::identifier(fields, identifier)));
    let known_at = fields.known_at(request.known_at.as_ref());
    let county = (!county.is_empty()).then_some(county);
    let filter = ProviderFilter { facility_type, county, identifier };
    fields.finish(known_at.map(|known_at| (filter, known_at)))
}

/// Decodes a `GetProgramStatistics`: the day, and the state of knowledge.
pub fn get_program_statistics(request: &v1::GetProgramStatisticsRequest) -> Result<(Option<Day>, KnownAt), Rejection> {
    let mut fields = Fields::default();
    let as_of = fields.optional_day("as_of", request.as_of);
    let known_at = fields.known_at(request.known_at.as_ref());
    fields.finish(known_at.map(|known_at| (as_of, known_at)))
}

/// A decoded request for lines of the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadsAsked {
    /// Only lines about this credential.
    pub number: Option<CredentialNumber>,
    /// Only lines of this client.
    pub client: Option<String>,
    /// Only lines from this day on.
    pub first_day: Option<Day>,
    /// Only lines up to and including this day.
    pub last_day: Option<Day>,
}

/// Decodes a `ListReads`, without its page.
pub fn list_reads(request: &v1::ListReadsRequest) -> Result<ReadsAsked, Rejection> {
    let mut fields = Fields::default();
    let number = fields.optional_id(&request.credential_number);
    let client = fields.optional_text("client", &request.client, LONGEST_NAME);
    let first_day = fields.optional_day("first_day", request.first_day);
    let last_day = fields.optional_day("last_day", request.last_day);
    fields.in_order("last_day", last_day, "first_day", first_day);
    let client = (!client.is_empty()).then_some(client);
    fields.finish(Some(ReadsAsked { number, client, first_day, last_day }))
}

/// Decodes a `ListFacts`, without its page.
pub fn list_facts(request: &v1::ListFactsRequest) -> Result<(FactsOf, KnownAt), Rejection> {
    let mut fields = Fields::default();
    let about = match &request.subject {
        None => {
            fields.refuse("subject", "required: credential_number, specialist_id, provider_id or employment_id");
            None
        }
        Some(Subject::CredentialNumber(number)) => fields.id("credential_number", number).map(FactsOf::Credential),
        Some(Subject::SpecialistId(id)) => fields.id("specialist_id", id).map(FactsOf::Specialist),
        Some(Subject::ProviderId(id)) => fields.id("provider_id", id).map(FactsOf::Provider),
        Some(Subject::EmploymentId(id)) => fields.id("employment_id", id).map(FactsOf::Employment),
    };
    let known_at = fields.known_at(request.known_at.as_ref());
    fields.finish(about.zip(known_at))
}
