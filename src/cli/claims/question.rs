//! The questions of a list of claims.

use crate::cli::claims::answer::ANSWER;
use crate::cli::list::columns::{FAMILY_NAME, NUMBER, PRIOR_NUMBER};
use crate::cli::list::{Columns, Fault, Known, List, Row};
use crate::cli::question::read_designation;
use crate::proto::v1::EligibilityItem;
use crate::proto::v1::eligibility_item::{BillingProvider, Subject};

const fn column(key: &'static str, aliases: &'static [&'static str]) -> Known {
    Known { aliases, ..Known::plain(key) }
}

/// The columns of a claim.
pub const CLAIM: [Known; 13] = [
    NUMBER,
    PRIOR_NUMBER,
    FAMILY_NAME,
    column("provider_id", &["Provider", "Billing Provider", "Billing Provider ID"]),
    column("npi", &["NPI", "Billing NPI", "Provider NPI", "Billing Provider NPI"]),
    column("medicaid_id", &["Medicaid ID", "Medicaid Provider ID", "Medicaid Provider #", "Provider Medicaid ID"]),
    column("date_of_service", &["DOS", "Date of Service", "Service Date", "Date Served"]),
    column("designation", &["Specialty"]),
    column("units", &["Units Billed", "Unit Count", "Qty", "Quantity"]),
    column("units_billed_that_day", &[]),
    column("units_billed_that_year", &[]),
    // Their cells may look like credential numbers.
    column("claim_id", &["Claim", "Claim #", "Claim Control #", "ICN", "TCN", "Reference"]),
    column("member_id", &["Member #", "Beneficiary ID", "Recipient ID", "Patient ID", "Patient #"]),
];

/// The columns that name the billing provider. The first that is filled counts.
const PROVIDERS: [&str; 3] = ["provider_id", "npi", "medicaid_id"];

/// The columns of a list of claims.
pub const COLUMNS: Columns =
    Columns { known: &CLAIM, needs: &[&["number", "prior_number"], &["date_of_service"]], answers: &ANSWER };

/// Whether a list names the billing provider in a column.
pub fn names_providers(list: &List) -> bool {
    PROVIDERS.iter().any(|key| list.has(key))
}

/// The columns that a row fills beside the one that it is asked by: that one, and the other, which is not compared.
pub fn not_compared(row: &Row) -> Vec<(&'static str, &'static str)> {
    let beside = |keys: &[&'static str]| {
        let mut filled = keys.iter().copied().filter(|key| !row.text(key).is_empty());
        let first = filled.next().unwrap_or_default();
        filled.map(move |other| (first, other)).collect::<Vec<_>>()
    };
    [beside(&["number", "prior_number"]), beside(&PROVIDERS)].concat()
}

/// The billing provider that a row names.
pub fn named_provider(row: &Row) -> Option<BillingProvider> {
    let key = PROVIDERS.into_iter().find(|key| !row.text(key).is_empty())?;
    let text = row.text(key).to_owned();
    Some(match key {
        "npi" => BillingProvider::Npi(text),
        "medicaid_id" => BillingProvider::MedicaidId(text),
        _ => BillingProvider::ProviderId(text),
    })
}

/// The claim of a row.
pub fn item(row: &Row, default_provider: Option<&str>) -> Result<EligibilityItem, Vec<Fault>> {
    let default = || default_provider.map(|id| BillingProvider::ProviderId(id.to_owned()));
    let provider = named_provider(row).or_else(default).ok_or_else(|| {
        let fault = row.fault("provider_id", "enter the billing provider, or name it with --provider");
        row.faults().iter().cloned().chain([fault]).collect::<Vec<_>>()
    })?;
    with_provider(row, provider)
}

/// The claim of a row, billed by a provider.
pub fn with_provider(row: &Row, provider: BillingProvider) -> Result<EligibilityItem, Vec<Fault>> {
    let mut faults = row.faults().to_vec();
    let (number, prior_number) = (row.text("number"), row.text("prior_number"));
    let subject = if number.is_empty() {
        Subject::PriorNumber(prior_number.to_owned())
    } else {
        Subject::CredentialNumber(number.to_owned())
    };
    let date_of_service = row.date("date_of_service").unwrap_or_else(|fault| {
        faults.push(fault);
        None
    });
    let designation = Some(row.text("designation")).filter(|text| !text.is_empty()).map(read_designation);
    let designation = designation.transpose().unwrap_or_else(|remedy| {
        faults.push(row.fault("designation", remedy));
        None
    });
    let mut units = |key| {
        let text = row.text(key);
        let count = whole_number(text).and_then(|count| count.try_into().ok());
        if count.is_none() && !text.is_empty() {
            faults.push(row.fault(key, "enter a whole number of units"));
        }
        count
    };
    let item = EligibilityItem {
        subject: Some(subject),
        billing_provider: Some(provider),
        date_of_service,
        family_name: row.text("family_name").to_owned(),
        designation: designation.map_or(0, i32::from),
        units: units("units"),
        units_billed_that_day: units("units_billed_that_day"),
        units_billed_that_year: units("units_billed_that_year"),
        ..EligibilityItem::default()
    };
    if faults.is_empty() { Ok(item) } else { Err(faults) }
}

/// Reads a whole number as spreadsheets write it: 4, 4.0, 4.00, or 1,200.
pub fn whole_number(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let is_grouped =
        groups.clone().count() == 0 || (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3);
    let digits: String = whole.split(',').collect();
    let is_whole = matches!(fraction, "0" | "00") && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_grouped && is_whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_is_read_as_spreadsheets_write_it() {
        for (text, number) in [("4", 4), ("4.0", 4), ("4.00", 4), ("1,200", 1200), ("12,345,678.0", 12_345_678)] {
            assert_eq!(whole_number(text), Some(number), "{text}");
        }
        for text in ["", "4.5", "4.", "1.000", "1,5", "1,20", "1234,567", "-4", "+4", "x", ",200", "4 units"] {
            assert_eq!(whole_number(text), None, "{text}");
        }
    }
}
