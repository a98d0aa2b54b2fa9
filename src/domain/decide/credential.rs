//! Commands about a credential: renew, grant a designation, suspend, limit, grant inactive status, revoke, give up,
//! reinstate.

use super::{DecisionContext, Holder, Refusal, Rejection, employers, with_fact};
use crate::domain::day::{Day, Period};
use crate::domain::fact::{Act, CredentialPeriodKind, Fact, RevocationBasis, SpecialistFact};
use crate::domain::record::Coverage;
use crate::domain::rule_sets::RuleSet;
use crate::domain::specialist::{Credential, Specialist};
use crate::domain::standing::Standing;
use crate::domain::timeline::Timeline;
use crate::domain::walk::CredentialDay;

/// The content of a renewal command.
pub(super) struct Renewal {
    pub(super) effective_from: Option<Day>,
    pub(super) term_last_day: Option<Day>,
    pub(super) continuing_education_hours: f64,
}

pub(super) fn renew(
    holder: &Holder<'_>,
    renewal: &Renewal,
    context: &dyn DecisionContext,
) -> Result<Vec<Fact>, Rejection> {
    let number = holder.number;
    let credential = holder.credential()?;
    let last_term = credential.last_term();
    let from = renewal.effective_from.unwrap_or(last_term.end);
    refuse_dated("effective_from", from, holder)?;
    let rules = context.rule_sets().in_force_on(from);
    let due = renewal_last_day(rules, last_term, from);
    if renewal.term_last_day.is_some_and(|given| given != due) {
        let description = format!("the term that follows the last one on record ends on {due}");
        return Err(Rejection::refused(Refusal::TermNotExtended, number, description));
    }
    if from <= last_term.start {
        let description = format!("a renewal takes effect after the first day of the last term, {}", last_term.start);
        return Err(Rejection::refused(Refusal::TermNotExtended, number, description));
    }
    let hours = rules.continuing_education_hours_per_year * f64::from(whole_years(last_term));
    if renewal.continuing_education_hours < hours {
        let given = renewal.continuing_education_hours;
        let description = format!(
            "{hours} hours of continuing education are required over the term being renewed, {given} are given"
        );
        return Err(Rejection::refused(Refusal::ContinuingEducation, number, description));
    }
    let term = Period::from_inclusive(from, Some(due));
    let fact = SpecialistFact::CredentialRenewed { number, term };
    let before = timeline(holder.known, credential, context);
    // If the credential is also revoked as discipline on that day, there is nothing to restore.
    let disciplined = (from, Act::Revoked(RevocationBasis::Disciplinary));
    if before.days.at(from.previous()).standing == Standing::Lapsed && !credential.acts.contains(&disciplined) {
        refuse_uncovered(&before, credential, from, context)?;
    }
    Ok(vec![Fact::Specialist(holder.file.id, fact)])
}

/// The last day of the term that follows the last one on record.
fn renewal_last_day(rules: &RuleSet, last_term: Period, from: Day) -> Day {
    // The first cohort date after the last term and on or after the first day of the renewal.
    rules.cohort_date_on_or_after(from.max(last_term.end))
}

/// The number of whole years from the first day of a term to the day after its last.
fn whole_years(term: Period) -> u16 {
    (1..).take_while(|years| term.start.plus_years(*years) <= term.end).last().map_or(0, i16::unsigned_abs)
}

pub(super) fn open_period(
    holder: &Holder<'_>,
    kind: &CredentialPeriodKind,
    days: Period,
    context: &dyn DecisionContext,
) -> Result<Vec<Fact>, Rejection> {
    refuse_dated("first_day", days.start, holder)?;
    let fact = SpecialistFact::PeriodOpened { number: holder.number, kind: kind.clone(), days };
    if !matches!(kind, CredentialPeriodKind::Designation(_)) {
        let with_it = with_fact(holder.file, &fact, context);
        if !on_day(&with_it, holder, days.start, context)?.standing.is_held() {
            let description = format!("the credential is not held on {}", days.start);
            return Err(Rejection::refused(Refusal::NotHeld, holder.number, description));
        }
    }
    Ok(vec![Fact::Specialist(holder.file.id, fact)])
}

pub(super) fn act(
    holder: &Holder<'_>,
    act: Act,
    from: Day,
    context: &dyn DecisionContext,
) -> Result<Vec<Fact>, Rejection> {
    let number = holder.number;
    refuse_dated("effective_from", from, holder)?;
    let credential = holder.credential()?;
    let before = timeline(holder.known, credential, context);
    let held_the_day_before = from == credential.effective_from || before.days.at(from.previous()).standing.is_held();
    let fact = SpecialistFact::Acted { number, act, effective_from: from };
    match act {
        Act::Revoked(_) => {
            if before.days.at(from).standing == Standing::RevokedDisciplinary {
                let description = format!("the credential is already revoked as discipline on {from}");
                return Err(Rejection::refused(Refusal::AlreadyRevoked, number, description));
            }
        }
        Act::Surrendered | Act::Relinquished | Act::Retired => {
            if !held_the_day_before {
                let description = format!("the credential is not held on {}, the day before", from.previous());
                return Err(Rejection::refused(Refusal::NotHeld, number, description));
            }
        }
        Act::Reinstated => {
            if held_the_day_before {
                let description = if from == credential.effective_from {
                    format!("the credential takes effect on {from}, and is not lost before")
                } else {
                    format!("the credential is held on {}, the day before", from.previous())
                };
                return Err(Rejection::refused(Refusal::AlreadyHeld, number, description));
            }
            refuse_uncovered(&before, credential, from, context)?;
            let with_it = with_fact(holder.file, &fact, context);
            let standing = on_day(&with_it, holder, from, context)?.standing;
            if !standing.is_held() {
                let description = if standing == Standing::Lapsed {
                    format!("no term of the credential includes {from}: renew it first")
                } else {
                    format!("even if reinstated, the credential is not held on {from}: it is revoked on that day")
                };
                return Err(Rejection::refused(Refusal::NotReinstatable, number, description));
            }
        }
    }
    Ok(vec![Fact::Specialist(holder.file.id, fact)])
}

/// Refuses a day before the credential takes effect or after the holder's death.
fn refuse_dated(field: &str, day: Day, holder: &Holder<'_>) -> Result<(), Rejection> {
    let effective_from = holder.credential()?.effective_from;
    if day < effective_from {
        let description = format!("{field} is before {effective_from}, when the credential takes effect");
        return Err(Rejection::refused(Refusal::BeforeEffectiveFrom, holder.number, description));
    }
    if holder.known.death_date.is_some_and(|death| day > death) {
        let description = format!("{field} is after the holder's death");
        return Err(Rejection::refused(Refusal::AfterDeath, holder.number, description));
    }
    Ok(())
}

/// Refuses to restore a credential on a day on which no provider covers the holder. Not checked for days before records
/// begin or with inactive status.
fn refuse_uncovered(
    timeline: &Timeline,
    credential: &Credential,
    day: Day,
    context: &dyn DecisionContext,
) -> Result<(), Rejection> {
    if has_cover(timeline, credential, day, context) {
        return Ok(());
    }
    let description = format!("no provider covers the holder on {day}");
    Err(Rejection::refused(Refusal::NotCovered, credential.number, description))
}

fn has_cover(timeline: &Timeline, credential: &Credential, day: Day, context: &dyn DecisionContext) -> bool {
    let is_inactive =
        |(kind, days): &(CredentialPeriodKind, Period)| *kind == CredentialPeriodKind::Inactive && days.includes(day);
    timeline.days.at(day).coverage != Coverage::NotCovered
        || !context.rule_sets().has_records_for(day)
        || credential.periods.iter().any(is_inactive)
}

fn timeline(known: &Specialist, credential: &Credential, context: &dyn DecisionContext) -> Timeline {
    Timeline::compile(known, credential, &employers(known, context), context.rule_sets())
}

/// The state of the credential on a day, with the person as given.
fn on_day(
    known: &Specialist,
    holder: &Holder<'_>,
    day: Day,
    context: &dyn DecisionContext,
) -> Result<CredentialDay, Rejection> {
    let credential =
        known.credential(holder.number).ok_or_else(|| Rejection::not_found("credential", holder.number))?;
    Ok(*timeline(known, credential, context).days.at(day))
}
