//! Decodes the registrar's commands about people.

use super::fields::Fields;
use crate::domain::command::Command;
use crate::proto::v1;

pub(super) fn register_specialist(request: &v1::RegisterSpecialistRequest, fields: &mut Fields) -> Option<Command> {
    let name = fields.recorded_name("name", request.name.as_ref());
    let birth_date = fields.day("birth_date", request.birth_date);
    Some(Command::RegisterSpecialist { name: name?, birth_date: birth_date? })
}

pub(super) fn change_specialist_name(
    request: &v1::ChangeSpecialistNameRequest,
    fields: &mut Fields,
) -> Option<Command> {
    let specialist = fields.id("specialist_id", &request.specialist_id);
    let name = fields.recorded_name("name", request.name.as_ref());
    Some(Command::ChangeSpecialistName { specialist: specialist?, name: name? })
}

pub(super) fn record_death(request: &v1::RecordDeathRequest, fields: &mut Fields) -> Option<Command> {
    let specialist = fields.id("specialist_id", &request.specialist_id);
    let death_date = fields.day("death_date", request.death_date);
    Some(Command::RecordDeath { specialist: specialist?, death_date: death_date? })
}
