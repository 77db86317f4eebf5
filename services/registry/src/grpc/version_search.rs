//! Searches among versions on the wire.

use lineal_kernel::{FieldError, FieldErrors};

use super::fields::checked;
use crate::domain::{
    display::DisplayState,
    filter::{Clause, Compare, Filter, FilterError, Value},
    search::Order,
    version_search::{VersionField, VersionOrder, VersionSearch},
};

/// The filter and the order of a search; `display_state` is one more comparison if it is not empty.
pub(super) fn query(
    display_state: &str,
    filter: &str,
    order_by: &str,
) -> Result<(Filter<VersionField>, Order<VersionOrder>), FieldErrors> {
    checked!({
        shown: shown(display_state),
        filter: read(filter),
        order: order(order_by),
    } => (Filter(filter.0.into_iter().chain(shown).collect()), order))
}

/// A search across all models.
pub(super) fn of_all(filter: &str, order_by: &str) -> Result<VersionSearch, FieldErrors> {
    let order_by = if order_by.trim().is_empty() { "created desc" } else { order_by };
    query("", filter, order_by).map(|(filter, order)| VersionSearch { model: None, filter, order })
}

fn shown(word: &str) -> Result<Option<Clause<VersionField>>, FieldError> {
    if word.is_empty() {
        return Ok(None);
    }
    let state: DisplayState = word.parse().map_err(|problem: String| FieldError::new("display_state", problem))?;
    let value = Value::Text(state.word().to_owned());
    Ok(Some(Clause { field: VersionField::DisplayState, compare: Compare::Equal, value }))
}

fn read(filter: &str) -> Result<Filter<VersionField>, FieldError> {
    filter.parse().map_err(|error: FilterError| FieldError::new("filter", error.to_string()))
}

fn order(order_by: &str) -> Result<Order<VersionOrder>, FieldError> {
    order_by.parse().map_err(|error: FilterError| FieldError::new("order_by", error.to_string()))
}
