//! Random histories, each determined by its seed: few people and providers and a few months, so that many facts
//! interact.
//!
//! The facts are such as the registry could accept: ends are not before their beginnings, a second credential only
//! follows a void one, and only facts in force are corrected. There are no other constraints.

use std::sync::Arc;

use cpss_registry::domain::day::{Day, Period};
use cpss_registry::domain::fact::{
    Act, CredentialPeriodKind, CriterionOutcome, Designation, EmploymentEndReason, FacilityType, Fact, Identifier,
    IdentifierKind, Issuance, IssuanceBasis, PeriodEnd, ProviderFact, ProviderPeriodKind, ProviderRow,
    QualificationBasis, Recorded, RegistryFact, Reporter, Retraction, RevocationBasis, SpecialistFact, SuspensionBasis,
};
use cpss_registry::domain::id::{CredentialNumber, EmploymentId, FactId, ProviderId, Revision, SpecialistId};
use cpss_registry::domain::name::PersonName;
use cpss_registry::domain::requirements::{LivedExperienceRule, Requirements};
use cpss_registry::domain::rule_sets::{InForceBasis, RuleSet, UnitYear};
use cpss_registry::domain::specialist::REDACTED_BIRTH_DATE;
use cpss_registry::registry::Numbers;
use jiff::Timestamp;
use uuid::Uuid;

use super::model::facts::KnownFacts;

/// Random numbers from a seed (splitmix64).
#[derive(Clone, Debug)]
pub struct Random(Numbers);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(Numbers::From(seed))
    }

    pub fn next(&mut self) -> u64 {
        self.0.draw()
    }

    /// A number in `low ..= high`.
    pub fn between(&mut self, low: i32, high: i32) -> i32 {
        let width = u64::try_from(i64::from(high) - i64::from(low) + 1).expect("low is not above high");
        low + i32::try_from(self.next() % width).expect("less than the width")
    }

    pub fn chance(&mut self, percent: i32) -> bool {
        self.between(0, 99) < percent
    }

    /// A random element of a non-empty slice.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.index(from.len())]
    }

    /// A number below `len`.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.next() % len as u64).expect("an index")
    }
}

/// A history: the facts in the order in which they were recorded.
#[derive(Debug)]
pub struct History {
    pub facts: Vec<Recorded<Fact>>,
    /// The adopted rule sets.
    pub rule_sets: Vec<Arc<RuleSet>>,
    /// The last revision.
    pub head: Revision,
    /// No fact has an earlier day.
    pub first: Day,
    /// No fact has a later day.
    pub last: Day,
    pub providers: Vec<ProviderId>,
    /// Every credential, with its holder.
    pub credentials: Vec<(CredentialNumber, SpecialistId)>,
    /// The longest grace period of its rule sets.
    pub longest_grace: u32,
}

impl History {
    /// The facts of one record.
    pub fn record(&self, revision: Revision) -> impl Iterator<Item = &Recorded<Fact>> {
        self.facts.iter().filter(move |recorded| recorded.id.revision == revision)
    }

    /// The day that a record opens, if it does nothing else.
    pub fn opens_day(&self, revision: Revision) -> Option<Day> {
        let mut facts = self.record(revision);
        match (facts.next().map(|recorded| &recorded.fact), facts.next()) {
            (Some(Fact::Registry(RegistryFact::DayOpened { date })), None) => Some(*date),
            _ => None,
        }
    }
}

struct Person {
    id: SpecialistId,
    /// Each credential with the fact that issued it, its first day and the last day of its last term.
    credentials: Vec<(CredentialNumber, FactId, Day, Day)>,
}

struct Job {
    person: SpecialistId,
    id: EmploymentId,
    started: FactId,
    first: Day,
}

/// A period that can be ended: the fact that opened it, and its first day.
struct Opened {
    fact: FactId,
    first: Day,
    subject: Fact,
}

struct Writer {
    random: Random,
    first: Day,
    last: Day,
    today: Day,
    /// Days with events. Further events often choose one of them.
    hot: Vec<Day>,
    revision: u64,
    index: u32,
    facts: Vec<Recorded<Fact>>,
    rule_sets: Vec<Arc<RuleSet>>,
    adopted: usize,
    providers: Vec<ProviderId>,
    people: Vec<Person>,
    jobs: Vec<Job>,
    opened: Vec<Opened>,
    minted: u64,
}

/// Generates the history of a seed.
pub fn history(seed: u64) -> History {
    let mut random = Random::new(seed);
    let first = Day::from_ymd(2024, 1, 1).expect("a date").plus(random.between(0, 700));
    let last = first.plus(random.between(60, 200));
    let rule_sets = rule_sets(&mut random, first, last);
    let longest_grace = rule_sets.iter().map(|set| set.grace_days).max().unwrap_or(0);
    let width = last.number() - first.number();
    let today = first.plus(random.between(width / 3, width));
    let mut writer = Writer {
        random,
        first,
        last,
        today,
        hot: vec![first.plus(10), last.plus(-10)],
        revision: 0,
        index: 0,
        facts: Vec::new(),
        rule_sets,
        adopted: 0,
        providers: Vec::new(),
        people: Vec::new(),
        jobs: Vec::new(),
        opened: Vec::new(),
        minted: seed << 20,
    };
    writer.write();
    let holders = writer.people.iter().flat_map(|person| person.credentials.iter().map(|c| (c.0, person.id)));
    History {
        credentials: holders.collect(),
        facts: writer.facts,
        rule_sets: writer.rule_sets,
        head: Revision(writer.revision),
        first,
        // Terms and opened days extend beyond the events.
        last: last.plus(62),
        providers: writer.providers,
        longest_grace,
    }
}

/// Two sets that resemble the shipped ones, sometimes a third, and one adopted later that comes into force on the same
/// day as another.
fn rule_sets(random: &mut Random, first: Day, last: Day) -> Vec<Arc<RuleSet>> {
    let day_inside = |random: &mut Random| first.plus(random.between(0, last.number() - first.number()));
    let begin = if random.chance(85) { first.plus(-900) } else { day_inside(random) };
    let second = if random.chance(40) { first.plus(-100) } else { day_inside(random) };
    let mut sets = vec![rule_set(random, "guide", begin, 0), rule_set(random, "second", second, 0)];
    if random.chance(45) {
        let third = if random.chance(50) { first.plus(-50) } else { day_inside(random) };
        let grace = *random.pick(&[1, 3, 3, 10, 30]);
        sets.push(rule_set(random, "grace", third, grace));
    }
    if random.chance(30) {
        let tied = sets[usize::try_from(random.between(0, 1)).expect("an index")].in_force_from;
        let grace = *random.pick(&[0, 0, 2]);
        sets.push(rule_set(random, "tied", tied, grace));
    }
    sets.into_iter().map(Arc::new).collect()
}

fn rule_set(random: &mut Random, id: &str, in_force_from: Day, grace_days: u32) -> RuleSet {
    let accepted = QualificationBasis::ALL.iter().copied().filter(|_| random.chance(88)).collect();
    let through = *random.pick(&[2024, 2025, 2026, 2040]);
    let holidays = (2024..=through).flat_map(|year| {
        [(1, 1), (5, 29), (7, 4), (11, 11), (12, 25)].into_iter().filter_map(move |(m, d)| Day::from_ymd(year, m, d))
    });
    RuleSet {
        id: id.to_owned(),
        title: id.to_owned(),
        in_force_from,
        in_force_basis: InForceBasis::Inferred,
        citations: vec!["invented".to_owned()],
        grace_days,
        reporting_window_working_days: *random.pick(&[14, 14, 5]),
        holidays: holidays.filter(|day| !day.is_weekend()).collect(),
        qualifying_bases: accepted,
        term_notice_days: *random.pick(&[90, 7]),
        daily_unit_limit: 6,
        yearly_unit_limit: 200,
        unit_year: *random.pick(&[UnitYear::StateFiscal, UnitYear::Calendar]),
        first_cohort_date: in_force_from,
        cohort_years: 4,
        continuing_education_hours_per_year: 5.0,
        requirements: no_requirements(),
    }
}

fn no_requirements() -> Requirements {
    Requirements {
        residency: false,
        lived_experience: LivedExperienceRule::SelfIdentified,
        minimum_age: 16,
        enrolled_only_for: None,
        literacy: false,
        experience_hours: 0.0,
        experience_within_three_years: false,
        college_year_counts: false,
        references: 0,
        fewer_references: CriterionOutcome::Undetermined,
        training_hours: 0.0,
        pre_training: false,
        passing_score: 0.0,
        attempts_per_training: 2,
        designation: false,
        recovery_only_trained_before: None,
        citations: Vec::new(),
        fees: Vec::new(),
    }
}

impl Writer {
    fn next_record(&mut self) {
        self.revision += 1;
        self.index = 0;
    }

    /// Records a fact and returns its id.
    fn say(&mut self, fact: Fact) -> FactId {
        let id = FactId { revision: Revision(self.revision), index: self.index };
        self.index += 1;
        let second = i64::try_from(self.revision).expect("a short history");
        let recorded_at = Timestamp::from_second(1_700_000_000 + second).expect("a time");
        let (reporter, note) = (Reporter::registry(), String::new());
        self.facts.push(Recorded { id, recorded_at, reporter, imported: false, note, fact });
        id
    }

    fn mint(&mut self) -> u64 {
        self.minted += 1;
        // Scattered, so that ids are not ordered by creation.
        Random::new(self.minted).next()
    }

    /// A day of the window, most often one with events, or adjacent to one.
    fn day(&mut self) -> Day {
        let nearby = self.random.between(-1, 1);
        let day = if self.random.chance(60) {
            self.random.pick(&self.hot).plus(nearby)
        } else {
            self.first.plus(self.random.between(0, self.last.number() - self.first.number()))
        };
        let day = day.clamp(self.first, self.last);
        self.hot.push(day);
        day
    }

    fn day_from(&mut self, first: Day) -> Day {
        let day = self.day();
        if day >= first { day } else { first.plus(self.random.between(0, 12)).min(self.last.max(first)) }
    }

    /// The days of a period from a day on, open with the given probability.
    fn days_from(&mut self, first: Day, open_percent: i32) -> Period {
        let last = if self.random.chance(open_percent) {
            None
        } else if self.random.chance(50) {
            Some(first.plus(self.random.between(0, 6)).min(self.last.max(first)))
        } else {
            Some(self.day_from(first))
        };
        Period::from_inclusive(first, last)
    }

    fn write(&mut self) {
        self.begin();
        let steps = self.random.between(8, 34);
        for _ in 0..steps {
            if self.random.chance(18) && self.today < self.last {
                for _ in 0..self.random.between(1, 6) {
                    self.next_record();
                    self.today = self.today.next();
                    self.say(Fact::Registry(RegistryFact::DayOpened { date: self.today }));
                }
                continue;
            }
            self.next_record();
            self.step();
            while self.random.chance(20) {
                self.step();
            }
            if self.index == 0 {
                self.revision -= 1;
            }
        }
    }

    fn begin(&mut self) {
        self.next_record();
        self.say(Fact::Registry(RegistryFact::EpochBegan {
            epoch: Uuid::nil(),
            forked_after: Revision::ZERO,
            why: "a test".to_owned(),
        }));
        self.adopt();
        self.adopt();
        self.say(Fact::Registry(RegistryFact::DayOpened { date: self.today }));
        for _ in 0..self.random.between(1, 3) {
            self.next_record();
            self.register_provider();
        }
        for _ in 0..=i32::from(self.random.chance(15)) {
            self.next_record();
            self.register_person();
        }
    }

    fn adopt(&mut self) {
        if let Some(set) = self.rule_sets.get(self.adopted) {
            let id = set.id.clone();
            self.adopted += 1;
            self.say(Fact::Registry(RegistryFact::RuleSetAdopted {
                id,
                digest: String::new(),
                content: String::new(),
            }));
        }
    }

    fn row(&mut self) -> ProviderRow {
        let numbers = self.random.between(0, 2);
        let identifier = |number: i32| Identifier { kind: IdentifierKind::MedicaidId, value: format!("{number:08}") };
        ProviderRow {
            legal_name: "Sable Creek Behavioral Health".to_owned(),
            facility_type: FacilityType::CommunityMentalHealthCenter,
            county: "Yalobusha".to_owned(),
            identifiers: (0..numbers).map(identifier).collect(),
        }
    }

    fn register_provider(&mut self) {
        let id = ProviderId::from_number(self.mint());
        let row = self.row();
        self.say(Fact::Provider(id.clone(), ProviderFact::Registered(row)));
        self.providers.push(id.clone());
        if self.random.chance(92) {
            let first = if self.random.chance(80) { self.first } else { self.day() };
            self.open_provider_period(&id, first, 75);
        }
    }

    fn open_provider_period(&mut self, provider: &ProviderId, first: Day, open_percent: i32) {
        let basis = *self.random.pick(&[
            QualificationBasis::DmhCertified,
            QualificationBasis::DmhCertified,
            QualificationBasis::DmhFunded,
            QualificationBasis::DmhOperated,
        ]);
        let days = self.days_from(first, open_percent);
        let valid_through = self.random.chance(40).then(|| self.day_from(first));
        let kind = ProviderPeriodKind::Qualified(basis);
        self.provider_period(provider, kind, days, valid_through);
    }

    fn provider_period(
        &mut self,
        provider: &ProviderId,
        kind: ProviderPeriodKind,
        days: Period,
        valid_through: Option<Day>,
    ) {
        let fact = Fact::Provider(provider.clone(), ProviderFact::PeriodOpened { kind, days, valid_through });
        let id = self.say(fact.clone());
        self.opened.push(Opened { fact: id, first: days.start, subject: fact });
    }

    fn register_person(&mut self) {
        let id = SpecialistId::from_number(self.mint());
        let name = PersonName { given: "Odalys".to_owned(), family: "Quennell".to_owned(), suffix: String::new() };
        let birth_date = Day::from_ymd(1980, 2, 29).expect("a date");
        // Some were redacted: their registration is read without the personal part.
        let (name, birth_date) = match self.random.chance(5) {
            true => (PersonName::default(), REDACTED_BIRTH_DATE),
            false => (name, birth_date),
        };
        self.say(Fact::Specialist(id, SpecialistFact::Registered { name, birth_date }));
        self.people.push(Person { id, credentials: Vec::new() });
        let person = self.people.len() - 1;
        if self.random.chance(85) {
            if self.random.chance(50) {
                self.next_record();
            }
            let first = if self.random.chance(80) { self.first } else { self.day() };
            self.start_job(person, first, 80);
        }
        if self.random.chance(50) {
            self.next_record();
        }
        self.issue(person);
    }

    fn issue(&mut self, person: usize) {
        let id = self.people[person].id;
        let number = CredentialNumber::from_number(self.mint());
        let span = (self.last.number() - self.first.number()) / 3;
        let effective_from = self.first.plus(self.random.between(0, span));
        let term_last_day = if self.random.chance(60) {
            self.last.plus(self.random.between(-10, 40))
        } else {
            self.day_from(effective_from)
        };
        let designations: Vec<_> = Designation::ALL.iter().copied().filter(|_| self.random.chance(30)).collect();
        let fact = self.say(Fact::Specialist(
            id,
            SpecialistFact::CredentialIssued(Issuance {
                number,
                term: Period::from_inclusive(effective_from, Some(term_last_day)),
                designations: designations.clone(),
                rule_set: "guide".to_owned(),
                basis: IssuanceBasis::Evaluated,
                findings: Vec::new(),
                decision_note: String::new(),
            }),
        ));
        self.people[person].credentials.push((number, fact, effective_from, term_last_day));
        for code in designations {
            let days = Period::from_inclusive(effective_from, None);
            self.credential_period(id, number, CredentialPeriodKind::Designation(code), days);
        }
    }

    fn credential_period(
        &mut self,
        person: SpecialistId,
        number: CredentialNumber,
        kind: CredentialPeriodKind,
        days: Period,
    ) {
        let fact = Fact::Specialist(person, SpecialistFact::PeriodOpened { number, kind, days });
        let id = self.say(fact.clone());
        self.opened.push(Opened { fact: id, first: days.start, subject: fact });
    }

    fn is_retracted(&self, fact: FactId) -> bool {
        KnownFacts::at(&self.facts, Revision::LATEST).is_retracted(fact)
    }
}

impl Writer {
    /// One random event, or nothing if it is not possible.
    fn step(&mut self) {
        match self.random.between(0, 99) {
            0..=15 => self.happen_to_provider(),
            16..=23 => {
                let person = self.someone();
                let first = self.day();
                self.start_job(person, first, 50);
            }
            24..=34 => self.happen_to_job(),
            35..=48 => self.end_period(),
            49..=63 => self.retract(),
            64..=96 => self.happen_to_credential(),
            97..=98 => {
                let first_day = self.day();
                self.say(Fact::Registry(RegistryFact::RecordsBegin { first_day }));
            }
            _ => self.adopt(),
        }
    }

    fn someone(&mut self) -> usize {
        self.random.index(self.people.len())
    }

    /// A provider that is on file.
    fn a_provider(&mut self) -> Option<ProviderId> {
        let known = KnownFacts::at(&self.facts, Revision::LATEST);
        let on_file: Vec<_> = known
            .not_retracted()
            .into_iter()
            .filter_map(|recorded| match &recorded.fact {
                Fact::Provider(id, ProviderFact::Registered(_)) => Some(id.clone()),
                _ => None,
            })
            .collect();
        if on_file.is_empty() { None } else { Some(self.random.pick(&on_file).clone()) }
    }

    fn happen_to_provider(&mut self) {
        let Some(provider) = self.a_provider() else { return };
        let kind = self.random.between(0, 11);
        let first = self.day();
        match kind {
            0..=4 => self.open_provider_period(&provider, first, 60),
            5..=6 => {
                let days = self.days_from(first, 20);
                self.provider_period(&provider, ProviderPeriodKind::Suspended, days, None);
            }
            7..=8 => {
                let days = self.days_from(first, 50);
                self.provider_period(&provider, ProviderPeriodKind::PeerServiceCertified, days, None);
            }
            9 => {
                let days = self.days_from(first, 20);
                self.provider_period(&provider, ProviderPeriodKind::PeerServiceSuspended, days, None);
            }
            10 => {
                let row = self.row();
                self.say(Fact::Provider(provider, ProviderFact::Updated(row)));
            }
            _ if self.providers.len() < 3 => self.register_provider(),
            _ => self.strike_provider(&provider),
        }
    }

    /// Retracts everything that refers to a provider, and then its registration; may restore some of it.
    fn strike_provider(&mut self, provider: &ProviderId) {
        let known = KnownFacts::at(&self.facts, Revision::LATEST);
        let named = known.not_retracted().into_iter().filter(|recorded| match &recorded.fact {
            Fact::Provider(id, fact) => id == provider && !matches!(fact, ProviderFact::Retracted(_)),
            Fact::Specialist(_, SpecialistFact::EmploymentStarted { provider: of, .. }) => of == provider,
            _ => false,
        });
        let named: Vec<FactId> = named.map(|recorded| recorded.id).collect();
        for target in named.into_iter().rev() {
            self.retract_fact(target);
        }
    }

    fn start_job(&mut self, person: usize, first: Day, open_percent: i32) {
        let Some(provider) = self.a_provider() else { return };
        let person = self.people[person].id;
        let employment = EmploymentId::from_number(self.mint());
        let days = self.days_from(first, open_percent);
        let started = self.say(Fact::Specialist(
            person,
            SpecialistFact::EmploymentStarted {
                employment,
                provider,
                position: "peer support".to_owned(),
                supervised: true,
                days,
            },
        ));
        self.jobs.push(Job { person, id: employment, started, first });
        if self.random.chance(25)
            && let Some(last) = days.last_day()
        {
            // The next job begins on the last day, the day after, or one day too late.
            let first = last.plus(self.random.between(0, 2)).min(self.last);
            let who = self.people.iter().position(|one| one.id == person).expect("a person on file");
            self.start_job(who, first, 80);
        }
    }

    fn happen_to_job(&mut self) {
        if self.jobs.is_empty() {
            return;
        }
        let at = self.random.index(self.jobs.len());
        let (person, employment, started, first) =
            (self.jobs[at].person, self.jobs[at].id, self.jobs[at].started, self.jobs[at].first);
        if self.is_retracted(started) {
            return;
        }
        if self.random.chance(60) {
            let last_day = self.day_from(first);
            let reason = EmploymentEndReason::Resigned;
            self.say(Fact::Specialist(person, SpecialistFact::EmploymentEnded { employment, last_day, reason }));
        } else {
            let first = self.day();
            let days = self.days_from(first, 60);
            self.jobs[at].first = first;
            self.say(Fact::Specialist(person, SpecialistFact::EmploymentCorrected { employment, days }));
        }
    }

    fn end_period(&mut self) {
        if self.opened.is_empty() {
            return;
        }
        let at = self.random.index(self.opened.len());
        let (target, first) = (self.opened[at].fact, self.opened[at].first);
        if self.is_retracted(target) {
            return;
        }
        let end = PeriodEnd { target, last_day: self.day_from(first), reason: String::new() };
        let fact = match self.opened[at].subject.clone() {
            Fact::Provider(id, _) => Fact::Provider(id, ProviderFact::PeriodEnded(end)),
            Fact::Specialist(id, _) => Fact::Specialist(id, SpecialistFact::PeriodEnded(end)),
            registry @ Fact::Registry(_) => registry,
        };
        self.say(fact);
    }

    fn retract(&mut self) {
        let at = self.random.index(self.facts.len());
        // The last reports are the most likely to be wrong.
        let at = if self.random.chance(40) { self.facts.len() - 1 - at % 4.min(self.facts.len()) } else { at };
        let target = self.facts[at].id;
        if self.is_retracted(target) || !self.can_be_retracted(at) {
            return;
        }
        self.retract_fact(target);
    }

    fn retract_fact(&mut self, target: FactId) {
        let Some(recorded) = self.facts.iter().find(|recorded| recorded.id == target) else { return };
        let retraction = Retraction { target, reason: String::new() };
        let fact = match recorded.fact.clone() {
            Fact::Provider(id, _) => Fact::Provider(id, ProviderFact::Retracted(retraction)),
            Fact::Specialist(id, _) => Fact::Specialist(id, SpecialistFact::Retracted(retraction)),
            Fact::Registry(_) => return,
        };
        self.say(fact);
    }

    fn can_be_retracted(&mut self, at: usize) -> bool {
        match self.facts[at].fact.clone() {
            Fact::Registry(_) => false,
            // A registration is retracted only if nothing else refers to it.
            Fact::Provider(id, ProviderFact::Registered(_)) => !self.is_named(&id, self.facts[at].id),
            Fact::Specialist(_, SpecialistFact::Registered { .. }) => false,
            Fact::Specialist(_, SpecialistFact::CredentialIssued(_)) => self.random.chance(30),
            Fact::Specialist(person, SpecialistFact::Retracted(retraction)) => {
                // An issuance is not restored if the person has another credential.
                let person = self.people.iter().find(|one| one.id == person).expect("a person on file");
                let issuance = person.credentials.iter().any(|(_, fact, _, _)| *fact == retraction.target);
                !(issuance && person.credentials.iter().any(|(_, fact, _, _)| !self.is_retracted(*fact)))
            }
            _ => true,
        }
    }

    fn is_named(&self, provider: &ProviderId, registration: FactId) -> bool {
        let known = KnownFacts::at(&self.facts, Revision::LATEST);
        known.not_retracted().into_iter().filter(|recorded| recorded.id != registration).any(|recorded| match &recorded
            .fact
        {
            Fact::Provider(id, fact) => id == provider && !matches!(fact, ProviderFact::Retracted(_)),
            Fact::Specialist(_, SpecialistFact::EmploymentStarted { provider: of, .. }) => of == provider,
            _ => false,
        })
    }

    fn happen_to_credential(&mut self) {
        let person = self.someone();
        let id = self.people[person].id;
        let counts = |writer: &Writer, at: &usize| !writer.is_retracted(writer.people[person].credentials[*at].1);
        let Some(at) = (0..self.people[person].credentials.len()).find(|at| counts(self, at)) else {
            self.issue(person);
            return;
        };
        let (number, _, effective_from, term_last_day) = self.people[person].credentials[at];
        let from = self.day_from(effective_from);
        match self.random.between(0, 99) {
            0..=16 => {
                let days = self.days_from(from, 15);
                let basis = *self.random.pick(SuspensionBasis::ALL);
                self.credential_period(id, number, CredentialPeriodKind::Suspended(basis), days);
            }
            17..=26 => {
                let days = self.days_from(from, 25);
                self.credential_period(id, number, CredentialPeriodKind::Limited("in words".to_owned()), days);
            }
            27..=38 => {
                let days = self.days_from(from, 15);
                self.credential_period(id, number, CredentialPeriodKind::Inactive, days);
            }
            39..=45 => {
                let days = self.days_from(from, 50);
                let code = *self.random.pick(Designation::ALL);
                self.credential_period(id, number, CredentialPeriodKind::Designation(code), days);
            }
            46..=59 => {
                let first = if self.random.chance(50) {
                    term_last_day.next().min(self.last.plus(60))
                } else {
                    self.day_from(effective_from.next())
                };
                let last = term_last_day.plus(self.random.between(1, 40)).max(first).min(self.last.plus(61));
                self.people[person].credentials[at].3 = last.max(term_last_day);
                let term = Period::from_inclusive(first, Some(last));
                self.say(Fact::Specialist(id, SpecialistFact::CredentialRenewed { number, term }));
            }
            60..=63 => {
                // Given up by mistake and reinstated: on the next day, or one day too late.
                self.act(id, number, from);
                let act = Act::Reinstated;
                let effective_from = from.plus(self.random.between(0, 2)).min(self.last);
                self.say(Fact::Specialist(id, SpecialistFact::Acted { number, act, effective_from }));
            }
            64..=65 => {
                let prior = format!("MS{}", self.random.between(1, 6)).parse().expect("a prior number");
                self.say(Fact::Specialist(id, SpecialistFact::PriorNumberSet { number, prior }));
            }
            66..=97 => self.act(id, number, from),
            _ => {
                let death_date = from;
                self.say(Fact::Specialist(id, SpecialistFact::Died { death_date }));
            }
        }
    }

    fn act(&mut self, id: SpecialistId, number: CredentialNumber, effective_from: Day) {
        let act = *self.random.pick(&[
            Act::Revoked(RevocationBasis::Disciplinary),
            Act::Revoked(RevocationBasis::LossOfEmployment),
            Act::Surrendered,
            Act::Relinquished,
            Act::Retired,
            Act::Reinstated,
            Act::Reinstated,
            Act::Reinstated,
            Act::Reinstated,
            Act::Reinstated,
            Act::Reinstated,
            Act::Reinstated,
            Act::Reinstated,
        ]);
        self.say(Fact::Specialist(id, SpecialistFact::Acted { number, act, effective_from }));
    }
}
