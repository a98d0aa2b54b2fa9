//! Whether a server accepts the certificate that the client presents.

use std::error::Error;
use std::path::Path;

use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

use super::failure::{Failure, reasons};
use crate::registry::clock;
use crate::server::setup::certificate_expiry;

/// Waits until the server has accepted the certificate in the file. With TLS 1.3 the handshake is over for the client
/// before the server has looked at it, so only a call shows it. Any answer of the server to that call will do.
///
/// # Errors
///
/// The server closed the connection instead of an answer.
pub async fn accepted<I: Interceptor>(service: InterceptedService<Channel, I>, cert: &Path) -> Result<(), Failure> {
    match HealthClient::new(service).check(HealthCheckRequest::default()).await {
        Err(status) if is_closed(&status) => Err(refused(status.source(), cert)),
        _ => Ok(()),
    }
}

/// Whether the connection ended before the answer. Only a status that the client made has a source.
fn is_closed(status: &Status) -> bool {
    let is_of_transport = matches!(status.code(), Code::Cancelled | Code::Unknown | Code::Unavailable);
    let is_late = status.message().contains("Timeout expired");
    is_of_transport && !is_late && status.source().is_some() && status.get_error_details().error_info().is_none()
}

/// The failure of a connection that the server closed before it was in use. `None`: it failed for another reason.
pub fn refused_at_once(reason: &(dyn Error + 'static), cert: &Path) -> Option<Failure> {
    /// The alert of the server, or what is left of it when the client was still sending.
    const CLOSED: [&str; 3] = ["received fatal alert: ", "Connection reset", "Broken pipe"];
    let is_closed = reasons(reason).any(|reason| CLOSED.iter().any(|words| reason.to_string().contains(words)));
    is_closed.then(|| refused(Some(reason), cert))
}

/// The most that is known of why the server closed the connection.
fn refused(reason: Option<&(dyn Error + 'static)>, cert: &Path) -> Failure {
    let expires = certificate_expiry(cert);
    let cert = cert.display();
    if let Some(expired) = expires.filter(|&at| at <= clock::now()) {
        let line = format!("the server refuses the certificate in {cert}: it expired at {expired}");
        return Failure::lasting(vec![line, "ask the operator for a new certificate".to_owned()]);
    }
    let alert = reason.into_iter().flat_map(reasons).find_map(|reason| {
        let reason = reason.to_string();
        Some(reason.split_once("received fatal alert: ")?.1.to_owned())
    });
    let closed = "the server closed the connection right after the handshake";
    let remedy = "is it of the authority of this registry? `client_certificate_refused` in the server's log says why; \
                  ask the operator for a new certificate";
    match alert {
        Some(alert) => {
            let line = format!("{closed}: it refuses the certificate in {cert} ({alert})");
            Failure::lasting(vec![line, remedy.to_owned()])
        }
        // The server may have stopped at this moment: another attempt can succeed.
        None => {
            Failure::said(vec![format!("{closed}: it probably refuses the certificate in {cert}"), remedy.to_owned()])
        }
    }
}
