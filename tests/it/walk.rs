//! The compiled walk compared with a day-by-day walk, over random histories.
//!
//! `CPSS_HISTORIES` sets the number of histories, and `CPSS_SEED` the first seed. A failure prints the seed that
//! reproduces it.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cpss_registry::domain::day::{Day, Period};
use cpss_registry::domain::diff::{PublishedState, differences};
use cpss_registry::domain::fact::{Designation, Fact, ProviderFact, Recorded, RegistryFact, SpecialistFact};
use cpss_registry::domain::id::{CredentialNumber, ProviderId, Revision, SpecialistId};
use cpss_registry::domain::provider::Provider;
use cpss_registry::domain::record::{Change, Foreseen};
use cpss_registry::domain::rule_sets::RuleSets;
use cpss_registry::domain::specialist::{About, Specialist};
use cpss_registry::domain::standing::{Reason, Standing};
use cpss_registry::domain::timeline::{Employers, Timeline};
use cpss_registry::domain::verdict::{AskedProvider, Found, Known, NameMatch, Question, Units};

use super::histories::{History, Random, history};
use super::model::Model;
use super::model::expected_changes::{
    Copy, Part, Span, Table, changes_of_days, changes_of_files, changes_on_opening, people_in, turns_on,
};
use super::model::question::{Answer, Asked, Subject};
use super::model::standing::Walked;

/// Counts of what has been compared.
struct Compared {
    days: AtomicU64,
    questions: AtomicU64,
    changes: AtomicU64,
    revisions: AtomicU64,
    /// Timelines that were made from the earlier one.
    remade: AtomicU64,
    standings: [AtomicU64; Standing::ALL.len()],
    reasons: [AtomicU64; Reason::ALL.len()],
}

impl Default for Compared {
    fn default() -> Compared {
        let zero = || AtomicU64::new(0);
        Compared {
            days: zero(),
            questions: zero(),
            changes: zero(),
            revisions: zero(),
            remade: zero(),
            standings: std::array::from_fn(|_| zero()),
            reasons: std::array::from_fn(|_| zero()),
        }
    }
}

fn count(counter: &AtomicU64, more: usize) {
    counter.fetch_add(more as u64, Ordering::Relaxed);
}

/// The facts of a history by subject.
struct Files {
    registry: Vec<Recorded<RegistryFact>>,
    providers: BTreeMap<ProviderId, Vec<Recorded<ProviderFact>>>,
    specialists: BTreeMap<SpecialistId, Vec<Recorded<SpecialistFact>>>,
}

impl Files {
    fn of(history: &History) -> Files {
        fn with<F>(recorded: &Recorded<Fact>, fact: F) -> Recorded<F> {
            Recorded {
                id: recorded.id,
                recorded_at: recorded.recorded_at,
                reporter: recorded.reporter.clone(),
                imported: recorded.imported,
                note: recorded.note.clone(),
                fact,
            }
        }
        let mut files = Files { registry: Vec::new(), providers: BTreeMap::new(), specialists: BTreeMap::new() };
        for recorded in &history.facts {
            match recorded.fact.clone() {
                Fact::Registry(fact) => files.registry.push(with(recorded, fact)),
                Fact::Provider(id, fact) => files.providers.entry(id).or_default().push(with(recorded, fact)),
                Fact::Specialist(id, fact) => files.specialists.entry(id).or_default().push(with(recorded, fact)),
            }
        }
        files
    }
}

/// The compiled state of the facts up to a revision.
struct Compiled {
    rule_sets: Option<RuleSets>,
    today: Option<Day>,
    providers: Employers,
    timelines: BTreeMap<CredentialNumber, Timeline>,
    published: PublishedState,
}

impl Compiled {
    fn at(history: &History, files: &Files, revision: Revision) -> Compiled {
        let (mut sets, mut records_begin, mut today) = (Vec::new(), None, None);
        for recorded in files.registry.iter().filter(|recorded| recorded.id.revision <= revision) {
            match &recorded.fact {
                RegistryFact::DayOpened { date } => today = Some(*date),
                RegistryFact::RecordsBegin { first_day } => records_begin = Some(*first_day),
                RegistryFact::RuleSetAdopted { id, .. } => {
                    sets.extend(history.rule_sets.iter().find(|set| set.id == *id).cloned());
                }
                RegistryFact::EpochBegan { .. }
                | RegistryFact::SemanticsAdopted { .. }
                | RegistryFact::LogMoved { .. }
                | RegistryFact::SpecialistRedacted { .. } => {}
            }
        }
        let rule_sets = RuleSets::new(sets, records_begin);
        let (providers, timelines, published) = (Employers::default(), BTreeMap::new(), PublishedState::default());
        let mut compiled = Compiled { rule_sets, today, providers, timelines, published };
        if let Some(rule_sets) = &compiled.rule_sets {
            compiled.published.records_begin = rule_sets.records_begin();
            for (id, facts) in &files.providers {
                if facts.first().is_none_or(|recorded| recorded.id.revision > revision) {
                    continue;
                }
                let provider = Provider::known_at(facts, revision);
                let timeline = provider.compile(rule_sets);
                compiled.published.add_provider(id, &provider, &timeline);
                compiled.providers.insert(id.clone(), Arc::new(timeline));
            }
            for (id, facts) in &files.specialists {
                let person = Specialist::known_at(*id, facts, revision);
                for credential in &person.credentials {
                    let timeline = Timeline::compile(&person, credential, &compiled.providers, rule_sets);
                    compiled.published.add_credential(&timeline, &compiled.providers);
                    compiled.timelines.insert(credential.number, timeline);
                }
            }
        }
        compiled
    }

    fn asked_provider<'a>(&'a self, id: &'a ProviderId) -> AskedProvider<'a> {
        let timeline = self.providers.get(id).map(Arc::as_ref).filter(|timeline| timeline.on_file);
        AskedProvider { id: id.as_str(), timeline }
    }
}

/// The state of the facts in the model.
struct Modelled {
    model: Model,
    walked: BTreeMap<CredentialNumber, Walked>,
    table: Table,
}

impl Modelled {
    fn at(history: &History, revision: Revision, span: Span) -> Modelled {
        let model = Model::known_at(&history.facts, &history.rule_sets, revision);
        let walk = |(person, credential)| model.walk(person, credential, span.last);
        let walked = model.credentials().map(|one| (one.1.number, walk(one))).collect();
        let table = Table::of(&model, &walked, span);
        Modelled { model, walked, table }
    }
}

/// The check of one history.
struct Check<'a> {
    history: History,
    files: Files,
    span: Span,
    random: Random,
    compared: &'a Compared,
}

impl Check<'_> {
    fn of(seed: u64, compared: &Compared) -> Check<'_> {
        let history = history(seed);
        let grace = i32::try_from(history.longest_grace).unwrap();
        let span = Span { first: history.first.plus(-3), last: history.last.plus(grace + 3) };
        let files = Files::of(&history);
        Check { history, files, span, random: Random::new(!seed), compared }
    }

    /// Applies the changes of every record to a copy. Compares everything at some records and at the last one.
    fn run(mut self) {
        let head = self.history.head.0;
        let looked_at: BTreeSet<u64> = (0..4).map(|_| 1 + self.random.next() % head).chain([head]).collect();
        let mut copy = Copy::new(self.span);
        let mut before = Compiled::at(&self.history, &self.files, Revision::ZERO);
        for revision in 1..=head {
            let revision = Revision(revision);
            let (after, changes, foreseen, people) = match self.history.opens_day(revision) {
                Some(day) => {
                    let after = Compiled { today: Some(day), ..before };
                    let changes = after.published.on_opening(day);
                    (after, changes, Foreseen::default(), 0)
                }
                None => {
                    let after = Compiled::at(&self.history, &self.files, revision);
                    self.compare_remade(revision, &before, &after);
                    let differences = differences(&before.published, &after.published);
                    let people = differences.specialist_count();
                    let (changes, foreseen) = differences.split(after.today.expect("the first record opens a day"));
                    (after, changes, foreseen, people)
                }
            };
            changes.iter().for_each(|change| copy.apply(change));
            if looked_at.contains(&revision.0) {
                let modelled = Modelled::at(&self.history, revision, self.span);
                self.compare_changes(revision, &modelled, (&changes, &foreseen, people));
                self.compare_days(&after, &modelled);
                self.compare_copy(&copy, &modelled);
                (0..40).for_each(|_| self.ask(&after, &modelled, &copy));
            }
            before = after;
        }
    }

    /// Makes timelines from those before a record that has no facts about the holder, or only about jobs. Compares them
    /// with those that are compiled from all facts.
    fn compare_remade(&self, revision: Revision, before: &Compiled, after: &Compiled) {
        let Some(rule_sets) = &after.rule_sets else { return };
        for (number, timeline) in &after.timelines {
            let Some(earlier) = before.timelines.get(number) else { continue };
            let facts = self.files.specialists[&timeline.specialist].iter();
            let mut reported = facts.filter(|recorded| recorded.id.revision == revision);
            if reported.all(|recorded| matches!(recorded.fact.about(), About::Job(_))) {
                let jobs = timeline.jobs.iter().map(|(provider, days)| (provider, *days));
                assert_eq!(earlier.with_jobs(jobs, &after.providers, rule_sets), *timeline, "{number} at {revision}");
                count(&self.compared.remade, 1);
            }
        }
    }

    /// Compares the changes of the record with the model tables before and after it.
    fn compare_changes(&self, revision: Revision, is: &Modelled, published: (&[Change], &Foreseen, u32)) {
        let (changes, foreseen, people) = published;
        let (span, today) = (self.span, is.model.today.unwrap());
        count(&self.compared.revisions, 1);
        count(&self.compared.changes, changes.len());
        if let Some(day) = self.history.opens_day(revision) {
            assert_eq!(changes, changes_on_opening(&is.table, span, day), "changes of {revision}, which opens {day}");
            return;
        }
        let was = Modelled::at(&self.history, revision.previous(), span);
        let mut expected = changes_of_days(&was.table, &is.table, span, Part::UpTo(today));
        let ahead = changes_of_days(&was.table, &is.table, span, Part::After(today));
        let holder = |number| self.history.credentials.iter().find(|one| one.0 == number).unwrap().1;
        let both: Vec<Change> = expected.iter().chain(&ahead).cloned().collect();
        assert_eq!(people as usize, people_in(&both, holder).len(), "people touched by {revision}");
        assert_eq!(foreseen.count as usize, ahead.len(), "how many changes {revision} foresees");
        assert_eq!(foreseen.first, ahead[..ahead.len().min(Foreseen::KEPT)], "what {revision} foresees, today {today}");
        expected.extend(changes_of_files(&was.table, &is.table));
        assert_eq!(changes, expected, "changes of {revision}, today {today}");
    }

    /// Compares every day of the window: rule set, provider days, credential days, designations.
    fn compare_days(&self, compiled: &Compiled, is: &Modelled) {
        let rule_sets = compiled.rule_sets.as_ref().unwrap();
        for day in self.span.days() {
            assert_eq!(rule_sets.in_force_on(day).id, is.model.rule_set_on(day).unwrap().id, "rule set on {day}");
            for (id, timeline) in &compiled.providers {
                let on = timeline.days.at(day);
                assert_eq!(on.qualifies, is.model.qualifies(id, day), "{id} qualifies on {day}");
                assert_eq!(on.suspended, is.model.is_suspended(id, day), "{id} is suspended on {day}");
                assert_eq!(on.service, is.model.service(id, day), "service of {id} on {day}");
                let current = !is.model.renewal_not_recorded(&[id], day);
                assert_eq!(on.qualifies && on.current, current, "{id} qualifies by a current certificate on {day}");
            }
        }
        assert_eq!(compiled.timelines.len(), is.walked.len(), "credentials");
        for (person, credential) in is.model.credentials() {
            let (timeline, walked) = (&compiled.timelines[&credential.number], &is.walked[&credential.number]);
            assert_eq!((timeline.void, timeline.effective_from), (credential.void, credential.effective_from));
            let prior_numbers: Vec<_> = timeline.prior_numbers().iter().map(ToString::to_string).collect();
            assert_eq!(prior_numbers, credential.prior_numbers);
            for day in self.span.days() {
                let (on, walked) = (timeline.days.at(day), walked.on(day));
                count(&self.compared.standings[walked.standing as usize], 1);
                let what = credential.number;
                assert_eq!((on.standing, on.reason), (walked.standing, walked.reason), "standing of {what} on {day}");
                assert_eq!(on.separated_since, walked.separated_since, "separation of {what} on {day}");
                assert_eq!(on.employed, is.model.is_employed(person, day), "holder of {what} employed on {day}");
                assert_eq!(on.coverage, is.model.coverage(person, day), "holder of {what} covered on {day}");
                for code in Designation::ALL {
                    let held = credential.designations.iter().any(|(c, days)| c == code && days.include(day));
                    assert_eq!(timeline.holds(*code, day), held, "{code:?} of {what} on {day}");
                }
            }
            count(&self.compared.days, self.span.days().count());
        }
        self.compare_next_change(compiled, is);
    }

    /// Compares the next day on which the published state of a subject changes.
    fn compare_next_change(&self, compiled: &Compiled, is: &Modelled) {
        let today = is.model.today.unwrap();
        let next = |table: &Table| {
            let mut ahead = self.span.days().filter(|day| *day > today);
            ahead.find(|day| turns_on(table, self.span, *day))
        };
        for number in is.walked.keys() {
            let expected = next(&is.table.of_credential(*number));
            let found = compiled.published.next_change_of_credential(*number, today);
            assert_eq!(found, expected, "the next change of {number} after {today}");
        }
        for id in compiled.providers.keys() {
            let expected = next(&is.table.of_provider(id));
            let found = compiled.published.next_change_of_provider(id, today);
            assert_eq!(found, expected, "the next change of {id} after {today}");
        }
    }

    /// Compares a copy built from the feed with the published state on every day up to today.
    fn compare_copy(&self, copy: &Copy, is: &Modelled) {
        let today = is.model.today.unwrap();
        assert_eq!(copy.differs_from(&is.table, today), None, "a copy of the feed, today {today}");
    }

    /// Asks a random question.
    fn ask(&mut self, compiled: &Compiled, is: &Modelled, copy: &Copy) {
        let random = &mut self.random;
        let width = self.span.last.number() - self.span.first.number();
        let day = self.span.first.plus(random.between(0, width));
        let nobody: ProviderId = "nobody".parse().unwrap();
        let provider = match random.between(0, 9) {
            0..=3 => None,
            4 => Some(&nobody),
            _ => Some(random.pick(&self.history.providers)),
        };
        let designations: Vec<Designation> = Designation::ALL.iter().copied().filter(|_| random.chance(15)).collect();
        let name = *random.pick(&[
            None,
            None,
            None,
            Some(NameMatch::Current),
            Some(NameMatch::Current),
            Some(NameMatch::Former),
            Some(NameMatch::Never),
        ]);
        let billing = provider.is_some() && random.chance(50);
        let credentials: Vec<_> = is.model.credentials().collect();
        let (found, subject) = match random.between(0, 19) {
            0 => (Found::Nothing, Subject::Nothing),
            1 => (Found::Several, Subject::Several),
            2 => (Found::Mistyped, Subject::Mistyped),
            _ if credentials.is_empty() => (Found::Nothing, Subject::Nothing),
            _ => {
                let (person, credential) = *random.pick(&credentials);
                let number = credential.number;
                (
                    Found::Credential(&compiled.timelines[&number]),
                    Subject::Credential(person, credential, &is.walked[&number]),
                )
            }
        };
        let asked = Asked { subject, day, provider, designations: &designations, billing, name };
        let question = Question {
            found,
            as_of: day,
            provider: provider.map(|id| compiled.asked_provider(id)),
            designations: designations.iter().copied().collect(),
            billing,
            name,
        };
        let answer = self.compare_answers(&question, asked, compiled, is);
        self.compare_verdicts(asked, &answer, is, copy);
    }

    /// Compares the verdict, all reasons and the other fields.
    fn compare_answers(&self, question: &Question<'_>, asked: Asked<'_>, compiled: &Compiled, is: &Modelled) -> Answer {
        let known = Known { rule_sets: compiled.rule_sets.as_ref(), today: compiled.today };
        let finding = question.answer(known);
        let answer = is.model.answer(asked);
        let found = Answer {
            verdict: finding.verdict,
            reasons: finding.reasons.iter().collect(),
            missing: finding.missing.iter().collect(),
            standing: finding.standing,
            may_practice: finding.may_practice,
        };
        let (day, provider) = (asked.day, asked.provider);
        assert_eq!(found, answer, "(compiled, model) on {day}, provider {provider:?}, billing {}", asked.billing);
        let settlement = known.settlement(day);
        assert_eq!(settlement.settles_on, is.model.settles_on(day), "{day} settles on");
        assert_eq!(settlement.settled, is.model.is_settled(day), "{day} is settled");
        answer.reasons.iter().for_each(|reason| count(&self.compared.reasons[*reason as usize], 1));
        count(&self.compared.questions, 1);
        self.compare_units(question, &answer, compiled, is);
        answer
    }

    fn compare_units(&self, question: &Question<'_>, answer: &Answer, compiled: &Compiled, is: &Modelled) {
        let (day, mut random) = (question.as_of, Random::new(self.random.clone().next()));
        let mut number = |high| u32::try_from(random.between(0, high)).unwrap();
        let units = Units { claimed: number(9), billed_that_day: number(8), billed_that_year: 180 + number(30) };
        let limits = compiled.rule_sets.as_ref().unwrap().coverage_limits(day, Some(units), answer.is_eligible());
        let payable = limits.payable.unwrap();
        let found = (payable.units, payable.daily_limit_exceeded, payable.yearly_limit_exceeded);
        assert_eq!(found, is.model.payable(day, units, answer.is_eligible()), "{units:?} on {day}");
        let (first, last) = is.model.unit_year(day);
        assert_eq!(limits.year, Period::from_inclusive(first, Some(last)), "year of {day}");
    }

    /// Checks properties of every answer, and compares with the copy's answer.
    fn compare_verdicts(&self, asked: Asked<'_>, answer: &Answer, is: &Modelled, copy: &Copy) {
        let Subject::Credential(_, credential, _) = asked.subject else { return };
        let today = is.model.today.unwrap();
        if asked.day > today || asked.name == Some(NameMatch::Never) {
            return;
        }
        // "Without P and up to today, CONFIRMED or CONFIRMED_WITH_LIMITS implies `may_practice`."
        if asked.provider.is_none() && answer.is_eligible() {
            assert_eq!(answer.may_practice, Some(true), "confirmed on {}", asked.day);
        }
        let by_copy = copy.verdict(credential.number, (asked.provider, asked.billing), asked.designations, asked.day);
        assert_eq!(by_copy, answer.verdict, "(copy, registry) on {}, provider {:?}", asked.day, asked.provider);
    }
}

/// Checks the history of a seed, and prints the seed when it fails.
fn check(seed: u64, compared: &Compared) {
    if let Err(failure) = catch_unwind(AssertUnwindSafe(|| Check::of(seed, compared).run())) {
        eprintln!("failed: run again with CPSS_SEED={seed} CPSS_HISTORIES=1");
        resume_unwind(failure);
    }
}

fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn the_compiled_walk_agrees_with_the_model() {
    let first = number_from("CPSS_SEED").unwrap_or(1);
    let histories = number_from("CPSS_HISTORIES").unwrap_or(1_000);
    let threads = std::thread::available_parallelism().map_or(2, usize::from) as u64;
    let compared = Compared::default();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let compared = &compared;
            scope.spawn(move || {
                (first..first + histories)
                    .skip(usize::try_from(thread).unwrap())
                    .step_by(usize::try_from(threads).unwrap())
                    .for_each(|seed| check(seed, compared));
            });
        }
    });
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    println!(
        "{histories} histories, {} revisions, {} credential days, {} questions, {} changes",
        read(&compared.revisions),
        read(&compared.days),
        read(&compared.questions),
        read(&compared.changes)
    );
    let (standings, reasons) =
        (Standing::ALL.iter().zip(&compared.standings), Reason::ALL.iter().zip(&compared.reasons));
    standings.for_each(|(standing, days)| println!("{:>12} days {standing:?}", read(days)));
    reasons.for_each(|(reason, answers)| println!("{:>12} answers {reason:?}", read(answers)));
    if histories >= 1_000 {
        assert!(read(&compared.remade) > 10_000, "timelines made from the earlier ones: {}", read(&compared.remade));
        let never: Vec<_> = Standing::ALL.iter().zip(&compared.standings).filter(|one| read(one.1) == 0).collect();
        assert!(never.is_empty(), "standings that no history reaches: {never:?}");
        let never: Vec<_> = Reason::ALL.iter().zip(&compared.reasons).filter(|one| read(one.1) == 0).collect();
        assert!(never.is_empty(), "reasons that no answer gives: {never:?}");
    }
}
