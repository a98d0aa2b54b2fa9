//! Decodes the certifier's commands about providers.

use super::fields::{Fields, LONGEST_NAME};
use crate::domain::command::Command;
use crate::domain::day::{Day, Period};
use crate::domain::fact::{Identifier, ProviderPeriodKind, ProviderRow};
use crate::domain::id::ProviderId;
use crate::proto::v1;

const LONGEST_COUNTY: usize = 100;
const LONGEST_IDENTIFIER: usize = 64;
/// The maximum number of identifiers of a provider.
const MAX_IDENTIFIERS: usize = 100;

pub(super) fn register_provider(request: &v1::RegisterProviderRequest, fields: &mut Fields) -> Option<Command> {
    // A proposed id does not name anything on file, so a malformed one is a fault of the request.
    let id = (!request.provider_id.is_empty()).then(|| request.provider_id.parse());
    if let Some(Err(not_an_id)) = &id {
        fields.refuse("provider_id", format!("{not_an_id}"));
    }
    let row = row(fields, &request.legal_name, request.facility_type, &request.county, &request.identifiers);
    Some(Command::RegisterProvider { id: id.transpose().ok()?, row: row? })
}

pub(super) fn update_provider(request: &v1::UpdateProviderRequest, fields: &mut Fields) -> Option<Command> {
    let id = fields.id("provider_id", &request.provider_id);
    let row = row(fields, &request.legal_name, request.facility_type, &request.county, &request.identifiers);
    Some(Command::UpdateProvider { id: id?, row: row? })
}

fn row(
    fields: &mut Fields,
    legal_name: &str,
    facility_type: i32,
    county: &str,
    identifiers: &[v1::Identifier],
) -> Option<ProviderRow> {
    let legal_name = fields.recorded_text("legal_name", legal_name, LONGEST_NAME);
    let facility_type = fields.enum_value("facility_type", facility_type);
    let county = fields.optional_recorded_text("county", county, LONGEST_COUNTY);
    if !fields.check_count("identifiers", identifiers.len(), MAX_IDENTIFIERS) {
        return None;
    }
    let mut read: Vec<Identifier> = Vec::with_capacity(identifiers.len());
    for (at, identifier) in identifiers.iter().enumerate() {
        let field = format!("identifiers[{at}]");
        let Some(identifier) = fields.within(&field, |fields| self::identifier(fields, identifier)) else { continue };
        if read.contains(&identifier) {
            fields.refuse(field, "given twice");
        }
        read.push(identifier);
    }
    Some(ProviderRow { legal_name: legal_name?, facility_type: facility_type?, county, identifiers: read })
}

/// Reads an identifier in another registry. Surrounding spaces are removed; inner spaces are a fault.
pub(super) fn identifier(fields: &mut Fields, identifier: &v1::Identifier) -> Option<Identifier> {
    let kind = fields.enum_value("kind", identifier.kind);
    let value = fields.text("value", identifier.value.trim(), LONGEST_IDENTIFIER);
    let has_spaces = value.as_ref().is_some_and(|value| value.contains(char::is_whitespace));
    if has_spaces {
        fields.refuse("value", "must be written without spaces");
    }
    let identifier = Identifier { kind: kind?, value: value? };
    if let Some(fault) = identifier.fault().filter(|_| !has_spaces) {
        fields.refuse_unless_on_file("value", fault);
    }
    Some(identifier)
}

pub(super) fn record_qualification(request: &v1::RecordQualificationRequest, fields: &mut Fields) -> Option<Command> {
    let provider = fields.id("provider_id", &request.provider_id);
    let basis = fields.enum_value("basis", request.basis);
    let days = fields.days(request.first_day, request.last_day);
    let valid_through = fields.optional_day("valid_through", request.valid_through);
    open(provider, basis.map(ProviderPeriodKind::Qualified), days, valid_through)
}

pub(super) fn suspend_provider(request: &v1::SuspendProviderRequest, fields: &mut Fields) -> Option<Command> {
    let provider = fields.id("provider_id", &request.provider_id);
    let days = fields.days(request.first_day, request.last_day);
    open(provider, Some(ProviderPeriodKind::Suspended), days, None)
}

pub(super) fn certify_peer_service(request: &v1::CertifyPeerServiceRequest, fields: &mut Fields) -> Option<Command> {
    let provider = fields.id("provider_id", &request.provider_id);
    let days = fields.days(request.first_day, request.last_day);
    let valid_through = fields.optional_day("valid_through", request.valid_through);
    open(provider, Some(ProviderPeriodKind::PeerServiceCertified), days, valid_through)
}

pub(super) fn suspend_peer_service(request: &v1::SuspendPeerServiceRequest, fields: &mut Fields) -> Option<Command> {
    let provider = fields.id("provider_id", &request.provider_id);
    let days = fields.days(request.first_day, request.last_day);
    open(provider, Some(ProviderPeriodKind::PeerServiceSuspended), days, None)
}

fn open(
    provider: Option<ProviderId>,
    kind: Option<ProviderPeriodKind>,
    days: Option<Period>,
    valid_through: Option<Day>,
) -> Option<Command> {
    Some(Command::OpenProviderPeriod { provider: provider?, kind: kind?, days: days?, valid_through })
}
