//! Universal Binary JSON, as far as XGBoost writes it.

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::foreign::{ForeignError, error::shown};

/// Most values inside each other.
const MAX_DEPTH: usize = 64;

/// Reads one value.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    depth: usize,
}

impl de::Error for ForeignError {
    fn custom<T: std::fmt::Display>(problem: T) -> Self {
        Self::Malformed { problem: shown(&problem.to_string()) }
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, depth: 0 }
    }

    /// That nothing comes behind the value.
    pub(super) fn end(&self) -> Result<(), ForeignError> {
        if self.bytes.is_empty() { Ok(()) } else { Err(malformed("there is more behind the model")) }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], ForeignError> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(ForeignError::Truncated)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ForeignError> {
        let (taken, rest) = self.bytes.split_first_chunk().ok_or(ForeignError::Truncated)?;
        self.bytes = rest;
        Ok(*taken)
    }

    fn marker(&mut self) -> Result<u8, ForeignError> {
        self.array().map(|[marker]| marker)
    }

    fn next_is(&mut self, marker: u8) -> bool {
        let is = self.bytes.first() == Some(&marker);
        if is {
            self.bytes = &self.bytes[1..];
        }
        is
    }

    fn integer(&mut self, marker: u8) -> Result<i64, ForeignError> {
        Ok(match marker {
            b'i' => i64::from(i8::from_be_bytes(self.array()?)),
            b'U' => i64::from(u8::from_be_bytes(self.array()?)),
            b'I' => i64::from(i16::from_be_bytes(self.array()?)),
            b'l' => i64::from(i32::from_be_bytes(self.array()?)),
            b'L' => i64::from_be_bytes(self.array()?),
            _ => return Err(malformed("an integer was expected")),
        })
    }

    /// A length. What follows takes at least a byte for each.
    fn length(&mut self) -> Result<usize, ForeignError> {
        let marker = self.marker()?;
        let length = usize::try_from(self.integer(marker)?).map_err(|_| malformed("a length is negative"))?;
        if length > self.bytes.len() { Err(ForeignError::Truncated) } else { Ok(length) }
    }

    fn text(&mut self) -> Result<&'a str, ForeignError> {
        let length = self.length()?;
        std::str::from_utf8(self.take(length)?).map_err(|_| malformed("a text is not UTF-8"))
    }

    /// The value that `marker` begins.
    fn value<'de, V: Visitor<'de>>(&mut self, marker: u8, visitor: V) -> Result<V::Value, ForeignError> {
        match marker {
            b'Z' => visitor.visit_unit(),
            b'T' => visitor.visit_bool(true),
            b'F' => visitor.visit_bool(false),
            b'd' => visitor.visit_f32(f32::from_be_bytes(self.array()?)),
            b'D' => visitor.visit_f64(f64::from_be_bytes(self.array()?)),
            b'S' => visitor.visit_str(self.text()?),
            b'[' | b'{' => {
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err(malformed("values are too deep inside each other"));
                }
                let items = self.items()?;
                let value = if marker == b'[' { visitor.visit_seq(items) } else { visitor.visit_map(items) }?;
                self.depth -= 1;
                Ok(value)
            }
            _ => visitor.visit_i64(self.integer(marker)?),
        }
    }

    /// What a container says of its content: the type of all items and their number, or nothing.
    fn items(&mut self) -> Result<Items<'_, 'a>, ForeignError> {
        let kind = if self.next_is(b'$') { Some(self.marker()?) } else { None };
        let left = if self.next_is(b'#') { Some(self.length()?) } else { None };
        match (kind, left) {
            (Some(_), None) => Err(malformed("a type without a length")),
            // Such items would take no byte each.
            (Some(b'Z' | b'N' | b'T' | b'F'), _) => Err(malformed("a list of constants")),
            _ => Ok(Items { reader: self, kind, left }),
        }
    }
}

/// The items of an array, or the entries of an object.
struct Items<'r, 'a> {
    reader: &'r mut Reader<'a>,
    kind: Option<u8>,
    /// How many are left, if it was said.
    left: Option<usize>,
}

impl Items<'_, '_> {
    /// Whether there is another one before `end`.
    fn advance(&mut self, end: u8) -> bool {
        match &mut self.left {
            Some(left) => left.checked_sub(1).map(|fewer| *left = fewer).is_some(),
            None => !self.reader.next_is(end),
        }
    }

    fn item<'de, T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, ForeignError> {
        match self.kind {
            Some(marker) => seed.deserialize(Typed { reader: self.reader, marker }),
            None => seed.deserialize(&mut *self.reader),
        }
    }
}

impl<'de> SeqAccess<'de> for Items<'_, '_> {
    type Error = ForeignError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ForeignError> {
        if self.advance(b']') { self.item(seed).map(Some) } else { Ok(None) }
    }

    fn size_hint(&self) -> Option<usize> {
        self.left
    }
}

impl<'de> MapAccess<'de> for Items<'_, '_> {
    type Error = ForeignError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ForeignError> {
        if !self.advance(b'}') {
            return Ok(None);
        }
        let key = self.reader.text()?;
        seed.deserialize(de::value::StrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, ForeignError> {
        self.item(seed)
    }
}

/// A value whose marker was given before.
struct Typed<'r, 'a> {
    reader: &'r mut Reader<'a>,
    marker: u8,
}

impl<'de> Deserializer<'de> for &mut Reader<'_> {
    type Error = ForeignError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ForeignError> {
        let marker = self.marker()?;
        self.value(marker, visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ForeignError> {
        if self.next_is(b'Z') { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ForeignError> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> Deserializer<'de> for Typed<'_, '_> {
    type Error = ForeignError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ForeignError> {
        self.reader.value(self.marker, visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

fn malformed(problem: &str) -> ForeignError {
    ForeignError::Malformed { problem: problem.to_owned() }
}
