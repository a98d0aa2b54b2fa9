//! Threads that work beside those that answer.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::process::setpriority_process;
use rustix::thread::gettid;

/// How far a thread stands back whose work somebody waits for in the end: where there is not enough time for all, it has
/// a third of what one that answers has.
pub const BESIDE: i32 = 5;

/// How far a thread stands back that has the time which the others leave.
pub const LAST: i32 = 19;

/// Has this thread stand back. If the system refuses, it is one among the others.
pub fn lower_priority(niceness: i32) {
    if let Err(refused) = setpriority_process(Some(gettid()), niceness) {
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        tracing::warn!(
            event = "thread_priority_not_lowered",
            error = &refused as &dyn std::error::Error,
            thread = name,
            "cannot lower thread priority"
        );
    }
}

/// Lets those that answer go first: called between pieces of work, none of which anybody would notice to wait for. The
/// system takes a core away only every few milliseconds, from one that stands back as from any other.
pub fn yield_now() {
    std::thread::yield_now();
}

/// Does what a thread is for, and does it again where it broke off, unless `rest` says that nobody wants it any more.
pub fn restarted(mut rest: impl FnMut() -> ControlFlow<()>, mut run: impl FnMut()) {
    while catch_unwind(AssertUnwindSafe(&mut run)).is_err() {
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        tracing::error!(event = "thread_restarted", thread = name, "a thread panicked and was restarted");
        if rest().is_break() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_breaks_off_is_done_again_unless_nobody_wants_it() {
        for (wanted, expected) in [(9, 3), (1, 2)] {
            let (mut runs, mut rests) = (0, 0);
            let rest = || {
                rests += 1;
                if rests > wanted { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            restarted(rest, || {
                runs += 1;
                assert!(runs == 3, "a test");
            });
            assert_eq!(runs, expected);
        }
    }
}
