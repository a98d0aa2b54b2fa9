//! A row whose source id is on record with other content: which cells differ, and what is on record.

use super::cells::folded;
use super::ids::Ids;
use super::kind::{Kind, SOURCE_ID};
use crate::cli::display_text::{code, day};
use crate::cli::list::{Fault, Row};
use crate::domain::prior_number::PriorNumber;
use crate::proto::v1;
use crate::proto::v1::{
    Designation, FacilityType, Fact, FactKind, IdentifierKind, QualificationBasis, RevocationBasis, SuspensionBasis,
};

/// The columns that the registry fills if the file leaves them empty.
const FILLED: [&str; 3] = ["provider_id", "rule_set_id", "term_last_day"];

/// A column that is judged and not kept.
const NOT_KEPT: &str = "continuing_education_hours";

/// The cells of a row that differ from what is on record, each with that.
pub fn found(kind: Kind, row: &Row, ids: &Ids, earlier: &v1::ImportedEarlier) -> Vec<(Fault, String)> {
    let revision = earlier.outcome.as_ref().map_or(0, |outcome| outcome.revision);
    let remedy = format!(
        "the row was recorded with other content in revision {revision}: correct it with {command}, if the registry is \
         wrong; and write here what was loaded, so that the row counts as done; nothing was recorded",
        command = correcting(kind)
    );
    let differing = differing(kind, row, ids, &earlier.facts, &remedy, |column| FILLED.contains(&column));
    if differing.is_empty() {
        return vec![(row.fault(SOURCE_ID, remedy), format!("revision {revision}"))];
    }
    differing
}

/// The command that corrects what a row of a file recorded.
fn correcting(kind: Kind) -> &'static str {
    match kind {
        Kind::Providers => "`act provider update`",
        Kind::Qualifications | Kind::Acts | Kind::Designations => "`act end` or `act retract`",
        Kind::Names => "`act name`",
        Kind::Deaths => "`act death`",
        Kind::Employments => "`report correct`",
        Kind::Specialists => "`act name`, or `act retract` and `act register`",
        Kind::Credentials | Kind::Terms => "`act retract`",
    }
}

/// The cells of a row that differ from a provider that is on file under the row's `provider_id`. None: the row names
/// that provider, and says nothing else about it.
pub fn with_provider(row: &Row, ids: &Ids, provider: &v1::Provider) -> Vec<(Fault, String)> {
    let remedy = "another provider is on file under this provider_id, or its data differ: choose another id, or write here \
                  what is on file";
    let registration = Fact {
        provider_id: provider.provider_id.clone(),
        legal_name: provider.legal_name.clone(),
        facility_type: provider.facility_type,
        county: provider.county.clone(),
        identifiers: provider.identifiers.clone(),
        note: row.text("note").to_owned(),
        ..Fact::default()
    };
    differing(Kind::Providers, row, ids, &[registration], remedy, |_| true)
}

/// The cells of a row that differ from facts on record, each with what is on record. `may_be_left` names the columns
/// that say nothing if they are empty.
fn differing(
    kind: Kind,
    row: &Row,
    ids: &Ids,
    facts: &[Fact],
    remedy: &str,
    may_be_left: impl Fn(&str) -> bool,
) -> Vec<(Fault, String)> {
    let columns = kind.columns().known.iter().map(|known| known.key);
    let compared = columns.filter(|column| ![SOURCE_ID, NOT_KEPT].contains(column));
    let differing = compared.filter_map(|column| {
        let (on_record, in_file) = (on_record(kind, facts, column)?, in_file(row, ids, column));
        let is_left = may_be_left(column) && in_file.is_empty();
        (!is_left && on_record != in_file).then(|| (row.fault(column, remedy), on_record))
    });
    differing.collect()
}

/// A cell as it would be on record.
fn in_file(row: &Row, ids: &Ids, column: &str) -> String {
    let text = row.text(column);
    match column {
        "facility_type" | "basis" | "act" | "designation" => folded(text).to_uppercase(),
        "kind" if text.is_empty() => "QUALIFICATION".to_owned(),
        "kind" => folded(text).to_uppercase(),
        "supervised" if ["yes", "y", "true", "1"].contains(&folded(text).as_str()) => "yes".to_owned(),
        "supervised" => "no".to_owned(),
        "designations" => joined(text.split(';').map(|part| folded(part).to_uppercase())),
        "prior_numbers" => joined(text.split(';').map(as_recorded)),
        "npi" | "medicaid_id" => joined(text.split(';').map(|part| part.trim().to_owned())),
        _ if column.ends_with("_day") || column.ends_with("_date") || is_day(column) => {
            row.date(column).ok().flatten().map(day).unwrap_or_default()
        }
        _ => match Kind::named_by(column) {
            Some(kind) => ids.of(kind, text).unwrap_or_default().to_owned(),
            None => text.to_owned(),
        },
    }
}

fn is_day(column: &str) -> bool {
    ["effective_from", "valid_through"].contains(&column)
}

/// A number of an earlier certificate in the form in which it is on record.
pub fn as_recorded(number: &str) -> String {
    number.parse().map_or_else(|_| number.trim().to_owned(), |folded: PriorNumber| folded.to_string())
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    let mut parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
    parts.sort();
    parts.dedup();
    parts.join("; ")
}

/// What is on record for a column. None: the record does not say it.
fn on_record(kind: Kind, facts: &[Fact], column: &str) -> Option<String> {
    let fact = facts.first()?;
    let name = fact.name.clone().unwrap_or_default();
    let shown = |date: Option<_>| Some(date.map(day).unwrap_or_default());
    let identifiers = |of: IdentifierKind| {
        let values = fact.identifiers.iter().filter(move |identifier| identifier.kind() == of);
        Some(joined(values.map(|identifier| identifier.value.clone())))
    };
    match column {
        "provider_id" | "provider" => Some(fact.provider_id.clone()),
        "specialist" => Some(fact.specialist_id.clone()),
        "credential" => Some(fact.credential_number.clone()),
        "legal_name" => Some(fact.legal_name.clone()),
        "facility_type" => Some(word(fact.facility_type, FacilityType::as_str_name, "FACILITY_TYPE_")),
        "county" => Some(fact.county.clone()),
        "npi" => identifiers(IdentifierKind::Npi),
        "medicaid_id" => identifiers(IdentifierKind::MedicaidId),
        "kind" => Some(provider_period(fact.kind()).to_owned()),
        "act" => Some(act(fact.kind()).to_owned()),
        "basis" if kind == Kind::Qualifications => {
            Some(word(fact.qualification_basis, QualificationBasis::as_str_name, "QUALIFICATION_BASIS_"))
        }
        "basis" if fact.kind() == FactKind::Suspended => {
            Some(word(fact.suspension_basis, SuspensionBasis::as_str_name, "SUSPENSION_BASIS_"))
        }
        "basis" => Some(word(fact.revocation_basis, RevocationBasis::as_str_name, "REVOCATION_BASIS_")),
        "first_day" => shown(fact.first_day.or(fact.effective_from)),
        "last_day" => shown(fact.last_day),
        "valid_through" => shown(fact.valid_through),
        "effective_from" => shown(fact.effective_from),
        "term_last_day" => shown(fact.term_last_day),
        "birth_date" => shown(fact.birth_date),
        "death_date" => shown(fact.death_date),
        "given_name" => Some(name.given_name),
        "family_name" => Some(name.family_name),
        "suffix" => Some(name.suffix),
        "position" => Some(fact.position.clone()),
        "supervised" => Some(if fact.supervised == Some(true) { "yes" } else { "no" }.to_owned()),
        "designation" => Some(word(fact.code, Designation::as_str_name, "DESIGNATION_")),
        "designations" => {
            let granted = facts.iter().filter(|fact| fact.kind() == FactKind::DesignationGranted);
            Some(joined(granted.map(|fact| word(fact.code, Designation::as_str_name, "DESIGNATION_"))))
        }
        "prior_numbers" => {
            let set = facts.iter().filter(|fact| fact.kind() == FactKind::PriorNumberSet);
            Some(joined(set.map(|fact| fact.prior_number.clone())))
        }
        "rule_set_id" => Some(fact.rule_set_id.clone()),
        "text" => Some(fact.text.clone()),
        "note" => Some(fact.note.clone()),
        _ => None,
    }
}

fn word<E: TryFrom<i32>>(number: i32, name: fn(&E) -> &'static str, prefix: &str) -> String {
    if number == 0 { String::new() } else { code(number, name, prefix) }
}

fn provider_period(kind: FactKind) -> &'static str {
    match kind {
        FactKind::ProviderQualified => "QUALIFICATION",
        FactKind::ProviderSuspended => "SUSPENSION",
        FactKind::PeerServiceCertified => "PEER_SERVICE_CERTIFICATION",
        FactKind::PeerServiceSuspended => "PEER_SERVICE_SUSPENSION",
        _ => "",
    }
}

fn act(kind: FactKind) -> &'static str {
    match kind {
        FactKind::Suspended => "SUSPEND",
        FactKind::Limited => "LIMIT",
        FactKind::InactiveGranted => "INACTIVE",
        FactKind::Revoked => "REVOKE",
        FactKind::Surrendered => "SURRENDER",
        FactKind::Relinquished => "RELINQUISH",
        FactKind::Retired => "RETIRE",
        FactKind::Reinstated => "REINSTATE",
        _ => "",
    }
}
