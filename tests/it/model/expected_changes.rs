//! Section 9: the published state of each subject on each day, the differences between two such tables, and a copy
//! built from the differences alone.

use std::collections::{BTreeMap, BTreeSet};

use cpss_registry::domain::day::{Day, Period};
use cpss_registry::domain::fact::{Designation, Identifier};
use cpss_registry::domain::id::{CredentialNumber, ProviderId, SpecialistId};
use cpss_registry::domain::record::{Change, Coverage, ServiceStatus};
use cpss_registry::domain::standing::{Reason, Standing, Verdict};

use super::facts::Model;
use super::standing::Walked;

/// A value for every day from the first to the horizon.
pub type Line<T> = Vec<T>;

/// The days of a table: nothing is published before the first, and nothing changes after the last.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub first: Day,
    pub last: Day,
}

impl Span {
    pub fn days(self) -> impl Iterator<Item = Day> {
        (self.first.number()..=self.last.number()).map(Day::from_number)
    }

    fn len(self) -> usize {
        self.at(self.last) + 1
    }

    pub fn at(self, day: Day) -> usize {
        usize::try_from(day.number() - self.first.number()).expect("a day of the span")
    }
}

type PublishedStanding = (Standing, Option<Reason>);
const NOT_ISSUED: PublishedStanding = (Standing::NotIssued, Some(Reason::NotYetEffective));

/// The published state, day by day. A missing subject has the initial state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub standings: BTreeMap<CredentialNumber, Line<PublishedStanding>>,
    pub coverages: BTreeMap<(CredentialNumber, ProviderId), Line<Coverage>>,
    pub designations: BTreeMap<(CredentialNumber, Designation), Line<bool>>,
    pub services: BTreeMap<ProviderId, Line<ServiceStatus>>,
    pub providers: BTreeMap<ProviderId, Vec<Identifier>>,
    pub records_begin: Option<Day>,
}

impl Table {
    pub fn empty() -> Table {
        Table {
            standings: BTreeMap::new(),
            coverages: BTreeMap::new(),
            designations: BTreeMap::new(),
            services: BTreeMap::new(),
            providers: BTreeMap::new(),
            records_begin: None,
        }
    }

    /// The table of a model.
    pub fn of(model: &Model, walked: &BTreeMap<CredentialNumber, Walked>, span: Span) -> Table {
        let mut table = Table { records_begin: model.records_begin, ..Table::empty() };
        for (person, credential) in model.credentials() {
            let number = credential.number;
            let walk = &walked[&number];
            let standing = span.days().map(|day| walk.on(day)).map(|on| (on.standing, on.reason));
            table.standings.insert(number, standing.collect());
            // "Coverage and designations are told for days from `effective_from` of a credential not VOID."
            let is_issued = |day| !credential.void && day >= credential.effective_from;
            for provider in &model.providers {
                let coverage = span.days().map(|day| match is_issued(day) {
                    true => model.coverage_by(&provider.id, person, day),
                    false => Coverage::NotCovered,
                });
                table.coverages.insert((number, provider.id.clone()), coverage.collect());
            }
            for code in Designation::ALL {
                let granted = |day| credential.designations.iter().any(|(c, days)| c == code && days.include(day));
                let held = span.days().map(|day| is_issued(day) && granted(day));
                table.designations.insert((number, *code), held.collect());
            }
        }
        for provider in &model.providers {
            let service = span.days().map(|day| model.service(&provider.id, day));
            table.services.insert(provider.id.clone(), service.collect());
            if let Some(row) = &provider.row {
                table.providers.insert(provider.id.clone(), row.identifiers.clone());
            }
        }
        table
    }
}

impl Table {
    /// The published state of a credential.
    pub fn of_credential(&self, number: CredentialNumber) -> Table {
        let mut only = Table::empty();
        only.standings.extend(self.standings.get_key_value(&number).map(owned));
        only.coverages = self.coverages.iter().filter(|one| one.0.0 == number).map(owned).collect();
        only.designations = self.designations.iter().filter(|one| one.0.0 == number).map(owned).collect();
        only
    }

    /// The published state of a provider's service.
    pub fn of_provider(&self, provider: &ProviderId) -> Table {
        let mut only = Table::empty();
        only.services.extend(self.services.get_key_value(provider).map(owned));
        only
    }
}

fn owned<K: Clone, V: Clone>((key, value): (&K, &V)) -> (K, V) {
    (key.clone(), value.clone())
}

/// The days of a list of changes.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    /// Up to today: "a run that reaches today has no `last_day`".
    UpTo(Day),
    /// After today: "a run without end has no `last_day`".
    After(Day),
}

/// The runs of days on which two lines differ, each with its row.
fn runs<T: PartialEq, R: PartialEq>(
    (before, after): (&Line<T>, &Line<T>),
    (span, part): (Span, Part),
    row: impl Fn(&T, &T) -> R,
) -> Vec<(Period, R)> {
    let (first, last) = match part {
        Part::UpTo(today) => (span.first, today),
        Part::After(today) => (today.next(), span.last),
    };
    let mut runs: Vec<(Period, R)> = Vec::new();
    for number in first.number()..=last.number() {
        let day = Day::from_number(number);
        let (was, is) = (&before[span.at(day)], &after[span.at(day)]);
        if was == is {
            continue;
        }
        let read = row(was, is);
        match runs.last_mut() {
            // "A run is split where `from`, `to` or `reason` differs."
            Some((days, same)) if days.end == day && *same == read => days.end = day.next(),
            _ => runs.push((Period { start: day, end: day.next() }, read)),
        }
    }
    if let Some((days, _)) = runs.last_mut()
        && days.end == last.next()
    {
        days.end = Day::FOREVER;
    }
    runs
}

fn keys<'a, K: Ord, V>(before: &'a BTreeMap<K, V>, after: &'a BTreeMap<K, V>) -> BTreeSet<&'a K> {
    before.keys().chain(after.keys()).collect()
}

/// The changes between two tables, in the order of publication, without those of providers on file and of records.
pub fn changes_of_days(before: &Table, after: &Table, span: Span, part: Part) -> Vec<Change> {
    let at = (span, part);
    let unsaid = vec![NOT_ISSUED; span.len()];
    let uncovered = vec![Coverage::NotCovered; span.len()];
    let unheld = vec![false; span.len()];
    let unknown = vec![ServiceStatus::NotKnown; span.len()];
    let mut changes = Vec::new();
    for number in keys(&before.standings, &after.standings) {
        let was = before.standings.get(number).unwrap_or(&unsaid);
        let is = after.standings.get(number).unwrap_or(&unsaid);
        for (days, (from, to, reason)) in runs((was, is), at, |was, is| (was.0, is.0, is.1)) {
            changes.push(Change::Standing { number: *number, days, from, to, reason });
        }
    }
    for key in keys(&before.coverages, &after.coverages) {
        let was = before.coverages.get(key).unwrap_or(&uncovered);
        let is = after.coverages.get(key).unwrap_or(&uncovered);
        for (days, coverage) in runs((was, is), at, |_, is| *is) {
            changes.push(Change::Coverage { number: key.0, provider: key.1.clone(), days, coverage });
        }
    }
    for key in keys(&before.designations, &after.designations) {
        let was = before.designations.get(key).unwrap_or(&unheld);
        let is = after.designations.get(key).unwrap_or(&unheld);
        for (days, held) in runs((was, is), at, |_, is| *is) {
            changes.push(Change::Designation { number: key.0, code: key.1, days, held });
        }
    }
    for provider in keys(&before.services, &after.services) {
        let was = before.services.get(provider).unwrap_or(&unknown);
        let is = after.services.get(provider).unwrap_or(&unknown);
        for (days, service) in runs((was, is), at, |_, is| *is) {
            changes.push(Change::Service { provider: provider.clone(), days, service });
        }
    }
    changes
}

/// "ProviderChange is told when a provider comes on file and when its identifiers change; `on_file` is false when its
/// registration is retracted"; `RecordsChange` when the first day is another.
pub fn changes_of_files(before: &Table, after: &Table) -> Vec<Change> {
    let mut changes = Vec::new();
    for provider in keys(&before.providers, &after.providers) {
        let (was, is) = (before.providers.get(provider), after.providers.get(provider));
        if was != is {
            let (identifiers, on_file) = (is.cloned().unwrap_or_default(), is.is_some());
            changes.push(Change::Provider { provider: provider.clone(), identifiers, on_file });
        }
    }
    if before.records_begin != after.records_begin {
        changes.extend(after.records_begin.map(|first_day| Change::Records { first_day }));
    }
    changes
}

/// Whether the published state of a day differs from that of the previous day.
pub fn turns_on(table: &Table, span: Span, day: Day) -> bool {
    fn any<K, T: PartialEq>(lines: &BTreeMap<K, Line<T>>, at: usize) -> bool {
        lines.values().any(|line| line[at - 1] != line[at])
    }
    let at = span.at(day);
    any(&table.standings, at) || any(&table.coverages, at) || any(&table.designations, at) || any(&table.services, at)
}

/// "`DayOpened` carries the differences between the day it opens and the day before."
pub fn changes_on_opening(table: &Table, span: Span, day: Day) -> Vec<Change> {
    fn held<K: Ord + Clone, T: Clone>(lines: &BTreeMap<K, Line<T>>, at: usize) -> BTreeMap<K, Line<T>> {
        lines.iter().map(|(key, line)| (key.clone(), vec![line[at].clone()])).collect()
    }
    let only = |day: Day| Table {
        standings: held(&table.standings, span.at(day)),
        coverages: held(&table.coverages, span.at(day)),
        designations: held(&table.designations, span.at(day)),
        services: held(&table.services, span.at(day)),
        ..Table::empty()
    };
    changes_of_days(&only(day.previous()), &only(day), Span { first: day, last: day }, Part::UpTo(day))
}

/// "`specialist_count` counts the people with a standing, coverage or designation row in either list."
pub fn people_in(changes: &[Change], holder: impl Fn(CredentialNumber) -> SpecialistId) -> BTreeSet<SpecialistId> {
    let mut people = BTreeSet::new();
    for change in changes {
        if let Change::Standing { number, .. } | Change::Coverage { number, .. } | Change::Designation { number, .. } =
            change
        {
            people.insert(holder(*number));
        }
    }
    people
}

/// The state of a client that reads only the feed.
#[derive(Debug)]
pub struct Copy {
    span: Span,
    pub table: Table,
}

impl Copy {
    pub fn new(span: Span) -> Copy {
        Copy { span, table: Table::empty() }
    }

    /// Applies one change.
    pub fn apply(&mut self, change: &Change) {
        let span = self.span;
        let (table, len) = (&mut self.table, span.len());
        match change {
            Change::Standing { number, days, from, to, reason } => {
                let line = table.standings.entry(*number).or_insert_with(|| vec![NOT_ISSUED; len]);
                for day in span.days().filter(|day| days.includes(*day)) {
                    // After the last day only open runs apply; nothing was published about them yet.
                    assert!(line[span.at(day)].0 == *from || days.last_day().is_none(), "{change:?} on {day}");
                    line[span.at(day)] = (*to, *reason);
                }
            }
            Change::Coverage { number, provider, days, coverage } => {
                let key = (*number, provider.clone());
                let line = table.coverages.entry(key).or_insert_with(|| vec![Coverage::NotCovered; len]);
                span.days().filter(|day| days.includes(*day)).for_each(|day| line[span.at(day)] = *coverage);
            }
            Change::Designation { number, code, days, held } => {
                let line = table.designations.entry((*number, *code)).or_insert_with(|| vec![false; len]);
                span.days().filter(|day| days.includes(*day)).for_each(|day| line[span.at(day)] = *held);
            }
            Change::Service { provider, days, service } => {
                let line = table.services.entry(provider.clone()).or_insert_with(|| vec![ServiceStatus::NotKnown; len]);
                span.days().filter(|day| days.includes(*day)).for_each(|day| line[span.at(day)] = *service);
            }
            Change::Provider { provider, identifiers, on_file } => {
                table.providers.remove(provider);
                if *on_file {
                    table.providers.insert(provider.clone(), identifiers.clone());
                }
            }
            Change::Records { first_day } => table.records_begin = Some(*first_day),
        }
    }

    /// The verdict according to the copy alone, for a day up to today.
    pub fn verdict(
        &self,
        number: CredentialNumber,
        (provider, billing): (Option<&ProviderId>, bool),
        designations: &[Designation],
        day: Day,
    ) -> Verdict {
        let (at, table) = (self.span.at(day), &self.table);
        let standing = table.standings.get(&number).map_or(Standing::NotIssued, |line| line[at].0);
        let by = |provider: &ProviderId| {
            table.coverages.get(&(number, provider.clone())).map_or(Coverage::NotCovered, |line| line[at])
        };
        let coverage = match provider {
            Some(provider) => by(provider),
            None => {
                let all = table.coverages.keys().filter(|key| key.0 == number).map(|key| by(&key.1));
                // COVERED is listed first, and NOT_KNOWN takes precedence over NOT_COVERED.
                all.min_by_key(|coverage| {
                    [Coverage::Covered, Coverage::NotKnown].iter().position(|c| c == coverage).unwrap_or(2)
                })
                .unwrap_or(Coverage::NotCovered)
            }
        };
        let before_records = table.records_begin.is_some_and(|first| day < first);
        let held = |code: &Designation| table.designations.get(&(number, *code)).is_some_and(|line| line[at]);
        let refused = provider.is_some_and(|provider| {
            let service = table.services.get(provider).map_or(ServiceStatus::NotKnown, |line| line[at]);
            !table.providers.contains_key(provider) || (billing && service == ServiceStatus::NotCertified)
        });
        let practises = matches!(standing, Standing::Current | Standing::Limited);
        let uncovered = coverage == Coverage::NotCovered && !before_records;
        if !practises || uncovered || refused || !designations.iter().all(held) {
            Verdict::NotConfirmed
        } else if coverage != Coverage::Covered {
            Verdict::Undetermined
        } else if standing == Standing::Limited {
            Verdict::ConfirmedWithLimits
        } else {
            Verdict::Confirmed
        }
    }

    /// The first difference from the registry's table on a day up to today, as text.
    pub fn differs_from(&self, table: &Table, today: Day) -> Option<String> {
        let upto = self.span.at(today) + 1;
        fn differing<K: Ord + std::fmt::Debug, T: PartialEq + Clone + std::fmt::Debug>(
            copy: &BTreeMap<K, Line<T>>,
            registry: &BTreeMap<K, Line<T>>,
            unsaid: &T,
            (span, upto): (Span, usize),
        ) -> Option<String> {
            keys(copy, registry).into_iter().find_map(|key| {
                let on =
                    |lines: &BTreeMap<K, Line<T>>, at: usize| lines.get(key).map_or(unsaid, |line| &line[at]).clone();
                let at = (0..upto).find(|at| on(copy, *at) != on(registry, *at))?;
                let day = span.days().nth(at);
                Some(format!("{key:?} on {day:?}: the copy has {:?}, not {:?}", on(copy, at), on(registry, at)))
            })
        }
        let at = (self.span, upto);
        differing(&self.table.standings, &table.standings, &NOT_ISSUED, at)
            .or_else(|| differing(&self.table.coverages, &table.coverages, &Coverage::NotCovered, at))
            .or_else(|| differing(&self.table.designations, &table.designations, &false, at))
            .or_else(|| differing(&self.table.services, &table.services, &ServiceStatus::NotKnown, at))
            .or_else(|| (self.table.providers != table.providers).then(|| "providers on file".to_owned()))
            .or_else(|| (self.table.records_begin != table.records_begin).then(|| "first day with records".to_owned()))
    }
}
