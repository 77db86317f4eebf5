//! Refused changes, whichever RPC asked for them: the one place where they are audited. The permission in the contract tells a
//! change from a question.

use std::{
    convert::Infallible,
    error::Error,
    task::{Context, Poll},
};

use lineal_kernel::{Caller, ModelName, VersionNumber};
use lineal_proto::{lineal::types::v1::Permission, permission_of};
use tonic::{
    Code, Status,
    body::Body,
    codegen::{BoxFuture, Service, http},
    server::NamedService,
};
use tonic_types::StatusExt;

use crate::Registry;

/// A service whose refusals are audited.
#[derive(Debug, Clone)]
pub(super) struct Audited<S> {
    registry: Registry,
    inner: S,
}

/// Marks the status of a refusal that is in the audit already, by being its source.
#[derive(Debug, thiserror::Error)]
#[error("the audit has it already")]
pub(super) struct AlreadyAudited;

impl<S> Audited<S> {
    pub(super) fn new(registry: &Registry, inner: S) -> Self {
        Self { registry: registry.clone(), inner }
    }
}

impl<S: NamedService> NamedService for Audited<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<http::Request<Body>> for Audited<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible, Future: Send + 'static>,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let Some((caller, action)) = change(&request) else { return Box::pin(self.inner.call(request)) };
        let registry = self.registry.clone();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            if let Some(status) = answer.extensions().get::<Status>().filter(|status| is_refusal(status)) {
                registry.record_refusal(&caller, action, subject(status), status.message()).await;
            }
            Ok(answer)
        })
    }
}

/// Who asks for which change: a call of `/lineal.registry.v1.AliasService/SetAlias` asks for `set_alias`.
fn change<B>(request: &http::Request<B>) -> Option<(Caller, String)> {
    let path = request.uri().path();
    match permission_of(path)? {
        Permission::Register | Permission::Train | Permission::Validate | Permission::Promote => {}
        // Leases come and go by the second.
        Permission::Unspecified | Permission::Read | Permission::Predict | Permission::Serve => return None,
    }
    let mut action = String::new();
    for c in path.rsplit('/').next()?.chars() {
        if c.is_ascii_uppercase() && !action.is_empty() {
            action.push('_');
        }
        action.push(c.to_ascii_lowercase());
    }
    Some((request.extensions().get::<Caller>()?.clone(), action))
}

/// A service that fails or is away has not said no; and what it did audit is not audited twice.
fn is_refusal(status: &Status) -> bool {
    let failed = matches!(status.code(), Code::Ok | Code::Internal | Code::Unavailable);
    !failed && !status.source().is_some_and(<dyn Error>::is::<AlreadyAudited>)
}

/// The model, and the version of it, that a refusal names.
fn subject(status: &Status) -> Option<(ModelName, Option<VersionNumber>)> {
    let named = status.get_details_error_info()?.metadata;
    let model = ModelName::new(named.get("model")?).ok()?;
    let number = named.get("version").and_then(|text| VersionNumber::new(text.parse().ok()?).ok());
    Some((model, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(path: &str) -> Option<String> {
        let mut request = http::Request::new(());
        *request.uri_mut() = path.parse().unwrap();
        request.extensions_mut().insert(Caller::service("test"));
        change(&request).map(|(_, action)| action)
    }

    #[test]
    fn a_change_is_told_from_a_question_and_from_a_lease() {
        // F164
        assert_eq!(asks("/lineal.registry.v1.AliasService/SetAlias").as_deref(), Some("set_alias"));
        assert_eq!(asks("/lineal.registry.v1.RunService/LogBatch").as_deref(), Some("log_batch"));
        assert_eq!(asks("/lineal.registry.v1.AliasService/ListAliases"), None);
        assert_eq!(asks("/lineal.registry.v1.ReplicaService/Heartbeat"), None);
        assert_eq!(asks("/lineal.registry.v1.AliasService/Obliterate"), None);
    }
}
