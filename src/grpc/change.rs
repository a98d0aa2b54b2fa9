//! ChangeService: the feed of changes.

use std::pin::Pin;

use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use super::{Contract, status};
use crate::proto::v1;
use crate::proto::v1::change_service_server::ChangeService;

#[tonic::async_trait]
impl ChangeService for Contract {
    type WatchChangesStream = Pin<Box<dyn Stream<Item = Result<v1::WatchChangesResponse, Status>> + Send>>;

    async fn watch_changes(
        &self,
        _: Request<v1::WatchChangesRequest>,
    ) -> Result<Response<Self::WatchChangesStream>, Status> {
        Err(status::unimplemented("changes are not watched yet"))
    }

    async fn list_changes(
        &self,
        _: Request<v1::ListChangesRequest>,
    ) -> Result<Response<v1::ListChangesResponse>, Status> {
        Err(status::unimplemented("changes are not listed yet"))
    }
}
