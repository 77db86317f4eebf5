//! Who is asking.

use crate::TenantId;

/// The caller of one request, as established at the edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Owner of everything the request touches.
    pub tenant: TenantId,
    /// Name written into the audit: a person, a service or a tool.
    pub actor: String,
}

impl Caller {
    /// A part of Lineal acting on its own behalf, e.g. `service:trainer`.
    pub fn service(name: &str) -> Self {
        Self { tenant: TenantId::default(), actor: format!("service:{name}") }
    }
}
