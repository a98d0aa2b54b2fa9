//! What it costs at least to write: the echo's other service, whose calls are on the disk before they are answered.

use std::fs::File;
use std::io::Write as _;

use cpss_registry::proto::v1::record_service_server::RecordService;
use cpss_registry::proto::v1::{self, import_records_response};
use futures_util::stream::StreamExt as _;
use tokio::sync::{mpsc, oneshot};
use tonic::{Request, Response, Status, Streaming};

use super::echo::{Answers, not_echoed};
use super::wire::Failure;

/// About the length of a record's frame.
const BYTES: usize = 300;

/// How many calls are written as one, as the registry's writer has it.
const BATCH: usize = 256;

/// How many rows of an import are under way at once, as the registry has it.
const ROWS: usize = 64;

/// Keeps what it is called with, and nothing of what it says.
#[derive(Clone)]
pub struct SyncWriter(mpsc::Sender<oneshot::Sender<()>>);

impl SyncWriter {
    /// With the thread that writes, to a file that goes when the process does.
    pub fn start() -> Result<SyncWriter, Failure> {
        let file = tempfile::tempfile_in(env!("CARGO_TARGET_TMPDIR"))?;
        let (sender, calls) = mpsc::channel(4 * BATCH);
        std::thread::Builder::new().name("keeper".to_owned()).spawn(move || keep(file, calls))?;
        Ok(SyncWriter(sender))
    }
}

/// Writes and syncs what is called until the disk refuses or nobody calls any more.
fn keep(mut file: File, mut calls: mpsc::Receiver<oneshot::Sender<()>>) {
    let mut batch = Vec::with_capacity(BATCH);
    while calls.blocking_recv_many(&mut batch, BATCH) > 0 {
        let bytes = vec![7; BYTES * batch.len()];
        if file.write_all(&bytes).and_then(|()| file.sync_data()).is_err() {
            return;
        }
        for call in batch.drain(..) {
            // Who hung up misses nothing.
            call.send(()).ok();
        }
    }
}

impl SyncWriter {
    /// Hands in what is to be kept. The future waits until it is.
    async fn hand_in(&self) -> Result<impl Future<Output = Result<(), Status>> + use<>, Status> {
        let refused = || Status::unavailable("the disk refused");
        let (kept, is_kept) = oneshot::channel();
        self.0.send(kept).await.map_err(|_| refused())?;
        Ok(async move { is_kept.await.map_err(|_| refused()) })
    }
}

#[tonic::async_trait]
impl RecordService for SyncWriter {
    async fn end_period(&self, _: Request<v1::EndPeriodRequest>) -> Result<Response<v1::EndPeriodResponse>, Status> {
        self.hand_in().await?.await?;
        Ok(Response::new(v1::EndPeriodResponse::default()))
    }

    async fn retract_fact(
        &self,
        _: Request<v1::RetractFactRequest>,
    ) -> Result<Response<v1::RetractFactResponse>, Status> {
        not_echoed()
    }

    async fn list_facts(&self, _: Request<v1::ListFactsRequest>) -> Result<Response<v1::ListFactsResponse>, Status> {
        not_echoed()
    }

    async fn list_review_items(
        &self,
        _: Request<v1::ListReviewItemsRequest>,
    ) -> Result<Response<v1::ListReviewItemsResponse>, Status> {
        not_echoed()
    }

    async fn list_reads(&self, _: Request<v1::ListReadsRequest>) -> Result<Response<v1::ListReadsResponse>, Status> {
        not_echoed()
    }

    type ImportRecordsStream = Answers<v1::ImportRecordsResponse>;

    async fn import_records(
        &self,
        request: Request<Streaming<v1::ImportRecordsRequest>>,
    ) -> Result<Response<Self::ImportRecordsStream>, Status> {
        let keeper = self.clone();
        let answer = v1::ImportRecordsResponse {
            result: Some(import_records_response::Result::Outcome(v1::ImportOutcome::default())),
            ..Default::default()
        };
        let rows = request.into_inner().then(move |row| {
            let (keeper, answer) = (keeper.clone(), answer.clone());
            async move {
                let kept = match row {
                    Ok(_) => keeper.hand_in().await,
                    Err(status) => Err(status),
                };
                async { kept?.await.map(|()| answer) }
            }
        });
        Ok(Response::new(Box::pin(rows.buffered(ROWS))))
    }
}
