//! Tags: free words that can be set and taken away.

use std::collections::BTreeMap;

/// Tags to set and to take away; others are left alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagChange {
    /// New values by name.
    pub set: BTreeMap<String, String>,
    /// Names to take away.
    pub removed: Vec<String>,
}

impl TagChange {
    /// Changes `tags`. What is not there need not be taken away.
    pub fn apply(&self, tags: &mut BTreeMap<String, String>) {
        tags.retain(|key, _| !self.removed.contains(key));
        tags.extend(self.set.clone());
    }
}
