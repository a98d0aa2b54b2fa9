//! Everyone whom a command would affect, or a record affected.

use std::collections::{BTreeMap, HashSet};

use tokio_stream::StreamExt as _;

use super::change_text::{change, whose_days};
use super::connect::Service;
use super::display_text::{day, is_lost, standing};
use super::failure::Failure;
use super::listing::ListFormat;
use super::message_json;
use crate::proto::google::r#type::Date;
use crate::proto::v1::change::Change as Of;
use crate::proto::v1::preview_impact_request::Subject;
use crate::proto::v1::preview_impact_response::Kind;
use crate::proto::v1::record_service_client::RecordServiceClient;
use crate::proto::v1::{Coverage, ImpactChange, ImpactHeader, PreviewImpactRequest};

const COLUMNS: [&str; 3] = ["name", "change", "when"];

/// The columns for spreadsheets.
const ALL_COLUMNS: [&str; 6] = ["name", "credential_number", "change", "from", "to", "when"];

/// Prints the changes of a command or a record, with names.
pub async fn print_impact(service: Service, subject: Subject, format: ListFormat) -> Result<ImpactHeader, Failure> {
    let request = PreviewImpactRequest { subject: Some(subject), ..PreviewImpactRequest::default() };
    let answered = RecordServiceClient::new(service).preview_impact(request).await;
    let mut received = answered.map_err(|status| Failure::answered(&status))?.into_inner();
    let mut list = format.begin(if format.is_csv() { &ALL_COLUMNS } else { &COLUMNS })?;
    let (mut header, mut sum) = (ImpactHeader::default(), Sum::default());
    while let Some(message) = received.next().await {
        match message.map_err(|status| Failure::answered(&status))?.kind {
            Some(Kind::Header(received)) => header = received,
            Some(Kind::Change(it)) => {
                sum.add(&it);
                list.row(cells(&it, format), || message_json::of("ImpactChange", &it))?;
            }
            None => {}
        }
    }
    list.end(&sentences(&header, &sum))?;
    Ok(header)
}

fn cells(it: &ImpactChange, format: ListFormat) -> Vec<String> {
    let when = if it.foreseen { "after today" } else { "" }.to_owned();
    let text = it.change.as_ref().map(change).unwrap_or_default();
    if !format.is_csv() {
        return vec![it.display_name.clone(), text, when];
    }
    let (number, first, last) = it.change.as_ref().map(whose_days).unwrap_or_default();
    let shown = |date: Option<Date>| date.map(day).unwrap_or_default();
    vec![it.display_name.clone(), number.to_owned(), text, shown(first), shown(last), when]
}

/// The people whom an impact takes something from, by their credentials.
#[derive(Debug, Default)]
struct Sum {
    changes: u64,
    /// Those whose credential is lost, by what becomes of it.
    lost: BTreeMap<&'static str, HashSet<String>>,
    /// Those whom a provider does not cover any more.
    uncovered: HashSet<String>,
}

impl Sum {
    fn add(&mut self, it: &ImpactChange) {
        self.changes += 1;
        match it.change.as_ref().and_then(|change| change.change.as_ref()) {
            Some(Of::Standing(it)) if !is_lost(it.from_standing()) && is_lost(it.to_standing()) => {
                self.lost.entry(standing(it.to_standing())).or_default().insert(it.credential_number.clone());
            }
            Some(Of::Coverage(it)) if it.coverage() == Coverage::NotCovered => {
                self.uncovered.insert(it.credential_number.clone());
            }
            _ => {}
        }
    }

    fn sentence(&self) -> Option<String> {
        let lost = self.lost.iter().map(|(standing, people)| format!("{} {standing}", people.len()));
        let uncovered = Some(self.uncovered.len()).filter(|count| *count > 0);
        let uncovered = uncovered.map(|count| format!("{count} not covered by a provider any more"));
        let parts: Vec<String> = lost.chain(uncovered).collect();
        (!parts.is_empty()).then(|| format!("Of the credentials: {}.", parts.join(", ")))
    }
}

fn sentences(header: &ImpactHeader, sum: &Sum) -> Vec<String> {
    let people = match header.specialist_count {
        0 => "Nobody is affected".to_owned(),
        1 => "1 person is affected".to_owned(),
        count => format!("{count} people are affected"),
    };
    let (now, later) = (u64::from(header.change_count), u64::from(header.foreseen_change_count));
    let changes = if now == 1 { "change" } else { "changes" };
    let mut sentences =
        vec![format!("{people}: {now} {changes} up to today, and {later} after it (revision {}).", header.revision)];
    sentences.extend(sum.sentence());
    if sum.changes < now + later {
        sentences.push("The caller may not see the changes themselves.".to_owned());
    }
    sentences
}
