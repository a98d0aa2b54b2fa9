//! Encodes credentials, standings and people.

use super::enum_map::{WireEnum, numbers};
use super::time::{date, days};
use super::wire::Wire;
use crate::domain::day::{Day, Period};
use crate::domain::fact::Designation;
use crate::domain::name::PersonName;
use crate::domain::prior_number::PriorNumber;
use crate::domain::sets::{Designations, Reasons};
use crate::domain::specialist::{REDACTED_BIRTH_DATE, Specialist};
use crate::domain::standing::Standing;
use crate::domain::timeline::Timeline;
use crate::domain::walk::CredentialDay;
use crate::proto::v1;
use crate::registry::people::FoundPerson;

/// Whether a credential is shown with its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// With the holder, the designations and the prior numbers.
    Shown,
    /// Without them.
    LeftOut,
}

/// Encodes a credential as of a day, with its holder.
pub fn credential(timeline: &Timeline, as_of: Day) -> v1::Credential {
    v1::Credential {
        specialist_id: timeline.specialist.to_string(),
        display_name: timeline.names.spoken().to_owned(),
        designations: numbers(held(timeline, as_of)),
        prior_numbers: last_prior_numbers(timeline).iter().map(PriorNumber::to_string).collect(),
        ..credential_without_holder(timeline, as_of)
    }
}

/// Encodes a credential as of a day, as a payer sees it: without the person, the designations and the prior numbers.
pub fn credential_without_holder(timeline: &Timeline, as_of: Day) -> v1::Credential {
    let on = timeline.days.at(as_of);
    v1::Credential {
        credential_number: timeline.number.to_string(),
        specialist_id: String::new(),
        display_name: String::new(),
        standing: on.standing.number(),
        effective_from: Some(date(timeline.effective_from)),
        term_last_day: timeline.term_last_day.map(date),
        designations: Vec::new(),
        issued_rule_set_id: timeline.rule_set.to_string(),
        separation_first_day: separation_first_day(on).map(date),
        prior_numbers: Vec::new(),
    }
}

/// Like [`credential`] and [`credential_without_holder`], but writes the message as a field.
pub(super) fn write(wire: &mut Wire, field: u8, timeline: &Timeline, as_of: Day, holder: Holder) {
    let on = timeline.days.at(as_of);
    let begun = wire.begin(field);
    wire.text(1, timeline.number.text());
    if holder == Holder::Shown {
        wire.text(2, timeline.specialist.text());
        wire.text(3, timeline.names.spoken());
    }
    wire.word(4, on.standing.number());
    wire.date(5, timeline.effective_from);
    if let Some(day) = timeline.term_last_day {
        wire.date(6, day);
    }
    if holder == Holder::Shown {
        wire.words(7, held(timeline, as_of).map(WireEnum::number));
    }
    wire.text(8, timeline.rule_set.as_bytes());
    if let Some(day) = separation_first_day(on) {
        wire.date(9, day);
    }
    if holder == Holder::Shown {
        last_prior_numbers(timeline).iter().for_each(|prior| wire.text(10, prior.as_str()));
    }
    wire.end(begun);
}

/// The maximum number of prior numbers that are shown for a credential.
const MOST_PRIOR_NUMBERS: usize = 100;

/// Returns the prior numbers that are shown: the last ones.
fn last_prior_numbers(timeline: &Timeline) -> &[PriorNumber] {
    let prior_numbers = timeline.prior_numbers();
    &prior_numbers[prior_numbers.len().saturating_sub(MOST_PRIOR_NUMBERS)..]
}

/// Returns the designations held on a day.
fn held(timeline: &Timeline, as_of: Day) -> impl Iterator<Item = Designation> {
    let held = if timeline.void { Designations::default() } else { timeline.designations_on(as_of) };
    held.iter()
}

/// Returns the first day of the current separation, or of the separation that led to the revocation.
fn separation_first_day(on: &CredentialDay) -> Option<Day> {
    let is_separation = matches!(on.standing, Standing::Separated | Standing::RevokedLossOfEmployment);
    on.separated_since.filter(|_| is_separation)
}

/// Encodes a range of days with the same standing and reasons.
pub fn standing_period(period: Period, standing: Standing, reasons: Reasons) -> v1::StandingPeriod {
    let (first_day, last_day) = days(period);
    v1::StandingPeriod { first_day, last_day, standing: standing.number(), reasons: numbers(reasons.iter()) }
}

/// The maximum number of former names that are shown for a person.
const MOST_FORMER_NAMES: usize = 100;

/// Encodes a person, as the registrar sees one.
pub fn specialist(specialist: &Specialist) -> v1::Specialist {
    let (name, former) = specialist.names.split_last().unzip();
    let former = former.unwrap_or_default();
    let last = &former[former.len().saturating_sub(MOST_FORMER_NAMES)..];
    v1::Specialist {
        specialist_id: specialist.id.to_string(),
        name: name.and_then(person_name),
        birth_date: specialist.birth_date.and_then(reported).map(date),
        death_date: specialist.death_date.map(date),
        former_names: last.iter().filter_map(person_name).collect(),
        former_name_count: u32::try_from(former.len()).unwrap_or(u32::MAX),
    }
}

/// The maximum number of names of a person who was found.
const MOST_NAMES: usize = 100;

/// Encodes a person who was found, with credentials as of a day.
pub fn found_specialist(found: &FoundPerson, as_of: Day) -> v1::FoundSpecialist {
    let FoundPerson { person, credentials } = found;
    v1::FoundSpecialist {
        specialist_id: person.id.to_string(),
        names: person.names.iter().rev().take(MOST_NAMES).filter_map(person_name).collect(),
        birth_date: person.birth_date.and_then(reported).map(date),
        credentials: credentials.iter().map(|timeline| credential(timeline, as_of)).collect(),
    }
}

/// Encodes a person's name. `None` if it was redacted.
pub fn person_name(name: &PersonName) -> Option<v1::PersonName> {
    let PersonName { given, family, suffix } = name.clone();
    (!name.is_redacted()).then_some(v1::PersonName { given_name: given, family_name: family, suffix })
}

/// The birth date that was reported. `None` if it was redacted.
pub(super) fn reported(birth_date: Day) -> Option<Day> {
    (birth_date != REDACTED_BIRTH_DATE).then_some(birth_date)
}
