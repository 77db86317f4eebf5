//! Tags that a caller gives a job.

use std::collections::BTreeMap;

use lineal_kernel::{FieldError, FieldErrors, Name};

use super::spec::MAX_WORD;

/// Tags that the trainer itself writes to a run.
const RESERVED_TAGS: [&str; 6] = ["actor", "git_sha", "job_id", "sampled", "stale_upstreams", "status"];
const MAX_TAGS: usize = 64;

/// Checks all tags at once.
pub(super) fn check_tags(tags: &BTreeMap<String, String>, errors: &mut FieldErrors) {
    if tags.len() > MAX_TAGS {
        errors.0.push(FieldError::new("tags", format!("at most {MAX_TAGS} tags")));
        return;
    }
    for (key, value) in tags {
        let shown: String = key.chars().take(64).collect();
        let problem = if RESERVED_TAGS.contains(&key.as_str()) {
            "the trainer sets this tag itself, choose another name"
        } else if Name::new(key).is_err() {
            "a tag's name is 1 to 63 of a-z, 0-9, '-', '_' and '.'"
        } else if value.len() > MAX_WORD {
            "a tag's value has at most 256 bytes"
        } else if value.contains('\0') {
            "holds a NUL character"
        } else {
            continue;
        };
        errors.0.push(FieldError::new(format!("tags.{shown}"), problem));
    }
}
