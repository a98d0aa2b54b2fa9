//! Tests of the checker: histories that are linearizable, histories that are not, and a comparison with an exhaustive
//! search.

use super::checker::{Operation, linearize};
use super::model::{Action, Register, Written, refute_revisions};
use super::random;

fn operation(invoked: u64, returned: impl Into<Option<u64>>, action: Action) -> Operation<Action> {
    Operation { invoked, returned: returned.into(), action }
}

fn recorded(revision: u64) -> Written {
    Written::Recorded { fact: format!("fact {revision}"), revision }
}

fn rename(name: u64, revision: u64) -> Action {
    Action::Rename(name, recorded(revision))
}

fn read(name: u64, revision: u64) -> Action {
    Action::Credential(name, true, revision)
}

fn end(revision: u64) -> Action {
    Action::End("job".into(), 20, recorded(revision))
}

fn withdraw(fact: u64, written: Written) -> Action {
    Action::Withdraw(format!("fact {fact}"), written)
}

fn try_to_withdraw(fact: u64, valid: Option<u64>) -> Action {
    Action::TryToWithdraw(format!("fact {fact}"), valid)
}

/// Whether a history that starts with name 0 and one job is linearizable.
fn is_linearizable(history: Vec<Operation<Action>>) -> bool {
    linearize(Register::new(0, "job"), history).is_ok()
}

#[test]
fn overlapping_operations_may_have_any_order_and_unanswered_ones_any_time_or_none() {
    let write = operation(10, 40, rename(1, 5));
    for (name, revision) in [(0, 4), (1, 5)] {
        assert!(is_linearizable(vec![write.clone(), operation(20, 30, read(name, revision))]));
    }
    let unknown = operation(10, None, Action::Rename(1, Written::Unknown));
    for names in [[0, 0], [0, 1], [1, 1]] {
        let reads = names.iter().zip([20, 40]).map(|(name, at)| operation(at, at + 10, read(*name, 5)));
        assert!(is_linearizable(reads.chain([unknown.clone()]).collect()), "{names:?}");
    }
    let twice = vec![
        operation(10, 40, end(5)),
        operation(50, 80, withdraw(5, Written::Withdrawn)),
        operation(60, 70, withdraw(5, recorded(6))),
        operation(62, 68, try_to_withdraw(5, Some(5))),
        operation(65, 85, try_to_withdraw(5, None)),
        operation(90, 95, Action::Verdict(true, 6)),
    ];
    assert!(is_linearizable(twice));
}

#[test]
fn an_unexplainable_history_is_refused() {
    let history = |operations: &[(u64, u64, Action)]| {
        operations.iter().map(|(invoked, returned, action)| operation(*invoked, *returned, action.clone())).collect()
    };
    let refused: [(&str, Vec<Operation<Action>>); 11] = [
        ("a stale read after an acknowledged write", history(&[(10, 20, rename(1, 5)), (30, 40, read(0, 5))])),
        ("a stale read that names the stale revision", history(&[(10, 20, rename(1, 5)), (30, 40, read(0, 4))])),
        ("a lost write", history(&[(10, 20, end(5)), (30, 40, rename(1, 6)), (50, 60, Action::Verdict(true, 6))])),
        ("writes swapped", history(&[(10, 20, rename(1, 5)), (30, 40, rename(2, 6)), (50, 60, read(1, 6))])),
        ("revisions swapped", history(&[(10, 20, rename(1, 6)), (30, 40, rename(2, 5)), (50, 60, read(2, 6))])),
        ("a read from the future", history(&[(10, 20, read(1, 5)), (30, 40, rename(1, 5))])),
        (
            "reads that see two writes in both orders",
            history(&[(10, 40, rename(1, 5)), (10, 40, rename(2, 6)), (50, 60, read(2, 6)), (70, 80, read(1, 6))]),
        ),
        (
            "a fact retracted twice",
            history(&[(10, 20, end(5)), (30, 40, withdraw(5, recorded(6))), (30, 40, withdraw(5, recorded(7)))]),
        ),
        (
            "a dry run of a retraction that was acknowledged before",
            history(&[(10, 20, end(5)), (30, 40, withdraw(5, recorded(6))), (50, 60, try_to_withdraw(5, Some(6)))]),
        ),
        (
            "a dry run that does not know an acknowledged fact",
            history(&[(10, 20, end(5)), (30, 40, try_to_withdraw(5, None))]),
        ),
        (
            "an acknowledged fact that is missing",
            history(&[(10, 20, end(5)), (30, 40, withdraw(5, Written::Withdrawn))]),
        ),
    ];
    for (what, history) in refused {
        assert!(!is_linearizable(history), "{what}");
    }
    // A write without a response has at most one effect.
    let mut twice = vec![operation(10, None, Action::Rename(1, Written::Unknown))];
    twice.extend(history(&[(20, 30, read(1, 5)), (40, 50, rename(2, 6)), (60, 70, read(1, 6))]));
    assert!(!is_linearizable(twice));
}

#[test]
fn decreasing_revisions_across_registers_are_refused() {
    let write = operation(10, 20, rename(1, 5));
    assert!(refute_revisions([&write, &operation(15, 30, read(0, 4))].into_iter()).is_ok());
    for late in [read(0, 4), rename(2, 5), rename(2, 4)] {
        assert!(refute_revisions([&write, &operation(30, 40, late.clone())].into_iter()).is_err(), "{late:?}");
    }
    let same = operation(15, 40, rename(2, 5));
    assert!(refute_revisions([&write, &same].into_iter()).is_err(), "one revision for two requests");
}

/// Tries all orders.
fn some_order_explains(state: &Register, left: &[Operation<Action>]) -> bool {
    if left.iter().all(|operation| operation.returned.is_none()) {
        return true;
    }
    (0..left.len()).any(|at| {
        let mut others = left.to_vec();
        let next = others.remove(at);
        let is_possible = others.iter().all(|other| other.returned.is_none_or(|returned| returned >= next.invoked));
        let after = || super::checker::Model::after(state, &next.action);
        is_possible && after().is_some_and(|after| some_order_explains(&after, &others))
    })
}

#[test]
fn the_search_agrees_with_an_exhaustive_search() {
    let mut found = [0; 2];
    for _ in 0..20_000 {
        let history: Vec<_> = (0..2 + random(5))
            .map(|at| {
                let invoked = random(40);
                let returned = (random(6) > 0).then(|| invoked + 1 + random(20));
                let name = random(3);
                let action = match random(3) {
                    0 if returned.is_none() => Action::Rename(name, Written::Unknown),
                    0 => rename(name, 1 + at),
                    _ => read(name, random(7)),
                };
                operation(invoked, returned, action)
            })
            .collect();
        let expected = some_order_explains(&Register::new(0, "job"), &history);
        assert_eq!(is_linearizable(history.clone()), expected, "{history:#?}");
        found[usize::from(expected)] += 1;
    }
    assert!(found.iter().all(|count| *count > 1000), "histories of both kinds: {found:?}");
}
