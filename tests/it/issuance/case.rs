//! Parsing a line about an application: `applied 2026-03-02; hours 99; references 1`.
//!
//! Anything that a line does not mention is as in [`Case::flawless`], an application that meets all criteria. The
//! trainings, attempts and jobs in a line replace the flawless ones.

use cpss_registry::domain::command::IssueCredential;
use cpss_registry::domain::day::Day;
use cpss_registry::domain::decide::{Rejection, evaluate_application};
use cpss_registry::domain::evaluation::{Application, Education, Evaluation, ExamAttempt, LivedExperience, Training};
use cpss_registry::domain::fact::Designation;

use super::evaluation_fixture::{EvaluationFixture, day, of_word, period};

/// An application and its fixture.
pub struct Case {
    pub fixture: EvaluationFixture,
    pub asked: IssueCredential,
    jobs: Vec<(String, String, bool)>,
    born: Day,
    year: &'static str,
}

impl Case {
    /// An application that meets all criteria, made when the rule set was in force.
    pub fn flawless(rule_set: &str) -> Case {
        let year = match rule_set {
            "cpss-guide" => "2019",
            "cpssp-2025" => "2026",
            other => panic!("no application for {other}"),
        };
        let at = |month_and_day: &str| of_year(year, month_and_day);
        let born = day("1990-06-15");
        let fixture = EvaluationFixture::new(born);
        let training = Training {
            completed_on: at("03-09"),
            designation: Some(Designation::AdultAndRecovery),
            hours: 40.0,
            pre_training_completed: true,
        };
        let application = Application {
            applied_on: at("03-02"),
            mississippi_resident: true,
            lived_experience: Some(LivedExperience::Self_),
            recovery_attested: true,
            education: Some(Education::HighSchoolDiploma),
            literate: true,
            experience_hours: 400.0,
            experience_within_three_years: true,
            college_year_within_three_years: false,
            references: 2,
            trainings: vec![training],
            exam_attempts: vec![ExamAttempt { taken_on: at("03-16"), score: 80.0 }],
            sponsoring_provider: None,
            requests_scholarship: false,
        };
        let asked = IssueCredential {
            specialist: fixture.person.id,
            application,
            effective_from: at("04-01"),
            designations: vec![Designation::AdultAndRecovery],
            decision_note: String::new(),
            waives_criteria: false,
        };
        let jobs = vec![("2018-01-01..".to_owned(), "region-1".to_owned(), true)];
        Case { fixture, asked, jobs, born, year }
    }

    /// The flawless application with the changes of a line.
    pub fn read(rule_set: &str, line: &str) -> Case {
        let mut case = Case::flawless(rule_set);
        let mut replaced = Vec::new();
        for step in line.split(';').map(str::trim).filter(|step| !step.is_empty() && *step != "-") {
            let (verb, rest) = step.split_once(' ').unwrap_or((step, ""));
            if matches!(verb, "training" | "exam" | "job") && !replaced.contains(&verb.to_owned()) {
                case.clear(verb);
                replaced.push(verb.to_owned());
            }
            case.apply(verb, rest);
        }
        case.fixture.meet(case.born);
        for (days, provider, supervised) in &case.jobs {
            case.fixture.hire(provider, period(days), *supervised);
        }
        case
    }

    /// Evaluates the application.
    pub fn evaluate(&self) -> Result<Evaluation, Rejection> {
        evaluate_application(&self.asked, &self.fixture.known(), &self.fixture)
    }

    fn clear(&mut self, what: &str) {
        match what {
            "training" => self.asked.application.trainings.clear(),
            "exam" => self.asked.application.exam_attempts.clear(),
            "job" => self.jobs.clear(),
            other => panic!("no {other} can be left out"),
        }
    }

    fn apply(&mut self, verb: &str, rest: &str) {
        let application = &mut self.asked.application;
        match (verb, rest) {
            ("no", "residence") => application.mississippi_resident = false,
            ("no", "statement") => application.lived_experience = None,
            ("no", "attestation") => application.recovery_attested = false,
            ("no", "schooling") => application.education = None,
            ("no", "literacy") => application.literate = false,
            ("no", what) => self.clear(what),
            ("statement", who) => application.lived_experience = Some(of_word(LivedExperience::ALL, who)),
            ("applied", date) => application.applied_on = day(date),
            ("effective", date) => self.asked.effective_from = day(date),
            ("born", date) => self.born = day(date),
            ("education", word) => application.education = Some(of_word(Education::ALL, word)),
            ("hours", "old") => application.experience_within_three_years = false,
            ("hours", count) => application.experience_hours = count.parse().unwrap(),
            ("college", "year") => application.college_year_within_three_years = true,
            ("references", count) => application.references = count.parse().unwrap(),
            ("training", list) => {
                application.trainings.extend(list.split(", ").map(|text| training(self.year, text)));
            }
            ("exam", list) => application.exam_attempts.extend(list.split(", ").map(|text| attempt(self.year, text))),
            ("job", what) => {
                let mut words = what.split(' ');
                let (days, provider) = (words.next().unwrap(), words.next().unwrap());
                self.jobs.push((days.to_owned(), provider.to_owned(), words.next() != Some("unsupervised")));
            }
            ("for", "nothing") => self.asked.designations.clear(),
            ("for", codes) => {
                self.asked.designations = codes.split(", ").map(|code| of_word(Designation::ALL, code)).collect();
            }
            ("sponsor", id) => application.sponsoring_provider = Some(id.parse().unwrap()),
            ("scholarship", "") => application.requests_scholarship = true,
            _ => panic!("`{verb} {rest}` is not valid in a line"),
        }
    }
}

/// `2026-03-09`, or `03-09` of the given year.
fn of_year(year: &str, date: &str) -> Day {
    if date.len() == "03-09".len() { day(&format!("{year}-{date}")) } else { day(date) }
}

/// `2026-03-16 74.9`.
fn attempt(year: &str, text: &str) -> ExamAttempt {
    let (date, score) = text.split_once(' ').unwrap();
    ExamAttempt { taken_on: of_year(year, date), score: score.parse().unwrap() }
}

/// `2026-03-09 33.9h ADULT_AND_RECOVERY without pre-training`, all but the date optional.
fn training(year: &str, text: &str) -> Training {
    let (text, pre_training_completed) = match text.strip_suffix(" without pre-training") {
        Some(rest) => (rest, false),
        None => (text, true),
    };
    let mut words = text.split(' ');
    let mut training = Training {
        completed_on: of_year(year, words.next().unwrap()),
        designation: None,
        hours: 40.0,
        pre_training_completed,
    };
    for word in words {
        match word.strip_suffix('h') {
            Some(hours) => training.hours = hours.parse().unwrap(),
            None => training.designation = Some(of_word(Designation::ALL, word)),
        }
    }
    training
}
