//! The registry that rows are sent to: a server, or a rehearsal in this process.

use tonic::body::Body;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt as _};

/// An error of the transport.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The size of a page that is asked for.
pub const PAGE: u32 = 1000;

/// Calls the registry.
pub type Caller = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, Error>;

/// Calls through a service, whatever its bodies and errors are.
pub fn through<S, B>(service: S) -> Caller
where
    S: Service<http::Request<Body>, Response = http::Response<B>, Future: Send> + Clone + Send + Sync + 'static,
    S::Error: Into<Error>,
    B: http_body::Body<Data = prost::bytes::Bytes, Error: Into<Error>> + Send + 'static,
{
    BoxCloneSyncService::new(service.map_response(|response| response.map(Body::new)).map_err(Into::into))
}
