//! Load while something happens: 24 clients, and what must hold of what they saw.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep;

use super::checks::{Compared, check_answers, check_copies};
use super::clients::{Place, Seen, Worker, World};
use super::machine::Machine;
use super::model::{Register, check_histories};
use super::people::Person;
use crate::fleet::{client, qualified_provider};
use crate::harness::PATIENCE;

const CLIENTS: usize = 24;
const PEOPLE: usize = 8;

/// What was done and seen.
#[derive(Debug, Default)]
pub struct Counted {
    acknowledged: BTreeMap<String, u64>,
    troubles: BTreeMap<String, usize>,
    operations: usize,
    compared: Compared,
    names: usize,
}

impl Counted {
    /// Lets clients work while something happens, then checks the histories and the answers. Each client pauses up to
    /// this long between two requests. Returns the longest time in which no write was acknowledged, or what a client
    /// found wrong.
    pub async fn under_load(
        &mut self,
        replicas: &[Place],
        thinks: Duration,
        happens: impl Future<Output = ()>,
    ) -> Result<Duration, JoinError> {
        let (people, registers) = self.begin(replicas).await;
        let world = Arc::new(World {
            history: people.iter().map(|_| Mutex::default()).collect(),
            people,
            replicas: replicas.to_vec().try_into().ok().unwrap(),
            thinks,
            since: Instant::now(),
            is_over: AtomicBool::new(false),
            names: AtomicUsize::new(self.names),
            positions: AtomicUsize::default(),
            seen: Seen::default(),
        });
        let mut workers = JoinSet::new();
        for _ in 0..CLIENTS {
            let world = Arc::clone(&world);
            workers.spawn(async move { Worker::new(&world).work().await });
        }
        let happens = async {
            happens.await;
            world.is_over.store(true, Ordering::Relaxed);
            sleep(PATIENCE).await;
        };
        tokio::select! {
            () = happens => panic!("requests are not answered after the faults: {:?}", world.seen),
            ended = ended(&mut workers) => ended?,
        }
        Box::pin(check_answers(&world, &mut self.compared)).await;
        let world = Arc::into_inner(world).unwrap();
        self.names = world.names.into_inner();
        self.acknowledged.append(&mut world.seen.facts.into_inner().unwrap());
        for (reason, times) in world.seen.troubles.into_inner().unwrap() {
            *self.troubles.entry(reason).or_default() += times;
        }
        let histories = world.history.into_iter().map(|history| history.into_inner().unwrap());
        let histories: Vec<_> = histories.collect();
        self.operations += histories.iter().map(Vec::len).sum::<usize>();
        check_histories(registers, histories);
        Ok(longest_gap(world.seen.written_at.into_inner().unwrap()))
    }

    /// People with a credential and a provider each, and their initial registers.
    async fn begin(&mut self, replicas: &[Place]) -> (Vec<Person>, Vec<Register>) {
        let (mut people, mut registers) = (Vec::new(), Vec::new());
        let (address, directory) = &replicas[0];
        let address = address.borrow().expect("it runs");
        let [certifier, registrar] = ["certifier", "registrar"].map(|name| client(directory, address, name));
        for _ in 0..PEOPLE {
            let name = self.names as u64;
            self.names += 1;
            let provider = qualified_provider(&certifier, &format!("Example Center {name}")).await;
            let (person, register) = Person::begin(&registrar, &provider, name).await;
            people.push(person);
            registers.push(register);
        }
        (people, registers)
    }

    /// Stops the replicas, which must have run until now, and checks their copies. Returns a summary.
    pub fn end(self, machines: Vec<Machine>) -> String {
        let (mut directories, mut events) = (Vec::new(), BTreeMap::<_, usize>::new());
        for machine in machines {
            let (data, its_events) = machine.stop();
            directories.push(data);
            for (event, times) in its_events {
                *events.entry(event).or_default() += times;
            }
        }
        let records = check_copies(&directories, &self.acknowledged);
        let Counted { acknowledged, troubles, operations, compared, .. } = self;
        let acknowledged = acknowledged.len();
        format!(
            "{records} records, {acknowledged} acknowledged here, {operations} operations, {compared:?}, sent again: \
             {troubles:?}, logged: {events:?}"
        )
    }
}

/// Waits until all clients have ended, or one has found something wrong.
async fn ended(workers: &mut JoinSet<()>) -> Result<(), JoinError> {
    while let Some(worker) = workers.join_next().await {
        worker?;
    }
    Ok(())
}

/// The longest time between two instants.
fn longest_gap(mut instants: Vec<Instant>) -> Duration {
    instants.sort_unstable();
    instants.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
}
