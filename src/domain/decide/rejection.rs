//! Refusals: what a caller gets when a rule rejects its command.

use std::fmt::Display;

use crate::domain::evaluation::Assessment;

/// A command that the registry does not accept.
#[derive(Clone, Debug, PartialEq)]
pub enum Rejection {
    /// Fields that are malformed, missing or impossible.
    Invalid(Faults),
    /// Something the command names is not on file, or not the caller's to see: the caller cannot tell which.
    NotFound {
        /// What: `credential`, `specialist`, `provider`, `employment` or `fact`.
        kind: &'static str,
        /// Its id, as it was given.
        id: String,
    },
    /// No job is open that the command is about, or none that is the caller's to see.
    NoOpenJob {
        /// What the job was looked for by.
        subject: String,
        /// What was looked for, in words.
        description: String,
    },
    /// A rule says no.
    Refused {
        /// Which.
        refusal: Refusal,
        /// What the rule was applied to.
        subject: String,
        /// Why, and what to do, in words.
        description: String,
    },
    /// The application does not fulfil every criterion.
    CriteriaUnmet(Vec<Assessment>),
}

/// A field that is malformed, missing or impossible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field, by its path in the request.
    pub field: String,
    /// What is wrong with it, in words.
    pub description: String,
}

impl Violation {
    /// A field and what is wrong with it.
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Violation {
        Violation { field: field.into(), description: description.into() }
    }
}

/// The faults of a request: the first that were found, and how many more there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    listed: Vec<Violation>,
    more: usize,
}

impl Faults {
    /// How many are listed at most. The others are counted, and cost nothing.
    pub const MOST_LISTED: usize = 64;

    /// Notes one.
    pub fn note(&mut self, fault: impl FnOnce() -> Violation) {
        if self.listed.len() < Faults::MOST_LISTED {
            self.listed.push(fault());
        } else {
            self.more += 1;
        }
    }

    /// Notes those of another part of the request.
    pub fn append(&mut self, other: Faults) {
        other.listed.into_iter().for_each(|fault| self.note(|| fault));
        self.more += other.more;
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// The first of them.
    pub fn listed(&self) -> &[Violation] {
        &self.listed
    }

    /// The same, from one of them on.
    pub fn listed_from(&mut self, at: usize) -> impl Iterator<Item = &mut Violation> {
        self.listed.iter_mut().skip(at)
    }

    /// How many there are in all.
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
    /// One field is wrong.
    pub(super) fn invalid(field: &str, description: impl Into<String>) -> Rejection {
        Rejection::Invalid(Faults::from_iter([Violation::new(field, description)]))
    }

    /// Not on file, or not the caller's to see.
    pub(super) fn not_found(kind: &'static str, id: impl Display) -> Rejection {
        Rejection::NotFound { kind, id: id.to_string() }
    }

    /// No job is open that the command is about.
    pub(super) fn no_open_job(subject: impl Display, description: impl Into<String>) -> Rejection {
        Rejection::NoOpenJob { subject: subject.to_string(), description: description.into() }
    }

    /// A rule says no.
    pub(super) fn refused(refusal: Refusal, subject: impl Display, description: impl Into<String>) -> Rejection {
        Rejection::Refused { refusal, subject: subject.to_string(), description: description.into() }
    }
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $variant:ident = $code:literal,)+) => {
        /// Why a rule rejects a command. The code is part of the contract.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Refusal { $($(#[$doc])* $variant,)+ }

        impl Refusal {
            /// Every refusal.
            pub const ALL: &'static [Refusal] = &[$(Refusal::$variant,)+];

            /// The stable code that clients decide on.
            pub fn code(self) -> &'static str {
                match self { $(Refusal::$variant => $code,)+ }
            }
        }
    };
}

refusals! {
    /// The credential is void.
    CredentialVoid = "CREDENTIAL_VOID",
    /// Dated before the credential takes effect.
    BeforeEffectiveFrom = "BEFORE_EFFECTIVE_FROM",
    /// Dated after the holder's death.
    AfterDeath = "AFTER_DEATH",
    /// The credential is not held.
    NotHeld = "NOT_HELD",
    /// Already revoked by discipline.
    AlreadyRevoked = "ALREADY_REVOKED",
    /// Held the day before.
    AlreadyHeld = "ALREADY_HELD",
    /// No provider covers the holder that day.
    NotCovered = "NOT_COVERED",
    /// Reinstatement alone would not bring the credential back.
    NotReinstatable = "NOT_REINSTATABLE",
    /// The term is not the one that follows.
    TermNotExtended = "TERM_NOT_EXTENDED",
    /// Too few hours of continuing education.
    ContinuingEducation = "CONTINUING_EDUCATION",
    /// The person has a credential that is not void.
    AlreadyCredentialed = "ALREADY_CREDENTIALED",
    /// So late a report is the registrar's to record.
    RegistrarMustRecord = "REGISTRAR_MUST_RECORD",
    /// A fact of the registry itself.
    NotRetractable = "NOT_RETRACTABLE",
    /// Something that is not retracted names the registration.
    HasDependents = "HAS_DEPENDENTS",
    /// The fact is retracted.
    AlreadyRetracted = "ALREADY_RETRACTED",
    /// The fact opens no period that could be ended.
    NotAPeriod = "NOT_A_PERIOD",
    /// Several open jobs; the report must name one.
    EmploymentAmbiguous = "EMPLOYMENT_AMBIGUOUS",
    /// The same start of a job is on record.
    EmploymentExists = "EMPLOYMENT_EXISTS",
    /// The provider's id is taken.
    ProviderExists = "PROVIDER_EXISTS",
    /// The identifier belongs to another provider.
    IdentifierTaken = "IDENTIFIER_TAKEN",
}

impl Refusal {
    /// Whether something that is there already stands in the way.
    pub fn is_already_exists(self) -> bool {
        matches!(self, Refusal::EmploymentExists | Refusal::ProviderExists | Refusal::IdentifierTaken)
    }
}
