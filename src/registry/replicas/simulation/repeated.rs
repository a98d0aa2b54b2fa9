//! A request that is sent twice, and decided in one batch that another replica prevents.

use super::client::{Question, Seen};
use super::history::History;
use super::line::Request;
use super::tests::FAULTS;

/// Executes and releases the statements of a replica, until it sends one that is not of the kind.
pub fn run_while(history: &mut History, replica: usize, is_one: impl Fn(&Request) -> bool) -> u64 {
    loop {
        let sent = history.world.statements.iter().find(|statement| statement.replica == Some(replica));
        let Some(statement) = sent else { return 0 };
        let id = statement.id;
        if !is_one(&statement.request) {
            return id;
        }
        let answers = history.world.execute(id);
        history.respond(answers).unwrap();
        while let Some(standby) = history.world.behind().first().copied() {
            history.world.ship(standby);
        }
        if history.world.waiting().contains(&(id, true)) {
            let answers = history.world.release(id);
            history.respond(answers).unwrap();
        }
    }
}

#[test]
fn a_repetition_in_a_batch_that_was_not_recorded_is_not_recorded() {
    let mut history = History::new(0, None, FAULTS);
    let (ours, theirs) = (0, 1);
    for replica in [ours, theirs] {
        history.start(replica).unwrap();
        run_while(&mut history, replica, |_| true);
    }
    history.ask(ours, vec![Question::Register(0), Question::Register(0)]).unwrap();
    history.ask(theirs, vec![Question::Meet(1)]).unwrap();
    run_while(&mut history, theirs, |_| true);
    // Ours finds the other record first, and reads it. Meanwhile it hears of another one, and cannot read that.
    let first = run_while(&mut history, ours, |request| !matches!(request, Request::Frames(_)));
    history.ask(theirs, vec![Question::Meet(2)]).unwrap();
    run_while(&mut history, theirs, |_| true);
    for (_, text) in history.world.notes.iter().filter(|(to, _)| *to == ours) {
        assert!(history.seats[ours].hearing.hear(text));
    }
    let answers = history.world.execute(first);
    history.respond(answers).unwrap();
    let second = run_while(&mut history, ours, |_| false);
    assert_ne!(first, second);
    let answers = history.world.refuse(second);
    history.respond(answers).unwrap();
    assert_eq!(history.seats[ours].answered, [Seen::Unavailable; 2]);
    history.check().unwrap();
}
