//! Three replicas, their ways to the database, and the database: each may have one fault at a time.

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep};

use super::clients::Place;
use super::cluster::{Cluster, Disturbance};
use super::machine::Machine;
use super::plan::{Fault, Means, Planned, REPLICAS};
use super::proxy::Proxy;
use crate::fleet::{Fleet, Machines};
use crate::harness::faketime::clock_library;
use crate::server::{HOST, Server};

/// How long the database is left alone after a fault, so that something is recorded meanwhile.
const CALM: Duration = Duration::from_millis(700);

/// The way of a replica to each server of the database.
type Ways = [Proxy; 2];

/// Everything that can have a fault.
pub struct Stage {
    machines: [Arc<Mutex<Machine>>; REPLICAS],
    ways: [Arc<Mutex<Ways>>; REPLICAS],
    cluster: Arc<Mutex<Cluster>>,
    pub means: Means,
    /// Holds the files of the replicas.
    place: Machines,
}

impl Stage {
    /// A registry with three replicas.
    pub async fn set() -> Stage {
        let fleet = Fleet::begin_on(Server::start_on_its_own_disk()).await;
        let Fleet { server, standby, machines: place } = fleet;
        let (mut machines, mut ways) = (Vec::new(), Vec::new());
        for mut machine in Machine::all(&place) {
            let its_ways = [Proxy::before(server.port()).await, Proxy::before(standby.port()).await];
            let [first, second] = its_ways.each_ref().map(Proxy::port);
            machine.reach_at(&place, &format!("{HOST}:{first},{HOST}:{second}"));
            machine.start();
            machines.push(Arc::new(Mutex::new(machine)));
            ways.push(Arc::new(Mutex::new(its_ways)));
        }
        let cluster = Cluster::of(server, standby).await;
        let means = Means { disks: cluster.has_disks(), clocks: clock_library().is_some() };
        Stage {
            machines: machines.try_into().ok().unwrap(),
            ways: ways.try_into().ok().unwrap(),
            cluster: Arc::new(Mutex::new(cluster)),
            means,
            place,
        }
    }

    /// Lets the faults happen, and waits until all are over. Two faults of one place do not overlap.
    pub async fn play(&self, planned: &[Planned]) {
        let (mut under_way, since) = (JoinSet::new(), Instant::now());
        for (pause, fault) in planned {
            sleep(*pause).await;
            println!("{:6.2} s: {fault:?}", since.elapsed().as_secs_f64());
            self.begin(*fault, &mut under_way).await;
            while let Some(ended) = under_way.try_join_next() {
                ended.unwrap();
            }
        }
        while let Some(ended) = under_way.join_next().await {
            ended.unwrap();
        }
        self.cluster.lock().await.until_commits_succeed().await;
    }

    async fn begin(&self, fault: Fault, under_way: &mut JoinSet<()>) {
        match fault {
            Fault::KillReplica(at, lasting) => {
                let mut machine = Arc::clone(&self.machines[at]).lock_owned().await;
                under_way.spawn(async move { machine.kill(lasting).await });
            }
            Fault::FreezeReplica(at, lasting) => {
                let mut machine = Arc::clone(&self.machines[at]).lock_owned().await;
                under_way.spawn(async move { machine.freeze(lasting).await });
            }
            Fault::StepClock(at, seconds, lasting) => {
                let mut machine = Arc::clone(&self.machines[at]).lock_owned().await;
                under_way.spawn(async move { machine.step_clock(seconds, lasting).await });
            }
            Fault::Cut(_) | Fault::Delay(..) | Fault::BlackHole(..) | Fault::LoseAnswers(..) => {
                self.disturb_ways(fault, under_way).await;
            }
            _ => {
                let mut cluster = Arc::clone(&self.cluster).lock_owned().await;
                under_way.spawn(async move {
                    disturb_cluster(&mut cluster, fault).await;
                    sleep(CALM).await;
                });
            }
        }
    }

    async fn disturb_ways(&self, fault: Fault, under_way: &mut JoinSet<()>) {
        let (at, lasting) = match fault {
            Fault::Cut(at) => (at, Duration::ZERO),
            Fault::Delay(at, _, lasting) | Fault::BlackHole(at, lasting) | Fault::LoseAnswers(at, lasting) => {
                (at, lasting)
            }
            _ => unreachable!("{fault:?} is not a fault of a network"),
        };
        let ways = Arc::clone(&self.ways[at]).lock_owned().await;
        under_way.spawn(async move {
            for way in &*ways {
                match fault {
                    Fault::Delay(_, delay, _) => way.delay(delay),
                    Fault::BlackHole(..) => way.hold(true, true),
                    Fault::LoseAnswers(..) => way.hold(false, true),
                    _ => way.cut(),
                }
            }
            sleep(lasting).await;
            for way in &*ways {
                way.delay(Duration::ZERO);
                way.hold(false, false);
            }
        });
    }

    /// What the logs of the replicas say last.
    pub async fn last_words(&self) -> String {
        let mut words = String::new();
        for machine in &self.machines {
            words += &machine.lock().await.last_words();
        }
        words
    }

    /// Where the replicas are.
    pub async fn places(&self) -> Vec<Place> {
        let mut places = Vec::new();
        for machine in &self.machines {
            places.push(machine.lock().await.place());
        }
        places
    }

    /// The replicas, and what holds their files.
    pub fn into_machines(self) -> (Vec<Machine>, Machines) {
        let machines = self.machines.map(|machine| Arc::into_inner(machine).unwrap().into_inner());
        (machines.into(), self.place)
    }
}

async fn disturb_cluster(cluster: &mut Cluster, fault: Fault) {
    match fault {
        Fault::FailOver(how, runs_on) => cluster.fail_over(how, runs_on).await,
        Fault::FailOverWithoutCanceled(how, runs_on) => cluster.fail_over_without_canceled(how, runs_on).await,
        Fault::RestartPrimary => cluster.restart_primary().await,
        Fault::FreezePrimary(lasting) => cluster.freeze_primary(lasting).await,
        Fault::KillStandby(lasting) => cluster.kill_standby(lasting).await,
        Fault::Terminate => cluster.disturb(Disturbance::Terminate).await,
        Fault::Cancel => cluster.disturb(Disturbance::Cancel).await,
        Fault::EndWaits { sessions: true } => cluster.disturb_waits(Disturbance::Terminate).await,
        Fault::EndWaits { sessions: false } => cluster.disturb_waits(Disturbance::Cancel).await,
        Fault::FillDisk(lasting) => cluster.fill_disk(lasting).await,
        _ => unreachable!("{fault:?} is not a fault of the database"),
    }
}
