//! The words an answer is made of: standings and reasons, each in the order in which the contract lists them.

use super::enums::listed;

listed! {
    /// How a credential stands on a day.
    Standing {
        /// Before it takes effect.
        NotIssued,
        /// The issuance was retracted.
        Void,
        /// The holder has died.
        Deceased,
        /// Employment in the state mental health system was lost (sources 000, 002).
        RevokedLossOfEmployment,
        /// Taken away by discipline.
        RevokedDisciplinary,
        /// Given up while under question.
        Surrendered,
        /// Given up.
        Relinquished,
        /// Retired from.
        Retired,
        /// No term includes the day.
        Lapsed,
        /// Held, and suspended.
        Suspended,
        /// Held, and inactive.
        Inactive,
        /// Held without employment, within grace.
        Separated,
        /// Held, with a limitation.
        Limited,
        /// Held in full.
        Current,
    }
}

impl Standing {
    /// Whether the person holds the credential.
    pub fn is_held(self) -> bool {
        self >= Standing::Suspended
    }

    /// Whether the standing, taken alone, lets its holder work as a peer specialist.
    pub fn allows_practice(self) -> bool {
        matches!(self, Standing::Current | Standing::Limited)
    }
}

listed! {
    /// What is said of a verdict, in the order in which it is said.
    Reason {
        /// Alone: no such credential, or nobody of that name and birth date holds one.
        CredentialNotOnFile,
        /// Alone: the family name is not the holder's.
        NameMismatch,
        /// Alone, unknown: several people match.
        SpecialistAmbiguous,
        /// Fails: the day is before the credential takes effect.
        NotYetEffective,
        /// Fails: the issuance was retracted.
        Void,
        /// Fails: the holder has died.
        Deceased,
        /// Fails: revoked on loss of employment.
        RevokedLossOfEmployment,
        /// Fails: revoked by discipline.
        RevokedDisciplinary,
        /// Fails: surrendered.
        Surrendered,
        /// Fails: relinquished.
        Relinquished,
        /// Fails: retired.
        Retired,
        /// Fails: no term includes the day.
        Lapsed,
        /// Fails: suspended by discipline.
        Suspended,
        /// Fails: suspended, and not by discipline.
        SuspendedNonDisciplinary,
        /// Fails: inactive.
        Inactive,
        /// Fails: held within grace, without employment.
        SeparatedMayNotPractice,
        /// Fails: no job that day with a provider that qualifies.
        NoQualifyingEmployment,
        /// Fails: the provider named is not on file.
        ProviderNotOnFile,
        /// Fails: no job with that provider that day.
        NotEmployedByProvider,
        /// Fails: that provider does not qualify that day.
        ProviderNotQualified,
        /// Fails: that provider, or every qualifying employer, is suspended that day.
        ProviderSuspended,
        /// Fails: a designation asked for is not held.
        DesignationNotHeld,
        /// Fails: the provider's peer support service is not certified that day.
        ServiceNotCertified,
        /// Unknown: employment was not on record yet.
        DateBeforeRecords,
        /// Unknown: covered by certificates alone whose date has passed.
        ProviderRenewalNotRecorded,
        /// Unknown: the day is after today.
        DateInFuture,
        /// Information, beside `CredentialNotOnFile` alone: the number asked about cannot exist.
        NumberMistyped,
        /// Information: a limitation stands.
        Limited,
        /// Information: reports about the day may still come in.
        ReportingWindowOpen,
        /// Information: the term ends within the notice.
        TermEndsSoon,
        /// Information: the name given is a former one.
        NameIsFormer,
        /// Information: no certification of the service is on record up to that day.
        ServiceHistoryUnknown,
    }
}

/// What a reason does to a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// The answer is no.
    Fails,
    /// The answer is not known.
    Unknown,
    /// It changes nothing but `LIMITED`, which shows in the verdict.
    Information,
}

impl Reason {
    /// What it does to a verdict.
    pub const fn weight(self) -> Weight {
        match self {
            Reason::SpecialistAmbiguous
            | Reason::DateBeforeRecords
            | Reason::ProviderRenewalNotRecorded
            | Reason::DateInFuture => Weight::Unknown,
            Reason::NumberMistyped
            | Reason::Limited
            | Reason::ReportingWindowOpen
            | Reason::TermEndsSoon
            | Reason::NameIsFormer
            | Reason::ServiceHistoryUnknown => Weight::Information,
            Reason::CredentialNotOnFile
            | Reason::NameMismatch
            | Reason::NotYetEffective
            | Reason::Void
            | Reason::Deceased
            | Reason::RevokedLossOfEmployment
            | Reason::RevokedDisciplinary
            | Reason::Surrendered
            | Reason::Relinquished
            | Reason::Retired
            | Reason::Lapsed
            | Reason::Suspended
            | Reason::SuspendedNonDisciplinary
            | Reason::Inactive
            | Reason::SeparatedMayNotPractice
            | Reason::NoQualifyingEmployment
            | Reason::ProviderNotOnFile
            | Reason::NotEmployedByProvider
            | Reason::ProviderNotQualified
            | Reason::ProviderSuspended
            | Reason::DesignationNotHeld
            | Reason::ServiceNotCertified => Weight::Fails,
        }
    }
}

listed! {
    /// The answer to a question.
    Verdict {
        /// Yes.
        Confirmed,
        /// Yes, and a limitation stands.
        ConfirmedWithLimits,
        /// No.
        NotConfirmed,
        /// Not known.
        Undetermined,
    }
}
