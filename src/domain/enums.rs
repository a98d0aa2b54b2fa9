//! The enumerations of the contract, each in the contract's order.

/// Declares an enum of the contract whose order is the contract's.
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
        /// Any other type.
        Other,
    }
}
listed! {
    /// The other registries that assign numbers to providers.
    IdentifierKind {
        /// National Provider Identifier: ten digits, the last a check digit.
        Npi,
        /// Mississippi Medicaid provider number.
        MedicaidId,
    }
}
listed! {
    /// The relation to DMH by which a provider is part of the state mental health system (source 002:
    /// "DMH-funded/certified/licensed program").
    QualificationBasis {
        /// Operated by DMH.
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
    /// The basis of a suspension.
    SuspensionBasis {
        /// Discipline.
        Disciplinary,
        /// An audit of continuing education.
        CeAudit,
        /// An order of another authority.
        ExternalOrder,
    }
}
listed! {
    /// The basis of a recorded revocation.
    RevocationBasis {
        /// Discipline.
        Disciplinary,
        /// Loss of employment, according to an agency's earlier records. Import only: the registry derives this
        /// revocation itself.
        LossOfEmployment,
    }
}
listed! {
    /// How a credential was added to the registry.
    IssuanceBasis {
        /// Evaluated by this registry.
        Evaluated,
        /// Imported from an agency's earlier records, without evaluation.
        Transferred,
    }
}
listed! {
    /// Why a job ended.
    EmploymentEndReason {
        /// The employee resigned.
        Resigned,
        /// The employer dismissed the employee.
        Dismissed,
        /// The position ended.
        PositionEnded,
        /// The employee moved to another provider.
        Transferred,
        /// Any other reason.
        Other,
    }
}
listed! {
    /// The criteria that an application is judged by.
    Criterion {
        /// Residency in Mississippi.
        Residency,
        /// Lived experience.
        LivedExperience,
        /// Age and education.
        AgeAndEducation,
        /// Literacy.
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
        /// Designations requested.
        Designation,
    }
}
listed! {
    /// The outcome of a criterion.
    CriterionOutcome {
        /// Met.
        Met,
        /// Not met.
        Unmet,
        /// Not required by the rule set.
        NotRequired,
        /// Some information is missing, or the sources of the rule do not say.
        Undetermined,
    }
}
