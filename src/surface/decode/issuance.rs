//! Decodes applications, issuances, and credentials transferred from earlier records.

use super::fields::{Fields, LONGEST_REMARK};
use crate::domain::command::{Command, IssueCredential, TransferCredential};
use crate::domain::day::{Day, Period};
use crate::domain::decide::Rejection;
use crate::domain::evaluation::{Application, ExamAttempt, Training};
use crate::domain::prior_number::PriorNumber;
use crate::proto::google::r#type::Date;
use crate::proto::v1;

/// The maximum number of trainings, and of exam attempts, in an application, and of prior numbers in a transfer.
const MAX_LISTED: usize = 100;

/// Decodes the application of an `EvaluateApplication`, as the issuance that it would lead to.
pub fn evaluate_application(request: &v1::EvaluateApplicationRequest) -> Result<IssueCredential, Rejection> {
    let mut fields = Fields::default();
    let application = request.application.as_ref();
    let asked =
        issuance(&mut fields, &request.specialist_id, application, request.effective_from, &request.designations);
    fields.finish(asked)
}

pub(super) fn issue_credential(request: &v1::IssueCredentialRequest, fields: &mut Fields) -> Option<Command> {
    let application = request.application.as_ref();
    let asked = issuance(fields, &request.specialist_id, application, request.effective_from, &request.designations);
    let decision_note = fields.optional_recorded_text("decision_note", &request.decision_note, LONGEST_REMARK);
    Some(Command::IssueCredential(IssueCredential { decision_note, ..asked? }))
}

/// Decodes an imported issuance. An unmet criterion does not refuse it.
pub(super) fn import_issuance(request: &v1::IssueCredentialRequest, fields: &mut Fields) -> Option<Command> {
    match issue_credential(request, fields)? {
        Command::IssueCredential(issue) => {
            Some(Command::IssueCredential(IssueCredential { waives_criteria: true, ..issue }))
        }
        other => Some(other),
    }
}

fn issuance(
    fields: &mut Fields,
    specialist_id: &str,
    application: Option<&v1::Application>,
    effective_from: Option<Date>,
    designations: &[i32],
) -> Option<IssueCredential> {
    let specialist = fields.id("specialist_id", specialist_id);
    let effective_from = fields.day("effective_from", effective_from);
    let application =
        fields.message("application", application, |fields, message| read(fields, message, effective_from));
    let designations = fields.designations("designations", designations);
    Some(IssueCredential {
        specialist: specialist?,
        application: application?,
        effective_from: effective_from?,
        designations,
        decision_note: String::new(),
        waives_criteria: false,
    })
}

fn read(fields: &mut Fields, application: &v1::Application, effective_from: Option<Day>) -> Option<Application> {
    let applied_on = fields.day("applied_on", application.applied_on);
    if applied_on.zip(effective_from).is_some_and(|(applied_on, from)| applied_on > from) {
        fields.refuse("applied_on", "after effective_from: an application precedes the credential");
    }
    let lived_experience = fields.optional_enum_value("lived_experience", application.lived_experience);
    let education = fields.optional_enum_value("education", application.education);
    let experience_hours = fields.amount("experience_hours", application.experience_hours);
    let trainings = fields.listed("trainings", &application.trainings, MAX_LISTED, training);
    let exam_attempts = fields.listed("exam_attempts", &application.exam_attempts, MAX_LISTED, exam_attempt);
    let sponsoring_provider = fields.optional_id(&application.sponsoring_provider_id);
    Some(Application {
        applied_on: applied_on?,
        mississippi_resident: application.mississippi_resident,
        lived_experience,
        recovery_attested: application.recovery_attested,
        education,
        literate: application.literate,
        experience_hours,
        experience_within_three_years: application.experience_within_three_years,
        college_year_within_three_years: application.college_year_within_three_years,
        references: application.references,
        trainings,
        exam_attempts,
        sponsoring_provider,
        requests_scholarship: application.requests_scholarship,
    })
}

fn training(fields: &mut Fields, training: &v1::Training) -> Option<Training> {
    let completed_on = fields.day("completed_on", training.completed_on);
    let designation = fields.optional_enum_value("designation", training.designation);
    let hours = fields.amount("hours", training.hours);
    let pre_training_completed = training.pre_training_completed;
    Some(Training { completed_on: completed_on?, designation, hours, pre_training_completed })
}

fn exam_attempt(fields: &mut Fields, attempt: &v1::ExamAttempt) -> Option<ExamAttempt> {
    let taken_on = fields.day("taken_on", attempt.taken_on);
    let score = attempt.score;
    if !(0.0..=100.0).contains(&score) {
        fields.refuse("score", "not a percentage, 0 to 100");
    }
    Some(ExamAttempt { taken_on: taken_on?, score })
}

pub(super) fn transferred(message: &v1::TransferredCredential, fields: &mut Fields) -> Option<Command> {
    let specialist = fields.id("specialist_id", &message.specialist_id);
    let effective_from = fields.day("effective_from", message.effective_from);
    let term_last_day = fields.day("term_last_day", message.term_last_day);
    fields.in_order("term_last_day", term_last_day, "effective_from", effective_from);
    let designations = fields.designations("designations", &message.designations);
    let prior_numbers = prior_numbers(fields, &message.prior_numbers);
    Some(Command::TransferCredential(TransferCredential {
        specialist: specialist?,
        term: Period::from_inclusive(effective_from?, Some(term_last_day?)),
        designations,
        rule_set: (!message.rule_set_id.is_empty()).then(|| message.rule_set_id.clone()),
        prior_numbers,
    }))
}

/// Reads the numbers of earlier certificates. A repeated one counts once.
fn prior_numbers(fields: &mut Fields, texts: &[String]) -> Vec<PriorNumber> {
    let mut numbers = Vec::new();
    if fields.check_count("prior_numbers", texts.len(), MAX_LISTED) {
        for (at, text) in texts.iter().enumerate() {
            let read = fields.prior_number(format!("prior_numbers[{at}]"), text);
            numbers.extend(read.filter(|number| !numbers.contains(number)));
        }
    }
    numbers
}
