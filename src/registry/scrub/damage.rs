//! What the scrub has found, for those who take writes and for the operator; and in a note, for the next start.

use std::error::Error;

use crate::store::DamageNote;
use crate::store::incident::Incident;
use crate::store::log::ReadError;

/// Whether the log is damaged, or a part of it cannot be read, as far as the scrub knows.
#[derive(Debug)]
pub(in crate::registry) struct Damage {
    note: DamageNote,
    trouble: Incident,
}

impl Damage {
    /// As the last process left it.
    pub(in crate::registry) fn noted(note: DamageNote) -> Damage {
        let trouble = Incident::new();
        if let Some(found) = note.found() {
            trouble.occurred();
            tracing::error!(
                event = "damage_noted",
                found,
                "a scrub found damage before this start, and no write is taken until a scrub passes: restore the registry \
                 from a backup"
            );
        }
        Damage { note, trouble }
    }

    /// Whether the last scrub that came to an end, here or before the start, found damage.
    pub(in crate::registry) fn is_there(&self) -> bool {
        self.trouble.is_active()
    }

    /// Takes what came of a scrub. Whether the note can be written changes nothing else.
    pub(in crate::registry) fn take(&self, scrubbed: Result<(), &ReadError>) {
        let noted = match scrubbed {
            Ok(()) => {
                if self.trouble.resolve() {
                    tracing::info!(
                        event = "scrub_passed",
                        "scrub passed: every closed log segment is intact again, writes are accepted"
                    );
                }
                self.note.remove()
            }
            Err(found) => {
                self.say(found);
                self.note.keep(&found.to_string())
            }
        };
        if let Err(error) = noted {
            tracing::error!(
                event = "damage_note_not_written",
                error = &error as &dyn Error,
                "DAMAGED could not be written or removed: the next start does not know what the scrub found"
            );
        }
    }

    /// What was found means for the operator.
    fn say(&self, found: &ReadError) {
        let advice = match found {
            ReadError::Damaged(_) => "the log is damaged, and no write is taken: restore the registry from a backup",
            ReadError::Disk { .. } => "the disk cannot read the log, and no write is taken",
        };
        if let Some(times) = self.trouble.occurred() {
            tracing::error!(event = "scrub_failed", times, error = found as &dyn Error, "{advice}");
        }
    }
}
