//! Providers as text: their identifiers, and what is in effect for them.

use super::change_text::days;
use super::display_text::{code, day, words};
use crate::proto::v1::{
    FacilityType, Identifier, IdentifierKind, Provider, ProviderPeriod, ProviderPeriodKind, QualificationBasis,
};

/// Identifiers, each with its kind.
pub fn identifiers(identifiers: &[Identifier]) -> String {
    let texts = identifiers.iter().map(|identifier| {
        let kind = code(identifier.kind, IdentifierKind::as_str_name, "IDENTIFIER_KIND_");
        format!("{} {}", kind.replace('_', " "), identifier.value)
    });
    texts.collect::<Vec<_>>().join(", ")
}

/// The type of facility.
pub fn facility_type(provider: &Provider) -> String {
    words(&code(provider.facility_type, FacilityType::as_str_name, "FACILITY_TYPE_"))
}

/// What is in effect in a period: `qualification, DMH certified`.
pub fn what(period: &ProviderPeriod) -> String {
    let kind = words(&code(period.kind, ProviderPeriodKind::as_str_name, "PROVIDER_PERIOD_KIND_"));
    match period.basis {
        0 => kind,
        basis => format!("{kind}, {}", words(&code(basis, QualificationBasis::as_str_name, "QUALIFICATION_BASIS_"))),
    }
}

/// A period as one text, with the fact that opened it.
pub fn period(period: &ProviderPeriod) -> String {
    let certificate = period.valid_through.map(|last| format!(", certificate to {}", day(last))).unwrap_or_default();
    let days = days(period.first_day, period.last_day);
    let fact = if period.fact_id.is_empty() { String::new() } else { format!(" (fact {})", period.fact_id) };
    format!("{} {days}{certificate}{fact}", what(period))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::google::r#type::Date;

    #[test]
    fn a_period_says_what_when_and_by_which_fact() {
        let date = |year| Some(Date { year, month: 1, day: 1 });
        let qualification = ProviderPeriod {
            kind: ProviderPeriodKind::Qualification.into(),
            basis: QualificationBasis::DmhCertified.into(),
            first_day: date(2020),
            valid_through: date(2027),
            fact_id: "f".into(),
            ..ProviderPeriod::default()
        };
        let text = "qualification, DMH certified from 2020-01-01 on, certificate to 2027-01-01 (fact f)";
        assert_eq!(period(&qualification), text);
        let numbers = [(1, "1234567893"), (2, "00-7")].map(|(kind, value)| Identifier { kind, value: value.into() });
        assert_eq!(identifiers(&numbers), "NPI 1234567893, MEDICAID ID 00-7");
    }
}
