//! Applying a change from the feed to the copy.

use jiff::civil::Date;
use rusqlite::types::Value;
use rusqlite::{Connection, params};

use super::periods::{Days, Periods};
use crate::proto::google::r#type::Date as WireDate;
use crate::proto::v1;
use crate::proto::v1::change::Change as Kind;
use crate::proto::v1::{Coverage, Designation, IdentifierKind, Reason, ServiceStatus, Standing};

const STANDING: Periods =
    Periods { table: "standing", subject: &["credential_number"], value: &["standing", "reason"] };
const COVERAGE: Periods =
    Periods { table: "coverage", subject: &["credential_number", "provider_id"], value: &["coverage"] };
const DESIGNATION: Periods =
    Periods { table: "designation", subject: &["credential_number", "designation"], value: &["held"] };
const SERVICE: Periods = Periods { table: "service", subject: &["provider_id"], value: &["service"] };

/// Why a change cannot be applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The feed has a value that this program does not know. A copy without it would be wrong.
    #[error("this program is too old for a change in the feed: update the program and run it again")]
    Unknown,
    /// The message contains an impossible date.
    #[error("the feed contains a date that does not exist")]
    NoDay,
    /// SQLite failed. Its message already contains its cause.
    #[error("SQLite error: {0}")]
    File(rusqlite::Error),
}

impl From<rusqlite::Error> for ApplyError {
    fn from(error: rusqlite::Error) -> ApplyError {
        ApplyError::File(error)
    }
}

/// Applies a change. The state before any change has no row.
pub fn apply(file: &Connection, change: &v1::Change) -> Result<(), ApplyError> {
    match change.change.as_ref().ok_or(ApplyError::Unknown)? {
        Kind::Standing(it) => {
            let days = days(it.first_day, it.last_day)?;
            let to = Standing::try_from(it.to_standing).map_err(|_| ApplyError::Unknown)?;
            let reason = Reason::try_from(it.reason).map_err(|_| ApplyError::Unknown)?;
            let reason = (reason != Reason::Unspecified).then(|| short(reason.as_str_name(), "REASON_"));
            let value = [short(to.as_str_name(), "STANDING_").into(), reason.into()];
            let has_row = to != Standing::NotIssued;
            STANDING.set(file, &[it.credential_number.clone().into()], days, has_row.then_some(&value))?;
        }
        Kind::Coverage(it) => {
            let coverage = Coverage::try_from(it.coverage).map_err(|_| ApplyError::Unknown)?;
            let value = [short(coverage.as_str_name(), "COVERAGE_").into()];
            let subject = [it.credential_number.clone().into(), it.provider_id.clone().into()];
            let has_row = coverage != Coverage::NotCovered;
            COVERAGE.set(file, &subject, days(it.first_day, it.last_day)?, has_row.then_some(&value))?;
        }
        Kind::Designation(it) => {
            let code = Designation::try_from(it.code).map_err(|_| ApplyError::Unknown)?;
            let subject = [it.credential_number.clone().into(), short(code.as_str_name(), "DESIGNATION_").into()];
            let value = [Value::from(true)];
            DESIGNATION.set(file, &subject, days(it.first_day, it.last_day)?, it.held.then_some(&value))?;
        }
        Kind::Service(it) => {
            let service = ServiceStatus::try_from(it.service).map_err(|_| ApplyError::Unknown)?;
            let value = [short(service.as_str_name(), "SERVICE_STATUS_").into()];
            let has_row = service != ServiceStatus::NotKnown;
            let subject = [it.provider_id.clone().into()];
            SERVICE.set(file, &subject, days(it.first_day, it.last_day)?, has_row.then_some(&value))?;
        }
        Kind::Provider(it) => provider(file, it)?,
        Kind::Records(it) => {
            let first_day = it.first_day.map(day).transpose()?.map(|day| day.to_string());
            file.prepare_cached("UPDATE mirror SET records_begin = ?")?.execute([first_day])?;
        }
    }
    Ok(())
}

fn provider(file: &Connection, it: &v1::ProviderChange) -> Result<(), ApplyError> {
    file.prepare_cached("DELETE FROM provider WHERE provider_id = ?")?.execute([&it.provider_id])?;
    file.prepare_cached("DELETE FROM provider_identifier WHERE provider_id = ?")?.execute([&it.provider_id])?;
    if !it.on_file {
        return Ok(());
    }
    file.prepare_cached("INSERT INTO provider VALUES (?)")?.execute([&it.provider_id])?;
    for identifier in &it.identifiers {
        let kind = IdentifierKind::try_from(identifier.kind).map_err(|_| ApplyError::Unknown)?;
        let kind = short(kind.as_str_name(), "IDENTIFIER_KIND_");
        file.prepare_cached("INSERT INTO provider_identifier VALUES (?, ?, ?)")?.execute(params![
            kind,
            identifier.value,
            it.provider_id
        ])?;
    }
    Ok(())
}

/// A contract name without the prefix of its enum.
fn short(word: &str, list: &str) -> String {
    word.trim_start_matches(list).to_owned()
}

fn days(first: Option<WireDate>, last: Option<WireDate>) -> Result<Days, ApplyError> {
    Ok(Days { first: day(first.ok_or(ApplyError::NoDay)?)?, last: last.map(day).transpose()? })
}

/// Converts a date of the contract.
pub fn day(date: WireDate) -> Result<Date, ApplyError> {
    let part = |number: i32| i8::try_from(number).map_err(|_| ApplyError::NoDay);
    let year = i16::try_from(date.year).map_err(|_| ApplyError::NoDay)?;
    Date::new(year, part(date.month)?, part(date.day)?).map_err(|_| ApplyError::NoDay)
}
