//! Encodes answers to questions about credentials and claims.

use jiff::Timestamp;
use uuid::Uuid;

use super::Wire;
use super::credential::{self, Holder};
use super::enum_map::WireEnum;
use super::time::{date, timestamp};
use crate::domain::day::Day;
use crate::domain::id::{CredentialNumber, Revision};
use crate::domain::standing::{Standing, Verdict};
use crate::domain::timeline::Timeline;
use crate::domain::verdict::{CoverageLimits, Finding, Known, Payable, Settlement};
use crate::proto::v1;
use crate::registry::token::Token;

/// The state of knowledge that an answer is based on.
#[derive(Clone, Copy, Debug)]
pub struct AnsweredFrom<'a> {
    /// The epoch of the revision.
    pub epoch: Uuid,
    /// The last known record.
    pub revision: Revision,
    /// When that record was recorded; `None` in the empty registry.
    pub recorded_at: Option<Timestamp>,
    /// The rule sets and today.
    pub known: Known<'a>,
    /// The semantics version.
    pub semantics_version: u32,
    /// The token of the revision, if the answer contains one.
    pub token: Option<&'a Token>,
    /// The last instant at which a replica knew every record, if the question is about the head.
    pub head_confirmed_at: Option<Timestamp>,
}

/// Encodes the day, the state of knowledge and the rules of an answer.
pub fn answer(from: &AnsweredFrom<'_>, as_of: Day) -> v1::Answer {
    let settlement = from.known.settlement(as_of);
    v1::Answer {
        as_of: Some(date(as_of)),
        epoch: from.epoch.to_string(),
        known_at_revision: from.revision.0,
        known_at_time: from.recorded_at.map(timestamp),
        rule_set_id: from.known.rule_sets.map_or_else(String::new, |rule_sets| rule_sets.in_force_on(as_of).id.clone()),
        semantics_version: from.semantics_version,
        settled: settlement.settled,
        settles_on: settlement.settles_on.map(date),
        token: from.token.map(Token::to_string).unwrap_or_default(),
        head_confirmed_at: from.head_confirmed_at.map(timestamp),
    }
}

/// Like [`answer`], but writes the message as a field.
fn write_answer(wire: &mut Wire, field: u8, from: &AnsweredFrom<'_>, as_of: Day, settlement: Settlement) {
    let begun = wire.begin(field);
    wire.date(1, as_of);
    wire.text(2, from.epoch.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    wire.number(3, from.revision.0);
    if let Some(instant) = from.recorded_at {
        wire.built(4, &timestamp(instant));
    }
    wire.text(5, from.known.rule_sets.map_or("", |rule_sets| &rule_sets.in_force_on(as_of).id));
    wire.number(6, from.semantics_version.into());
    wire.number(7, settlement.settled.into());
    if let Some(day) = settlement.settles_on {
        wire.date(8, day);
    }
    if let Some(token) = from.token {
        wire.text(9, token.text());
    }
    if let Some(instant) = from.head_confirmed_at {
        wire.built(10, &timestamp(instant));
    }
    wire.end(begun);
}

/// The answer to a question about a credential, as far as the caller may see it.
#[derive(Clone, Copy, Debug)]
pub struct Verification<'a> {
    /// The number to repeat, if there is one.
    pub number: Option<CredentialNumber>,
    /// The day that the answer is about.
    pub as_of: Day,
    /// The verdict and its reasons.
    pub finding: Finding,
    /// The credential, if it is shown, and whether its holder is shown.
    pub credential: Option<(&'a Timeline, Holder)>,
}

impl Verification<'_> {
    /// Writes the answer as a field of a message.
    pub fn write(&self, wire: &mut Wire, field: u8, from: &AnsweredFrom<'_>) {
        let Verification { number, as_of, finding, credential } = self;
        let begun = wire.begin(field);
        wire.word(1, finding.verdict.number());
        if let Some(standing) = finding.standing {
            wire.present(2, standing.is_held().into());
            wire.present(3, (standing.is_held() && standing != Standing::Suspended).into());
        }
        if let Some(may_practice) = finding.may_practice {
            wire.present(4, may_practice.into());
        }
        if let Some(standing) = finding.standing {
            wire.word(5, standing.number());
        }
        wire.words(6, finding.reasons.iter().map(WireEnum::number));
        wire.words(7, finding.missing.iter().map(WireEnum::number));
        if let Some((timeline, holder)) = credential {
            credential::write(wire, 8, timeline, *as_of, *holder);
        }
        write_answer(wire, 9, from, *as_of, finding.settlement);
        write_number(wire, 10, *number);
        wire.end(begun);
    }
}

/// The answer to a question about a claim.
#[derive(Clone, Copy, Debug)]
pub struct Eligibility {
    /// The number to repeat, if there is one.
    pub number: Option<CredentialNumber>,
    /// The day that the answer is about.
    pub as_of: Day,
    /// The verdict and its reasons.
    pub finding: Finding,
    /// The units that Medicaid covers; `None` in the empty registry, which has no rules.
    pub limits: Option<CoverageLimits>,
}

impl Eligibility {
    /// Writes the answer as a field of a message.
    pub fn write(&self, wire: &mut Wire, field: u8, from: &AnsweredFrom<'_>) {
        let begun = wire.begin(field);
        wire.number(1, is_eligible(self.finding.verdict).into());
        wire.word(2, self.finding.verdict.number());
        wire.words(3, self.finding.reasons.iter().map(WireEnum::number));
        let coverage = wire.begin(4);
        if let Some(limits) = &self.limits {
            write_limits(wire, limits);
        }
        wire.end(coverage);
        write_answer(wire, 5, from, self.as_of, self.finding.settlement);
        write_number(wire, 6, self.number);
        wire.end(begun);
    }
}

/// The answer to a question about a claim that was answered earlier.
#[derive(Clone, Debug)]
pub struct Review {
    /// The answer as known at the revision relied on.
    pub then: Eligibility,
    /// The answer as known now.
    pub now: Eligibility,
    /// The record since which the verdict is what it is now, if it is another one than then.
    pub changed_at: Option<v1::ChangedAt>,
    /// The kinds of the facts in that record.
    pub fact_kinds: Vec<i32>,
}

impl Review {
    /// Writes the answer as a field of a message.
    pub fn write(&self, wire: &mut Wire, field: u8, then: &AnsweredFrom<'_>, now: &AnsweredFrom<'_>) {
        let begun = wire.begin(field);
        self.then.write(wire, 1, then);
        self.now.write(wire, 2, now);
        let (was, is) = (self.then.finding.verdict, self.now.finding.verdict);
        wire.number(3, (was != is).into());
        wire.number(4, (is_eligible(was) != is_eligible(is)).into());
        if let Some(changed_at) = &self.changed_at {
            wire.built(5, changed_at);
        }
        wire.words(6, self.fact_kinds.iter().copied());
        wire.end(begun);
    }
}

fn write_number(wire: &mut Wire, field: u8, number: Option<CredentialNumber>) {
    if let Some(number) = number {
        wire.text(field, number.text());
    }
}

/// True if a claim with this verdict meets the requirements that the registry can check.
pub fn is_eligible(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Confirmed | Verdict::ConfirmedWithLimits)
}

/// Writes the units that Medicaid covers, and how many of them are payable.
fn write_limits(wire: &mut Wire, limits: &CoverageLimits) {
    wire.number(1, limits.daily.into());
    wire.number(2, limits.yearly.into());
    wire.date(3, limits.year.start);
    if let Some(last_day) = limits.year.last_day() {
        wire.date(4, last_day);
    }
    if let Some(Payable { units, daily_limit_exceeded, yearly_limit_exceeded }) = limits.payable {
        wire.present(5, units.into());
        let daily = daily_limit_exceeded.then_some(v1::LimitReason::DailyLimitExceeded as i32);
        let yearly = yearly_limit_exceeded.then_some(v1::LimitReason::YearlyLimitExceeded as i32);
        wire.words(6, daily.into_iter().chain(yearly));
    }
}
