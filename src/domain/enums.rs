//! The closed lists of the contract, each in the contract's order.

/// Declares a closed list of the contract: an enum whose order is the contract's.
macro_rules! listed {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// Every value, in the contract's order.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];
        }
    };
}
pub(crate) use listed;

listed! {
    /// The kinds of facility in source 000's table.
    FacilityType {
        /// Psychiatric hospital.
        PsychiatricHospital,
        /// Inpatient psychiatric unit of a general hospital.
        GeneralHospitalPsychiatricUnit,
        /// Residential treatment center for children.
        ResidentialTreatmentChildren,
        /// Residential treatment center for adults.
        ResidentialTreatmentAdults,
        /// Veterans Administration medical center.
        VeteransAdministrationMedicalCenter,
        /// Community mental health center.
        CommunityMentalHealthCenter,
        /// Partial hospitalization or day treatment facility.
        DayTreatment,
        /// Outpatient mental health facility.
        Outpatient,
        /// Multi-setting mental health facility.
        MultiSetting,
        /// Any other.
        Other,
    }
}
listed! {
    /// Other registries that number providers.
    IdentifierKind {
        /// National Provider Identifier: ten digits, the last a check digit.
        Npi,
        /// Mississippi Medicaid provider number.
        MedicaidId,
    }
}
listed! {
    /// Why a provider is part of the state mental health system (source 002: "DMH-funded/certified/licensed program").
    QualificationBasis {
        /// Run by DMH.
        DmhOperated,
        /// Certified by DMH.
        DmhCertified,
        /// Funded by DMH.
        DmhFunded,
        /// Licensed by DMH.
        DmhLicensed,
    }
}
listed! {
    /// What a specialist is trained for (source 002, "Training Designations").
    Designation {
        /// Adult and Recovery.
        AdultAndRecovery,
        /// Parent/Caregiver.
        ParentCaregiver,
        /// Young Adult.
        YoungAdult,
        /// Forensic Peer Recovery.
        ForensicPeerRecovery,
        /// Recovery only (if trained before May 2021).
        RecoveryOnly,
    }
}
listed! {
    /// Why a credential is suspended.
    SuspensionBasis {
        /// Discipline.
        Disciplinary,
        /// Continuing education under audit.
        CeAudit,
        /// The order of another authority.
        ExternalOrder,
    }
}
listed! {
    /// Why a credential is revoked by an act.
    RevocationBasis {
        /// Discipline.
        Disciplinary,
        /// Loss of employment, as an agency's earlier records have it. Import only: the registry works it out itself.
        LossOfEmployment,
    }
}
listed! {
    /// How a credential came on file.
    IssuanceBasis {
        /// Judged by this registry.
        Evaluated,
        /// Brought over from an agency's earlier records, without evaluation.
        Transferred,
    }
}
listed! {
    /// Why a job ended.
    EmploymentEndReason {
        /// The employee left.
        Resigned,
        /// The employer ended it.
        Dismissed,
        /// The position ended.
        PositionEnded,
        /// Moved to another provider.
        Transferred,
        /// Anything else.
        Other,
    }
}
listed! {
    /// What an applicant is judged on.
    Criterion {
        /// Lives in Mississippi.
        Residency,
        /// Lived experience.
        LivedExperience,
        /// Age and education.
        AgeAndEducation,
        /// Reads and writes.
        Literacy,
        /// Work or volunteer experience.
        Experience,
        /// References.
        References,
        /// Training.
        Training,
        /// Examination.
        Examination,
        /// Employment in the state mental health system.
        Employment,
        /// Designations applied for.
        Designation,
    }
}
listed! {
    /// What was found of a criterion.
    CriterionOutcome {
        /// Fulfilled.
        Met,
        /// Not fulfilled.
        Unmet,
        /// Not asked by this rule set.
        NotRequired,
        /// The sources leave it open.
        Undetermined,
    }
}
