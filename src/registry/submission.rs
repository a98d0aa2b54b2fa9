//! A command on its way to the writer.

use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use super::content::Content;
use super::decision_context::Numbers;
use crate::domain::command::Command;
use crate::domain::fact::Reporter;

/// A command with who asks and how the answer is to be remembered.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Who asks.
    pub reporter: Reporter,
    /// The method, in full.
    pub method: &'static str,
    /// The caller's id for the request.
    pub request_id: Uuid,
    /// What was asked.
    pub content: Content,
    /// Whether nothing is to be recorded.
    pub validate_only: bool,
    /// What the caller adds in words.
    pub note: String,
    /// What is asked.
    pub command: Command,
    /// Where new ids come from.
    pub numbers: Numbers,
}

/// A place among the commands that wait for the writer, for one.
pub struct Place(#[expect(dead_code, reason = "it is given back where it is dropped")] pub(super) OwnedSemaphorePermit);
