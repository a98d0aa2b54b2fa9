//! The changes that a record makes: the differences between the answers before it and after it.
//!
//! Changes to days up to today are published, in the record and in the feed. Changes to later days are foreseen: only
//! the caller gets them.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::day::{Day, Period};
use super::day_runs::Runs;
use super::fact::Identifier;
use super::id::{CredentialNumber, ProviderId, SpecialistId};
use super::provider::{Provider, ProviderTimeline};
use super::published_credential::PublishedCredential;
use super::record::{Change, Coverage, Foreseen, ServiceStatus};
use super::standing::{Reason, Standing};
use super::timeline::{Providers, Timeline};

/// The published state of some subjects at a revision.
#[derive(Debug, Default)]
pub struct PublishedState {
    pub(super) credentials: BTreeMap<CredentialNumber, PublishedCredential>,
    pub(super) providers: BTreeMap<ProviderId, PublishedProvider>,
    /// The first day with complete employment records, if one is set.
    pub records_begin: Option<Day>,
}

#[derive(Debug)]
pub(super) struct PublishedProvider {
    pub(super) identifiers: Option<Vec<Identifier>>,
    pub(super) service: Runs<ServiceStatus>,
}

impl PublishedState {
    /// Adds the published state of a credential.
    pub fn add_credential(&mut self, timeline: &Timeline, providers: &impl Providers) {
        self.credentials.insert(timeline.number, PublishedCredential::of(timeline, providers).into_owned());
    }

    /// Adds the published state of a provider.
    pub fn add_provider(&mut self, id: &ProviderId, provider: &Provider, timeline: &ProviderTimeline) {
        let published = PublishedProvider {
            identifiers: provider.row.as_ref().map(|row| row.identifiers.clone()),
            service: timeline.days.map(|on| on.service),
        };
        self.providers.insert(id.clone(), published);
    }

    /// Restricts the state to the days that a copy knows: today's values apply to all later days.
    #[must_use]
    pub fn up_to(mut self, today: Day) -> PublishedState {
        for published in self.credentials.values_mut() {
            published.standing = published.standing.up_to(today);
            published.coverage.iter_mut().for_each(|(_, runs)| *runs = runs.up_to(today));
            published.designations.iter_mut().for_each(|(_, runs)| *runs = runs.up_to(today));
        }
        for published in self.providers.values_mut() {
            published.service = published.service.up_to(today);
        }
        self
    }

    /// The next day after `day` on which the published state of a credential differs from that of the previous day.
    pub fn next_change_of_credential(&self, number: CredentialNumber, day: Day) -> Option<Day> {
        self.credentials.get(&number)?.next_change(day)
    }

    /// The next day after `day` on which the published state of a provider differs from that of the previous day.
    pub fn next_change_of_provider(&self, provider: &ProviderId, day: Day) -> Option<Day> {
        self.providers.get(provider)?.service.next_change(day)
    }
}

/// The runs on which the values of one subject differ. Adjacent runs with equal rows are merged.
fn rows<T: PartialEq, R: PartialEq>(before: &Runs<T>, after: &Runs<T>, row: impl Fn(&T, &T) -> R) -> Vec<(Period, R)> {
    let mut rows: Vec<(Period, R)> = Vec::new();
    for (days, was, is) in before.zip(after).filter(|(_, was, is)| was != is) {
        let read = row(was, is);
        match rows.last_mut() {
            Some((last, same)) if last.end == days.start && *same == read => last.end = days.end,
            _ => rows.push((days, read)),
        }
    }
    rows
}

/// Differences over all days.
#[derive(Debug, Default)]
pub struct Differences {
    standings: Vec<Change>,
    coverages: Vec<Change>,
    designations: Vec<Change>,
    /// Changes of providers, and of the registry.
    others: Vec<Change>,
    /// The people whose credentials differ, each one or several times.
    specialists: Vec<SpecialistId>,
}

/// The differences between the states before and after a record.
pub fn differences(before: &PublishedState, after: &PublishedState) -> Differences {
    let mut differences = Differences::default();
    differences.add_credentials(before, after);
    differences.add_providers(before, after);
    if let Some(first_day) = after.records_begin
        && before.records_begin != after.records_begin
    {
        differences.others.push(Change::Records { first_day });
    }
    differences
}

/// The keys of two lists, both in order, each with its values in both.
fn pairs<'a, K: Ord, V: 'a>(
    before: impl IntoIterator<Item = (K, &'a V)>,
    after: impl IntoIterator<Item = (K, &'a V)>,
) -> impl Iterator<Item = (K, Option<&'a V>, Option<&'a V>)> {
    let (mut before, mut after) = (before.into_iter().peekable(), after.into_iter().peekable());
    std::iter::from_fn(move || {
        let order = match (before.peek(), after.peek()) {
            (Some((was, _)), Some((is, _))) => was.cmp(is),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        let was = before.next_if(|_| order.is_le());
        let is = after.next_if(|_| order.is_ge());
        let values = (was.as_ref().map(|(_, value)| *value), is.as_ref().map(|(_, value)| *value));
        was.or(is).map(|(key, _)| (key, values.0, values.1))
    })
}

impl Differences {
    fn add_credentials(&mut self, before: &PublishedState, after: &PublishedState) {
        for (number, was, is) in pairs(&before.credentials, &after.credentials) {
            self.add_credential(*number, was, is);
        }
    }

    /// Adds the differences of a credential. `None` if it was not issued.
    pub fn add_credential<P: Borrow<ProviderId>>(
        &mut self,
        number: CredentialNumber,
        was: Option<&PublishedCredential<P>>,
        is: Option<&PublishedCredential<P>>,
    ) {
        let not_issued = Runs::constant((Standing::NotIssued, Some(Reason::NotYetEffective)));
        let (uncovered, unheld) = (Runs::constant(Coverage::NotCovered), Runs::constant(false));
        let rows_before = self.standings.len() + self.coverages.len() + self.designations.len();
        let (old, new) = (
            was.map_or(&not_issued, |published| &published.standing),
            is.map_or(&not_issued, |published| &published.standing),
        );
        for (days, (from, to, reason)) in rows(old, new, |was, is| (was.0, is.0, is.1)) {
            self.standings.push(Change::Standing { number, days, from, to, reason });
        }
        let (old, new) =
            [was, is].map(|published| published.into_iter().flat_map(PublishedCredential::coverage)).into();
        for (provider, was, is) in pairs(old, new) {
            for (days, coverage) in rows(was.unwrap_or(&uncovered), is.unwrap_or(&uncovered), |_, is| *is) {
                self.coverages.push(Change::Coverage { number, provider: provider.clone(), days, coverage });
            }
        }
        let (old, new) =
            [was, is].map(|published| published.into_iter().flat_map(PublishedCredential::designations)).into();
        for (code, was, is) in pairs(old, new) {
            for (days, held) in rows(was.unwrap_or(&unheld), is.unwrap_or(&unheld), |_, is| *is) {
                self.designations.push(Change::Designation { number, code, days, held });
            }
        }
        if self.standings.len() + self.coverages.len() + self.designations.len() > rows_before {
            self.specialists.extend(is.or(was).and_then(|published| published.specialist));
        }
    }

    fn add_providers(&mut self, before: &PublishedState, after: &PublishedState) {
        let unknown = Runs::constant(ServiceStatus::NotKnown);
        let mut rows_of_file = Vec::new();
        for (provider, was, is) in pairs(&before.providers, &after.providers) {
            let old = was.map_or(&unknown, |published| &published.service);
            let new = is.map_or(&unknown, |published| &published.service);
            for (days, service) in rows(old, new, |_, is| *is) {
                self.others.push(Change::Service { provider: provider.clone(), days, service });
            }
            let old = was.and_then(|published| published.identifiers.as_ref());
            let new = is.and_then(|published| published.identifiers.as_ref());
            if old != new {
                rows_of_file.push(Change::Provider {
                    provider: provider.clone(),
                    identifiers: new.cloned().unwrap_or_default(),
                    on_file: new.is_some(),
                });
            }
        }
        self.others.append(&mut rows_of_file);
    }

    /// Adds the differences of other subjects.
    pub fn extend(&mut self, other: Differences) {
        let Differences { standings, coverages, designations, others, specialists } = other;
        self.standings.extend(standings);
        self.coverages.extend(coverages);
        self.designations.extend(designations);
        self.others.extend(others);
        self.specialists.extend(specialists);
    }

    /// Whether there are no differences.
    pub fn is_empty(&self) -> bool {
        [&self.standings, &self.coverages, &self.designations, &self.others].iter().all(|changes| changes.is_empty())
    }

    /// The number of people whose standing, coverage or designations differ.
    pub fn specialist_count(&self) -> u32 {
        let mut specialists = self.specialists.clone();
        specialists.sort_unstable();
        specialists.dedup();
        u32::try_from(specialists.len()).unwrap_or(u32::MAX)
    }

    /// All differences, in the order in which they are published: those of a kind by credential number.
    fn in_order(self) -> impl Iterator<Item = Change> {
        let Differences { mut standings, mut coverages, mut designations, others, specialists: _ } = self;
        for changes in [&mut standings, &mut coverages, &mut designations] {
            changes.sort_by_key(Change::credential);
        }
        standings.into_iter().chain(coverages).chain(designations).chain(others)
    }

    /// Splits the differences into those published today and those foreseen. A run that includes today is published
    /// without a last day.
    pub fn split(self, today: Day) -> (Vec<Change>, Foreseen) {
        self.split_keeping(today, Foreseen::KEPT)
    }

    /// Like [`Differences::split`], with at most `kept` of the changes foreseen.
    pub fn split_keeping(self, today: Day, kept: usize) -> (Vec<Change>, Foreseen) {
        let mut published = Vec::new();
        let mut foreseen = Foreseen::default();
        let later = Period { start: today.next(), end: Day::FOREVER };
        for change in self.in_order() {
            let Some(days) = change.days() else {
                published.push(change);
                continue;
            };
            let ahead = days.intersect(later);
            if !ahead.is_empty() {
                foreseen.count += 1;
                if foreseen.first.len() < kept {
                    foreseen.first.push(with_days(change.clone(), ahead));
                }
            }
            if days.start <= today {
                let end = if days.includes(today) { Day::FOREVER } else { days.end };
                published.push(with_days(change, Period { end, ..days }));
            }
        }
        (published, foreseen)
    }
}

fn with_days(mut change: Change, other: Period) -> Change {
    match &mut change {
        Change::Standing { days, .. }
        | Change::Coverage { days, .. }
        | Change::Designation { days, .. }
        | Change::Service { days, .. } => *days = other,
        Change::Provider { .. } | Change::Records { .. } => {}
    }
    change
}

impl PublishedState {
    /// The changes when `day` is opened: the differences between `day` and the previous day.
    pub fn on_opening(&self, day: Day) -> Vec<Change> {
        let days = Period { start: day, end: Day::FOREVER };
        let (mut standings, mut coverages) = (Vec::new(), Vec::new());
        let (mut designations, mut services) = (Vec::new(), Vec::new());
        for (number, published) in &self.credentials {
            let number = *number;
            if let Some((was, is)) = turn(&published.standing, day) {
                standings.push(Change::Standing { number, days, from: was.0, to: is.0, reason: is.1 });
            }
            for (provider, runs) in published.coverage() {
                let turned = turn(runs, day);
                coverages.extend(turned.map(|(_, coverage)| Change::Coverage {
                    number,
                    provider: provider.clone(),
                    days,
                    coverage: *coverage,
                }));
            }
            for (code, runs) in published.designations() {
                let turned = turn(runs, day);
                designations.extend(turned.map(|(_, held)| Change::Designation { number, code, days, held: *held }));
            }
        }
        for (provider, published) in &self.providers {
            let turned = turn(&published.service, day);
            services.extend(turned.map(|(_, service)| Change::Service {
                provider: provider.clone(),
                days,
                service: *service,
            }));
        }
        standings.into_iter().chain(coverages).chain(designations).chain(services).collect()
    }
}

/// The values of the previous day and of the day, if they differ.
fn turn<T: PartialEq>(runs: &Runs<T>, day: Day) -> Option<(&T, &T)> {
    let (was, is) = (runs.at(day.previous()), runs.at(day));
    (was != is).then_some((was, is))
}
