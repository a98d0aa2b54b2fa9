//! The minimum cost of a write: the echo server's second service, whose calls are on disk before the response.

use std::fs::File;
use std::io::Write as _;

use cpss_registry::proto::v1::record_service_server::RecordService;
use cpss_registry::proto::v1::{self, import_records_response};
use futures_util::stream::StreamExt as _;
use tokio::sync::{mpsc, oneshot};
use tonic::{Request, Response, Status, Streaming};

use super::echo::{Answers, not_echoed};
use super::wire::Failure;

/// The approximate length of a record's frame.
const BYTES: usize = 300;

/// The number of calls written as one batch, same as in the registry.
const BATCH: usize = 256;

/// The number of import rows in progress, same as in the registry.
const ROWS: usize = 64;

/// Writes the calls, but not their content.
#[derive(Clone)]
pub struct SyncWriter(mpsc::Sender<oneshot::Sender<()>>);

impl SyncWriter {
    /// Starts the writer thread, with a file that is deleted with the process.
    pub fn start() -> Result<SyncWriter, Failure> {
        let file = tempfile::tempfile_in(env!("CARGO_TARGET_TMPDIR"))?;
        let (sender, calls) = mpsc::channel(4 * BATCH);
        std::thread::Builder::new().name("keeper".to_owned()).spawn(move || keep(file, calls))?;
        Ok(SyncWriter(sender))
    }
}

/// Writes and syncs calls until the disk fails or there are no more callers.
fn keep(mut file: File, mut calls: mpsc::Receiver<oneshot::Sender<()>>) {
    let mut batch = Vec::with_capacity(BATCH);
    while calls.blocking_recv_many(&mut batch, BATCH) > 0 {
        let bytes = vec![7; BYTES * batch.len()];
        if file.write_all(&bytes).and_then(|()| file.sync_data()).is_err() {
            return;
        }
        for call in batch.drain(..) {
            // A caller that has hung up needs no response.
            call.send(()).ok();
        }
    }
}

impl SyncWriter {
    /// Queues a call. The returned future completes when it is on disk.
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

    type PreviewImpactStream = Answers<v1::PreviewImpactResponse>;

    async fn preview_impact(
        &self,
        _: Request<v1::PreviewImpactRequest>,
    ) -> Result<Response<Self::PreviewImpactStream>, Status> {
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
