//! A fixed rate: calls, or the messages of one stream, begin on schedule regardless of earlier ones. Each is timed from
//! its scheduled start.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use prost::bytes::{Bytes, BytesMut};
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;

use super::frames::Event;
use super::load::{Exchange, Run, compare, on_its_own_thread};
use super::wire::{Connection, Failure, Target, first_framed};

/// The number of connections that calls at a fixed rate use in turn.
const CONNECTIONS: usize = 8;

/// The number of requests that may await their answers. A server that cannot keep up gets the next ones late, but their
/// time still counts from their scheduled start; a client that sent all of them would exceed its share of memory.
const OUTSTANDING: usize = 1000;

/// Returns the request with a number.
pub type Request = dyn Fn(usize) -> Bytes + Send + Sync;

/// Checks the response to the request with a number.
pub type Judge = dyn Fn(usize, &[u8]) -> Result<(), Failure> + Send + Sync;

/// The requests of a method, and the expected responses.
#[derive(Clone)]
pub struct Calls {
    pub method: &'static str,
    pub request: Arc<Request>,
    pub judge: Arc<Judge>,
}

impl Calls {
    /// Requests whose responses are accepted if the status is OK.
    pub fn new(method: &'static str, request: impl Fn(usize) -> Bytes + Send + Sync + 'static) -> Calls {
        Calls { method, request: Arc::new(request), judge: Arc::new(|_, _| Ok(())) }
    }

    /// Requests from a list, repeated.
    pub fn of_list(method: &'static str, requests: Vec<Bytes>) -> Calls {
        Calls::new(method, move |at| requests[at % requests.len()].clone())
    }

    /// Requests from a list, with expected responses.
    pub fn learned(method: &'static str, exchanges: &Arc<[Exchange]>) -> Calls {
        let learned = Arc::clone(exchanges);
        let judge = move |at: usize, answer: &[u8]| compare(answer, &learned[at % learned.len()].answer);
        Calls::of_list(method, exchanges.iter().map(|exchange| exchange.request.clone()).collect()).judged(judge)
    }

    pub fn judged(self, judge: impl Fn(usize, &[u8]) -> Result<(), Failure> + Send + Sync + 'static) -> Calls {
        Calls { judge: Arc::new(judge), ..self }
    }

    /// Sends each request as a call.
    pub async fn one_by_one(&self, target: &Target, rate: u32, lasting: Duration) -> Result<Run, Failure> {
        let (calls, target) = (self.clone(), target.clone());
        on_its_own_thread(async move || {
            let mut course = ByCalls { calls: &calls, connections: Vec::new() };
            for _ in 0..CONNECTIONS {
                course.connections.push((Connection::open(&target, calls.method).await?, HashMap::new()));
            }
            beat(course, rate, lasting).await
        })
        .await
    }

    /// Sends each request as a message of one stream, which is answered in order.
    pub async fn as_a_stream(&self, target: &Target, rate: u32, lasting: Duration) -> Result<Run, Failure> {
        let (calls, target) = (self.clone(), target.clone());
        on_its_own_thread(async move || {
            let mut connection = Connection::open(&target, calls.method).await?;
            connection.begin_stream();
            beat(ByStream { calls: &calls, connection, answers: BytesMut::new(), answered: 0 }, rate, lasting).await
        })
        .await
    }
}

/// How scheduled requests are sent to a server.
trait Course {
    /// Begins the request with this number; numbers are consecutive.
    fn begin(&mut self, number: usize) -> Result<(), Failure>;

    /// Makes progress, and reports the number of each answered request.
    fn poll_move(&mut self, cx: &mut Context<'_>, answered: impl FnMut(usize)) -> Result<(), Failure>;
}

/// Calls over several connections in turn, with the responses received so far.
struct ByCalls<'a> {
    calls: &'a Calls,
    connections: Vec<(Connection, HashMap<u32, BytesMut>)>,
}

impl Course for ByCalls<'_> {
    fn begin(&mut self, number: usize) -> Result<(), Failure> {
        self.connections[number % CONNECTIONS].0.begin((self.calls.request)(number))
    }

    fn poll_move(&mut self, cx: &mut Context<'_>, mut answered: impl FnMut(usize)) -> Result<(), Failure> {
        for (at, (connection, answers)) in self.connections.iter_mut().enumerate() {
            let mut on = |stream: u32, event: Event<'_>| {
                if let Event::Data(bytes) = event {
                    answers.entry(stream).or_default().extend_from_slice(bytes);
                    return Ok(());
                }
                let number = stream as usize / 2 * CONNECTIONS + at;
                answered(number);
                (self.calls.judge)(number, &answers.remove(&stream).unwrap_or_default())
            };
            while let Poll::Ready(moved) = connection.poll_move(cx, &mut on) {
                moved?;
            }
        }
        Ok(())
    }
}

/// Messages of one stream, with the responses received so far.
struct ByStream<'a> {
    calls: &'a Calls,
    connection: Connection,
    answers: BytesMut,
    answered: usize,
}

impl Course for ByStream<'_> {
    fn begin(&mut self, number: usize) -> Result<(), Failure> {
        self.connection.put((self.calls.request)(number));
        Ok(())
    }

    fn poll_move(&mut self, cx: &mut Context<'_>, mut answered: impl FnMut(usize)) -> Result<(), Failure> {
        let mut on = |_, event: Event<'_>| {
            let Event::Data(bytes) = event else { return Err("the stream ended early".into()) };
            self.answers.extend_from_slice(bytes);
            while let Some(length) = first_framed(&self.answers) {
                answered(self.answered);
                (self.calls.judge)(self.answered, &self.answers.split_to(length))?;
                self.answered += 1;
            }
            Ok(())
        };
        while let Poll::Ready(moved) = self.connection.poll_move(cx, &mut on) {
            moved?;
        }
        Ok(())
    }
}

async fn beat(mut course: impl Course, rate: u32, lasting: Duration) -> Result<Run, Failure> {
    let period = Duration::from_secs(1) / rate;
    let (metronome, started) = Metronome::start(period)?;
    let (mut begun, mut due, mut latencies) = (0, started, Vec::new());
    let end = started + lasting;
    poll_fn(|cx| {
        loop {
            while metronome.poll_tick(cx)?.is_ready() {}
            while due < end && due <= Instant::now() && begun < latencies.len() + OUTSTANDING {
                course.begin(begun)?;
                (begun, due) = (begun + 1, due + period);
            }
            course.poll_move(cx, |number| latencies.push((started + period * number as u32).elapsed()))?;
            if due >= end && latencies.len() == begun {
                return Poll::Ready(Ok::<_, Failure>(()));
            }
            let is_full = begun >= latencies.len() + OUTSTANDING;
            if due >= end || is_full || due > Instant::now() + LEAD {
                return Poll::Pending;
            }
            while Instant::now() < due {
                std::hint::spin_loop();
            }
        }
    })
    .await?;
    Ok(Run::of(latencies, started.elapsed()))
}

/// How long before its due time a tick is scheduled: about the time that a thread needs to wake up. It then spins until
/// the due time.
const LEAD: Duration = Duration::from_micros(25);

/// A precise timer: the runtime's timers have millisecond resolution.
struct Metronome(AsyncFd<OwnedFd>);

impl Metronome {
    /// Starts the timer. Returns the instant of the first tick; the others follow at the period.
    fn start(period: Duration) -> Result<(Metronome, Instant), Failure> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        #[expect(deprecated, reason = "sound for an owned descriptor; the replacement is unsafe to call")]
        let timer = AsyncFd::new(timer)?;
        let (now, clock) = (Instant::now(), clock_gettime(ClockId::Monotonic));
        let interval = Timespec::try_from(period)?;
        let ticks = Itimerspec { it_interval: interval, it_value: clock + interval };
        timerfd_settime(timer.get_ref(), TimerfdTimerFlags::ABSTIME, &ticks)?;
        Ok((Metronome(timer), now + period + LEAD))
    }

    fn poll_tick(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut timer = ready!(self.0.poll_read_ready(cx))?;
            if let Ok(ticked) = timer.try_io(|timer| Ok(rustix::io::read(timer, &mut [0; 8])?)) {
                return Poll::Ready(ticked.map(|_| ()));
            }
        }
    }
}
