//! Who calls, and whether the contract lets anybody call that at all.

use std::{
    future::{Ready, ready},
    task::{Context, Poll},
};

use futures::future::Either;
use lineal_kernel::{Caller, TenantId};
use lineal_proto::permission_of;
use tonic::{Code, Request, Status, body::Body};
use tower::{Layer, Service};

use crate::Problem;

/// Request header with the name that the audit shows.
pub const ACTOR_HEADER: &str = "lineal-actor";

const OPEN: &[&str] = &["/grpc.health.v1.Health/", "/grpc.reflection."];
const MAX_ACTOR: usize = 128;

/// The caller of a request that came through [`crate::serve`].
pub fn caller_of<T>(request: &Request<T>) -> Caller {
    request
        .extensions()
        .get::<Caller>()
        .cloned()
        .unwrap_or_else(|| Caller { tenant: TenantId::default(), actor: "anonymous".to_owned() })
}

/// Refuses RPCs that declare no permission and names the caller of all others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AccessLayer;

impl<S> Layer<S> for AccessLayer {
    type Service = Access<S>;

    fn layer(&self, inner: S) -> Access<S> {
        Access { inner }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Access<S> {
    inner: S,
}

impl<S, B> Service<http::Request<B>> for Access<S>
where
    S: Service<http::Request<B>, Response = http::Response<Body>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<S::Response, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: http::Request<B>) -> Self::Future {
        let path = request.uri().path();
        if OPEN.iter().any(|open| path.starts_with(open)) {
            return Either::Left(self.inner.call(request));
        }
        if permission_of(path).is_none() {
            return Either::Right(ready(Ok(undeclared(path).into_http())));
        }
        let actor = request.headers().get(ACTOR_HEADER).and_then(|value| value.to_str().ok()).unwrap_or("anonymous");
        let actor = actor.chars().filter(|c| !c.is_control()).take(MAX_ACTOR).collect();
        request.extensions_mut().insert(Caller { tenant: TenantId::default(), actor });
        Either::Left(self.inner.call(request))
    }
}

fn undeclared(path: &str) -> Status {
    Problem::new(Code::PermissionDenied, "PERMISSION_UNDECLARED", format!("no contract allows a call of {path}"))
        .with("path", path)
        .status("rpc.lineal")
}
