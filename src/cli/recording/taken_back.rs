//! The fact that a retraction takes back or an end ends: what it said, of whom, and what else its record holds.

use super::said::Line;
use crate::cli::connect::Service;
use crate::cli::display_text::full_name;
use crate::cli::history::fact_text;
use crate::cli::people::name_in;
use crate::proto::v1::preview_impact_request::Subject;
use crate::proto::v1::preview_impact_response::Kind;
use crate::proto::v1::record_service_client::RecordServiceClient;
use crate::proto::v1::{Fact, FactKind, PreviewImpactRequest};

/// The maximum number of facts of the same record that are listed.
const MOST_LISTED: usize = 5;

/// The fact that an act is about, among the facts of its person or provider.
pub fn lines(facts: &[Fact], fact_id: &str) -> Vec<Line> {
    let Some(fact) = facts.iter().find(|fact| fact.fact_id == fact_id) else { return Vec::new() };
    let name = name_in(facts).map(full_name).unwrap_or_default();
    vec![("person", name), ("it said", fact_text::text(fact))]
}

/// What the record of a fact holds beside it. All of that stays when the fact is retracted.
pub async fn rest_of_record(service: Service, facts: &[Fact], fact_id: &str) -> Vec<Line> {
    let Some(fact) = facts.iter().find(|fact| fact.fact_id == fact_id) else { return Vec::new() };
    let is_other = |other: &&Fact| other.revision == fact.revision && other.fact_id != fact_id && !other.retracted;
    let others: Vec<&Fact> = facts.iter().filter(is_other).collect();
    let mut lines = Vec::new();
    let is_job = matches!(fact.kind(), FactKind::EmploymentStarted | FactKind::EmploymentEnded);
    if is_job && let Some(people @ 2..) = people_of_record(service, fact.revision).await {
        let text = format!(
            "revision {} is a transfer that affected {people} people: only this fact is taken back",
            fact.revision
        );
        lines.push(("beside", text));
    }
    if !others.is_empty() {
        let shown: Vec<String> =
            others.iter().take(MOST_LISTED).map(|it| format!("{} ({})", it.fact_id, fact_text::kind(it))).collect();
        let more = others.len().saturating_sub(MOST_LISTED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let text = format!(
            "the same record holds other facts, which stay: {}{more}; retract those, too, if needed",
            shown.join(", ")
        );
        lines.push(("beside", text));
    }
    lines
}

/// How many people a record affected, if the caller may see it.
async fn people_of_record(service: Service, revision: u64) -> Option<u32> {
    let request =
        PreviewImpactRequest { subject: Some(Subject::Revision(revision)), ..PreviewImpactRequest::default() };
    let mut answers = RecordServiceClient::new(service).preview_impact(request).await.ok()?.into_inner();
    match answers.message().await.ok()??.kind? {
        Kind::Header(header) => Some(header.specialist_count),
        Kind::Change(_) => None,
    }
}
