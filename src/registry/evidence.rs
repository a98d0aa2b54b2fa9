//! What proves to others that something was recorded: the digest of its record.

use jiff::Timestamp;
use uuid::Uuid;

use super::errors::ReadError;
use super::handle::Registry;
use crate::domain::id::Revision;
use crate::store::record::{self, Hash, Undecodable};

/// The evidence of a record that a request made.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The digest of the record. It is the leaf of the transparency log.
    pub digest: Hash,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The client that made the request.
    pub client: String,
    /// The request's id, if the record has one.
    pub request_id: Option<Uuid>,
}

impl Registry {
    /// Returns the evidence of a record; `None` if there is none. Reads the log on the blocking thread pool.
    pub async fn evidence(&self, revision: Revision) -> Result<Option<Evidence>, ReadError> {
        let shared = std::sync::Arc::clone(&self.shared);
        let read = tokio::task::spawn_blocking(move || {
            let Some(found) = shared.log.read(revision, revision).next() else { return Ok(None) };
            let (revision, bytes) = found?;
            let digest = record::digest(&bytes).map_err(|what| Undecodable { revision, what })?;
            let record = record::decode(revision, &bytes)?;
            Ok(Some(Evidence {
                digest,
                recorded_at: record.recorded_at,
                client: record.reporter.client,
                request_id: record.request.map(|request| request.request_id),
            }))
        });
        read.await.map_err(|_| ReadError::Interrupted)?
    }
}
