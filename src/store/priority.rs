//! Priorities of background threads, and their restart after a panic.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::process::{getpriority_process, setpriority_process};
use rustix::thread::gettid;

/// Nice +5, for background threads whose result is eventually needed. On a busy machine such a thread gets about a
/// third of the CPU time of a thread that answers requests.
pub const BELOW_NORMAL: i32 = 5;

/// Nice +19, for background threads that only use idle CPU time.
pub const BACKGROUND: i32 = 19;

/// Lowers the priority of the current thread to a niceness, unless it is as low already. If the system refuses, the
/// thread keeps its priority.
pub fn lower_priority(niceness: i32) {
    if getpriority_process(Some(gettid())).is_ok_and(|already| already >= niceness) {
        return;
    }
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

/// Yields the CPU to threads that answer requests. Background work calls it between short slices, because the scheduler
/// preempts a running thread only every few milliseconds, even one of low priority.
pub fn yield_now() {
    std::thread::yield_now();
}

/// Runs the body of a thread, and runs it again after each panic unless `after_panic` returns `Break`.
pub fn restart_on_panic(mut after_panic: impl FnMut() -> ControlFlow<()>, mut run: impl FnMut()) {
    while catch_unwind(AssertUnwindSafe(&mut run)).is_err() {
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        tracing::error!(event = "thread_restarted", thread = name, "a thread panicked and was restarted");
        if after_panic().is_break() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_panics_is_restarted_until_it_must_stop() {
        for (restarts_allowed, expected_runs) in [(9, 3), (1, 2)] {
            let (mut runs, mut panics) = (0, 0);
            let after_panic = || {
                panics += 1;
                if panics > restarts_allowed { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            restart_on_panic(after_panic, || {
                runs += 1;
                assert!(runs == 3, "a test");
            });
            assert_eq!(runs, expected_runs);
        }
    }
}
