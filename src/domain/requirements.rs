//! What a rule set requires of an applicant, and what it charges.

use super::day::Day;
use super::enums::listed;
use super::fact::{CriterionOutcome, Designation};

/// What an applicant must fulfil, as a rule set has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Requirements {
    /// Lives in Mississippi.
    pub residency: bool,
    /// How lived experience is shown.
    pub lived_experience: LivedExperienceRule,
    /// Years of age on the day of application.
    pub minimum_age: u16,
    /// The one designation that an applicant still in school may apply for; none: any.
    pub enrolled_only_for: Option<Designation>,
    /// Reads and writes.
    pub literacy: bool,
    /// Hours of work or volunteer experience.
    pub experience_hours: f64,
    /// Whether the hours must be of the last three years.
    pub experience_within_three_years: bool,
    /// Whether a college year within three years stands for the hours.
    pub college_year_counts: bool,
    /// How many references.
    pub references: u32,
    /// What fewer of them mean.
    pub fewer_references: CriterionOutcome,
    /// Hours of one training.
    pub training_hours: f64,
    /// Whether the training must come with the online pre-training.
    pub pre_training: bool,
    /// The score that passes.
    pub passing_score: f64,
    /// Attempts after a training.
    pub attempts_per_training: u32,
    /// Whether at least one designation must be applied for, each trained for.
    pub designation: bool,
    /// The day before which RECOVERY_ONLY must have been trained for, as ADULT_AND_RECOVERY.
    pub recovery_only_trained_before: Option<Day>,
    /// Where each criterion is written, in the order of [`Criterion::ALL`](super::fact::Criterion::ALL).
    pub citations: Vec<String>,
    /// What is charged.
    pub fees: Vec<Fee>,
}

/// How lived experience is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LivedExperienceRule {
    /// The applicant says to be a recipient of services, or a family member of one.
    SelfIdentified,
    /// The applicant attests to 6 of the last 12 months in self-directed recovery.
    RecoveryAttested,
}

/// A fee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fee {
    /// What for.
    pub kind: FeeKind,
    /// How much, in cents.
    pub amount_cents: u32,
    /// Where it is written.
    pub citation: String,
}

listed! {
    /// What a fee is for.
    FeeKind {
        /// The application.
        Application,
        /// The training.
        Training,
    }
}
