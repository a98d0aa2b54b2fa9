//! One provider: whether it qualifies, and what is in effect for it.

use super::{Providers, TIMEOUT};
use crate::cli::change_text::days;
use crate::cli::display_text::{code, day, words};
use crate::cli::failure::Failure;
use crate::cli::provider_text::{facility_type, identifiers, what};
use crate::cli::{Outcome, block_on, message_json};
use crate::proto::v1::provider_service_client::ProviderServiceClient;
use crate::proto::v1::{GetProviderRequest, GetProviderResponse, Provider, ServiceStatus};

const COLUMNS: [&str; 4] = ["what", "days", "certificate_to", "fact_id"];

/// Shows a provider: its periods as a list.
pub fn run(asked: &Providers, provider: &str) -> Result<Outcome, Failure> {
    let answered = block_on(ask(asked, provider))?;
    let provider = answered.provider.clone().unwrap_or_default();
    let mut list = asked.format.begin(&COLUMNS)?;
    for period in &provider.periods {
        let certificate = period.valid_through.map(day).unwrap_or_default();
        let cells = vec![what(period), days(period.first_day, period.last_day), certificate, period.fact_id.clone()];
        list.row(cells, || message_json::of("ProviderPeriod", period))?;
    }
    list.end(&sentences(&provider, &answered))?;
    Ok(Outcome::Done)
}

async fn ask(asked: &Providers, provider: &str) -> Result<GetProviderResponse, Failure> {
    let mut service = ProviderServiceClient::new(asked.connection.open(TIMEOUT).await?);
    let request = GetProviderRequest {
        provider_id: provider.to_owned(),
        as_of: asked.moment.as_of,
        known_at: asked.moment.known_at(),
    };
    Ok(service.get_provider(request).await.map_err(|status| Failure::answered(&status))?.into_inner())
}

fn sentences(provider: &Provider, answered: &GetProviderResponse) -> Vec<String> {
    let about = [
        provider.legal_name.clone(),
        facility_type(provider),
        provider.county.clone(),
        identifiers(&provider.identifiers),
    ];
    let about: Vec<String> = about.into_iter().filter(|text| !text.is_empty()).collect();
    let answer = answered.answer.clone().unwrap_or_default();
    let qualifies = if answered.qualifies { "qualifies" } else { "does not qualify" };
    let suspended = if answered.suspended { " and is suspended" } else { "" };
    let service = words(&code(answered.service, ServiceStatus::as_str_name, "SERVICE_STATUS_"));
    let (on, revision) = (answer.as_of.map(day).unwrap_or_default(), answer.known_at_revision);
    let mut sentences = vec![
        format!("{}: {}.", provider.provider_id, about.join(", ")),
        format!("On {on} it {qualifies}{suspended}; its peer support service is {service} (revision {revision})."),
    ];
    let shown = provider.periods.len();
    if (shown as u64) < u64::from(provider.period_count) {
        sentences.push(format!("The first {shown} of {} periods are shown.", provider.period_count));
    }
    sentences
}
