//! The damage that the scrub found: refuses writes, is logged for the operator, and is kept in a note for the next
//! start.

use std::error::Error;

use crate::store::DamageNote;
use crate::store::incident::Incident;
use crate::store::log::ReadError;

/// Whether the log is known to be damaged or unreadable in part.
#[derive(Debug)]
pub(in crate::registry) struct Damage {
    note: DamageNote,
    incident: Incident,
}

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
        Damage { note, incident }
    }

    /// True if the last completed scrub, here or before this start, found damage.
    pub(in crate::registry) fn is_present(&self) -> bool {
        self.incident.is_active()
    }

    /// Takes the result of a scrub. It takes effect even if the note cannot be written.
    pub(in crate::registry) fn take(&self, scrubbed: Result<(), &ReadError>) {
        let noted = match scrubbed {
            Ok(()) => {
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
