//! An in-memory fixture for evaluations: rule sets, providers, the file of one person, and a decision context.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;

use cpss_registry::domain::command::Command;
use cpss_registry::domain::day::{Day, Period};
use cpss_registry::domain::decide::{DecisionContext, File, Grounds, Rejection, decide};
use cpss_registry::domain::fact::{
    FacilityType, Fact, Identifier, ProviderFact, ProviderPeriodKind, ProviderRow, QualificationBasis, Recorded,
    Reporter, Role, SpecialistFact,
};
use cpss_registry::domain::id::{CredentialNumber, EmploymentId, FactId, ProviderId, Revision, SpecialistId};
use cpss_registry::domain::name::PersonName;
use cpss_registry::domain::prior_number::PriorNumber;
use cpss_registry::domain::provider::ProviderFile;
use cpss_registry::domain::rule_sets::RuleSets;
use cpss_registry::domain::specialist::Specialist;
use cpss_registry::domain::specialist_file::SpecialistFile;
use cpss_registry::domain::standing::Standing;
use cpss_registry::domain::timeline::{Employers, Timeline};
use cpss_registry::rules::{self, RuleText};
use jiff::Timestamp;

use ProviderPeriodKind::{Qualified, Suspended};

/// The providers of every fixture, with the days on which each qualifies and is suspended.
const PROVIDERS: &[(&str, &str, &str)] = &[
    ("region-1", "2010-01-01..", ""),
    ("region-2", "2010-01-01..", "2022-06-01..2022-06-30"),
    ("delta-house", "2026-05-01..", ""),
    ("old-mill", "2010-01-01..2021-04-30", ""),
    ("piney-va", "", ""),
];

/// Splits a line of a table into columns.
pub fn columns<const N: usize>(line: &str) -> [&str; N] {
    let columns: Vec<&str> = line.split('|').map(str::trim).collect();
    columns.try_into().unwrap_or_else(|_| panic!("not {N} columns: {line}"))
}

/// The non-empty lines of a table.
pub fn lines(table: &str) -> impl Iterator<Item = &str> {
    table.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// The lines of a table in scenes: a line that ends in a colon applies before each of the lines below it.
pub fn scenes(table: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut before = "";
    lines(table).filter_map(move |line| match line.strip_suffix(':') {
        Some(history) => {
            before = history;
            None
        }
        None => Some((before, line)),
    })
}

/// A date.
pub fn day(text: &str) -> Day {
    text.parse().unwrap_or_else(|error| panic!("`{text}`: {error}"))
}

/// The days of `2026-03-01..2026-03-31` or `2026-03-01..`, both inclusive.
pub fn period(text: &str) -> Period {
    let (first, last) = text.split_once("..").unwrap_or_else(|| panic!("`{text}` is not FIRST..LAST"));
    Period::from_inclusive(day(first), (!last.is_empty()).then(|| day(last)))
}

/// The contract's name of a value, such as `REVOKED_LOSS_OF_EMPLOYMENT`.
pub fn word(value: impl Debug) -> String {
    let mut word = String::new();
    for letter in format!("{value:?}").chars() {
        if letter.is_ascii_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.push(letter.to_ascii_uppercase());
    }
    // A value named after a Rust keyword ends with an underscore.
    word.trim_end_matches('_').to_owned()
}

/// The value with a given name.
pub fn of_word<T: Debug + Copy>(all: &[T], text: &str) -> T {
    let found = all.iter().find(|value| word(value) == text);
    *found.unwrap_or_else(|| panic!("`{text}` is not one of {all:?}"))
}

/// The shipped rule sets, as text.
pub fn shipped() -> Vec<RuleText> {
    rules::shipped().unwrap()
}

/// The fixture.
#[derive(Clone)]
pub struct EvaluationFixture {
    pub rule_sets: RuleSets,
    pub person: SpecialistFile,
    texts: Vec<RuleText>,
    providers: HashMap<ProviderId, Arc<ProviderFile>>,
    reporter: Reporter,
    imported: bool,
    revision: Revision,
    minted: u64,
}

impl EvaluationFixture {
    /// A fixture under the shipped rules, with a person born on this day.
    pub fn new(born: Day) -> EvaluationFixture {
        EvaluationFixture::under(shipped(), born)
    }

    /// A fixture under these rules.
    pub fn under(texts: Vec<RuleText>, born: Day) -> EvaluationFixture {
        let id = SpecialistId::from_number(1);
        let mut fixture = EvaluationFixture {
            rule_sets: rule_sets(&texts, None),
            person: SpecialistFile::new(id, Vec::new()),
            texts,
            providers: HashMap::new(),
            reporter: Reporter { client: "registrar".into(), role: Role::Registrar },
            imported: false,
            revision: Revision::ZERO,
            minted: 0,
        };
        fixture.open_providers();
        fixture.meet(born);
        fixture
    }

    /// Replaces the person on file.
    pub fn meet(&mut self, born: Day) {
        self.person = SpecialistFile::new(self.person.id, Vec::new());
        let name = PersonName { given: "Ada".into(), family: "Merriweather".into(), suffix: String::new() };
        self.record(SpecialistFact::Registered { name, birth_date: born });
    }

    /// Sets the caller of the next commands, and whether they are imported.
    pub fn is_called_by(&mut self, role: Role, imported: bool) {
        (self.reporter, self.imported) = (Reporter { client: "caller".into(), role }, imported);
    }

    /// Sets the first day of complete employment records.
    pub fn begin_records(&mut self, first_day: Day) {
        self.rule_sets = rule_sets(&self.texts, Some(first_day));
        self.open_providers();
    }

    fn open_providers(&mut self) {
        for (id, qualifies, suspended) in PROVIDERS {
            let id: ProviderId = id.parse().unwrap();
            let row = ProviderRow {
                legal_name: id.to_string(),
                facility_type: FacilityType::CommunityMentalHealthCenter,
                county: "Hinds".into(),
                identifiers: Vec::new(),
            };
            let opened = |kind, days: &str| (!days.is_empty()).then(|| (kind, period(days)));
            let periods =
                [opened(Qualified(QualificationBasis::DmhCertified), qualifies), opened(Suspended, suspended)];
            let periods = periods.into_iter().flatten();
            let facts = periods.map(|(kind, days)| ProviderFact::PeriodOpened { kind, days, valid_through: None });
            let facts = std::iter::once(ProviderFact::Registered(row)).chain(facts);
            let recorded: Vec<_> = facts.map(|fact| self.recorded(fact)).collect();
            self.providers.insert(id.clone(), Arc::new(ProviderFile::new(id, recorded, &self.rule_sets)));
        }
    }

    fn recorded<F>(&mut self, fact: F) -> Recorded<F> {
        self.revision = self.revision.next();
        Recorded {
            id: FactId { revision: self.revision, index: 0 },
            recorded_at: Timestamp::UNIX_EPOCH,
            reporter: self.reporter.clone(),
            imported: self.imported,
            note: String::new(),
            fact,
        }
    }

    /// Records facts about the person in one record, without checking rules.
    pub fn record_together(&mut self, facts: Vec<SpecialistFact>) {
        let mut recorded: Vec<_> = facts.into_iter().map(|fact| self.recorded(fact)).collect();
        for (index, recorded) in (0..).zip(&mut recorded) {
            recorded.id = FactId { revision: self.revision, index };
        }
        self.person.add(recorded);
    }

    /// Records a fact about the person, without checking rules.
    pub fn record(&mut self, fact: SpecialistFact) {
        self.record_together(vec![fact]);
    }

    /// Records a job of the person.
    pub fn hire(&mut self, provider: &str, days: Period, supervised: bool) {
        let employment = self.mint_employment();
        let provider = provider.parse().unwrap();
        let position = "peer support specialist".into();
        self.record(SpecialistFact::EmploymentStarted { employment, provider, position, supervised, days });
    }

    /// Judges a command without recording it.
    pub fn judge(&mut self, command: &Command) -> Result<Vec<Fact>, Rejection> {
        decide(command, &File::Specialist(self.person.clone().into()), self)
    }

    /// Judges a command and records it if it is accepted.
    pub fn submit(&mut self, command: &Command) -> Result<Vec<Fact>, Rejection> {
        let facts = self.judge(command)?;
        for fact in &facts {
            match fact {
                Fact::Specialist(_, fact) => self.record(fact.clone()),
                other => panic!("a fact of another file: {other:?}"),
            }
        }
        Ok(facts)
    }

    /// The person as known now.
    pub fn known(&self) -> Arc<Specialist> {
        Arc::clone(self.person.known_now())
    }

    /// The person's credential number.
    pub fn number(&self) -> CredentialNumber {
        self.known().the_credential().expect("a credential was issued").number
    }

    /// The compiled credential.
    pub fn timeline(&self) -> Timeline {
        let known = self.known();
        let credential = known.the_credential().expect("a credential was issued");
        let timelines: Employers =
            self.providers.iter().map(|(id, file)| (id.clone(), Arc::clone(&file.timeline))).collect();
        Timeline::compile(&known, credential, &timelines, &self.rule_sets)
    }

    /// The standing of the credential on a day.
    pub fn standing(&self, day: Day) -> Standing {
        self.timeline().days.at(day).standing
    }
}

fn rule_sets(texts: &[RuleText], records_begin: Option<Day>) -> RuleSets {
    let sets = texts.iter().map(|text| Arc::new(text.set.clone())).collect();
    RuleSets::new(sets, records_begin).unwrap()
}

impl Grounds for EvaluationFixture {
    fn rule_sets(&self) -> &RuleSets {
        &self.rule_sets
    }

    fn provider(&self, id: &ProviderId) -> Option<Arc<ProviderFile>> {
        self.providers.get(id).cloned()
    }
}

impl DecisionContext for EvaluationFixture {
    fn today(&self) -> Day {
        day("2030-01-01")
    }

    fn next_revision(&self) -> Revision {
        self.revision.next()
    }

    fn reporter(&self) -> &Reporter {
        &self.reporter
    }

    fn owner_of(&self, _: &Identifier) -> Option<ProviderId> {
        None
    }

    fn bearer_of(&mut self, _: &PriorNumber) -> Option<CredentialNumber> {
        None
    }

    fn mint_credential(&mut self) -> CredentialNumber {
        self.minted += 1;
        CredentialNumber::from_number(self.minted)
    }

    fn mint_specialist(&mut self) -> SpecialistId {
        self.minted += 1;
        SpecialistId::from_number(self.minted)
    }

    fn mint_employment(&mut self) -> EmploymentId {
        self.minted += 1;
        EmploymentId::from_number(self.minted)
    }

    fn mint_provider(&mut self) -> ProviderId {
        self.minted += 1;
        ProviderId::from_number(self.minted)
    }
}
