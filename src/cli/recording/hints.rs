//! What a person should know about a report of a job, beside the answer to it.

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::act_hints;
use super::aftermath::same_report;
use super::job_days::{is_of_last_day, jobs};
use super::send::{Receipt, Subject};
use crate::cli::change_text::days;
use crate::cli::connect::Service;
use crate::cli::dates::is_before;
use crate::cli::display_text::day;
use crate::cli::facts::facts_of;
use crate::cli::failure::Failure;
use crate::cli::people::specialist_of;
use crate::domain::id::CredentialNumber;
use crate::proto::google::r#type::Date;
use crate::proto::v1::employment_service_client::EmploymentServiceClient;
use crate::proto::v1::import_row::Command;
use crate::proto::v1::list_facts_request::Subject as About;
use crate::proto::v1::report_employment_end_request::Job;
use crate::proto::v1::report_employment_start_request::Person;
use crate::proto::v1::{Employment, Fact, ListEmploymentsRequest, ListEmploymentsResponse};

/// What to say after a report of a job that was accepted, or after one was taken back. A question that fails is left
/// out: the report is on record.
pub async fn after(service: &Service, command: &Command, receipt: &Receipt) -> Vec<String> {
    if let (Command::RetractFact(request), Some(Subject::Fact(retraction))) = (command, &receipt.subject) {
        return still_ended(service, &request.fact_id, retraction).await.into_iter().collect();
    }
    let Some(Subject::Employment(job)) = &receipt.subject else { return Vec::new() };
    let request = ListEmploymentsRequest {
        provider_id: job.provider_id.clone(),
        specialist_id: job.specialist_id.clone(),
        ..ListEmploymentsRequest::default()
    };
    let listed = EmploymentServiceClient::new(service.clone()).list_employments(request).await;
    let ListEmploymentsResponse { employments, answer, .. } =
        listed.map(tonic::Response::into_inner).unwrap_or_default();
    let mut hints: Vec<String> = reported_days(command)
        .into_iter()
        .filter(|(_, date)| is_before(answer.as_ref().and_then(|answer| answer.as_of), Some(*date)))
        .map(|(what, date)| format!("{what}, {}, is in the future", day(date)))
        .collect();
    if matches!(command, Command::ReportEmploymentStart(_)) {
        let is_other = |it: &&Employment| it.employment_id != job.employment_id && it.last_day.is_none();
        let others = employments.iter().filter(is_other).filter(|it| it.specialist_id == job.specialist_id);
        let is_recorded = !receipt.fact_id.is_empty();
        let take_back = || format!("; to take this report back: report retract {}", receipt.fact_id);
        let take_back = if is_recorded { take_back() } else { String::new() };
        hints.extend(others.map(|other| {
            let Employment { employment_id: id, first_day, .. } = other;
            let days = days(*first_day, None);
            format!("there is an open job already: {id}, {days}; to change its days: report correct {id}{take_back}")
        }));
    }
    let changes_nothing = receipt.change_count == 0 && receipt.foreseen_change_count == 0;
    if changes_nothing && !receipt.fact_id.is_empty() && !matches!(command, Command::ReportEmploymentStart(_)) {
        let same = same_report(service.clone(), receipt).await;
        hints.extend(same.map(|revision| format!("revision {revision} had reported the same: this adds nothing")));
    }
    hints
}

/// What still ends a job after its end was taken back.
async fn still_ended(service: &Service, retracted: &str, retraction: &Fact) -> Option<String> {
    let person = Some(&retraction.specialist_id).filter(|id| !id.is_empty())?;
    let found = facts_of(service.clone(), Some(About::SpecialistId(person.clone())), None).await.ok()?;
    let target = found.facts.iter().find(|fact| fact.fact_id == retracted && is_of_last_day(fact))?;
    let job = jobs(&found.facts, retracted).find(|job| job.employment_id == target.employment_id)?;
    let (id, by, last_day) = (job.employment_id, job.last_day_by, day(job.last_day?));
    let remedy = if is_of_last_day(by) {
        format!("to take that back, too: report retract {}", by.fact_id)
    } else {
        format!("to change its days: report correct {id}")
    };
    Some(format!("the job {id} still ends on {last_day}, by revision {}; {remedy}", by.revision))
}

/// A refusal of a report, with what a person can do.
pub async fn refused(service: &Service, command: &Command, status: &Status) -> Failure {
    let failure = Failure::answered(status);
    let details = status.get_error_details();
    let is_about = |kind: &str| details.resource_info().is_some_and(|resource| resource.resource_type == kind);
    let reason = details.error_info().map_or("", |info| info.reason.as_str());
    match command {
        Command::ReportEmploymentStart(start) if status.code() == Code::NotFound => match &start.person {
            Some(Person::CredentialNumber(_)) if is_about("credential") => failure
                .with_remedy("there is no such number, or the family name or the birth date is not that of its holder"),
            Some(Person::SpecialistId(_)) if is_about("specialist") && start.birth_date.is_some() => {
                failure.with_remedy("there is no such id, or the birth date is not that of the person")
            }
            _ => failure,
        },
        Command::ReportEmploymentEnd(end) if reason == "EMPLOYMENT_AMBIGUOUS" => {
            let Some(Job::CredentialNumber(number)) = &end.job else { return failure };
            let request =
                ListEmploymentsRequest { credential_number: number.clone(), ..ListEmploymentsRequest::default() };
            let listed = EmploymentServiceClient::new(service.clone()).list_employments(request).await;
            let listed = listed.map(tonic::Response::into_inner).unwrap_or_default();
            let open = listed.employments.iter().filter(|job| job.last_day.is_none());
            let failure = failure.with_remedy("give --job with one of these ids, instead of the number");
            open.fold(failure, |failure, job| failure.with_remedy(&one_of_several(job)))
        }
        Command::ReportEmploymentEnd(end) if is_about("employment") => match &end.job {
            Some(Job::CredentialNumber(number)) if number.parse::<CredentialNumber>().is_ok() => {
                with_ended_jobs(service, number, failure).await
            }
            _ => failure,
        },
        _ => act_hints::refused(service, command, status, failure).await,
    }
}

/// A refusal because no job is open, with the jobs that have a last day.
async fn with_ended_jobs(service: &Service, number: &str, failure: Failure) -> Failure {
    let Ok(person) = specialist_of(service.clone(), number.to_owned()).await else { return failure };
    let Ok(found) = facts_of(service.clone(), Some(About::SpecialistId(person)), None).await else { return failure };
    let ended = jobs(&found.facts, "").filter_map(|job| Some((job.employment_id, day(job.last_day?))));
    ended.fold(failure, |failure, (id, last_day)| {
        failure.with_remedy(&format!("{id} has the last day {last_day} on record; to change it: report correct {id}"))
    })
}

fn one_of_several(job: &Employment) -> String {
    let Employment { employment_id: id, provider_id, position, first_day, .. } = job;
    let position = if position.is_empty() { String::new() } else { format!(", {position}") };
    format!("--job {id}: with {provider_id}, {}{position}", days(*first_day, None))
}

/// The days that a report of a job has.
fn reported_days(command: &Command) -> Vec<(&'static str, Date)> {
    let (first, last) = match command {
        Command::ReportEmploymentStart(it) => (it.first_day, it.last_day),
        Command::ReportEmploymentEnd(it) => (None, it.last_day),
        Command::CorrectEmployment(it) => (it.first_day, it.last_day),
        _ => (None, None),
    };
    let days = [("the first day of work", first), ("the last day of work", last)];
    days.into_iter().filter_map(|(what, date)| Some((what, date?))).collect()
}
