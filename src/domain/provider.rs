//! A provider: from its facts to its state on each day.

use std::sync::Arc;

use super::day::{Day, Period};
use super::day_runs::Runs;
use super::fact::{ProviderFact, ProviderPeriodKind, ProviderRow, Recorded};
use super::id::{FactId, ProviderId, Revision};
use super::record::ServiceStatus;
use super::retraction::{Amendment, Filed, in_force, last_days};
use super::rule_sets::RuleSets;

/// A provider's facts, and the state derived from them under the current rule sets.
#[derive(Clone, Debug)]
pub struct ProviderFile {
    /// The provider's id.
    pub id: ProviderId,
    /// The facts, in the order in which they were recorded.
    pub facts: Vec<Recorded<ProviderFact>>,
    /// The provider as of the latest fact.
    pub state: Provider,
    /// The state, compiled.
    pub timeline: Arc<ProviderTimeline>,
}

impl ProviderFile {
    /// Builds the file from its facts under the rule sets.
    pub fn new(id: ProviderId, facts: Vec<Recorded<ProviderFact>>, rule_sets: &RuleSets) -> ProviderFile {
        let state = Provider::known_at(&facts, Revision::LATEST);
        let timeline = Arc::new(state.compile(rule_sets));
        ProviderFile { id, facts, state, timeline }
    }

    /// The revision of the last fact.
    pub fn changed_at(&self) -> Revision {
        self.facts.last().map_or(Revision::ZERO, |recorded| recorded.id.revision)
    }
}

/// A provider as known at a revision.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Provider {
    /// The registration data. `None` if the provider is not on file.
    pub row: Option<ProviderRow>,
    /// The certificates and suspensions, with their days after all ends and replacements.
    pub periods: Vec<ProviderPeriod>,
}

/// A certificate or a suspension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderPeriod {
    /// The fact that opened it.
    pub fact: FactId,
    /// The kind of period.
    pub kind: ProviderPeriodKind,
    /// The days of the period.
    pub days: Period,
    /// The expiry date on the certificate.
    pub valid_through: Option<Day>,
}

/// The state of a provider on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProviderDay {
    /// Whether the provider qualifies, on a basis that the rule set in force accepts.
    pub qualifies: bool,
    /// Whether it qualifies by a certificate that has not expired.
    pub current: bool,
    /// Whether the provider is suspended.
    pub suspended: bool,
    /// Whether the peer support service is certified.
    pub service: ServiceStatus,
}

/// A compiled provider: its state on each day.
#[derive(Clone, Debug, PartialEq)]
pub struct ProviderTimeline {
    /// Whether the provider is on file.
    pub on_file: bool,
    /// The state on each day.
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
    /// The provider according to the facts up to a revision.
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

    /// Applies replacement: of several certificates of one kind from the same day only the last applies, and an open
    /// one ends before the next begins.
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

    /// Compiles the state on each day under the rule sets. A provider that is not on file has the empty state on every
    /// day.
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
    /// The period from the first to the last day on which the two timelines differ in a way that matters to staff. The
    /// service certification does not matter to staff.
    pub fn days_unlike_for_staff(&self, other: &ProviderTimeline) -> Option<Period> {
        let to_staff = |day: &ProviderDay| (day.qualifies, day.current, day.suspended);
        let unlike = self.days.zip(&other.days).filter(|(_, one, another)| to_staff(one) != to_staff(another));
        unlike.map(|(days, ..)| days).reduce(|first, last| Period { end: last.end, ..first })
    }

    /// The timeline of a provider that is not on file.
    pub fn not_on_file() -> ProviderTimeline {
        let nothing =
            ProviderDay { qualifies: false, current: false, suspended: false, service: ServiceStatus::NotKnown };
        ProviderTimeline { on_file: false, days: Runs::constant(nothing) }
    }
}
