//! OperationsService: what the one who runs the service needs. Nothing here answers about anybody on file.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use tokio::time::timeout;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use super::limits::{fair, refused};
use super::read_audit::{AuditEntry, REFUSED};
use super::redaction::context;
use super::{Contract, decode, encode, status};
use crate::auth::memory::Held;
use crate::proto::v1;
use crate::proto::v1::operations_service_server::OperationsService;
use crate::proto::v1::stream_backup_response::Content;
use crate::registry::backup::{BACKUP_BYTES, BackupError, BackupRefused, BackupStream, Backups, Ended, Listed, Sent};
use crate::telemetry::checks::Checks;

/// How often a client hears that a backup goes on, while the registry reads what the client has.
const HEARTBEAT: Duration = Duration::from_secs(4);

/// The outcome of a backup in the audit.
const BACKUP: &str = "BACKUP";

/// What the service needs of the server.
pub(crate) struct Operations {
    /// The backups of the registry.
    pub(crate) backups: Arc<Backups>,
    /// The checks of the server.
    pub(crate) checks: Checks,
}

#[tonic::async_trait]
impl OperationsService for Contract {
    type StreamBackupStream = Pin<Box<dyn Stream<Item = Result<v1::StreamBackupResponse, Status>> + Send>>;

    async fn stream_backup(
        &self,
        request: Request<v1::StreamBackupRequest>,
    ) -> Result<Response<Self::StreamBackupStream>, Status> {
        let context = context(&request)?;
        let kept = decode::kept_files(request.get_ref()).map_err(|rejection| status::rejected(&rejection))?;
        let begun = self.begin_backup(&context.caller.client, kept);
        // No part of the backup is sent before it is in the audit.
        let verdict = Some(if begun.is_ok() { BACKUP } else { REFUSED });
        let entry = AuditEntry { verdict, ..AuditEntry::default() };
        self.audit_read(&context, "OperationsService/StreamBackup", &self.registry.pin_head(), entry).await?;
        let (backup, held) = begun?;
        let streaming = Streaming {
            backup,
            client: context.caller.client.clone(),
            last: v1::BackupPart::default(),
            ended: None,
            _held: held,
        };
        let messages = stream::unfold(Some(streaming), |streaming| async move {
            let mut streaming = streaming?;
            match streaming.next().await? {
                Ok(content) => Some((Ok(v1::StreamBackupResponse { content: Some(content) }), Some(streaming))),
                Err(status) => Some((Err(status), None)),
            }
        });
        Ok(Response::new(Box::pin(fair(messages))))
    }

    async fn get_status(&self, _: Request<v1::GetStatusRequest>) -> Result<Response<v1::GetStatusResponse>, Status> {
        let checks = self.operations.checks.clone();
        let checked = tokio::task::spawn_blocking(move || checks.run()).await;
        Ok(Response::new(encode::status(checked.map_err(|_| status::internal())?)))
    }

    async fn get_caller(
        &self,
        request: Request<v1::GetCallerRequest>,
    ) -> Result<Response<v1::GetCallerResponse>, Status> {
        Ok(Response::new(encode::caller(&context(&request)?.caller)))
    }
}

impl Contract {
    /// Begins a backup, and holds the memory that it takes.
    fn begin_backup(&self, client: &str, kept: Vec<Listed>) -> Result<(BackupStream, Held), Status> {
        let held = self.quotas.of(client).hold(BACKUP_BYTES).map_err(refused)?;
        Ok((self.operations.backups.begin(client, kept).map_err(not_begun)?, held))
    }
}

/// A `StreamBackup` stream.
struct Streaming {
    backup: BackupStream,
    client: String,
    /// The last part, without its bytes, as a sign of life.
    last: v1::BackupPart,
    /// The backup, once its end was passed on.
    ended: Option<Box<Ended>>,
    /// The memory that the backup takes.
    _held: Held,
}

impl Streaming {
    /// Returns the next message. Nothing follows the end: that it was asked for says that the end was passed on.
    async fn next(&mut self) -> Option<Result<Content, Status>> {
        if let Some(ended) = self.ended.take() {
            self.backup.keep_note(&ended.archived).await;
            let (client, bytes, head) = (self.client.as_str(), ended.bytes, ended.archived.manifest.head.0);
            tracing::info!(event = "backup_streamed", client, bytes, head, "a backup was sent");
            return None;
        }
        let Ok(next) = timeout(HEARTBEAT, self.backup.next()).await else {
            return Some(Ok(Content::Part(self.last.clone())));
        };
        match next? {
            Ok(Sent::Piece { offset, bytes, sha256 }) => {
                let (end, sha256) = (offset + bytes.len() as u64, sha256.to_vec());
                self.last = v1::BackupPart { offset: end, data: Vec::new(), sha256: sha256.clone() };
                Some(Ok(Content::Part(v1::BackupPart { offset, data: bytes, sha256 })))
            }
            Ok(Sent::End(ended)) => {
                let end = encode::backup_end(&ended);
                self.ended = Some(ended);
                Some(Ok(Content::End(end)))
            }
            Err(error) => Some(Err(self.failed(&error))),
        }
    }

    fn failed(&self, error: &BackupError) -> Status {
        let client = self.client.as_str();
        let cause = error as &dyn std::error::Error;
        tracing::warn!(
            event = "backup_not_streamed",
            client,
            error = cause,
            "a backup was begun and could not be sent"
        );
        match error {
            BackupError::Log(_) | BackupError::Undecodable(_) => status::data_loss(),
            _ => status::internal(),
        }
    }
}

fn not_begun(error: BackupRefused) -> Status {
    match error {
        BackupRefused::NoRecipient => status::no_backup_recipient(),
        BackupRefused::UnderWay => status::too_many("this client already takes a backup: wait until it ends"),
        BackupRefused::Thread(error) => {
            let cause = &error as &dyn std::error::Error;
            tracing::error!(event = "backup_not_begun", error = cause, "the thread of a backup cannot be started");
            status::internal()
        }
    }
}
