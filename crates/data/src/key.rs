//! Values as they are told apart.

use std::{borrow::Cow, fmt};

use crate::{DataError, Table, table::Cells};

/// A value of a column, whole: an integer is not rounded to a float. Those of one column are ordered, numbers as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Key<'a> {
    Integer(i64),
    Float(Sortable),
    Boolean(bool),
    Text(&'a str),
}

/// The bits of a float, so that they sort as the numbers do. There is one zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Sortable(i64);

impl Sortable {
    fn of(value: f64) -> Self {
        // A sum with 0 is never -0.
        Self(turned((value + 0.0).to_bits() as i64))
    }

    fn value(self) -> f64 {
        f64::from_bits(turned(self.0) as u64)
    }
}

/// Of a negative number, the bits below the sign turned over, which turned again are what they were.
fn turned(bits: i64) -> i64 {
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

impl<'a> Key<'a> {
    /// As people write it.
    pub(crate) fn text(&self) -> Cow<'a, str> {
        match self {
            Self::Text(own) => Cow::Borrowed(own),
            other => Cow::Owned(other.to_string()),
        }
    }
}

/// As people write it: an integer with all its digits, a boolean as `true` or `false`.
impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => value.fmt(f),
            Self::Float(value) => value.value().fmt(f),
            Self::Boolean(value) => value.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl Table {
    /// The values of the column `name`; `None` is a missing one.
    ///
    /// # Errors
    /// [`DataError::UnknownColumn`].
    pub(crate) fn keys(&self, name: &str) -> Result<Vec<Option<Key<'_>>>, DataError> {
        Ok(match self.cells_of(name)? {
            Cells::Integers(values) => values.iter().map(|value| value.map(Key::Integer)).collect(),
            Cells::Floats(values) => {
                values.iter().map(|value| value.map(|value| Key::Float(Sortable::of(value)))).collect()
            }
            Cells::Texts(values) => {
                values.iter().map(|text| text.filter(|text| !text.is_empty()).map(Key::Text)).collect()
            }
            Cells::Booleans(values) => values.iter().map(|value| value.map(Key::Boolean)).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_whole_sorted_and_written_as_people_do() {
        let csv = b"i,f,t\n9007199254740993,-0.0,b\n9007199254740992,-1e300,a\n-3,0.5,\n,-0.25,c\n7,0,d\n";
        let table = Table::from_csv(csv).unwrap();
        let sorted = |name: &str| {
            let mut keys: Vec<_> = table.keys(name).unwrap().into_iter().flatten().collect();
            keys.sort_unstable();
            keys.dedup();
            keys.iter().map(Key::to_string).collect::<Vec<_>>()
        };
        assert_eq!(sorted("i"), ["-3", "7", "9007199254740992", "9007199254740993"]);
        assert_eq!(sorted("f"), [&(-1e300_f64).to_string(), "-0.25", "0", "0.5"]);
        assert_eq!(sorted("t"), ["a", "b", "c", "d"]);
        assert!(matches!(table.keys("x"), Err(DataError::UnknownColumn { .. })));
    }
}
