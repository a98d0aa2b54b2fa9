//! Authentication of callers, and the permissions of each role.

pub mod clients;
mod dev;
mod hex;
mod identities;
pub mod memory;
pub mod misses;
pub mod peer;
mod permissions;
pub mod quotas;
pub mod serial;
pub mod token;

use std::num::NonZeroU32;

pub use self::dev::BadDevCaller;
pub(crate) use self::dev::DEV_CALLER;
pub use self::identities::{Identities, NotIdentified};
pub use self::permissions::{FEED, Fields, Grant, Method, PACKAGE, Right, RoleName, Rows, method, methods};
use crate::domain::fact::{Reporter, Role};
use crate::domain::id::ProviderId;

/// An authenticated caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The client's name in the list of clients.
    pub client: String,
    /// Its role.
    pub role: Role,
    /// The number of misses per hour that its row allows. None: the configured default.
    pub misses_per_hour: Option<NonZeroU32>,
}

impl Caller {
    /// The caller as the domain rules need it.
    pub fn reporter(&self) -> Reporter {
        Reporter { client: self.client.clone(), role: self.role.clone() }
    }

    /// The provider whose HR system it is, if it is one.
    pub fn own_provider(&self) -> Option<&ProviderId> {
        match &self.role {
            Role::Provider(id) => Some(id),
            _ => None,
        }
    }
}

/// A role as named in the list of clients. The registry itself is no client.
pub fn role_word(role: &Role) -> &'static str {
    match role {
        Role::Registry => "registry",
        Role::Registrar | Role::RegistrarAndCertifier => "registrar",
        Role::Certifier => "certifier",
        Role::Provider(_) => "provider",
        Role::Payer => "payer",
        Role::Auditor => "auditor",
        Role::Operator => "operator",
    }
}
