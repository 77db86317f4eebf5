//! Pages that a message can hold.

use lineal_kernel::PageToken;
use prost::Message;

/// Bytes of the rows of one page; a message holds four times as many.
const MAX_BYTES: usize = 1 << 20;

/// The rows that fit, at least one, and the token of the next page of `query`: `next` unless rows were left out. `id` is what a token
/// has of the last row.
pub(super) fn fitting<M: Message>(
    mut rows: Vec<M>,
    next: Option<String>,
    query: &str,
    id: impl Fn(&M) -> &str,
) -> (Vec<M>, String) {
    let sizes = rows.iter().scan(0, |bytes, row| {
        *bytes += row.encoded_len();
        Some(*bytes)
    });
    let fit = sizes.take_while(|bytes| *bytes <= MAX_BYTES).count().max(1);
    let next = if fit < rows.len() {
        rows.truncate(fit);
        rows.last().map(|row| id(row).to_owned())
    } else {
        next
    };
    (rows, next.map(|last| PageToken::seal(&last, query)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use lineal_kernel::PageRequest;
    use lineal_proto::lineal::trainer::v1::Job;

    use super::*;

    #[test]
    fn a_page_ends_where_a_message_would_grow_too_large() {
        // F83
        let jobs = |bytes: &[usize]| -> Vec<Job> {
            let job = |(i, bytes): (usize, &usize)| Job {
                job_id: i.to_string(),
                error: "e".repeat(*bytes),
                ..Job::default()
            };
            bytes.iter().enumerate().map(job).collect()
        };
        let (half, whole) = (500 << 10, 2 << 20);
        for (sizes, kept, after) in [
            (&[10, 10][..], 2, Some("9")),
            (&[half, half, half], 2, Some("1")),
            (&[whole, 10], 1, Some("0")),
            (&[whole], 1, Some("9")),
            (&[], 0, Some("9")),
        ] {
            let (rows, token) = fitting(jobs(sizes), Some("9".to_owned()), "jobs", |job| &job.job_id);
            let found = PageRequest::new(0, &token, "jobs").unwrap().after;
            assert_eq!((rows.len(), found.as_deref()), (kept, after), "{sizes:?}");
        }
        assert_eq!(fitting(jobs(&[10]), None, "jobs", |job| &job.job_id).1, "");
    }
}
