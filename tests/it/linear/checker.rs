//! A linearizability checker: the search of Wing and Gong with Lowe's memoization.
//!
//! A history is linearizable if its operations can be ordered so that each takes effect at one instant between its
//! invocation and its return (by a clock shared by all clients), and the model explains every response. The checker
//! searches for such an order. It never searches a set of operations with the same resulting state twice.

use std::collections::HashSet;
use std::fmt::{self, Debug};
use std::hash::Hash;

/// A state and its transitions.
pub trait Model: Clone + Debug + Eq + Hash {
    /// A request with its response.
    type Action: Debug;

    /// The state after an action, or `None` if this state does not explain the response.
    fn after(&self, action: &Self::Action) -> Option<Self>;
}

/// An action with its times, in nanoseconds of a shared clock.
#[derive(Clone, Debug)]
pub struct Operation<A> {
    /// The time of the invocation.
    pub invoked: u64,
    /// The time of the response. `None`: there was none, and the action may have taken effect at any time since, or
    /// never.
    pub returned: Option<u64>,
    /// The request and the response.
    pub action: A,
}

/// No order explains the history.
#[derive(Debug)]
pub struct Refuted<M: Model> {
    /// The number of operations in the longest explanation.
    pub explained: usize,
    /// The state at its end.
    pub state: M,
    /// The operations that could have come next but do not fit.
    pub unexplained: Vec<Operation<M::Action>>,
}

impl<M: Model> fmt::Display for Refuted<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Refuted { explained, state, unexplained } = self;
        write!(f, "after {explained} operations, in {state:#?}, none of these fits: {unexplained:#?}")
    }
}

/// A set of operations, by their indexes in the history.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Done(Vec<u64>);

impl Done {
    fn none_of(count: usize) -> Done {
        Done(vec![0; count.div_ceil(64)])
    }

    fn has(&self, at: usize) -> bool {
        self.0[at / 64] & (1 << (at % 64)) != 0
    }

    fn turn(&mut self, at: usize) {
        self.0[at / 64] ^= 1 << (at % 64);
    }
}

/// The operations that may come next, in the order in which they are tried.
fn candidates<A>(history: &[Operation<A>], done: &Done) -> Vec<usize> {
    let mut first_return = u64::MAX;
    let mut open = Vec::new();
    for (at, operation) in history.iter().enumerate().filter(|(at, _)| !done.has(*at)) {
        if operation.invoked > first_return {
            break;
        }
        first_return = first_return.min(operation.returned.unwrap_or(u64::MAX));
        open.push(at);
    }
    // Operations that returned first probably took effect first. Those without a response are tried last.
    open.sort_by_key(|at| history[*at].returned.unwrap_or(u64::MAX));
    open
}

/// An order that explains a history, as indexes into the history sorted by invocation. Operations without a response
/// that explain nothing are left out.
pub fn linearize<M: Model>(initial: M, mut history: Vec<Operation<M::Action>>) -> Result<Vec<usize>, Refuted<M>> {
    history.sort_by_key(|operation| operation.invoked);
    let mut unanswered = history.iter().filter(|operation| operation.returned.is_some()).count();
    if unanswered == 0 {
        return Ok(Vec::new());
    }
    let mut done = Done::none_of(history.len());
    let (mut order, mut longest, mut deepest) = (Vec::new(), 0, (initial.clone(), done.clone()));
    let mut searched = HashSet::new();
    let mut stack = vec![(initial, candidates(&history, &done).into_iter())];
    while let Some((state, next)) = stack.last_mut() {
        let Some(at) = next.next() else {
            stack.pop();
            if let Some(undone) = order.pop() {
                let undone: usize = undone;
                done.turn(undone);
                unanswered += usize::from(history[undone].returned.is_some());
            }
            continue;
        };
        let Some(after) = state.after(&history[at].action) else { continue };
        done.turn(at);
        if !searched.insert((done.clone(), after.clone())) {
            done.turn(at);
            continue;
        }
        unanswered -= usize::from(history[at].returned.is_some());
        order.push(at);
        if unanswered == 0 {
            return Ok(order);
        }
        if order.len() > longest {
            longest = order.len();
            deepest = (after.clone(), done.clone());
        }
        stack.push((after, candidates(&history, &done).into_iter()));
    }
    let stuck: HashSet<_> = candidates(&history, &deepest.1).into_iter().collect();
    let all = history.into_iter().enumerate();
    let unexplained = all.filter(|(at, _)| stuck.contains(at)).map(|(_, operation)| operation).collect();
    Err(Refuted { explained: longest, state: deepest.0, unexplained })
}
