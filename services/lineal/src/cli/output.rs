//! How answers are written: tables for people, one JSON document for programs.

use std::io::{self, IsTerminal, Write};

use comfy_table::{Attribute, Cell, Color, ContentArrangement, presets};
use serde::Serialize;

use super::error::CliError;

/// The form of an answer: text for people, or canonical protobuf JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    Table,
    Json,
}

/// What the reader's screen can do. The default is plain text of any width.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Style {
    color: bool,
    width: Option<u16>,
}

impl Style {
    /// A line that stands out on a terminal.
    pub(super) fn heading(self, text: &str) -> String {
        if self.color { format!("\u{1b}[1m{}\u{1b}[0m", printable(text)) } else { printable(text) }
    }
}

/// Where and how answers are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    format: Format,
    style: Style,
}

impl Output {
    /// For the standard output: colours and widths only if it is a terminal.
    pub(super) fn standard(format: Format, no_color: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        let width = if terminal { comfy_table::Table::new().width() } else { None };
        Self { format, style: Style { color: terminal && !no_color, width } }
    }

    /// What the reader's screen can do.
    pub(super) fn style(self) -> Style {
        self.style
    }

    /// Whether the reader is a program.
    pub(super) fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// Whether progress can be drawn over itself.
    pub(super) fn is_live(self) -> bool {
        !self.is_json() && io::stderr().is_terminal()
    }

    /// Writes `answer` as JSON, or what `text` makes of it.
    pub(super) fn print<T: Serialize>(self, answer: &T, text: impl FnOnce(Style) -> String) -> Result<(), CliError> {
        let mut out = io::stdout().lock();
        let text = match self.format {
            Format::Table => text(self.style),
            Format::Json => serde_json::to_string_pretty(answer)?,
        };
        writeln!(out, "{}", text.trim_end())?;
        Ok(out.flush()?)
    }

    /// Writes `error` to the standard error.
    pub(super) fn print_error(self, error: &CliError) {
        let text = match self.format {
            Format::Table => error.text(),
            Format::Json => error.json().unwrap_or_else(|_| error.text()),
        };
        // With the standard error gone there is nobody left to tell.
        let _ = writeln!(io::stderr().lock(), "{}", text.trim_end());
    }
}

/// Rows under a header, without borders.
pub(super) struct Table {
    inner: comfy_table::Table,
}

impl Table {
    /// A table with these column names.
    pub(super) fn new(style: Style, header: &[&str]) -> Self {
        let mut table = Self::headless(style);
        table.inner.set_header(header.iter().map(|name| Cell::new(name).add_attribute(Attribute::Bold)));
        table
    }

    /// A table without column names: one fact a line.
    pub(super) fn headless(style: Style) -> Self {
        let mut inner = comfy_table::Table::new();
        inner.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).force_no_tty();
        if style.color {
            inner.enforce_styling();
        }
        if let Some(width) = style.width {
            inner.set_width(width);
        }
        Self { inner }
    }

    /// Adds a row.
    pub(super) fn add<const N: usize>(&mut self, row: [Cell; N]) {
        self.inner.add_row(row);
    }

    /// Adds a name and its value, unless there is none.
    pub(super) fn fact(&mut self, name: &str, value: impl AsRef<str>) {
        if !value.as_ref().is_empty() {
            self.add([cell(name), cell(value.as_ref())]);
        }
    }

    /// The table as text, every line ending with a newline.
    pub(super) fn render(mut self) -> String {
        for column in self.inner.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let mut text = self.inner.trim_fmt();
        text.push('\n');
        text
    }
}

/// A plain cell.
pub(super) fn cell(text: impl ToString) -> Cell {
    Cell::new(printable(&text.to_string()))
}

/// A cell with good news: green on a terminal.
pub(super) fn good(text: impl ToString) -> Cell {
    cell(text).fg(Color::Green)
}

/// A cell with bad news: red on a terminal.
pub(super) fn bad(text: impl ToString) -> Cell {
    cell(text).fg(Color::Red)
}

/// `good` or `bad` as `ok` says.
pub(super) fn verdict(ok: bool, good_text: &str, bad_text: &str) -> Cell {
    if ok { good(good_text) } else { bad(bad_text) }
}

/// The text without control characters: what others wrote must not steer the reader's terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(style: Style) -> String {
        let mut table = Table::new(style, &["NAME", "VERDICT"]);
        table.add([cell("auc floor"), good("passed")]);
        table.add([cell("x"), bad("not passed")]);
        table.render()
    }

    #[test]
    fn plain_text_has_no_borders_and_no_colours() {
        assert_eq!(sample(Style::default()), "NAME       VERDICT\nauc floor  passed\nx          not passed\n");
    }

    #[test]
    fn a_terminal_gets_colours() {
        let text = sample(Style { color: true, width: None });
        assert!(text.contains("\u{1b}[1m"), "{text:?}");
        assert!(text.contains("passed") && text != sample(Style::default()), "{text:?}");
    }

    #[test]
    fn a_narrow_terminal_wraps_long_cells() {
        let mut table = Table::new(Style { color: false, width: Some(30) }, &["NAME", "DETAIL"]);
        table.add([cell("churn"), cell("a sentence that is longer than thirty characters")]);
        let text = table.render();
        assert!(text.lines().all(|line| line.chars().count() <= 30), "{text}");
    }
}
