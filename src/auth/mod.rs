//! Who asks, and what each role may call, reach and see.

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
pub use self::permissions::{Fields, Grant, Method, PACKAGE, Right, RoleName, Rows, method, methods};
use crate::domain::fact::{Reporter, Role};
use crate::domain::id::ProviderId;

/// A caller, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The client's name in the list of clients.
    pub client: String,
    /// The part it plays.
    pub role: Role,
    /// How many misses it may have in an hour. None: as many as the configuration says.
    pub misses_per_hour: Option<NonZeroU32>,
}

impl Caller {
    /// What the rules need to know of it.
    pub fn reporter(&self) -> Reporter {
        Reporter { client: self.client.clone(), role: self.role.clone() }
    }

    /// The provider that it is the HR system of, if it is one.
    pub fn own_provider(&self) -> Option<&ProviderId> {
        match &self.role {
            Role::Provider(id) => Some(id),
            _ => None,
        }
    }
}
