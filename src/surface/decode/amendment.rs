//! Decodes period ends, retractions, and the day on which records begin.

use super::fields::{Fields, LONGEST_REMARK};
use crate::domain::command::Command;
use crate::proto::v1;
use crate::surface::encode::EpochTags;

pub(super) fn end_period(
    request: &v1::EndPeriodRequest,
    fields: &mut Fields,
    epochs: EpochTags<'_>,
) -> Option<Command> {
    let fact = fields.fact("fact_id", &request.fact_id, epochs);
    let last_day = fields.day("last_day", request.last_day);
    let reason = fields.recorded_text("reason", &request.reason, LONGEST_REMARK);
    Some(Command::EndPeriod { fact: fact?, last_day: last_day?, reason: reason? })
}

pub(super) fn retract_fact(
    request: &v1::RetractFactRequest,
    fields: &mut Fields,
    epochs: EpochTags<'_>,
) -> Option<Command> {
    let fact = fields.fact("fact_id", &request.fact_id, epochs);
    let reason = fields.recorded_text("reason", &request.reason, LONGEST_REMARK);
    Some(Command::RetractFact { fact: fact?, reason: reason? })
}

pub(super) fn records_begin(message: &v1::RecordsBegin, fields: &mut Fields) -> Option<Command> {
    let first_day = fields.day("first_day", message.first_day);
    Some(Command::BeginRecords { first_day: first_day? })
}
