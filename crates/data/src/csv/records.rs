//! Records of a CSV file, one at a time and in bounded memory.

use std::{io::BufRead, ops::Range};

use csv_core::{ReadRecordResult, Reader};
use memchr::{memchr_iter, memchr3};

use crate::DataError;

/// Longest record, in bytes: a quote that is never closed must not eat the memory.
pub(super) const MAX_RECORD: usize = 16 << 20;
/// Most columns of a file.
pub(super) const MAX_COLUMNS: usize = 1 << 16;

/// The records of `source`; blank lines are skipped.
pub(super) struct Records<R> {
    source: R,
    parser: Reader,
    /// Line breaks the parser did not see.
    skipped: u64,
    /// Bytes of the record handed out last that are still in the source's buffer.
    pending: usize,
    content: Vec<u8>,
    ends: Vec<usize>,
    /// How many of `ends` belong to the line at hand.
    fields: usize,
}

/// The fields of one record.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    /// The line it begins in, counting from one.
    pub(super) line: u64,
    content: &'a [u8],
    /// Where each field ends in `content`.
    ends: &'a [usize],
    /// How many bytes lie between two fields.
    gap: usize,
}

impl<R: BufRead> Records<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            parser: Reader::new(),
            skipped: 0,
            pending: 0,
            content: vec![0; 1 << 10],
            ends: vec![0; 1 << 6],
            fields: 0,
        }
    }

    /// The next record.
    pub(super) fn next(&mut self) -> Result<Option<Record<'_>>, DataError> {
        self.source.consume(std::mem::take(&mut self.pending));
        self.skip_blank_lines()?;
        let line = self.parser.line() + self.skipped;
        // The parser knows about the mark that a file of texts may begin with.
        if line > 1 && self.plain_line()? {
            let content = self.source.fill_buf()?;
            let ends = &self.ends[..self.fields];
            let content = &content[..ends.last().copied().unwrap_or(0)];
            return Ok(Some(Record { line, content, ends, gap: 1 }));
        }
        self.parsed(line)
    }

    /// The next record whatever is in it.
    fn parsed(&mut self, line: u64) -> Result<Option<Record<'_>>, DataError> {
        let (mut bytes, mut fields) = (0, 0);
        loop {
            let input = self.source.fill_buf()?;
            let (result, read, written, ended) =
                self.parser.read_record(input, &mut self.content[bytes..], &mut self.ends[fields..]);
            self.source.consume(read);
            bytes += written;
            fields += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if self.content.len() >= MAX_RECORD => {
                    return Err(DataError::RecordTooLong { line, field: fields + 1, limit: MAX_RECORD });
                }
                ReadRecordResult::OutputFull => self.content.resize(2 * self.content.len(), 0),
                ReadRecordResult::OutputEndsFull if self.ends.len() >= MAX_COLUMNS => {
                    return Err(DataError::TooManyColumns { line, limit: MAX_COLUMNS });
                }
                ReadRecordResult::OutputEndsFull => self.ends.resize(2 * self.ends.len(), 0),
                ReadRecordResult::Record => {
                    let (content, ends) = (&self.content[..bytes], &self.ends[..fields]);
                    return Ok(Some(Record { line, content, ends, gap: 0 }));
                }
                ReadRecordResult::End => return Ok(None),
            }
        }
    }

    /// Finds the fields of the line at hand, if it is whole and without quotes, which saves copying it.
    fn plain_line(&mut self) -> Result<bool, DataError> {
        let input = self.source.fill_buf()?;
        let Some(end) = memchr3(b'\n', b'"', b'\r', input) else { return Ok(false) };
        let line_break = match &input[end..] {
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            _ => return Ok(false),
        };
        if end > MAX_RECORD {
            return Ok(false);
        }
        self.fields = 0;
        for comma in memchr_iter(b',', &input[..end]).chain([end]) {
            match self.ends.get_mut(self.fields) {
                Some(field) => *field = comma,
                // The parser gives it more room, or up.
                None => return Ok(false),
            }
            self.fields += 1;
        }
        self.pending = end + line_break;
        self.skipped += 1;
        Ok(true)
    }

    /// The parser would skip them too, but count their lines to the record behind them.
    fn skip_blank_lines(&mut self) -> Result<(), DataError> {
        loop {
            let input = self.source.fill_buf()?;
            let blank = input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let more = blank > 0 && blank == input.len();
            self.skipped += memchr_iter(b'\n', &input[..blank]).count() as u64;
            self.source.consume(blank);
            if !more {
                return Ok(());
            }
        }
    }
}

impl<'a> Record<'a> {
    /// How many fields.
    pub(super) fn len(self) -> usize {
        self.ends.len()
    }

    /// Where the fields lie in the content.
    fn ranges(self) -> impl Iterator<Item = Range<usize>> {
        let mut start = 0;
        self.ends.iter().map(move |&end| std::mem::replace(&mut start, end + self.gap)..end)
    }

    /// The fields as texts; `name` tells what a column is called.
    pub(super) fn texts(
        self,
        name: impl Fn(usize, &[u8]) -> String,
    ) -> Result<impl Iterator<Item = &'a str>, DataError> {
        // One look at the whole record: the fields of an ASCII record are texts wherever they end.
        if !self.content.is_ascii() || self.content.contains(&0) {
            for (position, range) in self.ranges().enumerate() {
                let field = &self.content[range];
                let (line, column) = (self.line, || name(position, field));
                if field.contains(&0) {
                    return Err(DataError::NulByte { line, column: column() });
                }
                if std::str::from_utf8(field).is_err() {
                    return Err(DataError::InvalidUtf8 { line, column: column() });
                }
            }
        }
        let content = std::str::from_utf8(self.content)
            .map_err(|_| DataError::InvalidUtf8 { line: self.line, column: name(0, self.content) })?;
        Ok(self.ranges().map(move |range| &content[range]))
    }
}
