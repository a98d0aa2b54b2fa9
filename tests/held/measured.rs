//! A call whose polls are measured.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use cpss_registry::surface::Call;
use futures_util::{Stream, StreamExt as _};
use prost::bytes::Bytes;
use rustix::time::{ClockId, clock_gettime};

use crate::harness::BytesListener;
use crate::{ALLOCATED, MOST_MEMORY};

/// The maximum CPU time of a poll. A debug build is about twenty times slower.
pub const BOUND: Duration = Duration::from_millis(if cfg!(debug_assertions) { 100 } else { 5 });

/// The number of attempts for a call over the bound: the machine may have been busy.
const TRIES: usize = 4;

/// The maximum number of responses taken from a streaming call.
const ANSWERS: usize = 2000;

/// The CPU time of this thread.
pub fn thread_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}

/// A future and its longest poll.
struct Measured<F> {
    inner: Pin<Box<F>>,
    longest: Duration,
}

impl<F: Future<Output = ()>> Future for Measured<F> {
    type Output = Duration;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Duration> {
        let began = thread_time();
        let polled = self.inner.as_mut().poll(cx);
        self.longest = self.longest.max(thread_time() - began);
        polled.map(|()| self.longest)
    }
}

/// The measurements so far.
#[derive(Default)]
pub struct Held {
    all: Vec<(Duration, usize, String)>,
}

impl Held {
    /// Calls a method, takes its responses, and drops everything.
    pub async fn measure(&mut self, listener: &BytesListener, method: &str, kind: &str, messages: Vec<Bytes>) {
        let mut shortest = (Duration::MAX, usize::MAX);
        for _ in 0..TRIES {
            let (longest, memory) = one(listener, method, tokio_stream::iter(messages.clone())).await;
            shortest = (shortest.0.min(longest), shortest.1.min(memory));
            if shortest.0 <= BOUND / 2 {
                break;
            }
        }
        self.all.push((shortest.0, shortest.1, format!("{method}: {kind}")));
    }

    /// Like [`Held::measure`], for a stream of messages, once.
    pub async fn measure_stream(
        &mut self,
        listener: &BytesListener,
        method: &str,
        messages: impl Stream<Item = Bytes> + Send + 'static,
    ) {
        let (longest, memory) = one(listener, method, messages).await;
        self.all.push((longest, memory, method.to_owned()));
    }

    /// The first call over a bound.
    pub fn found(&self) -> Option<&str> {
        let is_beyond = |(longest, memory, _): &&(Duration, usize, String)| *longest > BOUND || *memory > MOST_MEMORY;
        self.all.iter().find(is_beyond).map(|(.., call)| call.as_str())
    }

    /// Prints the worst calls, and fails if one is over a bound.
    pub fn judge(mut self) {
        self.all.sort_by(|left, right| right.cmp(left));
        for (longest, memory, call) in self.all.iter().take(12) {
            println!("held: {longest:?} in one poll, {memory} bytes: {call}");
        }
        let largest = self.all.iter().max_by_key(|(_, memory, _)| memory).unwrap();
        println!("held: of {} calls the largest has {} bytes: {}", self.all.len(), largest.1, largest.2);
        assert_eq!(self.found(), None, "a poll may be {BOUND:?}, and a call have {MOST_MEMORY} bytes");
    }
}

/// Calls a method in its own task, as a connection does. Returns its longest poll and its maximum memory.
async fn one(
    listener: &BytesListener,
    method: &str,
    messages: impl Stream<Item = Bytes> + Send + 'static,
) -> (Duration, usize) {
    let (listener, method) = (listener.clone(), method.to_owned());
    let call = async move {
        let call = Call { method: &method, headers: &listener.headers, peer: None, deadline: None };
        if let Ok(answers) = listener.surface.call(call, messages.map(Ok)).await {
            let mut answers = Box::pin(answers.take(ANSWERS));
            // A feed does not end: the messages received so far are enough.
            while let Ok(Some(Ok(_))) = tokio::time::timeout(Duration::from_millis(200), answers.next()).await {}
        }
    };
    ALLOCATED.reset_peak_usage();
    let before = ALLOCATED.current_usage();
    let longest = tokio::spawn(Measured { inner: Box::pin(call), longest: Duration::ZERO }).await.unwrap();
    (longest, ALLOCATED.peak_usage().saturating_sub(before))
}
