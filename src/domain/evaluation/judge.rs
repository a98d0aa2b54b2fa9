//! Evaluating each criterion, with texts for the applicant.
//!
//! The text of a requirement does not depend on the application, because rule sets are shown with the same text. The
//! text of a finding may contain days and numbers of the application, but never lived experience or recovery.

use super::super::requirements::{LivedExperienceRule, Requirements};
use super::{Applicant, Application, Education, ExamAttempt, Training};
use crate::domain::day::Day;
use crate::domain::fact::{Criterion, CriterionOutcome, Designation};

use CriterionOutcome::{Met, NotRequired, Undetermined, Unmet};

/// The result for a criterion: the outcome, what was found, what is required.
pub(super) type Judgement = (CriterionOutcome, String, String);

/// An application, with the requirements of a rule set.
pub(super) struct Judge<'a> {
    pub(super) requirements: &'a Requirements,
    pub(super) application: &'a Application,
    pub(super) applicant: &'a Applicant<'a>,
}

impl Judge<'_> {
    /// Evaluates one criterion.
    pub(super) fn criterion(&self, criterion: Criterion) -> Judgement {
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
                "identifies as a current or former recipient of services, or as a family member of one",
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
        let for_that_only = only_for.is_none_or(|code| {
            let asked = self.applicant.designations;
            !asked.is_empty() && asked.iter().all(|asked| *asked == code)
        });
        let education = self.application.education;
        let school = match education {
            Some(Education::HighSchoolDiploma | Education::Ged) => true,
            Some(Education::Enrolled) => for_that_only,
            Some(Education::None) | None => false,
        };
        let mut found = if of_age { format!("{age} or older") } else { format!("not yet {age}") };
        found.push_str(match education {
            Some(Education::HighSchoolDiploma) => " on the day of application, with a high school diploma",
            Some(Education::Ged) => " on the day of application, with a GED",
            Some(Education::Enrolled) => " on the day of application, enrolled in school or a GED program",
            Some(Education::None) | None => " on the day of application, without diploma or GED, and not enrolled",
        });
        let mut required = format!(
            "{age} or older on the day of application, with a high school diploma or GED, or enrolled in school or a \
             GED program"
        );
        if let Some(code) = only_for {
            let only = format!("applying for {} only", name(code));
            if education == Some(Education::Enrolled) {
                found = format!("{found}{} {only}", if for_that_only { " and" } else { ", not" });
            }
            required = format!("{required} and {only}");
        }
        (met_if(of_age && school), found, required)
    }

    fn literacy(&self) -> Judgement {
        if !self.requirements.literacy {
            return not_required("proficiency in reading and writing");
        }
        let literate = self.application.literate;
        let found = if literate { "proficient in reading and writing" } else { "not stated to be proficient" };
        (met_if(literate), found.into(), "proficient in reading and writing".into())
    }

    fn experience(&self) -> Judgement {
        let (hours, least) = (self.application.experience_hours, self.requirements.experience_hours);
        let recent = self.application.experience_within_three_years;
        let must_be_recent = self.requirements.experience_within_three_years;
        let college = self.requirements.college_year_counts && self.application.college_year_within_three_years;
        let met = college || (hours >= least && (recent || !must_be_recent));
        let mut found = hours_of(hours);
        if must_be_recent {
            let when =
                if recent { " within the last three years" } else { ", not stated to be of the last three years" };
            found.push_str(when);
        }
        if college {
            found.push_str(", and a college year within the last three years");
        }
        let mut required = format!("{} of paid or volunteer work before applying", hours_of(least));
        if must_be_recent {
            required.push_str(", within the last three years");
        }
        if self.requirements.college_year_counts {
            required.push_str(", or a college year within the last three years");
        }
        (met_if(met), found, required)
    }

    fn references(&self) -> Judgement {
        let (given, least) = (self.application.references, self.requirements.references);
        let fewer = self.requirements.fewer_references;
        let left_open = if fewer == Undetermined { "; with fewer the registrar decides" } else { "" };
        let outcome = if given >= least { Met } else { fewer };
        (outcome, counted(given, "reference"), format!("{}{left_open}", counted(least, "reference")))
    }

    /// The trainings completed by the first day of the credential.
    fn trainings(&self) -> impl Iterator<Item = &Training> {
        let by = self.applicant.effective_from;
        self.application.trainings.iter().filter(move |training| training.completed_on <= by)
    }

    fn training(&self) -> Judgement {
        let least = self.requirements.training_hours;
        let pre_training = self.requirements.pre_training;
        let suffices = |t: &Training| t.hours >= least && (t.pre_training_completed || !pre_training);
        let met = self.trainings().any(suffices);
        let by = self.applicant.effective_from;
        let mut required = "one training".to_owned();
        if least > 0.0 {
            required = format!("{required} of {} or more", hours_of(least));
        }
        if pre_training {
            required.push_str(" with the online pre-training");
        }
        required.push_str(", completed by the day the credential takes effect");
        let count = self.trainings().count();
        if count == 0 {
            return (met_if(met), format!("no training completed by {by}"), required);
        }
        let mut found = format!("{} completed by {by}", counted(count, "training"));
        if least > 0.0 {
            let longest = self.trainings().map(|training| training.hours).fold(0.0, f64::max);
            found = format!("{found}, {} {}", if count > 1 { "the longest of" } else { "of" }, hours_of(longest));
        }
        if pre_training {
            let with = self.trainings().filter(|training| training.pre_training_completed).count();
            found = format!("{found}, {with} of them with the online pre-training");
        }
        (met_if(met), found, required)
    }

    fn examination(&self) -> Judgement {
        let (passing, attempts) = (self.requirements.passing_score, self.requirements.attempts_per_training);
        let listed = self.application.exam_attempts.len();
        let that_count = self.attempts_that_count();
        let mut found = if listed == 0 { "no attempt".to_owned() } else { counted(listed, "attempt") };
        if that_count.len() < listed {
            found = format!("{found}, of which {} count", that_count.len());
        }
        let best = that_count.iter().copied().reduce(f64::max);
        if let Some(best) = best {
            let best_of = if that_count.len() > 1 { "the best with" } else { "with" };
            found = format!("{found}, {best_of} a score of {best}");
        }
        let required = format!("a score of {passing} or more in one of the first {attempts} attempts after a training");
        (met_if(best.is_some_and(|best| best >= passing)), found, required)
    }

    /// The scores of the attempts that count: the first few after the last training before them.
    fn attempts_that_count(&self) -> Vec<f64> {
        let by = self.applicant.effective_from;
        let mut attempts: Vec<&ExamAttempt> =
            self.application.exam_attempts.iter().filter(|attempt| attempt.taken_on <= by).collect();
        // The sort is stable: attempts on the same day keep their order.
        attempts.sort_by_key(|attempt| attempt.taken_on);
        let training_before = |day: Day| self.trainings().map(|t| t.completed_on).filter(|done| *done <= day).max();
        let mut scores = Vec::new();
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
                scores.push(attempt.score);
            }
        }
        scores
    }

    fn employment(&self) -> Judgement {
        let on = self.applicant.effective_from;
        let found = match (self.applicant.employed, self.applicant.supervised) {
            (true, true) => format!("employed on {on}, supervised by a mental health professional"),
            (true, false) => format!("employed on {on}, not supervised by a mental health professional"),
            (false, _) => format!("no employment on record for {on} with a provider of the state mental health system"),
        };
        let required = "employed in the state mental health system on the day the credential takes effect, \
                        supervised by a mental health professional";
        (met_if(self.applicant.employed && self.applicant.supervised), found, required.into())
    }

    fn designation(&self) -> Judgement {
        if !self.requirements.designation {
            return not_required("a designation");
        }
        let asked = self.applicant.designations;
        let untrained: Vec<&str> =
            asked.iter().filter(|code| !self.is_trained_for(**code)).map(|code| name(*code)).collect();
        let found = match (asked.len(), untrained.is_empty()) {
            (0, _) => "none applied for".to_owned(),
            (count, true) => format!("{count} applied for, each trained for"),
            (count, false) => format!("{count} applied for, without the training for {}", untrained.join(", ")),
        };
        let mut required =
            "at least one, each with a training for it, completed by the day the credential takes effect".to_owned();
        if let Some(before) = self.requirements.recovery_only_trained_before {
            let (only, trained) = (name(Designation::RecoveryOnly), name(Designation::AdultAndRecovery));
            required = format!("{required}; {only}: a training for {trained}, completed before {before}");
        }
        (met_if(!asked.is_empty() && untrained.is_empty()), found, required)
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

/// "1 reference", "2 references".
fn counted<N: Copy + std::fmt::Display + PartialEq + From<u8>>(count: N, what: &str) -> String {
    let plural = if count == N::from(1) { "" } else { "s" };
    format!("{count} {what}{plural}")
}

fn hours_of(hours: f64) -> String {
    counted(hours, "hour")
}

/// The name of a designation in source 002.
fn name(code: Designation) -> &'static str {
    match code {
        Designation::AdultAndRecovery => "Adult and Recovery",
        Designation::ParentCaregiver => "Parent/Caregiver",
        Designation::YoungAdult => "Young Adult",
        Designation::ForensicPeerRecovery => "Forensic Peer Recovery",
        Designation::RecoveryOnly => "Recovery only",
    }
}
