//! Judging an application: every criterion of the rule set in force on the day of application, none left out.
//!
//! The requirements are data of the rule set; `judge` is how each is looked at. The words that come back never echo
//! lived experience or recovery.

mod judge;

use self::judge::Judge;
use super::day::Day;
use super::enums::listed;
use super::fact::{Criterion, CriterionOutcome, Designation};
use super::id::ProviderId;
use super::requirements::Fee;
use super::rule_sets::RuleSet;

listed! {
    /// How the applicant knows recovery.
    LivedExperience {
        /// From the applicant's own life.
        Self_,
        /// From that of a family member.
        FamilyMember,
    }
}
listed! {
    /// What school the applicant has finished.
    Education {
        /// High school diploma.
        HighSchoolDiploma,
        /// General Educational Development certificate.
        Ged,
        /// Enrolled in school or a GED program.
        Enrolled,
        /// None of these.
        None,
    }
}
listed! {
    /// Who is selected for a training first (source 001).
    SelectionPriority {
        /// Employed by a provider of the system.
        Employed,
        /// Sponsored by a provider for possible hire.
        Sponsored,
        /// Seeking certification to be more marketable.
        Marketability,
    }
}

/// An application. It is judged and not kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Application {
    /// The day it was made.
    pub applied_on: Day,
    /// Lives in Mississippi.
    pub mississippi_resident: bool,
    /// How the applicant knows recovery.
    pub lived_experience: Option<LivedExperience>,
    /// Attests to 6 of the last 12 months in self-directed recovery.
    pub recovery_attested: bool,
    /// School.
    pub education: Option<Education>,
    /// Reads and writes proficiently.
    pub literate: bool,
    /// Hours of work or volunteer experience.
    pub experience_hours: f64,
    /// Whether they are of the last three years.
    pub experience_within_three_years: bool,
    /// Whether a college year is of the last three years.
    pub college_year_within_three_years: bool,
    /// How many references were given.
    pub references: u32,
    /// Trainings.
    pub trainings: Vec<Training>,
    /// Attempts at the examination, as listed.
    pub exam_attempts: Vec<ExamAttempt>,
    /// Who sponsors the applicant for possible hire.
    pub sponsoring_provider: Option<ProviderId>,
    /// Whether a scholarship is asked for.
    pub requests_scholarship: bool,
}

/// A training.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    /// The day it was completed.
    pub completed_on: Day,
    /// What it was for.
    pub designation: Option<Designation>,
    /// Its hours.
    pub hours: f64,
    /// Whether the online pre-training was completed.
    pub pre_training_completed: bool,
}

/// An attempt at the examination.
#[derive(Clone, Debug, PartialEq)]
pub struct ExamAttempt {
    /// The day.
    pub taken_on: Day,
    /// The score, in percent.
    pub score: f64,
}

/// What is known of the applicant apart from the application.
#[derive(Clone, Copy, Debug)]
pub struct Applicant<'a> {
    /// The birth date on file.
    pub birth_date: Day,
    /// When the credential would take effect.
    pub effective_from: Day,
    /// The designations applied for.
    pub designations: &'a [Designation],
    /// Employed on `effective_from` with a provider that qualifies.
    pub employed: bool,
    /// In such a job, supervised by a mental health professional.
    pub supervised: bool,
    /// Employed on the day of application.
    pub employed_when_applying: bool,
}

/// What was found of one criterion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// The criterion.
    pub criterion: Criterion,
    /// Whether it is fulfilled.
    pub outcome: CriterionOutcome,
    /// What was found, in words.
    pub found: String,
    /// What is required, in words.
    pub required: String,
    /// Where it is written.
    pub citation: String,
}

/// An application judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// Every criterion, in order.
    pub criteria: Vec<Assessment>,
    /// The rule set that judged.
    pub rule_set: String,
    /// Who is selected for a training first.
    pub selection_priority: SelectionPriority,
    /// What is charged.
    pub fees: Vec<Fee>,
    /// Whether a scholarship is asked for.
    pub scholarship_requested: bool,
}

impl Evaluation {
    /// Whether nothing is unfulfilled.
    pub fn is_eligible(&self) -> bool {
        self.criteria.iter().all(|assessment| assessment.outcome != CriterionOutcome::Unmet)
    }

    /// Whether a question is left open that a registrar must decide.
    pub fn is_undetermined(&self) -> bool {
        self.criteria.iter().any(|assessment| assessment.outcome == CriterionOutcome::Undetermined)
    }
}

/// Judges an application by a rule set.
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
