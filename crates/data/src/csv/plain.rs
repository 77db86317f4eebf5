//! Rows without quotes: every comma ends a field and every line break a row, so one look at each byte is enough.

use memchr::memchr_iter;

use super::column::ColumnReader;

/// Adds all rows of `text` to `columns`; how many they are. Nothing if one has another number of fields, or if a carriage
/// return stands elsewhere than before a line break.
pub(super) fn rows_of(text: &str, columns: &mut [ColumnReader]) -> Option<usize> {
    let mut rows = Rows { columns, column: 0, count: 0, returns: 0 };
    let mut start = 0;
    for (end, byte) in text.bytes().enumerate() {
        if byte == b',' || byte == b'\n' {
            let field = &text[start..end];
            if byte == b',' {
                rows.push(field)?;
            } else {
                rows.end(field)?;
            }
            start = end + 1;
        }
    }
    if start < text.len() {
        rows.end(&text[start..])?;
    }
    (rows.returns == memchr_iter(b'\r', text.as_bytes()).count()).then_some(rows.count)
}

struct Rows<'a> {
    columns: &'a mut [ColumnReader],
    /// Of the next field.
    column: usize,
    count: usize,
    /// Carriage returns before line breaks.
    returns: usize,
}

impl Rows<'_> {
    #[inline]
    fn push(&mut self, field: &str) -> Option<()> {
        self.columns.get_mut(self.column)?.push(field);
        self.column += 1;
        Some(())
    }

    /// Adds the last field of a row, unless the line is blank.
    fn end(&mut self, field: &str) -> Option<()> {
        let trimmed = field.strip_suffix('\r');
        self.returns += usize::from(trimmed.is_some());
        let field = trimmed.unwrap_or(field);
        if self.column == 0 && field.is_empty() {
            return Some(());
        }
        self.push(field)?;
        let is_whole = self.column == self.columns.len();
        (self.column, self.count) = (0, self.count + 1);
        is_whole.then_some(())
    }
}
