//! The words of searches.

use std::{fmt, iter::Peekable, str::Chars};

use super::filter::{Compare, FilterError};

/// A piece of a filter.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// Letters, digits and `_ - + . /`: a field, a number or `and`.
    Word(String),
    /// A text in single quotes.
    Single(String),
    /// A text, or a key, in double quotes.
    Double(String),
    /// A comparison.
    Compare(Compare),
    /// A character that begins none of these.
    Other(char),
}

impl Token {
    pub(super) fn word(&self) -> Option<String> {
        if let Self::Word(word) = self { Some(word.clone()) } else { None }
    }

    pub(super) fn text(&self) -> Option<String> {
        if let Self::Single(text) | Self::Double(text) = self { Some(text.clone()) } else { None }
    }

    pub(super) fn key(&self) -> Option<String> {
        if let Self::Double(key) = self { Some(key.clone()).filter(|key| !key.is_empty()) } else { None }
    }

    pub(super) fn compare(&self) -> Option<Compare> {
        if let Self::Compare(compare) = self { Some(*compare) } else { None }
    }

    /// Finite only.
    pub(super) fn number(&self) -> Option<f64> {
        self.word()?.parse().ok().filter(|number: &f64| number.is_finite())
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => write!(f, "`{word}`"),
            Self::Single(text) => write!(f, "'{text}'"),
            Self::Double(text) => write!(f, "\"{text}\""),
            Self::Compare(compare) => write!(f, "`{compare}`"),
            Self::Other(c) => write!(f, "`{}`", c.escape_debug()),
        }
    }
}

/// Cuts `text` into tokens, each with its position.
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token)>, FilterError> {
    let mut reader = Reader { rest: text.chars().peekable(), position: 1 };
    let mut tokens = Vec::new();
    loop {
        while reader.take(char::is_whitespace).is_some() {}
        let position = reader.position;
        match reader.token()? {
            Some(token) => tokens.push((position, token)),
            None => return Ok(tokens),
        }
    }
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    position: usize,
}

impl Reader<'_> {
    fn take(&mut self, wanted: impl Fn(char) -> bool) -> Option<char> {
        let taken = self.rest.next_if(|c| wanted(*c))?;
        self.position += 1;
        Some(taken)
    }

    fn token(&mut self) -> Result<Option<Token>, FilterError> {
        let Some(c) = self.rest.peek().copied() else { return Ok(None) };
        Ok(Some(match c {
            '\'' => Token::Single(self.quoted(c)?),
            '"' => Token::Double(self.quoted(c)?),
            '=' | '!' | '<' | '>' => self.compare(c),
            c if in_word(c) => Token::Word(std::iter::from_fn(|| self.take(in_word)).collect()),
            c => {
                self.take(|_| true);
                Token::Other(c)
            }
        }))
    }

    /// A quote inside is written twice.
    fn quoted(&mut self, quote: char) -> Result<String, FilterError> {
        let position = self.position;
        self.take(|_| true);
        let mut text = String::new();
        while let Some(c) = self.take(|c| c != '\0') {
            if c == quote && self.take(|c| c == quote).is_none() {
                return Ok(text);
            }
            text.push(c);
        }
        // No database takes a NUL character.
        match self.rest.peek() {
            Some(_) => {
                let (expected, found) = ("the rest of the text".to_owned(), "`\\0`".to_owned());
                Err(FilterError::Unexpected { position: self.position, expected, found })
            }
            None => Err(FilterError::Unclosed { position }),
        }
    }

    fn compare(&mut self, first: char) -> Token {
        self.take(|_| true);
        let or_equal = first != '=' && self.take(|c| c == '=').is_some();
        Token::Compare(match (first, or_equal) {
            ('=', _) => Compare::Equal,
            ('!', true) => Compare::NotEqual,
            ('<', false) => Compare::Less,
            ('<', true) => Compare::LessOrEqual,
            ('>', false) => Compare::Greater,
            ('>', true) => Compare::GreaterOrEqual,
            (other, _) => return Token::Other(other),
        })
    }
}

fn in_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_-+./".contains(c)
}
