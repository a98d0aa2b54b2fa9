//! Group commit for the calls of one worker thread: they wait together until their lines are written.
//!
//! The first call that reports something opens a group and spawns a task that flushes it. The runtime runs that task
//! after the calls that are already ready, so all of them join the group. Whatever is reported while a group is being
//! written forms the next group. A group is flushed once, and its own worker wakes its calls: the writer thread wakes
//! each worker once, however many calls wait there.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use tokio::sync::oneshot;

use super::{Shared, Unwritable};

/// Completes when the reported lines are written, or with [`Unwritable`] if they cannot be.
#[derive(Clone, Debug)]
pub struct Written(futures_util::future::Shared<oneshot::Receiver<bool>>);

impl Future for Written {
    type Output = Result<(), Unwritable>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|written| if written == Ok(true) { Ok(()) } else { Err(Unwritable) })
    }
}

/// The open group. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Group(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    open: Option<Open>,
    is_flushing: bool,
}

struct Open {
    done: oneshot::Sender<bool>,
    written: Written,
}

impl Group {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the future to wait for after a report.
    pub(super) fn wait(&self, shared: &Arc<Shared>) -> Written {
        let mut state = self.state();
        if let Some(open) = &state.open {
            return open.written.clone();
        }
        let (done, is_done) = oneshot::channel();
        let written = Written(is_done.shared());
        state.open = Some(Open { done, written: written.clone() });
        if !std::mem::replace(&mut state.is_flushing, true) {
            tokio::spawn(self.clone().flush(Arc::clone(shared)));
        }
        written
    }

    async fn flush(self, shared: Arc<Shared>) {
        while let Some(done) = self.close() {
            // A call that has already ended does not need the result.
            done.send(shared.is_written().await).ok();
        }
    }

    /// Closes the open group. None: no call waits, and the flush ends.
    fn close(&self) -> Option<oneshot::Sender<bool>> {
        let mut state = self.state();
        let open = state.open.take();
        state.is_flushing = open.is_some();
        open.map(|open| open.done)
    }
}
