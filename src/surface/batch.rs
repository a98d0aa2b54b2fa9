//! Batches of questions: answered in order from one snapshot, in a response of a size that every client accepts.

use smallvec::SmallVec;
use tokio::task::yield_now;
use tonic::{Response, Status};

use super::decode::ItemPath;
use super::encode::Wire;
use super::limits::refused;
use super::preencoded::{Preencoded, USUAL_ANSWER};
use super::question::{Item, TOGETHER, read_together, write_result};
use super::read_audit::{self, AuditEntry};
use super::redaction::CallContext;
use super::{Contract, status};
use crate::proto::google::rpc;
use crate::proto::v1;

/// The maximum size of a response, 3.5 MiB: by default, gRPC clients refuse messages of more than 4 MiB.
const LARGEST_RESPONSE: usize = 7 * 512 * 1024;

/// The field of the response that contains the results.
const RESULTS: u8 = 1;

/// The maximum size of the keys and lengths around a refusal.
const AROUND_REFUSAL: usize = 16;

impl Contract {
    /// Answers a batch.
    pub(super) async fn batch<M>(
        &self,
        context: &CallContext,
        method: &'static str,
        options: &v1::StreamOptions,
        items: &[impl Item],
    ) -> Result<Response<Preencoded<M>>, Status> {
        self.quotas.of(&context.caller.client).questions(items.len()).map_err(refused)?;
        // Decoding many items has already taken time.
        if items.len() > TOGETHER {
            yield_now().await;
        }
        let snapshot = self.pin(options).await?;
        let mut wire = Wire::with_capacity(items.len() * USUAL_ANSWER);
        let mut room = Room::for_items(items, LARGEST_RESPONSE);
        let mut tally = self.tally(context, method, &snapshot);
        let mut work = self.scheduler.work(items);
        let mut paths = (0..).map(ItemPath::Indexed);
        while let Some(items) = work.next().await {
            let located: SmallVec<[_; TOGETHER]> =
                items.iter().zip(paths.by_ref()).map(|(item, path)| (path, item)).collect();
            for (item, question) in located.iter().zip(read_together(&snapshot, located.iter().copied())) {
                let before = wire.written();
                let found = write_result((self, &snapshot), context, *item, question, &mut wire, RESULTS).await;
                let fits = room.keep_or_refuse(item.1, &mut wire, before);
                read_audit::add(&mut tally, AuditEntry { verdict: found.verdict.filter(|_| fits), ..found })?;
            }
        }
        // Release the turn, so that other batches continue while this one waits for the audit.
        drop(work);
        read_audit::written(tally.close()).await?;
        Ok(Response::new(Preencoded::written(wire)))
    }
}

/// The space of a response. A refusal of each remaining item always fits.
struct Room {
    largest: usize,
    reserved: usize,
    refusal: rpc::Status,
    refusal_bytes: usize,
}

impl Room {
    fn for_items(items: &[impl Item], largest: usize) -> Room {
        let refusal = status::answer_too_large("the batch's response is full: ask about this item in another batch");
        let refusal = status::to_rpc_status(&refusal);
        let refusal_bytes = prost::Message::encoded_len(&refusal) + AROUND_REFUSAL;
        let reserved = items.iter().map(|item| refusal_bytes + item.correlation_id().len()).sum();
        Room { largest, reserved, refusal, refusal_bytes }
    }

    /// Keeps the result that was written after `before` if it fits; otherwise replaces it with a refusal.
    fn keep_or_refuse(&mut self, item: &impl Item, wire: &mut Wire, before: usize) -> bool {
        self.reserved -= self.refusal_bytes + item.correlation_id().len();
        let fits = wire.written() + self.reserved <= self.largest;
        if !fits {
            wire.truncate(before);
            let begun = wire.begin(RESULTS);
            wire.text(1, item.correlation_id());
            wire.built(3, &self.refusal);
            wire.end(begun);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::proto::v1::verification_result::Outcome;

    fn item(correlation_id: String) -> v1::VerificationItem {
        v1::VerificationItem { correlation_id, ..v1::VerificationItem::default() }
    }

    /// Returns a response of at most `largest` bytes to items, each with an answer of the given size.
    fn response(largest: usize, items: &[(v1::VerificationItem, usize)]) -> v1::BatchVerifyCredentialsResponse {
        let asked: Vec<_> = items.iter().map(|(item, _)| item.clone()).collect();
        let (mut wire, mut room) = (Wire::default(), Room::for_items(&asked, largest));
        for (item, bytes) in items {
            let before = wire.written();
            let begun = wire.begin(RESULTS);
            wire.text(1, item.correlation_id());
            let rule_set_id = "x".repeat(*bytes);
            let answer = v1::Answer { rule_set_id, ..v1::Answer::default() };
            wire.built(2, &v1::Verification { answer: Some(answer), ..v1::Verification::default() });
            wire.end(begun);
            room.keep_or_refuse(item, &mut wire, before);
        }
        let bytes = wire.into_bytes();
        assert!(bytes.len() <= largest, "{} bytes of {largest}", bytes.len());
        v1::BatchVerifyCredentialsResponse::decode(bytes.as_slice()).unwrap()
    }

    #[test]
    fn an_item_whose_answer_does_not_fit_is_refused_and_the_others_are_answered() {
        let items: Vec<_> = (0..100).map(|at| (item(at.to_string()), if at % 10 == 3 { 4000 } else { 20 })).collect();
        let results = response(30_000, &items).results;
        assert!(
            results.iter().map(|result| &result.correlation_id).eq(items.iter().map(|(item, _)| &item.correlation_id))
        );
        let refused: Vec<_> = (0..results.len())
            .filter(|at| match results[*at].outcome.as_ref().unwrap() {
                Outcome::Verification(_) => false,
                Outcome::Error(error) => {
                    assert_eq!(error.code, tonic::Code::ResourceExhausted as i32);
                    true
                }
            })
            .collect();
        assert!(!refused.is_empty() && refused.iter().all(|at| at % 10 == 3), "{refused:?}");
    }

    #[test]
    fn refusals_alone_always_fit() {
        let items: Vec<_> = (0..200).map(|at| (item("c".repeat(at)), 1_000_000)).collect();
        let reserved = Room::for_items(&items.iter().map(|(item, _)| item.clone()).collect::<Vec<_>>(), 0).reserved;
        let results = response(reserved, &items).results;
        assert!(results.iter().all(|result| matches!(result.outcome, Some(Outcome::Error(_)))));
    }
}
