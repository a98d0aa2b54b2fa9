//! The cache of timelines in memory.
//!
//! Questions do not wait for the warm-up: a question whose credential is missing loads it, while a low-priority thread
//! loads the rest. Three kinds of threads write to the cache. None of them leaves a stale entry behind, because:
//!
//! * The writer folds its records into the index, then replaces every provider and every timeline that they may change,
//!   then publishes the head. It also inserts timelines that were missing.
//! * A reader only inserts missing timelines, and entries are never evicted. So the writer's version always wins,
//!   whether the reader inserts before it (and is overwritten) or after it (and does nothing).
//! * A reader may see records that are folded but not yet published, and the providers from before or after them. If
//!   that affects the timeline, its `changed_at` is that of the person's newest fact or of the newest provider, which
//!   is later than the published head, so no question that has pinned a published head uses it. The writer replaces it
//!   before it publishes the head.
//!
//! After the warm-up has read the whole index, every credential issued before it started is in memory because the
//! warm-up loaded it, and every later one because the writer inserted it. From then on a missing number was never
//! issued, and the disk is not read.

use std::collections::HashMap;
use std::convert::Infallible;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use foldhash::fast::RandomState;

use super::head::ResidentCredential;
use crate::domain::id::{CredentialNumber, ProviderId, Revision};
use crate::domain::timeline::Timeline;
use crate::store::in_parts::in_parts;

/// The pause before a failed warm-up restarts.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// The timelines in memory.
#[derive(Default)]
pub(super) struct TimelineCache {
    credentials: papaya::HashMap<CredentialNumber, ResidentCredential, RandomState>,
    /// The staff of each provider, for the cascades.
    staff: Mutex<StaffList>,
    is_complete: AtomicBool,
    is_closing: AtomicBool,
    warm_up: Mutex<Option<JoinHandle<()>>>,
}

/// A pinned view of the cache. Do not hold it for long: replaced entries are not freed in the meantime.
pub(super) struct Seen<'a> {
    is_complete: bool,
    credentials: papaya::HashMapRef<'a, CredentialNumber, ResidentCredential, RandomState, papaya::LocalGuard<'a>>,
}

/// The result of a lookup in memory.
pub(super) enum Looked<'a> {
    /// The timeline is in memory.
    Here(&'a ResidentCredential),
    /// The credential was never issued.
    Unknown,
    /// The timeline is not in memory; only the disk can tell.
    NotHere,
}

/// The credentials of everyone whose job with a provider is in force at a revision, or at a later one. Those of people
/// whose jobs there were retracted since may be among them.
#[derive(Default)]
struct StaffList {
    by_provider: Staff,
    /// The revision. A timeline that was loaded tells nothing about jobs that were retracted before.
    since: Revision,
}

/// The credentials of each provider's staff.
pub(super) type Staff = HashMap<ProviderId, Vec<CredentialNumber>, RandomState>;

/// Adds a credential to the staff of each employer that is not in an earlier timeline of it.
pub(super) fn add_to_staff(staff: &mut Staff, timeline: &Timeline, earlier: Option<&Timeline>) {
    for provider in timeline.employers_since(earlier) {
        let Some(numbers) = staff.get_mut(provider) else {
            staff.insert(provider.clone(), vec![timeline.number]);
            continue;
        };
        // Another job with the same employer was just added.
        if numbers.last() != Some(&timeline.number) {
            numbers.push(timeline.number);
        }
    }
}

/// Adds credentials to the staff of providers.
pub(super) fn merge_staff(staff: &mut Staff, joined: Staff) {
    for (provider, numbers) in joined {
        staff.entry(provider).or_default().extend(numbers);
    }
}

impl Seen<'_> {
    /// Looks a credential up without reading the disk.
    pub(super) fn look(&self, number: CredentialNumber) -> Looked<'_> {
        match self.credentials.get(&number) {
            Some(resident) => Looked::Here(resident),
            None if self.is_complete => Looked::Unknown,
            None => Looked::NotHere,
        }
    }
}

impl TimelineCache {
    /// Pins the current contents.
    pub(super) fn see(&self) -> Seen<'_> {
        // Load the flag first: otherwise a timeline that is inserted between the two loads would be taken for unknown.
        Seen { is_complete: self.is_complete(), credentials: self.credentials.pin() }
    }

    /// True if every published timeline is in memory.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete.load(Ordering::Acquire)
    }

    /// Returns a timeline, if it is in memory.
    pub(super) fn get(&self, number: CredentialNumber) -> Option<ResidentCredential> {
        self.credentials.pin().get(&number).cloned()
    }

    /// Returns the number of timelines in memory.
    pub(super) fn len(&self) -> usize {
        self.credentials.len()
    }

    /// Returns the numbers of the credentials in memory.
    pub(super) fn numbers(&self) -> Vec<CredentialNumber> {
        self.credentials.pin().keys().copied().collect()
    }

    /// Returns the credentials of everyone whose job with a provider is in force at a revision or at a later one, and
    /// perhaps others, in any order. `None` unless every published timeline is in memory, and if one of them was loaded
    /// at a later revision.
    pub(super) fn credentials_of_staff(&self, provider: &ProviderId, at: Revision) -> Option<Vec<CredentialNumber>> {
        if !self.is_complete() {
            return None;
        }
        let staff = self.staff();
        (staff.since <= at).then(|| staff.by_provider.get(provider).cloned().unwrap_or_default())
    }

    /// The staff. It is locked while a timeline is inserted: no thread finds a timeline that is not here.
    fn staff(&self) -> MutexGuard<'_, StaffList> {
        self.staff.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Inserts timelines that changed at a revision, and overwrites existing ones. `joined` are their credentials by
    /// each employer that was not in the existing one. Only the writer may call this.
    pub(super) fn replace(&self, timelines: &[Arc<Timeline>], changed_at: Revision, joined: Staff) {
        let mut staff = self.staff();
        let Ok(_) = in_parts(timelines, |timelines| {
            let credentials = self.credentials.pin();
            // The earlier ones are anywhere in memory. The processor fetches them at the same time.
            let earlier = timelines.iter().filter_map(|timeline| credentials.get(&timeline.number));
            black_box(earlier.fold(0, |seen, resident| resident.timeline.number.number() ^ seen));
            for timeline in timelines {
                let resident = ResidentCredential { changed_at, timeline: Arc::clone(timeline) };
                credentials.insert(timeline.number, resident);
            }
            Ok::<_, Infallible>(())
        });
        merge_staff(&mut staff.by_provider, joined);
    }

    /// Inserts timelines that are missing, and keeps existing ones.
    pub(super) fn add(&self, residents: Vec<ResidentCredential>) {
        let (credentials, mut staff) = (self.credentials.pin(), self.staff());
        for resident in residents {
            let (timeline, changed_at) = (Arc::clone(&resident.timeline), resident.changed_at);
            if credentials.try_insert(timeline.number, resident).is_ok() {
                add_to_staff(&mut staff.by_provider, &timeline, None);
                staff.since = staff.since.max(changed_at);
            }
        }
    }

    /// Marks the warm-up as complete.
    pub(super) fn mark_complete(&self) {
        self.is_complete.store(true, Ordering::Release);
    }

    /// Pauses before a failed warm-up restarts. Breaks if the registry closes.
    pub(super) fn pause_before_retry(&self) -> ControlFlow<()> {
        std::thread::park_timeout(RETRY_PAUSE);
        if self.is_closing() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// True if the warm-up must stop.
    pub(super) fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Acquire)
    }

    /// Keeps the handle of the warm-up thread, so that it can be stopped with the registry.
    pub(super) fn set_warm_up_thread(&self, warm_up: JoinHandle<()>) {
        *self.warm_up.lock().unwrap_or_else(PoisonError::into_inner) = Some(warm_up);
    }

    /// Stops the warm-up, and waits until its thread has ended.
    pub(super) fn close(&self) {
        self.is_closing.store(true, Ordering::Release);
        let warm_up = self.warm_up.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = warm_up {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!(
                    event = "timeline_warm_up_panicked",
                    "timeline cache warm-up ended: its thread panicked"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::day::{Day, Period};
    use crate::domain::fact::IssuanceBasis;
    use crate::domain::id::{EmploymentId, FactId, SpecialistId};
    use crate::domain::rule_sets::RuleSets;
    use crate::domain::specialist::{Credential, Job, Specialist};
    use crate::domain::timeline::Employers;

    /// The timeline of a person with jobs with some providers.
    fn resident(number: u64, providers: &[&str]) -> ResidentCredential {
        let (fact, day) = (FactId { revision: Revision(1), index: 0 }, Day::from_number(20_000));
        let days = Period { start: day, end: Day::FOREVER };
        let credential = Credential {
            number: CredentialNumber::from_number(number),
            fact,
            void: false,
            effective_from: day,
            rule_set: "cpss-guide".into(),
            basis: IssuanceBasis::Evaluated,
            terms: vec![days],
            acts: Vec::new(),
            periods: Vec::new(),
            prior_numbers: Vec::new(),
        };
        let job = |provider: &&str| Job {
            employment: EmploymentId::from_number(1),
            fact,
            provider: provider.parse().unwrap(),
            position: "peer".into(),
            supervised: true,
            days,
            first_reported: days.start,
        };
        let person = Specialist {
            id: SpecialistId::from_number(number),
            names: Vec::new(),
            birth_date: None,
            death_date: None,
            credentials: Vec::new(),
            jobs: providers.iter().map(job).collect(),
        };
        let sets = crate::rules::shipped().unwrap().into_iter().map(|text| Arc::new(text.set)).collect();
        let rule_sets = RuleSets::new(sets, None).unwrap();
        let timeline = Timeline::compile(&person, &credential, &Employers::default(), &rule_sets);
        ResidentCredential { changed_at: Revision(1), timeline: Arc::new(timeline) }
    }

    #[test]
    fn the_staff_of_a_provider_is_complete_once_every_timeline_is_in_memory() {
        let cache = TimelineCache::default();
        let staff = |provider: &str| {
            assert_eq!(
                cache.credentials_of_staff(&provider.parse().unwrap(), Revision::ZERO),
                None,
                "it was loaded later"
            );
            let numbers = cache.credentials_of_staff(&provider.parse().unwrap(), Revision(1));
            numbers.map(|numbers| numbers.iter().map(|number| number.number()).collect::<Vec<_>>())
        };
        let replace = |earlier: Option<&ResidentCredential>, resident: ResidentCredential| {
            let mut joined = Staff::default();
            add_to_staff(&mut joined, &resident.timeline, earlier.map(|earlier| &*earlier.timeline));
            cache.replace(&[resident.timeline], Revision(2), joined);
        };
        cache.add(vec![resident(1, &["a", "b", "a"]), resident(2, &["b"])]);
        // The writer comes between a reader and the warm-up, whose timeline is older.
        replace(Some(&resident(2, &["b"])), resident(2, &["b", "c", "c"]));
        replace(None, resident(3, &["a"]));
        cache.add(vec![resident(2, &["b"]), resident(4, &["c"])]);
        assert_eq!(staff("a"), None, "the warm-up is not over");
        cache.mark_complete();
        assert_eq!((staff("a"), staff("b")), (Some(vec![1, 3]), Some(vec![1, 2])));
        replace(Some(&resident(3, &["a"])), resident(3, &["c", "a"]));
        replace(Some(&resident(1, &["a", "b", "a"])), resident(1, &["b"]));
        assert_eq!((staff("c"), staff("d")), (Some(vec![2, 4, 3]), Some(vec![])));
    }
}
