//! What every part of Lineal agrees on: names, digests, time, callers, pages and bad fields.
//!
//! Nothing here speaks a protocol or a database; a type lives here when at least two services need it.

mod caller;
mod clock;
mod digest;
mod field;
mod names;
mod page;
mod slot;
mod traffic;

pub use caller::Caller;
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use digest::{Digest, Hasher};
pub use field::{FieldError, FieldErrors};
pub use names::{AliasName, ModelName, Name, RequestId, TenantId, VersionNumber};
pub use page::{PageRequest, PageToken};
pub use slot::Slot;
pub use traffic::{Share, Traffic};
