//! The contracts of all services, generated from `proto/`, and what can be read off them.
//!
//! [`lineal`] and [`inference`] follow the folders of `proto/`. Every message has the canonical JSON form of protobuf with
//! the contract's own field names.

// Generated code keeps its own style.
#![allow(clippy::all, clippy::pedantic, clippy::nursery, missing_docs, unreachable_pub)]

mod codec;
mod permissions;

pub use codec::{BoundedCodec, BoundedDecoder};
pub use pbjson_types;
pub use permissions::permission_of;

/// The compiled contracts, as reflection serves them.
pub const DESCRIPTOR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.bin"));

/// Lineal's own contracts.
pub mod lineal {
    pub mod types {
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/lineal.types.v1.rs"));
            include!(concat!(env!("OUT_DIR"), "/lineal.types.v1.serde.rs"));
        }
    }
    pub mod registry {
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/lineal.registry.v1.rs"));
            include!(concat!(env!("OUT_DIR"), "/lineal.registry.v1.serde.rs"));
        }
    }
    pub mod trainer {
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/lineal.trainer.v1.rs"));
            include!(concat!(env!("OUT_DIR"), "/lineal.trainer.v1.serde.rs"));
        }
    }
    pub mod validator {
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/lineal.validator.v1.rs"));
            include!(concat!(env!("OUT_DIR"), "/lineal.validator.v1.serde.rs"));
        }
    }
    pub mod inference {
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/lineal.inference.v1.rs"));
            include!(concat!(env!("OUT_DIR"), "/lineal.inference.v1.serde.rs"));
        }
    }
}

/// The Open Inference Protocol v2.
pub mod inference {
    include!(concat!(env!("OUT_DIR"), "/inference.rs"));
    include!(concat!(env!("OUT_DIR"), "/inference.serde.rs"));
}
