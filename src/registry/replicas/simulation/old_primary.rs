//! A replica that is still connected to an old primary, when a client asks it about what another one acknowledged.

use super::checks::Violation;
use super::client::{Question, Seen};
use super::history::History;
use super::repeated::run_while;
use super::tests::FAULTS;
use crate::store::log::replicated::simulated::rules::Rule;

/// The standby is promoted, and one replica records something there. Another one is asked for the head while it is
/// connected to the old primary. Returns what it answered, and what is violated.
fn asked_at_an_old_primary(broken: Option<Rule>) -> (Vec<Seen>, Result<(), Violation>) {
    let mut history = History::new(0, broken, FAULTS);
    let (ours, theirs) = (0, 1);
    for replica in [ours, theirs] {
        history.start(replica).unwrap();
        run_while(&mut history, replica, |_| true);
    }
    // The standby is promoted, and opened. The old primary runs on.
    for step in [history.world.fail_over(true), history.world.rejoin(2)] {
        history.respond(step).unwrap();
    }
    history.world.forgotten.insert(2);
    for replica in [ours, theirs, ours, theirs] {
        connect_to(&mut history, replica, 1);
        history.ask(replica, vec![Question::Head]).unwrap();
        run_while(&mut history, replica, |_| true);
    }
    history.ask(theirs, vec![Question::Meet(1)]).unwrap();
    run_while(&mut history, theirs, |_| true);
    assert!(matches!(history.seats[theirs].answered[..], [Seen::Recorded(_)]));
    connect_to(&mut history, ours, 0);
    history.seats[ours].answered.clear();
    let asked = history.ask(ours, vec![Question::Head]);
    let barrier = run_while(&mut history, ours, |_| false);
    let step = history.world.execute(barrier);
    let violated = asked.and_then(|()| history.respond(step));
    (history.seats[ours].answered.clone(), violated)
}

/// A replica loses its session, and notices. The next one is with a node.
fn connect_to(history: &mut History, replica: usize, node: usize) {
    history.world.prefers[replica] = (0..FAULTS.nodes).map(|at| u32::from(at == node)).collect();
    history.world.leave(replica);
    history.ask(replica, vec![Question::Head]).unwrap();
    run_while(history, replica, |_| true);
}

#[test]
fn the_head_is_not_answered_before_it_is_confirmed() {
    assert_eq!(asked_at_an_old_primary(None), (Vec::new(), Ok(())));
}

#[test]
fn a_head_that_is_only_read_is_an_old_one() {
    let (_, violated) = asked_at_an_old_primary(Some(Rule::DurableHead));
    assert!(matches!(violated, Err(Violation::BeyondHead(_))), "{violated:?}");
}
