//! Rows without quotes: every comma ends a field and every line break a row, so one look at each byte is enough.

use memchr::memchr_iter;

use super::part::ColumnPart;

/// Adds all rows of `text` to `columns`; how many they are. Nothing if one has another number of fields, if there is no place
/// for it, or if a carriage return stands elsewhere than before a line break.
pub(super) fn rows_of(text: &str, columns: &mut [ColumnPart<'_>]) -> Option<usize> {
    let mut rows = Rows { columns, column: 0, count: 0, returns: 0 };
    let (bytes, mut start) = (text.as_bytes(), 0);
    while start < bytes.len() {
        let known = rows.columns.get_mut(rows.column)?.push_leading(&bytes[start..]);
        let end = start + known.unwrap_or_else(|| length(&bytes[start..]));
        let field = known.is_none().then(|| &text[start..end]);
        if bytes.get(end) == Some(&b',') {
            rows.push(field)?;
        } else {
            rows.end(field)?;
        }
        start = end + 1;
    }
    if rows.column > 0 {
        // The file ends behind a comma.
        rows.end(Some(""))?;
    }
    (rows.returns == memchr_iter(b'\r', bytes).count()).then_some(rows.count)
}

/// Up to the next comma or line break.
fn length(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| matches!(byte, b',' | b'\n')).unwrap_or(bytes.len())
}

struct Rows<'a, 'b> {
    columns: &'a mut [ColumnPart<'b>],
    /// Of the next field.
    column: usize,
    count: usize,
    /// Carriage returns before line breaks.
    returns: usize,
}

impl Rows<'_, '_> {
    /// The end of a field, which is in its column unless it is given here.
    #[inline]
    fn push(&mut self, field: Option<&str>) -> Option<()> {
        if let Some(field) = field {
            self.columns.get_mut(self.column)?.push(field)?;
        }
        self.column += 1;
        Some(())
    }

    /// The end of a row, unless the line is blank.
    fn end(&mut self, field: Option<&str>) -> Option<()> {
        let trimmed = field.and_then(|field| field.strip_suffix('\r'));
        self.returns += usize::from(trimmed.is_some());
        let field = trimmed.or(field);
        if self.column == 0 && field == Some("") {
            return Some(());
        }
        self.push(field)?;
        let is_whole = self.column == self.columns.len();
        (self.column, self.count) = (0, self.count + 1);
        is_whole.then_some(())
    }
}
