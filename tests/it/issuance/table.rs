//! An independent implementation of the table of section 7: the expected outcome of each criterion, without rule files.

use cpss_registry::domain::command::IssueCredential;
use cpss_registry::domain::day::Day;
use cpss_registry::domain::evaluation::Education;
use cpss_registry::domain::fact::{CriterionOutcome, Designation};
use cpss_registry::domain::specialist::Job;

use super::evaluation_fixture::{day, period};
use CriterionOutcome::{Met, NotRequired, Undetermined, Unmet};

/// The ten outcomes, in the order of the table.
pub fn outcomes(asked: &IssueCredential, born: Day, jobs: &[Job]) -> Vec<CriterionOutcome> {
    let application = &asked.application;
    let is_guide = application.applied_on < day("2021-05-01");
    let met = |fulfilled: bool| if fulfilled { Met } else { Unmet };
    let only_guide = |fulfilled: bool| if is_guide { met(fulfilled) } else { NotRequired };
    let trained: Vec<_> =
        application.trainings.iter().filter(|training| training.completed_on <= asked.effective_from).collect();
    vec![
        only_guide(application.mississippi_resident),
        met(if is_guide { application.lived_experience.is_some() } else { application.recovery_attested }),
        met(is_sixteen(born, application.applied_on) && has_school(asked, is_guide)),
        only_guide(application.literate),
        met(if is_guide {
            application.experience_hours >= 250.0 || application.college_year_within_three_years
        } else {
            application.experience_hours >= 100.0 && application.experience_within_three_years
        }),
        match (application.references >= 2, is_guide) {
            (true, _) => Met,
            (false, true) => Unmet,
            (false, false) => Undetermined,
        },
        met(trained
            .iter()
            .any(|training| if is_guide { training.pre_training_completed } else { training.hours >= 34.0 })),
        met(has_passed(asked)),
        met(jobs.iter().any(|job| {
            job.supervised && job.days.includes(asked.effective_from) && qualifies(job, asked.effective_from)
        })),
        if is_guide {
            NotRequired
        } else {
            let is_trained = |code: &Designation| {
                trained.iter().any(|training| match code {
                    Designation::RecoveryOnly => {
                        training.designation == Some(Designation::AdultAndRecovery)
                            && training.completed_on < day("2021-05-01")
                    }
                    code => training.designation == Some(*code),
                })
            };
            met(!asked.designations.is_empty() && asked.designations.iter().all(is_trained))
        },
    ]
}

/// By the calendar: in a common year, February 28 is before a birthday on February 29, and March 1 is after it.
fn is_sixteen(born: Day, on: Day) -> bool {
    let date = |day: Day| (day.to_civil().year(), day.to_civil().month(), day.to_civil().day());
    let (year, month, day) = date(born);
    date(on) >= (year + 16, month, day)
}

fn has_school(asked: &IssueCredential, is_guide: bool) -> bool {
    match asked.application.education {
        Some(Education::HighSchoolDiploma | Education::Ged) => true,
        Some(Education::Enrolled) => !is_guide || asked.designations == [Designation::YoungAdult],
        Some(Education::None) | None => false,
    }
}

/// Whether any attempt passes that is the first or second since the last training.
fn has_passed(asked: &IssueCredential) -> bool {
    let attempts = &asked.application.exam_attempts;
    let last_training = |taken_on: Day| {
        let trainings = asked.application.trainings.iter().map(|training| training.completed_on);
        trainings.filter(|done| *done <= taken_on && *done <= asked.effective_from).max()
    };
    attempts.iter().enumerate().any(|(at, attempt)| {
        let Some(training) = last_training(attempt.taken_on) else { return false };
        let earlier = attempts.iter().enumerate().filter(|(other_at, other)| {
            other.taken_on >= training && (other.taken_on, *other_at) < (attempt.taken_on, at)
        });
        attempt.taken_on <= asked.effective_from && attempt.score >= 75.0 && earlier.count() < 2
    })
}

/// The providers of the fixture. A suspension does not affect qualification.
fn qualifies(job: &Job, on: Day) -> bool {
    match job.provider.as_str() {
        "region-1" | "region-2" => on >= day("2010-01-01"),
        "delta-house" => on >= day("2026-05-01"),
        "old-mill" => period("2010-01-01..2021-04-30").includes(on),
        _ => false,
    }
}
