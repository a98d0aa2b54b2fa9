//! A replica with a wrong clock records nothing that the right time contradicts.

use std::time::Duration;

use tokio::time::sleep;

use super::machine::Machine;
use crate::fleet::{Fleet, assert_days_opened_once, client, records};
use crate::harness::faketime::clock_library;
use crate::harness::requests::register_specialist;
use crate::harness::{Client, until};

/// More than a day, in seconds.
const AHEAD: i64 = 26 * 60 * 60;

/// How long a replica may take to notice, and to do what it must not do.
const WHILE: Duration = Duration::from_secs(5);

fn registrar(machine: &Machine) -> Client {
    let (address, directory) = machine.place();
    client(&directory, address.borrow().unwrap(), "registrar")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_whose_clock_is_a_day_ahead_opens_no_day() {
    if clock_library().is_none() {
        println!("left out: there is no libfaketime");
        return;
    }
    let fleet = Fleet::begin().await;
    let mut machines = Machine::all(&fleet.machines);
    machines.truncate(2);
    machines.iter_mut().for_each(Machine::start);
    let [right, wrong] = [0, 1].map(|at| registrar(&machines[at]));
    wrong.report(register_specialist("Ada", "Example-Stone")).await;

    // In sessions that were opened before, and in new ones after a start.
    machines[1].set_clock(AHEAD);
    sleep(WHILE).await;
    drop(wrong.call(register_specialist("Ada", "Example-Field")).await);
    machines[1].kill(Duration::ZERO).await;
    let wrong = registrar(&machines[1]);
    sleep(WHILE).await;
    drop(wrong.call(register_specialist("Ada", "Example-Brook")).await);
    let hill = register_specialist("Ada", "Example-Hill");
    until("the other replica goes on", async || right.call(hill.clone()).await.is_ok()).await;

    machines[1].set_clock(0);
    until("the clock is right again", async || wrong.call(register_specialist("Ada", "Example-Ridge")).await.is_ok())
        .await;
    for machine in machines {
        let (data, _) = machine.stop();
        assert_days_opened_once(&records(&data));
    }
}
