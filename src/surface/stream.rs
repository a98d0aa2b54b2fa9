//! Streams of questions: one snapshot for the whole stream, an answer for each item in order, and no more in memory
//! than two groups of items that have come together. A peer that reads slowly is asked for no more items: flow control
//! does the rest. The answers of a group go out once the audit has its numbers; meanwhile the next group is answered.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::future::poll_immediate;
use prost::Message as _;
use tokio::task::coop::consume_budget;
use tokio::task::yield_now;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

use super::decode::Place;
use super::encode::Wire;
use super::limits::fair;
use super::preencoded::{Answers, Preencoded, USUAL_ANSWER};
use super::question::{Item, TOGETHER, read_together, write_result};
use super::read_audit;
use super::redaction::{Asker, asker};
use super::{Contract, status};
use crate::auth::quotas::ClientQuota;
use crate::proto::v1;
use crate::registry::snapshot::Snapshot;
use crate::telemetry::audit::{BatchSummary, Unwritable, Written};

/// How many items, and about how many bytes of them, are taken in before the first of them is answered. The audit has
/// one line for all of them.
const GROUP: usize = 8 * TOGETHER;
const GROUP_BYTES: usize = 16 * 1024;

/// A message of a stream of questions.
pub(super) enum Incoming<I> {
    /// How the stream is to be answered: the first message, and no other.
    Options(v1::StreamOptions),
    /// A question.
    Item(I),
}

/// A message of a stream of questions.
pub(super) trait Questions: Send + 'static {
    /// `Service/Method`.
    const METHOD: &'static str;
    /// A question.
    type Item: Item + prost::Message;
    /// A message of the answering stream: field 1 says what it is answered from, field 2 is a result.
    type Answer: Send + 'static;

    /// What a message is; none when it is neither.
    fn read(self) -> Option<Incoming<Self::Item>>;
}

/// What goes out next of a stream. None ends it.
type Ready<A> = VecDeque<Result<Option<Preencoded<A>>, Status>>;

/// A stream that is being answered.
struct Answering<Q: Questions> {
    questions: Streaming<Q>,
    contract: Contract,
    quota: Arc<ClientQuota>,
    snapshot: Snapshot,
    asker: Asker,
    tally: BatchSummary,
    /// Answers that may go out.
    ready: Ready<Q::Answer>,
    /// Answers that may go out once the audit has what they are about.
    answered: Option<Answered<Q>>,
}

/// Items that have come together, and how the stream ends behind them, if it does.
type Come<I> = (Vec<I>, Option<Result<(), Status>>);

/// The answers to a group, before they go out.
struct Answered<Q: Questions> {
    answers: Ready<Q::Answer>,
    end: Option<Result<(), Status>>,
    reported: Result<Written, Unwritable>,
}

impl<Q: Questions> Answering<Q> {
    /// The answer to the next question; none when there is none.
    async fn next(&mut self) -> Result<Option<Preencoded<Q::Answer>>, Status> {
        if self.ready.is_empty() {
            self.next_group().await;
        }
        self.ready.pop_front().unwrap_or(Ok(None))
    }

    /// Waits until the next answers may go out.
    async fn next_group(&mut self) {
        let first = match self.answered.take() {
            Some(answered) => answered,
            None => {
                let come = come_together(&mut self.questions).await;
                self.answer(come).await
            }
        };
        // What was reported is handed over to the audit now, so that it is written while the next group is answered.
        yield_now().await;
        if first.end.is_none()
            && let Some(come) = poll_immediate(come_together(&mut self.questions)).await
        {
            self.answered = Some(self.answer(come).await);
        }
        self.ready = match read_audit::written(first.reported).await {
            Ok(()) => first.answers,
            Err(refused) => return self.ready.push_back(Err(refused)),
        };
        self.ready.extend(first.end.map(|end| end.map(|()| None)));
    }

    /// Answers a group, and reports it to the audit.
    async fn answer(&mut self, (items, end): Come<Q::Item>) -> Answered<Q> {
        self.quota.wait_for_questions(items.len()).await;
        let registry = (&self.contract, &self.snapshot);
        let mut answers = Ready::with_capacity(items.len());
        for few in items.chunks(TOGETHER) {
            let few = || few.iter().map(|item| (Place::Alone, item));
            for (item, question) in few().zip(read_together(&self.snapshot, few())) {
                let mut wire = Wire::with_capacity(USUAL_ANSWER);
                let found = write_result(registry, &self.asker, item, question, &mut wire, 2).await;
                if read_audit::add(&mut self.tally, found).is_err() {
                    return Answered { answers, end, reported: Err(Unwritable) };
                }
                answers.push_back(Ok(Some(Preencoded::written(wire))));
            }
            consume_budget().await;
        }
        Answered { answers, end, reported: self.tally.write() }
    }
}

/// Waits for an item, and takes those in that have come with it: a group, and few bytes. Giving it up while it waits
/// loses no item. With them, if no more will come, how the stream ends behind them.
async fn come_together<Q: Questions>(messages: &mut (impl Stream<Item = Result<Q, Status>> + Unpin)) -> Come<Q::Item> {
    let mut items = Vec::with_capacity(TOGETHER);
    let mut bytes = 0;
    let mut message = messages.next().await;
    loop {
        match message.map(item_of) {
            Some(Ok(item)) => {
                bytes += item.encoded_len();
                items.push(item);
            }
            Some(Err(status)) => return (items, Some(Err(status))),
            None => return (items, Some(Ok(()))),
        }
        if items.len() == GROUP || bytes > GROUP_BYTES {
            return (items, None);
        }
        match poll_immediate(messages.next()).await {
            Some(next) => message = next,
            None => return (items, None),
        }
    }
}

/// The item of a message behind the first.
fn item_of<Q: Questions>(message: Result<Q, Status>) -> Result<Q::Item, Status> {
    match message.map_err(status::of_transport)?.read() {
        Some(Incoming::Item(item)) => Ok(item),
        Some(Incoming::Options(_)) => Err(status::invalid_field("options", "the first message alone has them")),
        None => Err(status::invalid_field("item", "required")),
    }
}

/// Answers a stream: first what it is answered from, then every item in order.
pub(super) async fn answered<Q: Questions>(
    contract: Contract,
    request: Request<Streaming<Q>>,
) -> Result<Response<Answers<Preencoded<Q::Answer>>>, Status> {
    let asker = asker(&request)?;
    let mut questions = request.into_inner();
    let first = questions.message().await?.and_then(Questions::read);
    let Some(Incoming::Options(options)) = first else {
        return Err(status::invalid_field("options", "required: the first message of the stream"));
    };
    let snapshot = contract.pin(&options).await?;
    let mut pinned = Wire::default();
    pinned.built(1, &v1::Pinned { epoch: snapshot.epoch.to_string(), revision: snapshot.revision.0 });
    let tally = contract.tally(&asker, Q::METHOD, &snapshot);
    // The first error ends the stream; the counts are written down when the stream is let go of. In a box, because it
    // is handed on with every answer.
    let quota = contract.quotas.of(&asker.caller.client);
    let answering =
        Answering { questions, contract, quota, snapshot, asker, tally, ready: Ready::new(), answered: None };
    let answering = Box::new(answering);
    let answers = futures_util::stream::try_unfold(answering, |mut answering| async move {
        Ok(answering.next().await?.map(|answer| (answer, answering)))
    });
    let whole = tokio_stream::once(Ok(Preencoded::written(pinned))).chain(answers);
    Ok(Response::new(Box::pin(fair(whole))))
}

impl Questions for v1::StreamVerifyCredentialsRequest {
    const METHOD: &'static str = "VerificationService/StreamVerifyCredentials";
    type Item = v1::VerificationItem;
    type Answer = v1::StreamVerifyCredentialsResponse;

    fn read(self) -> Option<Incoming<v1::VerificationItem>> {
        use v1::stream_verify_credentials_request::Kind;
        self.kind.map(|kind| match kind {
            Kind::Options(options) => Incoming::Options(options),
            Kind::Item(item) => Incoming::Item(item),
        })
    }
}

impl Questions for v1::StreamCheckBillingEligibilityRequest {
    const METHOD: &'static str = "VerificationService/StreamCheckBillingEligibility";
    type Item = v1::EligibilityItem;
    type Answer = v1::StreamCheckBillingEligibilityResponse;

    fn read(self) -> Option<Incoming<v1::EligibilityItem>> {
        use v1::stream_check_billing_eligibility_request::Kind;
        self.kind.map(|kind| match kind {
            Kind::Options(options) => Incoming::Options(options),
            Kind::Item(item) => Incoming::Item(item),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Message = v1::StreamVerifyCredentialsRequest;

    /// Messages that have all come, each with so many bytes of an id of the caller's own.
    fn come(count: usize, bytes: usize) -> impl Stream<Item = Result<Message, Status>> + Unpin {
        let item = v1::VerificationItem { correlation_id: "i".repeat(bytes), ..v1::VerificationItem::default() };
        let message = Message { kind: Some(v1::stream_verify_credentials_request::Kind::Item(item)) };
        futures_util::stream::iter(vec![Ok(message); count])
    }

    #[tokio::test]
    async fn a_few_of_those_that_have_come_are_taken_in_together() {
        let mut messages = come(2 * GROUP + 3, 8);
        for (expected, is_end) in [(GROUP, false), (GROUP, false), (3, true)] {
            let (items, end) = come_together(&mut messages).await;
            assert_eq!((items.len(), end.is_some()), (expected, is_end));
        }
    }

    #[tokio::test]
    async fn no_more_bytes_are_taken_in_than_a_few_items_have() {
        for (bytes, expected) in [(GROUP_BYTES / 4, 4), (GROUP_BYTES, 1), (1, GROUP)] {
            let (items, end) = come_together(&mut come(GROUP, bytes)).await;
            assert_eq!((items.len(), end.is_some()), (expected, false), "items of {bytes} bytes");
        }
    }

    #[tokio::test]
    async fn nobody_waits_for_an_item_that_has_not_come() {
        let mut messages = come(2, 8).chain(tokio_stream::pending());
        let (items, end) = poll_immediate(come_together(&mut messages)).await.expect("it is ready");
        assert_eq!((items.len(), end.is_some()), (2, false));
    }
}
