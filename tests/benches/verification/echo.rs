//! The echo server: a bare tonic server of the same contract that answers every question with a constant.
//!
//! It looks nothing up and authenticates nobody, so it measures the network stack alone. Its transport has the same
//! settings as the registry's. Calls that change something are written to disk by the
//! [`sync_writer`](super::sync_writer).

use std::io::Write as _;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use cpss_registry::proto::v1::record_service_server::RecordServiceServer;
use cpss_registry::proto::v1::verification_service_server::{VerificationService, VerificationServiceServer};
use cpss_registry::proto::v1::{self, eligibility_result, verification_result};
use prost::Message as _;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

use super::secure;
use super::sync_writer::SyncWriter;
use super::wire::Failure;

/// Same as in the registry.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// Returns these constants.
#[derive(Clone)]
struct Echo {
    verification: v1::Verification,
    eligibility: v1::Eligibility,
}

/// The responses of a stream.
pub type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl Echo {
    fn verified(&self) -> v1::VerificationResult {
        let outcome = Some(verification_result::Outcome::Verification(self.verification.clone()));
        v1::VerificationResult { correlation_id: String::new(), outcome }
    }

    fn checked(&self) -> v1::EligibilityResult {
        let outcome = Some(eligibility_result::Outcome::Eligibility(self.eligibility.clone()));
        v1::EligibilityResult { correlation_id: String::new(), outcome }
    }
}

/// The file that passes the constants to the echo server: a verification and an eligibility.
pub fn constants(verification: &v1::Verification, eligibility: &v1::Eligibility) -> Vec<u8> {
    let mut bytes = verification.encode_length_delimited_to_vec();
    bytes.extend(eligibility.encode_length_delimited_to_vec());
    bytes
}

/// Serves until the process ends; in plaintext, or with the certificates of a place.
pub async fn serve(constants: &Path, place: Option<&Path>) -> Result<(), Failure> {
    let bytes = std::fs::read(constants)?;
    let mut bytes = bytes.as_slice();
    let echo = Echo {
        verification: v1::Verification::decode_length_delimited(&mut bytes)?,
        eligibility: v1::Eligibility::decode_length_delimited(&mut bytes)?,
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    std::io::stdout().flush()?;
    let server = tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(16 * 1024 * 1024)
        .add_service(VerificationServiceServer::new(echo))
        .add_service(RecordServiceServer::new(SyncWriter::start()?));
    let never = std::future::pending();
    match place {
        Some(place) => server.serve_with_incoming_shutdown(secure::incoming(listener, place)?, never).await?,
        None => {
            let incoming = tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true));
            server.serve_with_incoming_shutdown(incoming, never).await?;
        }
    }
    Ok(())
}

/// The refusal of methods that no benchmark calls.
pub fn not_echoed<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("the echo does not answer this"))
}

#[tonic::async_trait]
impl VerificationService for Echo {
    async fn verify_credential(
        &self,
        _: Request<v1::VerifyCredentialRequest>,
    ) -> Result<Response<v1::VerifyCredentialResponse>, Status> {
        Ok(Response::new(v1::VerifyCredentialResponse {
            verification: Some(self.verification.clone()),
            ..v1::VerifyCredentialResponse::default()
        }))
    }

    async fn batch_verify_credentials(
        &self,
        request: Request<v1::BatchVerifyCredentialsRequest>,
    ) -> Result<Response<v1::BatchVerifyCredentialsResponse>, Status> {
        let results = request.into_inner().items.iter().map(|_| self.verified()).collect();
        Ok(Response::new(v1::BatchVerifyCredentialsResponse { results }))
    }

    type StreamVerifyCredentialsStream = Answers<v1::StreamVerifyCredentialsResponse>;

    async fn stream_verify_credentials(
        &self,
        request: Request<Streaming<v1::StreamVerifyCredentialsRequest>>,
    ) -> Result<Response<Self::StreamVerifyCredentialsStream>, Status> {
        use v1::stream_verify_credentials_request::Kind as Asked;
        use v1::stream_verify_credentials_response::Kind;
        let echo = self.clone();
        let answers = request.into_inner().map(move |message| {
            let kind = match message?.kind {
                Some(Asked::Item(_)) => Kind::Result(echo.verified()),
                Some(Asked::Options(_)) | None => Kind::Pinned(v1::Pinned::default()),
            };
            Ok(v1::StreamVerifyCredentialsResponse { kind: Some(kind) })
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn check_billing_eligibility(
        &self,
        _: Request<v1::CheckBillingEligibilityRequest>,
    ) -> Result<Response<v1::CheckBillingEligibilityResponse>, Status> {
        Ok(Response::new(v1::CheckBillingEligibilityResponse {
            eligibility: Some(self.eligibility.clone()),
            ..v1::CheckBillingEligibilityResponse::default()
        }))
    }

    async fn batch_check_billing_eligibility(
        &self,
        request: Request<v1::BatchCheckBillingEligibilityRequest>,
    ) -> Result<Response<v1::BatchCheckBillingEligibilityResponse>, Status> {
        let results = request.into_inner().items.iter().map(|_| self.checked()).collect();
        Ok(Response::new(v1::BatchCheckBillingEligibilityResponse { results }))
    }

    type StreamCheckBillingEligibilityStream = Answers<v1::StreamCheckBillingEligibilityResponse>;

    async fn stream_check_billing_eligibility(
        &self,
        request: Request<Streaming<v1::StreamCheckBillingEligibilityRequest>>,
    ) -> Result<Response<Self::StreamCheckBillingEligibilityStream>, Status> {
        use v1::stream_check_billing_eligibility_request::Kind as Asked;
        use v1::stream_check_billing_eligibility_response::Kind;
        let echo = self.clone();
        let answers = request.into_inner().map(move |message| {
            let kind = match message?.kind {
                Some(Asked::Item(_)) => Kind::Result(echo.checked()),
                Some(Asked::Options(_)) | None => Kind::Pinned(v1::Pinned::default()),
            };
            Ok(v1::StreamCheckBillingEligibilityResponse { kind: Some(kind) })
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn review_eligibility(
        &self,
        _: Request<v1::ReviewEligibilityRequest>,
    ) -> Result<Response<v1::ReviewEligibilityResponse>, Status> {
        not_echoed()
    }

    async fn batch_review_eligibility(
        &self,
        _: Request<v1::BatchReviewEligibilityRequest>,
    ) -> Result<Response<v1::BatchReviewEligibilityResponse>, Status> {
        not_echoed()
    }

    type StreamReviewEligibilityStream = Answers<v1::StreamReviewEligibilityResponse>;

    async fn stream_review_eligibility(
        &self,
        _: Request<Streaming<v1::StreamReviewEligibilityRequest>>,
    ) -> Result<Response<Self::StreamReviewEligibilityStream>, Status> {
        not_echoed()
    }

    async fn get_credential(
        &self,
        _: Request<v1::GetCredentialRequest>,
    ) -> Result<Response<v1::GetCredentialResponse>, Status> {
        not_echoed()
    }

    async fn list_standing_periods(
        &self,
        _: Request<v1::ListStandingPeriodsRequest>,
    ) -> Result<Response<v1::ListStandingPeriodsResponse>, Status> {
        not_echoed()
    }
}
