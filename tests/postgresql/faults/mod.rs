//! Three replicas, and a database with a synchronous standby, through random faults: nothing that was acknowledged is
//! lost or recorded twice, all responses to 24 clients are linearizable, answers by time stay the same, and all
//! replicas are equal in the end.
//!
//! `CPSS_REPLICA_FAULTS` sets the number of faults, and `CPSS_REPLICA_FAULTS_SEED` repeats a plan. After each round the
//! faults are over for a moment, and the histories and the answers are checked.

mod checks;
mod clients;
mod clocks;
mod cluster;
pub mod load;
pub mod machine;
mod plan;
pub mod proxy;
mod stage;

#[path = "../../it/linear/checker.rs"]
mod checker;
#[path = "../../it/linear/model.rs"]
mod model;
#[path = "../../it/linear/people.rs"]
mod people;

use std::time::{Duration, Instant};

use self::load::Counted;
use self::plan::plan;
use self::stage::Stage;

/// The number of faults until the histories are checked. Facts about the same people add up.
const ROUND: usize = 20;

/// The longest pause of a client.
const THINKS: Duration = Duration::from_millis(120);

/// The number in an environment variable.
pub fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}: a number")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_whatever_fails() {
    let count = number("CPSS_REPLICA_FAULTS").unwrap_or(20).try_into().unwrap();
    let seed = number("CPSS_REPLICA_FAULTS_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32));
    println!("CPSS_REPLICA_FAULTS_SEED={seed}");
    let started = Instant::now();
    let stage = Stage::set().await;
    println!("{:?}", stage.means);
    let mut counted = Counted::default();
    for faults in plan(seed, count, stage.means).chunks(ROUND) {
        let places = stage.places().await;
        if let Err(error) = Box::pin(counted.under_load(&places, THINKS, stage.play(faults))).await {
            panic!("{error}: {}", stage.last_words().await);
        }
    }
    let (machines, _place) = stage.into_machines();
    println!("{count} faults: {} in {:.0} s", counted.end(machines), started.elapsed().as_secs_f64());
}
