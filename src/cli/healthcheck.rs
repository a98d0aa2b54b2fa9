//! `healthcheck`: calls `grpc.health.v1`, for probes that can only run a program.

use std::time::Duration;

use serde::Serialize;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::connect::Shown;
use super::failure::Failure;
use super::profile::Profile;
use super::{Outcome, block_on, connect, print, print_json};

const TIMEOUT: Duration = Duration::from_secs(5);

/// The ops port of a server on this machine.
const ENDPOINT: &str = "http://127.0.0.1:9090";

/// Check whether a server is serving: exit 0 if so, 1 if not
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Healthcheck {
    /// The server's address for health checks [default: the server of --profile, else http://127.0.0.1:9090]
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Check the server of this profile, with its credentials; NAME stands for ~/.config/cpss-registry/NAME.toml. A
    /// probe must not depend on its user, so no profile is used unless it is named
    #[arg(long, value_name = "NAME|FILE.toml")]
    profile: Option<String>,
    #[command(flatten)]
    shown: Shown,
    /// What to check: liveness, readiness, or a service by its full name; empty: the whole server
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    service: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLE: &str = "\
Example:
  cpss-registry healthcheck --service readiness

On the ops port anyone may ask. Clients may also ask on the port that they call: --profile names it.";

#[derive(Serialize)]
struct Report<'a> {
    endpoint: &'a str,
    service: &'a str,
    status: &'static str,
    serving: bool,
}

impl Healthcheck {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let profile = self.profile.as_deref().map(|named| Profile::read(Some(named))).transpose()?.unwrap_or_default();
        let endpoint = self.endpoint.as_deref().or(profile.endpoint()).unwrap_or(ENDPOINT);
        let status = block_on(self.ask(endpoint, &self.shown.filled(&profile), profile.caller.as_deref()))?;
        let serving = status == ServingStatus::Serving;
        let report = Report { endpoint, service: &self.service, status: status.as_str_name(), serving };
        if self.json {
            print_json(&report)?;
        } else {
            print(&format!("{}\n", report.status))?;
        }
        if serving { Ok(Outcome::Done) } else { Ok(Outcome::Failed) }
    }

    async fn ask(&self, endpoint: &str, shown: &Shown, caller: Option<&str>) -> Result<ServingStatus, Failure> {
        let channel = connect::open(endpoint, shown, caller, TIMEOUT).await?;
        let request = HealthCheckRequest { service: self.service.clone() };
        let answer = HealthClient::new(channel).check(request).await.map_err(|status| Failure::answered(&status))?;
        Ok(answer.into_inner().status())
    }
}
