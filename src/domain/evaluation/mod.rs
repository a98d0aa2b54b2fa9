//! Evaluating an application against every criterion of the rule set in force on the day of the application.
//!
//! The rule set defines the requirements; `judge` evaluates each criterion. The returned texts never repeat lived
//! experience or recovery.

mod judge;

use self::judge::Judge;
use super::day::Day;
use super::enums::listed;
use super::fact::{Criterion, CriterionOutcome, Designation};
use super::id::ProviderId;
use super::requirements::Fee;
use super::rule_sets::RuleSet;

listed! {
    /// The applicant's lived experience.
    LivedExperience {
        /// As a recipient of services.
        Self_,
        /// As a family member of a recipient.
        FamilyMember,
    }
}
listed! {
    /// The applicant's education.
    Education {
        /// High school diploma.
        HighSchoolDiploma,
        /// General Educational Development certificate.
        Ged,
        /// Enrolled in school or a GED program.
        Enrolled,
        /// None of the above.
        None,
    }
}
listed! {
    /// The priority in the selection for training (source 001).
    SelectionPriority {
        /// Employed by a provider of the state mental health system.
        Employed,
        /// Sponsored by a provider for possible hire.
        Sponsored,
        /// Seeking certification to be more marketable.
        Marketability,
    }
}

/// An application. It is judged but not stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Application {
    /// The day of the application.
    pub applied_on: Day,
    /// Whether the applicant is a resident of Mississippi.
    pub mississippi_resident: bool,
    /// The applicant's lived experience.
    pub lived_experience: Option<LivedExperience>,
    /// Whether the applicant attests to 6 of the last 12 months in self-directed recovery.
    pub recovery_attested: bool,
    /// Education.
    pub education: Option<Education>,
    /// Whether the applicant is proficient in reading and writing.
    pub literate: bool,
    /// Hours of work or volunteer experience.
    pub experience_hours: f64,
    /// Whether the hours are within the last three years.
    pub experience_within_three_years: bool,
    /// Whether a college year was completed within the last three years.
    pub college_year_within_three_years: bool,
    /// The number of references.
    pub references: u32,
    /// The completed trainings.
    pub trainings: Vec<Training>,
    /// Attempts at the examination, in the order given.
    pub exam_attempts: Vec<ExamAttempt>,
    /// The provider that sponsors the applicant for possible hire.
    pub sponsoring_provider: Option<ProviderId>,
    /// Whether the applicant asks for a scholarship.
    pub requests_scholarship: bool,
}

/// A completed training.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    /// The day of completion.
    pub completed_on: Day,
    /// The designation that the training was for.
    pub designation: Option<Designation>,
    /// The length in hours.
    pub hours: f64,
    /// Whether the online pre-training was completed.
    pub pre_training_completed: bool,
}

/// An attempt at the examination.
#[derive(Clone, Debug, PartialEq)]
pub struct ExamAttempt {
    /// The day of the attempt.
    pub taken_on: Day,
    /// The score, in percent.
    pub score: f64,
}

/// What the registry knows about the applicant, apart from the application.
#[derive(Clone, Copy, Debug)]
pub struct Applicant<'a> {
    /// The birth date on file.
    pub birth_date: Day,
    /// The first day of the credential, if issued.
    pub effective_from: Day,
    /// The requested designations.
    pub designations: &'a [Designation],
    /// Whether the applicant is employed on `effective_from` with a provider that qualifies.
    pub employed: bool,
    /// Whether such a job is supervised by a mental health professional.
    pub supervised: bool,
    /// Whether the applicant is employed with a qualifying provider on the day of the application.
    pub employed_when_applying: bool,
}

/// The result for one criterion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// The criterion.
    pub criterion: Criterion,
    /// The outcome.
    pub outcome: CriterionOutcome,
    /// What was found, as text.
    pub found: String,
    /// What is required, as text.
    pub required: String,
    /// The source of the rule.
    pub citation: String,
}

/// The result of an evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// The results for all criteria, in order.
    pub criteria: Vec<Assessment>,
    /// The rule set that was applied.
    pub rule_set: String,
    /// The priority in the selection for training.
    pub selection_priority: SelectionPriority,
    /// The fees.
    pub fees: Vec<Fee>,
    /// Whether the applicant asks for a scholarship.
    pub scholarship_requested: bool,
}

impl Evaluation {
    /// Whether no criterion is unmet.
    pub fn is_eligible(&self) -> bool {
        self.criteria.iter().all(|assessment| assessment.outcome != CriterionOutcome::Unmet)
    }

    /// Whether any criterion is undetermined, so that the registrar must decide.
    pub fn is_undetermined(&self) -> bool {
        self.criteria.iter().any(|assessment| assessment.outcome == CriterionOutcome::Undetermined)
    }
}

/// Evaluates an application against a rule set.
pub fn evaluate(rules: &RuleSet, application: &Application, applicant: &Applicant<'_>) -> Evaluation {
    let requirements = &rules.requirements;
    let judge = Judge { requirements, application, applicant };
    let criteria = Criterion::ALL.iter().map(|criterion| {
        let (outcome, found, required) = judge.criterion(*criterion);
        let citation = requirements.citations.get(*criterion as usize).cloned().unwrap_or_default();
        Assessment { criterion: *criterion, outcome, found, required, citation }
    });
    Evaluation {
        criteria: criteria.collect(),
        rule_set: rules.id.clone(),
        selection_priority: if applicant.employed_when_applying {
            SelectionPriority::Employed
        } else if application.sponsoring_provider.is_some() {
            SelectionPriority::Sponsored
        } else {
            SelectionPriority::Marketability
        },
        fees: requirements.fees.clone(),
        scholarship_requested: application.requests_scholarship,
    }
}
