//! The seal of the audit: each entry's digest covers the entry and the digest before it, so nothing in it can be changed, taken
//! out or moved without a break at that place. The stored head guards the end.

use lineal_kernel::Digest;

use super::audit::AuditRecord;

/// The last entry of a sealed audit, by sequence and digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its sequence; 0 before the first entry.
    pub sequence: u64,
    /// Its digest.
    pub digest: String,
}

/// Where the audit is no longer what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Break {
    /// The first sequence that does not hold.
    pub sequence: u64,
    /// What is wrong there.
    pub fault: Fault,
}

/// What is wrong at a break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The entry is not the one whose digest was taken.
    Altered,
    /// There is no entry, though later ones or the head say that there was.
    Missing,
    /// The entry is not the one that the stored head names, or comes after it.
    Head,
}

/// What a walk along the whole audit found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// Entries that hold, from the first on.
    pub checked: u64,
    /// Where the seal breaks; `None` if it is intact.
    pub broken: Option<Break>,
    /// The stored head.
    pub head: Head,
}

impl Head {
    /// Before the first entry stands the digest of the tenant's name.
    pub fn start(tenant: &str) -> Self {
        Self { sequence: 0, digest: Digest::of(tenant.as_bytes()).to_string() }
    }

    /// The head once `record`, whose own digest is not looked at, is the last entry.
    #[must_use]
    pub fn extended(&self, record: &AuditRecord) -> Self {
        Self { sequence: record.sequence, digest: record.digest_after(&self.digest).to_string() }
    }

    /// The head after the next stored entry, or the break that it makes. `None` stands for an entry that cannot be read.
    pub fn follow(&self, sequence: u64, record: Option<&AuditRecord>) -> Result<Self, Break> {
        let expected = self.sequence + 1;
        if sequence != expected {
            return Err(Break { sequence: expected, fault: Fault::Missing });
        }
        let altered = Break { sequence, fault: Fault::Altered };
        let record = record.ok_or(altered)?;
        let head = self.extended(record);
        if head.digest == record.digest { Ok(head) } else { Err(altered) }
    }

    /// Whether a walk that ended here saw all that the stored head speaks of, and nothing else.
    pub fn meet(&self, stored: &Self) -> Result<(), Break> {
        if stored.sequence > self.sequence {
            return Err(Break { sequence: self.sequence + 1, fault: Fault::Missing });
        }
        if stored.sequence < self.sequence {
            return Err(Break { sequence: stored.sequence + 1, fault: Fault::Head });
        }
        if stored.digest == self.digest { Ok(()) } else { Err(Break { sequence: self.sequence, fault: Fault::Head }) }
    }
}
