//! An append that the server executes after its replica has found out that it was not executed.

use super::checks::Violation;
use super::client::{Question, Seen};
use super::history::History;
use super::line::Request;
use super::repeated::run_while;
use super::tests::FAULTS;
use crate::store::log::replicated::simulated::rules::Rule;

/// A replica gives up on an append before the server executes it, and finds nothing in the log. The server refuses its
/// second try, and then executes the first. Returns what the client is answered, and what is violated.
fn executed_late(broken: Option<Rule>) -> (Vec<Seen>, Result<(), Violation>) {
    let mut history = History::new(0, broken, FAULTS);
    let replica = 0;
    history.start(replica).unwrap();
    run_while(&mut history, replica, |_| true);
    history.ask(replica, vec![Question::Meet(1)]).unwrap();
    let is_other = |request: &Request| !matches!(request, Request::Append { .. });
    let late = run_while(&mut history, replica, is_other);
    let step = history.world.give_up(late);
    history.respond(step).unwrap();
    let second = run_while(&mut history, replica, is_other);
    for step in [history.world.refuse(second), history.world.execute(late)] {
        history.respond(step).unwrap();
    }
    (history.seats[replica].answered.clone(), history.check())
}

#[test]
fn an_append_after_a_later_turn_is_refused() {
    assert_eq!(executed_late(None), (vec![Seen::Unavailable], Ok(())));
}

#[test]
fn an_append_of_an_earlier_turn_contradicts_an_answer() {
    let (answered, violated) = executed_late(Some(Rule::Turn));
    assert_eq!(answered, [Seen::Unavailable]);
    assert!(matches!(violated, Err(Violation::Denied(_))), "{violated:?}");
}
