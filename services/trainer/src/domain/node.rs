//! The node of a pipeline that a job works for.

use lineal_kernel::FieldError;
use serde::{Deserialize, Serialize};

const MAX_ID: usize = 128;

/// One node of one pipeline; it has one active job at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodeKey {
    pub(crate) pipeline: String,
    pub(crate) node: String,
}

impl NodeKey {
    /// Both ids or neither.
    pub(super) fn check(pipeline: String, node: String) -> Result<Option<Self>, FieldError> {
        for (path, id, other) in [("pipeline_id", &pipeline, &node), ("node_id", &node, &pipeline)] {
            if id.is_empty() && !other.is_empty() {
                return Err(FieldError::new(path, "give both pipeline_id and node_id, or neither"));
            }
            let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
            if id.len() > MAX_ID || !id.bytes().all(fine) {
                let problem = format!("at most {MAX_ID} letters, digits and any of - _ . : /");
                return Err(FieldError::new(path, problem));
            }
        }
        Ok((!node.is_empty()).then_some(Self { pipeline, node }))
    }
}
