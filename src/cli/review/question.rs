//! The questions of a file of answers that `claims` wrote.

use crate::cli::claims::provider::asked_provider;
use crate::cli::claims::question::{CLAIM, with_provider};
use crate::cli::list::{Columns, Fault, Known, Row};
use crate::cli::review::answer::ANSWER;
use crate::proto::v1::{ReliedOn, ReviewItem};

/// A column as `claims` calls it.
const fn column(name: &'static str) -> Known {
    Known { key: name, name, aliases: &[], is_number: false }
}

/// The columns of the claims, and of their answers.
const KNOWN: [Known; 19] = {
    let mut known = [column("fault"); 19];
    let mut at = 0;
    while at < CLAIM.len() {
        known[at] = CLAIM[at];
        at += 1;
    }
    known[13] = column("verdict");
    known[14] = column("number_on_record");
    known[15] = column("asked_provider");
    known[16] = column("known_at_revision");
    known[17] = column("epoch");
    known
};

/// The columns of a file of answers. A row that was not asked has a fault in place of the answer.
pub const COLUMNS: Columns = Columns {
    known: &KNOWN,
    needs: &[&["number", "prior_number"], &["date_of_service"], &["verdict", "fault"], &["epoch", "fault"]],
    answers: &ANSWER,
};

/// The claim of a row, and what its answer relied on.
pub fn item(row: &Row) -> Result<ReviewItem, Vec<Fault>> {
    if row.text("verdict").is_empty() {
        return Err(vec![row.fault("verdict", "the claim has no answer to review: ask it with `claims`")]);
    }
    let not_as_written = |key| row.fault(key, "not as `claims` wrote it: take the file that `claims` wrote");
    let provider = asked_provider(row.text("asked_provider")).ok_or_else(|| vec![not_as_written("asked_provider")])?;
    let claim = with_provider(row, provider)?;
    let revision = row.text("known_at_revision").parse().ok();
    let revision = revision.ok_or_else(|| vec![not_as_written("known_at_revision")])?;
    let epoch = row.text("epoch").to_owned();
    if epoch.is_empty() {
        return Err(vec![not_as_written("epoch")]);
    }
    Ok(ReviewItem { claim: Some(claim), relied_on: Some(ReliedOn { epoch, revision: Some(revision) }) })
}
