//! The billing provider of a claim, as the cell of an answer.

use crate::cli::list::unguarded;
use crate::proto::v1::eligibility_item::BillingProvider;

/// A billing provider as the cell of an answer, from which [`asked_provider`] reads it again.
pub fn provider_text(provider: Option<&BillingProvider>) -> String {
    match provider {
        None => String::new(),
        Some(BillingProvider::ProviderId(id)) => id.clone(),
        Some(BillingProvider::Npi(value)) => format!("NPI {value}"),
        Some(BillingProvider::MedicaidId(value)) => format!("MEDICAID {value}"),
    }
}

/// The billing provider in the cell of an answer.
pub fn asked_provider(text: &str) -> Option<BillingProvider> {
    let text = unguarded(text);
    let of = |prefix: &str| text.strip_prefix(prefix).map(str::to_owned);
    match (of("NPI "), of("MEDICAID ")) {
        (Some(value), _) => Some(BillingProvider::Npi(value)),
        (_, Some(value)) => Some(BillingProvider::MedicaidId(value)),
        _ if text.is_empty() => None,
        _ => Some(BillingProvider::ProviderId(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_read_again_as_it_was_asked() {
        for provider in [
            BillingProvider::ProviderId("region-1-cmhc".to_owned()),
            BillingProvider::Npi("1999999984".to_owned()),
            BillingProvider::MedicaidId("NPI 7".to_owned()),
        ] {
            assert_eq!(asked_provider(&provider_text(Some(&provider))), Some(provider));
        }
        assert_eq!(asked_provider(""), None);
    }
}
