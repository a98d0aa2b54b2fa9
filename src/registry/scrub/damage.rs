//! The damage that the scrub found: refuses writes, is logged for the operator, and is kept in a note for the next
//! start.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use jiff::Timestamp;

use crate::registry::clock;
use crate::store::DamageNote;
use crate::store::incident::Incident;
use crate::store::log::ReadError;

/// Whether the log is known to be damaged or unreadable in part.
#[derive(Debug)]
pub(in crate::registry) struct Damage {
    note: DamageNote,
    incident: Incident,
    /// The bytes that the present or last pass has read.
    pass_bytes: Arc<AtomicU64>,
    /// When a pass last succeeded, in seconds since 1970; [`NEVER`]: not since the start.
    last_success: AtomicI64,
}

const NEVER: i64 = i64::MIN;

impl Damage {
    /// Restores the state that the last process left in the note.
    pub(in crate::registry) fn noted(note: DamageNote) -> Damage {
        let incident = Incident::new();
        if let Some(found) = note.found() {
            incident.occurred();
            tracing::error!(
                event = "damage_noted",
                found,
                "a scrub found damage before this start, and writes are refused until a scrub passes: restore the \
                 registry from a backup"
            );
        }
        Damage { note, incident, pass_bytes: Arc::default(), last_success: AtomicI64::new(NEVER) }
    }

    /// True if the last completed scrub, here or before this start, found damage.
    pub(in crate::registry) fn is_present(&self) -> bool {
        self.incident.is_active()
    }

    /// The bytes that the present or last pass has read.
    pub(in crate::registry) fn pass_bytes(&self) -> &Arc<AtomicU64> {
        &self.pass_bytes
    }

    /// When a pass last succeeded. `None`: not since the start.
    pub(in crate::registry) fn last_success(&self) -> Option<Timestamp> {
        let second = self.last_success.load(Ordering::Relaxed);
        Some(second).filter(|second| *second != NEVER).and_then(|second| Timestamp::from_second(second).ok())
    }

    /// Takes the result of a scrub. It takes effect even if the note cannot be written.
    pub(in crate::registry) fn take(&self, scrubbed: Result<(), &ReadError>) {
        let noted = match scrubbed {
            Ok(()) => {
                self.last_success.store(clock::now().as_second(), Ordering::Relaxed);
                if self.incident.resolve() {
                    tracing::info!(
                        event = "scrub_passed",
                        "scrub passed: every closed log segment is intact again, writes are accepted"
                    );
                }
                self.note.remove()
            }
            Err(found) => {
                self.log_damage(found);
                self.note.keep(&found.to_string())
            }
        };
        if let Err(error) = noted {
            tracing::error!(
                event = "damage_note_not_written",
                error = &error as &dyn Error,
                "DAMAGED could not be written or removed: the next start will not know the result of this scrub"
            );
        }
    }

    /// Logs the damage with advice for the operator.
    fn log_damage(&self, found: &ReadError) {
        let advice = match found {
            ReadError::Damaged(_) => "the log is damaged, and writes are refused: restore the registry from a backup",
            ReadError::Disk { .. } => "the disk cannot read the log, and writes are refused",
        };
        if let Some(times) = self.incident.occurred() {
            tracing::error!(event = "scrub_failed", times, error = found as &dyn Error, "{advice}");
        }
    }
}
