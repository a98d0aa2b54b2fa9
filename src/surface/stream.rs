//! Streams of questions: all answers come from one snapshot, one for each item in order. At most two groups of items
//! are in memory. If the client reads slowly, no more items are read, and HTTP/2 flow control stops the client. The
//! answers of a group are sent once the audit has its numbers; the next group is answered in the meantime.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::future::poll_immediate;
use prost::Message as _;
use tokio::task::coop::consume_budget;
use tokio::task::yield_now;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

use super::decode::ItemPath;
use super::encode::Wire;
use super::limits::fair;
use super::preencoded::{Answers, Preencoded, USUAL_ANSWER};
use super::question::{Item, TOGETHER, read_together, write_result};
use super::read_audit;
use super::redaction::{CallContext, context};
use super::{Contract, status, unpinned};
use crate::auth::quotas::ClientQuota;
use crate::proto::v1;
use crate::registry::snapshot::Snapshot;
use crate::telemetry::audit::{BatchSummary, Unwritable, Written};

/// The maximum number of items, and their approximate maximum size in bytes, that are read before the first of them is
/// answered. The audit has one line per group.
const GROUP: usize = 8 * TOGETHER;
const GROUP_BYTES: usize = 16 * 1024;

/// A message of a stream of questions.
pub(super) enum Incoming<I> {
    /// The options of the stream: in the first message, and no other.
    Options(v1::StreamOptions),
    /// A question.
    Item(I),
}

/// A request message of a stream of questions.
pub(super) trait Questions: Send + 'static {
    /// `Service/Method`.
    const METHOD: &'static str;
    /// The item of a message.
    type Item: Item + prost::Message;
    /// The response message. Its field 1 is the pinned revision, and its field 2 a result.
    type Answer: Send + 'static;

    /// Returns the content of the message; `None` if it is empty.
    fn read(self) -> Option<Incoming<Self::Item>>;
}

/// The messages to send next. `None` ends the stream.
type Ready<A> = VecDeque<Result<Option<Preencoded<A>>, Status>>;

/// A stream that is being answered.
struct Answering<Q: Questions> {
    questions: Streaming<Q>,
    contract: Contract,
    quota: Arc<ClientQuota>,
    snapshot: Snapshot,
    context: CallContext,
    tally: BatchSummary,
    /// Answers that may be sent.
    ready: Ready<Q::Answer>,
    /// Answers that may be sent once the audit has their numbers.
    answered: Option<AnsweredGroup<Q>>,
}

/// Items that arrived together, and how the stream ends after them, if it does.
type Arrived<I> = (Vec<I>, Option<Result<(), Status>>);

/// The answers to a group, before they may be sent.
struct AnsweredGroup<Q: Questions> {
    answers: Ready<Q::Answer>,
    end: Option<Result<(), Status>>,
    reported: Result<Written, Unwritable>,
}

impl<Q: Questions> Answering<Q> {
    /// Returns the answer to the next question; `None` at the end.
    async fn next(&mut self) -> Result<Option<Preencoded<Q::Answer>>, Status> {
        if self.ready.is_empty() {
            self.next_group().await;
        }
        self.ready.pop_front().unwrap_or(Ok(None))
    }

    /// Waits until the next answers may be sent.
    async fn next_group(&mut self) {
        let first = match self.answered.take() {
            Some(answered) => answered,
            None => {
                let arrived = next_arrived(&mut self.questions).await;
                self.answer(arrived).await
            }
        };
        // Yield, so that the audit starts to write this report while the next group is answered.
        yield_now().await;
        if first.end.is_none()
            && let Some(arrived) = poll_immediate(next_arrived(&mut self.questions)).await
        {
            self.answered = Some(self.answer(arrived).await);
        }
        self.ready = match read_audit::written(first.reported).await {
            Ok(()) => first.answers,
            Err(refused) => return self.ready.push_back(Err(refused)),
        };
        self.ready.extend(first.end.map(|end| end.map(|()| None)));
    }

    /// Answers a group, and reports it to the audit.
    async fn answer(&mut self, (items, end): Arrived<Q::Item>) -> AnsweredGroup<Q> {
        self.quota.wait_for_questions(items.len()).await;
        // Every answer is from the revision that was pinned at the start. If the log has lost it, the stream ends.
        if let Err(error) = self.snapshot.require_kept() {
            let end = Some(Err(unpinned("options.known_at", error)));
            return AnsweredGroup { answers: Ready::new(), end, reported: self.tally.write() };
        }
        let registry = (&self.contract, &self.snapshot);
        let mut answers = Ready::with_capacity(items.len());
        for few in items.chunks(TOGETHER) {
            let few = || few.iter().map(|item| (ItemPath::Single, item));
            for (item, question) in few().zip(read_together(&self.snapshot, few())) {
                let mut wire = Wire::with_capacity(USUAL_ANSWER);
                let found = write_result(registry, &self.context, item, question, &mut wire, 2).await;
                if read_audit::add(&mut self.tally, found).is_err() {
                    return AnsweredGroup { answers, end, reported: Err(Unwritable) };
                }
                answers.push_back(Ok(Some(Preencoded::written(wire))));
            }
            consume_budget().await;
        }
        AnsweredGroup { answers, end, reported: self.tally.write() }
    }
}

/// Waits for an item, and takes the items that have arrived with it, up to a group. If no more can follow, also returns
/// how the stream ends. Cancel-safe: dropping the future while it waits loses no item.
async fn next_arrived<Q: Questions>(
    messages: &mut (impl Stream<Item = Result<Q, Status>> + Unpin),
) -> Arrived<Q::Item> {
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

/// Returns the item of a message after the first.
fn item_of<Q: Questions>(message: Result<Q, Status>) -> Result<Q::Item, Status> {
    match message.map_err(status::transport::of_transport)?.read() {
        Some(Incoming::Item(item)) => Ok(item),
        Some(Incoming::Options(_)) => Err(status::invalid_field("options", "allowed only in the first message")),
        None => Err(status::invalid_field("item", "required")),
    }
}

/// Answers a stream: first the pinned revision, then every item in order.
pub(super) async fn answered<Q: Questions>(
    contract: Contract,
    request: Request<Streaming<Q>>,
) -> Result<Response<Answers<Preencoded<Q::Answer>>>, Status> {
    let context = context(&request)?;
    let mut questions = request.into_inner();
    let first = questions.message().await?.and_then(Questions::read);
    let Some(Incoming::Options(options)) = first else {
        return Err(status::invalid_field("options", "required: the first message of the stream"));
    };
    let snapshot = contract.pin(&options).await?;
    let mut pinned = Wire::default();
    pinned.built(1, &v1::Pinned { epoch: snapshot.epoch.to_string(), revision: snapshot.revision.0 });
    let tally = contract.tally(&context, Q::METHOD, &snapshot);
    // The first error ends the stream. The tally writes its counts when it is dropped. The state is boxed because it is
    // moved with every answer.
    let quota = contract.quotas.of(&context.caller.client);
    let answering =
        Answering { questions, contract, quota, snapshot, context, tally, ready: Ready::new(), answered: None };
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

impl Questions for v1::StreamReviewEligibilityRequest {
    const METHOD: &'static str = "VerificationService/StreamReviewEligibility";
    type Item = v1::ReviewItem;
    type Answer = v1::StreamReviewEligibilityResponse;

    fn read(self) -> Option<Incoming<v1::ReviewItem>> {
        use v1::stream_review_eligibility_request::Kind;
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

    /// Returns messages that have all arrived, each with a correlation id of `bytes` bytes.
    fn arrived(count: usize, bytes: usize) -> impl Stream<Item = Result<Message, Status>> + Unpin {
        let item = v1::VerificationItem { correlation_id: "i".repeat(bytes), ..v1::VerificationItem::default() };
        let message = Message { kind: Some(v1::stream_verify_credentials_request::Kind::Item(item)) };
        futures_util::stream::iter(vec![Ok(message); count])
    }

    #[tokio::test]
    async fn items_that_have_arrived_are_taken_in_groups() {
        let mut messages = arrived(2 * GROUP + 3, 8);
        for (expected, is_end) in [(GROUP, false), (GROUP, false), (3, true)] {
            let (items, end) = next_arrived(&mut messages).await;
            assert_eq!((items.len(), end.is_some()), (expected, is_end));
        }
    }

    #[tokio::test]
    async fn a_group_is_limited_in_bytes() {
        for (bytes, expected) in [(GROUP_BYTES / 4, 4), (GROUP_BYTES, 1), (1, GROUP)] {
            let (items, end) = next_arrived(&mut arrived(GROUP, bytes)).await;
            assert_eq!((items.len(), end.is_some()), (expected, false), "items of {bytes} bytes");
        }
    }

    #[tokio::test]
    async fn a_group_does_not_wait_for_items_that_have_not_arrived() {
        let mut messages = arrived(2, 8).chain(tokio_stream::pending());
        let (items, end) = poll_immediate(next_arrived(&mut messages)).await.expect("it is ready");
        assert_eq!((items.len(), end.is_some()), (2, false));
    }
}
