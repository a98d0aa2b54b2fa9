//! The answer to a command, for people.

use super::said::Line;
use super::send::{Receipt, Subject};
use crate::cli::change_text::{change, days};
use crate::cli::display_text::{day, full_name, standing};
use crate::cli::history::fact_text;
use crate::cli::lines::Lines;
use crate::cli::provider_text::{facility_type, identifiers, period};
use crate::proto::v1::{Change, Credential, Employment, Fact, Provider, Specialist};

/// The answer as text, under a sentence. What is on record beside it stands in place of lines with the same labels.
pub fn text(sentence: &str, receipt: &Receipt, beside: &[Line], limit: Option<usize>) -> String {
    let mut lines = Lines::under(sentence, limit);
    match &receipt.subject {
        Some(Subject::Employment(job)) => add_job(&mut lines, job),
        Some(Subject::Credential(credential)) => add_credential(&mut lines, credential),
        Some(Subject::Specialist(person)) => add_person(&mut lines, person, beside),
        Some(Subject::Provider(provider)) => add_provider(&mut lines, provider),
        Some(Subject::Jobs(count)) => lines.line("jobs", &count.to_string()),
        Some(Subject::Fact(fact)) => add_fact(&mut lines, fact),
        None => {}
    }
    for (label, text) in beside {
        lines.line(label, text);
    }
    let mut label = "on file";
    for person in &receipt.duplicates {
        let name = person.names.first().map(full_name).unwrap_or_default();
        lines.line(label, &format!("{} has the same name and birth date: {name}", person.specialist_id));
        label = "";
    }
    // A transfer records many facts, of which this is the first.
    let is_one = !matches!(receipt.subject, Some(Subject::Jobs(_)));
    lines.line(if is_one { "fact" } else { "first fact" }, &receipt.fact_id);
    add_changes(&mut lines, "changes", &receipt.changes, receipt.change_count);
    add_changes(&mut lines, "later", &receipt.foreseen_changes, receipt.foreseen_change_count);
    if receipt.hides_changes() {
        lines.line("changes", "what it would change is not shown for somebody who is not your staff");
    } else if receipt.change_count == 0 && receipt.foreseen_change_count == 0 {
        lines.line("changes", "none to any standing, coverage or designation");
    }
    if receipt.specialist_count > 1 {
        lines.line("people", &format!("{} are affected", receipt.specialist_count));
    }
    lines.into_text()
}

fn add_job(lines: &mut Lines, job: &Employment) {
    lines.line("job", &job.employment_id);
    lines.line("credential", &job.credential_number);
    lines.line("person", &job.specialist_id);
    lines.line("provider", &job.provider_id);
    lines.line("position", &job.position);
    lines.line("days", &days(job.first_day, job.last_day));
}

fn add_credential(lines: &mut Lines, credential: &Credential) {
    lines.line("credential", &credential.credential_number);
    lines.line("holder", &credential.display_name);
    lines.line("standing", standing(credential.standing()));
    lines.line("issued", &credential.effective_from.map(day).unwrap_or_default());
    lines.line("term", &credential.term_last_day.map(|last| format!("to {}", day(last))).unwrap_or_default());
    lines.line("prior number", &credential.prior_numbers.join(", "));
}

fn add_person(lines: &mut Lines, person: &Specialist, beside: &[Line]) {
    lines.line("person", &person.specialist_id);
    if beside.iter().all(|(label, _)| *label != "name") {
        lines.line("name", &person.name.as_ref().map(full_name).unwrap_or_default());
    }
}

fn add_provider(lines: &mut Lines, provider: &Provider) {
    lines.line("provider", &provider.provider_id);
    lines.line("name", &provider.legal_name);
    lines.line("type", &facility_type(provider));
    lines.line("county", &provider.county);
    lines.line("identifiers", &identifiers(&provider.identifiers));
    let mut label = "in effect";
    for it in &provider.periods {
        lines.line(label, &period(it));
        label = "";
    }
}

fn add_fact(lines: &mut Lines, fact: &Fact) {
    lines.line("what", &fact_text::kind(fact));
    lines.line("of fact", &fact.target_fact_id);
    lines.line("credential", &fact.credential_number);
    lines.line("provider", &fact.provider_id);
    lines.line("job", &fact.employment_id);
}

/// Adds the changes, and how many more there are.
fn add_changes(lines: &mut Lines, label: &str, changes: &[Change], count: u32) {
    let mut label = label;
    for it in changes {
        lines.line(label, &change(it));
        label = "";
    }
    match (count as usize).saturating_sub(changes.len()) {
        0 => {}
        more if changes.is_empty() => lines.line(label, &format!("{more}, which the caller may not see")),
        more => lines.line(label, &format!("and {more} more")),
    }
}
