//! Pacing: a body that always has more data lets the other tasks of its worker thread run after some bytes.

use std::task::{Context, Poll};

/// The number of bytes that a body moves before it yields.
const TURN_BYTES: usize = 64 * 1024;

/// The progress of a body in its turn.
#[derive(Debug, Default)]
pub(super) struct Pace {
    moved: usize,
}

impl Pace {
    /// Returns `Pending` if the body has used up its turn. Its task is woken at once, and runs after the other tasks.
    pub(super) fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.moved < TURN_BYTES {
            return Poll::Ready(());
        }
        self.moved = 0;
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Counts bytes that were moved.
    pub(super) fn count(&mut self, bytes: usize) {
        self.moved += bytes;
    }

    /// The body waits for data, so its next turn starts from zero.
    pub(super) fn waited(&mut self) {
        self.moved = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn a_body_yields_once_after_a_turn_of_bytes_in_a_row() {
        let (mut pace, context) = (Pace::default(), Context::from_waker(Waker::noop()));
        let mut turns = |waits: bool| {
            (0..40)
                .filter(|_| {
                    let is_pending = pace.poll(&context).is_pending();
                    if waits {
                        pace.waited();
                    }
                    pace.count(TURN_BYTES / 4);
                    is_pending
                })
                .count()
        };
        assert_eq!(turns(false), 9);
        assert_eq!(turns(true), 1, "the last turn was not over");
    }
}
