//! Facts that a registrar should review: they were accepted but may be wrong, or they changed settled days.
//!
//! The list is derived from the record and the person's file; it is not stored.

use super::enums::listed;
use super::fact::{Fact, ProviderFact, Role, SpecialistFact};
use super::record::{Change, Record};
use super::specialist::Specialist;
use super::standing::Standing;
use super::verdict::Known;

listed! {
    /// Why a fact should be reviewed.
    ReviewReason {
        /// A provider reported a start that revived a credential which was revoked when a job with another employer was
        /// lost.
        RevokedCredentialRevived,
        /// A person was registered with, or got, a name that another person on file with the same birth date bears or
        /// bore.
        LikelyDuplicate,
        /// A start was reported for days after a death on record.
        StartAfterDeath,
        /// An end, a correction or a retraction changed days whose reporting window had passed.
        SettledDaysCorrected,
    }
}

/// Why a start should be reviewed. `before` is the person as known before the record.
pub fn of_start(record: &Record, start: &SpecialistFact, before: &Specialist) -> Vec<ReviewReason> {
    let SpecialistFact::EmploymentStarted { days, .. } = start else { return Vec::new() };
    let outlives = before.death_date.is_some_and(|death| days.end > death.next());
    let mut reasons = Vec::new();
    if is_by_another_employer(record, before) && revives(record) {
        reasons.push(ReviewReason::RevokedCredentialRevived);
    }
    if outlives {
        reasons.push(ReviewReason::StartAfterDeath);
    }
    reasons
}

/// Whether the reporter is a provider other than the one whose job lasted longest.
fn is_by_another_employer(record: &Record, before: &Specialist) -> bool {
    let Role::Provider(own) = &record.reporter.role else { return false };
    let last = before.jobs.iter().map(|job| job.days.end).max();
    !before.jobs.iter().any(|job| Some(job.days.end) == last && job.provider == *own)
}

/// Whether a credential that was revoked for loss of employment is held again on any day.
fn revives(record: &Record) -> bool {
    let mut changes = record.changes.iter().chain(&record.foreseen.first);
    changes.any(
        |change| matches!(change, Change::Standing { from: Standing::RevokedLossOfEmployment, to, .. } if to.is_held()),
    )
}

/// Whether a fact is an amendment. Imported rows are earlier records and do not count.
pub fn is_amendment(record: &Record, fact: &Fact) -> bool {
    let amends = match fact {
        Fact::Specialist(_, fact) => matches!(
            fact,
            SpecialistFact::EmploymentEnded { .. }
                | SpecialistFact::EmploymentCorrected { .. }
                | SpecialistFact::PeriodEnded(_)
                | SpecialistFact::Retracted(_)
        ),
        Fact::Provider(_, fact) => matches!(fact, ProviderFact::PeriodEnded(_) | ProviderFact::Retracted(_)),
        Fact::Registry(_) => false,
    };
    amends && !record.is_imported()
}

/// Whether a record changed a settled day. `known` is the state at that record.
pub fn changes_settled_days(record: &Record, known: Known<'_>) -> bool {
    let first_days = record.changes.iter().filter_map(|change| change.days().map(|days| days.start));
    first_days.min().is_some_and(|day| known.settlement(day).settled)
}
