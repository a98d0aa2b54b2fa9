//! The queue of messages, as the writer takes them out of it.

use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::Receiver;

use super::message::Message;

/// The maximum number of messages that are decided as one batch.
const BATCH: usize = 256;

/// How long a busy writer waits for more messages. A commit in a database takes twenty times as long, so callers that
/// answer each response with a message share it: up to a third more commits a second, with less latency.
const LINGER: Duration = Duration::from_micros(40);

/// The queue.
#[derive(Default)]
pub(super) struct Mailbox {
    queue: Option<Receiver<Message>>,
    /// A message that was taken out, and is in no batch yet.
    next: Option<Message>,
}

impl Mailbox {
    pub(super) fn of(queue: Receiver<Message>) -> Mailbox {
        Mailbox { queue: Some(queue), next: None }
    }

    /// Waits for a message, and takes all that are there. `None` if there will be no more.
    pub(super) fn wait(&mut self) -> Option<Vec<Message>> {
        let first = self.next.take().or_else(|| self.queue.as_mut()?.blocking_recv())?;
        let mut messages = vec![first];
        while messages.len() < BATCH
            && let Some(message) = self.take()
        {
            messages.push(message);
        }
        Some(messages)
    }

    /// If several messages arrived while the writer was busy, waits a little for those of the callers that it has just
    /// answered.
    pub(super) fn linger(&mut self, messages: &mut Vec<Message>) {
        if messages.len() > 1 {
            thread::sleep(LINGER);
            self.add_to(messages);
        }
    }

    /// Adds the messages that are there to a batch that is about to be decided, up to the first that must be processed
    /// before that.
    pub(super) fn add_to(&mut self, messages: &mut Vec<Message>) {
        while messages.len() < BATCH
            && self.next.is_none()
            && let Some(message) = self.take()
        {
            if message.is_decided_in_batch() { messages.push(message) } else { self.next = Some(message) }
        }
    }

    fn take(&mut self) -> Option<Message> {
        self.queue.as_mut()?.try_recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use tokio::sync::mpsc;

    use super::super::message::Reply;
    use super::*;

    /// What a batch contains, by letters: a probe, news, an instant to be settled, the end.
    fn letters(messages: &[Message]) -> String {
        let letter = |message: &Message| match message {
            Message::Probe(_) => 'p',
            Message::Heard => 'h',
            Message::Settle(..) => 's',
            Message::Close => 'c',
            _ => unreachable!(),
        };
        messages.iter().map(letter).collect()
    }

    fn message(letter: char) -> Message {
        match letter {
            'p' => Message::Probe(Reply::channel(None).0),
            'h' => Message::Heard,
            's' => Message::Settle(Timestamp::UNIX_EPOCH, Reply::channel(None).0),
            _ => Message::Close,
        }
    }

    #[test]
    fn only_a_busy_writer_waits_for_more() {
        let (sender, queue) = mpsc::channel(BATCH);
        let mut mailbox = Mailbox::of(queue);
        let mut batch = vec![message('p')];
        sender.try_send(message('p')).unwrap();
        mailbox.linger(&mut batch);
        assert_eq!(letters(&batch), "p");
        batch.push(message('h'));
        mailbox.linger(&mut batch);
        assert_eq!(letters(&batch), "php");
    }

    #[test]
    fn a_batch_grows_up_to_a_message_that_must_be_processed_before() {
        let (sender, queue) = mpsc::channel(2 * BATCH);
        let mut mailbox = Mailbox::of(queue);
        let send = |letters: &str| letters.chars().for_each(|letter| sender.try_send(message(letter)).unwrap());
        send("ps");
        let mut batch = mailbox.wait().unwrap();
        assert_eq!(letters(&batch), "ps");
        send("phspc");
        mailbox.add_to(&mut batch);
        mailbox.add_to(&mut batch);
        assert_eq!(letters(&batch), "psph", "nothing is added behind what is left out");
        assert_eq!(letters(&mailbox.wait().unwrap()), "spc", "in order");
        send(&"h".repeat(BATCH + 7));
        let mut batch = vec![message('p')];
        mailbox.add_to(&mut batch);
        assert_eq!((batch.len(), mailbox.wait().unwrap().len()), (BATCH, 8));
        drop(sender);
        assert!(mailbox.wait().is_none());
    }
}
