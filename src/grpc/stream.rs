//! Streams of questions: one snapshot for the whole stream, an answer for each item in order, and no more in memory than
//! the item at hand. A peer that reads slowly is asked for no more items: flow control does the rest.

use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

use super::disclosure::{Asker, asker};
use super::limits::fair;
use super::reads::{self, Found};
use super::verification::{eligibility_result, verification_result};
use super::{Contract, status};
use crate::proto::v1;
use crate::registry::snapshot::Snapshot;

/// A message of a stream of questions.
pub(super) enum Incoming<I> {
    /// How the stream is to be answered: the first message, and no other.
    Options(v1::StreamOptions),
    /// A question.
    Item(I),
}

/// A stream of questions, by its messages.
pub(super) trait Questions: Send + 'static {
    /// `Service/Method`.
    const METHOD: &'static str;
    /// A question.
    type Item: Send;
    /// A message of the answering stream.
    type Answer: Send;

    /// What a message is; none when it is neither.
    fn read(self) -> Option<Incoming<Self::Item>>;
    /// The message that says what the stream is answered from.
    fn pinned(pinned: v1::Pinned) -> Self::Answer;
    /// The answer to a question, and what is written down of it.
    fn answer(
        snapshot: &Snapshot,
        asker: &Asker,
        item: Self::Item,
    ) -> impl Future<Output = (Self::Answer, Option<Found>)> + Send;
}

/// Answers a stream: first what it is answered from, then every item in order.
pub(super) async fn answered<Q: Questions>(
    contract: Contract,
    request: Request<Streaming<Q>>,
) -> Result<Response<std::pin::Pin<Box<dyn Stream<Item = Result<Q::Answer, Status>> + Send>>>, Status> {
    let asker = asker(&request)?;
    let mut questions = request.into_inner();
    let first = questions.message().await?.and_then(Questions::read);
    let Some(Incoming::Options(options)) = first else {
        return Err(status::invalid_field("options", "required: the first message of the stream"));
    };
    let snapshot = contract.pin(options.known_at.as_ref(), options.min_revision).await?;
    let pinned = v1::Pinned { epoch: snapshot.epoch.to_string(), revision: snapshot.revision.0 };
    let tally = contract.tally(&asker, Q::METHOD, &snapshot);
    let asked = (questions, tally, snapshot, asker);
    // The first error ends the stream; what was answered before it is written down when the stream is let go of.
    let answers = futures_util::stream::try_unfold(asked, |(mut questions, mut tally, snapshot, asker)| async move {
        let Some(message) = questions.message().await.map_err(status::of_transport)? else { return Ok(None) };
        match message.read() {
            Some(Incoming::Item(item)) => {
                let (answer, found) = Q::answer(&snapshot, &asker, item).await;
                reads::add(&mut tally, found, None)?;
                Ok(Some((answer, (questions, tally, snapshot, asker))))
            }
            Some(Incoming::Options(_)) => Err(status::invalid_field("options", "the first message alone has them")),
            None => Err(status::invalid_field("item", "required")),
        }
    });
    let whole = tokio_stream::once(Ok(Q::pinned(pinned))).chain(answers);
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

    fn pinned(pinned: v1::Pinned) -> Self::Answer {
        use v1::stream_verify_credentials_response::Kind;
        v1::StreamVerifyCredentialsResponse { kind: Some(Kind::Pinned(pinned)) }
    }

    async fn answer(snapshot: &Snapshot, asker: &Asker, item: v1::VerificationItem) -> (Self::Answer, Option<Found>) {
        use v1::stream_verify_credentials_response::Kind;
        let (result, found) = verification_result(snapshot, asker, item).await;
        (v1::StreamVerifyCredentialsResponse { kind: Some(Kind::Result(result)) }, found)
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

    fn pinned(pinned: v1::Pinned) -> Self::Answer {
        use v1::stream_check_billing_eligibility_response::Kind;
        v1::StreamCheckBillingEligibilityResponse { kind: Some(Kind::Pinned(pinned)) }
    }

    async fn answer(snapshot: &Snapshot, asker: &Asker, item: v1::EligibilityItem) -> (Self::Answer, Option<Found>) {
        use v1::stream_check_billing_eligibility_response::Kind;
        let (result, found) = eligibility_result(snapshot, asker, item).await;
        (v1::StreamCheckBillingEligibilityResponse { kind: Some(Kind::Result(result)) }, found)
    }
}
