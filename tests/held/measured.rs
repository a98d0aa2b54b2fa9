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

/// How long a poll may be, in CPU time of its thread. A debug build takes some twenty times as long.
pub const BOUND: Duration = Duration::from_millis(if cfg!(debug_assertions) { 100 } else { 5 });

/// What is over the bound is tried again so often: the machine may have been busy with something else.
const TRIES: usize = 4;

/// How many answers of a call that may last are taken.
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

/// What was measured so far.
#[derive(Default)]
pub struct Held {
    all: Vec<(Duration, usize, String)>,
}

impl Held {
    /// Calls a method, takes its answers, and lets go of everything.
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

    /// The same of a stream of messages, once.
    pub async fn measure_stream(
        &mut self,
        listener: &BytesListener,
        method: &str,
        messages: impl Stream<Item = Bytes> + Send + 'static,
    ) {
        let (longest, memory) = one(listener, method, messages).await;
        self.all.push((longest, memory, method.to_owned()));
    }

    /// The first that is beyond a bound.
    pub fn found(&self) -> Option<&str> {
        let is_beyond = |(longest, memory, _): &&(Duration, usize, String)| *longest > BOUND || *memory > MOST_MEMORY;
        self.all.iter().find(is_beyond).map(|(.., call)| call.as_str())
    }

    /// Prints the worst, and fails where one is beyond a bound.
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

/// Calls a method in a task of its own, as a connection does. Its longest poll, and the most memory that it had.
async fn one(
    listener: &BytesListener,
    method: &str,
    messages: impl Stream<Item = Bytes> + Send + 'static,
) -> (Duration, usize) {
    let (listener, method) = (listener.clone(), method.to_owned());
    let call = async move {
        let call = Call { method: &method, headers: &listener.headers, peer: None, deadline: None };
        if let Ok(answers) = listener.surface.call(call, messages).await {
            let mut answers = Box::pin(answers.take(ANSWERS));
            // A feed goes on for ever: what it has by now is enough.
            while let Ok(Some(Ok(_))) = tokio::time::timeout(Duration::from_millis(200), answers.next()).await {}
        }
    };
    ALLOCATED.reset_peak_usage();
    let before = ALLOCATED.current_usage();
    let longest = tokio::spawn(Measured { inner: Box::pin(call), longest: Duration::ZERO }).await.unwrap();
    (longest, ALLOCATED.peak_usage().saturating_sub(before))
}
