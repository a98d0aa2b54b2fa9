//! The vocabulary of answers: standings, reasons and verdicts, each in the order of the contract.

use super::enums::listed;

listed! {
    /// The standing of a credential on a day.
    Standing {
        /// The day is before the credential takes effect.
        NotIssued,
        /// The issuance was retracted.
        Void,
        /// The holder has died.
        Deceased,
        /// Revoked because employment in the state mental health system was lost (sources 000, 002).
        RevokedLossOfEmployment,
        /// Revoked as discipline.
        RevokedDisciplinary,
        /// Surrendered by the holder.
        Surrendered,
        /// Relinquished by the holder.
        Relinquished,
        /// Ended because the holder retired.
        Retired,
        /// No term includes the day.
        Lapsed,
        /// Held, but suspended.
        Suspended,
        /// Held, with inactive status.
        Inactive,
        /// Held without employment, within the grace period.
        Separated,
        /// Held, with a limitation.
        Limited,
        /// Held, without restriction.
        Current,
    }
}

impl Standing {
    /// Whether the person holds the credential.
    pub fn is_held(self) -> bool {
        self >= Standing::Suspended
    }

    /// Whether the standing allows practice. The holder must also be covered.
    pub fn allows_practice(self) -> bool {
        matches!(self, Standing::Current | Standing::Limited)
    }
}

listed! {
    /// The reasons for a verdict, in the order in which they are returned.
    Reason {
        /// Fails, alone: no such credential, or nobody with that name and birth date has one.
        CredentialNotOnFile,
        /// Fails, alone: the holder never had this family name.
        NameMismatch,
        /// Unknown, alone: several people match.
        SpecialistAmbiguous,
        /// Fails: the day is before the credential takes effect.
        NotYetEffective,
        /// Fails: the issuance was retracted.
        Void,
        /// Fails: the holder has died.
        Deceased,
        /// Fails: revoked for loss of employment.
        RevokedLossOfEmployment,
        /// Fails: revoked as discipline.
        RevokedDisciplinary,
        /// Fails: surrendered.
        Surrendered,
        /// Fails: relinquished.
        Relinquished,
        /// Fails: retired.
        Retired,
        /// Fails: no term includes the day.
        Lapsed,
        /// Fails: suspended as discipline.
        Suspended,
        /// Fails: suspended, but not as discipline.
        SuspendedNonDisciplinary,
        /// Fails: inactive.
        Inactive,
        /// Fails: without employment, within the grace period.
        SeparatedMayNotPractice,
        /// Fails: no job with a qualifying provider on that day.
        NoQualifyingEmployment,
        /// Fails: the provider in the question is not on file.
        ProviderNotOnFile,
        /// Fails: no job with that provider on that day.
        NotEmployedByProvider,
        /// Fails: that provider does not qualify on that day.
        ProviderNotQualified,
        /// Fails: that provider, or every qualifying employer, is suspended on that day.
        ProviderSuspended,
        /// Fails: a requested designation is not held.
        DesignationNotHeld,
        /// Fails: the provider's peer support service is not certified on that day.
        ServiceNotCertified,
        /// Unknown: the day is before the registry's employment records begin.
        DateBeforeRecords,
        /// Unknown: covered only by certificates that have expired.
        ProviderRenewalNotRecorded,
        /// Unknown: the day is after today.
        DateInFuture,
        /// Information, only with `CredentialNotOnFile`: the number in the question cannot exist.
        NumberMistyped,
        /// Information: the credential is limited.
        Limited,
        /// Information: employers may still report about the day.
        ReportingWindowOpen,
        /// Information: the term ends within the notice period.
        TermEndsSoon,
        /// Information: the name in the question is a former name.
        NameIsFormer,
        /// Information: no certification of the service is on record for that day or earlier.
        ServiceHistoryUnknown,
        /// Information: the names of the holder were redacted, so no name was compared.
        NameRedacted,
    }
}

/// The effect of a reason on the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// The verdict is not confirmed.
    Fails,
    /// The verdict is undetermined, unless another reason fails.
    Unknown,
    /// No effect, except that `LIMITED` changes confirmed to confirmed with limits.
    Information,
}

impl Reason {
    /// The effect of the reason on the verdict.
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
            | Reason::ServiceHistoryUnknown
            | Reason::NameRedacted => Weight::Information,
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
        /// Yes, but the credential is limited.
        ConfirmedWithLimits,
        /// No.
        NotConfirmed,
        /// Not known.
        Undetermined,
    }
}
