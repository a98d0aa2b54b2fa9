//! The lock of the head, which a session holds until its transaction ends.

use super::line::Request;
use super::world::{Statement, World};

impl World {
    /// True if a statement waits for the lock: another transaction has it, or an entry that changes the head waits for
    /// the standby.
    pub fn is_locked_out(&self, statement: &Statement) -> bool {
        let is_held = self.locks.get(&statement.node).is_some_and(|holder| *holder != statement.session);
        statement.request.touches_head() && (is_held || self.nodes[statement.node].is_locked())
    }

    /// True if the statement ends a transaction.
    pub fn ends_transaction(&self, statement: &Statement) -> bool {
        self.locks.get(&statement.node) == Some(&statement.session)
    }

    /// The transaction of a session ends.
    pub fn unlock(&mut self, session: u64) {
        self.locks.retain(|_, holder| *holder != session);
    }

    /// Servers undo the transactions of sessions that are lost, but not what such a session had sent before.
    pub fn undo_lost(&mut self) {
        let is_under_way = |session: u64| {
            let sent = self.statements.iter().filter(|statement| statement.session == session);
            sent.into_iter().any(|statement| !matches!(statement.request, Request::Lock(_)))
        };
        let sessions = &self.sessions;
        self.locks.retain(|_, holder| sessions.contains_key(holder) || is_under_way(*holder));
    }
}
