//! Adds the peer of the connection to each request.

use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service;
use tonic::body::Body;
use tower::Service;

use crate::auth::peer::Peer;

/// A service whose requests know their peer.
pub(super) struct WithPeer<S> {
    /// Calls of a connection begin one after another. A lock that is free costs less than a copy for each call.
    services: Mutex<S>,
    peer: Peer,
}

impl<S> WithPeer<S> {
    pub(super) fn new(services: S, peer: Peer) -> WithPeer<S> {
        WithPeer { services: Mutex::new(services), peer }
    }
}

impl<S> service::Service<Request<Incoming>> for WithPeer<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = S::Future;

    fn call(&self, request: Request<Incoming>) -> S::Future {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(self.peer.clone());
        self.services.lock().unwrap_or_else(PoisonError::into_inner).call(request)
    }
}
