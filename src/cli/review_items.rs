//! `review-items`: the facts that a registrar should look at.

use std::time::Duration;

use super::connect::Connection;
use super::display_text::{moment, review_reason};
use super::failure::Failure;
use super::listing::ListFormat;
use super::pages::all_pages;
use super::{Outcome, block_on, message_json};
use crate::proto::v1::record_service_client::RecordServiceClient;
use crate::proto::v1::{ChangePosition, ListReviewItemsRequest, ReviewEntry, ReviewPerson};

const TIMEOUT: Duration = Duration::from_secs(600);

const COLUMNS: [&str; 6] = ["revision", "recorded_at", "why", "people", "reported_by", "fact_id"];

/// List the facts that a registrar should look at
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct ReviewItems {
    /// Only facts recorded after this revision
    #[arg(long, value_name = "REVISION")]
    after: Option<u64>,
    /// Also facts that were retracted since
    #[arg(long)]
    with_retracted: bool,
    #[command(flatten)]
    format: ListFormat,
    #[command(flatten)]
    connection: Connection,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry review-items
  cpss-registry review-items --after 20 --format csv >review.csv

A fact that was reported by mistake is taken back with `cpss-registry act retract FACT`.";

impl ReviewItems {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let mut list = self.format.begin(&COLUMNS)?;
        let (mut count, mut last) = (0_u64, 0);
        block_on(self.ask(|item| {
            last = item.revision;
            if item.retracted && !self.with_retracted {
                return Ok(());
            }
            count += 1;
            list.row(cells(&item), || message_json::of("ReviewEntry", &item))
        }))?;
        let mut sentences = vec![match count {
            0 => "No fact needs a look.".to_owned(),
            1 => "1 fact needs a look.".to_owned(),
            _ => format!("{count} facts need a look."),
        }];
        if last > 0 {
            sentences.push(format!("To see only later ones the next time: --after {last}"));
        }
        list.end(&sentences)?;
        Ok(Outcome::Done)
    }

    async fn ask(&self, take: impl FnMut(ReviewEntry) -> Result<(), Failure>) -> Result<(), Failure> {
        let mut client = RecordServiceClient::new(self.connection.open(TIMEOUT).await?);
        let after = self.after.map(|revision| ChangePosition { epoch: String::new(), revision });
        let ask = async |page_token: String| {
            let request = ListReviewItemsRequest { after: after.clone(), page_size: 1000, page_token };
            let page = client.list_review_items(request).await?.into_inner();
            Ok((page.review_items, page.next_page_token))
        };
        all_pages(ask, take).await
    }
}

fn cells(item: &ReviewEntry) -> Vec<String> {
    let mut people: Vec<String> = item.people.iter().map(person_text).collect();
    let more = u64::from(item.specialist_count).saturating_sub(people.len() as u64);
    if more > 0 {
        people.push(format!("and {more} more"));
    }
    let retracted = if item.retracted { " (retracted)" } else { "" };
    vec![
        item.revision.to_string(),
        item.recorded_at.map(moment).unwrap_or_default(),
        format!("{}{retracted}", review_reason(item.reason())),
        people.join("; "),
        item.caller.clone(),
        item.fact_id.clone(),
    ]
}

fn person_text(person: &ReviewPerson) -> String {
    let id = if person.credential_number.is_empty() { &person.specialist_id } else { &person.credential_number };
    format!("{} {id}", person.display_name)
}
