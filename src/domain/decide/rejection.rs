//! Rejections of commands.

use std::fmt::Display;

use crate::domain::evaluation::Assessment;

/// Why the registry rejects a command.
#[derive(Clone, Debug, PartialEq)]
pub enum Rejection {
    /// Fields are malformed, missing or impossible.
    Invalid(Faults),
    /// Something in the command is not on file, or the caller may not see it. The caller cannot tell which.
    NotFound {
        /// The kind: `credential`, `specialist`, `provider`, `employment` or `fact`.
        kind: &'static str,
        /// The id, as given.
        id: String,
    },
    /// There is no matching open job, or the caller may not see it.
    NoOpenJob {
        /// The id by which the job was looked up.
        subject: String,
        /// What was looked up, as text.
        description: String,
    },
    /// A rule refuses the command.
    Refused {
        /// The rule.
        refusal: Refusal,
        /// The id of the subject that the rule was applied to.
        subject: String,
        /// The reason and the remedy, as text.
        description: String,
    },
    /// The application does not meet every criterion.
    CriteriaUnmet(Vec<Assessment>),
}

/// A field that is malformed, missing or impossible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The path of the field in the request.
    pub field: String,
    /// What is wrong with the field, as text.
    pub description: String,
}

impl Violation {
    /// A violation of a field.
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Violation {
        Violation { field: field.into(), description: description.into() }
    }
}

/// The violations in a request: the first ones in full, and the number of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    listed: Vec<Violation>,
    more: usize,
}

impl Faults {
    /// The maximum number of violations listed. Further ones are only counted.
    pub const MOST_LISTED: usize = 64;

    /// Adds a violation.
    pub fn note(&mut self, fault: impl FnOnce() -> Violation) {
        if self.listed.len() < Faults::MOST_LISTED {
            self.listed.push(fault());
        } else {
            self.more += 1;
        }
    }

    /// Adds the violations of another part of the request.
    pub fn append(&mut self, other: Faults) {
        other.listed.into_iter().for_each(|fault| self.note(|| fault));
        self.more += other.more;
    }

    /// Whether there are no violations.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// The listed violations.
    pub fn listed(&self) -> &[Violation] {
        &self.listed
    }

    /// The listed violations from index `at` on, mutable.
    pub fn listed_from(&mut self, at: usize) -> impl Iterator<Item = &mut Violation> {
        self.listed.iter_mut().skip(at)
    }

    /// The total number of violations.
    pub fn count(&self) -> usize {
        self.listed.len() + self.more
    }
}

impl FromIterator<Violation> for Faults {
    fn from_iter<I: IntoIterator<Item = Violation>>(all: I) -> Faults {
        let mut faults = Faults::default();
        all.into_iter().for_each(|fault| faults.note(|| fault));
        faults
    }
}

impl Rejection {
    /// A violation of one field.
    pub(super) fn invalid(field: &str, description: impl Into<String>) -> Rejection {
        Rejection::Invalid(Faults::from_iter([Violation::new(field, description)]))
    }

    /// Something is not on file, or the caller may not see it.
    pub(super) fn not_found(kind: &'static str, id: impl Display) -> Rejection {
        Rejection::NotFound { kind, id: id.to_string() }
    }

    /// There is no matching open job.
    pub(super) fn no_open_job(subject: impl Display, description: impl Into<String>) -> Rejection {
        Rejection::NoOpenJob { subject: subject.to_string(), description: description.into() }
    }

    /// A rule refuses the command.
    pub(super) fn refused(refusal: Refusal, subject: impl Display, description: impl Into<String>) -> Rejection {
        Rejection::Refused { refusal, subject: subject.to_string(), description: description.into() }
    }
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $variant:ident = $code:literal,)+) => {
        /// The rules that refuse commands. The codes are part of the contract.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Refusal { $($(#[$doc])* $variant,)+ }

        impl Refusal {
            /// All refusals.
            pub const ALL: &'static [Refusal] = &[$(Refusal::$variant,)+];

            /// The stable code that clients use.
            pub fn code(self) -> &'static str {
                match self { $(Refusal::$variant => $code,)+ }
            }
        }
    };
}

refusals! {
    /// The credential is void.
    CredentialVoid = "CREDENTIAL_VOID",
    /// The date is before the credential takes effect.
    BeforeEffectiveFrom = "BEFORE_EFFECTIVE_FROM",
    /// The date is after the holder's death.
    AfterDeath = "AFTER_DEATH",
    /// The credential is not held.
    NotHeld = "NOT_HELD",
    /// The credential is already revoked as discipline.
    AlreadyRevoked = "ALREADY_REVOKED",
    /// The credential is held on the day before.
    AlreadyHeld = "ALREADY_HELD",
    /// No provider covers the holder on that day.
    NotCovered = "NOT_COVERED",
    /// The credential would not be held even with the reinstatement.
    NotReinstatable = "NOT_REINSTATABLE",
    /// The term is not the next one.
    TermNotExtended = "TERM_NOT_EXTENDED",
    /// Too few hours of continuing education.
    ContinuingEducation = "CONTINUING_EDUCATION",
    /// The person has a credential that is not void.
    AlreadyCredentialed = "ALREADY_CREDENTIALED",
    /// The registrar must record the report.
    RegistrarMustRecord = "REGISTRAR_MUST_RECORD",
    /// The fact is one of the registry itself.
    NotRetractable = "NOT_RETRACTABLE",
    /// A fact that is not retracted refers to the registration.
    HasDependents = "HAS_DEPENDENTS",
    /// The fact is already retracted.
    AlreadyRetracted = "ALREADY_RETRACTED",
    /// The fact opens no period.
    NotAPeriod = "NOT_A_PERIOD",
    /// Several jobs are open; the report must name one.
    EmploymentAmbiguous = "EMPLOYMENT_AMBIGUOUS",
    /// The same start of a job is on record.
    EmploymentExists = "EMPLOYMENT_EXISTS",
    /// The provider id is already in use.
    ProviderExists = "PROVIDER_EXISTS",
    /// The identifier belongs to another provider.
    IdentifierTaken = "IDENTIFIER_TAKEN",
    /// The prior number is that of another credential that is not void.
    PriorNumberTaken = "PRIOR_NUMBER_TAKEN",
}

impl Refusal {
    /// Whether the refusal means that something already exists.
    pub fn is_already_exists(self) -> bool {
        matches!(
            self,
            Refusal::EmploymentExists | Refusal::ProviderExists | Refusal::IdentifierTaken | Refusal::PriorNumberTaken
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the page for a person says of refusals.
    const PAGE: &str = include_str!("../../http/page/refusals.js");

    #[test]
    fn the_page_for_a_person_has_words_of_its_own_for_every_refusal() {
        for refusal in Refusal::ALL {
            assert!(PAGE.contains(&format!("\n  {}: ", refusal.code())), "{refusal:?}");
        }
    }
}
