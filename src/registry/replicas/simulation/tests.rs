//! Random histories. With all rules nothing is violated; without one of them, something is.

use jiff::SignedDuration;

use super::checks::Violation;
use super::history::{Budget, History};
use crate::store::log::replicated::simulated::rules::Rule;

/// Failovers, crashes, cancelled waits, statements without a client, and replicas that are killed.
const FAULTS: Budget = Budget {
    nodes: 3,
    replicas: 3,
    steps: 250,
    cancels: 2,
    give_ups: 3,
    crashes: 1,
    fail_overs: 2,
    restores: 0,
    kills: 1,
    slower: SignedDuration::ZERO,
};

/// The database is restored to an earlier state.
const RESTORED: Budget = Budget { fail_overs: 0, crashes: 0, cancels: 0, give_ups: 1, restores: 1, ..FAULTS };

/// The clock of the node that is promoted is behind.
const SLOWER: Budget = Budget { slower: SignedDuration::from_secs(8), ..FAULTS };

/// The old primary runs on beside the new one, and replicas change between them.
const SPLIT: Budget =
    Budget { replicas: 2, steps: 600, cancels: 4, give_ups: 6, crashes: 0, fail_overs: 1, kills: 0, ..FAULTS };

/// The number of histories in which a violation is looked for, unless `CPSS_REPLICA_SEARCH` says otherwise.
const SEARCH: u64 = 20;

/// The number of histories, unless `CPSS_REPLICA_HISTORIES` says otherwise.
const HISTORIES: u64 = 8;

fn histories() -> u64 {
    std::env::var("CPSS_REPLICA_HISTORIES").map_or(HISTORIES, |number| number.parse().unwrap())
}

fn violated(seed: u64, broken: Option<Rule>, budget: Budget) -> Option<Violation> {
    History::new(seed, broken, budget).run().err()
}

/// Fails with the first history that violates something.
fn nothing_is_violated(budget: Budget) {
    for seed in 0..histories() {
        if let Some(violation) = violated(seed, None, budget) {
            panic!("the history of seed {seed}: {violation:?}");
        }
    }
}

/// Looks for a history that violates what a rule protects, from a seed on that leads to one.
fn is_violated(broken: Rule, budget: Budget, first: u64, expected: impl Fn(&Violation) -> bool) {
    let most = std::env::var("CPSS_REPLICA_SEARCH").map_or(SEARCH, |number| number.parse().unwrap());
    let is_expected = |seed: &u64| violated(*seed, Some(broken), budget).is_some_and(|violation| expected(&violation));
    let found = (first..first + most).find(is_expected);
    assert!(found.is_some(), "without {broken:?} nothing is violated in {most} histories from seed {first} on");
}

#[test]
fn with_faults_nothing_is_violated() {
    nothing_is_violated(FAULTS);
}

#[test]
fn with_restores_nothing_is_violated() {
    nothing_is_violated(RESTORED);
}

#[test]
fn with_slower_clocks_nothing_is_violated() {
    nothing_is_violated(SLOWER);
}

#[test]
fn a_barrier_must_confirm_what_it_read_itself() {
    is_violated(Rule::OwnSnapshot, FAULTS, 184, |violation| matches!(violation, Violation::Histories(_)));
}

#[test]
#[ignore = "looks for a history at length"]
fn a_notification_must_name_the_chain() {
    is_violated(Rule::SealedChain, SPLIT, 0, |violation| matches!(violation, Violation::Histories(_)));
}

#[test]
#[ignore = "looks for a history at length"]
fn a_refusal_must_be_confirmed_durably() {
    is_violated(Rule::DurableBarrier, SPLIT, 0, |violation| matches!(violation, Violation::FalseRefusal(_)));
}

#[test]
#[ignore = "looks for a history at length"]
fn a_state_beyond_the_head_must_be_denied_durably() {
    is_violated(Rule::DurableBarrier, SPLIT, 0, |violation| matches!(violation, Violation::BeyondHead(_)));
}

#[test]
#[ignore = "looks for a history at length"]
fn a_loss_must_be_seen_durably() {
    is_violated(Rule::DurableBarrier, SPLIT, 0, |violation| matches!(violation, Violation::FalseAlarm(_)));
}

#[test]
#[ignore = "looks for a history at length"]
fn a_doubt_must_be_resolved_in_the_session_of_the_turn() {
    is_violated(Rule::SameSession, SPLIT, 0, |violation| matches!(violation, Violation::AcknowledgedLost(_)));
}

#[test]
fn a_doubt_must_be_resolved_after_the_turn() {
    is_violated(Rule::LaterStatement, FAULTS, 7, |_| true);
}

#[test]
#[ignore = "looks for a history at length"]
fn a_turn_must_stop_late_appends() {
    is_violated(Rule::Turn, SPLIT, 0, |_| true);
}

#[test]
fn a_copy_must_contain_confirmed_frames_only() {
    is_violated(Rule::ConfirmedCopy, FAULTS, 84, |violation| matches!(violation, Violation::Histories(_)));
}

#[test]
fn a_replica_must_look_even_if_it_hears_nothing() {
    is_violated(Rule::Heartbeat, FAULTS, 1, |violation| matches!(violation, Violation::Stuck(_)));
}

#[test]
fn a_record_must_be_datable_after_the_head_whatever_the_clock() {
    is_violated(Rule::DatedByTheHead, SLOWER, 115, |violation| matches!(violation, Violation::Stuck(_)));
}

#[test]
fn a_restored_database_must_wait_for_every_replica() {
    let lost = |violation: &Violation| {
        matches!(violation, Violation::AcknowledgedLost(_) | Violation::Histories(_) | Violation::FalseRefusal(_))
    };
    is_violated(Rule::RollCall, RESTORED, 0, lost);
}

#[test]
#[ignore = "looks for a history at length"]
fn an_answered_time_must_survive_a_restore() {
    is_violated(Rule::AnsweredTime, RESTORED, 0, |violation| matches!(violation, Violation::AnswerByTime(_)));
}

#[test]
fn a_restored_database_must_not_confirm_a_refusal_before_it_is_opened() {
    let wrong = |violation: &Violation| matches!(violation, Violation::FalseRefusal(_) | Violation::BeyondHead(_));
    is_violated(Rule::OpenedHead, RESTORED, 0, wrong);
}

#[test]
#[ignore = "looks for a history at length"]
fn only_the_standby_that_commits_wait_for_may_be_promoted() {
    is_violated(Rule::NamedStandby, SPLIT, 0, |violation| matches!(violation, Violation::AcknowledgedLost(_)));
}

#[test]
#[ignore = "looks for a history at length"]
fn a_warning_must_make_the_outcome_unknown() {
    is_violated(Rule::Warning, SPLIT, 0, |violation| matches!(violation, Violation::AcknowledgedLost(_)));
}
