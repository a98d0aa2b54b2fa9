//! `witness`: watches the transparency log of a registry, for another agency.

mod check;
mod metrics;
mod origin;
mod state;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::net::TcpListener;
use tokio::time::sleep;

use self::check::{Found, Problem, Witness};
use self::metrics::Metrics;
use self::origin::Origin;
use self::state::State;
use super::failure::Failure;
use super::{Outcome, block_on, ended_by_signal, print, print_aside, print_json_line};
use crate::proof::tree::VerifierKey;
use crate::registry::clock;
use crate::store::incident::Incident;

/// Watch the transparency log of a registry, and end with exit code 3 if its record was rewritten
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct WitnessLog {
    /// The registry's HTTP port
    #[arg(long, value_name = "URL")]
    origin: String,
    /// The directory for what was seen; it is made if it does not exist, and must outlive this machine's restarts
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Trust this key of checkpoints, NAME+ID+KEY [default: the key of the first checkpoint, from then on]
    #[arg(long, value_name = "VERIFIER-KEY", value_parser = VerifierKey::read)]
    key: Option<VerifierKey>,
    /// Trust servers with a certificate of this authority (PEM), beside those that this machine trusts
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The pause between two checks, such as 60s, 5m or 1h
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = pause)]
    every: Duration,
    /// Check once, and end
    #[arg(long)]
    once: bool,
    /// Report metrics to Prometheus on this address
    #[arg(long, value_name = "ADDRESS", conflicts_with = "once")]
    metrics: Option<SocketAddr>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

const EXAMPLE: &str = "\
Example:
  cpss-registry witness --origin http://127.0.0.1:8080 --state witnessed --once

It needs no identity. Run it at another agency, on a machine that the operator of the registry does not control.
Exit codes:
  0 nothing is wrong   1 the state cannot be used
  3 the log was rewritten, rolled back, or forked without notice   4 it could not be read (--once)
It keeps every checkpoint, and the hashes of all records (32 bytes each, and no personal data). What it refuses is kept
as evidence in DIR/refused, and refused again at the next start, as long as the log is wrong.";

/// What is printed about a check.
#[derive(Serialize)]
struct Report<'a> {
    checked_at: String,
    result: &'a str,
    origin: String,
    tree_size: u64,
    message: String,
}

impl WitnessLog {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let origin = Origin::new(&self.origin, self.ca.as_deref())?;
        let unusable =
            |error: &(dyn std::error::Error + 'static)| Failure::of(format!("--state {}", self.state.display()), error);
        let state = State::open(&self.state).map_err(|error| unusable(&error))?;
        let mut witness = Witness { origin, state, evidence: Ok(()) };
        if let Some(key) = &self.key {
            witness.trust(key)?;
        }
        block_on(async {
            let ended = ended_by_signal()?;
            let metrics = Arc::new(Metrics::default());
            let serving = self.serve(&metrics).await?;
            let outcome = tokio::select! {
                outcome = self.watch(&mut witness, &metrics) => outcome,
                () = ended => Ok(Outcome::Done),
            };
            drop(serving);
            outcome
        })
    }

    /// Serves the metrics until the returned value is dropped.
    async fn serve(&self, metrics: &Arc<Metrics>) -> Result<Option<tokio::task::JoinSet<()>>, Failure> {
        let Some(address) = self.metrics else { return Ok(None) };
        let unusable = |error| Failure::of(format!("--metrics {address}"), &error);
        let listener = TcpListener::bind(address).await.map_err(unusable)?;
        print_aside(&format!("metrics on {}\n", listener.local_addr().map_err(unusable)?));
        let mut serving = tokio::task::JoinSet::new();
        serving.spawn(Arc::clone(metrics).serve(listener));
        Ok(Some(serving))
    }

    async fn watch(&self, witness: &mut Witness, metrics: &Metrics) -> Result<Outcome, Failure> {
        let unreachable = Incident::new();
        loop {
            match witness.check().await {
                Ok(found) => {
                    if unreachable.resolve() {
                        print_aside("the log is read again\n");
                    }
                    self.passed(witness, metrics, &found)?;
                }
                Err(Problem::Unreachable(error)) => {
                    metrics.unreachable.fetch_add(1, Ordering::Relaxed);
                    if unreachable.occurred_for(&error.to_string()).is_some() {
                        print_aside(&format!("the log cannot be read, and nothing is known about it: {error}\n"));
                    }
                    if self.once {
                        return Ok(Outcome::NotKnown);
                    }
                }
                Err(Problem::State(error)) => return Err(Failure::of("the state cannot be used", &error)),
                Err(Problem::Refused(refusal)) => {
                    metrics.refused.fetch_add(1, Ordering::Relaxed);
                    self.report(witness, "refused", refusal.to_string())?;
                    let evidence = match &witness.evidence {
                        Ok(()) => format!("The evidence is in {}.", self.state.join("refused").display()),
                        Err(error) => format!("The evidence could not be kept: {error}."),
                    };
                    print_aside(&format!("{ALARM}{refusal}\n{evidence}\n{ALARM}"));
                    return Ok(Outcome::No);
                }
            }
            if self.once {
                return Ok(Outcome::Done);
            }
            sleep(self.every).await;
        }
    }

    fn passed(&self, witness: &Witness, metrics: &Metrics, found: &Found) -> Result<(), Failure> {
        let Some(last) = &witness.state.last else { return Ok(()) };
        let size = last.checkpoint.size;
        metrics.passed.fetch_add(1, Ordering::Relaxed);
        metrics.tree_size.store(size, Ordering::Relaxed);
        metrics.last_success.store(clock::now().as_second(), Ordering::Relaxed);
        last.checkpoint.origin.epoch.clone_into(&mut metrics.epoch.lock().unwrap_or_else(PoisonError::into_inner));
        let (result, message) = match found {
            Found::First => ("first", format!("revisions 1 to {size} are the first that this witness saw")),
            Found::Same => ("same", format!("revisions 1 to {size} are those that were seen")),
            Found::Grew { from } => {
                ("grew", format!("revisions 1 to {from} are those that were seen, up to {size} is new"))
            }
            Found::Forked { from, shared, seen } => {
                let lost = seen - shared;
                let message = format!(
                    "ANNOUNCED FORK: epoch {from} was left after revision {shared}; {lost} revisions that this witness saw \
                     are not part of the new epoch, which has revisions 1 to {size}"
                );
                print_aside(&format!("{ALARM}{message}\n{ALARM}"));
                ("forked", message)
            }
        };
        self.report(witness, result, message)
    }

    fn report(&self, witness: &Witness, result: &str, message: String) -> Result<(), Failure> {
        let last = witness.state.last.as_ref().map(|last| &last.checkpoint);
        let origin = last.map_or(String::new(), |last| last.origin.to_string());
        let tree_size = last.map_or(0, |last| last.size);
        let checked_at = clock::now().to_string();
        if self.json {
            print_json_line(&Report { checked_at, result, origin, tree_size, message })
        } else {
            print(&format!("{checked_at} {message}\n"))
        }
    }
}

/// What stands around a message that nobody should miss.
const ALARM: &str = "!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!\n";

/// Reads a time such as 60s, 5m or 1h.
fn pause(text: &str) -> Result<Duration, String> {
    let seconds = [("s", 1), ("m", 60), ("h", 3600)].into_iter().find_map(|(unit, seconds)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(seconds)
    });
    let seconds = seconds.filter(|seconds| (1..=24 * 3600).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| "give a time from 1s to 24h, such as 60s, 5m or 1h".to_owned())
}
