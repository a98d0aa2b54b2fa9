//! The impact of a record: whose answers it may change, and how their published state differs before and after it.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use smallvec::SmallVec;

use super::batch::Batch;
use super::errors::ReadError;
use super::prefetch::prefetch_files;
use super::receipt::JOBS_KEPT;
use super::timeline_cache::{Staff, add_to_staff, merge_staff};
use crate::domain::day::{Day, Period};
use crate::domain::diff::{Differences, PublishedState, differences};
use crate::domain::fact::{Fact, ProviderFact, Recorded, SpecialistFact};
use crate::domain::id::{CredentialNumber, ProviderId, SpecialistId};
use crate::domain::provider::ProviderFile;
use crate::domain::published_credential::PublishedCredential;
use crate::domain::record::Record;
use crate::domain::rule_sets::RuleSets;
use crate::domain::specialist::{About, Credential, Specialist};
use crate::domain::specialist_file::SpecialistFile;
use crate::domain::timeline::{self, Employers, Timeline};
use crate::store::in_parts::in_parts;
use crate::store::index::{Entry, Moved, View as _};

/// The maximum number of people in a record whose files are kept for the next commands. Those of a whole staff would
/// take the place of all others.
const FILES_KEPT: usize = 64;

impl Batch<'_> {
    /// Returns what a record changes.
    pub(super) fn impact(&self, cause: &Cause<'_>) -> Result<Impact, ReadError> {
        let mut parts = in_parts(&cause.reported, |people| {
            self.take_files_of(people);
            self.prefetch(people);
            let mut part = ImpactOfPart::new(self, cause);
            people.iter().try_for_each(|reported| part.add_person(reported)).map(|()| part.impact)
        })?;
        parts.extend(in_parts(&self.touched(cause)?, |numbers| {
            self.shared.prefetch_timelines(numbers.iter().copied());
            let mut part = ImpactOfPart::new(self, cause);
            numbers.iter().try_for_each(|number| part.add_touched(*number)).map(|()| part.impact)
        })?);
        let mut impact = parts.into_iter().reduce(Impact::with).unwrap_or_default();
        self.add_impact_on_providers(cause, &mut impact);
        Ok(impact)
    }

    /// Takes the files of some people out of the cache. Without it a file is not shared, and facts are added without
    /// copying it.
    fn take_files_of(&self, people: &[Reported<'_>]) {
        let mut cache = self.files();
        for reported in people {
            let mut file = reported.file();
            *file = file.take().or_else(|| cache.remove(reported.id));
        }
    }

    /// Touches what is in memory of several people.
    fn prefetch(&self, people: &[Reported<'_>]) {
        if people.len() < 2 {
            return;
        }
        let files: Vec<_> = people.iter().filter_map(|reported| reported.file().clone()).collect();
        prefetch_files(files.iter());
        let credentials = files.iter().flat_map(|file| &file.known_now().credentials);
        self.shared.prefetch_timelines(credentials.map(|credential| credential.number));
    }

    /// Returns the credentials that a record may change although it has no facts about them: everybody's if it changes
    /// the rule sets, otherwise those of the staff of the providers that it changes.
    fn touched(&self, cause: &Cause<'_>) -> Result<Vec<CredentialNumber>, ReadError> {
        let mut numbers = Vec::new();
        if cause.rule_sets_changed {
            numbers.extend(self.pending.credentials()?.into_iter().map(|(number, _)| number));
        }
        for (provider, _) in &cause.unlike {
            numbers.append(&mut self.credentials_of_staff(provider)?);
        }
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    }

    /// Adds what a record changes about providers, and about the first day of complete records.
    fn add_impact_on_providers(&self, cause: &Cause<'_>, impact: &mut Impact) {
        let (mut before, mut after) = (PublishedState::default(), PublishedState::default());
        before.records_begin = self.head.rule_sets.records_begin();
        after.records_begin = cause.rule_sets.records_begin();
        for (id, file) in &cause.providers {
            after.add_provider(id, &file.state, &file.timeline);
            if let Some(file) = self.provider(id) {
                before.add_provider(id, &file.state, &file.timeline);
            }
            let due = after.next_change_of_provider(id, cause.today);
            let was_due = before.next_change_of_provider(id, self.head.today);
            if was_due != due {
                impact.moved.push(Moved::new(&Entry::Provider(id.clone()), was_due, due));
            }
        }
        impact.differences.extend(differences(&before, &after));
    }

    /// Returns the employers of a credential's holder.
    pub(super) fn employers_of(&self, timeline: &Timeline) -> Employers {
        timeline::employers(timeline.jobs.iter().map(|(provider, _)| provider), |id| self.provider(id))
    }
}

/// The impact of a record on some people.
struct ImpactOfPart<'a, 'b, 'r> {
    batch: &'a Batch<'b>,
    cause: &'a Cause<'r>,
    /// The employers of these people, before and after the record.
    before: Employers,
    after: Employers,
    impact: Impact,
}

impl<'a, 'b, 'r> ImpactOfPart<'a, 'b, 'r> {
    fn new(batch: &'a Batch<'b>, cause: &'a Cause<'r>) -> ImpactOfPart<'a, 'b, 'r> {
        let (before, after) = (Employers::default(), Employers::default());
        ImpactOfPart { batch, cause, before, after, impact: Impact::default() }
    }

    /// Adds the impact on a person of whom the record has facts.
    fn add_person(&mut self, reported: &Reported<'_>) -> Result<(), ReadError> {
        let (batch, cause, id) = (self.batch, self.cause, reported.id);
        let read = reported.file().take();
        let file = read.map_or_else(|| batch.read_file(id), |file| Ok(Some(file)))?;
        let mut file = file.unwrap_or_else(|| Arc::new(SpecialistFile::new(id, Vec::new())));
        let facts = reported.facts.iter().copied();
        let recorded = || facts.clone().map(|(at, fact)| cause.record.recorded(at, fact.clone())).collect();
        let is_about_jobs = facts.clone().all(|(_, fact)| matches!(fact.about(), About::Job(_)));
        let known = if cause.reported.len() <= FILES_KEPT {
            Arc::make_mut(&mut file).add(recorded());
            let known = Arc::clone(file.known_now());
            self.impact.files.push(file);
            known
        } else {
            let facts = facts.clone().map(|(at, fact)| (cause.record.fact_id(at), fact));
            Arc::unwrap_or_clone(file).into_known_with(facts, recorded)
        };
        self.look_up_after(known.jobs.iter().map(|job| &job.provider));
        for credential in &known.credentials {
            self.add_credential(&known, credential, is_about_jobs)?;
        }
        if reported.is_shown {
            self.impact.people.push(known);
        }
        Ok(())
    }

    /// Adds the impact on a credential of a person of whom the record has facts.
    fn add_credential(
        &mut self,
        known: &Specialist,
        credential: &Credential,
        is_about_jobs: bool,
    ) -> Result<(), ReadError> {
        // The earlier timeline is resident, staged or read from the index.
        let earlier = self.batch.timeline(credential.number)?;
        let timeline = match &earlier {
            Some(earlier) if is_about_jobs => {
                let jobs = known.jobs.iter().map(|job| (&job.provider, job.days));
                earlier.with_jobs(jobs, &self.after, self.cause.rule_sets)
            }
            _ => Timeline::compile(known, credential, &self.after, self.cause.rule_sets),
        };
        self.add_difference(earlier.as_deref(), timeline);
        Ok(())
    }

    /// Adds the impact on a credential that the record may only touch: the holder has a job on days on which the effect
    /// of the employer changes, or the rule sets change.
    fn add_touched(&mut self, number: CredentialNumber) -> Result<(), ReadError> {
        let Some(earlier) = self.batch.timeline(number)? else { return Ok(()) };
        if self.cause.reports_on(earlier.specialist) || !self.cause.concerns(&earlier) {
            return Ok(());
        }
        self.look_up_after(earlier.jobs.iter().map(|(provider, _)| provider));
        let jobs = earlier.jobs.iter().map(|(provider, days)| (provider, *days));
        let timeline = earlier.with_jobs(jobs, &self.after, self.cause.rule_sets);
        self.add_difference(Some(&earlier), timeline);
        Ok(())
    }

    /// Adds the difference between two timelines of a credential.
    fn add_difference(&mut self, earlier: Option<&Timeline>, timeline: Timeline) {
        let before = earlier.into_iter().flat_map(|earlier| &earlier.jobs).map(|(provider, _)| provider);
        timeline::add_employers(&mut self.before, before, |id| self.batch.provider(id));
        let (number, impact) = (timeline.number, &mut self.impact);
        let was = earlier.map(|earlier| PublishedCredential::of(earlier, &self.before));
        let is = PublishedCredential::of(&timeline, &self.after);
        impact.differences.add_credential(number, was.as_ref(), Some(&is));
        let was_due = was.and_then(|was| was.next_change(self.batch.head.today));
        let due = is.next_change(self.cause.today);
        drop(is);
        if was_due != due {
            impact.moved.push(Moved::new(&Entry::Credential(number), was_due, due));
        }
        add_to_staff(&mut impact.joined, &timeline, earlier);
        impact.timelines.push(Arc::new(timeline));
    }

    /// Looks up employers as they are after the record.
    fn look_up_after<'p>(&mut self, providers: impl Iterator<Item = &'p ProviderId>) {
        let file = |id: &ProviderId| self.cause.providers.get(id).cloned().or_else(|| self.batch.provider(id));
        timeline::add_employers(&mut self.after, providers, file);
    }
}

/// A person of whom a record has facts.
struct Reported<'r> {
    id: SpecialistId,
    /// The facts, with their places in the record.
    facts: SmallVec<[(usize, &'r SpecialistFact); 2]>,
    /// The file, if it was read for the decision, or was in the cache. It is taken when it is used.
    file: Mutex<Option<Arc<SpecialistFile>>>,
    /// Whether the receipt may show the person.
    is_shown: bool,
}

impl Reported<'_> {
    fn file(&self) -> MutexGuard<'_, Option<Arc<SpecialistFile>>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A record, and whom it may concern.
pub(super) struct Cause<'r> {
    record: &'r Record,
    /// The people of whom it has facts, by id: in the order in which their files were read, so that they are near each
    /// other in memory.
    reported: Vec<Reported<'r>>,
    /// The files of providers that the record changes, as they are after it. If it changes the rule sets, all of them.
    pub(super) providers: HashMap<ProviderId, Arc<ProviderFile>>,
    /// The providers whose effect on their staff it changes, and the days on which it does.
    unlike: Vec<(ProviderId, Period)>,
    /// The rule sets after the record.
    rule_sets: &'r RuleSets,
    rule_sets_changed: bool,
    /// The open day after the record.
    today: Day,
}

impl<'r> Cause<'r> {
    /// Returns what a record may change on top of a batch. `files` were read for the decision; `rule_sets` are those in
    /// force after the record.
    pub(super) fn of(
        record: &'r Record,
        files: Vec<Arc<SpecialistFile>>,
        batch: &Batch<'_>,
        rule_sets: &'r Arc<RuleSets>,
        today: Day,
    ) -> Cause<'r> {
        let rule_sets_changed = !Arc::ptr_eq(rule_sets, &batch.head.rule_sets);
        let mut of_people: Vec<(SpecialistId, usize, &SpecialistFact)> = Vec::with_capacity(record.facts.len());
        let mut of_providers: HashMap<_, Vec<Recorded<ProviderFact>>> = HashMap::new();
        if rule_sets_changed {
            of_providers.extend(batch.provider_ids().into_iter().map(|id| (id, Vec::new())));
        }
        for (at, fact) in record.facts.iter().enumerate() {
            match fact {
                Fact::Specialist(id, fact) => of_people.push((*id, at, fact)),
                Fact::Provider(id, fact) => {
                    of_providers.entry(id.clone()).or_default().push(record.recorded(at, fact.clone()));
                }
                Fact::Registry(_) => {}
            }
        }
        let reported = reported(of_people, files);
        let (mut providers, mut unlike) = (HashMap::new(), Vec::new());
        for (id, new) in of_providers {
            let before = batch.provider(&id);
            let mut facts = before.as_ref().map(|file| file.facts.clone()).unwrap_or_default();
            facts.extend(new);
            let after = Arc::new(ProviderFile::new(id.clone(), facts, rule_sets));
            let days = before.map_or(Some(Period::ALWAYS), |file| file.timeline.days_unlike_for_staff(&after.timeline));
            // If the rule sets change, everybody is concerned.
            unlike.extend(days.filter(|_| !rule_sets_changed).map(|days| (id.clone(), days)));
            providers.insert(id, after);
        }
        Cause { record, reported, providers, unlike, rule_sets, rule_sets_changed, today }
    }

    /// True if the record has facts of a person.
    fn reports_on(&self, id: SpecialistId) -> bool {
        self.reported.binary_search_by_key(&id, |reported| reported.id).is_ok()
    }

    /// True if the record may change answers about a credential of whose holder it has no facts: the holder has a job
    /// on days on which the effect of the employer changes.
    fn concerns(&self, timeline: &Timeline) -> bool {
        self.rule_sets_changed
            || timeline.jobs.iter().any(|(employer, job)| {
                self.unlike.iter().any(|(provider, days)| provider == employer && !job.intersect(*days).is_empty())
            })
    }
}

/// Returns the people of whom a record has facts, by id. The facts are in their order, with their places.
fn reported<'r>(
    mut facts: Vec<(SpecialistId, usize, &'r SpecialistFact)>,
    mut files: Vec<Arc<SpecialistFile>>,
) -> Vec<Reported<'r>> {
    let mut shown: BTreeSet<SpecialistId> = BTreeSet::new();
    for (id, ..) in &facts {
        if shown.len() == JOBS_KEPT {
            break;
        }
        shown.insert(*id);
    }
    // Those of a whole staff are in order already. The sort is stable.
    facts.sort_by_key(|(id, ..)| *id);
    files.sort_by_key(|file| file.id);
    let mut files = files.into_iter().peekable();
    let people = facts.chunk_by(|(one, ..), (next, ..)| one == next).filter_map(|facts| {
        let (id, ..) = *facts.first()?;
        while files.next_if(|file| file.id < id).is_some() {}
        let file = Mutex::new(files.next_if(|file| file.id == id));
        let facts = facts.iter().map(|(_, at, fact)| (*at, *fact)).collect();
        Some(Reported { id, facts, file, is_shown: shown.contains(&id) })
    });
    people.collect()
}

/// What a record changes.
#[derive(Default)]
pub(super) struct Impact {
    pub(super) differences: Differences,
    /// The due dates that change: those of subjects whose next change falls on another day than before.
    pub(super) moved: Vec<Moved>,
    /// The timelines of everyone whose answers it may change.
    pub(super) timelines: Vec<Arc<Timeline>>,
    /// The credentials of those who begin to work for a provider.
    pub(super) joined: Staff,
    /// The people of whom it has facts: those whom the receipt may show.
    pub(super) people: Vec<Arc<Specialist>>,
    /// The files of the people of whom it has facts, with these facts. None if they are many.
    pub(super) files: Vec<Arc<SpecialistFile>>,
}

impl Impact {
    /// Adds what it changes about others.
    fn with(mut self, other: Impact) -> Impact {
        let Impact { differences, moved, timelines, joined, people, files } = other;
        self.differences.extend(differences);
        self.moved.extend(moved);
        self.timelines.extend(timelines);
        merge_staff(&mut self.joined, joined);
        self.people.extend(people);
        self.files.extend(files);
        self
    }
}
