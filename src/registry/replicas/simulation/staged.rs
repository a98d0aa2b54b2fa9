//! A request that is repeated at another replica, which finds it in a frame that does not last.

use std::time::Duration;

use super::checks::Violation;
use super::client::{Question, Seen};
use super::history::History;
use super::line::Request;
use super::repeated::run_while;
use super::tests::FAULTS;
use crate::store::log::replicated::simulated::rules::Rule;

/// The wait of an append is cancelled, so that others see it. One of them is asked for the same. Then the standby,
/// which does not have it, is promoted. Returns what that replica answered, and what is violated.
fn repeated_while_it_does_not_last(broken: Option<Rule>) -> (Vec<Seen>, Result<(), Violation>) {
    let mut history = History::new(0, broken, FAULTS);
    history.bias.pauses = vec![Duration::ZERO; FAULTS.replicas];
    let (ours, theirs) = (0, 1);
    for replica in [ours, theirs] {
        history.start(replica).unwrap();
        run_while(&mut history, replica, |_| true);
    }
    // Both append, so ours locks first.
    history.ask(theirs, vec![Question::Meet(1)]).unwrap();
    run_while(&mut history, theirs, |_| true);
    history.ask(ours, vec![Question::Head]).unwrap();
    run_while(&mut history, ours, |_| true);
    history.ask(theirs, vec![Question::Register(0)]).unwrap();
    let append = run_while(&mut history, theirs, |request| !matches!(request, Request::Append { .. }));
    for step in [history.world.execute(append), history.world.cancel(append)] {
        history.respond(step).unwrap();
    }
    history.seats[ours].answered.clear();
    history.ask(ours, vec![Question::Register(0)]).unwrap();
    let lock = run_while(&mut history, ours, |request| !matches!(request, Request::Lock(_)));
    let step = history.world.execute(lock);
    history.respond(step).unwrap();
    let commit = run_while(&mut history, ours, |_| false);
    assert!(history.world.ends_transaction(history.world.statements.iter().find(|one| one.id == commit).unwrap()));
    let step = history.world.execute(commit);
    history.respond(step).unwrap();
    let answered = history.seats[ours].answered.clone();
    let step = history.world.fail_over(false);
    history.respond(step).unwrap();
    (answered, history.check())
}

#[test]
fn a_repeated_request_in_a_frame_that_is_staged_waits_for_the_commit() {
    assert_eq!(repeated_while_it_does_not_last(None), (Vec::new(), Ok(())));
}

#[test]
fn a_repeated_request_that_does_not_wait_is_lost() {
    let (answered, violated) = repeated_while_it_does_not_last(Some(Rule::StagedReceipt));
    assert!(matches!(answered[..], [Seen::Recorded(_)]), "{answered:?}");
    assert!(matches!(violated, Err(Violation::AcknowledgedLost(_))), "{violated:?}");
}
