//! Taking values out of a table, every problem remembered with its path.

use std::collections::{BTreeMap, HashSet};

use lineal_kernel::{FieldError, FieldErrors};
use lineal_models::Value;
use toml::Table;

/// The longest text that a single value may be, in bytes: that of a column's name.
const MAX_WORD: usize = 256;
const MAX_COLUMNS: usize = 10_000;

/// One table of a file. What is taken is gone; what is left in the end nobody knows.
pub(crate) struct Reader<'a> {
    path: &'static str,
    table: Table,
    asked: Vec<&'static str>,
    errors: &'a mut FieldErrors,
}

impl<'a> Reader<'a> {
    /// The whole file.
    pub(crate) fn new(table: Table, errors: &'a mut FieldErrors) -> Self {
        Self { path: "", table, asked: Vec::new(), errors }
    }

    /// The table `key`, empty if the file has none.
    pub(crate) fn section(&mut self, key: &'static str) -> Reader<'_> {
        let table = self.take(key, "a table", |value| match value {
            toml::Value::Table(table) => Some(table),
            _ => None,
        });
        Reader { path: key, table: table.unwrap_or_default(), asked: Vec::new(), errors: self.errors }
    }

    /// Remembers a problem of `key`.
    pub(crate) fn refuse(&mut self, key: &str, problem: impl Into<String>) {
        let error = FieldError::new(key, problem);
        self.errors.0.push(if self.path.is_empty() { error } else { error.under(self.path) });
    }

    /// A text of bounded length; empty if there is none.
    pub(crate) fn text(&mut self, key: &'static str) -> String {
        let text = self.take(key, "a text", text).unwrap_or_default();
        if let Err(problem) = check_word(&text) {
            self.refuse(key, problem);
        }
        text
    }

    /// A text that `check` lets through, unless it is empty.
    pub(crate) fn checked<T>(&mut self, key: &'static str, check: impl Fn(&str) -> Result<T, FieldError>) -> String {
        let text = self.text(key);
        if !text.is_empty()
            && let Err(error) = check(&text)
        {
            self.refuse(key, error.problem);
        }
        text
    }

    /// A list of different texts, none of them empty.
    pub(crate) fn texts(&mut self, key: &'static str) -> Vec<String> {
        let items = self.take(key, "a list of texts", |value| match value {
            toml::Value::Array(items) => Some(items),
            _ => None,
        });
        let items = items.unwrap_or_default();
        if items.len() > MAX_COLUMNS {
            self.refuse(key, format!("at most {MAX_COLUMNS} entries"));
            return Vec::new();
        }
        let (mut texts, mut seen) = (Vec::new(), HashSet::new());
        for (i, item) in items.into_iter().enumerate() {
            let (at, found) = (format!("{key}[{i}]"), item.type_str());
            // Each keeps its place, for what is said about it later.
            let text = text(item);
            texts.push(text.clone().unwrap_or_default());
            let Some(text) = text else {
                self.refuse(&at, format!("expected a text, found {} {found}; write it in quotes", article(found)));
                continue;
            };
            match check_word(&text) {
                _ if text.is_empty() => self.refuse(&at, "is empty, leave it out"),
                Err(problem) => self.refuse(&at, problem),
                Ok(()) if !seen.insert(text) => self.refuse(&at, "is there twice, leave one out"),
                Ok(()) => {}
            }
        }
        texts
    }

    /// A share between 0 and 1, both excluded; 0 if there is none.
    pub(crate) fn share(&mut self, key: &'static str) -> f64 {
        let Some(share) = self.take(key, "a number", number) else { return 0.0 };
        if !(share > 0.0 && share < 1.0) {
            self.refuse(
                key,
                format!("must be between 0 and 1, both excluded, found {share}; leave it out for the default"),
            );
        }
        share
    }

    /// A whole number from 1 to `most`; 0 if there is none.
    pub(crate) fn whole(&mut self, key: &'static str, most: u64) -> u64 {
        let Some(found) = self.take(key, "a whole number", |value| value.as_integer()) else { return 0 };
        match u64::try_from(found) {
            Ok(whole) if (1..=most).contains(&whole) => whole,
            _ => {
                self.refuse(key, format!("must be from 1 to {most}, found {found}; leave it out for the default"));
                0
            }
        }
    }

    /// A whole number that is not negative; 0 if there is none.
    pub(crate) fn seed(&mut self, key: &'static str) -> u64 {
        let seed =
            self.take(key, "a whole number that is not negative", |value| u64::try_from(value.as_integer()?).ok());
        seed.unwrap_or_default()
    }

    /// Yes or no; no if it is not said.
    pub(crate) fn flag(&mut self, key: &'static str) -> bool {
        self.take(key, "true or false", |value| value.as_bool()).unwrap_or_default()
    }

    /// Names with finite numbers.
    pub(crate) fn numbers(&mut self, key: &'static str) -> BTreeMap<String, f64> {
        let mut found = BTreeMap::new();
        for (name, value) in self.entries(key) {
            match number(value).filter(|number| number.is_finite()) {
                Some(number) => drop(found.insert(name, number)),
                None => self.refuse(&format!("{key}.{name}"), "expected a finite number"),
            }
        }
        found
    }

    /// Names with numbers, texts or flags.
    pub(crate) fn values(&mut self, key: &'static str) -> BTreeMap<String, Value> {
        let mut found = BTreeMap::new();
        for (name, value) in self.entries(key) {
            let value = match value {
                toml::Value::Boolean(value) => Value::Boolean(value),
                toml::Value::Integer(value) => Value::Integer(value),
                toml::Value::Float(value) => Value::Float(value),
                toml::Value::String(value) => Value::Text(value),
                toml::Value::Datetime(_) | toml::Value::Array(_) | toml::Value::Table(_) => {
                    self.refuse(&format!("{key}.{name}"), "expected a number, a text, true or false");
                    continue;
                }
            };
            found.insert(name, value);
        }
        found
    }

    /// Refuses whatever nobody has asked for.
    pub(crate) fn end(mut self) {
        let unknown: Vec<String> = self.table.keys().cloned().collect();
        let known = self.asked.join(", ");
        for key in unknown {
            let key: String = key.chars().take(64).collect();
            self.refuse(&key, format!("is unknown, known are {known}"));
        }
    }

    fn entries(&mut self, key: &'static str) -> Table {
        let table = self.take(key, "a table", |value| match value {
            toml::Value::Table(table) => Some(table),
            _ => None,
        });
        table.unwrap_or_default()
    }

    /// What is at `key`, as `read` understands it.
    fn take<T>(&mut self, key: &'static str, kind: &str, read: impl FnOnce(toml::Value) -> Option<T>) -> Option<T> {
        self.asked.push(key);
        let value = self.table.remove(key)?;
        let found = value.type_str();
        let read = read(value);
        if read.is_none() {
            self.refuse(key, format!("expected {kind}, found {} {found}", article(found)));
        }
        read
    }
}

fn text(value: toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text),
        _ => None,
    }
}

fn number(value: toml::Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64))
}

fn check_word(text: &str) -> Result<(), String> {
    if text.len() > MAX_WORD {
        return Err(format!("at most {MAX_WORD} bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err("holds control characters".to_owned());
    }
    Ok(())
}

/// `an` before what TOML calls an integer or an array.
fn article(kind: &str) -> &'static str {
    if kind.starts_with(['a', 'i']) { "an" } else { "a" }
}
