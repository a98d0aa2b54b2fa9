//! The questions of a list of claims.

use crate::cli::claims::answer::ANSWER;
use crate::cli::list::columns::{FAMILY_NAME, NUMBER, PRIOR_NUMBER};
use crate::cli::list::{Columns, Fault, Known, List, Row};
use crate::cli::question::read_designation;
use crate::proto::v1::EligibilityItem;
use crate::proto::v1::eligibility_item::{BillingProvider, Subject};

const fn column(key: &'static str, aliases: &'static [&'static str]) -> Known {
    Known { key, name: key, aliases, is_number: false }
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

/// The claim of a row.
pub fn item(row: &Row, default_provider: Option<&str>) -> Result<EligibilityItem, Vec<Fault>> {
    let filled = |key: &&str| !row.text(key).is_empty();
    let provider = match PROVIDERS.into_iter().find(filled) {
        Some("npi") => BillingProvider::Npi(row.text("npi").to_owned()),
        Some("medicaid_id") => BillingProvider::MedicaidId(row.text("medicaid_id").to_owned()),
        Some(key) => BillingProvider::ProviderId(row.text(key).to_owned()),
        None => match default_provider {
            Some(id) => BillingProvider::ProviderId(id.to_owned()),
            None => {
                let fault = row.fault("provider_id", "enter the billing provider, or name it with --provider");
                return Err(row.faults().iter().cloned().chain([fault]).collect());
            }
        },
    };
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
        let count = text.parse().ok();
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
