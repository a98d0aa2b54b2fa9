//! The questions of a file of answers that `claims` wrote.

use std::path::Path;

use super::answer::{ANSWER, Reviewed};
use crate::cli::claims::answer::joined;
use crate::cli::claims::provider::asked_provider;
use crate::cli::claims::question::{CLAIM, named_provider, with_provider};
use crate::cli::claims::row_check::{AnsweredClaim, RowCheck};
use crate::cli::claims::whole_number::whole_number;
use crate::cli::failure::Failure;
use crate::cli::list::{Columns, Fault, Known, List, ListArgs, ListError, Row};
use crate::proto::v1::eligibility_item::BillingProvider;
use crate::proto::v1::{ReliedOn, ReviewItem};

/// The columns that `claims` adds and that are read again.
const WRITTEN: [&str; 9] = [
    "eligible",
    "verdict",
    "number_on_record",
    "asked_provider",
    "payable_units",
    "known_at_revision",
    "epoch",
    "fault",
    "row_check",
];

/// The columns of the claims, and of their answers.
const KNOWN: [Known; CLAIM.len() + WRITTEN.len()] = {
    let mut known = [Known::plain("row_check"); CLAIM.len() + WRITTEN.len()];
    let mut at = 0;
    while at < CLAIM.len() {
        known[at] = CLAIM[at];
        at += 1;
    }
    let mut added = 0;
    while added < WRITTEN.len() {
        known[at + added] = Known::plain(WRITTEN[added]);
        added += 1;
    }
    known
};

/// The columns of a file of answers.
const COLUMNS: Columns = Columns {
    known: &KNOWN,
    needs: &[&["number", "prior_number"], &["date_of_service"]],
    answers: &ANSWER,
    has_flags: true,
};

/// What to do with a file that is not as `claims` wrote it.
const TAKE: &str = "take the file that `claims` wrote; if `claims` needed --column, give it here too";

/// What to do with a file that `review` wrote.
const IS_REVIEWED: &str = "`review` wrote this file: review the file that `claims` wrote; for the next month, run `claims` \
                           again and review that file";

/// What is wrong with a row without a check. It may be a row that was added, such as a sum.
const NOT_WRITTEN: &str = "`claims` did not write this row, or it was changed after it was answered: take the file that \
                           `claims` wrote";

/// What is wrong with a row whose question is not the one that was answered.
const CHANGED: &str = "the row was changed after it was answered: take the file that `claims` wrote; if `claims` needed \
                       --column, give it here too";

/// Opens a file of answers.
pub fn open(path: &Path, args: &ListArgs) -> Result<List, Failure> {
    let list = List::open(path, &COLUMNS, args).map_err(|error| {
        let failure = error.failure(path);
        match error {
            ListError::NoHeadings { .. } => failure.with_remedy(TAKE),
            ListError::Reserved { headings, .. } if headings.contains(&"review_fault") => {
                failure.with_remedy(IS_REVIEWED)
            }
            _ => failure,
        }
    })?;
    let missing: Vec<_> = WRITTEN.into_iter().filter(|key| !list.has(key)).collect();
    if missing.is_empty() {
        return Ok(list);
    }
    let mut lines = vec![format!("{}: there is no column `{}`: {TAKE}", path.display(), missing.join("`, `"))];
    if missing == ["row_check"] {
        let again = "ask the list again with `claims --known-at REVISION`, the `known_at_revision` of the file";
        lines.push(format!("if an earlier release wrote the file, which did not have that column: {again}"));
    }
    Err(Failure::usage(lines))
}

/// The check of a row, if it has one.
pub fn check(row: &Row) -> Option<RowCheck> {
    row.text("row_check").parse().ok()
}

/// The claim of a row, and what its answer relied on. The error: why the row is not asked.
pub fn item(row: &Row) -> Result<ReviewItem, Reviewed> {
    let written = check(row).ok_or_else(|| Reviewed::Faulty(row.fault("row_check", NOT_WRITTEN).to_string()))?;
    let claim_id = row.text("claim_id");
    let is_answered =
        ["eligible", "verdict", "number_on_record", "payable_units"].iter().any(|key| !row.text(key).is_empty());
    if !is_answered && written == RowCheck::of(written.place, claim_id, None) {
        return Err(Reviewed::NotAnswered(row.text("fault").to_owned()));
    }
    let provider = asked_provider(row.text("asked_provider")).ok_or_else(|| changed(row, "asked_provider"))?;
    if named_provider(row).is_some_and(|named| !is_alike(&named, &provider)) {
        return Err(changed(row, "asked_provider"));
    }
    let claim = with_provider(row, provider).map_err(|faults| {
        let faults = faults.into_iter().map(|fault| Fault { remedy: CHANGED.to_owned(), ..fault });
        Reviewed::Faulty(joined(&faults.collect::<Vec<_>>()))
    })?;
    let revision = whole_number(row.text("known_at_revision")).ok_or_else(|| changed(row, "known_at_revision"))?;
    let epoch = row.text("epoch").to_owned();
    let answered = AnsweredClaim {
        claim: &claim,
        epoch: &epoch,
        revision,
        verdict: row.text("verdict"),
        eligible: row.text("eligible"),
        number_on_record: row.text("number_on_record"),
        payable_units: row.text("payable_units"),
    };
    if written != RowCheck::of(written.place, claim_id, Some(answered)) {
        return Err(changed(row, "row_check"));
    }
    Ok(ReviewItem { claim: Some(claim), relied_on: Some(ReliedOn { epoch, revision: Some(revision) }) })
}

/// Whether a provider that a row names is the one that was asked. A spreadsheet may have taken zeros from the beginning
/// of the number in the row.
fn is_alike(named: &BillingProvider, asked: &BillingProvider) -> bool {
    let [named, asked] = [named, asked].map(|provider| match provider {
        BillingProvider::Npi(value) => ("npi", value.trim_start_matches('0')),
        BillingProvider::MedicaidId(value) => ("medicaid_id", value.trim_start_matches('0')),
        BillingProvider::ProviderId(id) => ("provider_id", id.as_str()),
    });
    named == asked
}

/// A row that was changed, which shows in a column.
fn changed(row: &Row, key: &str) -> Reviewed {
    Reviewed::Faulty(row.fault(key, CHANGED).to_string())
}
