//! What a registrar compares with the old system after a rehearsal.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use super::caller::{Caller, PAGE};
use super::ids::Ids;
use super::kind::Kind;
use super::report::{Days, Report};
use super::unconfirmed::{Unconfirmed, unconfirmed};
use crate::cli::display_text::{code, day, review_reason};
use crate::cli::failure::Failure;
use crate::cli::{print, print_json_line};
use crate::proto::google::r#type::Date;
use crate::proto::v1;
use crate::proto::v1::credential_service_client::CredentialServiceClient;
use crate::proto::v1::employment_service_client::EmploymentServiceClient;
use crate::proto::v1::record_service_client::RecordServiceClient;
use crate::proto::v1::{ReviewReason, Standing};

/// The credentials of a registry on a day.
#[derive(Debug, Default)]
pub struct Standings {
    today: Option<Date>,
    counts: BTreeMap<i32, u64>,
    /// Those that are revoked on loss of employment.
    revoked: Vec<v1::Credential>,
}

/// The credentials with one standing.
#[derive(Debug, Serialize)]
struct Count {
    standing: String,
    before: u64,
    after: u64,
}

/// A person whose credential would be revoked, or who is likely on file twice.
#[derive(Debug, Serialize)]
struct Person {
    /// The line of the person's row in the file of people, if it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    since: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    why: String,
}

/// What a registrar compares with the old system.
#[derive(Debug, Serialize)]
pub struct Findings {
    today: String,
    standings: Vec<Count>,
    /// The credentials among them that cannot be confirmed today, by provider.
    unconfirmed: Vec<Unconfirmed>,
    days: Vec<Days>,
    /// The people whose credentials are revoked on loss of employment after the import, and were not before it.
    revoked: Vec<Person>,
    /// The people with the same name and birth date, as groups.
    likely_duplicates: Vec<Vec<Person>>,
    /// The people with another fact that would be in the list of reviews, and why.
    to_review: Vec<Person>,
}

/// Asks for the credentials of a registry.
pub async fn standings(caller: &Caller) -> Result<Standings, Failure> {
    let mut client = CredentialServiceClient::new(caller.clone());
    let (mut found, mut page_token) = (Standings::default(), String::new());
    loop {
        let request = v1::ListCredentialsRequest { page_size: PAGE, page_token, ..Default::default() };
        let page = client.list_credentials(request).await.map_err(|status| Failure::answered(&status))?.into_inner();
        found.today = page.answer.and_then(|answer| answer.as_of);
        for credential in page.credentials {
            *found.counts.entry(credential.standing).or_default() += 1;
            if credential.standing() == Standing::RevokedLossOfEmployment {
                found.revoked.push(credential);
            }
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(found);
        }
    }
}

impl Findings {
    /// Compares a registry with what it was before the import, after this revision.
    pub async fn of(
        caller: &Caller,
        before: &Standings,
        head: &v1::ChangePosition,
        ids: &Ids,
        report: &Report,
    ) -> Result<Findings, Failure> {
        let after = standings(caller).await?;
        let lines = ids.lines(Kind::Specialists);
        let standings: HashSet<_> = before.counts.keys().chain(after.counts.keys()).collect();
        let mut standings: Vec<_> = standings.into_iter().copied().collect();
        standings.sort_unstable_by(|one, other| other.cmp(one));
        let count = |of: &Standings, standing: i32| of.counts.get(&standing).copied().unwrap_or_default();
        let standings = standings.into_iter().map(|standing| Count {
            standing: code(standing, Standing::as_str_name, "STANDING_"),
            before: count(before, standing),
            after: count(&after, standing),
        });
        let was_revoked: HashSet<_> = before.revoked.iter().map(|credential| &credential.credential_number).collect();
        let mut revoked = Vec::new();
        for credential in after.revoked.iter().filter(|of| !was_revoked.contains(&of.credential_number)) {
            revoked.push(Person {
                line: lines.get(credential.specialist_id.as_str()).copied(),
                name: credential.display_name.clone(),
                since: credential.separation_first_day.map(day).unwrap_or_default(),
                why: why_revoked(caller, credential).await?,
            });
        }
        revoked.sort_by_key(|person| person.line);
        let (likely_duplicates, to_review) = reviewed(caller, head, ids).await?;
        Ok(Findings {
            today: after.today.map(day).unwrap_or_default(),
            standings: standings.collect(),
            unconfirmed: unconfirmed(caller, after.today).await?,
            days: report.days().collect(),
            revoked,
            likely_duplicates,
            to_review,
        })
    }

    /// Prints the findings.
    pub fn print(&self, as_json: bool) -> Result<(), Failure> {
        if as_json {
            return print_json_line(self);
        }
        let mut text = format!("\ncredentials by standing on {}\n", self.today);
        for Count { standing, before, after } in &self.standings {
            let before = if *before == 0 { String::new() } else { format!("  (before the import: {before})") };
            text.push_str(&format!("  {standing:<26} {after:>9}{before}\n"));
        }
        self.unconfirmed.iter().for_each(|of| text.push_str(&format!("  {}\n", of.text())));
        text.push_str("\nfirst and last days\n");
        for Days { file, column, first, last } in &self.days {
            text.push_str(&format!("  {file:<15} {column:<15} {first} to {last}\n"));
        }
        text.push_str(&format!("\nrevoked on loss of employment: {}\n", self.revoked.len()));
        for person in &self.revoked {
            text.push_str(&format!("  {}: from {}: {}\n", person.text(), person.since, person.why));
        }
        text.push_str(&format!("\nlikely duplicates: {}\n", self.likely_duplicates.len()));
        for group in &self.likely_duplicates {
            let people: Vec<_> = group.iter().map(Person::text).collect();
            text.push_str(&format!("  {}\n", people.join(" and ")));
        }
        text.push_str(&format!("\nother facts to review (review-items): {}\n", self.to_review.len()));
        for person in &self.to_review {
            text.push_str(&format!("  {}: {}\n", person.text(), person.why));
        }
        print(&text)
    }
}

impl Person {
    fn text(&self) -> String {
        match self.line {
            Some(line) => format!("{} (specialists, line {line})", self.name),
            None => format!("{} (on file before)", self.name),
        }
    }
}

/// Why a credential is revoked on loss of employment: what the person's jobs were on the first day without one that
/// counts, and on the day before.
async fn why_revoked(caller: &Caller, credential: &v1::Credential) -> Result<String, Failure> {
    let Some(since) = credential.separation_first_day else { return Ok("the file of acts says so".to_owned()) };
    let that_day = jobs_on(caller, &credential.specialist_id, since).await?;
    let before = match day_before(since) {
        Some(before) => jobs_on(caller, &credential.specialist_id, before).await?,
        None => Vec::new(),
    };
    Ok(reason(&that_day, &before))
}

/// The first page of a person's jobs that include a day.
async fn jobs_on(caller: &Caller, specialist_id: &str, as_of: Date) -> Result<Vec<v1::Employment>, Failure> {
    let specialist_id = specialist_id.to_owned();
    let request = v1::ListEmploymentsRequest { specialist_id, as_of: Some(as_of), ..Default::default() };
    let page = EmploymentServiceClient::new(caller.clone()).list_employments(request).await;
    Ok(page.map_err(|status| Failure::answered(&status))?.into_inner().employments)
}

fn day_before(date: Date) -> Option<Date> {
    let parts = (date.year.try_into().ok()?, date.month.try_into().ok()?, date.day.try_into().ok()?);
    let before = jiff::civil::Date::new(parts.0, parts.1, parts.2).ok()?.yesterday().ok()?;
    Some(Date { year: before.year().into(), month: before.month().into(), day: before.day().into() })
}

fn reason(that_day: &[v1::Employment], before: &[v1::Employment]) -> String {
    match (that_day, before) {
        ([job, ..], _) => format!("the provider {} does not qualify on that day", job.provider_id),
        ([], [job, ..]) => {
            let ended = job.last_day.map(day).unwrap_or_default();
            format!("the job with {} ended on {ended}", job.provider_id)
        }
        ([], []) => "no job is on record for that day and the day before".to_owned(),
    }
}

/// What the import adds to the list of reviews: people with the name and birth date of another person, and others.
async fn reviewed(
    caller: &Caller,
    head: &v1::ChangePosition,
    ids: &Ids,
) -> Result<(Vec<Vec<Person>>, Vec<Person>), Failure> {
    let lines = ids.lines(Kind::Specialists);
    let mut client = RecordServiceClient::new(caller.clone());
    let (mut duplicates, mut others, mut page_token) = (Vec::new(), Vec::new(), String::new());
    loop {
        let request = v1::ListReviewItemsRequest { after: Some(head.clone()), page_size: PAGE, page_token };
        let page = client.list_review_items(request).await.map_err(|status| Failure::answered(&status))?.into_inner();
        for item in page.review_items {
            let is_duplicate = item.reason() == ReviewReason::LikelyDuplicate;
            let why = if is_duplicate { "" } else { review_reason(item.reason()) };
            let people = item.people.iter().map(|person| Person {
                line: lines.get(person.specialist_id.as_str()).copied(),
                name: person.display_name.clone(),
                since: String::new(),
                why: why.to_owned(),
            });
            if is_duplicate {
                duplicates.push(people.collect());
            } else {
                others.extend(people);
            }
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok((duplicates, others));
        }
    }
}

/// The state of knowledge that an import begins from.
pub async fn position(caller: &Caller) -> Result<v1::ChangePosition, Failure> {
    let asked = CredentialServiceClient::new(caller.clone()).list_rule_sets(v1::ListRuleSetsRequest::default()).await;
    let answer = asked.map_err(|status| Failure::answered(&status))?.into_inner().answer.unwrap_or_default();
    Ok(v1::ChangePosition { epoch: answer.epoch, revision: answer.known_at_revision })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_names_the_job_that_ended_or_the_provider() {
        let last_day = day_before(Date { year: 2024, month: 3, day: 1 });
        assert_eq!(last_day, Some(Date { year: 2024, month: 2, day: 29 }));
        let job = v1::Employment { provider_id: "example".to_owned(), last_day, ..Default::default() };
        let job = std::slice::from_ref(&job);
        assert_eq!(reason(&[], job), "the job with example ended on 2024-02-29");
        assert_eq!(reason(job, job), "the provider example does not qualify on that day");
        assert_eq!(reason(&[], &[]), "no job is on record for that day and the day before");
    }
}
