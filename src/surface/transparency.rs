//! LogService: checkpoints and proofs of the transparency log, and the public keys. Nothing here is about anybody on
//! file.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::{Contract, Surface, decode, encode, status};
use crate::domain::id::Revision;
use crate::proof::tree::{TILE_WIDTH, Tile};
use crate::proto::v1;
use crate::proto::v1::log_service_server::LogService;
use crate::registry::Registry;
use crate::registry::checkpoints::SignedCheckpoint;
use crate::registry::transparency::ProofError;

#[tonic::async_trait]
impl LogService for Contract {
    async fn get_checkpoint(
        &self,
        _: Request<v1::GetCheckpointRequest>,
    ) -> Result<Response<v1::GetCheckpointResponse>, Status> {
        let latest = self.registry.latest_checkpoint().ok_or_else(status::tree_not_ready)?;
        Ok(Response::new(encode::checkpoint(&latest)))
    }

    async fn get_inclusion_proof(
        &self,
        request: Request<v1::GetInclusionProofRequest>,
    ) -> Result<Response<v1::GetInclusionProofResponse>, Status> {
        let asked = decode::inclusion_proof(request.get_ref()).map_err(|rejection| status::rejected(&rejection))?;
        let latest = self.checkpoint_with([("tree_size", asked.size), ("revision", Some(asked.revision))]).await?;
        let last = asked.size.unwrap_or(latest.revision);
        let proof = self.registry.inclusion_proof(asked.revision, last).await.map_err(|_| status::tree_not_ready())?;
        Ok(Response::new(encode::inclusion_proof(asked.revision, last, &proof, &latest)))
    }

    async fn get_consistency_proof(
        &self,
        request: Request<v1::GetConsistencyProofRequest>,
    ) -> Result<Response<v1::GetConsistencyProofResponse>, Status> {
        let asked = decode::consistency_proof(request.get_ref()).map_err(|rejection| status::rejected(&rejection))?;
        let latest = self.checkpoint_with([("second_size", asked.second), ("first_size", Some(asked.first))]).await?;
        let second = asked.second.unwrap_or(latest.revision);
        let proof = self.registry.consistency_proof(asked.first, second).await.map_err(|_| status::tree_not_ready())?;
        Ok(Response::new(encode::consistency_proof((asked.first, second), &proof, &latest)))
    }

    async fn get_signing_keys(
        &self,
        _: Request<v1::GetSigningKeysRequest>,
    ) -> Result<Response<v1::GetSigningKeysResponse>, Status> {
        Ok(Response::new(v1::GetSigningKeysResponse { jwks: public_keys(&self.registry) }))
    }
}

/// The public keys as a JWK set.
fn public_keys(registry: &Registry) -> String {
    registry.signing_keys().current().public.to_json()
}

impl Contract {
    /// The latest checkpoint, once it has the revisions in some fields.
    async fn checkpoint_with(
        &self,
        fields: [(&'static str, Option<Revision>); 2],
    ) -> Result<Arc<SignedCheckpoint>, Status> {
        let mut latest = None;
        for (field, revision) in fields.into_iter().filter_map(|(field, revision)| Some((field, revision?))) {
            let reached = self.registry.checkpoint_with(revision).await;
            latest = Some(reached.map_err(|error| match error {
                ProofError::BeyondHead { head } => status::revision_out_of_range(field, revision, head),
                ProofError::NotReady => status::tree_not_ready(),
            })?);
        }
        latest.ok_or_else(status::tree_not_ready)
    }
}

impl Surface {
    /// The public keys as a JWK set, which anyone may read.
    pub(crate) fn public_keys(&self) -> String {
        public_keys(self.registry())
    }

    /// The latest signed checkpoint, which anyone may read.
    pub(crate) fn checkpoint(&self) -> Result<Arc<SignedCheckpoint>, Status> {
        self.registry().latest_checkpoint().ok_or_else(status::tree_not_ready)
    }

    /// The tile at a path below `/log/tile/`, which anyone may read. `None` if there is no such tile.
    pub(crate) async fn tile(&self, path: &str) -> Result<Option<TileBytes>, Status> {
        let Some(tile) = Tile::at_path(path) else { return Ok(None) };
        let read = self.registry().tile(tile).await.map_err(|_| status::tree_not_ready())?;
        Ok(read.map(|bytes| TileBytes { bytes, is_full: tile.width == TILE_WIDTH }))
    }
}

/// The hashes of a tile.
pub(crate) struct TileBytes {
    /// The hashes, one after the other.
    pub(crate) bytes: Vec<u8>,
    /// True unless the tile is partial.
    pub(crate) is_full: bool,
}
