//! The language of searches: `metrics.auc > 0.8 and tags.team = 'x'`. What can be compared is each noun's own: see [`Field`].

use std::{fmt, iter::Peekable, str::FromStr, vec::IntoIter};

use lineal_kernel::Timestamp;

use super::{lexer, lexer::Token};

const MOST_BYTES: usize = 4096;
const MOST_CLAUSES: usize = 20;

/// Comparisons that must hold, all of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter<F>(pub Vec<Clause<F>>);

/// One comparison. Only what has the field can pass, and only with a finite number.
#[derive(Debug, Clone, PartialEq)]
pub struct Clause<F> {
    /// What is compared.
    pub field: F,
    /// How.
    pub compare: Compare,
    /// With what.
    pub value: Value,
}

/// What something is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Finite.
    Number(f64),
    /// A number without a fraction.
    Whole(i64),
    /// A text, as written.
    Text(String),
    /// True or false.
    Flag(bool),
    /// A moment.
    Moment(Timestamp),
}

/// What a search can name: `group`, or `group.key`.
pub trait Named: Sized {
    /// Every form, for messages.
    const FORMS: &'static str;

    /// What the words stand for, if they stand for anything.
    fn named(group: &str, keys: &[String]) -> Option<Self>;
}

/// What a filter can compare.
pub trait Field: Named {
    /// With what it is compared.
    fn kind(&self) -> Kind;
}

/// With what a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A finite number.
    Number,
    /// A number without a fraction.
    Whole,
    /// A moment as RFC 3339 writes it, in quotes.
    Moment,
    /// A text in quotes, by = or != only.
    Text,
    /// One of these texts, by = or != only.
    OneOf(&'static [&'static str]),
    /// A number, or by = or != a text, `true` or `false`.
    Any,
}

/// How values are compared.
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
    Unexpected { position: usize, expected: String, found: String },
}

type Result<T> = std::result::Result<T, FilterError>;

impl<F> Default for Filter<F> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<F: Field> FromStr for Filter<F> {
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

    fn position(&mut self) -> usize {
        self.tokens.peek().map_or(self.end, |(position, _)| *position)
    }

    /// The next token if `read` takes it.
    pub(super) fn next<T>(&mut self, expected: &str, read: impl FnOnce(&Token) -> Option<T>) -> Result<T> {
        let position = self.position();
        let taken = self.tokens.peek().and_then(|(_, token)| read(token));
        let taken = taken.ok_or_else(|| {
            let found = self.tokens.peek().map_or_else(|| "the end".to_owned(), |(_, token)| token.to_string());
            FilterError::Unexpected { position, expected: expected.to_owned(), found }
        })?;
        self.tokens.next();
        Ok(taken)
    }

    /// A name that `N` knows.
    pub(super) fn name<N: Named>(&mut self) -> Result<N> {
        let position = self.position();
        let word = self.next(N::FORMS, Token::word)?;
        let mut words: Vec<String> = word.split('.').map(str::to_owned).collect();
        // A dot at the end is followed by a key in quotes, and that perhaps by further keys.
        while words.len() > 1 && words.last().is_some_and(String::is_empty) {
            words.pop();
            words.push(self.next("a key, in double quotes if it is no plain word", Token::key)?);
            let further = |token: &Token| token.word()?.strip_prefix('.').map(str::to_owned);
            if self.tokens.peek().is_some_and(|(_, token)| further(token).is_some()) {
                let further = self.next("a key", further)?;
                words.extend(further.split('.').map(str::to_owned));
            }
        }
        let (group, keys) = words.split_first().map_or(("", &[][..]), |(group, keys)| (group.as_str(), keys));
        N::named(group, keys).ok_or_else(|| FilterError::Unexpected {
            position,
            expected: N::FORMS.to_owned(),
            found: format!("`{word}`"),
        })
    }

    fn and(&mut self) -> Result<()> {
        self.next("`and`", |token| token.word().filter(|word| word.eq_ignore_ascii_case("and"))).map(drop)
    }

    fn clause<F: Field>(&mut self) -> Result<Clause<F>> {
        let field: F = self.name()?;
        let kind = field.kind();
        let compare = match kind {
            Kind::Text | Kind::OneOf(_) => {
                self.next("= or !=", |token| token.compare().filter(|compare| !compare.orders()))?
            }
            Kind::Number | Kind::Whole | Kind::Moment | Kind::Any => {
                self.next("=, !=, <, <=, > or >=", Token::compare)?
            }
        };
        let value = match kind {
            Kind::Any if compare.orders() => Kind::Number.read(self)?,
            kind => kind.read(self)?,
        };
        Ok(Clause { field, compare, value })
    }
}

impl Kind {
    fn read(self, parser: &mut Parser) -> Result<Value> {
        match self {
            Self::Number => parser.next("a finite number", Token::number).map(Value::Number),
            Self::Whole => parser.next("a whole number", |token| token.word()?.parse().ok()).map(Value::Whole),
            Self::Moment => {
                let expected = "a moment like '2025-01-15T14:30:22Z'";
                parser.next(expected, |token| token.text()?.parse().ok()).map(Value::Moment)
            }
            Self::Text => parser.next("a text in quotes", Token::text).map(Value::Text),
            Self::OneOf(words) => {
                let expected = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ");
                let known = |text: &String| words.contains(&text.as_str());
                parser.next(&format!("one of {expected}"), |token| token.text().filter(known)).map(Value::Text)
            }
            Self::Any => parser.next("a finite number, a text in quotes, `true` or `false`", |token| {
                let flag = || token.word()?.parse().ok().map(Value::Flag);
                token.text().map(Value::Text).or_else(|| token.number().map(Value::Number)).or_else(flag)
            }),
        }
    }
}

impl Compare {
    /// Whether it needs values that have an order.
    fn orders(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
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
    use crate::domain::{search::RunField, version_search::VersionField};

    type RunFilter = Filter<RunField>;
    type VersionFilter = Filter<VersionField>;

    fn metric(compare: Compare, value: f64) -> Clause<RunField> {
        Clause { field: RunField::Metric("auc".into()), compare, value: Value::Number(value) }
    }

    fn text(field: RunField, equal: bool, value: &str) -> Clause<RunField> {
        let compare = if equal { Compare::Equal } else { Compare::NotEqual };
        Clause { field, compare, value: Value::Text(value.into()) }
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
            (
                "params.hyperparameters.c = '1.0'",
                vec![text(RunField::Parameter("hyperparameters.c".into()), true, "1.0")],
            ),
            ("tags.\"a \"\"b\"\" ü\" != 'it''s'", vec![text(RunField::Tag("a \"b\" ü".into()), false, "it's")]),
            ("name = \"nightly\"", vec![text(RunField::Name, true, "nightly")]),
            ("parent = ''", vec![text(RunField::Parent, true, "")]),
            (
                "status = 'finished' AND tags.team='and'",
                vec![text(RunField::Status, true, "finished"), text(RunField::Tag("team".into()), true, "and")],
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
            ("metrics.\"a\"b > 1", 12, "found `b`"),
            ("tags.\"a\". = 'x'", 11, "a key"),
            ("name = 'x'; drop table runs", 11, "found `;`"),
        ] {
            let error = filter.parse::<RunFilter>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("position {position}: ")) && error.contains(told), "{filter}: {error}");
        }
    }

    #[test]
    fn filters_are_bounded() {
        let clauses = |count: usize| vec!["name = 'x'"; count].join(" and ");
        assert_eq!(clauses(20).parse::<RunFilter>().map(|filter| filter.0.len()), Ok(20));
        assert_eq!(clauses(21).parse::<RunFilter>(), Err(FilterError::TooMany { position: 301 }));
        let long = format!("name = '{}'", "x".repeat(4088));
        assert_eq!(long.parse::<RunFilter>(), Err(FilterError::TooLong { length: 4097 }));
        assert!(format!("name = '{}'", "x".repeat(4087)).parse::<RunFilter>().is_ok());
    }

    #[test]
    fn versions_have_words_of_their_own() {
        // F10, F12, F25
        let metadata = |keys: &[&str]| VersionField::Metadata(keys.iter().map(|key| (*key).to_owned()).collect());
        let moment = Timestamp::from_micros(1_736_951_422_500_000);
        for (filter, field, compare, value) in [
            ("metadata.a.b > 1", metadata(&["a", "b"]), Compare::Greater, Value::Number(1.0)),
            ("metadata.a.\"b c\".d = 'x'", metadata(&["a", "b c", "d"]), Compare::Equal, Value::Text("x".into())),
            ("metadata.\"a.b\" != true", metadata(&["a.b"]), Compare::NotEqual, Value::Flag(true)),
            ("metadata.a.\"b c\".\"d\" = 1", metadata(&["a", "b c", "d"]), Compare::Equal, Value::Number(1.0)),
            ("number >= 3", VersionField::Number, Compare::GreaterOrEqual, Value::Whole(3)),
            ("created < '2025-01-15T14:30:22.5Z'", VersionField::Created, Compare::Less, Value::Moment(moment)),
            ("created < '2025-01-15T16:30:22.5+02:00'", VersionField::Created, Compare::Less, Value::Moment(moment)),
            ("display_state = 'canary'", VersionField::DisplayState, Compare::Equal, Value::Text("canary".into())),
        ] {
            assert_eq!(filter.parse(), Ok(Filter(vec![Clause { field, compare, value }])), "{filter}");
        }
        for (filter, position, told) in [
            ("stage = 'x'", 1, "display_state"),
            ("params.a = 'x'", 1, "found `params.a`"),
            ("number = 1.5", 10, "a whole number"),
            ("number = '1'", 10, "a whole number"),
            ("created > 2025", 11, "a moment"),
            ("created > 'yesterday'", 11, "a moment"),
            ("created > '9999999999-01-01T00:00:00Z'", 11, "a moment"),
            ("state > 'trained'", 7, "= or !="),
            (
                "display_state = 'retired'",
                17,
                "'production', 'rollback_candidate', 'archived', 'failed', 'canary', 'staging'",
            ),
            ("metadata.a > 'x'", 14, "a finite number"),
            ("metadata.a = maybe", 14, "`true` or `false`"),
            ("metadata = 1", 1, "found `metadata`"),
            ("metrics.auc > NaN", 15, "a finite number"),
            ("digest = 'a\0b'", 12, "found `\\0`"),
        ] {
            let error = filter.parse::<VersionFilter>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("position {position}: ")) && error.contains(told), "{filter}: {error}");
        }
    }
}
