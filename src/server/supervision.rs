//! Watches over the process: finds out whether a thread is stuck, and keeps health and the service manager informed.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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

/// The life of a server.
const OPENING: u8 = 0;
const SERVING: u8 = 1;
const ENDING: u8 = 2;

/// Watches over a server. Clones watch over the same one.
#[derive(Clone)]
pub(super) struct Supervision {
    ops: Ops,
    manager: ServiceManager,
    phase: Arc<AtomicU8>,
    /// The outcome of the last reload, in words. Empty: there was none.
    reloaded: Arc<Mutex<String>>,
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
        let (phase, reloaded) = (Arc::new(AtomicU8::new(OPENING)), Arc::default());
        let supervision = Supervision { ops: ops.clone(), manager, phase, reloaded };
        let watched = supervision.clone();
        (supervision, AbortOnDrop::spawn(restarted("supervision", move || watched.clone().keep())))
    }

    /// Notes that the server accepts calls.
    pub(super) fn is_ready(&self) {
        self.phase.store(SERVING, Ordering::Release);
        self.manager.ready(&self.status());
    }

    /// Notes that the server drains and ends. If the process goes on with another one, the service manager must not take
    /// that for its end.
    pub(super) fn ends(&self, process_goes_on: bool) {
        self.phase.store(ENDING, Ordering::Release);
        if !process_goes_on {
            self.manager.stopping(&self.status());
        }
    }

    /// Notes that a reload begins. Returns false if the service manager expects none, because the server does not accept
    /// calls.
    pub(super) fn reload_begins(&self) -> bool {
        let is_expected = self.phase() == SERVING;
        if is_expected {
            self.manager.reloading();
        }
        is_expected
    }

    /// Notes the outcome of a reload that the service manager expects.
    pub(super) fn reload_ended(&self, outcome: &str) {
        outcome.clone_into(&mut self.reloaded.lock().unwrap_or_else(PoisonError::into_inner));
        if self.phase() == SERVING {
            self.manager.ready(&self.status());
        }
    }

    fn phase(&self) -> u8 {
        self.phase.load(Ordering::Acquire)
    }

    /// What the server is doing, without its head.
    fn state(&self) -> String {
        let reloaded = self.reloaded.lock().unwrap_or_else(PoisonError::into_inner);
        match self.phase() {
            OPENING => "opening the registry".to_owned(),
            SERVING if reloaded.is_empty() => self.ops.summary(),
            SERVING => format!("{}; last reload: {reloaded}", self.ops.summary()),
            _ => "draining".to_owned(),
        }
    }

    /// The same with the head and its epoch.
    fn status(&self) -> String {
        let state = self.state();
        self.ops.registry.load().as_ref().map_or(state.clone(), |registry| format!("{state}; {}", head(registry)))
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
        if self.phase() != SERVING && is_due(reported.extended_at, EXTEND_EVERY) {
            self.manager.extend();
            reported.extended_at = Some(now);
        }
        let (state, status) = (self.state(), self.status());
        if state != reported.state || status != reported.status && is_due(reported.status_at, HEAD_EVERY) {
            self.manager.status(&status);
            *reported = Reported { state, status, status_at: Some(now), ..std::mem::take(reported) };
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
