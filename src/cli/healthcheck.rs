//! `healthcheck`: calls `grpc.health.v1`, for probes that can only run a program.

use std::time::Duration;

use serde::Serialize;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::connect::Shown;
use super::failure::Failure;
use super::{Outcome, block_on, connect, print, print_json};

const TIMEOUT: Duration = Duration::from_secs(5);

/// Check whether a server is serving: exit 0 if so, 1 if not
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cpss-registry healthcheck --service readiness")]
pub struct Healthcheck {
    /// The server's address for health checks
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9090")]
    endpoint: String,
    #[command(flatten)]
    shown: Shown,
    /// What to check: liveness, readiness, or a service by its full name; empty: the whole server
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    service: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    endpoint: &'a str,
    service: &'a str,
    status: &'static str,
    serving: bool,
}

impl Healthcheck {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let status = block_on(self.ask())?;
        let serving = status == ServingStatus::Serving;
        let report = Report { endpoint: &self.endpoint, service: &self.service, status: status.as_str_name(), serving };
        if self.json {
            print_json(&report)?;
        } else {
            print(&format!("{}\n", report.status))?;
        }
        if serving { Ok(Outcome::Done) } else { Ok(Outcome::Failed) }
    }

    async fn ask(&self) -> Result<ServingStatus, Failure> {
        let channel = connect::open(&self.endpoint, &self.shown, None, TIMEOUT).await?;
        let request = HealthCheckRequest { service: self.service.clone() };
        let answer = HealthClient::new(channel).check(request).await.map_err(|status| Failure::answered(&status))?;
        Ok(answer.into_inner().status())
    }
}
