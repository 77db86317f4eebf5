//! The one way to listen.

use std::time::Duration;

use lineal_proto::DESCRIPTOR;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{
    Code, Status,
    body::Body,
    service::Routes,
    transport::{Server, server::TcpIncoming},
};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{Health, Problem, access::AccessLayer};

/// Limits of a listener. The defaults suit a replica of moderate size.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// How long requests in flight may finish after the shutdown signal.
    pub drain: Duration,
    /// Longest time to the first byte of an answer.
    pub request_timeout: Duration,
    /// Streams that one connection may have open at once.
    pub max_streams: u32,
    /// Serve the contracts to tools such as grpcurl.
    pub reflection: bool,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            drain: Duration::from_secs(20),
            request_timeout: Duration::from_mins(5),
            max_streams: 1024,
            reflection: false,
        }
    }
}

/// A listener that could not start or broke.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The transport failed.
    #[error("the listener failed")]
    Transport(#[from] tonic::transport::Error),
    /// The contracts cannot be reflected.
    #[error("the compiled contracts are unusable")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Serves `routes` on `listener` until `shutdown`; then stops accepting, lets go of whoever watches `health`, which should not be
/// [`READY`](crate::READY) any more, and lets requests in flight finish within the drain time.
pub async fn serve(
    listener: TcpListener,
    routes: Routes,
    health: &Health,
    config: &ServerConfig,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    let mut routes = health.add_to(routes);
    if config.reflection {
        let contracts =
            || tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(DESCRIPTOR);
        routes = routes.add_service(contracts().build_v1()?).add_service(contracts().build_v1alpha()?);
    }
    let server = Server::builder()
        .timeout(config.request_timeout)
        .max_concurrent_streams(config.max_streams)
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)))
        .http2_max_header_list_size(16 * 1024)
        .http2_max_pending_accept_reset_streams(Some(64))
        .initial_connection_window_size(4 << 20)
        .initial_stream_window_size(1 << 20)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(AccessLayer)
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming(listener), health.until(shutdown.clone()));
    let overdue = async {
        shutdown.cancelled().await;
        tokio::time::sleep(config.drain).await;
    };
    tokio::select! {
        finished = server => Ok(finished?),
        () = overdue => {
            tracing::warn!(drain = ?config.drain, "requests were still in flight at the end of the drain time");
            Ok(())
        }
    }
}

/// Serves health alone, without access checks, for probes that know no TLS.
pub async fn serve_health(
    listener: TcpListener,
    health: Health,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    let routes = health.add_to(Routes::default());
    let server =
        Server::builder().add_routes(routes).serve_with_incoming_shutdown(incoming(listener), health.until(shutdown));
    Ok(server.await?)
}

/// A served socket does not wait to fill packets: without this every answer to a lone request takes 40 ms longer.
fn incoming(listener: TcpListener) -> TcpIncoming {
    TcpIncoming::from(listener).with_nodelay(Some(true))
}

/// A panic costs its own request an INTERNAL and nothing else.
fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> http::Response<Body> {
    tracing::error!("a request handler panicked");
    let status: Status =
        Problem::new(Code::Internal, "INTERNAL", "something failed inside; the server's log says what")
            .status("rpc.lineal");
    status.into_http()
}
