//! The closed lists: each value of the domain with its namesake in the stored form.
//!
//! Each list is named once; the compiler holds it complete in both directions.

use crate::domain::{fact, record, standing};
use crate::proto::storage;

use super::unreadable::{Read, Unreadable};

/// The value of a closed list with this number.
pub(super) fn listed<S, D>(number: i32) -> Read<D>
where
    S: TryFrom<i32>,
    D: TryFrom<S, Error = Unreadable>,
{
    S::try_from(number).map_err(|_| Unreadable("a number that its list does not have"))?.try_into()
}

/// Declares that a list of the domain and one of the stored form are the same.
macro_rules! same {
    ($domain:ty, $stored:ty { $($value:ident),+ $(,)? }) => {
        impl From<$domain> for $stored {
            fn from(value: $domain) -> $stored {
                match value { $(<$domain>::$value => <$stored>::$value,)+ }
            }
        }

        impl TryFrom<$stored> for $domain {
            type Error = Unreadable;

            fn try_from(value: $stored) -> Read<$domain> {
                match value {
                    $(<$stored>::$value => Ok(<$domain>::$value),)+
                    <$stored>::Unspecified => Err(Unreadable("a list's value is not given")),
                }
            }
        }
    };
}

same!(
    fact::FacilityType,
    storage::FacilityType {
        PsychiatricHospital,
        GeneralHospitalPsychiatricUnit,
        ResidentialTreatmentChildren,
        ResidentialTreatmentAdults,
        VeteransAdministrationMedicalCenter,
        CommunityMentalHealthCenter,
        DayTreatment,
        Outpatient,
        MultiSetting,
        Other
    }
);
same!(fact::IdentifierKind, storage::IdentifierKind { Npi, MedicaidId });
same!(fact::QualificationBasis, storage::QualificationBasis { DmhOperated, DmhCertified, DmhFunded, DmhLicensed });
same!(
    fact::Designation,
    storage::Designation { AdultAndRecovery, ParentCaregiver, YoungAdult, ForensicPeerRecovery, RecoveryOnly }
);
same!(fact::SuspensionBasis, storage::SuspensionBasis { Disciplinary, CeAudit, ExternalOrder });
same!(fact::RevocationBasis, storage::RevocationBasis { Disciplinary, LossOfEmployment });
same!(fact::IssuanceBasis, storage::IssuanceBasis { Evaluated, Transferred });
same!(
    fact::EmploymentEndReason,
    storage::EmploymentEndReason { Resigned, Dismissed, PositionEnded, Transferred, Other }
);
same!(
    fact::Criterion,
    storage::Criterion {
        Residency,
        LivedExperience,
        AgeAndEducation,
        Literacy,
        Experience,
        References,
        Training,
        Examination,
        Employment,
        Designation
    }
);
same!(fact::CriterionOutcome, storage::CriterionOutcome { Met, Unmet, NotRequired, Undetermined });
same!(record::Coverage, storage::Coverage { Covered, NotCovered, NotKnown });
same!(record::ServiceStatus, storage::ServiceStatus { Certified, NotCertified, NotKnown });
same!(
    standing::Standing,
    storage::Standing {
        NotIssued,
        Void,
        Deceased,
        RevokedLossOfEmployment,
        RevokedDisciplinary,
        Surrendered,
        Relinquished,
        Retired,
        Lapsed,
        Suspended,
        Inactive,
        Separated,
        Limited,
        Current
    }
);
same!(
    standing::Reason,
    storage::Reason {
        CredentialNotOnFile,
        NameMismatch,
        SpecialistAmbiguous,
        NotYetEffective,
        Void,
        Deceased,
        RevokedLossOfEmployment,
        RevokedDisciplinary,
        Surrendered,
        Relinquished,
        Retired,
        Lapsed,
        Suspended,
        SuspendedNonDisciplinary,
        Inactive,
        SeparatedMayNotPractice,
        NoQualifyingEmployment,
        ProviderNotOnFile,
        NotEmployedByProvider,
        ProviderNotQualified,
        ProviderSuspended,
        DesignationNotHeld,
        ServiceNotCertified,
        DateBeforeRecords,
        ProviderRenewalNotRecorded,
        DateInFuture,
        NumberMistyped,
        Limited,
        ReportingWindowOpen,
        TermEndsSoon,
        NameIsFormer,
        ServiceHistoryUnknown
    }
);
