//! The simulated database: nodes, the statements that are under way, and what can happen to them.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};

use super::bias::choose;
use super::line::{Request, Response};
use crate::domain::id::Revision;
use crate::store::log::replicated::Hearing;
use crate::store::log::replicated::simulated::node::{Entry, Frame, Node, Noted};
use crate::store::log::replicated::simulated::rules::Rule;
use crate::store::record::Tip;

/// A response for a replica.
pub type Answer = (usize, Response);

/// A statement that is under way.
pub struct Statement {
    pub id: u64,
    pub sender: usize,
    /// The replica that waits for it. `None` if it gave up: then the statement goes on without it.
    pub replica: Option<usize>,
    pub session: u64,
    pub node: usize,
    pub request: Request,
    /// Its entry in the WAL, and what it will return. `None` before it is executed.
    pub executed: Option<(usize, Response)>,
    /// What another node showed when it was sent.
    pub seen: Tip,
}

/// A session of a replica with a node.
pub struct Session {
    replica: usize,
    node: usize,
    /// The frames that the node showed when the turn was raised in the statement before.
    pub turned: Option<Vec<Frame>>,
}

/// The database.
pub struct World {
    pub rng: Rng,
    pub broken: Option<Rule>,
    pub now: Timestamp,
    pub nodes: Vec<Node>,
    /// The primary that was promoted last.
    pub leader: usize,
    pub replicas: usize,
    pub statements: Vec<Statement>,
    /// Notifications that are not delivered yet: to whom, and what.
    pub notes: Vec<(usize, String)>,
    pub is_restored: bool,
    /// The revisions after which epochs forked.
    pub forked: Vec<Revision>,
    pub sessions: BTreeMap<u64, Session>,
    /// For each replica, how much it prefers each node.
    pub prefers: Vec<Vec<u32>>,
    /// For each node, the session that has locked the head.
    pub locks: BTreeMap<usize, u64>,
    /// The replicas that are not waited for any more when the database is opened.
    pub forgotten: BTreeSet<usize>,
    last_id: u64,
    last_incarnation: u64,
}

impl World {
    /// A database of some nodes that contains some frames and is opened.
    pub fn new(
        seed: u64,
        broken: Option<Rule>,
        now: Timestamp,
        nodes: usize,
        replicas: usize,
        frames: &[Frame],
    ) -> World {
        let noted = Noted { heard: Some(1), checked: Some(1), ..Noted::default() };
        let beats = (0..replicas).map(|replica| Entry::Beat(replica, noted));
        let wal: Vec<_> = beats.chain(frames.iter().cloned().map(Entry::Append)).chain([Entry::Open(1)]).collect();
        let node = |at| Node {
            is_up: true,
            says_primary: at == 0,
            follows: (at > 0).then_some(0),
            standby: (at == 0).then_some(1),
            incarnation: 1,
            wal: wal.clone(),
            waiting: BTreeSet::new(),
            ahead: SignedDuration::ZERO,
        };
        World {
            rng: Rng::with_seed(seed),
            broken,
            now,
            nodes: (0..nodes).map(node).collect(),
            leader: 0,
            replicas,
            statements: Vec::new(),
            notes: Vec::new(),
            is_restored: false,
            forked: Vec::new(),
            sessions: BTreeMap::new(),
            prefers: vec![vec![1; nodes]; replicas],
            locks: BTreeMap::new(),
            forgotten: BTreeSet::new(),
            last_id: 0,
            last_incarnation: 1,
        }
    }

    pub fn is_broken(&self, rule: Rule) -> bool {
        self.broken == Some(rule)
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// A node that says it is the primary, if there is one.
    fn any_primary(&mut self) -> Option<usize> {
        let primaries = self.primaries();
        self.rng.choice(primaries)
    }

    /// The nodes that say they are the primary.
    pub fn primaries(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|at| self.is_primary(*at)).collect()
    }

    pub fn is_primary(&self, node: usize) -> bool {
        self.nodes[node].is_up && self.nodes[node].says_primary
    }

    /// Takes in a statement. Returns the response if there is one at once.
    pub fn send(&mut self, replica: usize, session: u64, request: Request) -> Option<Response> {
        if let Request::Connect = request {
            let primaries: Vec<_> = self.primaries().into_iter().map(|at| (self.prefers[replica][at], at)).collect();
            let Some(node) = choose(&mut self.rng, primaries) else { return Some(Response::NotDone) };
            let session = self.next_id();
            self.sessions.insert(session, Session { replica, node, turned: None });
            return Some(Response::Connected(session));
        }
        let Some(Session { node, .. }) = self.sessions.get(&session) else {
            // The replica may notice before it sends the statement, or after.
            return Some(if self.rng.bool() { Response::NotDone } else { Response::Unknown });
        };
        let node = *node;
        if let Request::Unlock = request {
            self.unlock(session);
            return Some(Response::Unlocked);
        }
        if let Request::Turn = request {
            let turned = Some(self.nodes[node].state().frames);
            self.sessions.insert(session, Session { replica, node, turned });
        }
        let seen = self.is_broken(Rule::OwnSnapshot).then(|| self.any_primary()).flatten();
        let seen = seen.map_or(Tip::ORIGIN, |other| self.nodes[other].state().tip());
        let id = self.next_id();
        let (sender, replica) = (replica, Some(replica));
        self.statements.push(Statement { id, sender, replica, session, node, request, executed: None, seen });
        None
    }

    /// The statements that can be executed.
    pub fn sent(&self) -> Vec<u64> {
        let sent =
            self.statements.iter().filter(|statement| statement.executed.is_none() && !self.is_locked_out(statement));
        sent.map(|statement| statement.id).collect()
    }

    /// The statements that wait for a standby, and whether one of them has them.
    pub fn waiting(&self) -> Vec<(u64, bool)> {
        let executed = |statement: &Statement| {
            let (at, _) = statement.executed.as_ref()?;
            Some((statement.id, self.is_shipped(statement.node, *at)))
        };
        self.statements.iter().filter_map(executed).collect()
    }

    fn is_shipped(&self, node: usize, entry: usize) -> bool {
        let has_it = |at: &usize| self.nodes[*at].follows == Some(node) && self.nodes[*at].wal.len() > entry;
        if self.is_broken(Rule::NamedStandby) {
            return (0..self.nodes.len()).any(|at| has_it(&at));
        }
        self.nodes[node].standby.is_some_and(|at| has_it(&at))
    }

    pub fn take(&mut self, id: u64) -> Statement {
        let at = self.statements.iter().position(|statement| statement.id == id).unwrap();
        self.statements.remove(at)
    }

    pub fn answer(&mut self, statement: &Statement, response: Response) -> Vec<Answer> {
        if matches!(response, Response::Unknown | Response::NotDone) {
            self.sessions.remove(&statement.session);
        }
        if !matches!(statement.request, Request::Lock(_)) {
            self.unlock(statement.session);
        }
        self.undo_lost();
        statement.replica.map(|replica| (replica, response)).into_iter().collect()
    }

    /// The frames that some primary shows.
    pub fn shown(&mut self) -> Vec<Vec<u8>> {
        let node = self.any_primary().unwrap_or(self.leader);
        self.nodes[node].state().frames.into_iter().map(|frame| frame.bytes).collect()
    }

    /// A notification as it is delivered. If it names a revision only, a replica takes what some primary shows there.
    pub fn garbled(&mut self, text: &str, hearing: &Hearing) -> String {
        let node = self.any_primary().filter(|_| self.is_broken(Rule::SealedChain));
        let named = hearing.read(text).map(|tip| tip.revision);
        let shown = node.and_then(|node| {
            self.nodes[node].state().frames.into_iter().find(|frame| named == Some(frame.tip.revision))
        });
        shown.map_or(text.to_owned(), |frame| hearing.tell(&frame.tip))
    }

    /// The standby has the statement's entry: it is visible, and succeeds.
    pub fn release(&mut self, id: u64) -> Vec<Answer> {
        let statement = self.take(id);
        let (at, response) = statement.executed.clone().unwrap();
        self.nodes[statement.node].waiting.remove(&at);
        self.answer(&statement, response)
    }

    /// The wait for the standby is cancelled: the entry is visible, and a warning says that it may not last.
    pub fn cancel(&mut self, id: u64) -> Vec<Answer> {
        let statement = self.take(id);
        let (at, response) = statement.executed.clone().unwrap();
        self.nodes[statement.node].waiting.remove(&at);
        let response = if self.is_broken(Rule::Warning) { response } else { Response::Unknown };
        self.answer(&statement, response)
    }

    /// The server refuses a statement that it did not execute.
    pub fn refuse(&mut self, id: u64) -> Vec<Answer> {
        let statement = self.take(id);
        self.answer(&statement, Response::NotDone)
    }

    /// The replica gives up. The statement goes on.
    pub fn give_up(&mut self, id: u64) -> Vec<Answer> {
        let statement = self.statements.iter_mut().find(|statement| statement.id == id).unwrap();
        self.sessions.remove(&statement.session);
        statement.replica.take().map(|replica| (replica, Response::Unknown)).into_iter().collect()
    }

    /// A replica is killed. Its statements go on.
    pub fn leave(&mut self, replica: usize) {
        for statement in &mut self.statements {
            if statement.replica == Some(replica) {
                statement.replica = None;
            }
        }
        self.sessions.retain(|_, session| session.replica != replica);
        self.notes.retain(|(to, _)| *to != replica);
        self.undo_lost();
    }

    /// The sessions without a statement under way.
    pub fn idle_sessions(&self) -> Vec<u64> {
        let is_idle = |id: &u64| self.statements.iter().all(|statement| statement.session != *id);
        self.sessions.keys().copied().filter(is_idle).collect()
    }

    /// A session without a statement ends. Its replica notices with the next statement.
    pub fn lose(&mut self, session: u64) -> Vec<Answer> {
        self.sessions.remove(&session);
        self.undo_lost();
        Vec::new()
    }

    /// The standbys that can take the next entry.
    pub fn behind(&self) -> Vec<usize> {
        let behind = |at: &usize| {
            let node = &self.nodes[*at];
            node.is_up
                && node.follows.is_some_and(|of| self.nodes[of].is_up && self.nodes[of].wal.len() > node.wal.len())
        };
        (0..self.nodes.len()).filter(behind).collect()
    }

    pub fn ship(&mut self, standby: usize) -> Vec<Answer> {
        let of = self.nodes[standby].follows.unwrap();
        let entry = self.nodes[of].wal[self.nodes[standby].wal.len()].clone();
        self.nodes[standby].wal.push(entry);
        Vec::new()
    }

    /// Every session with a node ends. What was executed becomes visible.
    fn end_sessions(&mut self, node: usize) -> Vec<Answer> {
        self.sessions.retain(|_, session| session.node != node);
        self.nodes[node].waiting.clear();
        let (gone, left) =
            std::mem::take(&mut self.statements).into_iter().partition(|gone: &Statement| gone.node == node);
        self.statements = left;
        self.undo_lost();
        gone.into_iter().filter_map(|statement| Some((statement.replica?, Response::Unknown))).collect()
    }

    /// A primary crashes and starts again.
    pub fn crash(&mut self, node: usize) -> Vec<Answer> {
        self.last_incarnation += 1;
        self.nodes[node].incarnation = self.last_incarnation;
        self.end_sessions(node)
    }

    /// The standby is promoted. The old primary is killed, or runs on without knowing.
    pub fn fail_over(&mut self, old_runs_on: bool) -> Vec<Answer> {
        let (old, new) = (self.leader, self.nodes[self.leader].standby.unwrap());
        self.last_incarnation += 1;
        let promoted = &mut self.nodes[new];
        promoted.says_primary = true;
        promoted.follows = None;
        promoted.standby = None;
        promoted.incarnation = self.last_incarnation;
        self.leader = new;
        if old_runs_on {
            return Vec::new();
        }
        self.nodes[old].is_up = false;
        self.end_sessions(old)
    }

    /// A node becomes a standby of the leader, and takes its WAL.
    pub fn rejoin(&mut self, node: usize) -> Vec<Answer> {
        let answers = self.end_sessions(node);
        let (leader, wal) = (self.leader, self.nodes[self.leader].wal.clone());
        let joined = &mut self.nodes[node];
        (joined.is_up, joined.says_primary, joined.standby) = (true, false, None);
        (joined.follows, joined.wal) = (Some(leader), wal);
        self.nodes[leader].standby.get_or_insert(node);
        answers
    }

    /// Every node is restored to the first entries of the leader.
    pub fn restore(&mut self, entries: usize) -> Vec<Answer> {
        self.is_restored = true;
        self.notes.clear();
        let mut wal = self.nodes[self.leader].wal.clone();
        wal.truncate(entries);
        let mut answers = Vec::new();
        for at in 0..self.nodes.len() {
            answers.extend(self.end_sessions(at));
            let is_leader = at == self.leader;
            let node = &mut self.nodes[at];
            (node.is_up, node.says_primary, node.standby) = (true, is_leader, None);
            (node.follows, node.wal) = ((!is_leader).then_some(self.leader), wal.clone());
        }
        let standby = (0..self.nodes.len()).find(|at| *at != self.leader);
        self.nodes[self.leader].standby = standby;
        self.last_incarnation += 1;
        self.nodes[self.leader].incarnation = self.last_incarnation;
        answers
    }
}

impl Request {
    /// True if it changes or locks the row of the head, which only one statement at a time can.
    pub fn touches_head(&self) -> bool {
        match self {
            Request::Append { .. }
            | Request::Open
            | Request::Settle(_)
            | Request::SettleAgain(_)
            | Request::Turn
            | Request::Lock(_) => true,
            Request::Connect
            | Request::Barrier(_)
            | Request::Frames(_)
            | Request::EndBefore(_)
            | Request::Unlock
            | Request::Notify(_) => false,
        }
    }
}
