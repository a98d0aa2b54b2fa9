//! Keeps the reported health up to date, and logs what changes: whether questions are answered, whether writes are
//! accepted, and why not.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::grpc::health::{HealthBoard, Serving};
use crate::registry::{Registry, Rung, WritesOff};

/// The interval at which the server checks what is possible, and the longest time that a check takes.
const PERIOD: Duration = Duration::from_secs(1);

/// How long a replica that starts waits for the shared log to confirm what it knows.
const FIRST_LOOK: Duration = Duration::from_secs(3);

/// What health is computed from.
#[derive(Clone)]
pub(super) struct Health {
    pub registry: Registry,
    /// True while the audit can record reads.
    pub audit_works: watch::Receiver<bool>,
    pub board: HealthBoard,
    /// Why the last check found that writes are not accepted.
    pub writes_off: Arc<ArcSwapOption<WritesOff>>,
}

impl Health {
    /// Sets the health of a server that is about to listen. Waits a moment, so that the first answers know every
    /// record.
    pub(super) async fn begin(&self) {
        drop(timeout(FIRST_LOOK, self.registry.look_at_log()).await);
        // The writer may still wait for a shared log that is silent.
        let writes = matches!(timeout(PERIOD, self.registry.writes_off()).await, Ok(None));
        let questions = *self.audit_works.borrow() && self.registry.rung().answers();
        self.board.set(Serving { questions, writes });
    }

    /// Keeps it up to date: reads are served while the audit can record them, and what is known is recent enough;
    /// writes while the disk has room, the calendar advances, and a shared log takes them.
    pub(super) async fn keep(mut self) {
        let (mut obstacle, mut rung) = (None, Rung::Current);
        loop {
            // The writer may wait for a shared log that is silent. Until it answers, nothing is known to have changed.
            let writes_off = timeout(PERIOD, self.registry.writes_off()).await.unwrap_or_else(|_| obstacle.clone());
            log_writes(obstacle.as_ref(), writes_off.as_ref());
            let now = self.registry.rung();
            log_rung(&rung, &now);
            let questions = *self.audit_works.borrow_and_update() && now.answers();
            self.board.set(Serving { questions, writes: writes_off.is_none() });
            self.writes_off.store(writes_off.clone().map(Arc::new));
            (obstacle, rung) = (writes_off, now);
            tokio::select! {
                () = tokio::time::sleep(PERIOD) => {}
                changed = self.audit_works.changed() => if changed.is_err() { return },
            }
        }
    }
}

/// Logs when writes are accepted again, or are not, or not for another reason.
fn log_writes(before: Option<&WritesOff>, now: Option<&WritesOff>) {
    let name = |obstacle: Option<&WritesOff>| obstacle.map_or("none", WritesOff::name);
    if name(before) == name(now) {
        return;
    }
    let cause = name(now);
    match now {
        Some(why) => {
            tracing::warn!(event = "write_health_changed", writes = false, cause, "writes are not accepted: {why}");
        }
        None => tracing::warn!(event = "write_health_changed", writes = true, cause, "writes are accepted again"),
    }
}

/// Logs when questions at the head begin to rest on something older than usual, and when they do no more.
fn log_rung(before: &Rung, now: &Rung) {
    if std::mem::discriminant(before) == std::mem::discriminant(now) {
        return;
    }
    match now {
        Rung::Current => tracing::info!(event = "replica_current", "answers are up to date again"),
        Rung::Late(_) => tracing::warn!(event = "replica_late", "answers may be out of date: {now}"),
        Rung::Stale(_) | Rung::Broken(_) => {
            tracing::error!(event = "replica_stale", "questions at the head are refused: {now}");
        }
    }
}
