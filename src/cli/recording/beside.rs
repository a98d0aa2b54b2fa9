//! What is on record beside an act, and what a person should know of it: the name until now, another suspension of the
//! same credential, the term that is renewed.

use super::said::Line;
use super::send::{Receipt, Subject};
use super::{said, taken_back};
use crate::cli::change_text::days;
use crate::cli::connect::Service;
use crate::cli::dates::{civil, is_before, of_civil};
use crate::cli::display_text::{full_name, is_lost, standing};
use crate::cli::facts::facts_of;
use crate::cli::failure::Failure;
use crate::cli::people::name_in;
use crate::cli::print_aside;
use crate::proto::google::r#type::Date;
use crate::proto::v1::import_row::Command;
use crate::proto::v1::list_facts_request::Subject as About;
use crate::proto::v1::{Fact, FactKind, RenewCredentialRequest};

/// What an act says, and what is on record beside it. It may be recorded already. What cannot be asked is left out.
pub async fn lines(service: Service, command: &Command, receipt: &Receipt) -> Vec<Line> {
    let mut lines = said::by(command, receipt);
    match on_record(service, command, receipt).await {
        Ok(found) => lines.extend(found),
        Err(failure) => print_aside(&failure.to_string()),
    }
    lines
}

async fn on_record(service: Service, command: &Command, receipt: &Receipt) -> Result<Vec<Line>, Failure> {
    let Some(about) = about(command, receipt) else { return Ok(Vec::new()) };
    let found = facts_of(service.clone(), Some(about), None).await?;
    let mut facts = found.facts;
    // What the act itself recorded, and what was recorded after it, is left out.
    facts.retain(|fact| fact.fact_id != receipt.fact_id && fact.revision <= receipt.revision);
    let mut lines = match command {
        Command::EndPeriod(request) => taken_back::lines(&facts, &request.fact_id),
        Command::RetractFact(request) => {
            let lines = taken_back::lines(&facts, &request.fact_id);
            [lines, taken_back::rest_of_record(service, &facts, &request.fact_id).await].concat()
        }
        _ => Vec::new(),
    };
    let number = number_of(receipt, &facts);
    facts.retain(|fact| fact.credential_number.is_empty() || fact.credential_number == number);
    lines.extend(match command {
        Command::ChangeSpecialistName(request) => {
            let new = request.name.as_ref().map(full_name).unwrap_or_default();
            name_in(&facts).map(|old| ("name", format!("{} -> {new}", full_name(old)))).into_iter().collect()
        }
        Command::SuspendCredential(request) => {
            let others = suspensions(&facts, "").filter(|other| other.meets(request.first_day, request.last_day));
            others.map(|other| ("beside", format!("already {}", other.text()))).collect()
        }
        Command::RenewCredential(request) => renewal(&facts, found.today, request, receipt),
        Command::EndPeriod(request) => {
            let after = request.last_day.and_then(civil).and_then(|last| last.tomorrow().ok());
            still_suspended(&facts, &request.fact_id, after.map(of_civil))
        }
        Command::RetractFact(request) => still_suspended(&facts, &request.fact_id, None),
        _ => Vec::new(),
    });
    Ok(lines)
}

/// The person or provider whose facts an act is seen beside. `None`: there is nothing to say about such an act.
fn about(command: &Command, receipt: &Receipt) -> Option<About> {
    if let (Command::EndPeriod(_) | Command::RetractFact(_), Some(Subject::Fact(fact))) = (command, &receipt.subject)
        && fact.specialist_id.is_empty()
    {
        return Some(fact.provider_id.clone()).filter(|id| !id.is_empty()).map(About::ProviderId);
    }
    let person = match (command, &receipt.subject) {
        (Command::ChangeSpecialistName(request), _) => &request.specialist_id,
        (Command::SuspendCredential(_) | Command::RenewCredential(_), Some(Subject::Credential(credential))) => {
            &credential.specialist_id
        }
        (Command::EndPeriod(_) | Command::RetractFact(_), Some(Subject::Fact(fact))) => &fact.specialist_id,
        _ => return None,
    };
    Some(person.clone()).filter(|person| !person.is_empty()).map(About::SpecialistId)
}

/// The credential that an act is about. Empty: none.
fn number_of(receipt: &Receipt, facts: &[Fact]) -> String {
    match &receipt.subject {
        Some(Subject::Credential(credential)) => credential.credential_number.clone(),
        Some(Subject::Fact(fact)) => {
            let target = facts.iter().find(|target| target.fact_id == fact.target_fact_id);
            target.map(|target| target.credential_number.clone()).unwrap_or_default()
        }
        _ => String::new(),
    }
}

/// A suspension as it stands.
pub struct Suspension<'a> {
    /// The fact that opened it.
    pub fact: &'a Fact,
    last_day: Option<Date>,
}

impl Suspension<'_> {
    /// Whether it has a day of these.
    pub fn meets(&self, first: Option<Date>, last: Option<Date>) -> bool {
        !is_before(self.last_day, first) && !is_before(last, self.fact.first_day)
    }

    fn text(&self) -> String {
        format!("suspended by {} {}", self.fact.fact_id, days(self.fact.first_day, self.last_day))
    }
}

/// The suspensions on record but one.
pub fn suspensions<'a>(facts: &'a [Fact], but: &'a str) -> impl Iterator<Item = Suspension<'a>> {
    let is_other = move |fact: &&Fact| fact.kind() == FactKind::Suspended && !fact.retracted && fact.fact_id != but;
    facts.iter().filter(is_other).map(|fact| {
        let is_end =
            |end: &&Fact| end.kind() == FactKind::PeriodEnded && !end.retracted && end.target_fact_id == fact.fact_id;
        let last_day = facts.iter().rfind(is_end).map_or(fact.last_day, |end| end.last_day);
        Suspension { fact, last_day }
    })
}

/// The suspensions that go on when one is lifted. `after` is the first day without it; none: it never was.
fn still_suspended(facts: &[Fact], lifted: &str, after: Option<Date>) -> Vec<Line> {
    let is_lifted = |fact: &Fact| fact.fact_id == lifted && fact.kind() == FactKind::Suspended;
    let Some(of) = facts.iter().find(|fact| is_lifted(fact)) else { return Vec::new() };
    let others = suspensions(facts, lifted).filter(|other| other.meets(after.or(of.first_day), None));
    others.map(|other| ("beside", format!("still {}", other.text()))).collect()
}

/// The term that a renewal renews, and why it may not be what was meant.
fn renewal(facts: &[Fact], today: Option<Date>, request: &RenewCredentialRequest, receipt: &Receipt) -> Vec<Line> {
    let is_term = |fact: &&Fact| matches!(fact.kind(), FactKind::CredentialIssued | FactKind::CredentialRenewed);
    let terms = facts.iter().filter(is_term).filter(|fact| !fact.retracted);
    let mut terms: Vec<&Fact> = terms.filter(|fact| fact.term_last_day.is_some()).collect();
    terms.sort_by_key(|fact| fact.term_last_day.and_then(civil));
    let Some(last) = terms.last() else { return Vec::new() };
    let hours = request.continuing_education_hours;
    let renewed = days(last.effective_from, last.term_last_day);
    let mut lines = vec![("renews", format!("the term {renewed}, with {hours} hours of continuing education"))];
    if is_before(today, last.effective_from) {
        lines.push(("beside", "that term has not begun: the new term is the second one ahead".to_owned()));
    }
    let Some(Subject::Credential(credential)) = &receipt.subject else { return lines };
    if is_lost(credential.standing()) {
        let text = format!("the credential is {}, and a new term does not restore it", standing(credential.standing()));
        lines.push(("beside", text));
    }
    lines
}
