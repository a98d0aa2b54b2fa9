//! What one history does often, and what it hardly ever does. Each history draws that for itself: most violations need
//! something rare, such as a standby that falls behind, or a replica that goes back to an old primary.

use std::time::Duration;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};

use super::client::{PROVIDERS, Question};

/// The kinds of things that happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A client asks a replica something, or a replica is started.
    Call,
    /// A notification is delivered.
    Deliver,
    /// A statement is executed.
    Execute,
    /// A standby takes the next entry.
    Ship,
    /// A statement succeeds, because the standby has its entry.
    Release,
    /// The wait for the standby is cancelled.
    Cancel,
    /// A replica does not wait for a statement any longer.
    GiveUp,
    /// A session ends between two statements.
    Lose,
    /// The server refuses a statement.
    Refuse,
    /// The standby is promoted.
    FailOver,
    /// A primary crashes and starts again.
    Crash,
    /// A node that is down, or a standby of an old primary, becomes a standby of the leader.
    Rejoin,
    /// An old primary that runs on becomes a standby of the leader.
    Rewind,
    /// A replica is killed.
    Kill,
    /// The database is restored to an earlier state.
    Restore,
    /// Time goes by.
    Tick,
    /// The operator does something, after a restore.
    Operate,
}

/// Each kind, and how often it happens among those that can.
const KINDS: [(Kind, u32); 16] = [
    (Kind::Call, 24),
    (Kind::Deliver, 12),
    (Kind::Execute, 28),
    (Kind::Ship, 28),
    (Kind::Release, 28),
    (Kind::Cancel, 4),
    (Kind::GiveUp, 4),
    (Kind::Lose, 6),
    (Kind::Refuse, 2),
    (Kind::FailOver, 2),
    (Kind::Crash, 2),
    (Kind::Rejoin, 8),
    (Kind::Rewind, 1),
    (Kind::Kill, 2),
    (Kind::Restore, 2),
    (Kind::Tick, 4),
];

/// How often the operator does something.
pub const OPERATES: u32 = 24;

/// How much more often something happens in a history, in quarters.
const FACTORS: [u32; 6] = [1, 2, 4, 4, 8, 16];

/// How much a replica prefers a node, a history a standby, and clients a replica.
const PREFERENCES: [u32; 4] = [1, 1, 3, 8];

/// How often clients ask each kind of question.
const SHARES: [u32; 4] = [0, 1, 2, 6];

/// How far ahead the clock of a replica is, in milliseconds.
const CLOCKS: [i64; 5] = [0, 0, -700, 300, 1500];

/// How long a replica finds that something takes which takes no time, in milliseconds. It is from one look at the clock
/// to the next. A second look finds the longest ones too long for a lock.
const PAUSES: [u64; 6] = [0, 0, 0, 200, 700, 2000];

/// The preferences of a history.
pub struct Bias {
    pub kinds: Vec<(u32, Kind)>,
    /// For each replica, how much it prefers each node.
    pub nodes: Vec<Vec<u32>>,
    /// How often each node takes entries.
    pub ships: Vec<u32>,
    /// How often each replica is asked.
    pub asks: Vec<u32>,
    /// How far ahead the clock of each replica is.
    pub clocks: Vec<SignedDuration>,
    /// How long each replica finds that something takes which takes no time.
    pub pauses: Vec<Duration>,
    /// The number of providers that clients know.
    providers: usize,
    /// How often each replica is asked each kind of question.
    questions: Vec<[u32; 6]>,
}

impl Bias {
    /// The preferences of a history with some nodes and replicas, in which clients ask some kinds of questions.
    pub fn any(rng: &mut Rng, nodes: usize, replicas: usize, asked: [bool; 6]) -> Bias {
        let kinds = KINDS.map(|(kind, weight)| (weight * one(rng, &FACTORS), kind)).to_vec();
        let mut preferences = |count| (0..count).map(|_| one(rng, &PREFERENCES)).collect::<Vec<_>>();
        let of_nodes = (0..replicas).map(|_| preferences(nodes)).collect();
        let (ships, asks) = (preferences(nodes), preferences(replicas));
        let clocks = (0..replicas).map(|_| SignedDuration::from_millis(one(rng, &CLOCKS))).collect();
        let pauses = (0..replicas).map(|_| Duration::from_millis(one(rng, &PAUSES))).collect();
        let questions = (0..replicas).map(|_| asked.map(|is_asked| one(rng, &SHARES) * u32::from(is_asked))).collect();
        let providers = rng.usize(1..=PROVIDERS.len());
        Bias { kinds, nodes: of_nodes, ships, asks, clocks, pauses, providers, questions }
    }

    /// A question for a replica at random, at a time.
    pub fn question(&self, rng: &mut Rng, replica: usize, number: u64, now: Timestamp) -> Question {
        let provider = rng.usize(..self.providers);
        let questions = [
            Question::Register(provider),
            Question::Hire(provider, number),
            Question::Meet(number),
            Question::At(now),
            Question::OpenDay,
            Question::Head,
        ];
        choose(rng, self.questions[replica].into_iter().zip(questions)).unwrap_or(Question::Head)
    }
}

fn one<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.usize(..of.len())]
}

/// Chooses one by weight. `None` if there is none, or none with a weight.
pub fn choose<T>(rng: &mut Rng, among: impl IntoIterator<Item = (u32, T)>) -> Option<T> {
    let among: Vec<_> = among.into_iter().collect();
    let all: u32 = among.iter().map(|(weight, _)| weight).sum();
    let mut at = (all > 0).then(|| rng.u32(..all))?;
    for (weight, chosen) in among {
        if at < weight {
            return Some(chosen);
        }
        at -= weight;
    }
    None
}
