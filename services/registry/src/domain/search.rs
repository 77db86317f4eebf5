//! Searches among runs.

use std::str::FromStr;

use super::{
    experiment::Stage,
    filter::{Field, Filter, FilterError, Parser, Text},
    run::RunStatus,
};

/// Which runs, and in which order.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// Ids of experiments; empty for all.
    pub experiments: Vec<String>,
    /// Empty for all.
    pub statuses: Vec<RunStatus>,
    /// `None` for any.
    pub stage: Option<Stage>,
    /// What else a run must pass.
    pub filter: Filter,
    /// In which order.
    pub order: Order,
}

impl Default for Search {
    /// Every active run, newest first.
    fn default() -> Self {
        Self {
            experiments: Vec::new(),
            statuses: Vec::new(),
            stage: Some(Stage::Active),
            filter: Filter::default(),
            order: Order::default(),
        }
    }
}

/// The order of a search. Runs without a finite value come last in either direction; newer ids come first among equals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// By what.
    pub by: OrderBy,
    /// Largest first.
    pub descending: bool,
}

/// What runs can be ordered by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderBy {
    /// When they began.
    StartTime,
    /// When they ended.
    EndTime,
    /// The latest value of a metric.
    Metric(String),
    /// The first 200 characters of a parameter.
    Parameter(String),
}

impl Default for Order {
    fn default() -> Self {
        Self { by: OrderBy::StartTime, descending: true }
    }
}

impl FromStr for Order {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let mut parser = Parser::new(text)?;
        if !parser.more() {
            return Ok(Self::default());
        }
        let position = parser.position();
        let by = match parser.field()? {
            Field::Metric(key) => OrderBy::Metric(key),
            Field::Text(Text::Parameter(key)) => OrderBy::Parameter(key),
            Field::Other(word) if word == "start_time" => OrderBy::StartTime,
            Field::Other(word) if word == "end_time" => OrderBy::EndTime,
            Field::Text(_) | Field::Other(_) => {
                let expected = "start_time, end_time, metrics.KEY or params.KEY";
                return Err(FilterError::Unexpected { position, expected, found: "something else".to_owned() });
            }
        };
        let descending = parser.more()
            && parser.next("`asc` or `desc`", |token| match token.word()?.to_ascii_lowercase().as_str() {
                "asc" => Some(false),
                "desc" => Some(true),
                _ => None,
            })?;
        if parser.more() {
            return parser.next("the end", |_| None);
        }
        Ok(Self { by, descending })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read() {
        for (text, by, descending) in [
            ("", OrderBy::StartTime, true),
            ("start_time", OrderBy::StartTime, false),
            ("end_time DESC", OrderBy::EndTime, true),
            ("metrics.auc desc", OrderBy::Metric("auc".into()), true),
            ("params.\"a b\" asc", OrderBy::Parameter("a b".into()), false),
        ] {
            assert_eq!(text.parse(), Ok(Order { by, descending }), "{text}");
        }
        for (text, position) in [("auc", 1), ("tags.a", 1), ("start_time down", 12), ("start_time asc, end_time", 15)] {
            let error = text.parse::<Order>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("position {position}: ")), "{text}: {error}");
        }
    }
}
