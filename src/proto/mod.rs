//! The generated code of the contract under `proto/`, with the client and the server of every service, and of the stored
//! form under `src/store/proto/`.
//!
//! The modules are nested as the packages are, since the generated code names its neighbours that way. The rest of
//! the program says [`v1`] for the public contract and [`storage`] for the stored form.

pub mod bounds;

pub use ms::dmh::credential::storage::v1 as storage;
pub use ms::dmh::credential::v1;

/// The descriptor set of the public contract, with comments: what server reflection shows.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// A service of the contract.
#[derive(Debug)]
pub struct Service {
    /// Its full name: `package.Service`.
    pub name: &'static str,
    /// Its methods.
    pub methods: &'static [Method],
}

/// A method of the contract.
#[derive(Debug)]
pub struct Method {
    /// Its path: `/package.Service/Method`.
    pub path: &'static str,
    /// The service, without its package.
    pub service: &'static str,
    /// The name of the method.
    pub name: &'static str,
    /// Whether its requests or its answers are a stream.
    pub streams: bool,
    /// Whether its request is a batch or asks for a page.
    pub takes_many: bool,
    /// Whether it may record something.
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
    //! Messages that every gRPC service shares.
    pub mod rpc {
        //! Statuses and their details.
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
                //! The stored form: private to the registry, and held to the same rules of compatibility.
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
