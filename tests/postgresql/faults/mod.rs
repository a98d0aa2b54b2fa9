//! Three replicas, and a database with a synchronous standby, through random faults: nothing that was acknowledged is
//! lost or recorded twice, all responses to 24 clients are linearizable, answers by time stay the same, and all replicas
//! are equal in the end.
//!
//! `CPSS_REPLICA_FAULTS` sets the number of faults, and `CPSS_REPLICA_FAULTS_SEED` repeats a plan. After each round the
//! faults are over for a moment, and the histories and the answers are checked.

mod checks;
mod clients;
mod cluster;
mod machine;
mod plan;
mod proxy;
mod stage;

#[path = "../../it/linear/checker.rs"]
mod checker;
#[path = "../../it/linear/model.rs"]
mod model;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::task::JoinSet;
use tokio::time::sleep;

use self::checker::linearize;
use self::checks::{Compared, check_answers, check_copies};
use self::clients::{Person, Place, Seen, Worker, World, family_name};
use self::model::{Register, refute_revisions};
use self::plan::{Planned, plan};
use self::stage::Stage;
use crate::fleet::client;
use crate::harness::PATIENCE;
use crate::harness::requests::{issue, qualify, register_provider, register_specialist, start_job};
use crate::harness::scenes::{EFFECTIVE_FROM, HIRED, QUALIFIED_FROM};

const CLIENTS: usize = 24;
const PEOPLE: usize = 8;
/// The number of faults until the histories are checked. Facts about the same people add up.
const ROUND: usize = 20;

/// Counts.
#[derive(Debug, Default)]
struct Counted {
    acknowledged: BTreeMap<String, u64>,
    troubles: BTreeMap<String, usize>,
    operations: usize,
    compared: Compared,
    names: usize,
}

fn number(name: &str) -> Option<u64> {
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
    let planned = plan(seed, count, stage.means);
    let mut counted = Counted::default();
    for faults in planned.chunks(ROUND) {
        round(&stage, faults, &mut counted).await;
    }
    let (directories, events, _guard) = stage.stop();
    let records = check_copies(&directories, &counted.acknowledged);
    let Counted { acknowledged, troubles, operations, compared, .. } = counted;
    println!(
        "{count} faults, {records} records, {} acknowledged, {operations} operations, {compared:?}, sent again: \
         {troubles:?}, logged: {events:?}, in {:.0} s",
        acknowledged.len(),
        started.elapsed().as_secs_f64()
    );
}

/// Lets faults happen under load, and checks the histories and the answers.
async fn round(stage: &Stage, faults: &[Planned], counted: &mut Counted) {
    let replicas = places(stage).await;
    let (people, registers) = begin(&replicas, &mut counted.names).await;
    let world = Arc::new(World {
        history: people.iter().map(|_| Mutex::default()).collect(),
        people,
        replicas,
        since: Instant::now(),
        is_over: AtomicBool::new(false),
        names: AtomicUsize::new(counted.names),
        positions: AtomicUsize::default(),
        seen: Seen::default(),
    });
    let mut workers = JoinSet::new();
    for _ in 0..CLIENTS {
        let world = Arc::clone(&world);
        workers.spawn(async move { Worker::new(&world).work().await });
    }
    let play = async {
        stage.play(faults).await;
        world.is_over.store(true, Ordering::Relaxed);
        sleep(PATIENCE).await;
        panic!("requests are not answered after the faults: {}", stage.last_words().await);
    };
    tokio::select! {
        () = play => {}
        () = ended(&mut workers) => {}
    }
    check_answers(&world, &mut counted.compared).await;
    let world = Arc::into_inner(world).unwrap();
    counted.names = world.names.into_inner();
    counted.acknowledged.append(&mut world.seen.facts.into_inner().unwrap());
    for (reason, times) in world.seen.troubles.into_inner().unwrap() {
        *counted.troubles.entry(reason).or_default() += times;
    }
    let histories: Vec<_> = world.history.into_iter().map(|history| history.into_inner().unwrap()).collect();
    if let Err(refuted) = refute_revisions(histories.iter().flatten()) {
        panic!("not linearizable: {refuted}");
    }
    for (register, history) in registers.into_iter().zip(histories) {
        counted.operations += history.len();
        if let Err(refuted) = linearize(register, history) {
            panic!("not linearizable: {refuted}");
        }
    }
}

/// Waits until all clients have ended.
async fn ended(workers: &mut JoinSet<()>) {
    while let Some(worker) = workers.join_next().await {
        worker.unwrap();
    }
}

async fn places(stage: &Stage) -> [Place; plan::REPLICAS] {
    let mut places = Vec::new();
    for machine in &stage.machines {
        let machine = machine.lock().await;
        places.push((machine.address(), machine.directory().to_owned()));
    }
    places.try_into().ok().unwrap()
}

/// People with a credential and a provider each, and their initial registers.
async fn begin(replicas: &[Place], names: &mut usize) -> (Vec<Person>, Vec<Register>) {
    let (mut people, mut registers) = (Vec::new(), Vec::new());
    let (address, directory) = &replicas[0];
    let address = address.borrow().expect("it runs");
    let [certifier, registrar] = ["certifier", "registrar"].map(|name| client(directory, address, name));
    for _ in 0..PEOPLE {
        let name = *names as u64;
        *names += 1;
        let registered = certifier.ask(register_provider(&format!("Example Center {name}"))).await;
        let provider_id = registered.provider.unwrap().provider_id;
        certifier.ask(qualify(&provider_id, QUALIFIED_FROM)).await;
        let registered = registrar.report(register_specialist("Lucinda", &family_name(name))).await;
        let specialist_id = registered.specialist.unwrap().specialist_id;
        let job = registrar.report(start_job(&specialist_id, &provider_id, HIRED)).await;
        let job = job.employment.unwrap().employment_id;
        let number = registrar.report(issue(&specialist_id, EFFECTIVE_FROM)).await.credential.unwrap();
        registers.push(Register::new(name, &job));
        let known = Mutex::new((vec![job], Vec::new()));
        people.push(Person { specialist_id, provider_id, number: number.credential_number, known });
    }
    (people, registers)
}
