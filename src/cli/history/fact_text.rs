//! A fact as a sentence.

use crate::cli::change_text::days;
use crate::cli::display_text::{code, day, designation, designations, full_name, words};
use crate::cli::provider_text::identifiers;
use crate::proto::v1::{
    EmploymentEndReason, FacilityType, Fact, FactKind, IssuanceBasis, QualificationBasis, RevocationBasis,
    SuspensionBasis,
};

/// The kind of a fact, and all that it says.
pub fn text(fact: &Fact) -> String {
    let mut parts = Parts(Vec::new());
    parts.add("", &fact.name.as_ref().map(full_name).unwrap_or_default());
    parts.add("born ", &fact.birth_date.map(day).unwrap_or_default());
    parts.add("died ", &fact.death_date.map(day).unwrap_or_default());
    parts.add("", &fact.legal_name);
    parts.enumerated(fact.facility_type, FacilityType::as_str_name, "FACILITY_TYPE_");
    parts.add("", &fact.county);
    parts.add("", &identifiers(&fact.identifiers));
    parts.add("with ", &fact.provider_id);
    parts.add("", &fact.position);
    parts.enumerated(fact.qualification_basis, QualificationBasis::as_str_name, "QUALIFICATION_BASIS_");
    parts.enumerated(fact.suspension_basis, SuspensionBasis::as_str_name, "SUSPENSION_BASIS_");
    parts.enumerated(fact.revocation_basis, RevocationBasis::as_str_name, "REVOCATION_BASIS_");
    parts.enumerated(fact.issuance_basis, IssuanceBasis::as_str_name, "ISSUANCE_BASIS_");
    if fact.first_day.is_some() || fact.last_day.is_some() {
        parts.add("", &days(fact.first_day, fact.last_day));
    }
    parts.add("from ", &fact.effective_from.map(day).unwrap_or_default());
    parts.add("term to ", &fact.term_last_day.map(day).unwrap_or_default());
    parts.add("certificate to ", &fact.valid_through.map(day).unwrap_or_default());
    parts.add("", &designations(&fact.designations));
    if fact.code != 0 {
        parts.add("", designation(fact.code()));
    }
    parts.add("", &fact.prior_number);
    parts.add("under ", &fact.rule_set_id);
    parts.enumerated(fact.end_reason, EmploymentEndReason::as_str_name, "EMPLOYMENT_END_REASON_");
    if fact.supervised == Some(true) {
        parts.add("", "supervised");
    }
    parts.add("", &fact.text);
    parts.add("", &fact.reason);
    parts.add("decision: ", &fact.decision_note);
    parts.add("note: ", &fact.note);
    parts.add("of fact ", &fact.target_fact_id);
    parts.add("job ", &fact.employment_id);
    let kind = kind(fact);
    if parts.0.is_empty() { kind } else { format!("{kind}: {}", parts.0.join(", ")) }
}

/// The kind of a fact in words.
pub fn kind(fact: &Fact) -> String {
    words(&code(fact.kind, FactKind::as_str_name, "FACT_KIND_"))
}

/// What a fact says, in order.
struct Parts(Vec<String>);

impl Parts {
    fn add(&mut self, label: &str, text: &str) {
        if !text.is_empty() {
            self.0.push(format!("{label}{text}"));
        }
    }

    fn enumerated<E: TryFrom<i32>>(&mut self, number: i32, name: fn(&E) -> &'static str, prefix: &str) {
        if number != 0 {
            self.add("", &words(&code(number, name, prefix)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::google::r#type::Date;

    #[test]
    fn a_fact_says_what_who_and_when() {
        let fact = Fact {
            kind: FactKind::EmploymentEnded.into(),
            provider_id: "region-1".into(),
            employment_id: "EM-1".into(),
            last_day: Some(Date { year: 2026, month: 2, day: 25 }),
            end_reason: EmploymentEndReason::PositionEnded.into(),
            ..Fact::default()
        };
        assert_eq!(text(&fact), "employment ended: with region-1, until 2026-02-25, position ended, job EM-1");
        assert_eq!(text(&Fact { kind: FactKind::Suspended.into(), ..Fact::default() }), "suspended");
        let set = Fact { kind: FactKind::PriorNumberSet.into(), prior_number: "MS00417".into(), ..Fact::default() };
        assert_eq!(text(&set), "prior number set: MS00417");
    }
}
