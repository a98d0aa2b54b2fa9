//! Random histories. With all rules nothing is violated; without one of them, something is.

use jiff::SignedDuration;

use super::checks::Violation;
use super::history::{Budget, History};
use super::search::first_violation;
use crate::store::log::replicated::simulated::rules::Rule;

/// Failovers, crashes, cancelled waits, statements without a client, sessions that end, and replicas that are killed.
pub const FAULTS: Budget = Budget {
    nodes: 3,
    replicas: 3,
    steps: 250,
    cancels: 2,
    give_ups: 3,
    losses: 5,
    refusals: 1,
    crashes: 1,
    fail_overs: 2,
    restores: 0,
    kills: 1,
    questions: [true; 6],
    operates: false,
    slower: SignedDuration::ZERO,
};

/// The database is restored to an earlier state.
const RESTORED: Budget = Budget { fail_overs: 0, crashes: 0, cancels: 0, give_ups: 1, restores: 1, ..FAULTS };

/// As before, with fewer replicas, which are killed more often.
const RESTORED_SOON: Budget = Budget { replicas: 2, steps: 120, kills: 3, ..RESTORED };

/// The database is restored, and an operator pushes what it lost, or accepts the loss.
const REMEDIED: Budget = Budget { operates: true, steps: 400, ..RESTORED };

/// As before, with fewer replicas and steps.
const REMEDIED_SOON: Budget = Budget { operates: true, ..RESTORED_SOON };

/// The clock of the node that is promoted is behind.
const SLOWER: Budget = Budget { slower: SignedDuration::from_secs(8), ..FAULTS };

/// The old primary runs on beside the new one, and replicas change between them.
const SPLIT: Budget = Budget {
    replicas: 2,
    steps: 350,
    cancels: 3,
    give_ups: 6,
    losses: 15,
    crashes: 0,
    fail_overs: 1,
    kills: 0,
    ..FAULTS
};

/// As before, and clients only register providers and report who works for them.
const SPLIT_HIRES: Budget = Budget { questions: [true, true, false, false, false, false], ..SPLIT };

/// Waits are cancelled and statements refused often, and clients register the same few providers everywhere.
const STAGED: Budget = Budget {
    replicas: 2,
    steps: 200,
    cancels: 6,
    refusals: 6,
    crashes: 0,
    fail_overs: 1,
    kills: 0,
    questions: [true, false, true, false, false, true],
    ..FAULTS
};

/// The number of histories in which a violation is looked for, unless `CPSS_REPLICA_SEARCH` says otherwise.
const SEARCH: u64 = 4;

/// The number of histories, unless `CPSS_REPLICA_HISTORIES` says otherwise.
const HISTORIES: u64 = 8;

/// Fails with the first history that violates something.
fn nothing_is_violated(budget: Budget) {
    let histories = std::env::var("CPSS_REPLICA_HISTORIES").map_or(HISTORIES, |number| number.parse().unwrap());
    let found = first_violation(0..histories, |seed| History::new(seed, None, budget).run().err());
    if let Some((seed, violation)) = found {
        panic!("the history of seed {seed}: {violation:?}");
    }
}

/// Looks for a history without a rule that violates what the rule protects, from a seed on that leads to one. If
/// `CPSS_REPLICA_SEARCH` is set, looks in that number of histories from the first seed on.
fn is_violated(broken: Rule, budget: Budget, first: u64, expected: impl Fn(&Violation) -> bool + Sync) {
    let searched = std::env::var("CPSS_REPLICA_SEARCH").map(|number| number.parse().unwrap());
    let seeds = searched.map_or(first..first + SEARCH, |histories| 0..histories);
    let violation = |seed| History::new(seed, Some(broken), budget).run().err().filter(&expected);
    let found = first_violation(seeds.clone(), violation);
    let (seed, violation) = found.unwrap_or_else(|| panic!("without {broken:?} nothing is violated in {seeds:?}"));
    println!("without {broken:?}, the history of seed {seed}: {violation:?}");
}

/// A report that a client or a replica takes for recorded is not in the log.
fn is_lost(violation: &Violation) -> bool {
    matches!(violation, Violation::AcknowledgedLost(_) | Violation::Histories(_))
}

#[test]
fn with_faults_nothing_is_violated() {
    nothing_is_violated(FAULTS);
}

#[test]
fn with_restores_nothing_is_violated() {
    nothing_is_violated(RESTORED);
    nothing_is_violated(RESTORED_SOON);
}

#[test]
fn with_restores_and_remedies_nothing_is_violated() {
    nothing_is_violated(REMEDIED);
    nothing_is_violated(REMEDIED_SOON);
}

#[test]
fn with_slower_clocks_nothing_is_violated() {
    nothing_is_violated(SLOWER);
}

#[test]
fn with_two_primaries_nothing_is_violated() {
    nothing_is_violated(SPLIT);
}

#[test]
fn with_frames_that_do_not_last_nothing_is_violated() {
    nothing_is_violated(STAGED);
}

#[test]
fn a_barrier_must_confirm_what_it_read_itself() {
    is_violated(Rule::OwnSnapshot, FAULTS, 537, |violation| matches!(violation, Violation::Histories(_)));
}

#[test]
fn a_notification_must_name_the_chain() {
    is_violated(Rule::SealedChain, SPLIT, 1224, |violation| matches!(violation, Violation::Histories(_)));
}

#[test]
fn a_refusal_must_be_confirmed_durably() {
    is_violated(Rule::DurableHead, SPLIT_HIRES, 149, |violation| matches!(violation, Violation::FalseRefusal(_)));
}

#[test]
fn a_loss_must_be_seen_durably() {
    is_violated(Rule::DurableLoss, SPLIT, 2, |violation| matches!(violation, Violation::FalseAlarm(_)));
}

#[test]
fn a_doubt_must_be_resolved_in_the_session_of_the_turn() {
    is_violated(Rule::SameSession, SPLIT, 134, is_lost);
}

#[test]
fn a_doubt_must_be_resolved_after_the_turn() {
    is_violated(Rule::LaterStatement, SPLIT, 489, |violation| {
        matches!(violation, Violation::Denied(_) | Violation::Order(_))
    });
}

#[test]
fn a_copy_must_contain_confirmed_frames_only() {
    is_violated(Rule::ConfirmedCopy, FAULTS, 96, |violation| matches!(violation, Violation::Histories(_)));
}

#[test]
fn a_replica_must_look_even_if_it_hears_nothing() {
    is_violated(Rule::Heartbeat, FAULTS, 0, |violation| matches!(violation, Violation::Stuck(_)));
}

#[test]
fn a_record_must_be_datable_after_the_head_whatever_the_clock() {
    is_violated(Rule::DatedByTheHead, SLOWER, 626, |violation| matches!(violation, Violation::Stuck(_)));
}

#[test]
fn a_restored_database_must_wait_for_every_replica() {
    is_violated(Rule::RollCall, RESTORED, 49, is_lost);
}

#[test]
fn an_answered_time_must_survive_a_restore() {
    is_violated(Rule::AnsweredTime, RESTORED_SOON, 107, |violation| matches!(violation, Violation::AnswerByTime(_)));
}

#[test]
fn a_restored_database_must_not_confirm_a_refusal_before_it_is_opened() {
    let wrong = |violation: &Violation| matches!(violation, Violation::FalseRefusal(_) | Violation::BeyondHead(_));
    is_violated(Rule::OpenedHead, RESTORED, 14, wrong);
}

#[test]
fn only_the_standby_that_commits_wait_for_may_be_promoted() {
    is_violated(Rule::NamedStandby, SPLIT, 31, is_lost);
}

#[test]
fn a_warning_must_make_the_outcome_unknown() {
    is_violated(Rule::Warning, SPLIT, 3, is_lost);
}

#[test]
fn a_database_must_not_be_opened_before_every_replica_has_looked() {
    is_violated(Rule::EveryReplica, RESTORED, 49, is_lost);
}

#[test]
fn an_epoch_must_begin_after_every_answered_time() {
    is_violated(Rule::NotedTime, REMEDIED, 802, |violation| matches!(violation, Violation::AnswerByTime(_)));
}

#[test]
fn a_time_that_a_restore_lost_must_be_put_back() {
    is_violated(Rule::RaisedAgain, RESTORED, 25, |violation| matches!(violation, Violation::Stuck(_)));
}

#[test]
fn a_record_must_not_be_dated_before_a_time_that_was_answered() {
    is_violated(Rule::Fence, SPLIT, 7, |violation| matches!(violation, Violation::AnswerByTime(_)));
}

#[test]
fn a_frame_that_is_staged_must_not_be_published_before_a_commit() {
    is_violated(Rule::StagedFrames, STAGED, 1089, |violation| matches!(violation, Violation::Histories(_)));
}
