//! The calls of one worker thread, which wait together until what they reported is written.
//!
//! The first call that reports something opens a group and spawns a task that flushes it. The runtime runs that task
//! after the calls that are ready already, so all of them are in the group when it is handed over. What is reported
//! while a group is being written forms the next one. A group is flushed once, and only its own worker wakes its calls:
//! the thread that writes wakes each worker once, however many calls wait there.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use tokio::sync::oneshot;

use super::{Shared, Unwritable};

/// Completes when what was reported is written, or with [`Unwritable`] when it cannot be.
#[derive(Clone, Debug)]
pub struct Written(futures_util::future::Shared<oneshot::Receiver<bool>>);

impl Future for Written {
    type Output = Result<(), Unwritable>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|written| if written == Ok(true) { Ok(()) } else { Err(Unwritable) })
    }
}

/// The group that is open. Clones share it.
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

    /// What to wait for after something was reported.
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
            // A call that has ended meanwhile misses nothing.
            done.send(shared.is_written().await).ok();
        }
    }

    /// Closes the open group. None: nobody waits, and the flush ends.
    fn close(&self) -> Option<oneshot::Sender<bool>> {
        let mut state = self.state();
        let open = state.open.take();
        state.is_flushing = open.is_some();
        open.map(|open| open.done)
    }
}
