//! The fields of a protobuf message, one after the other, without a copy.

use super::OnnxError;

/// Most nodes, tensors, attributes and other parts of a file.
const MAX_PARTS: usize = 1 << 18;
/// Most texts and other short fields of all parts.
const MAX_FIELDS: usize = 1 << 22;
/// Most bytes of what is not looked at, such as the shapes of values in between.
const MAX_SKIPPED: usize = 16 << 20;

/// The value of a field.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    /// A whole number.
    Number(u64),
    /// Four or eight bytes.
    Fixed,
    /// A text, a message, or many numbers.
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    pub(super) fn bytes(self) -> Result<&'a [u8], OnnxError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Number(_) | Self::Fixed => Err(OnnxError::malformed("a field holds a number instead of bytes")),
        }
    }

    pub(super) fn text(self) -> Result<&'a str, OnnxError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| OnnxError::malformed("a name is not UTF-8"))
    }

    pub(super) fn number(self) -> Result<u64, OnnxError> {
        match self {
            Self::Number(number) => Ok(number),
            Self::Bytes(_) | Self::Fixed => Err(OnnxError::malformed("a field holds bytes instead of a number")),
        }
    }
}

/// How much of a file may still be read. The engine makes an object of everything, however short it is in the file.
pub(super) struct Budget {
    parts: usize,
    fields: usize,
    skipped: usize,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { parts: MAX_PARTS, fields: MAX_FIELDS, skipped: MAX_SKIPPED }
    }

    /// Leaves out a part that does not matter.
    pub(super) fn skip(&mut self, part: &[u8]) -> Result<(), OnnxError> {
        let what = "bytes of names and shapes";
        self.skipped = self.skipped.checked_sub(part.len()).ok_or(OnnxError::TooMany { what, limit: MAX_SKIPPED })?;
        Ok(())
    }

    /// The fields of one more part.
    pub(super) fn part<'b, 'a>(&'b mut self, bytes: &'a [u8]) -> Result<Fields<'b, 'a>, OnnxError> {
        self.parts = self.parts.checked_sub(1).ok_or(OnnxError::TooMany { what: "parts", limit: MAX_PARTS })?;
        Ok(Fields { rest: bytes, left: &mut self.fields })
    }
}

/// The fields of a message, each with its number.
pub(super) struct Fields<'b, 'a> {
    rest: &'a [u8],
    left: &'b mut usize,
}

impl<'a> Fields<'_, 'a> {
    fn read(&mut self) -> Result<(u64, Value<'a>), OnnxError> {
        let key = varint(&mut self.rest)?;
        let value = match key & 7 {
            0 => Value::Number(varint(&mut self.rest)?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            5 => self.take(4).map(|_| Value::Fixed)?,
            2 => {
                *self.left =
                    self.left.checked_sub(1).ok_or(OnnxError::TooMany { what: "fields", limit: MAX_FIELDS })?;
                let length = varint(&mut self.rest)?;
                Value::Bytes(self.take(length)?)
            }
            _ => return Err(OnnxError::malformed("a field is of a kind that no ONNX file has")),
        };
        Ok((key >> 3, value))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], OnnxError> {
        let length = usize::try_from(length).map_err(|_| OnnxError::Truncated)?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(OnnxError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }
}

impl<'a> Iterator for Fields<'_, 'a> {
    type Item = Result<(u64, Value<'a>), OnnxError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

/// Takes one number of at most ten bytes off the front.
pub(super) fn varint(bytes: &mut &[u8]) -> Result<u64, OnnxError> {
    let mut number = 0;
    for shift in (0..70).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or(OnnxError::Truncated)?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(OnnxError::malformed("a number has more than ten bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Result<usize, OnnxError> {
        Budget::new().part(bytes)?.try_fold(0, |count, field| field.map(|_| count + 1))
    }

    #[test]
    fn fields_end_where_the_message_does_or_are_refused() {
        assert_eq!(all(b"\x08\x96\x01\x12\x02ab\x1d\0\0\0\0\x21\0\0\0\0\0\0\0\0"), Ok(4));
        for truncated in
            [b"\x08".as_slice(), b"\x08\x96", b"\x12\x03ab", b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x1d\0"]
        {
            assert_eq!(all(truncated), Err(OnnxError::Truncated), "{truncated:?}");
        }
        for malformed in
            [b"\x0b".as_slice(), b"\x0f", &[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]]
        {
            assert!(matches!(all(malformed), Err(OnnxError::Malformed { .. })), "{malformed:?}");
        }
    }

    #[test]
    fn many_empty_fields_are_too_many() {
        let bytes = b"\x0a\0".repeat(MAX_FIELDS + 1);
        assert_eq!(all(&bytes), Err(OnnxError::TooMany { what: "fields", limit: MAX_FIELDS }));
        let mut budget = Budget::new();
        assert!((0..MAX_PARTS).all(|_| budget.part(b"").is_ok()));
        assert!(budget.part(b"").is_err());
    }
}
