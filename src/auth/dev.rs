//! The caller on a development server, named by the metadata `x-dev-caller`.

use std::sync::{Arc, LazyLock};

use http::HeaderName;

use super::Caller;
use crate::domain::fact::Role;

/// The metadata key.
pub(crate) static DEV_CALLER: HeaderName = HeaderName::from_static("x-dev-caller");

/// The metadata does not name a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("x-dev-caller is not one of registrar, certifier, provider:ID, payer, auditor, operator")]
pub struct BadDevCaller;

/// Returns the caller that the metadata names. Without metadata, the caller is both registrar and certifier.
pub(super) fn dev_caller(metadata: Option<&str>) -> Result<Arc<Caller>, BadDevCaller> {
    static ALL: LazyLock<Arc<Caller>> =
        LazyLock::new(|| Arc::new(caller("dev:all".to_owned(), Role::RegistrarAndCertifier)));
    let Some(metadata) = metadata else { return Ok(Arc::clone(&ALL)) };
    let role = match metadata {
        "registrar" => Role::Registrar,
        "certifier" => Role::Certifier,
        "payer" => Role::Payer,
        "auditor" => Role::Auditor,
        "operator" => Role::Operator,
        other => {
            let id = other.strip_prefix("provider:").ok_or(BadDevCaller)?;
            Role::Provider(id.parse().map_err(|_| BadDevCaller)?)
        }
    };
    let client = format!("dev:{metadata}");
    Ok(Arc::new(caller(client, role)))
}

fn caller(client: String, role: Role) -> Caller {
    Caller { client, role, misses_per_hour: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_by_name() {
        assert_eq!(dev_caller(None).unwrap().role, Role::RegistrarAndCertifier);
        assert_eq!(dev_caller(Some("provider:region-1")).unwrap().own_provider().unwrap().as_str(), "region-1");
        for wrong in ["", "provider:", "registry", "Registrar", "provider:a b"] {
            assert_eq!(dev_caller(Some(wrong)), Err(BadDevCaller), "{wrong}");
        }
    }
}
