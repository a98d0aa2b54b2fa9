//! A provider: from its facts to what it is on each day.

use std::sync::Arc;

use super::day::{Day, Period};
use super::day_runs::Runs;
use super::fact::{ProviderFact, ProviderPeriodKind, ProviderRow, Recorded};
use super::id::{FactId, ProviderId, Revision};
use super::record::ServiceStatus;
use super::retraction::{Amendment, Filed, in_force, last_days};
use super::rule_sets::RuleSets;

/// Everything on file of a provider, and what follows from it under the rule sets of the day it was filed.
#[derive(Clone, Debug)]
pub struct ProviderFile {
    /// The provider's id.
    pub id: ProviderId,
    /// The facts, in the order in which they were recorded.
    pub facts: Vec<Recorded<ProviderFact>>,
    /// The provider as known now.
    pub state: Provider,
    /// The same, compiled.
    pub timeline: Arc<ProviderTimeline>,
}

impl ProviderFile {
    /// The file of these facts, under the rule sets.
    pub fn new(id: ProviderId, facts: Vec<Recorded<ProviderFact>>, rule_sets: &RuleSets) -> ProviderFile {
        let state = Provider::known_at(&facts, Revision::LATEST);
        let timeline = Arc::new(state.compile(rule_sets));
        ProviderFile { id, facts, state, timeline }
    }

    /// Looks at a little of what questions are answered from, so that it is fetched from memory. What it gives means
    /// nothing.
    pub fn glance(&self) -> usize {
        usize::from(self.state.row.is_some()) ^ self.timeline.days.count() ^ self.id.as_str().len()
    }

    /// The revision that touched it last.
    pub fn changed_at(&self) -> Revision {
        self.facts.last().map_or(Revision::ZERO, |recorded| recorded.id.revision)
    }
}

/// A provider as known at one revision.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Provider {
    /// What is on file of it; none when it is not on file.
    pub row: Option<ProviderRow>,
    /// Its certificates and suspensions, with the days that they have after every end and replacement.
    pub periods: Vec<ProviderPeriod>,
}

/// A certificate or a suspension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderPeriod {
    /// The fact that opened it.
    pub fact: FactId,
    /// Which.
    pub kind: ProviderPeriodKind,
    /// Its days.
    pub days: Period,
    /// The date on the certificate.
    pub valid_through: Option<Day>,
}

/// What a provider is on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProviderDay {
    /// Part of the state mental health system, on a basis that the rules of the day accept.
    pub qualifies: bool,
    /// By a certificate whose date has not passed.
    pub current: bool,
    /// May not deliver peer support.
    pub suspended: bool,
    /// Whether its peer support service is certified.
    pub service: ServiceStatus,
}

/// A provider compiled: what it is on each day.
#[derive(Clone, Debug, PartialEq)]
pub struct ProviderTimeline {
    /// Whether it is on file.
    pub on_file: bool,
    /// What it is on each day.
    pub days: Runs<ProviderDay>,
}

impl Filed for ProviderFact {
    fn amendment(&self) -> Option<Amendment> {
        match self {
            ProviderFact::PeriodEnded(end) => Some(Amendment::PeriodEnd(end.target, end.last_day)),
            ProviderFact::Retracted(retraction) => Some(Amendment::Retraction(retraction.target)),
            ProviderFact::Registered(_) | ProviderFact::Updated(_) | ProviderFact::PeriodOpened { .. } => None,
        }
    }
}

impl Provider {
    /// What the facts up to a revision say.
    pub fn known_at(facts: &[Recorded<ProviderFact>], known_at: Revision) -> Provider {
        let mut provider = Provider::default();
        let mut registered = false;
        let ends = last_days(facts, known_at);
        for recorded in in_force(facts, known_at) {
            match &recorded.fact {
                ProviderFact::Registered(row) => {
                    registered = true;
                    provider.row = Some(row.clone());
                }
                ProviderFact::Updated(row) => provider.row = Some(row.clone()),
                ProviderFact::PeriodOpened { kind, days, valid_through } => {
                    provider.periods.push(ProviderPeriod {
                        fact: recorded.id,
                        kind: *kind,
                        days: ends.get(&recorded.id).map_or(*days, |last_day| days.ending(Some(*last_day))),
                        valid_through: *valid_through,
                    });
                }
                ProviderFact::PeriodEnded(_) | ProviderFact::Retracted(_) => {}
            }
        }
        if !registered {
            provider.row = None;
        }
        provider.replace_certificates();
        provider
    }

    /// Of certificates of one kind from one day only the last counts; an open one ends before the next begins.
    fn replace_certificates(&mut self) {
        use ProviderPeriodKind::{PeerServiceCertified, Qualified};
        let is_certificate = |kind| matches!(kind, Qualified(_) | PeerServiceCertified);
        let periods = std::mem::take(&mut self.periods);
        for (at, period) in periods.iter().enumerate() {
            let mut period = period.clone();
            if is_certificate(period.kind) {
                let others = || periods.iter().enumerate().filter(|(_, other)| other.kind == period.kind);
                if others().any(|(other_at, other)| other_at > at && other.days.start == period.days.start) {
                    continue;
                }
                let next = others().map(|(_, other)| other.days.start).filter(|start| *start > period.days.start).min();
                if let (Day::FOREVER, Some(next)) = (period.days.end, next) {
                    period.days.end = next;
                }
            }
            self.periods.push(period);
        }
    }

    /// What it is on each day, under the rule sets. One that is not on file is nothing on any day.
    pub fn compile(&self, rule_sets: &RuleSets) -> ProviderTimeline {
        if self.row.is_none() {
            return ProviderTimeline::not_on_file();
        }
        let mut boundaries: Vec<Day> = rule_sets.boundaries().collect();
        for period in &self.periods {
            boundaries.extend([period.days.start, period.days.end]);
            boundaries.extend(period.valid_through.map(Day::next));
        }
        let days = Runs::from_boundaries(boundaries, |day| self.on(day, rule_sets));
        ProviderTimeline { on_file: true, days }
    }

    fn on(&self, day: Day, rule_sets: &RuleSets) -> ProviderDay {
        let accepted = &rule_sets.in_force_on(day).qualifying_bases;
        let today = || self.periods.iter().filter(move |period| period.days.includes(day));
        let mut qualifies = false;
        let mut current = false;
        for period in today() {
            if let ProviderPeriodKind::Qualified(basis) = period.kind
                && accepted.contains(&basis)
            {
                qualifies = true;
                current |= period.valid_through.is_none_or(|date| date >= day);
            }
        }
        let is = |kind| today().any(|period| period.kind == kind);
        ProviderDay {
            qualifies,
            current,
            suspended: is(ProviderPeriodKind::Suspended),
            service: if is(ProviderPeriodKind::PeerServiceSuspended) {
                ServiceStatus::NotCertified
            } else if is(ProviderPeriodKind::PeerServiceCertified) {
                ServiceStatus::Certified
            } else if self.had_service_certificate_before(day) {
                ServiceStatus::NotCertified
            } else {
                ServiceStatus::NotKnown
            },
        }
    }

    fn had_service_certificate_before(&self, day: Day) -> bool {
        let is_certificate = |period: &&ProviderPeriod| period.kind == ProviderPeriodKind::PeerServiceCertified;
        self.periods.iter().filter(is_certificate).any(|period| period.days.end <= day)
    }
}

impl ProviderTimeline {
    /// From the first to the last day on which a job with the one may be something else than a job with the other. The
    /// service is nothing to the staff.
    pub fn days_unlike_for_staff(&self, other: &ProviderTimeline) -> Option<Period> {
        let to_staff = |day: &ProviderDay| (day.qualifies, day.current, day.suspended);
        let unlike = self.days.zip(&other.days).filter(|(_, one, another)| to_staff(one) != to_staff(another));
        unlike.map(|(days, ..)| days).reduce(|first, last| Period { end: last.end, ..first })
    }

    /// A provider that nobody registered.
    pub fn not_on_file() -> ProviderTimeline {
        let nothing =
            ProviderDay { qualifies: false, current: false, suspended: false, service: ServiceStatus::NotKnown };
        ProviderTimeline { on_file: false, days: Runs::constant(nothing) }
    }
}
