//! A command for the writer.

use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use super::content::Content;
use super::decision_context::Numbers;
use crate::domain::command::Command;
use crate::domain::fact::Reporter;

/// A command, its caller, and the data for recognizing a repeated request.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The caller.
    pub reporter: Reporter,
    /// The full method name.
    pub method: &'static str,
    /// The caller's id for the request.
    pub request_id: Uuid,
    /// The content of the request.
    pub content: Content,
    /// True if nothing must be recorded.
    pub validate_only: bool,
    /// The caller's note.
    pub note: String,
    /// The command.
    pub command: Command,
    /// The source of new ids.
    pub numbers: Numbers,
}

/// A permit for one of the queue slots that are set aside for bulk callers. Dropping it frees the slot.
pub struct QueueSlot(#[expect(dead_code, reason = "held until it is dropped")] pub(super) OwnedSemaphorePermit);
