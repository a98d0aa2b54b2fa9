//! The progress of the writer, for a watch that finds out whether it is stuck.

use std::sync::Arc;

use tokio::sync::mpsc::WeakSender;

use super::handle::Registry;
use super::message::Message;
use super::progress::Progress;

/// The progress of the writer, as others see it. It keeps neither the writer nor the store open.
#[derive(Clone, Debug)]
pub struct WriterProgress {
    progress: Arc<Progress>,
    queue: WeakSender<Message>,
}

impl WriterProgress {
    /// A number that changes whenever the writer moves.
    pub fn steps(&self) -> u64 {
        self.progress.steps()
    }

    /// True if something waits for the writer to move. False while the writer waits for a disk or a database: no
    /// restart makes those faster.
    pub fn is_awaited(&self) -> bool {
        if self.progress.is_in_log() {
            return false;
        }
        let Some(queue) = self.queue.upgrade().filter(|queue| !queue.is_closed()) else { return false };
        self.progress.is_busy() || queue.capacity() < queue.max_capacity()
    }
}

impl Registry {
    /// The progress of the writer. Unlike other handles, it may be kept when the registry is closed.
    pub fn writer_progress(&self) -> WriterProgress {
        WriterProgress { progress: Arc::clone(&self.shared.progress), queue: self.writer.downgrade() }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[test]
    fn the_writer_is_awaited_while_it_is_busy_or_has_messages_but_never_while_it_is_in_the_log() {
        let (sender, queue) = mpsc::channel(4);
        let seen = WriterProgress { progress: Arc::default(), queue: sender.downgrade() };
        let progress = &seen.progress;
        assert!(!seen.is_awaited(), "nothing waits");
        sender.try_send(Message::Heard).unwrap();
        assert!(seen.is_awaited(), "a message waits");
        let before = seen.steps();
        progress.in_log(|| assert!(!seen.is_awaited(), "a sync is under way"));
        assert!(seen.is_awaited() && seen.steps() > before);
        let mut queue = queue;
        queue.try_recv().unwrap();
        progress.set_busy(true);
        assert!(seen.is_awaited(), "its callers wait");
        progress.set_busy(false);
        assert!(!seen.is_awaited());
        progress.set_busy(true);
        drop(queue);
        assert!(!seen.is_awaited(), "it has ended");
    }
}
