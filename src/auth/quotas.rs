//! What one client may take of the server: calls in a second, connections, large calls, memory, cancellations.
//!
//! A client is known by its name in the list, so what it takes by several connections, or by a certificate before it was
//! renewed and after, is counted as one.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, NotUntil, Quota, RateLimiter};
use papaya::HashMap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::misses::MissLimits;

use super::memory::{Held, Memory, Share};

/// How many calls a connection may have under way.
pub const CALLS_PER_CONNECTION: NonZeroU32 = NonZeroU32::new(1024).unwrap();

/// How many calls a client may cancel in a second, in the long run: what comes back of all that it may cancel at once.
const CANCELS_PER_SECOND: NonZeroU32 = NonZeroU32::new(128).unwrap();

/// How many requests a second all connections together may send on which nobody is known.
const UNIDENTIFIED_PER_SECOND: NonZeroU32 = NonZeroU32::new(20).unwrap();

/// How much of everything. None: as much as it likes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Calls in a second, in the long run.
    pub calls_per_second: Option<NonZeroU32>,
    /// Calls at once, after it made none for a while.
    pub calls_burst: Option<NonZeroU32>,
    /// Questions in a second, in the long run: items of batches and streams, rows of staff lists, and one for each other
    /// call.
    pub questions_per_second: Option<NonZeroU32>,
    /// Questions at once, after it asked none for a while.
    pub questions_burst: Option<NonZeroU32>,
    /// Misses in an hour.
    pub misses: MissLimits,
    /// Connections at a time.
    pub connections: Option<NonZeroU32>,
    /// Streams, batches and pages at a time, until their answers have been read.
    pub streams: Option<NonZeroU32>,
    /// The longest time that a call is answered in, whatever time its caller gives it. A stream has begun by then.
    pub longest_call: Option<Duration>,
}

/// What every client takes. Clones share it.
#[derive(Clone, Debug)]
pub struct Quotas {
    limits: Limits,
    of: Arc<HashMap<Box<str>, Arc<ClientQuota>>>,
    /// None on a server that counts no calls.
    unidentified: Option<Arc<DefaultDirectRateLimiter>>,
    memory: Memory,
}

/// What one client takes.
#[derive(Debug)]
pub struct ClientQuota {
    calls: Option<DefaultDirectRateLimiter>,
    questions: Option<DefaultDirectRateLimiter>,
    connections: Option<Arc<Semaphore>>,
    streams: Option<Arc<Semaphore>>,
    cancels: Option<DefaultDirectRateLimiter>,
    memory: Arc<Share>,
}

/// A place that a client takes, until this is dropped.
#[derive(Debug)]
pub struct Place(#[expect(dead_code, reason = "it is held, and never asked")] Option<OwnedSemaphorePermit>);

/// There is no more for this client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exhausted {
    /// It calls too often.
    #[error("too many calls: the next is taken in {} ms", .0.as_millis())]
    Calls(Duration),
    /// It asks too much.
    #[error("too many questions: these are taken in {} ms", .0.as_millis())]
    Questions(Duration),
    /// It has as many connections as it may.
    #[error("too many connections of this client at a time")]
    Connections,
    /// It has as many large calls as it may.
    #[error("too many streams, batches and pages of this client at a time")]
    Large,
    /// Those whom nobody knows ask too often, all together.
    #[error("too many requests that show no client of this registry: the next is taken in {} ms", .0.as_millis())]
    Unidentified(Duration),
    /// A connection on which nobody is known has as many requests open as it may.
    #[error("too many requests at a time on a connection that shows no client of this registry")]
    UnidentifiedStreams,
    /// Its calls hold as much memory as they may.
    #[error("too much of this client is under way, or answered and not read")]
    Memory,
    /// It cancels too often.
    #[error("too many calls were cancelled")]
    Cancels,
}

impl Place {
    /// One that nobody counts.
    pub fn without_limit() -> Place {
        Place(None)
    }

    /// One of these, if there is any left.
    pub fn of(places: &Arc<Semaphore>) -> Option<Place> {
        Arc::clone(places).try_acquire_owned().ok().map(|place| Place(Some(place)))
    }
}

impl Default for Quotas {
    fn default() -> Quotas {
        Quotas::new(Limits::default())
    }
}

impl Quotas {
    /// With these limits for each client.
    pub fn new(limits: Limits) -> Quotas {
        let unidentified = limits.calls_per_second.map(|_| {
            let rate = Quota::per_second(UNIDENTIFIED_PER_SECOND);
            Arc::new(RateLimiter::direct(rate))
        });
        Quotas { limits, of: Arc::default(), unidentified, memory: Memory::default() }
    }

    /// The limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What this client takes. Clients are those of the list, so these are few.
    pub fn of(&self, client: &str) -> Arc<ClientQuota> {
        let shares = self.of.pin();
        if let Some(share) = shares.get(client) {
            return Arc::clone(share);
        }
        Arc::clone(shares.get_or_insert_with(client.into(), || Arc::new(ClientQuota::new(&self.limits, &self.memory))))
    }

    /// Counts a request that shows nobody, on a connection on which nobody is known.
    pub fn unidentified(&self) -> Result<(), Exhausted> {
        let Some(unidentified) = &self.unidentified else { return Ok(()) };
        unidentified.check().map_err(|early| Exhausted::Unidentified(wait(&early)))
    }

    /// Counts a connection as this client's, until the place is dropped.
    pub fn connection(&self, client: &str) -> Result<(Place, Arc<ClientQuota>), Exhausted> {
        let quota = self.of(client);
        let place = place(quota.connections.as_ref()).ok_or(Exhausted::Connections)?;
        Ok((place, quota))
    }
}

impl ClientQuota {
    fn new(limits: &Limits, memory: &Memory) -> ClientQuota {
        let places = |most: Option<NonZeroU32>| most.map(|most| Arc::new(Semaphore::new(most.get() as usize)));
        let rate = |per_second: Option<NonZeroU32>, burst: Option<NonZeroU32>| {
            per_second.map(|rate| RateLimiter::direct(Quota::per_second(rate).allow_burst(burst.unwrap_or(rate))))
        };
        let calls = rate(limits.calls_per_second, limits.calls_burst);
        let questions = rate(limits.questions_per_second, limits.questions_burst);
        // All that its connections may have under way may be cancelled at once.
        let cancels = limits.connections.map(|connections| {
            let burst = connections.saturating_mul(CALLS_PER_CONNECTION);
            RateLimiter::direct(Quota::per_second(CANCELS_PER_SECOND).allow_burst(burst))
        });
        ClientQuota {
            calls,
            questions,
            connections: places(limits.connections),
            streams: places(limits.streams),
            cancels,
            memory: memory.share(),
        }
    }

    /// Counts a call.
    pub fn call(&self) -> Result<(), Exhausted> {
        let Some(calls) = &self.calls else { return Ok(()) };
        calls.check().map_err(|early| Exhausted::Calls(wait(&early)))
    }

    /// Counts questions: all of them, or none.
    pub fn questions(&self, count: usize) -> Result<(), Exhausted> {
        let Some(questions) = &self.questions else { return Ok(()) };
        let Some(count) = u32::try_from(count).ok().and_then(NonZeroU32::new) else { return Ok(()) };
        match questions.check_n(count) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(early)) => Err(Exhausted::Questions(early.wait_time_from(DefaultClock::default().now()))),
            // The configuration allows a whole batch at once.
            Err(_) => Err(Exhausted::Questions(Duration::from_secs(1))),
        }
    }

    /// The same, once they are allowed.
    pub async fn wait_for_questions(&self, count: usize) {
        while let Err(Exhausted::Questions(wait)) = self.questions(count) {
            tokio::time::sleep(wait).await;
        }
    }

    /// Counts a call that was cancelled.
    pub fn cancel(&self) -> Result<(), Exhausted> {
        let Some(cancels) = &self.cancels else { return Ok(()) };
        cancels.check().map_err(|_| Exhausted::Cancels)
    }

    /// Counts the memory of a call.
    pub fn hold(&self, bytes: usize) -> Result<Held, Exhausted> {
        self.memory.hold(bytes).ok_or(Exhausted::Memory)
    }

    /// What its calls hold.
    pub fn memory(&self) -> &Arc<Share> {
        &self.memory
    }

    /// Counts a large call: a stream, a batch, a page.
    pub fn large(&self) -> Result<Place, Exhausted> {
        place(self.streams.as_ref()).ok_or(Exhausted::Large)
    }
}

fn place(places: Option<&Arc<Semaphore>>) -> Option<Place> {
    match places {
        None => Some(Place::without_limit()),
        Some(places) => Place::of(places),
    }
}

fn wait(early: &NotUntil<<DefaultClock as Clock>::Instant>) -> Duration {
    early.wait_time_from(DefaultClock::default().now())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(most: u32) -> Quotas {
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
    fn a_client_takes_no_more_than_its_share_and_nothing_of_anothers() {
        let shares = shares(2);
        let (greedy, other) = (shares.of("greedy"), shares.of("other"));
        assert!(greedy.call().is_ok() && greedy.call().is_ok());
        let Err(Exhausted::Calls(wait)) = greedy.call() else { panic!("a third call in a burst of two") };
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1), "{wait:?}");
        assert!(shares.of("greedy").call().is_err(), "it is the same share");
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
        let Err(Exhausted::Questions(wait)) = quota.questions(1000) else { panic!("a batch over it") };
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(990), "{wait:?}");
        quota.questions(10).unwrap_or_else(|error| panic!("a refused batch takes nothing: {error}"));
        assert!(quota.call().is_ok() && quota.questions(0).is_ok());
    }

    #[test]
    fn without_limits_there_is_always_more() {
        let share = Quotas::default().of("a");
        assert!((0..10_000).all(|_| share.call().is_ok()
            && share.questions(1000).is_ok()
            && share.large().is_ok()
            && share.cancel().is_ok()));
    }
}
