//! `providers`: the providers on file, or what is in effect for one of them.

mod one;

use std::time::Duration;

use super::act::read_facility_type;
use super::connect::Connection;
use super::failure::Failure;
use super::listing::ListFormat;
use super::pages::all_pages;
use super::provider_text::{facility_type, identifiers};
use super::question::Moment;
use super::{Outcome, block_on, message_json};
use crate::proto::v1::provider_service_client::ProviderServiceClient;
use crate::proto::v1::{FacilityType, Identifier, IdentifierKind, ListProvidersRequest, Provider};

const TIMEOUT: Duration = Duration::from_secs(60);

const COLUMNS: [&str; 5] = ["provider_id", "legal_name", "facility_type", "county", "identifiers"];

/// List the providers on file, or show what is in effect for one of them
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Providers {
    /// A provider: show its qualifications, certifications and suspensions, each with the fact that `act end` takes
    #[arg(value_name = "ID", conflicts_with_all = ["facility_type", "county", "npi", "medicaid_id"])]
    provider: Option<String>,
    /// Only providers of this type, such as COMMUNITY_MENTAL_HEALTH_CENTER
    #[arg(long = "type", value_name = "TYPE", value_parser = read_facility_type)]
    facility_type: Option<FacilityType>,
    /// Only providers in this county
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    county: String,
    /// The provider with this National Provider Identifier
    #[arg(long, value_name = "NUMBER", conflicts_with = "medicaid_id")]
    npi: Option<String>,
    /// The provider with this number of the Division of Medicaid
    #[arg(long, value_name = "NUMBER")]
    medicaid_id: Option<String>,
    #[command(flatten)]
    moment: Moment,
    #[command(flatten)]
    format: ListFormat,
    #[command(flatten)]
    connection: Connection,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry providers
  cpss-registry providers region-3-cmhc
  cpss-registry providers --type community-mental-health-center --format csv >centers.csv

The day of --as-of says whether a provider qualifies then; the list of all providers does not depend on it.";

impl Providers {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        if let Some(provider) = &self.provider {
            return one::run(&self, provider);
        }
        let mut list = self.format.begin(&COLUMNS)?;
        let mut count = 0_u64;
        block_on(self.ask(|provider| {
            count += 1;
            list.row(cells(&provider), || message_json::of("Provider", &provider))
        }))?;
        let are = if count == 1 { "1 provider is on file." } else { &format!("{count} providers are on file.") };
        list.end(&[are.to_owned()])?;
        Ok(Outcome::Done)
    }

    async fn ask(&self, take: impl FnMut(Provider) -> Result<(), Failure>) -> Result<(), Failure> {
        let of = |kind: IdentifierKind, value: &Option<String>| {
            value.clone().map(|value| Identifier { kind: kind.into(), value })
        };
        let request = ListProvidersRequest {
            facility_type: self.facility_type.map(Into::into).unwrap_or_default(),
            county: self.county.clone(),
            identifier: of(IdentifierKind::Npi, &self.npi).or(of(IdentifierKind::MedicaidId, &self.medicaid_id)),
            known_at: self.moment.known_at(),
            page_size: 1000,
            ..ListProvidersRequest::default()
        };
        let mut client = ProviderServiceClient::new(self.connection.open(TIMEOUT).await?);
        let ask = async |page_token: String| {
            let request = ListProvidersRequest { page_token, ..request.clone() };
            let page = client.list_providers(request).await?.into_inner();
            Ok((page.providers, page.next_page_token))
        };
        all_pages(ask, take).await
    }
}

fn cells(provider: &Provider) -> Vec<String> {
    let texts = [&provider.provider_id, &provider.legal_name, &facility_type(provider), &provider.county];
    texts.into_iter().cloned().chain([identifiers(&provider.identifiers)]).collect()
}
