//! What a miss is: an answer or a refusal that says that a person is not there.

use crate::domain::decide::Rejection;
use crate::domain::standing::Reason;
use crate::registry::SubmitError;
use crate::registry::question::Answer;

/// An answer that says that a person is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Miss {
    /// A refusal.
    NotFound,
    /// The person has another name.
    NameMismatch,
    /// No credential has the number, or nobody has the name and the birth date.
    CredentialNotOnFile,
}

impl Miss {
    /// The word of the contract for it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Miss::NotFound => "NOT_FOUND",
            Miss::NameMismatch => "NAME_MISMATCH",
            Miss::CredentialNotOnFile => "CREDENTIAL_NOT_ON_FILE",
        }
    }

    /// The miss that an answer to a question is, if it is one.
    pub(super) fn of_answer(answer: &Answer<'_>) -> Option<Miss> {
        let reasons = answer.finding.reasons;
        if reasons.contains(Reason::CredentialNotOnFile) {
            Some(Miss::CredentialNotOnFile)
        } else {
            reasons.contains(Reason::NameMismatch).then_some(Miss::NameMismatch)
        }
    }

    /// The miss that the refusal of a command is, if it is one.
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
