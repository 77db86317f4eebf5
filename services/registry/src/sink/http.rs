//! A sink behind an HTTP address that takes JSON.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, StatusCode, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE, InvalidHeaderValue},
};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use super::{NotTaken, Sink};

/// Where messages go.
#[derive(Clone)]
pub struct SinkConfig {
    /// `http://` or `https://`, with the path.
    pub url: Uri,
    /// Bearer token; empty for none.
    pub token: String,
    /// How long one message may take.
    pub timeout: Duration,
    /// How often the outbox is looked at; the first pause after a failure, too.
    pub poll: Duration,
}

/// Without the token.
impl fmt::Debug for SinkConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SinkConfig").field("url", &self.url).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// Why a sink cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// This machine's certificates cannot be read.
    #[error("cannot read this machine's root certificates")]
    Certificates(#[source] std::io::Error),
    /// The token is no header.
    #[error("the sink's token holds characters that no header can hold")]
    Token(#[from] InvalidHeaderValue),
}

/// A sink behind an HTTP address.
#[derive(Debug, Clone)]
pub struct HttpSink {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: Uri,
    authorization: Option<HeaderValue>,
    timeout: Duration,
}

impl HttpSink {
    /// Makes a client; the connection is made when it is needed.
    pub fn new(config: &SinkConfig) -> Result<Self, SinkError> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .map_err(SinkError::Certificates)?
            .https_or_http()
            .enable_http1()
            .build();
        let authorization = match config.token.as_str() {
            "" => None,
            token => {
                let mut value = HeaderValue::try_from(format!("Bearer {token}"))?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { client, url: config.url.clone(), authorization, timeout: config.timeout })
    }
}

#[async_trait]
impl Sink for HttpSink {
    async fn deliver(&self, body: &str) -> Result<(), NotTaken> {
        let mut request = Request::new(Full::new(Bytes::copy_from_slice(body.as_bytes())));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.clone();
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(value) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, value.clone());
        }
        let answer = match tokio::time::timeout(self.timeout, self.client.request(request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(NotTaken::Away(error.to_string())),
            Err(_) => return Err(NotTaken::Away("no answer in time".to_owned())),
        };
        match answer.status() {
            status if status.is_success() => Ok(()),
            status if is_about_the_message(status) => Err(NotTaken::Refused(status.to_string())),
            status => Err(NotTaken::Away(status.to_string())),
        }
    }
}

/// Everything else would meet the next message as well.
fn is_about_the_message(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST
            | StatusCode::CONFLICT
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNPROCESSABLE_ENTITY
    )
}
