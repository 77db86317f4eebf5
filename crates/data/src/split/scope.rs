//! Which rows a split is about.

use super::{
    places::moments,
    rule::{SplitKind, SplitRule},
};
use crate::{DataError, Table};

impl SplitRule {
    /// The rows of `table` that are in scope and window and whose label is known by the end of it.
    pub(super) fn rows_of(&self, table: &Table) -> Result<Vec<usize>, DataError> {
        let mut inside: Vec<usize> = (0..table.rows()).collect();
        for (name, wanted) in &self.scope {
            let keys = table.keys(name)?;
            inside.retain(|&row| keys[row].is_some_and(|key| key.text() == wanted.as_str()));
        }
        if let Some(window) = &self.window {
            let (start, end) = window.bounds()?;
            let horizon = window.horizon();
            let moments = moments(table, &window.column)?;
            let known = |moment: i64| moment < end && moment.saturating_add(horizon) <= end;
            inside.retain(|&row| start <= moments[row] && known(moments[row]));
        }
        if inside.is_empty() {
            return Err(DataError::OutOfScope { rows: table.rows() });
        }
        Ok(inside)
    }

    /// Tells of a training row whether its label looks into the parts that come after it in time.
    pub(super) fn looks_ahead(&self, table: &Table) -> Result<impl Fn(usize) -> bool, DataError> {
        let horizon = self.window.as_ref().map_or(0, super::Window::horizon);
        let cut = match &self.kind {
            SplitKind::Time(cut) if horizon > 0 => cut.starts.last().copied().zip(Some(moments(table, &cut.column)?)),
            _ => None,
        };
        Ok(move |row: usize| cut.as_ref().is_some_and(|(start, moments)| moments[row].saturating_add(horizon) > *start))
    }
}
