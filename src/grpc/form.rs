//! Validates the form of a call: a POST with a gRPC content type.
//!
//! A browser may send other kinds of requests without a preflight request, and presents its user's certificate with
//! them. So a request of another form is refused before anything else processes it.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures_util::future::Either;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use tonic::body::Body;
use tonic::server::NamedService;
use tower::Service;

/// The prefix of every gRPC content type.
const GRPC: &[u8] = b"application/grpc";

/// Returns the refusal of a request that is not a gRPC call. None if it is one.
pub(crate) fn refusal<B>(request: &Request<B>) -> Option<Response<Body>> {
    let mut response = Response::new(Body::empty());
    if request.method() != Method::POST {
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    } else if !request.headers().get(CONTENT_TYPE).is_some_and(is_of_grpc) {
        *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    } else {
        return None;
    }
    Some(response)
}

fn is_of_grpc(content_type: &HeaderValue) -> bool {
    content_type.as_bytes().get(..GRPC.len()).is_some_and(|start| start.eq_ignore_ascii_case(GRPC))
}

/// A service that only receives gRPC calls.
#[derive(Clone)]
pub(crate) struct CallsOnly<S>(pub(crate) S);

impl<S: NamedService> NamedService for CallsOnly<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<Request<Body>> for CallsOnly<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response<Body>, Infallible>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match refusal(&request) {
            Some(refusal) => Either::Left(ready(Ok(refusal))),
            None => Either::Right(self.0.call(request)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_a_post_with_a_content_type_of_grpc() {
        for (method, content_type, expected) in [
            ("POST", Some("application/grpc"), None),
            ("POST", Some("application/grpc+proto"), None),
            ("POST", Some("Application/gRPC; charset=utf-8"), None),
            ("GET", Some("application/grpc"), Some(405)),
            ("OPTIONS", None, Some(405)),
            ("post", Some("application/grpc"), Some(405)),
            ("POST", None, Some(415)),
            ("POST", Some(""), Some(415)),
            ("POST", Some("application/grp"), Some(415)),
            ("POST", Some("application/json"), Some(415)),
            ("POST", Some("text/plain; application/grpc"), Some(415)),
        ] {
            let mut request = Request::builder().method(method);
            if let Some(content_type) = content_type {
                request = request.header(CONTENT_TYPE, content_type);
            }
            let refused = refusal(&request.body(()).unwrap()).map(|response| response.status().as_u16());
            assert_eq!(refused, expected, "{method} {content_type:?}");
        }
    }
}
