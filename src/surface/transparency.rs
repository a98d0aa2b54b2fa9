//! LogService: checkpoints and proofs of the transparency log, and the public keys. Nothing here is about anybody on
//! file.

use tonic::{Request, Response, Status};

use super::{Contract, status};
use crate::proto::v1;
use crate::proto::v1::log_service_server::LogService;

#[tonic::async_trait]
impl LogService for Contract {
    async fn get_checkpoint(
        &self,
        _: Request<v1::GetCheckpointRequest>,
    ) -> Result<Response<v1::GetCheckpointResponse>, Status> {
        Err(status::tree_not_ready())
    }

    async fn get_inclusion_proof(
        &self,
        _: Request<v1::GetInclusionProofRequest>,
    ) -> Result<Response<v1::GetInclusionProofResponse>, Status> {
        Err(status::tree_not_ready())
    }

    async fn get_consistency_proof(
        &self,
        _: Request<v1::GetConsistencyProofRequest>,
    ) -> Result<Response<v1::GetConsistencyProofResponse>, Status> {
        Err(status::tree_not_ready())
    }

    async fn get_signing_keys(
        &self,
        _: Request<v1::GetSigningKeysRequest>,
    ) -> Result<Response<v1::GetSigningKeysResponse>, Status> {
        Err(status::tree_not_ready())
    }
}
