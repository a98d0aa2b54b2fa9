//! Three replicas, and a database of three nodes that Patroni manages: nothing that was acknowledged is lost or
//! recorded twice whatever makes Patroni change the primary, and writes go on by themselves.
//!
//! `tests/postgresql/run.sh patroni` installs what this needs. `CPSS_PATRONI_TIMES` sets how often each thing happens.

use std::time::{Duration, Instant};

use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::faults::load::Counted;
use crate::faults::machine::Machine;
use crate::faults::number;
use crate::fleet::Machines;
use crate::server::patroni::{Part, Patroni};

/// The longest pause of a client.
const THINKS: Duration = Duration::from_millis(600);

/// How long the clients work before and after.
const CALM: Duration = Duration::from_secs(2);

/// What happens to the primary.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// Its machine ends.
    Kill,
    /// Its Patroni stands still, and the server works on.
    StopAgent,
    /// All its processes stand still.
    StopWhole,
    /// It is replaced in order.
    SwitchOver,
}

impl Event {
    /// Lets it happen, and restores what it stopped once another node is the primary.
    fn happen(self, patroni: &mut Patroni) {
        let (primary, timeline) = (patroni.primary(), patroni.timeline());
        match self {
            Event::Kill => patroni.kill(&primary),
            Event::StopAgent => patroni.freeze(&primary, Part::Agent),
            Event::StopWhole => patroni.freeze(&primary, Part::Whole),
            Event::SwitchOver => patroni.switch_over(),
        }
        patroni.wait_for_another_primary(&primary, timeline);
        match self {
            Event::Kill => patroni.start_missing(),
            Event::StopAgent | Event::StopWhole => patroni.thaw(&primary),
            Event::SwitchOver => {}
        }
        patroni.wait_until_whole();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Patroni and etcd: tests/postgresql/run.sh patroni"]
async fn nothing_is_lost_when_the_machine_of_the_primary_ends() {
    repeat(Event::Kill).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Patroni and etcd: tests/postgresql/run.sh patroni"]
async fn nothing_is_lost_when_patroni_stands_still_beside_a_primary_that_works_on() {
    repeat(Event::StopAgent).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Patroni and etcd: tests/postgresql/run.sh patroni"]
async fn nothing_is_lost_when_the_machine_of_the_primary_stands_still() {
    repeat(Event::StopWhole).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Patroni and etcd: tests/postgresql/run.sh patroni"]
async fn nothing_is_lost_when_the_primary_is_replaced_in_order() {
    repeat(Event::SwitchOver).await;
}

/// Lets an event happen under load as often as is asked for, and prints the seconds without writes.
async fn repeat(event: Event) {
    let times = number("CPSS_PATRONI_TIMES").unwrap_or(1);
    let started = Instant::now();
    let mut patroni = block_in_place(Patroni::start);
    let place = Machines::beside(&patroni.superuser().await, patroni.nodes(), patroni.authority()).await;
    place.begin_registry();
    let mut machines = Machine::all(&place);
    machines.iter_mut().for_each(Machine::start);
    let places: Vec<_> = machines.iter().map(Machine::place).collect();
    let mut counted = Counted::default();
    let mut gaps = Vec::new();
    for _ in 0..times {
        let happens = async {
            sleep(CALM).await;
            block_in_place(|| event.happen(&mut patroni));
            sleep(CALM).await;
        };
        let found = Box::pin(counted.under_load(&places, THINKS, happens)).await;
        let gap = found.unwrap_or_else(|error| {
            let words = machines.iter().map(Machine::last_words).collect::<String>();
            panic!("{error}: {words}\n{}", patroni.log())
        });
        println!("{:4.0} s: {event:?}: {:.1} s without writes", started.elapsed().as_secs_f64(), gap.as_secs_f64());
        gaps.push(gap.as_secs_f64());
    }
    gaps.sort_by(f64::total_cmp);
    let (median, longest) = (gaps[gaps.len() / 2], gaps[gaps.len() - 1]);
    println!("{event:?}, {times} times: median {median:.1} s without writes, at most {longest:.1} s");
    println!("{} in {:.0} s", counted.end(machines), started.elapsed().as_secs_f64());
}
