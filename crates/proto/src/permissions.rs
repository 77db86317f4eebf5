//! Which permission an RPC needs, as its contract declares it.

use crate::lineal::types::v1::Permission;

const DECLARED: &[(&str, i32)] = include!(concat!(env!("OUT_DIR"), "/permissions.rs"));

/// The permission needed to call `path` ("/package.Service/Method"); `None` for an RPC that declares none, which nobody may
/// call. The Open Inference Protocol cannot carry our option, so its RPCs are known here.
pub fn permission_of(path: &str) -> Option<Permission> {
    if path.starts_with("/inference.GRPCInferenceService/") {
        return Some(Permission::Predict);
    }
    DECLARED
        .iter()
        .find(|(declared, _)| *declared == path)
        .and_then(|(_, permission)| Permission::try_from(*permission).ok())
        .filter(|permission| *permission != Permission::Unspecified)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_come_from_the_contracts() {
        assert_eq!(permission_of("/lineal.registry.v1.PromotionService/Promote"), Some(Permission::Promote));
        assert_eq!(permission_of("/inference.GRPCInferenceService/ModelInfer"), Some(Permission::Predict));
        assert_eq!(permission_of("/lineal.registry.v1.PromotionService/Obliterate"), None);
    }
}
