//! gRPC calls that cost the load as little as possible.

use bytes::{Buf as _, BufMut as _, Bytes};
use http::uri::PathAndQuery;
use lineal_rpc::Peer;
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

/// Who asks, as the server sees it.
pub(crate) const ACTOR: &str = "lineal-load";

/// A client whose messages are encoded before and never decoded. Clones share one HTTP/2 connection.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    grpc: Grpc<Peer>,
}

impl Client {
    /// Connects at the first call.
    pub(crate) fn new(address: &str) -> anyhow::Result<Self> {
        Ok(Self { grpc: Grpc::new(lineal_rpc::connect(address, ACTOR)?) })
    }

    /// Sends an encoded request of the method at `path` and returns the encoded answer.
    pub(crate) async fn call(&mut self, path: PathAndQuery, request: Bytes) -> Result<Bytes, Status> {
        self.grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let answer = self.grpc.unary(Request::new(request), path, Encoded).await?;
        Ok(answer.into_inner())
    }
}

/// Messages as they are on the wire.
#[derive(Debug, Clone, Copy)]
struct Encoded;

impl Codec for Encoded {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }
}

impl Decoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
