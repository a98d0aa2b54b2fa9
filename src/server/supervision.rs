//! Watches over the process: finds out whether a thread is stuck, and keeps health and the service manager informed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::liveness::PERIOD;
use super::ops::Ops;
use super::service_manager::ServiceManager;
use super::vital::{AbortOnDrop, restarted};
use crate::registry::Registry;

/// How often the service manager hears that a start or an end goes on.
const EXTEND_EVERY: Duration = Duration::from_secs(20);

/// How often the service manager hears of a new head, if nothing else changes.
const HEAD_EVERY: Duration = Duration::from_secs(10);

/// What a server is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Opening,
    Serving,
    Ending,
}

/// The life of a server.
#[derive(Debug, Default)]
struct Life {
    phase: Phase,
    /// The outcome of the last reload, in words. Empty: there was none.
    reloaded: String,
}

/// Watches over a server. Clones watch over the same one.
#[derive(Clone)]
pub(super) struct Supervision {
    ops: Ops,
    manager: ServiceManager,
    /// Held while a message is sent that depends on it, so that none comes after a later one.
    life: Arc<Mutex<Life>>,
}

/// What was last reported.
#[derive(Default)]
struct Reported {
    stuck: Option<&'static str>,
    lived_at: Option<Instant>,
    extended_at: Option<Instant>,
    state: String,
    status: String,
    status_at: Option<Instant>,
}

impl Supervision {
    /// Watches over a server that is about to open its registry, until the returned task is dropped.
    pub(super) fn begin(ops: &Ops) -> (Supervision, AbortOnDrop) {
        let manager = ServiceManager::of_environment();
        let supervision = Supervision { ops: ops.clone(), manager, life: Arc::default() };
        let watched = supervision.clone();
        (supervision, AbortOnDrop::spawn(restarted("supervision", move || watched.clone().keep())))
    }

    /// Notes that the server accepts calls.
    pub(super) fn is_ready(&self) {
        let mut life = self.life();
        life.phase = Phase::Serving;
        self.manager.ready(&self.status(&life));
    }

    /// Notes that the server drains and ends. If the process goes on with another one, the service manager must not
    /// take that for its end.
    pub(super) fn ends(&self, process_goes_on: bool) {
        let mut life = self.life();
        life.phase = Phase::Ending;
        if !process_goes_on {
            self.manager.stopping(&self.status(&life));
        }
    }

    /// Notes that a reload begins. Returns false if the service manager expects none, because the server does not
    /// accept calls.
    pub(super) fn reload_begins(&self) -> bool {
        let life = self.life();
        let is_expected = life.phase == Phase::Serving;
        if is_expected {
            self.manager.reloading();
        }
        is_expected
    }

    /// Notes the outcome of a reload that the service manager expects.
    pub(super) fn reload_ended(&self, outcome: &str) {
        let mut life = self.life();
        outcome.clone_into(&mut life.reloaded);
        if life.phase == Phase::Serving {
            self.manager.ready(&self.status(&life));
        }
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the server is doing, without its head.
    fn state(&self, life: &Life) -> String {
        match life.phase {
            Phase::Opening => "opening the registry".to_owned(),
            Phase::Serving if life.reloaded.is_empty() => self.ops.summary(),
            Phase::Serving => format!("{}; last reload: {}", self.ops.summary(), life.reloaded),
            Phase::Ending => "draining".to_owned(),
        }
    }

    /// The same with the head and its epoch.
    fn status(&self, life: &Life) -> String {
        self.with_head(&self.state(life))
    }

    fn with_head(&self, state: &str) -> String {
        let registry = self.ops.registry.load();
        registry.as_ref().map_or(state.to_owned(), |registry| format!("{state}; {}", head(registry)))
    }

    async fn keep(self) {
        let period = self.manager.watchdog_period().map_or(PERIOD, |watchdog| watchdog.min(PERIOD));
        let mut reported = Reported::default();
        loop {
            self.look(&mut reported, Instant::now());
            tokio::time::sleep(period).await;
        }
    }

    fn look(&self, reported: &mut Reported, now: Instant) {
        let is_due = |last: Option<Instant>, every: Duration| last.is_none_or(|at| now.duration_since(at) >= every);
        let stuck = self.ops.liveness.look(now);
        self.ops.health.set_stuck(stuck.is_some());
        log_stuck(reported.stuck, stuck, self.ops.liveness.limit());
        reported.stuck = stuck;
        if let Some(watchdog) = self.manager.watchdog_period()
            && stuck.is_none()
            && is_due(reported.lived_at, watchdog)
        {
            self.manager.lives();
            reported.lived_at = Some(now);
        }
        if !self.manager.listens() {
            return;
        }
        let life = self.life();
        if life.phase != Phase::Serving && is_due(reported.extended_at, EXTEND_EVERY) {
            self.manager.extend();
            reported.extended_at = Some(now);
        }
        let state = self.state(&life);
        let status = self.with_head(&state);
        if state != reported.state || status != reported.status && is_due(reported.status_at, HEAD_EVERY) {
            self.manager.status(&status);
            (reported.state, reported.status, reported.status_at) = (state, status, Some(now));
        }
    }
}

/// The head of a registry, in words.
fn head(registry: &Registry) -> String {
    let head = registry.head();
    let epoch = head.history.epoch_of(head.revision).map(|epoch| epoch.id);
    let epoch = epoch.map_or(String::new(), |epoch| format!(", epoch {epoch}"));
    format!("head {}{epoch}", head.revision)
}

/// Logs when a thread is found stuck, and when none is any more.
fn log_stuck(before: Option<&'static str>, now: Option<&'static str>, limit: Duration) {
    if before == now {
        return;
    }
    match now {
        Some(part) => tracing::error!(
            event = "thread_stuck",
            part,
            seconds = limit.as_secs(),
            "a thread has not moved while work waits for it: the process should be started again"
        ),
        None => tracing::warn!(event = "thread_moves", "no thread is stuck any more"),
    }
}
