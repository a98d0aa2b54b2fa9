//! Answers to questions about credentials and claims.

use jiff::Timestamp;
use uuid::Uuid;

use super::time::{date, days, timestamp};
use super::word::{Word, numbers};
use crate::domain::day::Day;
use crate::domain::id::Revision;
use crate::domain::standing::{Standing, Verdict};
use crate::domain::verdict::{CoverageLimits, Finding, Known};
use crate::proto::v1;

/// The state of knowledge that an answer is given from.
#[derive(Clone, Copy, Debug)]
pub struct AnsweredFrom<'a> {
    /// The epoch of the revision.
    pub epoch: Uuid,
    /// The last record known.
    pub revision: Revision,
    /// When it was recorded; none in the empty registry.
    pub recorded_at: Option<Timestamp>,
    /// The law and today.
    pub known: Known<'a>,
    /// The version of the way of working out answers.
    pub semantics_version: u32,
}

/// Which day, state of knowledge and rules an answer is for.
pub fn answer(from: &AnsweredFrom<'_>, as_of: Day) -> v1::Answer {
    let settlement = from.known.settlement(as_of);
    v1::Answer {
        as_of: Some(date(as_of)),
        epoch: from.epoch.to_string(),
        known_at_revision: from.revision.0,
        known_at_time: from.recorded_at.map(timestamp),
        rule_set_id: from.known.law.map_or_else(String::new, |law| law.in_force_on(as_of).id.clone()),
        semantics_version: from.semantics_version,
        settled: settlement.settled,
        settles_on: settlement.settles_on.map(date),
    }
}

/// The answer to a question about a credential, whole. The credential, as much of it as the caller may see, is added by
/// whoever knows the caller.
pub fn verification(finding: &Finding, answer: v1::Answer) -> v1::Verification {
    let standing = finding.standing;
    v1::Verification {
        verdict: finding.verdict.number(),
        holds_credential: standing.map(Standing::is_held),
        may_use_title: standing.map(|standing| standing.is_held() && standing != Standing::Suspended),
        may_practice: finding.may_practice,
        standing: standing.map(Word::number),
        reasons: numbers(finding.reasons.iter()),
        missing_designations: numbers(finding.missing.iter()),
        credential: None,
        answer: Some(answer),
    }
}

/// The answer to a question about a claim, whole. `limits`: none in the empty registry, which has no rules.
pub fn eligibility(finding: &Finding, limits: Option<&CoverageLimits>, answer: v1::Answer) -> v1::Eligibility {
    v1::Eligibility {
        eligible: is_eligible(finding.verdict),
        verdict: finding.verdict.number(),
        reasons: numbers(finding.reasons.iter()),
        coverage: Some(limits.map_or_else(v1::CoverageLimits::default, coverage_limits)),
        answer: Some(answer),
    }
}

/// Whether a claim with this verdict meets what the registry knows.
pub fn is_eligible(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Confirmed | Verdict::ConfirmedWithLimits)
}

/// What Medicaid covers, and what of it is left.
pub fn coverage_limits(limits: &CoverageLimits) -> v1::CoverageLimits {
    let (year_first_day, year_last_day) = days(limits.year);
    let exceeded = |is_exceeded: bool, reason: v1::LimitReason| is_exceeded.then_some(reason as i32);
    let limit_reasons = limits.payable.into_iter().flat_map(|payable| {
        exceeded(payable.daily_limit_exceeded, v1::LimitReason::DailyLimitExceeded)
            .into_iter()
            .chain(exceeded(payable.yearly_limit_exceeded, v1::LimitReason::YearlyLimitExceeded))
    });
    v1::CoverageLimits {
        daily_unit_limit: limits.daily,
        yearly_unit_limit: limits.yearly,
        year_first_day,
        year_last_day,
        payable_units: limits.payable.map(|payable| payable.units),
        limit_reasons: limit_reasons.collect(),
    }
}
