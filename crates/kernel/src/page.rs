//! Pages of a listing.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{Digest, FieldError};

const DEFAULT_SIZE: u32 = 50;
const MAX_SIZE: u32 = 500;

/// Which page of a listing is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// At most this many items, 1 to 500.
    pub size: u32,
    /// Where the page begins; `None` is the first page.
    pub after: Option<String>,
}

impl PageRequest {
    /// Reads `page_size` (0 is the default of 50, more than 500 is cut to 500) and a `page_token` that an
    /// earlier page of the same `query` returned.
    pub fn new(size: i32, token: &str, query: &str) -> Result<Self, FieldError> {
        let size = match u32::try_from(size) {
            Err(_) => return Err(FieldError::new("page_size", "must not be negative")),
            Ok(0) => DEFAULT_SIZE,
            Ok(size) => size.min(MAX_SIZE),
        };
        Ok(Self { size, after: PageToken::open(token, query)? })
    }
}

/// An opaque pointer to the next page that only fits the query it came from.
#[derive(Debug)]
pub struct PageToken;

impl PageToken {
    /// Seals the last item's `cursor` for `query`.
    pub fn seal(cursor: &str, query: &str) -> String {
        let tag = &Digest::of(query.as_bytes()).hex()[..8];
        URL_SAFE_NO_PAD.encode(format!("{tag}{cursor}"))
    }

    fn open(token: &str, query: &str) -> Result<Option<String>, FieldError> {
        if token.is_empty() {
            return Ok(None);
        }
        let tag = &Digest::of(query.as_bytes()).hex()[..8];
        URL_SAFE_NO_PAD
            .decode(token)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|text| text.strip_prefix(tag).map(str::to_owned))
            .map(Some)
            .ok_or_else(|| FieldError::new("page_token", "not a token of this query: start again without a token"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_fits_its_own_query_only() {
        let token = PageToken::seal("42", "versions of churn");
        let page = PageRequest::new(10, &token, "versions of churn");
        assert_eq!(page, Ok(PageRequest { size: 10, after: Some("42".to_owned()) }));
        assert!(PageRequest::new(10, &token, "versions of fraud").is_err());
        assert!(PageRequest::new(10, "???", "versions of churn").is_err());
    }

    #[test]
    fn sizes_have_a_default_and_a_limit() {
        assert_eq!(PageRequest::new(0, "", "").map(|page| page.size), Ok(50));
        assert_eq!(PageRequest::new(9999, "", "").map(|page| page.size), Ok(500));
        assert!(PageRequest::new(-1, "", "").is_err());
    }
}
