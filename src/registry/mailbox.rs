//! The queue of messages, as the writer takes them out of it.
//!
//! Commands of bulk callers wait in a queue of their own. A batch takes all other messages first. Then it takes as many
//! of them as are decided while the log keeps a batch. So others wait about twice as long beside an import, even beside
//! that of a person with a long history.

use std::collections::VecDeque;
use std::mem;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::Receiver;

use super::message::Message;

/// The maximum number of messages that are decided as one batch.
const BATCH: usize = 256;

/// How long a busy writer waits for more messages. A commit in a database takes twenty times as long, so callers that
/// answer each response with a message share it: up to a third more commits a second, with less latency.
const LINGER: Duration = Duration::from_micros(40);

/// The minimum time for which the bulk commands of a batch are decided.
const DECIDE_FOR: Duration = Duration::from_millis(2);

/// The number of bulk commands in the first batch of a bulk caller, while it is not known how long they take.
const FIRST_OF_BULK: usize = 4;

/// The queue.
#[derive(Default)]
pub(super) struct Mailbox {
    queue: Option<Receiver<Message>>,
    /// A message that was taken out, and is in no batch yet.
    next: Option<Message>,
    /// The commands of bulk callers that were taken out, and are in no batch yet. Their slots limit their number.
    bulk: VecDeque<Message>,
    /// The number of bulk commands in the next batch.
    bulk_at_once: usize,
    /// The number of bulk commands that were decided since the last batch was taken, and the time that it took.
    decided_bulk: usize,
    decided_in: Duration,
    /// How long the log took to keep the last batch.
    kept_in: Duration,
}

impl Mailbox {
    pub(super) fn of(queue: Receiver<Message>) -> Mailbox {
        Mailbox { queue: Some(queue), bulk_at_once: FIRST_OF_BULK, ..Mailbox::default() }
    }

    /// Waits for a message, and takes all that are there, but only some bulk commands. `None` if there will be no more.
    pub(super) fn wait(&mut self) -> Option<Vec<Message>> {
        self.adapt();
        let mut messages: Vec<Message> = self.next.take().into_iter().collect();
        self.take_into(&mut messages);
        if messages.is_empty() && self.bulk.is_empty() {
            // The queue is empty: how long the commands of the next bulk caller take is not known.
            self.bulk_at_once = FIRST_OF_BULK;
            match self.queue.as_mut()?.blocking_recv()? {
                message if message.is_bulk() => self.bulk.push_back(message),
                message => messages.push(message),
            }
            self.take_into(&mut messages);
        }
        let closing = messages.iter().any(|message| matches!(message, Message::Close));
        let most = if closing { self.bulk.len() } else { self.bulk_at_once.min(self.bulk.len()) };
        messages.extend(self.bulk.drain(..most));
        Some(messages)
    }

    /// Notes how long it took to decide a message.
    pub(super) fn decided(&mut self, message: &Message, took: Duration) {
        if message.is_bulk() {
            self.decided_bulk += 1;
            self.decided_in += took;
        }
    }

    /// Adapts the number of bulk commands to how long it took to decide those of the last batches.
    fn adapt(&mut self) {
        let (bulk, took) = (mem::take(&mut self.decided_bulk), mem::take(&mut self.decided_in));
        if bulk > 0 {
            let each = took.as_nanos() / bulk as u128;
            let most = DECIDE_FOR.max(self.kept_in).as_nanos() / each.max(1);
            self.bulk_at_once = usize::try_from(most).unwrap_or(BATCH).clamp(1, BATCH.min(2 * bulk));
        }
    }

    /// Notes how long the log took to keep a batch.
    pub(super) fn kept(&mut self, took: Duration) {
        self.kept_in = took;
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

    /// Takes messages that are no bulk commands, as long as a batch has room.
    fn take_into(&mut self, messages: &mut Vec<Message>) {
        while messages.len() < BATCH
            && let Some(message) = self.take()
        {
            messages.push(message);
        }
    }

    /// Takes the next message that is no bulk command.
    fn take(&mut self) -> Option<Message> {
        loop {
            match self.queue.as_mut()?.try_recv().ok()? {
                message if message.is_bulk() => self.bulk.push_back(message),
                message => return Some(message),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;
    use tokio::sync::{Semaphore, mpsc};
    use uuid::Uuid;

    use super::super::content::Content;
    use super::super::decision_context::Numbers;
    use super::super::message::Reply;
    use super::super::submission::{QueueSlot, Submission};
    use super::*;
    use crate::domain::command::Command;
    use crate::domain::day::Day;
    use crate::domain::fact::Reporter;

    /// What a batch contains, by letters: a probe, news, an instant to be settled, a bulk command, the end.
    fn letters(messages: &[Message]) -> String {
        let letter = |message: &Message| match message {
            Message::Probe(_) => 'p',
            Message::Heard => 'h',
            Message::Settle(..) => 's',
            Message::Close => 'c',
            bulk if bulk.is_bulk() => 'b',
            _ => unreachable!(),
        };
        messages.iter().map(letter).collect()
    }

    fn message(letter: char) -> Message {
        match letter {
            'p' => Message::Probe(Reply::channel(None).0),
            'h' => Message::Heard,
            's' => Message::Settle(Timestamp::UNIX_EPOCH, Reply::channel(None).0),
            'b' => {
                let slot = Arc::new(Semaphore::new(1)).try_acquire_owned().ok().map(QueueSlot);
                Message::Submit(Box::new(submission()), Reply::channel(slot).0)
            }
            _ => Message::Close,
        }
    }

    fn submission() -> Submission {
        Submission {
            reporter: Reporter::registry(),
            method: "/test",
            request_id: Uuid::nil(),
            content: Content::default(),
            validate_only: false,
            note: String::new(),
            command: Command::BeginRecords { first_day: Day::BEGINNING },
            numbers: Numbers::Random,
        }
    }

    /// Each message of a batch took so long, but those that are not bulk commands took longer.
    fn decided(mailbox: &mut Mailbox, messages: &[Message], each: Duration) {
        for message in messages {
            mailbox.decided(message, if message.is_bulk() { each } else { each * 1_000 });
        }
    }

    #[test]
    fn bulk_commands_wait_for_others_and_only_a_few_expensive_ones_are_in_a_batch() {
        let (sender, queue) = mpsc::channel(4 * BATCH);
        let mut mailbox = Mailbox::of(queue);
        let send = |letters: &str| letters.chars().for_each(|letter| sender.try_send(message(letter)).unwrap());
        let millis = Duration::from_millis;
        send(&"b".repeat(BATCH));
        send("ph");
        let first = mailbox.wait().unwrap();
        assert_eq!(letters(&first), "phbbbb", "others come first");
        // Cheap ones: twice as many each time.
        decided(&mut mailbox, &first, Duration::from_micros(1));
        let second = mailbox.wait().unwrap();
        assert_eq!(letters(&second), "b".repeat(8));
        // As many as take two milliseconds, or as long as the log takes.
        decided(&mut mailbox, &second, millis(1));
        send("p");
        let third = mailbox.wait().unwrap();
        assert_eq!(letters(&third), "pbb");
        mailbox.kept(millis(3));
        decided(&mut mailbox, &third, millis(1));
        assert_eq!(letters(&mailbox.wait().unwrap()), "bbb");
        // One at least, and all before the end.
        decided(&mut mailbox, &third, millis(200));
        assert_eq!(letters(&mailbox.wait().unwrap()), "b");
        send("bc");
        assert_eq!(letters(&mailbox.wait().unwrap()), format!("c{}", "b".repeat(BATCH + 1 - 18)));
    }

    #[test]
    fn an_import_goes_on_with_as_many_as_before_and_the_next_one_begins_with_a_few() {
        let (sender, queue) = mpsc::channel(4 * BATCH);
        let mut mailbox = Mailbox::of(queue);
        let send = |count: usize| (0..count).for_each(|_| sender.try_send(message('b')).unwrap());
        send(BATCH);
        let mut batches = Vec::new();
        loop {
            let batch = mailbox.wait().unwrap();
            batches.push(batch.len());
            decided(&mut mailbox, &batch, Duration::from_micros(1));
            if batches.len() == 10 {
                break;
            }
            // The callers that were answered send the next ones.
            send(batch.len());
        }
        assert_eq!(batches, [4, 8, 16, 32, 64, 128, 256, 256, 256, 256], "never fewer while some wait");
        thread::scope(|scope| {
            let waits = scope.spawn(|| mailbox.wait().unwrap().len());
            thread::sleep(Duration::from_millis(50));
            sender.try_send(message('h')).unwrap();
            assert_eq!(waits.join().unwrap(), 1);
        });
        send(BATCH);
        assert_eq!(mailbox.wait().unwrap().len(), 4);
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
