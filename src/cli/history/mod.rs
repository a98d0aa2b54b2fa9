//! `history`: everything reported about a person, a credential, a job or a provider, and the standing that follows.

pub mod fact_text;
mod timeline;

use std::time::Duration;

use super::connect::{Connection, Service};
use super::display_text::moment;
use super::facts::facts_of;
use super::failure::Failure;
use super::listing::ListFormat;
use super::people::specialist_of;
use super::question::Knowledge;
use super::{Outcome, block_on, message_json, terminal};
use crate::proto::google::r#type::Date;
use crate::proto::v1::list_facts_request::Subject;
use crate::proto::v1::verification_service_client::VerificationServiceClient;
use crate::proto::v1::{Fact, FactKind, KnownAt, ListStandingPeriodsRequest};

use self::timeline::Timeline;

const TIMEOUT: Duration = Duration::from_secs(60);

const COLUMNS: [&str; 5] = ["revision", "recorded_at", "fact", "reported_by", "fact_id"];

/// Show what was reported about a person or a provider, by whom and when, and the standing over time
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct History {
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    knowledge: Knowledge,
    #[command(flatten)]
    format: ListFormat,
    #[command(flatten)]
    connection: Connection,
}

/// Whose history.
#[derive(Clone, Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Of {
    /// The credential number of a person
    #[arg(value_name = "NUMBER")]
    number: Option<String>,
    /// A person, with or without a credential, by its id
    #[arg(long, value_name = "ID")]
    specialist: Option<String>,
    /// A job, by its id
    #[arg(long, value_name = "ID")]
    job: Option<String>,
    /// A provider
    #[arg(long, value_name = "ID")]
    provider: Option<String>,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry history CPS-28MS-MN2K-Z
  cpss-registry history --specialist SP-GC4W-MBDQ-N --format csv >history.csv
  cpss-registry history --provider region-1-cmhc

A provider sees the facts of jobs with it. `report retract` and `act retract` take a fact back by its id.";

impl History {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let mut facts = Vec::new();
        let timelines = block_on(Box::pin(self.ask(&mut facts)))?;
        let mut list = self.format.begin(&COLUMNS)?;
        for fact in &facts {
            list.row(cells(fact), || message_json::of("Fact", fact))?;
        }
        let limit = terminal::width();
        let mut sentences: Vec<String> = timelines.iter().flat_map(|timeline| timeline.lines(limit)).collect();
        sentences.push(match facts.len() {
            0 => "No facts.".to_owned(),
            1 => "1 fact:".to_owned(),
            count => format!("{count} facts, in the order in which they were recorded:"),
        });
        list.end(&sentences)?;
        Ok(Outcome::Done)
    }

    /// Asks for the facts, and for the standing of each credential in them.
    async fn ask(&self, facts: &mut Vec<Fact>) -> Result<Vec<Timeline>, Failure> {
        let service = self.connection.open(TIMEOUT).await?;
        let subject = self.of.subject(&service).await?;
        let found = facts_of(service.clone(), subject, self.knowledge.known_at()).await?;
        *facts = found.facts;
        let issued = facts.iter().filter(|fact| fact.kind() == FactKind::CredentialIssued);
        let issued = issued.map(|fact| fact.credential_number.clone());
        let numbers: Vec<String> = self.of.number.clone().map_or_else(|| issued.collect(), |number| vec![number]);
        let mut timelines = Vec::new();
        for number in numbers {
            timelines.push(timeline(service.clone(), number, found.known_at.clone(), found.today).await?);
        }
        Ok(timelines)
    }
}

impl Of {
    /// The subject of the facts. A number stands for its holder: the jobs and the names are a part of the history.
    async fn subject(&self, service: &Service) -> Result<Option<Subject>, Failure> {
        let specialist = match &self.number {
            Some(number) => Some(specialist_of(service.clone(), number.clone()).await?),
            None => self.specialist.clone(),
        };
        let (job, provider) = (self.job.clone(), self.provider.clone());
        let job = job.map(Subject::EmploymentId).or(provider.map(Subject::ProviderId));
        Ok(specialist.map(Subject::SpecialistId).or(job))
    }
}

async fn timeline(
    service: Service,
    credential_number: String,
    known_at: Option<KnownAt>,
    today: Option<Date>,
) -> Result<Timeline, Failure> {
    let request = ListStandingPeriodsRequest {
        credential_number: credential_number.clone(),
        known_at,
        ..ListStandingPeriodsRequest::default()
    };
    let listed = VerificationServiceClient::new(service).list_standing_periods(request).await;
    let periods = listed.map_err(|status| Failure::answered(&status))?.into_inner().periods;
    Ok(Timeline { credential_number, periods, today })
}

fn cells(fact: &Fact) -> Vec<String> {
    let retracted = if fact.retracted { " (retracted)" } else { "" };
    vec![
        fact.revision.to_string(),
        fact.recorded_at.map(moment).unwrap_or_default(),
        format!("{}{retracted}", fact_text::text(fact)),
        fact.caller.clone(),
        fact.fact_id.clone(),
    ]
}
