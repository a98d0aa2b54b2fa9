//! The faults of a run, chosen by a seed.

use std::time::Duration;

use crate::server::setup::Rebuilt;

/// The number of replicas.
pub const REPLICAS: usize = 3;

/// A fault, and how long it lasts.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// A replica is killed, and started again after a while.
    KillReplica(usize, Duration),
    /// A replica stands still.
    FreezeReplica(usize, Duration),
    /// The connections of a replica to the database are closed.
    Cut(usize),
    /// What a replica and the database send each other is late by the first duration.
    Delay(usize, Duration, Duration),
    /// What a replica and the database send each other stays on the way.
    BlackHole(usize, Duration),
    /// What the database answers a replica stays on the way.
    LoseAnswers(usize, Duration),
    /// The clock of a replica is changed by seconds.
    StepClock(usize, i64, Duration),
    /// The primary is killed, the standby is promoted, and the old primary is rebuilt. If there is a duration, the old
    /// primary runs on for that long after the promotion.
    FailOver(Rebuilt, Option<Duration>),
    /// Like a failover, but commits were canceled before while the standby was away, so that it does not have them.
    FailOverWithoutCanceled(Rebuilt, Option<Duration>),
    /// The primary is killed and started again.
    RestartPrimary,
    /// The primary stands still.
    FreezePrimary(Duration),
    /// The standby is killed, and started again after a while.
    KillStandby(Duration),
    /// The sessions of all replicas are ended.
    Terminate,
    /// The statements of all replicas are canceled.
    Cancel,
    /// The statements of all replicas are canceled, or their sessions are ended, while commits wait for the standby.
    EndWaits {
        /// Sessions, not statements.
        sessions: bool,
    },
    /// The disk of the primary is full.
    FillDisk(Duration),
}

/// What this system lets a test do.
#[derive(Clone, Copy, Debug)]
pub struct Means {
    /// Servers have disks that can be filled.
    pub disks: bool,
    /// The clocks of replicas can be changed.
    pub clocks: bool,
}

/// A fault after a pause.
pub type Planned = (Duration, Fault);

/// The plan of a seed: this many faults. The same seed gives the same plan.
pub fn plan(seed: u64, count: usize, means: Means) -> Vec<Planned> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut planned = Vec::new();
    while planned.len() < count {
        let pause = Duration::from_millis(random.u64(50..500));
        let fault = fault(&mut random);
        let is_possible = match fault {
            Fault::FillDisk(_) => means.disks,
            Fault::StepClock(..) => means.clocks,
            _ => true,
        };
        if is_possible {
            planned.push((pause, fault));
        }
    }
    planned
}

fn fault(random: &mut fastrand::Rng) -> Fault {
    let replica = random.usize(..REPLICAS);
    let mut lasting = |range| Duration::from_millis(random.u64(range));
    let (shortly, long) = (lasting(50..1500), lasting(200..4500));
    match random.u32(..100) {
        0..14 => Fault::KillReplica(replica, shortly),
        14..24 => Fault::FreezeReplica(replica, long),
        24..34 => Fault::Cut(replica),
        34..40 => Fault::Delay(replica, Duration::from_millis(random.u64(5..400)), long),
        40..48 => Fault::BlackHole(replica, long),
        48..56 => Fault::LoseAnswers(replica, long),
        // A replica notices it within a second.
        56..62 => Fault::StepClock(replica, step(random), Duration::from_secs(1) + shortly),
        62..74 => {
            let how = if random.bool() { Rebuilt::Rewound } else { Rebuilt::Copied };
            let fault = if random.bool() { Fault::FailOver } else { Fault::FailOverWithoutCanceled };
            fault(how, random.bool().then_some(shortly))
        }
        74..78 => Fault::RestartPrimary,
        78..83 => Fault::FreezePrimary(long),
        83..87 => Fault::KillStandby(shortly),
        87..90 => Fault::Terminate,
        90..92 => Fault::Cancel,
        92..97 => Fault::EndWaits { sessions: random.bool() },
        _ => Fault::FillDisk(shortly),
    }
}

/// A change of a clock: a moment, about a minute, or more than a day, forward or back.
fn step(random: &mut fastrand::Rng) -> i64 {
    let by = match random.u32(..3) {
        0 => random.i64(1..5),
        1 => random.i64(30..90),
        _ => random.i64(90_000..100_000),
    };
    if random.bool() { by } else { -by }
}
