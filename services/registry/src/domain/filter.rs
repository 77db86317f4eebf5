//! The language of run searches: `metrics.auc > 0.8 and params.family = 'x' and status = 'finished'`.

use std::{fmt, iter::Peekable, str::FromStr, vec::IntoIter};

use super::{lexer, lexer::Token, run::RunStatus};

const MOST_BYTES: usize = 4096;
const MOST_CLAUSES: usize = 20;

/// Comparisons that a run must pass, all of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter(pub Vec<Clause>);

/// One comparison. Only a run that has the key can pass, and only with a finite number.
#[derive(Debug, Clone, PartialEq)]
pub enum Clause {
    /// The latest value of a metric.
    Metric {
        /// Its name.
        key: String,
        /// How to compare.
        compare: Compare,
        /// With what; finite.
        value: f64,
    },
    /// A text that a run carries.
    Text {
        /// Which.
        of: Text,
        /// Equal or different.
        equal: bool,
        /// To what.
        value: String,
    },
}

/// The texts of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// A parameter by name.
    Parameter(String),
    /// A tag by name.
    Tag(String),
    /// The run's name.
    Name,
    /// One word of [`RunStatus`].
    Status,
    /// The run that it is a part of.
    Parent,
}

/// How numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the usual six")]
pub enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Why a text is no filter or order. Positions count characters from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each message says what its variant means")]
pub enum FilterError {
    #[error("{length} bytes are too long, at most {MOST_BYTES} are read")]
    TooLong { length: usize },
    #[error("position {position}: more than {MOST_CLAUSES} comparisons, split the search")]
    TooMany { position: usize },
    #[error("position {position}: the quote is not closed")]
    Unclosed { position: usize },
    #[error("position {position}: expected {expected}, found {found}")]
    Unexpected { position: usize, expected: &'static str, found: String },
}

type Result<T> = std::result::Result<T, FilterError>;

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self> {
        let mut parser = Parser::new(text)?;
        let mut clauses = Vec::new();
        while parser.more() {
            if !clauses.is_empty() {
                parser.and()?;
            }
            if clauses.len() == MOST_CLAUSES {
                return Err(FilterError::TooMany { position: parser.position() });
            }
            clauses.push(parser.clause()?);
        }
        Ok(Self(clauses))
    }
}

/// Reads tokens from left to right.
pub(super) struct Parser {
    tokens: Peekable<IntoIter<(usize, Token)>>,
    /// The position after the last character.
    end: usize,
}

/// The left side of a comparison, or what to order by.
pub(super) enum Field {
    Metric(String),
    Text(Text),
    Other(String),
}

impl Parser {
    pub(super) fn new(text: &str) -> Result<Self> {
        if text.len() > MOST_BYTES {
            return Err(FilterError::TooLong { length: text.len() });
        }
        let tokens = lexer::tokens(text)?;
        Ok(Self { tokens: tokens.into_iter().peekable(), end: text.chars().count() + 1 })
    }

    pub(super) fn more(&mut self) -> bool {
        self.tokens.peek().is_some()
    }

    pub(super) fn position(&mut self) -> usize {
        self.tokens.peek().map_or(self.end, |(position, _)| *position)
    }

    /// The next token if `read` takes it.
    pub(super) fn next<T>(&mut self, expected: &'static str, read: impl FnOnce(&Token) -> Option<T>) -> Result<T> {
        let position = self.position();
        let taken = self.tokens.peek().and_then(|(_, token)| read(token));
        let taken = taken.ok_or_else(|| {
            let found = self.tokens.peek().map_or_else(|| "the end".to_owned(), |(_, token)| token.to_string());
            FilterError::Unexpected { position, expected, found }
        })?;
        self.tokens.next();
        Ok(taken)
    }

    pub(super) fn field(&mut self) -> Result<Field> {
        let expected = "metrics.KEY, params.KEY, tags.KEY, name, status or parent";
        let word = self.next(expected, Token::word)?;
        let (group, key) = word.split_once('.').unwrap_or((word.as_str(), ""));
        let keyed: fn(String) -> Field = match (group, word.contains('.')) {
            ("metrics", true) => Field::Metric,
            ("params", true) => |key| Field::Text(Text::Parameter(key)),
            ("tags", true) => |key| Field::Text(Text::Tag(key)),
            ("name", false) => return Ok(Field::Text(Text::Name)),
            ("status", false) => return Ok(Field::Text(Text::Status)),
            ("parent", false) => return Ok(Field::Text(Text::Parent)),
            _ => return Ok(Field::Other(word)),
        };
        let key = if key.is_empty() {
            self.next("a key, in double quotes if it is no plain word", Token::key)?
        } else {
            key.to_owned()
        };
        Ok(keyed(key))
    }

    fn and(&mut self) -> Result<()> {
        self.next("`and`", |token| token.word().filter(|word| word.eq_ignore_ascii_case("and"))).map(drop)
    }

    fn clause(&mut self) -> Result<Clause> {
        let position = self.position();
        match self.field()? {
            Field::Metric(key) => {
                let compare = self.next("=, !=, <, <=, > or >=", Token::compare)?;
                Ok(Clause::Metric { key, compare, value: self.next("a finite number", Token::number)? })
            }
            Field::Text(of) => {
                let equal = self.next("= or !=", |token| match token.compare()? {
                    Compare::Equal => Some(true),
                    Compare::NotEqual => Some(false),
                    _ => None,
                })?;
                let value = if of == Text::Status {
                    let known = |text: &String| text.parse::<RunStatus>().is_ok();
                    self.next("'running', 'finished', 'failed' or 'killed'", |token| token.text().filter(known))?
                } else {
                    self.next("a text in quotes", Token::text)?
                };
                Ok(Clause::Text { of, equal, value })
            }
            Field::Other(word) => {
                let expected = "metrics.KEY, params.KEY, tags.KEY, name, status or parent";
                Err(FilterError::Unexpected { position, expected, found: format!("`{word}`") })
            }
        }
    }
}

impl fmt::Display for Compare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(compare: Compare, value: f64) -> Clause {
        Clause::Metric { key: "auc".into(), compare, value }
    }

    fn text(of: Text, equal: bool, value: &str) -> Clause {
        Clause::Text { of, equal, value: value.into() }
    }

    #[test]
    fn comparisons_are_read() {
        for (filter, expected) in [
            ("", vec![]),
            ("  ", vec![]),
            ("metrics.auc = 1", vec![metric(Compare::Equal, 1.0)]),
            ("metrics.auc!=-1.5e-3", vec![metric(Compare::NotEqual, -1.5e-3)]),
            ("metrics.auc<1e+2", vec![metric(Compare::Less, 100.0)]),
            ("metrics.auc <= .5", vec![metric(Compare::LessOrEqual, 0.5)]),
            ("metrics.auc > 0.8", vec![metric(Compare::Greater, 0.8)]),
            ("metrics.\"auc\">=0", vec![metric(Compare::GreaterOrEqual, 0.0)]),
            ("params.hyperparameters.c = '1.0'", vec![text(Text::Parameter("hyperparameters.c".into()), true, "1.0")]),
            ("tags.\"a \"\"b\"\" ü\" != 'it''s'", vec![text(Text::Tag("a \"b\" ü".into()), false, "it's")]),
            ("name = \"nightly\"", vec![text(Text::Name, true, "nightly")]),
            ("parent = ''", vec![text(Text::Parent, true, "")]),
            (
                "status = 'finished' AND tags.team='and'",
                vec![text(Text::Status, true, "finished"), text(Text::Tag("team".into()), true, "and")],
            ),
        ] {
            assert_eq!(filter.parse(), Ok(Filter(expected)), "{filter}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused_with_its_position() {
        for (filter, position, told) in [
            ("auc > 1", 1, "found `auc`"),
            ("metrics > 1", 1, "found `metrics`"),
            ("metrics. > 1", 10, "a key"),
            ("metrics.auc", 12, "found the end"),
            ("metrics.auc >", 14, "a finite number, found the end"),
            ("metrics.auc > nan", 15, "found `nan`"),
            ("metrics.auc > inf", 15, "found `inf`"),
            ("metrics.auc > 1e999", 15, "a finite number"),
            ("metrics.auc > '1'", 15, "a finite number"),
            ("metrics.auc ! 1", 13, "found `!`"),
            ("metrics.auc == 1", 14, "found `=`"),
            ("params.a > 'b'", 10, "= or !="),
            ("params.a = b", 12, "a text in quotes"),
            ("params.ü = 'b'", 8, "found `ü`"),
            ("tags.ab = 'ü' or tags.c = 'd'", 15, "`and`, found `or`"),
            ("name = 'x' and", 15, "found the end"),
            ("name = 'x", 8, "not closed"),
            ("status = 'done'", 10, "'running'"),
            ("name = 'x'; drop table runs", 11, "found `;`"),
        ] {
            let error = filter.parse::<Filter>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("position {position}: ")) && error.contains(told), "{filter}: {error}");
        }
    }

    #[test]
    fn filters_are_bounded() {
        let clauses = |count: usize| vec!["name = 'x'"; count].join(" and ");
        assert_eq!(clauses(20).parse::<Filter>().map(|filter| filter.0.len()), Ok(20));
        assert_eq!(clauses(21).parse::<Filter>(), Err(FilterError::TooMany { position: 301 }));
        let long = format!("name = '{}'", "x".repeat(4088));
        assert_eq!(long.parse::<Filter>(), Err(FilterError::TooLong { length: 4097 }));
        assert!(format!("name = '{}'", "x".repeat(4087)).parse::<Filter>().is_ok());
    }
}
