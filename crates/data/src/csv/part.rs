//! A part of a column whose type is known or guessed, written straight to its place among the other parts.

use std::slice::IterMut;

use arrow::{array::NullBufferBuilder, buffer::NullBuffer};

use super::{
    column::{type_of, wider},
    number::{Number, leading_float, leading_integer, number},
};
use crate::ColumnType;

/// What is left of a part of a column once it is read.
pub(super) struct Finished {
    /// The type that holds its values; none if all are missing.
    pub(super) found: Option<ColumnType>,
    /// Which values are there, if some are missing.
    pub(super) nulls: Option<NullBuffer>,
    /// Its texts one behind the other, if it was read as texts.
    pub(super) texts: Option<String>,
}

/// The values of some rows of a column.
pub(super) struct ColumnPart<'a> {
    places: Places<'a>,
    found: Option<ColumnType>,
    nulls: NullBufferBuilder,
}

enum Places<'a> {
    /// Values are not kept: their type is not known yet, or is not what was guessed.
    None,
    Integers(IterMut<'a, i64>),
    Floats(IterMut<'a, f64>),
    /// Where each text ends among those of its part, and the texts.
    Texts(IterMut<'a, i32>, String),
}

impl<'a> ColumnPart<'a> {
    /// A part that finds its type and keeps nothing.
    pub(super) fn survey() -> Self {
        Self::new(Places::None, None)
    }

    /// A part of a column of integers.
    pub(super) fn integers(places: &'a mut [i64]) -> Self {
        Self::new(Places::Integers(places.iter_mut()), Some(ColumnType::Integer))
    }

    /// A part of a column of floats.
    pub(super) fn floats(places: &'a mut [f64]) -> Self {
        Self::new(Places::Floats(places.iter_mut()), Some(ColumnType::Float))
    }

    /// A part of a column of texts, which end at `places`.
    pub(super) fn texts(places: &'a mut [i32]) -> Self {
        let texts = String::with_capacity(4 * places.len());
        Self::new(Places::Texts(places.iter_mut(), texts), Some(ColumnType::Text))
    }

    fn new(places: Places<'a>, found: Option<ColumnType>) -> Self {
        Self { places, found, nulls: NullBufferBuilder::new(0) }
    }

    /// The type that holds every value so far; none if all are missing.
    pub(super) fn found(&self) -> Option<ColumnType> {
        self.found
    }

    /// Adds the number of few digits that `bytes` begin with, if it is of the part's type and ends with its field; how long it
    /// is. What this leaves is for [`ColumnPart::push`].
    #[inline]
    pub(super) fn push_leading(&mut self, bytes: &[u8]) -> Option<usize> {
        let (place, length) = match &mut self.places {
            Places::Integers(places) => {
                let (value, length) = leading_integer(bytes)?;
                (places.next().map(|place| *place = value), length)
            }
            Places::Floats(places) => {
                let (value, length) = leading_float(bytes)?;
                (places.next().map(|place| *place = value), length)
            }
            Places::Texts(..) | Places::None => return None,
        };
        place?;
        self.nulls.append_non_null();
        Some(length)
    }

    /// Adds the field `text`; the empty one is a missing value. Nothing if there is no place for it.
    pub(super) fn push(&mut self, text: &str) -> Option<()> {
        let is_missing = text.is_empty();
        match &mut self.places {
            Places::None => self.widen(text),
            Places::Texts(ends, texts) => {
                texts.push_str(text);
                *ends.next()? = i32::try_from(texts.len()).ok()?;
            }
            Places::Integers(places) => match (places.next()?, number(text)) {
                (place, Some(Number::Integer { value, .. })) => *place = value,
                _ => self.widen(text),
            },
            Places::Floats(places) => match (places.next()?, number(text)) {
                (place, Some(number)) => *place = number.float(),
                _ => self.widen(text),
            },
        }
        self.nulls.append(!is_missing);
        Some(())
    }

    /// Takes note of a value that the type found so far may not hold; then no value is kept.
    fn widen(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.places = Places::None;
        let own = type_of(text);
        self.found = Some(self.found.map_or(own, |found| wider(found, own)));
    }

    pub(super) fn finish(mut self) -> Finished {
        let texts = match self.places {
            Places::Texts(_, texts) => Some(texts),
            _ => None,
        };
        Finished { found: self.found, nulls: self.nulls.finish(), texts }
    }
}
