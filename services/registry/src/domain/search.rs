//! Searches among runs, and the orders of all searches.

use std::str::FromStr;

use super::{
    experiment::Stage,
    filter::{Field, Filter, FilterError, Kind, Named, Parser},
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
    pub filter: Filter<RunField>,
    /// In which order. Runs without a finite value come last in either direction; newer ids come first among equals.
    pub order: Order<RunOrder>,
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

/// What can be asked of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunField {
    /// The latest value of a metric.
    Metric(String),
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
    /// The model that it is about.
    Model,
}

impl Named for RunField {
    const FORMS: &'static str = "metrics.KEY, params.KEY, tags.KEY, name, status, parent or model";

    fn named(group: &str, keys: &[String]) -> Option<Self> {
        match (group, keys) {
            ("name", []) => Some(Self::Name),
            ("status", []) => Some(Self::Status),
            ("parent", []) => Some(Self::Parent),
            ("model", []) => Some(Self::Model),
            ("metrics", [_, ..]) => Some(Self::Metric(keys.join("."))),
            ("params", [_, ..]) => Some(Self::Parameter(keys.join("."))),
            ("tags", [_, ..]) => Some(Self::Tag(keys.join("."))),
            _ => None,
        }
    }
}

impl Field for RunField {
    fn kind(&self) -> Kind {
        match self {
            Self::Metric(_) => Kind::Number,
            Self::Status => Kind::OneOf(&RunStatus::WORDS),
            Self::Parameter(_) | Self::Tag(_) | Self::Name | Self::Parent | Self::Model => Kind::Text,
        }
    }
}

/// The order of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order<B> {
    /// By what.
    pub by: B,
    /// Largest first.
    pub descending: bool,
}

/// What runs can be ordered by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunOrder {
    /// When they began.
    StartTime,
    /// When they ended.
    EndTime,
    /// The latest value of a metric.
    Metric(String),
    /// The first 200 characters of a parameter.
    Parameter(String),
}

impl Named for RunOrder {
    const FORMS: &'static str = "start_time, end_time, metrics.KEY or params.KEY";

    fn named(group: &str, keys: &[String]) -> Option<Self> {
        match (group, keys) {
            ("start_time", []) => Some(Self::StartTime),
            ("end_time", []) => Some(Self::EndTime),
            ("metrics", [_, ..]) => Some(Self::Metric(keys.join("."))),
            ("params", [_, ..]) => Some(Self::Parameter(keys.join("."))),
            _ => None,
        }
    }
}

impl Default for Order<RunOrder> {
    fn default() -> Self {
        Self { by: RunOrder::StartTime, descending: true }
    }
}

impl<B: Named> FromStr for Order<B>
where
    Self: Default,
{
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let mut parser = Parser::new(text)?;
        if !parser.more() {
            return Ok(Self::default());
        }
        let by = parser.name()?;
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
            ("", RunOrder::StartTime, true),
            ("start_time", RunOrder::StartTime, false),
            ("end_time DESC", RunOrder::EndTime, true),
            ("metrics.auc desc", RunOrder::Metric("auc".into()), true),
            ("params.\"a b\" asc", RunOrder::Parameter("a b".into()), false),
        ] {
            assert_eq!(text.parse(), Ok(Order { by, descending }), "{text}");
        }
        for (text, position) in [("auc", 1), ("tags.a", 1), ("start_time down", 12), ("start_time asc, end_time", 15)] {
            let error = text.parse::<Order<RunOrder>>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("position {position}: ")), "{text}: {error}");
        }
    }
}
