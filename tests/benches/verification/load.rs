//! Load: closed loops for throughput, and one long stream. Every response is compared.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use prost::bytes::{Bytes, BytesMut};
use tokio::runtime::Builder;
use tokio::task::JoinSet;

use super::wire::{self, Connection, Failure, Target};

/// An encoded question, and the expected response.
#[derive(Clone)]
pub struct Exchange {
    pub request: Bytes,
    pub answer: Bytes,
}

/// The measurements of a run.
pub struct Run {
    pub calls: usize,
    pub took: Duration,
    /// The latencies of the calls, ascending.
    pub latencies: Vec<Duration>,
}

impl Run {
    pub fn of(mut latencies: Vec<Duration>, took: Duration) -> Run {
        latencies.sort_unstable();
        Run { calls: latencies.len(), took, latencies }
    }

    /// Calls per second.
    pub fn rate(&self) -> f64 {
        self.calls as f64 / self.took.as_secs_f64()
    }

    /// The latency at this quantile of the calls.
    pub fn quantile(&self, part: f64) -> Duration {
        let at = (self.latencies.len() as f64 * part) as usize;
        self.latencies.get(at.min(self.latencies.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

/// Sends each question once and keeps its response, which `check` decodes and checks.
pub async fn learn(
    target: &Target,
    method: &str,
    requests: Vec<Bytes>,
    check: impl Fn(usize, &[u8]) -> Result<(), Failure>,
) -> Result<Arc<[Exchange]>, Failure> {
    let mut connection = Connection::open(target, method).await?;
    let mut answer = BytesMut::new();
    let mut learned = Vec::with_capacity(requests.len());
    for (at, request) in requests.into_iter().enumerate() {
        connection.call(request.clone(), &mut answer).await?;
        check(at, &answer)?;
        learned.push(Exchange { request, answer: Bytes::copy_from_slice(&answer) });
    }
    Ok(learned.into())
}

pub fn compare(answer: &[u8], expected: &[u8]) -> Result<(), Failure> {
    if answer == expected { Ok(()) } else { Err("an answer differs from the one that was checked".into()) }
}

/// Runs a client on its own thread, to which its connections are bound, so that it uses little of the machine that it
/// measures.
pub async fn on_its_own_thread<T: Send + 'static>(
    run: impl AsyncFnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(|| Builder::new_current_thread().enable_all().build()?.block_on(run())).await?
}

/// Closed loop: every connection has one call in progress, and sends the next one when it is answered.
pub async fn closed(
    target: &Target,
    method: &'static str,
    exchanges: &Arc<[Exchange]>,
    connections: usize,
    lasting: Duration,
) -> Result<Run, Failure> {
    let threads = std::thread::available_parallelism()?.get().min(connections);
    let (next, ready) = (Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(threads)));
    let mut running = Vec::new();
    for at in 0..threads {
        let share = connections / threads + usize::from(at < connections % threads);
        let (target, exchanges) = (target.clone(), Arc::clone(exchanges));
        let (next, ready) = (Arc::clone(&next), Arc::clone(&ready));
        running.push(on_its_own_thread(async move || {
            loops(&target, method, &exchanges, share, lasting, &next, &ready).await
        }));
    }
    let (mut latencies, mut took) = (Vec::new(), Duration::ZERO);
    for (of_thread, time) in try_join_all(running).await? {
        latencies.extend(of_thread);
        took = took.max(time);
    }
    Ok(Run::of(latencies, took))
}

/// The loops of one thread. Returns the latency of each call and the total time.
async fn loops(
    target: &Target,
    method: &'static str,
    exchanges: &Arc<[Exchange]>,
    connections: usize,
    lasting: Duration,
    next: &Arc<AtomicUsize>,
    ready: &Barrier,
) -> Result<(Vec<Duration>, Duration), Failure> {
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Connection::open(target, method).await);
    }
    // Also wait for a thread that could not open all connections.
    ready.wait();
    let started = Instant::now();
    let mut loops = JoinSet::new();
    for connection in open {
        let (mut connection, exchanges, next) = (connection?, Arc::clone(exchanges), Arc::clone(next));
        loops.spawn(async move {
            let mut answer = BytesMut::new();
            let mut latencies = Vec::new();
            while started.elapsed() < lasting {
                let exchange = &exchanges[next.fetch_add(1, Ordering::Relaxed) % exchanges.len()];
                let asked = Instant::now();
                connection.call(exchange.request.clone(), &mut answer).await?;
                latencies.push(asked.elapsed());
                compare(&answer, &exchange.answer)?;
            }
            Ok::<_, Failure>(latencies)
        });
    }
    let mut latencies = Vec::new();
    while let Some(ended) = loops.join_next().await {
        latencies.extend(ended??);
    }
    Ok((latencies, started.elapsed()))
}

/// The encoded questions of a stream, and the expected responses.
#[derive(Clone)]
pub struct Tape {
    pub opening: Bytes,
    /// The first response, with the pinned state.
    pub pinned: Bytes,
    pub questions: Bytes,
    pub answers: Bytes,
    pub items: usize,
}

/// Sends a tape over one stream, `times` times, and compares all responses.
pub async fn stream(target: &Target, method: &'static str, tape: &Tape, times: usize) -> Result<Run, Failure> {
    let started = Instant::now();
    let mut expected = tape.pinned.clone();
    let mut begun = 0;
    let judge = |mut bytes: &[u8]| {
        while !bytes.is_empty() {
            if expected.is_empty() {
                begun += 1;
                expected = tape.answers.clone();
            }
            let (now, later) = bytes.split_at(bytes.len().min(expected.len()));
            compare(now, &expected.split_to(now.len()))?;
            bytes = later;
        }
        Ok(())
    };
    Connection::open(target, method).await?.stream(tape.opening.clone(), &tape.questions, times, judge).await?;
    if begun != times || !expected.is_empty() {
        return Err("the stream ended early".into());
    }
    Ok(Run { calls: tape.items * times, took: started.elapsed(), latencies: Vec::new() })
}

/// Sends questions once and keeps the responses, which `check` decodes and checks; it returns the length of the
/// response.
pub async fn record(
    target: &Target,
    method: &'static str,
    opening: Bytes,
    questions: &[Bytes],
    check: impl Fn(usize, &[u8]) -> Result<usize, Failure>,
) -> Result<Tape, Failure> {
    let whole = Bytes::from(questions.concat());
    let mut received = BytesMut::new();
    let keep = |bytes: &[u8]| {
        received.extend_from_slice(bytes);
        Ok(())
    };
    Connection::open(target, method).await?.stream(opening.clone(), &whole, 1, keep).await?;
    let mut answers = received.freeze();
    let (_, pinned) = wire::unframed::<()>(&answers)?;
    let pinned = answers.split_to(pinned);
    let mut at = 0;
    for question in 0..questions.len() {
        at += check(question, answers.get(at..).unwrap_or_default())?;
    }
    if at != answers.len() {
        return Err("more answers than questions".into());
    }
    Ok(Tape { opening, pinned, questions: whole, answers, items: questions.len() })
}
