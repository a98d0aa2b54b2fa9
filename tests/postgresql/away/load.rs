//! Callers of a replica, and what they see.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cpss_registry::proto::v1;
use cpss_registry::registry::clock;
use prost_types::Timestamp;
use tokio::task::JoinHandle;

use crate::fleet::Replica;
use crate::harness::requests::{register_specialist, verify};
use crate::harness::{Client, Promised as _, Refusal as _};
use crate::replicas::DAY;

/// The pause between two calls of a caller.
const PAUSE: Duration = Duration::from_millis(10);

/// How late something may be because the machine is busy.
const BUSY: Duration = Duration::from_secs(2);

/// How long a writer may wait on a busy machine once the outage is known. On an idle one it is some milliseconds.
const AT_ONCE: Duration = Duration::from_secs(1);

/// The time now, as a message.
pub fn now() -> Timestamp {
    let now = clock::now();
    Timestamp { seconds: now.as_second(), nanos: now.subsec_nanosecond() }
}

/// A call: when it began, how long it took, and what came of it.
struct Called<T> {
    begun: Instant,
    took: Duration,
    outcome: Result<T, String>,
}

/// Callers that go on until they are stopped.
pub struct Load {
    stop: Arc<AtomicBool>,
    pinned: JoinHandle<Vec<Called<()>>>,
    head: JoinHandle<Vec<Called<Duration>>>,
    writers: Vec<JoinHandle<(Vec<Registration>, Vec<String>)>>,
}

/// A registration: the name of the person, and the revision.
type Registration = Called<(String, u64)>;

/// What callers saw from the moment on when the database went away.
pub struct Seen {
    away: Instant,
    back: Instant,
    pinned: Vec<Called<()>>,
    head: Vec<Called<Duration>>,
    writes: Vec<Registration>,
    /// The reports that were acknowledged, before and after too: the family name and the revision.
    pub acknowledged: Vec<(String, u64)>,
    /// The family names of the reports that were refused, and of which surely nothing was recorded.
    pub refused: Vec<String>,
}

async fn repeat<T, F: Future<Output = Result<T, String>>>(
    stop: Arc<AtomicBool>,
    mut call: impl FnMut() -> F,
) -> Vec<Called<T>> {
    let mut called = Vec::new();
    while !stop.load(Ordering::Acquire) {
        let begun = Instant::now();
        let outcome = call().await;
        called.push(Called { begun, took: begun.elapsed(), outcome });
        tokio::time::sleep(PAUSE).await;
    }
    called
}

/// Asks a question at the head. Returns how old the answer may be.
async fn age_at_head(client: &Client, number: &str) -> Result<Duration, String> {
    let answered = client.call(verify(number, DAY, None)).await.map_err(|refused| refused.reason())?;
    let confirmed = answered.verification.and_then(|found| found.answer?.head_confirmed_at);
    let Timestamp { seconds, nanos } = confirmed.ok_or("no head_confirmed_at")?;
    let confirmed = jiff::Timestamp::new(seconds, nanos).map_err(|error| error.to_string())?;
    Ok(clock::now().duration_since(confirmed).try_into().unwrap_or_default())
}

impl Load {
    /// Begins to ask about a credential, at a revision and at the head, and to report people.
    pub fn begin(replica: &Replica, number: &str, revision: u64, expected: Vec<u8>) -> Load {
        static REPORTED: AtomicU64 = AtomicU64::new(0);
        let stop = Arc::new(AtomicBool::new(false));
        let (client, asked) = (replica.registrar(), number.to_owned());
        let pinned = tokio::spawn(repeat(Arc::clone(&stop), move || {
            let (client, asked, expected) = (client.clone(), asked.clone(), expected.clone());
            async move {
                let answered = client.call(verify(&asked, DAY, revision)).await.map_err(|refused| refused.reason())?;
                if answered.promised_bytes() == expected { Ok(()) } else { Err("other bytes".to_owned()) }
            }
        }));
        let (client, asked) = (replica.registrar(), number.to_owned());
        let head = tokio::spawn(repeat(Arc::clone(&stop), move || {
            let (client, asked) = (client.clone(), asked.clone());
            async move { age_at_head(&client, &asked).await }
        }));
        let writers = (0..2).map(|_| {
            let (client, stop) = (replica.registrar(), Arc::clone(&stop));
            tokio::spawn(async move {
                // A request whose outcome was not known is sent again until it is recorded.
                let mut unknown: Option<v1::RegisterSpecialistRequest> = None;
                let (mut all, mut dropped) = (Vec::new(), Vec::new());
                loop {
                    let is_over = stop.load(Ordering::Acquire) && unknown.is_none();
                    if is_over {
                        return (all, dropped);
                    }
                    let was_unknown = unknown.is_some();
                    let request = unknown.take().unwrap_or_else(|| {
                        let at = REPORTED.fetch_add(1, Ordering::Relaxed);
                        register_specialist("Ada", &format!("Example-Away-{at}"))
                    });
                    let name = request.name.as_ref().unwrap().family_name.clone();
                    let begun = Instant::now();
                    let outcome = match client.call(request.clone()).await {
                        Ok(recorded) => Ok((name, recorded.revision)),
                        Err(refused) => {
                            let reason = refused.reason();
                            if was_unknown || reason == "OUTCOME_UNKNOWN" {
                                unknown = Some(request);
                            } else {
                                dropped.push(name);
                            }
                            Err(reason)
                        }
                    };
                    all.push(Called { begun, took: begun.elapsed(), outcome });
                    tokio::time::sleep(PAUSE).await;
                }
            })
        });
        let writers = writers.collect();
        Load { stop, pinned, head, writers }
    }

    /// Stops the callers.
    pub async fn end(self, away: Instant, back: Instant) -> Seen {
        self.stop.store(true, Ordering::Release);
        let (mut writes, mut refused) = (Vec::new(), Vec::new());
        for writer in self.writers {
            let (all, dropped) = writer.await.unwrap();
            writes.extend(all);
            refused.extend(dropped);
        }
        let acknowledged = writes.iter().filter_map(|call| call.outcome.clone().ok()).collect();
        let (mut pinned, mut head) = (self.pinned.await.unwrap(), self.head.await.unwrap());
        // A call that the outage met may have begun before.
        pinned.retain(|call| call.begun + call.took > away);
        head.retain(|call| call.begun + call.took > away);
        writes.retain(|call| call.begun + call.took > away);
        Seen { away, back, pinned, head, writes, acknowledged, refused }
    }
}

impl Seen {
    /// The calls of writers that were refused while the database was away: when they began after it went, and how long
    /// they took.
    fn refused_writes(&self) -> impl Iterator<Item = (Duration, Duration, &str)> {
        let refused = self.writes.iter().filter(|call| call.begun < self.back);
        refused.filter_map(|call| {
            let reason = call.outcome.as_ref().err()?;
            Some((call.begun.saturating_duration_since(self.away), call.took, reason.as_str()))
        })
    }

    /// Questions at a known revision are answered all the time; those at the head, as long as that may be.
    pub fn follows_the_ladder(&self, serve_stale_for: Duration) {
        let failed: Vec<_> = self.pinned.iter().filter_map(|call| call.outcome.as_ref().err()).collect();
        assert!(failed.is_empty() && self.pinned.len() > 100, "{failed:?} of {}", self.pinned.len());
        let slowest = self.pinned.iter().map(|call| call.took).max().unwrap();
        assert!(slowest < BUSY, "a question at a known revision took {slowest:?}");
        let slowest = self.head.iter().map(|call| call.took).max().unwrap();
        assert!(slowest < BUSY, "a question at the head took {slowest:?}");
        let mut stale = 0;
        for call in &self.head {
            let since = call.begun.saturating_duration_since(self.away);
            match &call.outcome {
                Ok(age) => assert!(*age <= serve_stale_for + BUSY, "{since:?}: an answer of {age:?} ago"),
                Err(reason) => {
                    assert_eq!(reason, "REPLICA_STALE", "{since:?}");
                    assert!(since + BUSY >= serve_stale_for, "refused after {since:?}");
                    stale += 1;
                }
            }
            let is_over = call.begun >= self.back;
            let is_too_late = since > serve_stale_for + BUSY && !is_over;
            assert!(!(is_too_late && call.outcome.is_ok()), "answered after {since:?}");
        }
        assert!(stale > 0 || self.back - self.away < serve_stale_for + BUSY, "{stale} refusals");
        assert!(self.head.last().unwrap().outcome.is_ok(), "answered again");
    }

    /// The first writers wait as long as the replica is patient, and all others are refused at once.
    pub fn writers_learn_it_at_once(&self, patience: Duration) {
        let slowest = self.refused_writes().map(|(_, took, _)| took).max().unwrap();
        assert!(slowest <= patience + Duration::from_secs(1), "the first waited {slowest:?}");
        let known = patience + Duration::from_secs(1);
        let later: Vec<_> = self.refused_writes().filter(|(since, ..)| *since > known).collect();
        assert!(later.len() > 20, "{later:?}");
        for (since, took, reason) in &later {
            assert_eq!(*reason, "LOG_UNREACHABLE", "{since:?}");
            assert!(*took < patience, "{since:?}: waits for the database again: {took:?}");
        }
        let mut times: Vec<_> = later.iter().map(|(_, took, _)| *took).collect();
        times.sort();
        let p99 = times[times.len() * 99 / 100];
        assert!(p99 < AT_ONCE, "{p99:?}");
    }
}

impl Display for Seen {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut later: Vec<_> = self.refused_writes().map(|(_, took, _)| took).collect();
        later.sort();
        let at = |part: usize| later.get(later.len().saturating_sub(1) * part / 100).copied().unwrap_or_default();
        let (answered, refused): (Vec<_>, Vec<_>) = self.head.iter().partition(|call| call.outcome.is_ok());
        let ages = answered.iter().filter_map(|call| call.outcome.as_ref().ok());
        write!(
            f,
            "{} questions at a revision, all answered, slowest {:?}; at the head {} answered, the oldest from {:?} ago, \
             and {} refused; writers: {} refused, p50 {:?}, p99 {:?}, slowest {:?}",
            self.pinned.len(),
            self.pinned.iter().map(|call| call.took).max().unwrap_or_default(),
            answered.len(),
            ages.max().copied().unwrap_or_default(),
            refused.len(),
            later.len(),
            at(50),
            at(99),
            at(100),
        )
    }
}
