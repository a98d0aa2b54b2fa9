//! Misses: answers and refusals that say that a person was not found.

use crate::domain::decide::Rejection;
use crate::domain::standing::Reason;
use crate::registry::SubmitError;
use crate::registry::question::Answer;

/// An answer that says that a person was not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Miss {
    /// A command or query was refused as not found.
    NotFound,
    /// The person has a different name.
    NameMismatch,
    /// No credential has the number, or nobody has the name and the birth date.
    CredentialNotOnFile,
}

impl Miss {
    /// Returns the name of the miss, as in the contract.
    pub(super) fn name(self) -> &'static str {
        match self {
            Miss::NotFound => "NOT_FOUND",
            Miss::NameMismatch => "NAME_MISMATCH",
            Miss::CredentialNotOnFile => "CREDENTIAL_NOT_ON_FILE",
        }
    }

    /// Returns the miss that an answer to a question represents, if any.
    pub(super) fn of_answer(answer: &Answer<'_>) -> Option<Miss> {
        let reasons = answer.finding.reasons;
        if reasons.contains(Reason::CredentialNotOnFile) {
            Some(Miss::CredentialNotOnFile)
        } else {
            reasons.contains(Reason::NameMismatch).then_some(Miss::NameMismatch)
        }
    }

    /// Returns the miss that the refusal of a command represents, if any.
    pub(super) fn of_refusal(error: &SubmitError) -> Option<Miss> {
        match error {
            SubmitError::Rejected(
                Rejection::NotFound { kind: "credential" | "specialist" | "employment", .. }
                | Rejection::NoOpenJob { .. },
            ) => Some(Miss::NotFound),
            _ => None,
        }
    }
}
