//! The questions of a list of claims.

use std::path::Path;

use super::answer::ANSWER;
use super::whole_number::whole_number;
use crate::cli::failure::Failure;
use crate::cli::list::columns::{DATE_OF_SERVICE, FAMILY_NAME, MEDICAID_ID, NPI, NUMBER, PRIOR_NUMBER, PROVIDER_ID};
use crate::cli::list::{Columns, Fault, Known, List, ListArgs, ListError, Row};
use crate::cli::question::read_designation;
use crate::proto::v1::EligibilityItem;
use crate::proto::v1::eligibility_item::{BillingProvider, Subject};

const fn column(key: &'static str, aliases: &'static [&'static str]) -> Known {
    Known { aliases, ..Known::plain(key) }
}

/// The columns of a claim. The digest has no names and no ids of people: of a short list, guessing would find them.
pub const CLAIM: [Known; 13] = [
    NUMBER.digested(),
    PRIOR_NUMBER.digested(),
    FAMILY_NAME,
    PROVIDER_ID.digested(),
    NPI.digested(),
    MEDICAID_ID.digested(),
    DATE_OF_SERVICE.digested(),
    column("designation", &["Specialty"]).digested(),
    column("units", &["Units Billed", "Unit Count", "Qty", "Quantity"]).digested(),
    column("units_billed_that_day", &[]).digested(),
    column("units_billed_that_year", &[]).digested(),
    // Their cells may look like credential numbers.
    column("claim_id", &["Claim", "Claim #", "Claim Control #", "ICN", "TCN", "Reference"]).digested(),
    column("member_id", &["Member #", "Beneficiary ID", "Recipient ID", "Patient ID", "Patient #"]),
];

/// The columns that name the billing provider. The first that is filled counts.
const PROVIDERS: [&str; 3] = ["provider_id", "npi", "medicaid_id"];

/// The columns of a list of claims.
const COLUMNS: Columns = Columns {
    known: &CLAIM,
    needs: &[&["number", "prior_number"], &["date_of_service"]],
    answers: &ANSWER,
    has_flags: true,
};

/// What to do with a file that `claims` wrote.
const IS_ANSWERED: &str = "`claims` wrote this file, and `review` takes it; to ask its rows again, remove the columns \
                           from `eligible` to `row_check`, and those that `review` wrote behind them";

/// Opens a list of claims.
pub fn open(path: &Path, args: &ListArgs) -> Result<List, Failure> {
    List::open(path, &COLUMNS, args).map_err(|error| {
        let is_answered = matches!(&error, ListError::Reserved { headings, .. } if headings.contains(&"row_check"));
        let failure = error.failure(path);
        if is_answered { failure.with_remedy(IS_ANSWERED) } else { failure }
    })
}

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
