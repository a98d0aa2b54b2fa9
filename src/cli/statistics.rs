//! `statistics`: how many providers have a specialist who may practice there.

use std::time::Duration;

use super::connect::Connection;
use super::display_text::{code, day, words};
use super::failure::Failure;
use super::listing::{ListFormat, Listing};
use super::question::Moment;
use super::{Outcome, block_on, message_json};
use crate::proto::v1::provider_service_client::ProviderServiceClient;
use crate::proto::v1::{
    FacilityType, FacilityTypeStatistics, GetProgramStatisticsRequest, GetProgramStatisticsResponse,
};

const TIMEOUT: Duration = Duration::from_secs(60);

const COLUMNS: [&str; 4] = ["facility_type", "providers", "with_specialist", "percentage"];

/// Count the providers, by type, where at least one specialist may practice
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Statistics {
    #[command(flatten)]
    moment: Moment,
    #[command(flatten)]
    format: ListFormat,
    #[command(flatten)]
    connection: Connection,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry statistics
  cpss-registry statistics --as-of 6/30/2026 --format csv >statistics.csv

With --json, the last line has the total and the state of knowledge.

A provider counts as long as it is on file, also after its last qualification has ended. A specialist may practice there
if the standing is current or limited and the provider covers the specialist. A certificate that has expired without a
recorded renewal ends neither, although `verify` then answers UNDETERMINED.";

impl Statistics {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let answered = block_on(self.ask())?;
        let mut list = self.format.begin(&COLUMNS)?;
        for row in &answered.rows {
            let of_type = words(&code(row.facility_type, FacilityType::as_str_name, "FACILITY_TYPE_"));
            list.row(cells(of_type, row), || message_json::of("FacilityTypeStatistics", row))?;
        }
        end(list, &answered)?;
        Ok(Outcome::Done)
    }

    async fn ask(&self) -> Result<GetProgramStatisticsResponse, Failure> {
        let channel = self.connection.open(TIMEOUT).await?;
        let request = GetProgramStatisticsRequest { as_of: self.moment.as_of, known_at: self.moment.known_at() };
        let answered = ProviderServiceClient::new(channel).get_program_statistics(request).await;
        Ok(answered.map_err(|status| Failure::answered(&status))?.into_inner())
    }
}

fn end(mut list: Listing, answered: &GetProgramStatisticsResponse) -> Result<(), Failure> {
    let total = answered.total.unwrap_or_default();
    let answer = answered.answer.clone().unwrap_or_default();
    let rest = GetProgramStatisticsResponse { rows: Vec::new(), ..answered.clone() };
    list.row(cells("all".to_owned(), &total), || message_json::of("GetProgramStatisticsResponse", &rest))?;
    list.end(&[format!(
        "On {}, {} of {} providers have at least one specialist who may practice there ({:.1} %), as known at \
         revision {}. Providers that have closed count as on file; an expired certificate alone ends nothing.",
        answer.as_of.map(day).unwrap_or_default(),
        total.provider_with_specialist_count,
        total.provider_count,
        total.percentage,
        answer.known_at_revision,
    )])
}

fn cells(of_type: String, row: &FacilityTypeStatistics) -> Vec<String> {
    let counts = [row.provider_count, row.provider_with_specialist_count].map(|count| count.to_string());
    std::iter::once(of_type).chain(counts).chain([format!("{:.1}", row.percentage)]).collect()
}
