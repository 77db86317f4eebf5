//! Tensors of a file: that each holds what it says.

use super::{
    OnnxError,
    wire::{Budget, Value, varint},
};

/// Element types by their numbers in the format.
pub(super) const FLOAT: u64 = 1;
pub(super) const INT32: u64 = 6;
pub(super) const INT64: u64 = 7;
pub(super) const STRING: u64 = 8;
pub(super) const DOUBLE: u64 = 11;

/// Whole numbers are only remembered from tensors as small as a shape.
const MAX_SHAPE: u64 = 16;

/// A checked tensor.
pub(super) struct Tensor<'a> {
    pub(super) name: &'a str,
    /// The product of its values, if it is a small one of whole numbers: how many values a tensor of that shape has.
    pub(super) product: Option<u64>,
}

/// Reads and checks a tensor.
pub(super) fn tensor<'a>(bytes: &'a [u8], budget: &mut Budget) -> Result<Tensor<'a>, OnnxError> {
    let (mut name, mut kind, mut elements, mut held) = ("", 0, 1_u64, 0_u64);
    let (mut raw, mut numbers, mut external) = (None::<&[u8]>, Vec::new(), false);
    let mut dimension = |size: u64| {
        let size = Some(size).filter(|size| i64::try_from(*size).is_ok());
        elements = size.and_then(|size| elements.checked_mul(size)).ok_or(OnnxError::tensor("", "has no size"))?;
        Ok::<(), OnnxError>(())
    };
    for field in budget.part(bytes)? {
        match field? {
            (1, Value::Bytes(mut packed)) => {
                while !packed.is_empty() {
                    dimension(varint(&mut packed)?)?;
                }
            }
            (1, size) => dimension(size.number()?)?,
            (2, value) => kind = value.number()?,
            (4, Value::Bytes(packed)) => held += packed.len() as u64 / 4,
            (5, Value::Bytes(packed)) => held += varints(packed),
            (7 | 11, Value::Bytes(packed)) => {
                held += varints(packed);
                numbers.push(packed);
            }
            (10, Value::Bytes(packed)) => held += packed.len() as u64 / 8,
            (4..=7 | 10 | 11, _) => held += 1,
            (8, value) => name = value.text()?,
            (9, value) => raw = Some(value.bytes()?),
            (13, _) => external = true,
            (14, value) => external |= value.number()? != 0,
            _ => {}
        }
    }
    if external {
        return Err(OnnxError::ExternalData { tensor: super::error::shown(name) });
    }
    let held = raw.map_or(Ok(held), |raw| raw_elements(name, kind, raw))?;
    if held != elements {
        return Err(OnnxError::tensor(name, "holds more or fewer values than its dimensions say"));
    }
    let is_shape = kind == INT64 && elements <= MAX_SHAPE;
    let product =
        is_shape.then(|| raw.map_or_else(|| product_of(&numbers), |raw| Ok(product_of_raw(raw)))).transpose()?;
    Ok(Tensor { name, product })
}

/// How many values plain bytes are.
fn raw_elements(name: &str, kind: u64, raw: &[u8]) -> Result<u64, OnnxError> {
    let size = match kind {
        // Bytes, half precision, single precision, double precision.
        2 | 3 | 9 => 1,
        4 | 5 | 10 | 16 => 2,
        FLOAT | INT32 | 12 => 4,
        INT64 | DOUBLE | 13 => 8,
        _ => return Err(OnnxError::tensor(name, "is of a type that cannot be served")),
    };
    if !raw.len().is_multiple_of(size) {
        return Err(OnnxError::tensor(name, "ends in the middle of a value"));
    }
    Ok((raw.len() / size) as u64)
}

/// How many numbers lie behind each other.
fn varints(packed: &[u8]) -> u64 {
    packed.iter().filter(|byte| **byte < 0x80).count() as u64
}

fn product_of(packed: &[&[u8]]) -> Result<u64, OnnxError> {
    let mut product = 1;
    for mut rest in packed.iter().copied() {
        while !rest.is_empty() {
            product = times(product, varint(&mut rest)? as i64);
        }
    }
    Ok(product)
}

fn product_of_raw(raw: &[u8]) -> u64 {
    raw.as_chunks::<8>().0.iter().map(|value| i64::from_le_bytes(*value)).fold(1, times)
}

/// A shape's next dimension: -1 and 0 stand for one that comes from elsewhere.
pub(super) fn times(product: u64, size: i64) -> u64 {
    product.saturating_mul(u64::try_from(size).unwrap_or(1).max(1))
}
