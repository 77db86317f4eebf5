//! Queries: one statement that only reads.

use std::{fmt, iter::Peekable, str::CharIndices};

use lineal_kernel::{Digest, FieldError};

/// Longest query, in bytes.
const LONGEST: usize = 64 << 10;
/// What a statement that only reads begins with. Others can write even in a transaction that does not, e.g. `COPY` and `VACUUM INTO`.
const READING: [&str; 4] = ["select", "table", "values", "with"];

/// One statement without its last semicolon, as it goes to the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query(String);

impl Query {
    /// Checks the text. A database checks it again, in a transaction that cannot write.
    pub(crate) fn check(text: &str) -> Result<Self, FieldError> {
        let problem = |problem: String| Err(FieldError::new("query", problem));
        if text.len() > LONGEST {
            return problem(format!("has {} bytes, at most {LONGEST} are sent", text.len()));
        }
        if text.contains('\0') {
            return problem("holds a NUL character".to_owned());
        }
        let Some(Shape { first, end, .. }) = Shape::of(text) else {
            return problem("has a quote or a comment that is not closed".to_owned());
        };
        if !READING.contains(&first.to_ascii_lowercase().as_str()) {
            return problem("begin it with SELECT, WITH, VALUES or TABLE: it may only read".to_owned());
        }
        match end {
            Some(end)
                if Shape::of(&text[end + 1..]).is_none_or(|rest| rest.end.is_some() || !rest.first.is_empty()) =>
            {
                problem("holds more than one statement, send one".to_owned())
            }
            end => Ok(Self(text[..end.unwrap_or(text.len())].trim().to_owned())),
        }
    }

    /// The statement.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The first place for a value that SQLite sees, e.g. `:day`. Nothing fills it, and what SQLite takes for a part of its name,
    /// e.g. the quote of `$1(')`, is read otherwise here: only a query without any is certain to be one statement there.
    pub(crate) fn parameter(&self) -> Option<&str> {
        Shape::of(&self.0)?.parameter
    }

    /// Names it.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is seen of a text without understanding it.
struct Shape<'a> {
    /// Its first word; another character that stands there; nothing if there are only blanks and comments.
    first: &'a str,
    /// The first word that begins like a parameter of SQLite.
    parameter: Option<&'a str>,
    /// Where the first statement ends with a semicolon.
    end: Option<usize>,
}

impl<'a> Shape<'a> {
    /// `None` if a quote or comment has no end. Brackets quote names in SQLite.
    fn of(text: &'a str) -> Option<Self> {
        let (mut first, mut parameter) = ("", None);
        let mut rest = text.char_indices().peekable();
        while let Some((at, character)) = rest.next() {
            let next = rest.peek().map(|(_, next)| *next);
            match (character, next) {
                ('-', Some('-')) => while rest.next_if(|(_, next)| *next != '\n').is_some() {},
                ('/', Some('*')) => {
                    rest.next();
                    comment(&mut rest)?;
                }
                (';', _) => return Some(Self { first, parameter, end: Some(at) }),
                (blank, _) if blank.is_whitespace() => {}
                _ => {
                    if first.is_empty() {
                        first = word(&text[at..]);
                    }
                    if parameter.is_none() && matches!(character, '?' | '$' | ':' | '@' | '#') {
                        parameter = Some(word(&text[at..]));
                    }
                    if let Some(close) = closing(character) {
                        rest.find(|(_, next)| *next == close)?;
                    }
                }
            }
        }
        Some(Self { first, parameter, end: None })
    }
}

/// The first character of a text that has one, with the letters and digits behind it.
fn word(text: &str) -> &str {
    let end = text.char_indices().skip(1).find(|(_, c)| !c.is_alphanumeric() && *c != '_');
    &text[..end.map_or(text.len(), |(end, _)| end)]
}

/// What ends that which begins with this character. A doubled one inside is an end and a beginning.
fn closing(open: char) -> Option<char> {
    match open {
        '\'' | '"' | '`' => Some(open),
        '[' => Some(']'),
        _ => None,
    }
}

fn comment(rest: &mut Peekable<CharIndices<'_>>) -> Option<()> {
    loop {
        rest.find(|(_, next)| *next == '*')?;
        if rest.next_if(|(_, next)| *next == '/').is_some() {
            return Some(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        Query::check(text).unwrap_err().problem
    }

    #[test]
    fn one_statement_that_reads_is_taken_without_its_semicolon() {
        for (text, expected) in [
            ("SELECT 1", "SELECT 1"),
            ("  with a as (select 1) select * from a ; \n-- all of it;\n", "with a as (select 1) select * from a"),
            ("-- the latest\n/* ** ; */ Values (1)", "-- the latest\n/* ** ; */ Values (1)"),
            (
                "select ';', \"a;b\", `c;d`, [e;f], 'it''s;' from t;",
                "select ';', \"a;b\", `c;d`, [e;f], 'it''s;' from t",
            ),
        ] {
            assert_eq!(Query::check(text).unwrap().as_str(), expected);
        }
    }

    #[test]
    fn what_may_write_is_refused() {
        for text in
            ["", ";", "drop table t", "COPY (select 1) TO '/tmp/x'", "vacuum into 'x'", "(select 1)", "selects 1"]
        {
            assert!(problem(text).contains("may only read"), "{text}");
        }
    }

    #[test]
    fn a_second_statement_is_refused_however_it_hides() {
        for text in [
            "select 1; drop table t",
            "select 1;;",
            "select 1; -- no\ndrop table t",
            "select 1; /* no */ 'x'",
            "select 1 as [']; vacuum into \"x\" --'",
        ] {
            assert!(problem(text).contains("more than one statement"), "{text}");
        }
        for text in ["select 'a", "select 1 /* no end", "select \"a", "select [a", "select 1; 'a"] {
            assert!(Query::check(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_parameter_is_seen_where_sqlite_sees_one() {
        for (text, expected) in [
            ("select 1 where day > :day and 1", ":day"),
            ("select $1(') as a; attach 'x' as y --'", "$1"),
            ("select @a, ?", "@a"),
            ("select ?12", "?12"),
            ("select 1 as a, #a(\")", "#a"),
            ("select day::date from t", ":"),
        ] {
            let closed = format!("{text} --'\"");
            let query = Query::check(text).or_else(|_| Query::check(&closed)).unwrap();
            assert_eq!(query.parameter(), Some(expected), "{text}");
        }
        for text in ["select ':a', \"$b\", `@c`, [#d] -- ?\n/* :e */", "select a -> 'b', a || b, a % 2, a <> b"] {
            assert_eq!(Query::check(text).unwrap().parameter(), None, "{text}");
        }
    }

    #[test]
    fn a_query_of_many_pages_is_none() {
        assert!(problem(&format!("select '{}'", "x".repeat(LONGEST))).contains("at most"));
    }
}
