//! What a rule set requires of an applicant, and its fees.

use super::day::Day;
use super::enums::listed;
use super::fact::{CriterionOutcome, Designation};

/// What a rule set requires of an applicant.
#[derive(Clone, Debug, PartialEq)]
pub struct Requirements {
    /// Whether residency in Mississippi is required.
    pub residency: bool,
    /// How lived experience must be stated.
    pub lived_experience: LivedExperienceRule,
    /// The minimum age in years on the day of the application.
    pub minimum_age: u16,
    /// The only designation that an applicant still in school may request. `None`: any.
    pub enrolled_only_for: Option<Designation>,
    /// Whether proficiency in reading and writing is required.
    pub literacy: bool,
    /// Hours of work or volunteer experience.
    pub experience_hours: f64,
    /// Whether the hours must be within the last three years.
    pub experience_within_three_years: bool,
    /// Whether a college year within three years replaces the hours.
    pub college_year_counts: bool,
    /// The required number of references.
    pub references: u32,
    /// The outcome if there are fewer references.
    pub fewer_references: CriterionOutcome,
    /// The minimum number of hours of one training.
    pub training_hours: f64,
    /// Whether the online pre-training is required.
    pub pre_training: bool,
    /// The minimum score to pass.
    pub passing_score: f64,
    /// The number of attempts that count after a training.
    pub attempts_per_training: u32,
    /// Whether at least one designation must be requested, with a training for each.
    pub designation: bool,
    /// The day before which an applicant for RECOVERY_ONLY must have completed the ADULT_AND_RECOVERY training.
    pub recovery_only_trained_before: Option<Day>,
    /// The source of each criterion, in the order of [`Criterion::ALL`](super::fact::Criterion::ALL).
    pub citations: Vec<String>,
    /// The fees.
    pub fees: Vec<Fee>,
}

/// How lived experience must be stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LivedExperienceRule {
    /// The applicant identifies as a recipient of services or as a family member of one.
    SelfIdentified,
    /// The applicant attests to 6 of the last 12 months in self-directed recovery.
    RecoveryAttested,
}

/// A fee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fee {
    /// The kind of fee.
    pub kind: FeeKind,
    /// The amount in cents.
    pub amount_cents: u32,
    /// The source.
    pub citation: String,
}

listed! {
    /// The kinds of fee.
    FeeKind {
        /// The application.
        Application,
        /// The training.
        Training,
    }
}
