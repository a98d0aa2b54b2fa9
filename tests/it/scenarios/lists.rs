//! Questions whose answers are lists, files or tables.

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::list_facts_request::Subject;
use cpss_registry::proto::v1::{reconcile_roster_request, reconcile_roster_response, roster_difference, roster_row};
use tokio_stream::StreamExt as _;
use tonic::Status;

use super::command::application;
use super::names::{Names, designations};
use super::question::on;
use super::text::{Clauses, day as date};
use crate::harness::Client;
use crate::harness::words::{day, designation, standing};

/// A question, ready to send.
pub enum ListQuestion {
    /// A credential.
    Shown(v1::GetCredentialRequest),
    /// The facts about a subject.
    Facts(v1::ListFactsRequest),
    /// A provider's staff.
    Staff(v1::ListEmploymentsRequest),
    /// A provider's staff list, compared with the registry.
    Reconcile(Vec<v1::ReconcileRosterRequest>),
    /// Program statistics.
    Statistics(v1::GetProgramStatisticsRequest),
    /// An application to evaluate.
    Evaluate(v1::EvaluateApplicationRequest),
}

/// The question in the text.
pub fn list_question(head: &[&str], text: &mut Clauses, names: &Names) -> Result<Option<ListQuestion>, String> {
    Ok(Some(match head {
        ["shown", who] => {
            let (credential_number, family_name) = (names.number(who)?, text.text("family").unwrap_or_default());
            ListQuestion::Shown(v1::GetCredentialRequest { credential_number, family_name, ..Default::default() })
        }
        ["facts", "of", of @ ..] => {
            let subject = match of {
                ["provider", id] => Subject::ProviderId((*id).to_owned()),
                ["job", name] => Subject::EmploymentId(names.job(name)?),
                ["credential", name] => Subject::CredentialNumber(names.number(name)?),
                [name] => Subject::SpecialistId(names.person(name)?),
                _ => return Err("facts of WHO is meant".to_owned()),
            };
            ListQuestion::Facts(v1::ListFactsRequest { subject: Some(subject), page_size: 1000, ..Default::default() })
        }
        ["staff", "of", id] => {
            let provider_id = (*id).to_owned();
            let as_of = text.day("on")?;
            ListQuestion::Staff(v1::ListEmploymentsRequest { provider_id, as_of, ..Default::default() })
        }
        ["reconcile", id] => ListQuestion::Reconcile(roster(id, names, text)?),
        ["statistics"] => {
            ListQuestion::Statistics(v1::GetProgramStatisticsRequest { as_of: on(text)?, known_at: None })
        }
        ["evaluate", who] => {
            let effective_from = text.day("from")?;
            let designations = designations(&text.text("for").unwrap_or("ADULT_AND_RECOVERY".to_owned()))?;
            ListQuestion::Evaluate(v1::EvaluateApplicationRequest {
                specialist_id: names.person(who)?,
                application: Some(application(effective_from, &designations, text)?),
                effective_from,
                designations,
            })
        }
        _ => return Ok(None),
    }))
}

/// `reconcile north on DATE with Ada,Bob@2024-01-08`: each by credential, with an optional first day.
fn roster(id: &str, names: &Names, text: &mut Clauses) -> Result<Vec<v1::ReconcileRosterRequest>, String> {
    use reconcile_roster_request::Kind;
    let options = v1::RosterOptions { provider_id: id.to_owned(), as_of: on(text)?, known_at: None };
    let mut messages = vec![v1::ReconcileRosterRequest { kind: Some(Kind::Options(options)) }];
    for listed in text.text("with").unwrap_or_default().split(',').filter(|listed| !listed.is_empty()) {
        let (name, first_day) = listed.split_once('@').map_or((listed, None), |(name, day)| (name, Some(day)));
        let row = v1::RosterRow {
            correlation_id: name.to_owned(),
            subject: Some(roster_row::Subject::CredentialNumber(names.number(name)?)),
            first_day: first_day.map(date).transpose()?,
            ..Default::default()
        };
        messages.push(v1::ReconcileRosterRequest { kind: Some(Kind::Row(row)) });
    }
    Ok(messages)
}

impl ListQuestion {
    /// Sends the question and returns the answer as text.
    pub async fn ask(self, client: &Client, names: &Names) -> Result<String, Status> {
        Ok(match self {
            ListQuestion::Shown(request) => {
                let credential = client.call(request).await?.credential.expect("a credential");
                shown(&credential)
            }
            ListQuestion::Facts(request) => {
                let facts = client.call(request).await?.facts;
                let words = |fact: &v1::Fact| {
                    let mark = if fact.retracted { " (retracted)" } else { "" };
                    let kind = fact.kind().as_str_name().trim_start_matches("FACT_KIND_");
                    format!("{kind}{mark}")
                };
                bars(&facts.iter().map(words).collect::<Vec<_>>())
            }
            ListQuestion::Staff(request) => {
                let jobs = client.call(request).await?.employments;
                sorted(jobs.iter().map(|it| names.named(&job(it))).collect())
            }
            ListQuestion::Reconcile(messages) => {
                let answers = client.employment().reconcile_roster(tokio_stream::iter(messages)).await?;
                let words: Result<Vec<_>, Status> = answers.into_inner().collect().await;
                reconciled(words?.into_iter().map(|words| words.kind.expect("a kind")).collect(), names)
            }
            ListQuestion::Statistics(request) => {
                let answer = client.call(request).await?;
                let rows = answer.rows.iter().filter(|row| row.provider_count > 0).map(statistic);
                format!("{}; in all {}", bars(&rows.collect::<Vec<_>>()), statistic(&answer.total.expect("a total")))
            }
            ListQuestion::Evaluate(request) => evaluated(&client.call(request).await?),
        })
    }
}

fn bars(lines: &[String]) -> String {
    if lines.is_empty() { "none".to_owned() } else { lines.join(" | ") }
}

fn sorted(mut lines: Vec<String>) -> String {
    lines.sort();
    bars(&lines)
}

fn shown(credential: &v1::Credential) -> String {
    let codes: Vec<&str> = credential.designations.iter().map(|code| designation(*code)).collect();
    let (from, to) = (day(credential.effective_from), day(credential.term_last_day));
    let name = &credential.display_name;
    let mut words = format!("{name}; {}; {from}..{to}; {}", standing(credential.standing), codes.join(" "));
    if credential.separation_first_day.is_some() {
        words.push_str(&format!("; separated from {}", day(credential.separation_first_day)));
    }
    let words = words.trim_end_matches("; ");
    let prior = credential.prior_numbers.join(" ");
    if prior.is_empty() { words.to_owned() } else { format!("{words}; prior {prior}") }
}

fn job(job: &v1::Employment) -> String {
    let last_day = job.last_day.map_or(String::new(), |last_day| day(Some(last_day)));
    format!("{} {}..{last_day}", job.employment_id, day(job.first_day))
}

fn reconciled(mut found: Vec<reconcile_roster_response::Kind>, names: &Names) -> String {
    use reconcile_roster_response::Kind;
    use roster_difference::Kind::{Differing, MissingFromList, MissingFromRegistry};
    let Some(Kind::Summary(summary)) = found.pop() else { panic!("no summary at the end") };
    assert_eq!(summary.difference_count, found.len() as u64);
    let (mut not_listed, mut not_on_file, mut differing) = (Vec::new(), Vec::new(), Vec::new());
    for found in found {
        let Kind::Difference(difference) = found else { panic!("a summary before the end") };
        assert_eq!(difference.display_name.is_empty(), matches!(difference.kind, Some(MissingFromRegistry(_))));
        match difference.kind.expect("a difference") {
            MissingFromList(employment) => not_listed.push(names.named(&job(&employment))),
            MissingFromRegistry(row) => not_on_file.push(row.correlation_id),
            Differing(it) => {
                let (row, employment) = (it.row.unwrap_or_default(), it.employment.unwrap_or_default());
                differing.push(format!("{} {} is {}", row.correlation_id, day(row.first_day), job(&employment)));
            }
        }
    }
    format!(
        "{} of {} match; not listed: {}; not on file: {}; differing: {}",
        summary.matched_count,
        summary.row_count,
        sorted(not_listed),
        sorted(not_on_file),
        sorted(differing),
    )
}

fn statistic(row: &v1::FacilityTypeStatistics) -> String {
    let facility = v1::FacilityType::try_from(row.facility_type).unwrap().as_str_name();
    let facility = facility.strip_prefix("FACILITY_TYPE_").unwrap().replace("UNSPECIFIED", "");
    let words = format!(
        "{} of {}, {}%",
        row.provider_with_specialist_count,
        row.provider_count,
        (row.percentage * 10.0).round() / 10.0
    );
    format!("{facility} {words}").trim().to_owned()
}

fn evaluated(found: &v1::EvaluateApplicationResponse) -> String {
    let eligible = if found.eligible { "eligible" } else { "not eligible" };
    let words = |result: &v1::CriterionResult| {
        let (criterion, outcome) = (result.criterion().as_str_name(), result.outcome().as_str_name());
        let outcome = outcome.strip_prefix("CRITERION_OUTCOME_").unwrap();
        format!("{} {outcome}", criterion.strip_prefix("CRITERION_").unwrap())
    };
    let unlike = found.criteria.iter().filter(|it| it.outcome() != v1::CriterionOutcome::Met);
    format!("{eligible} by {}; {}", found.rule_set_id, bars(&unlike.map(words).collect::<Vec<_>>()))
}
