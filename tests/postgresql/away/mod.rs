//! The database is away under load: questions are answered as the ladder says, writers learn it at once, nothing is
//! lost, and all goes on by itself once it is back.
//!
//! `CPSS_AWAY_SECONDS` is how long the server is frozen, with the settings that a replica has by default. Without it,
//! the outages and the settings are short.

mod load;

use std::time::{Duration, Instant};

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::known_at::Point;
use tonic::Code;

use self::load::{Load, Seen, now};
use crate::faults::proxy::Proxy;
use crate::fleet::{Fleet, Replica, qualified_provider, records};
use crate::harness::ops::{Metrics, get};
use crate::harness::requests::{register_specialist, verify};
use crate::harness::{Promised as _, Refusal as _, until};
use crate::replicas::DAY;

/// How long after the return of the database the first report may be accepted.
const RECOVERY: Duration = Duration::from_secs(5);

/// What a replica is configured with, and how long the outages are.
struct Plan {
    patience: Duration,
    serve_stale_for: Duration,
    frozen: Duration,
    others: Duration,
}

impl Plan {
    fn read() -> Plan {
        let seconds = Duration::from_secs;
        match std::env::var("CPSS_AWAY_SECONDS") {
            Ok(text) => Plan {
                patience: seconds(10),
                serve_stale_for: seconds(60),
                frozen: seconds(text.parse().unwrap()),
                others: seconds(20),
            },
            Err(_) => {
                Plan { patience: seconds(3), serve_stale_for: seconds(8), frozen: seconds(18), others: seconds(8) }
            }
        }
    }
}

/// How the database goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outage {
    /// Its processes are stopped: it takes connections, and is silent.
    Frozen,
    /// Its connections are cut, and nobody answers.
    Killed,
    /// The network swallows everything.
    Held,
}

/// The value of a metric, with its labels as on the page.
async fn metric(replica: &Replica, series: &str) -> f64 {
    Metrics::of(replica.process.ops()).await.value(series)
}

/// Records a person with a credential. Returns the number.
async fn credential(replica: &Replica) -> String {
    let provider = qualified_provider(&replica.client("certifier"), "Example Center").await;
    replica.registrar().credentialed("Ada", "Example-Stone", &[&provider]).await.number
}

/// A test of some outages.
struct Away {
    fleet: Fleet,
    proxy: Proxy,
    replica: Replica,
    plan: Plan,
    number: String,
}

impl Away {
    async fn begin(plan: Plan) -> Away {
        let fleet = Fleet::begin().await;
        let port = fleet.server.port();
        let proxy = Proxy::before(port).await;
        fleet.edit("a", &format!(":{port}/"), &format!(":{}/", proxy.port()));
        let (patience, stale) = (plan.patience.as_secs(), plan.serve_stale_for.as_secs());
        let keys = format!("[log]\npatience_seconds = {patience}\nserve_stale_for_seconds = {stale}\n");
        fleet.edit("a", "[log]\n", &keys);
        let replica = fleet.start("a");
        let number = credential(&replica).await;
        Away { fleet, proxy, replica, plan, number }
    }

    fn go_away(&mut self, outage: Outage) {
        match outage {
            Outage::Frozen => self.fleet.server.freeze(),
            Outage::Killed => self.fleet.server.kill(),
            Outage::Held => self.proxy.hold(true, true),
        }
    }

    fn come_back(&mut self, outage: Outage) {
        match outage {
            Outage::Frozen => self.fleet.server.thaw(),
            Outage::Killed => self.fleet.server.start_again(),
            Outage::Held => self.proxy.hold(false, false),
        }
    }

    /// Lets the database be away for a while under load, and checks what callers see. Returns what they saw.
    async fn outage(&mut self, outage: Outage, length: Duration) -> Seen {
        let registrar = self.replica.registrar();
        let known = registrar.ask(verify(&self.number, DAY, None)).await;
        let answer = known.verification.as_ref().unwrap().answer.clone().unwrap();
        let repeated = register_specialist("Ada", &format!("Example-Repeated-{outage:?}"));
        let first = registrar.report(repeated.clone()).await;
        let load = Load::begin(&self.replica, &self.number, answer.known_at_revision, known.promised_bytes());
        tokio::time::sleep(Duration::from_secs(2)).await;

        let away = Instant::now();
        self.go_away(outage);
        tokio::time::sleep(self.plan.patience + Duration::from_secs(2)).await;
        // What is recorded here is found, whoever asks again.
        assert_eq!(registrar.report(repeated).await, first);
        self.refuse_what_only_the_database_knows(answer.known_at_revision).await;
        tokio::time::sleep(length.saturating_sub(away.elapsed())).await;
        let (status, ready) = get(self.replica.process.ops(), "/readyz").await;
        let age = metric(&self.replica, "cpss_log_head_confirmed_age_seconds").await;
        assert!(age + 2.0 >= length.as_secs_f64(), "{age}");
        assert!(metric(&self.replica, "cpss_log_trouble{cause=\"unreachable\"}").await > 0.5);
        assert!(ready.contains("writes are refused: the shared log cannot be reached"), "{ready}");
        let age = Duration::from_secs_f64(age);
        if age.abs_diff(self.plan.serve_stale_for) > Duration::from_secs(2) {
            assert_eq!(status == "HTTP/1.1 200 OK", age < self.plan.serve_stale_for, "{status}: {ready}");
        }

        self.come_back(outage);
        let back = Instant::now();
        let late = register_specialist("Ada", &format!("Example-Back-{outage:?}"));
        until("reports are accepted", async || registrar.call(late.clone()).await.is_ok()).await;
        let recovered = back.elapsed();
        until("the head is confirmed", async || {
            metric(&self.replica, "cpss_log_trouble{cause=\"unreachable\"}").await < 0.5
        })
        .await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let seen = load.end(away, back).await;
        println!("{outage:?} for {length:?}: recovered after {recovered:?}; {seen}");
        // On a busy machine, a try that began before may take all of its patience.
        assert!(recovered < RECOVERY + self.plan.patience, "{recovered:?}");
        assert!(get(self.replica.process.ops(), "/readyz").await.1.ends_with("ok\n"));
        seen
    }

    /// Asks for states that this replica cannot know without the database.
    async fn refuse_what_only_the_database_knows(&self, revision: u64) {
        let registrar = self.replica.registrar();
        let begun = Instant::now();
        let beyond = registrar.refusal(verify(&self.number, DAY, revision + 1_000_000)).await;
        assert_eq!(beyond.code_and_reason(), (Code::Unavailable, "LOG_UNREACHABLE".to_owned()), "not out of range");
        assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
        let begun = Instant::now();
        let point = Some(Point::Time(now()));
        let known_at = Some(v1::KnownAt { point, ..v1::KnownAt::default() });
        let at = registrar.refusal(v1::VerifyCredentialRequest { known_at, ..verify(&self.number, DAY, None) }).await;
        assert_eq!(at.code_and_reason(), (Code::Unavailable, "LOG_UNREACHABLE".to_owned()));
        let dry_run =
            v1::RegisterSpecialistRequest { validate_only: true, ..register_specialist("Ada", "Example-Dry") };
        assert_eq!(registrar.refusal(dry_run).await.reason(), "LOG_UNREACHABLE");
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    }

    /// Ends the replica. Checks that what was acknowledged is there, each report once, and that nothing else is.
    fn nothing_is_lost(self, acknowledged: &[(String, u64)], refused: &[String]) {
        let data = self.replica.data();
        self.replica.process.stop();
        let history = records(&data);
        assert!(acknowledged.len() > 20, "{} reports", acknowledged.len());
        for (name, revision) in acknowledged {
            let there: Vec<_> = history.lines().filter(|line| line.contains(&format!("\"{name}\""))).collect();
            let is_there = there.iter().any(|line| {
                serde_json::from_str::<serde_json::Value>(line).unwrap()["revision"].as_u64() == Some(*revision)
            });
            assert!(there.len() == 1 && is_there, "{name} at {revision}: {there:?}");
        }
        for name in refused {
            assert!(!history.contains(&format!("\"{name}\"")), "{name} is recorded, although it was refused");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_the_database_is_away_callers_learn_what_can_be_known_and_nothing_is_lost() {
    let mut away = Away::begin(Plan::read()).await;
    let (mut acknowledged, mut refused) = (Vec::new(), Vec::new());
    let (frozen, others) = (away.plan.frozen, away.plan.others);
    for (outage, length) in [(Outage::Frozen, frozen), (Outage::Killed, others), (Outage::Held, others)] {
        let seen = away.outage(outage, length).await;
        seen.follows_the_ladder(away.plan.serve_stale_for);
        seen.writers_learn_it_at_once(away.plan.patience);
        acknowledged.extend(seen.acknowledged);
        refused.extend(seen.refused);
    }
    let log = away.replica.process.log();
    for line in [
        "event=\"log_trouble\" cause=\"unreachable\"",
        "event=\"log_trouble_over\" cause=\"unreachable\"",
        "event=\"replica_late\"",
        "event=\"replica_stale\"",
        "event=\"replica_current\"",
        "event=\"write_health_changed\" writes=false cause=\"unreachable\"",
        "event=\"write_health_changed\" writes=true",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
    away.nothing_is_lost(&acknowledged, &refused);
}
