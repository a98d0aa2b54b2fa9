//! A copy built from the feed alone, which also checks the guarantees of the feed.

use std::collections::BTreeMap;
use std::fmt::Debug;

use cpss_registry::domain::day::Day;
use cpss_registry::proto::google::r#type::Date;
use cpss_registry::proto::v1;
use cpss_registry::proto::v1::change::Change as Kind;
use cpss_registry::proto::v1::{Coverage, Reason, ServiceStatus, Standing, Verdict};

/// The number of a day in the copy.
pub fn number(date: &Date) -> i32 {
    Day::from_ymd(date.year, date.month, date.day).expect("a date").number()
}

/// A value for every day. Each value applies from its day until the next.
#[derive(Clone, Debug, PartialEq)]
struct Line<T>(BTreeMap<i32, T>);

impl<T: Clone + PartialEq + Debug> Line<T> {
    fn of(unsaid: T) -> Line<T> {
        Line(BTreeMap::from([(i32::MIN, unsaid)]))
    }

    fn on(&self, day: i32) -> &T {
        self.0.range(..=day).next_back().expect("a value for the beginning").1
    }

    /// Sets some days. All must have had another value, one that `was` accepts.
    fn set(&mut self, (first, last): (Option<&Date>, Option<&Date>), value: T, was: impl Fn(&T) -> bool) {
        let first = number(first.expect("a first day"));
        let end = last.map(|last| number(last) + 1);
        let inside: Vec<i32> = self.0.range(first..end.unwrap_or(i32::MAX)).map(|(day, _)| *day).collect();
        for day in inside.iter().chain([&first]) {
            let on = self.on(*day);
            assert!(*on != value && was(on), "{value:?} is sent where {on:?} was");
        }
        let afterwards = end.map(|end| (end, self.on(end).clone()));
        inside.iter().for_each(|day| drop(self.0.remove(day)));
        self.0.insert(first, value);
        self.0.extend(afterwards);
    }
}

/// The state of a client that reads only the feed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Copy {
    /// The last committed position.
    pub epoch: String,
    pub revision: u64,
    recorded_at: Option<prost_types::Timestamp>,
    /// The last day that was opened.
    today: Option<i32>,
    /// The number of parts of the next record received so far, and their changes. Not committed yet.
    parts: u32,
    waiting: Vec<v1::Change>,
    standings: BTreeMap<String, Line<(i32, i32)>>,
    coverages: BTreeMap<(String, String), Line<i32>>,
    designations: BTreeMap<(String, i32), Line<bool>>,
    services: BTreeMap<String, Line<i32>>,
    providers: BTreeMap<String, Vec<v1::Identifier>>,
    records_begin: Option<i32>,
}

const UNSAID: (i32, i32) = (Standing::NotIssued as i32, Reason::NotYetEffective as i32);

impl Copy {
    /// The copy built from these messages.
    pub fn of(messages: &[v1::ChangeMessage]) -> Copy {
        let mut copy = Copy::default();
        messages.iter().for_each(|message| copy.take(message));
        copy
    }

    /// Takes the next message. Asserts that messages are ordered, without duplicates or gaps, and commits with the last
    /// part.
    pub fn take(&mut self, message: &v1::ChangeMessage) {
        assert_eq!((message.revision, message.part), (self.revision + 1, self.parts + 1), "the next part of the next");
        assert!(!message.epoch.is_empty());
        let (at, last) = (message.recorded_at, self.recorded_at);
        let nanos = |at: prost_types::Timestamp| (at.seconds, at.nanos);
        if message.part == 1 {
            assert!(at.map(nanos) > last.map(nanos), "recorded strictly after the previous one");
        } else {
            assert_eq!(at, last, "the parts of a record have its instant");
        }
        assert!(message.changes.len() <= 1000, "at most 1,000");
        assert!(message.last_part || message.changes.len() == 1000, "no more parts than it takes");
        self.recorded_at = at;
        let today = message.today.as_ref().map(number);
        assert!(today >= self.today && today.is_some(), "today never goes back");
        self.today = today;
        self.parts += 1;
        self.waiting.extend(message.changes.iter().cloned());
        if message.last_part {
            self.commit();
            self.revision = message.revision;
            self.epoch.clone_from(&message.epoch);
            self.parts = 0;
        }
    }

    fn commit(&mut self) {
        let changes = std::mem::take(&mut self.waiting);
        let places: Vec<_> = changes.iter().map(place).collect();
        assert!(places.is_sorted_by(|one, next| one < next), "in order, without duplicates: {places:?}");
        for change in changes {
            self.apply(change.change.expect("a change"));
        }
    }

    fn apply(&mut self, change: Kind) {
        match change {
            Kind::Standing(it) => {
                let line = self.standings.entry(it.credential_number).or_insert_with(|| Line::of(UNSAID));
                let days = (it.first_day.as_ref(), it.last_day.as_ref());
                line.set(days, (it.to_standing, it.reason), |(standing, _)| *standing == it.from_standing);
            }
            Kind::Coverage(it) => {
                let key = (it.credential_number, it.provider_id);
                let line = self.coverages.entry(key).or_insert_with(|| Line::of(Coverage::NotCovered.into()));
                line.set((it.first_day.as_ref(), it.last_day.as_ref()), it.coverage, |_| true);
            }
            Kind::Designation(it) => {
                let line = self.designations.entry((it.credential_number, it.code)).or_insert_with(|| Line::of(false));
                line.set((it.first_day.as_ref(), it.last_day.as_ref()), it.held, |_| true);
            }
            Kind::Service(it) => {
                let unsaid = ServiceStatus::NotKnown.into();
                let line = self.services.entry(it.provider_id).or_insert_with(|| Line::of(unsaid));
                line.set((it.first_day.as_ref(), it.last_day.as_ref()), it.service, |_| true);
            }
            Kind::Provider(it) => {
                let had = self.providers.remove(&it.provider_id);
                assert!(had.as_ref() != it.on_file.then_some(&it.identifiers), "a change was sent twice");
                if it.on_file {
                    self.providers.insert(it.provider_id, it.identifiers);
                }
            }
            Kind::Records(it) => self.records_begin = it.first_day.as_ref().map(number),
        }
    }

    /// Whether the copy has anything about a credential.
    pub fn knows(&self, credential: &str) -> bool {
        self.standings.contains_key(credential)
            || self.coverages.keys().any(|(of, _)| of == credential)
            || self.designations.keys().any(|(of, _)| of == credential)
    }

    /// The standing and its reason.
    pub fn standing(&self, credential: &str, day: i32) -> (i32, i32) {
        self.standings.get(credential).map_or(UNSAID, |line| *line.on(day))
    }

    pub fn coverage(&self, credential: &str, provider: &str, day: i32) -> Coverage {
        let line = self.coverages.get(&(credential.to_owned(), provider.to_owned()));
        line.map_or(Coverage::NotCovered, |line| Coverage::try_from(*line.on(day)).unwrap())
    }

    pub fn holds(&self, credential: &str, code: v1::Designation, day: i32) -> bool {
        self.designations.get(&(credential.to_owned(), code.into())).is_some_and(|line| *line.on(day))
    }

    /// The verdict with a provider; `billing`: for a claim.
    pub fn verdict(&self, credential: &str, provider: &str, day: i32, billing: bool) -> Verdict {
        let coverage = self.coverage(credential, provider, day);
        let standing = Standing::try_from(self.standing(credential, day).0).unwrap();
        let before_records = self.records_begin.is_some_and(|first| day < first);
        let service = self.services.get(provider).map(|line| *line.on(day));
        let uncertified = billing && service == Some(ServiceStatus::NotCertified.into());
        if !matches!(standing, Standing::Current | Standing::Limited)
            || (coverage == Coverage::NotCovered && !before_records)
            || uncertified
            || !self.providers.contains_key(provider)
        {
            Verdict::NotConfirmed
        } else if coverage != Coverage::Covered {
            Verdict::Undetermined
        } else if standing == Standing::Limited {
            Verdict::ConfirmedWithLimits
        } else {
            Verdict::Confirmed
        }
    }
}

/// The sort key of the changes of a record.
fn place(change: &v1::Change) -> (u8, String, String, i32, i32) {
    let first = |date: &Option<Date>| number(date.as_ref().expect("a first day"));
    match change.change.as_ref().expect("a change") {
        Kind::Standing(it) => (0, it.credential_number.clone(), String::new(), 0, first(&it.first_day)),
        Kind::Coverage(it) => (1, it.credential_number.clone(), it.provider_id.clone(), 0, first(&it.first_day)),
        Kind::Designation(it) => (2, it.credential_number.clone(), String::new(), it.code, first(&it.first_day)),
        Kind::Service(it) => (3, it.provider_id.clone(), String::new(), 0, first(&it.first_day)),
        Kind::Provider(it) => (4, it.provider_id.clone(), String::new(), 0, 0),
        Kind::Records(_) => (5, String::new(), String::new(), 0, 0),
    }
}
