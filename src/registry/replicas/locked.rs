//! Tests: what a replica reads while it has locked the head, and what remains of that.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::replica::{BEGIN, Replica, register};
use crate::store::log::memory::MemoryEngine;
use crate::store::log::replicated::simulated::plain::PlainDatabase;
use crate::store::log::replicated::statements::{Database, ReplicaSession as _};
use crate::store::log::replicated::{Hearing, ReplicatedEngine};

fn replica(database: PlainDatabase) -> Replica {
    let databases = Box::new(move || Box::new(database.clone()) as Box<dyn Database>);
    let (copy, hearing) = (Box::new(MemoryEngine::default()), Arc::new(Hearing::new([7; 32])));
    Replica::open(&ReplicatedEngine::new(copy, databases, hearing, Timestamp::MIN))
}

#[test]
fn a_time_that_was_read_under_a_lock_dates_nothing_later() {
    let database = PlainDatabase::new();
    let (mut ours, mut theirs) = (replica(database.clone()), replica(database.join(1)));
    theirs.record(1, register("east"));
    ours.follow();
    // An old primary may show this, and the one that replaces it never have it.
    let through = BEGIN.parse::<Timestamp>().unwrap() + SignedDuration::from_secs(5);
    database.clone().settle(through).unwrap();
    ours.writer.store.lock().unwrap().expect("another replica appends");
    assert_eq!(ours.writer.store.not_before(), through);
    ours.writer.store.unlock();
    assert!(ours.writer.store.not_before() < through);
}
