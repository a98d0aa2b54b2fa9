//! Threads that work beside those that answer.

use rustix::process::setpriority_process;
use rustix::thread::gettid;

/// How far a thread stands back whose work somebody waits for in the end: where there is not enough time for all, it has
/// a third of what one that answers has.
pub const BESIDE: i32 = 5;

/// How far a thread stands back that has the time which the others leave.
pub const LAST: i32 = 19;

/// Has this thread stand back. If the system refuses, it is one among the others.
pub fn stand_back(niceness: i32) {
    if let Err(refused) = setpriority_process(Some(gettid()), niceness) {
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        tracing::warn!(error = &refused as &dyn std::error::Error, thread = name, "a thread does not stand back");
    }
}

/// Lets those that answer go first: called between pieces of work, none of which anybody would notice to wait for. The
/// system takes a core away only every few milliseconds, from one that stands back as from any other.
pub fn give_way() {
    std::thread::yield_now();
}
