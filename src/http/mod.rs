//! The HTTP listener: the contract as JSON over HTTP/1.1 and HTTP/2, by the Connect protocol, as JSON lines, and as
//! server-sent events.
//!
//! It is generic over the descriptors of the contract: no method has code of its own here. Calls go to the [`Surface`],
//! as those of every listener.

mod browser;
mod call;
mod codec;
mod connect;
mod contract;
mod error;
mod escape;
mod events;
mod gzip;
mod json;
mod lines;
mod media;
mod open;
mod page;
mod pieces;
mod received;
mod reference;
mod reply;
mod rest;
mod roster;
mod writer;

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::{Method as Verb, Request, Response, StatusCode};
use tonic::Status;
use tonic::body::Body;
use tower::Service;

pub(crate) use self::browser::Origins;
use self::call::Exchange;
use self::contract::Method;
pub use self::contract::{Contract, ContractError};
pub(crate) use self::escape::escaped;
pub use self::json::Fault;
use self::media::{Accepted, Media};
use self::open::Open;
use self::rest::Rest;
use self::roster::Readers;
use crate::surface::status::transport::{method_not_allowed, unsupported_media_type};
use crate::surface::{HEADERS_BYTES, Surface, headers_bytes, status};

/// What all HTTP listeners of a process share: the descriptors, which web pages may call, and what anyone may read.
pub(crate) struct Shared {
    contract: Contract,
    origins: Origins,
    open: Open,
    readers: Readers,
}

impl Shared {
    /// Reads the descriptors. `reads_lists` is the command of this program that reads a list from standard input.
    pub(crate) fn new(origins: Origins, reads_lists: &'static str) -> Result<Arc<Shared>, ContractError> {
        let (contract, readers) = (Contract::new()?, Readers::new(reads_lists));
        Ok(Arc::new(Shared { contract, origins, open: Open::new(), readers }))
    }
}

/// The service that answers the requests of a connection.
#[derive(Clone)]
pub(crate) struct HttpListener {
    surface: Surface,
    shared: Arc<Shared>,
}

impl HttpListener {
    /// Creates a listener that calls this surface.
    pub(crate) fn new(surface: Surface, shared: &Arc<Shared>) -> HttpListener {
        HttpListener { surface, shared: Arc::clone(shared) }
    }

    async fn answer(self, request: Request<Body>) -> Response<Body> {
        if headers_bytes(request.headers()) > HEADERS_BYTES {
            let why = status::too_large("the headers are too large");
            return browser::harden(self.refuse(&request, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, &why), None);
        }
        let open = open::content(request.uri().path());
        let origin = match self.shared.origins.check(&request, open.is_some()) {
            Ok(origin) => origin,
            Err(why) => {
                let why = status::permission_denied(why);
                return browser::harden(self.refuse(&request, StatusCode::FORBIDDEN, &why), None);
            }
        };
        let is_head = request.method() == Verb::HEAD;
        let mut response = match (origin.as_ref(), request.method(), open) {
            (Some(_), &Verb::OPTIONS, _) => {
                let response = browser::preflight();
                self.surface.answered(&request, response.status());
                response
            }
            (_, _, Some(content)) => open::answer(&self, content, &request.map(drop)).await,
            _ if request.uri().path() == roster::PATH => roster::answer(&self, request).await,
            _ => self.called(request).await,
        };
        if is_head {
            // HTTP/1.1 leaves the body out by itself, and HTTP/2 does not.
            *response.body_mut() = Body::empty();
        }
        browser::harden(response, origin.as_ref())
    }

    /// Refuses a request that is not a call.
    fn refuse<B>(&self, request: &Request<B>, http: StatusCode, why: &Status) -> Response<Body> {
        self.surface.answered(request, http);
        reply::refusal(http, why, &self.shared.contract)
    }

    /// The call that a request makes, and its body.
    fn exchange(self, method: Arc<Method>, request: Request<Body>) -> (Exchange, Body) {
        let (head, body) = request.into_parts();
        (Exchange::new(self, method, head), body)
    }

    /// Answers a request by its path, its method, and its content type.
    async fn called(self, request: Request<Body>) -> Response<Body> {
        let wrong_method = |why| self.refuse(&request, StatusCode::METHOD_NOT_ALLOWED, &method_not_allowed(why));
        let wrong_type =
            |why: &str| self.refuse(&request, StatusCode::UNSUPPORTED_MEDIA_TYPE, &unsupported_media_type(why));
        let Some(method) = self.shared.contract.method(request.uri().path()).map(Arc::clone) else {
            return self.refuse(&request, StatusCode::NOT_FOUND, &status::no_such_method());
        };
        if request.method() == Verb::GET {
            if !method.may_get {
                let why = "send a POST: what this method asks must not stand in a URL";
                return reply::allowing("POST", wrong_method(why));
            }
            let Some(media) = connect::media(request.uri()) else {
                return wrong_type("say in the query: encoding=json, or encoding=proto");
            };
            let (exchange, _) = self.exchange(method, request);
            return connect::get(exchange, media).await;
        }
        if request.method() != Verb::POST {
            let allowed = if method.may_get { "GET, POST" } else { "POST" };
            return reply::allowing(allowed, wrong_method("send a POST"));
        }
        let sent = Media::of(request.headers());
        let wanted = Accepted::of(request.headers());
        match (sent, wanted) {
            (Some(media @ (Media::Json | Media::JsonLines)), Accepted::JsonLines) => {
                let (exchange, body) = self.exchange(method, request);
                lines::answer(exchange, body, media).await
            }
            (Some(Media::Json), Accepted::Events) if events::can_serve(&method) => {
                let (exchange, body) = self.exchange(method, request);
                events::answer(exchange, body).await
            }
            (Some(media @ (Media::Json | Media::Proto)), _) if method.is_unary() => {
                let (exchange, body) = self.exchange(method, request);
                connect::unary(exchange, body, media).await
            }
            (Some(media @ (Media::ConnectJson | Media::ConnectProto)), _) if !method.is_unary() => {
                let (exchange, body) = self.exchange(method, request);
                connect::stream(exchange, body, media).await
            }
            _ => {
                let right = media::right_for(&method);
                let why = match sent {
                    // The form is right, and the answer cannot have the same.
                    Some(Media::Json | Media::JsonLines) if !method.is_unary() => {
                        "this method streams: add the header Accept: application/x-ndjson, or \
                                          Accept: text/event-stream for the feed of changes"
                            .to_owned()
                    }
                    _ => format!("send one of the content types {right}"),
                };
                reply::posting(right, wrong_type(&why))
            }
        }
    }
}

impl Service<Request<Body>> for HttpListener {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let listener = self.clone();
        let (request, rest) = Rest::of(request);
        Box::pin(async move { Ok(rest.read(listener.answer(request).await).await) })
    }
}
