//! Everyone whom a command would affect, or a record affected.

use tokio_stream::StreamExt as _;

use super::change_text::change;
use super::connect::Service;
use super::failure::Failure;
use super::listing::ListFormat;
use super::message_json;
use crate::proto::v1::preview_impact_request::Subject;
use crate::proto::v1::preview_impact_response::Kind;
use crate::proto::v1::record_service_client::RecordServiceClient;
use crate::proto::v1::{ImpactHeader, PreviewImpactRequest};

const COLUMNS: [&str; 3] = ["name", "change", "when"];

/// Prints the changes of a command or a record, with names.
pub async fn print_impact(service: Service, subject: Subject, format: ListFormat) -> Result<ImpactHeader, Failure> {
    let request = PreviewImpactRequest { subject: Some(subject), ..PreviewImpactRequest::default() };
    let answered = RecordServiceClient::new(service).preview_impact(request).await;
    let mut received = answered.map_err(|status| Failure::answered(&status))?.into_inner();
    let mut list = format.begin(&COLUMNS)?;
    let (mut header, mut count) = (ImpactHeader::default(), 0_u64);
    while let Some(message) = received.next().await {
        match message.map_err(|status| Failure::answered(&status))?.kind {
            Some(Kind::Header(received)) => header = received,
            Some(Kind::Change(it)) => {
                count += 1;
                let when = if it.foreseen { "after today" } else { "" };
                let text = it.change.as_ref().map(change).unwrap_or_default();
                list.row(vec![it.display_name.clone(), text, when.to_owned()], || {
                    message_json::of("ImpactChange", &it)
                })?;
            }
            None => {}
        }
    }
    list.end(&sentences(&header, count))?;
    Ok(header)
}

fn sentences(header: &ImpactHeader, count: u64) -> Vec<String> {
    let people = match header.specialist_count {
        0 => "Nobody is affected".to_owned(),
        1 => "1 person is affected".to_owned(),
        count => format!("{count} people are affected"),
    };
    let (now, later) = (u64::from(header.change_count), u64::from(header.foreseen_change_count));
    let mut sentences =
        vec![format!("{people}: {now} changes up to today, and {later} after it (revision {}).", header.revision)];
    if count < now + later {
        sentences.push("The caller may not see the changes themselves.".to_owned());
    }
    sentences
}
