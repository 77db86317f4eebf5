//! Reading messages from anybody within bounds of memory.

use std::marker::PhantomData;

use prost::{Message, bytes::Buf, encoding::decode_varint};
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder},
};
use tonic_prost::{ProstDecoder, ProstEncoder};

/// Most fields of one message. An empty tensor takes 2 bytes on the wire and 300 in memory, so bytes alone bound too little.
const MAX_FIELDS: usize = 1 << 18;
/// A message of this size has no room for more.
const SMALL: usize = 2 * MAX_FIELDS;

/// Protobuf, except that a message of very many fields is refused before memory is taken for them.
#[derive(Debug, Clone)]
pub struct BoundedCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for BoundedCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T: Message + Send + 'static, U: Message + Default + Send + 'static> Codec for BoundedCodec<T, U> {
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = BoundedDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::default()
    }

    fn decoder(&mut self) -> Self::Decoder {
        BoundedDecoder(ProstDecoder::default())
    }
}

/// The reading half of [`BoundedCodec`].
#[derive(Debug, Clone)]
pub struct BoundedDecoder<U>(ProstDecoder<U>);

impl<U: Message + Default> Decoder for BoundedDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let message = buffer.chunk();
        if message.len() > SMALL && has_too_many_fields(message) {
            return Err(Status::out_of_range(format!(
                "a message has at most {MAX_FIELDS} fields, send fewer rows at once"
            )));
        }
        self.0.decode(buffer)
    }
}

/// Whether the fields of the message itself are too many; those of messages within it are not looked at. What is no message is
/// left to the decoder to refuse.
fn has_too_many_fields(mut message: &[u8]) -> bool {
    let mut fields = 0;
    while let Some(rest) = after_field(message) {
        fields += 1;
        if fields > MAX_FIELDS {
            return true;
        }
        message = rest;
    }
    false
}

fn after_field(mut message: &[u8]) -> Option<&[u8]> {
    let tag = decode_varint(&mut message).ok()?;
    let length = match tag & 7 {
        0 => {
            decode_varint(&mut message).ok()?;
            0
        }
        1 => 8,
        2 => decode_varint(&mut message).ok()?,
        5 => 4,
        _ => return None,
    };
    message.get(usize::try_from(length).ok()?..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::{ModelInferRequest, model_infer_request::InferInputTensor};

    fn request(tensors: usize) -> Vec<u8> {
        let tensor = InferInputTensor { shape: vec![1], ..InferInputTensor::default() };
        ModelInferRequest { model_name: "churn".into(), inputs: vec![tensor; tensors], ..Default::default() }
            .encode_to_vec()
    }

    #[test]
    fn fields_are_counted_without_being_read() {
        assert!(!has_too_many_fields(&request(MAX_FIELDS - 1)));
        assert!(has_too_many_fields(&request(MAX_FIELDS)));
        // A field that claims 2 GiB ends the count.
        assert!(!has_too_many_fields(&[0x2a, 0xff, 0xff, 0xff, 0xff, 0x07, 0x2a, 0]));
        assert!(!has_too_many_fields(&[0x2a]));
    }
}
