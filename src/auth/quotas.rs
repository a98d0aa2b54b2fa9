//! The quotas of one client: calls per second, connections, large calls, memory, cancellations.
//!
//! A client is identified by its name in the list. All its connections share one quota, also across the renewal of its
//! certificate.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, NotUntil, Quota, RateLimiter};
use papaya::HashMap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::misses::MissLimits;

use super::memory::{Held, Memory, Share};

/// The maximum number of concurrent calls on a connection.
pub const CALLS_PER_CONNECTION: NonZeroU32 = NonZeroU32::new(1024).unwrap();

/// The sustained number of calls that a client may cancel per second. Its burst refills at this rate.
const CANCELS_PER_SECOND: NonZeroU32 = NonZeroU32::new(128).unwrap();

/// The number of unauthenticated requests per second that all connections together may send.
const UNAUTHENTICATED_PER_SECOND: NonZeroU32 = NonZeroU32::new(20).unwrap();

/// The limits of one client. None means unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Sustained calls per second.
    pub calls_per_second: Option<NonZeroU32>,
    /// Calls at once after a pause.
    pub calls_burst: Option<NonZeroU32>,
    /// Sustained questions per second. Items of batches and streams, rows of staff lists, and other calls count as one
    /// question each.
    pub questions_per_second: Option<NonZeroU32>,
    /// Questions at once after a pause.
    pub questions_burst: Option<NonZeroU32>,
    /// Misses per hour.
    pub misses: MissLimits,
    /// Concurrent connections.
    pub connections: Option<NonZeroU32>,
    /// Concurrent streams, batches and pages. Each counts until its response has been read.
    pub streams: Option<NonZeroU32>,
    /// The maximum duration of a call, even if its caller allows more. A stream must start within it.
    pub longest_call: Option<Duration>,
}

/// The quotas of all clients. Clones share them.
#[derive(Clone, Debug)]
pub struct Quotas {
    limits: Limits,
    of: Arc<HashMap<Box<str>, Arc<ClientQuota>>>,
    /// None if calls are not limited.
    unauthenticated: Option<Arc<DefaultDirectRateLimiter>>,
    memory: Memory,
}

/// The quota of one client.
#[derive(Debug)]
pub struct ClientQuota {
    calls: Option<DefaultDirectRateLimiter>,
    questions: Option<DefaultDirectRateLimiter>,
    connections: Option<Arc<Semaphore>>,
    streams: Option<Arc<Semaphore>>,
    cancels: Option<DefaultDirectRateLimiter>,
    memory: Arc<Share>,
}

/// RAII permit for one of a client's concurrency slots.
#[derive(Debug)]
pub struct Permit(#[expect(dead_code, reason = "it is held, and never read")] Option<OwnedSemaphorePermit>);

/// A quota is exhausted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exhausted {
    /// The client makes too many calls.
    #[error("too many calls: retry in {} ms", .0.as_millis())]
    Calls(Duration),
    /// The client asks too many questions.
    #[error("too many questions: retry in {} ms", .0.as_millis())]
    Questions(Duration),
    /// The client has its maximum number of connections.
    #[error("this client has too many connections")]
    Connections,
    /// The client has its maximum number of large calls.
    #[error("this client has too many streams, batches and pages in progress")]
    Large,
    /// All unauthenticated requests together are too many.
    #[error("too many unauthenticated requests: retry in {} ms", .0.as_millis())]
    Unauthenticated(Duration),
    /// An unauthenticated connection has its maximum number of open requests.
    #[error("this unauthenticated connection has too many requests in progress")]
    UnauthenticatedStreams,
    /// The client's calls hold their maximum amount of memory.
    #[error("too much data of this client is in progress, or answered and not yet read")]
    Memory,
    /// The client cancels too many calls.
    #[error("this client canceled too many calls")]
    Cancels,
}

impl Permit {
    /// A permit without a limit.
    pub fn without_limit() -> Permit {
        Permit(None)
    }

    /// Takes a permit, if there is one left.
    pub fn of(permits: &Arc<Semaphore>) -> Option<Permit> {
        Arc::clone(permits).try_acquire_owned().ok().map(|permit| Permit(Some(permit)))
    }
}

impl Default for Quotas {
    fn default() -> Quotas {
        Quotas::new(Limits::default())
    }
}

impl Quotas {
    /// Creates the quotas with these limits for each client.
    pub fn new(limits: Limits) -> Quotas {
        let unauthenticated = limits.calls_per_second.map(|_| {
            let rate = Quota::per_second(UNAUTHENTICATED_PER_SECOND);
            Arc::new(RateLimiter::direct(rate))
        });
        Quotas { limits, of: Arc::default(), unauthenticated, memory: Memory::default() }
    }

    /// The limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns the quota of a client. Clients are those of the list, so there are few.
    pub fn of(&self, client: &str) -> Arc<ClientQuota> {
        let quotas = self.of.pin();
        if let Some(quota) = quotas.get(client) {
            return Arc::clone(quota);
        }
        Arc::clone(quotas.get_or_insert_with(client.into(), || Arc::new(ClientQuota::new(&self.limits, &self.memory))))
    }

    /// Counts an unauthenticated request.
    pub fn unauthenticated(&self) -> Result<(), Exhausted> {
        let Some(unauthenticated) = &self.unauthenticated else { return Ok(()) };
        unauthenticated.check().map_err(|early| Exhausted::Unauthenticated(wait(&early)))
    }

    /// Counts a connection as this client's, until the permit is dropped.
    pub fn connection(&self, client: &str) -> Result<(Permit, Arc<ClientQuota>), Exhausted> {
        let quota = self.of(client);
        let permit = permit(quota.connections.as_ref()).ok_or(Exhausted::Connections)?;
        Ok((permit, quota))
    }
}

impl ClientQuota {
    fn new(limits: &Limits, memory: &Memory) -> ClientQuota {
        let permits = |most: Option<NonZeroU32>| most.map(|most| Arc::new(Semaphore::new(most.get() as usize)));
        let rate = |per_second: Option<NonZeroU32>, burst: Option<NonZeroU32>| {
            per_second.map(|rate| RateLimiter::direct(Quota::per_second(rate).allow_burst(burst.unwrap_or(rate))))
        };
        let calls = rate(limits.calls_per_second, limits.calls_burst);
        let questions = rate(limits.questions_per_second, limits.questions_burst);
        // A client may cancel all calls in progress on all its connections at once.
        let cancels = limits.connections.map(|connections| {
            let burst = connections.saturating_mul(CALLS_PER_CONNECTION);
            RateLimiter::direct(Quota::per_second(CANCELS_PER_SECOND).allow_burst(burst))
        });
        ClientQuota {
            calls,
            questions,
            connections: permits(limits.connections),
            streams: permits(limits.streams),
            cancels,
            memory: memory.share(),
        }
    }

    /// Counts a call.
    pub fn call(&self) -> Result<(), Exhausted> {
        let Some(calls) = &self.calls else { return Ok(()) };
        calls.check().map_err(|early| Exhausted::Calls(wait(&early)))
    }

    /// Counts questions: all of them, or none if they exceed the quota.
    pub fn questions(&self, count: usize) -> Result<(), Exhausted> {
        let Some(questions) = &self.questions else { return Ok(()) };
        let Some(count) = u32::try_from(count).ok().and_then(NonZeroU32::new) else { return Ok(()) };
        match questions.check_n(count) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(early)) => Err(Exhausted::Questions(early.wait_time_from(DefaultClock::default().now()))),
            // Does not happen: the configuration allows a whole batch at once.
            Err(_) => Err(Exhausted::Questions(Duration::from_secs(1))),
        }
    }

    /// Like [`ClientQuota::questions`], but waits until the quota allows them.
    pub async fn wait_for_questions(&self, count: usize) {
        while let Err(Exhausted::Questions(wait)) = self.questions(count) {
            tokio::time::sleep(wait).await;
        }
    }

    /// Counts a canceled call.
    pub fn cancel(&self) -> Result<(), Exhausted> {
        let Some(cancels) = &self.cancels else { return Ok(()) };
        cancels.check().map_err(|_| Exhausted::Cancels)
    }

    /// Counts memory of a call.
    pub fn hold(&self, bytes: usize) -> Result<Held, Exhausted> {
        self.memory.hold(bytes).ok_or(Exhausted::Memory)
    }

    /// The memory that the client's calls hold.
    pub fn memory(&self) -> &Arc<Share> {
        &self.memory
    }

    /// Counts a large call: a stream, a batch, a page.
    pub fn large(&self) -> Result<Permit, Exhausted> {
        permit(self.streams.as_ref()).ok_or(Exhausted::Large)
    }
}

fn permit(permits: Option<&Arc<Semaphore>>) -> Option<Permit> {
    match permits {
        None => Some(Permit::without_limit()),
        Some(permits) => Permit::of(permits),
    }
}

fn wait(early: &NotUntil<<DefaultClock as Clock>::Instant>) -> Duration {
    early.wait_time_from(DefaultClock::default().now())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotas(most: u32) -> Quotas {
        let most = NonZeroU32::new(most);
        Quotas::new(Limits {
            calls_per_second: NonZeroU32::new(1),
            calls_burst: most,
            connections: most,
            streams: most,
            ..Limits::default()
        })
    }

    #[test]
    fn a_client_is_limited_to_its_quota_and_does_not_use_anothers() {
        let quotas = quotas(2);
        let (greedy, other) = (quotas.of("greedy"), quotas.of("other"));
        assert!(greedy.call().is_ok() && greedy.call().is_ok());
        let Err(Exhausted::Calls(wait)) = greedy.call() else { panic!("three calls in a burst of two") };
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1), "{wait:?}");
        assert!(quotas.of("greedy").call().is_err(), "it is the same quota");
        assert!(other.call().is_ok());

        let held = [greedy.large().unwrap(), greedy.large().unwrap()];
        assert_eq!(greedy.large().unwrap_err(), Exhausted::Large);
        assert!(other.large().is_ok());
        drop(held);
        assert!(greedy.large().is_ok());
    }

    #[test]
    fn questions_are_counted_and_not_calls() {
        let limits = Limits {
            questions_per_second: NonZeroU32::new(1),
            questions_burst: NonZeroU32::new(1000),
            ..Limits::default()
        };
        let quota = Quotas::new(limits).of("a");
        quota.questions(990).unwrap();
        let Err(Exhausted::Questions(wait)) = quota.questions(1000) else { panic!("the batch exceeds the quota") };
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(990), "{wait:?}");
        quota.questions(10).unwrap_or_else(|error| panic!("a refused batch must count nothing: {error}"));
        assert!(quota.call().is_ok() && quota.questions(0).is_ok());
    }

    #[test]
    fn without_limits_nothing_is_refused() {
        let share = Quotas::default().of("a");
        assert!((0..10_000).all(|_| share.call().is_ok()
            && share.questions(1000).is_ok()
            && share.large().is_ok()
            && share.cancel().is_ok()));
    }
}
