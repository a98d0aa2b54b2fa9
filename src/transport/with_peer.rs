//! Adds the peer of the connection to each request.

use std::convert::Infallible;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service;
use tonic::body::Body;
use tower::Service;

use crate::auth::peer::Peer;

/// A service whose requests know their peer.
pub(super) struct WithPeer<S> {
    pub(super) services: S,
    pub(super) peer: Peer,
}

impl<S> service::Service<Request<Incoming>> for WithPeer<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = S::Future;

    fn call(&self, request: Request<Incoming>) -> S::Future {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(self.peer.clone());
        self.services.clone().call(request)
    }
}
