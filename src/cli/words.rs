//! The words of the contract, in sentences for people.

use crate::proto::google::r#type::Date;
use crate::proto::v1::{Designation, Reason, Standing, Verdict};

/// What a reason does to a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// It makes the answer no.
    Fails,
    /// It makes the answer unknown, unless something fails.
    Unknown,
    /// It stands in nobody's way.
    Information,
}

use Weight::{Fails, Information, Unknown};

/// What a reason does, and what it says. The list of reasons is open: one that this program does not know is told by
/// its number.
pub fn reason(reason: Reason) -> (Weight, &'static str) {
    match reason {
        Reason::Unspecified => (Information, "No reason was given."),
        Reason::CredentialNotOnFile => (Fails, "No such credential is on file."),
        Reason::NameMismatch => (Fails, "The family name is not, and never was, the holder's."),
        Reason::SpecialistAmbiguous => (Unknown, "Several people match. Ask with the credential number."),
        Reason::NotYetEffective => (Fails, "The credential takes effect after that day."),
        Reason::Void => (Fails, "The credential was issued in error and counts as never issued."),
        Reason::Deceased => (Fails, "The holder has died."),
        Reason::RevokedLossOfEmployment => (Fails, "Revoked, because employment was lost. This is not discipline."),
        Reason::RevokedDisciplinary => (Fails, "Revoked as discipline."),
        Reason::Surrendered => (Fails, "The holder surrendered the credential."),
        Reason::Relinquished => (Fails, "The holder relinquished the credential."),
        Reason::Retired => (Fails, "The holder retired."),
        Reason::Lapsed => (Fails, "The term ended and was not renewed."),
        Reason::Suspended => (Fails, "Suspended as discipline."),
        Reason::SuspendedNonDisciplinary => (Fails, "Suspended. This is not discipline."),
        Reason::Inactive => (Fails, "Inactive: held, but not for practice."),
        Reason::SeparatedMayNotPractice => (Fails, "Between jobs: still held, but not for practice."),
        Reason::NoQualifyingEmployment => (Fails, "No job that day in the state mental health system."),
        Reason::ProviderNotOnFile => (Fails, "The provider is not on file."),
        Reason::NotEmployedByProvider => (Fails, "Not employed by that provider that day."),
        Reason::ProviderNotQualified => (Fails, "The provider was not in the state mental health system that day."),
        Reason::ProviderSuspended => (Fails, "The provider was suspended that day."),
        Reason::DesignationNotHeld => (Fails, "A designation that was asked for is not held."),
        Reason::ServiceNotCertified => (Fails, "The provider's peer support service was not certified that day."),
        Reason::DateBeforeRecords => (Unknown, "Employment on that day is older than the registry's records."),
        Reason::ProviderRenewalNotRecorded => {
            (Unknown, "The employer's certificate has expired, no renewal on record.")
        }
        Reason::DateInFuture => (Unknown, "The day has not come yet: anything may still happen."),
        Reason::Limited => (Information, "A limitation stands. Ask the registrar what it is."),
        Reason::ReportingWindowOpen => (Information, "So far: employers may still report about that day."),
        Reason::TermEndsSoon => (Information, "The term ends soon and is not renewed yet."),
        Reason::NameIsFormer => (Information, "The name given is one the holder had before."),
        Reason::ServiceHistoryUnknown => (Information, "No certification of the service is on record by that day."),
    }
}

/// The contract's name of a value, without what every name in its list begins with. One that this program does not know
/// is its number.
pub fn code<E: TryFrom<i32>>(number: i32, name: fn(&E) -> &'static str, prefix: &str) -> String {
    E::try_from(number).map_or_else(|_| number.to_string(), |value| name(&value).trim_start_matches(prefix).to_owned())
}

/// A date as people write it.
pub fn day(date: Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year, date.month, date.day)
}

/// The word of a standing.
pub fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Unspecified => "not said",
        Standing::NotIssued => "not issued yet",
        Standing::Void => "void",
        Standing::Deceased => "holder deceased",
        Standing::RevokedLossOfEmployment => "revoked on loss of employment",
        Standing::RevokedDisciplinary => "revoked as discipline",
        Standing::Surrendered => "surrendered",
        Standing::Relinquished => "relinquished",
        Standing::Retired => "retired",
        Standing::Lapsed => "lapsed",
        Standing::Suspended => "suspended",
        Standing::Inactive => "inactive",
        Standing::Separated => "separated",
        Standing::Limited => "limited",
        Standing::Current => "current",
    }
}

/// The word of a verdict.
pub fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Unspecified => "NOT SAID",
        Verdict::Confirmed => "CONFIRMED",
        Verdict::ConfirmedWithLimits => "CONFIRMED WITH LIMITS",
        Verdict::NotConfirmed => "NOT CONFIRMED",
        Verdict::Undetermined => "UNDETERMINED",
    }
}

/// The name of a designation.
pub fn designation(designation: Designation) -> &'static str {
    match designation {
        Designation::Unspecified => "not said",
        Designation::AdultAndRecovery => "Adult and Recovery",
        Designation::ParentCaregiver => "Parent/Caregiver",
        Designation::YoungAdult => "Young Adult",
        Designation::ForensicPeerRecovery => "Forensic Peer Recovery",
        Designation::RecoveryOnly => "Recovery only",
    }
}
