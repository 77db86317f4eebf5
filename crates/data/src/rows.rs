//! The identity of a row: a hash of its values.

use arrow::array::Array;
use sha2::{Digest as _, Sha256};

use crate::{DataError, Table, table::Cells};

/// SHA-256 of a seed and a row's values.
pub(crate) type RowHash = [u8; 32];

/// One hash per row over `seed` (8 bytes, little endian) and the row's values in schema order.
///
/// A value is a tag and its content: 0 missing; 1 a number as the 8 bytes of its `f64`, -0 as 0, so that a column read
/// once as integers and once as floats hashes alike; 2 an integer no `f64` holds, 8 bytes; 3 a text, its length in 8
/// bytes and its UTF-8; 4 false; 5 true. All integers are little endian. Column names are left out.
pub(crate) fn row_hashes(table: &Table, seed: u64) -> Vec<RowHash> {
    let columns: Vec<_> = table.cells().collect();
    let mut content = Vec::new();
    let hash = |row| {
        content.clear();
        content.extend(seed.to_le_bytes());
        for cells in &columns {
            encode(*cells, row, &mut content);
        }
        Sha256::digest(&content).into()
    };
    (0..table.rows()).map(hash).collect()
}

impl DataError {
    /// The error about a row of `part`, which was taken from `source`: its row counts there, the first one with these values.
    #[must_use]
    pub fn counted_in(self, source: &Table, part: &Table) -> Self {
        self.with_row(|row| first_like(source, part, row).unwrap_or(row))
    }
}

/// The first row of `source` with the values of a row of `part`, which may have further columns.
fn first_like(source: &Table, part: &Table, row: usize) -> Option<usize> {
    let part = part.clone().choose(source.schema().map(|(name, _)| name)).ok()?;
    let wanted = row_hashes(&part.slice(row, 1), 0).pop()?;
    row_hashes(source, 0).into_iter().position(|hash| hash == wanted)
}

/// Where a hash lies in [0, 1): its first 53 bits.
pub(crate) fn position(hash: &RowHash) -> f64 {
    let first = hash.iter().take(8).fold(0u64, |bits, &byte| bits << 8 | u64::from(byte));
    (first >> 11) as f64 / (1u64 << 53) as f64
}

fn encode(cells: Cells<'_>, row: usize, content: &mut Vec<u8>) {
    match cells {
        Cells::Integers(array) if array.is_valid(row) => {
            let integer = array.value(row);
            if integer as f64 as i64 == integer {
                number(integer as f64, content);
            } else {
                content.push(2);
                content.extend(integer.to_le_bytes());
            }
        }
        Cells::Floats(array) if array.is_valid(row) => number(array.value(row), content),
        Cells::Texts(array) if array.is_valid(row) => {
            let text = array.value(row);
            content.push(3);
            content.extend((text.len() as u64).to_le_bytes());
            content.extend(text.as_bytes());
        }
        Cells::Booleans(array) if array.is_valid(row) => content.push(if array.value(row) { 5 } else { 4 }),
        _ => content.push(0),
    }
}

fn number(value: f64, content: &mut Vec<u8>) {
    // Adding zero turns -0 into 0 and nothing else.
    let value = value + 0.0;
    content.push(1);
    content.extend(value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn hashes(csv: &str) -> Vec<RowHash> {
        row_hashes(&Table::from_csv(csv.as_bytes()).unwrap(), 7)
    }

    #[test]
    fn rows_of_different_content_have_different_hashes() {
        let rows =
            hashes("a,b,c\n1,x,yz\n1,xy,z\n,x,yz\n1,,yz\n9007199254740993,x,yz\n9007199254740992,x,yz\n0,x,yz\n");
        assert_eq!(rows.iter().collect::<HashSet<_>>().len(), rows.len());
        assert_ne!(row_hashes(&Table::from_csv(b"a\n1\n").unwrap(), 8), hashes("a\n1\n"));
    }

    #[test]
    fn a_number_hashes_alike_in_a_column_of_integers_and_of_floats() {
        assert_eq!(hashes("a\n1\n2\n"), hashes("a\n1.0\n2\n0.5\n")[..2]);
        assert_eq!(hashes("a\n0\n")[0], hashes("a\n-0.0\n")[0]);
    }
}
