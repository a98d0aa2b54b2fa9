//! From the cells of a row to its command.

use super::cells::{Cells, folded};
use super::ids::Ids;
use super::kind::{Kind, SOURCE_ID};
use crate::cli::list::{Fault, Row};
use crate::proto::google::r#type::Date;
use crate::proto::v1;
use crate::proto::v1::import_row::Command;
use crate::proto::v1::report_employment_start_request::Person;
use crate::proto::v1::{
    Designation, FacilityType, IdentifierKind, ProviderPeriodKind, QualificationBasis, RevocationBasis, SuspensionBasis,
};

/// The longest id of a row in the old system, in characters.
const LONGEST_SOURCE_ID: usize = 200;

/// A row as it is sent, and the days in it.
pub type Read = (v1::ImportRow, Vec<(&'static str, Date)>);

/// Reads a row, without its request id. The ids of the rows that it names must be known.
pub fn read(kind: Kind, row: &Row, ids: &Ids) -> Result<Read, Vec<Fault>> {
    let mut cells = Cells::of(row, ids);
    if row.text(SOURCE_ID).chars().count() > LONGEST_SOURCE_ID {
        cells.refuse(SOURCE_ID, format!("write at most {LONGEST_SOURCE_ID} characters"));
    }
    let command = match kind {
        Kind::Providers => provider(&mut cells),
        Kind::Qualifications => provider_period(&mut cells),
        Kind::Specialists => Command::RegisterSpecialist(v1::RegisterSpecialistRequest {
            name: Some(name(&cells)),
            birth_date: cells.day("birth_date"),
            ..Default::default()
        }),
        Kind::Names => Command::ChangeSpecialistName(v1::ChangeSpecialistNameRequest {
            specialist_id: cells.named("specialist"),
            name: Some(name(&cells)),
            ..Default::default()
        }),
        Kind::Deaths => Command::RecordDeath(v1::RecordDeathRequest {
            specialist_id: cells.named("specialist"),
            death_date: cells.day("death_date"),
            ..Default::default()
        }),
        Kind::Employments => employment(&mut cells),
        Kind::Credentials => credential(&mut cells),
        Kind::Terms => Command::RenewCredential(v1::RenewCredentialRequest {
            credential_number: cells.named("credential"),
            effective_from: cells.day("effective_from"),
            term_last_day: cells.day("term_last_day"),
            continuing_education_hours: cells.amount("continuing_education_hours"),
            ..Default::default()
        }),
        Kind::Designations => Command::GrantDesignation(v1::GrantDesignationRequest {
            credential_number: cells.named("credential"),
            code: cells.word("designation", Designation::as_str_name, "DESIGNATION_"),
            first_day: cells.day("first_day"),
            last_day: cells.day("last_day"),
            ..Default::default()
        }),
        Kind::Acts => act(&mut cells),
    };
    let note = cells.text("note");
    cells.finish(v1::ImportRow { command: Some(command), note, ..Default::default() })
}

fn provider(cells: &mut Cells<'_>) -> Command {
    let identifiers = [("npi", IdentifierKind::Npi), ("medicaid_id", IdentifierKind::MedicaidId)];
    let identifiers = identifiers.into_iter().flat_map(|(column, kind)| {
        let values = cells.list(column).into_iter();
        values.map(move |value| v1::Identifier { kind: kind.into(), value }).collect::<Vec<_>>()
    });
    let identifiers = identifiers.collect();
    Command::RegisterProvider(v1::RegisterProviderRequest {
        provider_id: cells.text("provider_id"),
        legal_name: cells.text("legal_name"),
        facility_type: cells.word("facility_type", FacilityType::as_str_name, "FACILITY_TYPE_"),
        county: cells.text("county"),
        identifiers,
        ..Default::default()
    })
}

fn provider_period(cells: &mut Cells<'_>) -> Command {
    let kind = cells.word("kind", ProviderPeriodKind::as_str_name, "PROVIDER_PERIOD_KIND_");
    let kind = ProviderPeriodKind::try_from(kind).unwrap_or_default();
    let provider_id = cells.named("provider");
    let (first_day, last_day) = (cells.day("first_day"), cells.day("last_day"));
    let basis = cells.word("basis", QualificationBasis::as_str_name, "QUALIFICATION_BASIS_");
    let is_qualification = matches!(kind, ProviderPeriodKind::Unspecified | ProviderPeriodKind::Qualification);
    if is_qualification && cells.text("basis").is_empty() {
        cells.refuse(
            "basis",
            "a qualification has a basis: write DMH_OPERATED, DMH_CERTIFIED, DMH_FUNDED or DMH_LICENSED",
        );
    } else if !is_qualification {
        cells.blank("basis", "only a qualification has a basis: remove it");
    }
    let valid_through = cells.day("valid_through");
    if matches!(kind, ProviderPeriodKind::Suspension | ProviderPeriodKind::PeerServiceSuspension) {
        cells.blank("valid_through", "a suspension has no certificate: write its end as last_day");
    }
    match kind {
        ProviderPeriodKind::Unspecified | ProviderPeriodKind::Qualification => {
            Command::RecordQualification(v1::RecordQualificationRequest {
                provider_id,
                basis,
                first_day,
                last_day,
                valid_through,
                ..Default::default()
            })
        }
        ProviderPeriodKind::Suspension => Command::SuspendProvider(v1::SuspendProviderRequest {
            provider_id,
            first_day,
            last_day,
            ..Default::default()
        }),
        ProviderPeriodKind::PeerServiceCertification => Command::CertifyPeerService(v1::CertifyPeerServiceRequest {
            provider_id,
            first_day,
            last_day,
            valid_through,
            ..Default::default()
        }),
        ProviderPeriodKind::PeerServiceSuspension => Command::SuspendPeerService(v1::SuspendPeerServiceRequest {
            provider_id,
            first_day,
            last_day,
            ..Default::default()
        }),
    }
}

fn name(cells: &Cells<'_>) -> v1::PersonName {
    v1::PersonName {
        given_name: cells.text("given_name"),
        family_name: cells.text("family_name"),
        suffix: cells.text("suffix"),
    }
}

fn employment(cells: &mut Cells<'_>) -> Command {
    Command::ReportEmploymentStart(v1::ReportEmploymentStartRequest {
        person: Some(Person::SpecialistId(cells.named("specialist"))),
        provider_id: cells.named("provider"),
        position: cells.text("position"),
        first_day: cells.day("first_day"),
        last_day: cells.day("last_day"),
        supervised: cells.yes("supervised"),
        ..Default::default()
    })
}

fn credential(cells: &mut Cells<'_>) -> Command {
    Command::Transferred(v1::TransferredCredential {
        specialist_id: cells.named("specialist"),
        effective_from: cells.day("effective_from"),
        term_last_day: cells.day("term_last_day"),
        designations: cells.words("designations", Designation::as_str_name, "DESIGNATION_"),
        rule_set_id: cells.text("rule_set_id"),
        prior_numbers: prior_numbers(cells),
    })
}

/// The numbers of the earlier certificates. A comma may be a part of a number, but more often it separates two.
fn prior_numbers(cells: &mut Cells<'_>) -> Vec<String> {
    let column = "prior_numbers";
    let text = cells.text(column);
    if text.contains(',') && !text.contains(';') {
        cells.refuse(
            column,
            "separate the numbers with semicolons; if the comma is a part of one number, write a semicolon behind it",
        );
    }
    cells.list(column)
}

/// The words of the column `act`.
const ACTS: &str = "SUSPEND, LIMIT, INACTIVE, REVOKE, SURRENDER, RELINQUISH, RETIRE or REINSTATE";

fn act(cells: &mut Cells<'_>) -> Command {
    let credential_number = cells.named("credential");
    let (first_day, last_day) = (cells.day("first_day"), cells.day("last_day"));
    let act = folded(&cells.text("act"));
    let is_period = matches!(act.as_str(), "suspend" | "limit" | "inactive");
    if !is_period && !act.is_empty() {
        cells.blank("last_day", "this act has no last day: remove it; write what ended it as an act of its own");
    }
    if !matches!(act.as_str(), "suspend" | "revoke") {
        cells.blank("basis", "only SUSPEND and REVOKE have a basis: remove it");
    } else if cells.text("basis").is_empty() {
        cells.refuse("basis", "SUSPEND and REVOKE have a basis: enter it");
    }
    if act != "limit" {
        cells.blank("text", "only LIMIT has a text: remove it, or write it as note");
    } else if cells.text("text").is_empty() {
        cells.refuse("text", "LIMIT has a text, which says what is limited: enter it");
    }
    macro_rules! effective {
        ($command:ident($request:ident)) => {
            Command::$command(v1::$request { credential_number, effective_from: first_day, ..Default::default() })
        };
    }
    match act.as_str() {
        "suspend" => {
            let basis = cells.word("basis", SuspensionBasis::as_str_name, "SUSPENSION_BASIS_");
            let request =
                v1::SuspendCredentialRequest { credential_number, basis, first_day, last_day, ..Default::default() };
            Command::SuspendCredential(request)
        }
        "limit" => {
            let text = cells.text("text");
            let request =
                v1::LimitCredentialRequest { credential_number, text, first_day, last_day, ..Default::default() };
            Command::LimitCredential(request)
        }
        "inactive" => {
            let request =
                v1::GrantInactiveStatusRequest { credential_number, first_day, last_day, ..Default::default() };
            Command::GrantInactiveStatus(request)
        }
        "revoke" => {
            let basis = cells.word("basis", RevocationBasis::as_str_name, "REVOCATION_BASIS_");
            let effective_from = first_day;
            let request =
                v1::RevokeCredentialRequest { credential_number, effective_from, basis, ..Default::default() };
            Command::RevokeCredential(request)
        }
        "surrender" => effective!(RecordSurrender(RecordSurrenderRequest)),
        "relinquish" => effective!(RecordRelinquishment(RecordRelinquishmentRequest)),
        "retire" => effective!(RecordRetirement(RecordRetirementRequest)),
        "reinstate" => effective!(ReinstateCredential(ReinstateCredentialRequest)),
        other => {
            // The reader of lists has reported a blank cell.
            if !other.is_empty() {
                cells.refuse("act", format!("write one of {ACTS}"));
            }
            effective!(ReinstateCredential(ReinstateCredentialRequest))
        }
    }
}
