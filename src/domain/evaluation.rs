//! Judging an application: every criterion of the rule set in force on the day of application, none left out.
//!
//! The requirements are data of the rule set; what is here is how each is looked at. The words that come back never
//! echo lived experience or recovery.

use super::day::Day;
use super::fact::{Criterion, CriterionOutcome, Designation};
use super::id::ProviderId;
use super::law::RuleSet;
use super::vocabulary::listed;

use CriterionOutcome::{Met, NotRequired, Undetermined, Unmet};

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
    /// Where each criterion is written, in the order of [`Criterion::ALL`].
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
listed! {
    /// How the applicant knows recovery.
    LivedExperience {
        /// From the applicant's own life.
        Own,
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
        self.criteria.iter().all(|assessment| assessment.outcome != Unmet)
    }

    /// Whether a question is left open that a registrar must decide.
    pub fn is_undetermined(&self) -> bool {
        self.criteria.iter().any(|assessment| assessment.outcome == Undetermined)
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

/// What was found of a criterion: the outcome, what was found, what is required.
type Judgement = (CriterionOutcome, String, String);

struct Judge<'a> {
    requirements: &'a Requirements,
    application: &'a Application,
    applicant: &'a Applicant<'a>,
}

impl Judge<'_> {
    fn criterion(&self, criterion: Criterion) -> Judgement {
        match criterion {
            Criterion::Residency => self.residency(),
            Criterion::LivedExperience => self.lived_experience(),
            Criterion::AgeAndEducation => self.age_and_education(),
            Criterion::Literacy => self.literacy(),
            Criterion::Experience => self.experience(),
            Criterion::References => self.references(),
            Criterion::Training => self.training(),
            Criterion::Examination => self.examination(),
            Criterion::Employment => self.employment(),
            Criterion::Designation => self.designation(),
        }
    }

    fn residency(&self) -> Judgement {
        if !self.requirements.residency {
            return not_required("residence in Mississippi");
        }
        let resident = self.application.mississippi_resident;
        let found = if resident { "resident of Mississippi" } else { "not stated to be a resident of Mississippi" };
        (met_if(resident), found.into(), "resident of Mississippi".into())
    }

    fn lived_experience(&self) -> Judgement {
        let (met, required) = match self.requirements.lived_experience {
            LivedExperienceRule::SelfIdentified => (
                self.application.lived_experience.is_some(),
                "self-identifies as a current or former recipient of services, or as a family member of one",
            ),
            LivedExperienceRule::RecoveryAttested => {
                (self.application.recovery_attested, "attests to 6 of the last 12 months in self-directed recovery")
            }
        };
        let found = if met { "the statement was made" } else { "the statement was not made" };
        (met_if(met), found.into(), required.into())
    }

    fn age_and_education(&self) -> Judgement {
        let age = self.requirements.minimum_age;
        let of_age_on = self.applicant.birth_date.plus_years(i16::try_from(age).unwrap_or(i16::MAX));
        let of_age = self.application.applied_on >= of_age_on;
        let only_for = self.requirements.enrolled_only_for;
        let school = match self.application.education {
            Some(Education::HighSchoolDiploma | Education::Ged) => true,
            Some(Education::Enrolled) => only_for.is_none_or(|code| {
                !self.applicant.designations.is_empty() && self.applicant.designations.iter().all(|d| *d == code)
            }),
            Some(Education::None) | None => false,
        };
        let found = format!(
            "{} {age} on the day of application; {}",
            if of_age { "at least" } else { "younger than" },
            match self.application.education {
                Some(Education::HighSchoolDiploma) => "high school diploma",
                Some(Education::Ged) => "GED",
                Some(Education::Enrolled) => "enrolled in school or a GED program",
                Some(Education::None) | None => "neither diploma nor GED, and not enrolled",
            }
        );
        let enrolled =
            if only_for.is_some() { ", or enrolled and applying for YOUNG_ADULT only" } else { ", or enrolled" };
        (met_if(of_age && school), found, format!("{age} or older; high school diploma or GED{enrolled}"))
    }

    fn literacy(&self) -> Judgement {
        if !self.requirements.literacy {
            return not_required("proficiency in reading and writing");
        }
        let literate = self.application.literate;
        let found = if literate { "proficient" } else { "proficiency not stated" };
        (met_if(literate), found.into(), "proficient in reading and writing".into())
    }

    fn experience(&self) -> Judgement {
        let (hours, least) = (self.application.experience_hours, self.requirements.experience_hours);
        let recent = self.application.experience_within_three_years;
        let must_be_recent = self.requirements.experience_within_three_years;
        let college = self.requirements.college_year_counts && self.application.college_year_within_three_years;
        let met = college || (hours >= least && (recent || !must_be_recent));
        let mut found = format!("{hours} hours");
        if must_be_recent {
            found.push_str(if recent { " within three years" } else { " not stated to be within three years" });
        }
        if college {
            found.push_str("; a college year within three years");
        }
        let mut required = format!("{least} hours");
        if must_be_recent {
            required.push_str(" within three years");
        }
        if self.requirements.college_year_counts {
            required.push_str(", or one college year within three years");
        }
        (met_if(met), found, required)
    }

    fn references(&self) -> Judgement {
        let (given, required) = (self.application.references, self.requirements.references);
        let outcome = if given >= required { Met } else { self.requirements.fewer_references };
        (outcome, given.to_string(), required.to_string())
    }

    /// The trainings completed by the day the credential would take effect.
    fn trainings(&self) -> impl Iterator<Item = &Training> {
        let by = self.applicant.effective_from;
        self.application.trainings.iter().filter(move |training| training.completed_on <= by)
    }

    fn training(&self) -> Judgement {
        let least = self.requirements.training_hours;
        let pre_training = self.requirements.pre_training;
        let suffices = |t: &Training| t.hours >= least && (t.pre_training_completed || !pre_training);
        let met = self.trainings().any(suffices);
        let longest = self.trainings().map(|training| training.hours).fold(0.0, f64::max);
        let found = match self.trainings().count() {
            0 => "no training completed by then".to_owned(),
            count if pre_training => {
                let with = self.trainings().filter(|training| training.pre_training_completed).count();
                format!("{count} completed by then, {with} of them with the pre-training")
            }
            count => format!("{count} completed by then, the longest of {longest} hours"),
        };
        let mut required = "one training".to_owned();
        if least > 0.0 {
            required = format!("{required} of {least} hours or more");
        }
        if pre_training {
            required.push_str(" with the online pre-training");
        }
        required.push_str(", completed by the day the credential takes effect");
        (met_if(met), found, required)
    }

    fn examination(&self) -> Judgement {
        let (passing, attempts) = (self.requirements.passing_score, self.requirements.attempts_per_training);
        let counted = self.counted_attempts();
        let best = counted.iter().copied().reduce(f64::max);
        let found = best.map_or_else(
            || "no attempt that counts".to_owned(),
            |best| format!("{} that count, the best with {best}", counted.len()),
        );
        let required = format!("a score of {passing} or more in one of the first {attempts} attempts after a training");
        (met_if(best.is_some_and(|best| best >= passing)), found, required)
    }

    /// The scores of the attempts that count: the first few after the last training before them.
    fn counted_attempts(&self) -> Vec<f64> {
        let by = self.applicant.effective_from;
        let mut attempts: Vec<&ExamAttempt> =
            self.application.exam_attempts.iter().filter(|attempt| attempt.taken_on <= by).collect();
        attempts.sort_by_key(|attempt| attempt.taken_on);
        let training_before = |day: Day| self.trainings().map(|t| t.completed_on).filter(|done| *done <= day).max();
        let mut counted = Vec::new();
        let mut after: Option<Day> = None;
        let mut taken = 0;
        for attempt in attempts {
            let Some(training) = training_before(attempt.taken_on) else { continue };
            if after != Some(training) {
                after = Some(training);
                taken = 0;
            }
            taken += 1;
            if taken <= self.requirements.attempts_per_training {
                counted.push(attempt.score);
            }
        }
        counted
    }

    fn employment(&self) -> Judgement {
        let found = match (self.applicant.employed, self.applicant.supervised) {
            (true, true) => "employed and supervised on the day the credential takes effect",
            (true, false) => "employed, not supervised by a mental health professional",
            (false, _) => "not employed by a qualifying provider on the day the credential takes effect",
        };
        let required = "employed in the state mental health system on the day the credential takes effect, \
                        supervised by a mental health professional";
        (met_if(self.applicant.employed && self.applicant.supervised), found.into(), required.into())
    }

    fn designation(&self) -> Judgement {
        if !self.requirements.designation {
            return not_required("a designation");
        }
        let asked = self.applicant.designations;
        let untrained = asked.iter().filter(|code| !self.is_trained_for(**code)).count();
        let found = format!("{} applied for, {untrained} of them without its training", asked.len());
        let required = "at least one, each trained for; RECOVERY_ONLY by ADULT_AND_RECOVERY training before May 2021";
        (met_if(!asked.is_empty() && untrained == 0), found, required.into())
    }

    fn is_trained_for(&self, code: Designation) -> bool {
        let trained = |code| self.trainings().filter(move |training| training.designation == Some(code));
        match (code, self.requirements.recovery_only_trained_before) {
            (Designation::RecoveryOnly, Some(before)) => {
                trained(Designation::AdultAndRecovery).any(|training| training.completed_on < before)
            }
            _ => trained(code).next().is_some(),
        }
    }
}

fn met_if(met: bool) -> CriterionOutcome {
    if met { Met } else { Unmet }
}

fn not_required(what: &str) -> Judgement {
    (NotRequired, "not looked at".into(), format!("{what} is not required"))
}
