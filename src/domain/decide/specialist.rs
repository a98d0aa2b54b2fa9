//! Commands about people: register, change the name, record a death.

use super::{DecisionContext, Rejection};
use crate::domain::day::Day;
use crate::domain::fact::{Fact, SpecialistFact};
use crate::domain::name::PersonName;
use crate::domain::specialist_file::SpecialistFile;

pub(super) fn register(
    name: &PersonName,
    birth_date: Day,
    context: &mut dyn DecisionContext,
) -> Result<Vec<Fact>, Rejection> {
    if birth_date > context.today() {
        return Err(Rejection::invalid("birth_date", "after today"));
    }
    let fact = SpecialistFact::Registered { name: name.clone(), birth_date };
    Ok(vec![Fact::Specialist(context.mint_specialist(), fact)])
}

pub(super) fn rename(file: &SpecialistFile, name: &PersonName) -> Result<Vec<Fact>, Rejection> {
    Ok(vec![Fact::Specialist(file.id, SpecialistFact::NameChanged { name: name.clone() })])
}

pub(super) fn record_death(
    file: &SpecialistFile,
    death_date: Day,
    context: &dyn DecisionContext,
) -> Result<Vec<Fact>, Rejection> {
    if death_date > context.today() {
        return Err(Rejection::invalid("death_date", "after today"));
    }
    if file.known_now().birth_date.is_some_and(|birth| death_date < birth) {
        return Err(Rejection::invalid("death_date", "before the birth date on file"));
    }
    Ok(vec![Fact::Specialist(file.id, SpecialistFact::Died { death_date })])
}
