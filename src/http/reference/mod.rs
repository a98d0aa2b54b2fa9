//! The reference of the contract over HTTP: an OpenAPI document, and a page for people that is made from it.

mod comments;
mod markup;
mod openapi;
mod operation;
mod ordered;
mod page;
mod schema;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::contract::Contract;

/// The reference.
pub(super) struct Reference {
    /// The OpenAPI document.
    pub(super) openapi: String,
    /// The page.
    pub(super) page: String,
}

impl Reference {
    /// Describes all methods of the contract. This takes some milliseconds.
    pub(super) fn of(contract: &Contract) -> Reference {
        let document = openapi::document(contract);
        // Writing to memory never fails.
        let openapi = serde_json::to_string(&document).unwrap_or_default();
        Reference { openapi, page: page::page(&document) }
    }
}

/// What a browser may do with the page: show it with its own style.
pub(super) fn policy() -> String {
    let digest = STANDARD.encode(Sha256::digest(page::STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

#[cfg(test)]
mod tests;
