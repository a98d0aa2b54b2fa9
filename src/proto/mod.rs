//! The generated code of the contract under `proto/`, with a client and a server for every service, and of the storage
//! format under `src/store/proto/`.
//!
//! The modules are nested like the packages, because the generated code uses those paths. The rest of the program uses
//! [`v1`] for the public contract and [`storage`] for the storage format.

pub mod bounds;

use std::sync::OnceLock;

use prost_reflect::{DescriptorError, DescriptorPool};

pub use ms::dmh::credential::storage::v1 as storage;
pub use ms::dmh::credential::v1;

/// The descriptor set of the public contract, with comments. Server reflection returns it.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The types of [`DESCRIPTORS`]. They are read once, and shared.
pub fn types() -> Result<DescriptorPool, DescriptorError> {
    static READ: OnceLock<DescriptorPool> = OnceLock::new();
    let read = READ.get().cloned().map_or_else(|| DescriptorPool::decode(DESCRIPTORS), Ok)?;
    Ok(READ.get_or_init(|| read).clone())
}

/// A service of the contract.
#[derive(Debug)]
pub struct Service {
    /// The full name: `package.Service`.
    pub name: &'static str,
    /// The methods of the service.
    pub methods: &'static [Method],
}

/// A method of the contract.
#[derive(Debug)]
pub struct Method {
    /// The path: `/package.Service/Method`.
    pub path: &'static str,
    /// The name of the service, without its package.
    pub service: &'static str,
    /// The name of the method.
    pub name: &'static str,
    /// Whether the requests or the responses are a stream.
    pub streams: bool,
    /// Whether the request is a batch or asks for a page.
    pub takes_many: bool,
    /// Whether the method may record facts.
    pub writes: bool,
}

/// Every service of the contract, generated from its descriptor set.
pub const SERVICES: &[Service] = include!(concat!(env!("OUT_DIR"), "/v1_services.rs"));

#[allow(
    missing_docs,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    rustdoc::all,
    reason = "generated"
)]
pub mod google {
    //! Google's common messages.
    pub mod rpc {
        //! Status and error details.
        tonic::include_proto!("google.rpc");
    }
    pub mod r#type {
        //! Civil dates.
        tonic::include_proto!("google.r#type");
    }
}

#[allow(
    missing_docs,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    rustdoc::all,
    reason = "generated"
)]
pub mod ms {
    //! Mississippi.
    pub mod dmh {
        //! Department of Mental Health.
        pub mod credential {
            //! The registry of credentials.
            pub mod v1 {
                //! The public contract.
                tonic::include_proto!("ms.dmh.credential.v1");
                include!(concat!(env!("OUT_DIR"), "/v1_values.rs"));
                include!(concat!(env!("OUT_DIR"), "/v1_servers.rs"));
            }
            pub mod storage {
                //! The storage format: private to the registry, with the same compatibility rules as the contract.
                pub mod v1 {
                    //! Version 1.
                    tonic::include_proto!("ms.dmh.credential.storage.v1");
                    include!(concat!(env!("OUT_DIR"), "/storage_values.rs"));
                }
            }
        }
    }
}

impl std::fmt::Debug for storage::PersonalFields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PersonalFields(redacted)")
    }
}

impl std::fmt::Debug for storage::PersonalPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PersonalPart(redacted)")
    }
}

impl std::fmt::Debug for storage::SealedRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealedRecord({})", self.revision)
    }
}
