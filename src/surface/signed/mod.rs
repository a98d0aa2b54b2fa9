//! Signed answers and receipts: what a response says, as a statement that a third party can check.
//!
//! The claims of an answer are made from the response as it is sent, after redaction. So a statement cannot say more
//! than the caller's role may see, and names and birth dates are left out besides. A question without a signature costs
//! one test of a boolean.

mod answers;
mod receipts;
mod words;

use std::sync::Arc;

use tonic::Status;

use self::answers::Signable;
use super::preencoded::Preencoded;
use super::redaction::CallContext;
use super::{Contract, status};
use crate::auth::role_word;
use crate::proof::claims::Claims;
use crate::proof::jws;
use crate::proof::key_ring::SigningKeys;
use crate::registry::clock;

/// The largest response that is signed, in bytes. A statement of it takes about five times as much, and a few
/// milliseconds of a worker thread.
const LARGEST_SIGNED: usize = 32 * 1024;

/// The keys that a response is signed with. `None`: it is not signed.
pub(super) type Signer = Option<Arc<SigningKeys>>;

impl Contract {
    /// Returns the keys for a response, if its request asks for a signature by a field.
    pub(super) fn signer(&self, field: &str, wanted: bool) -> Result<Signer, Status> {
        if !wanted {
            return Ok(None);
        }
        self.registry.signing_keys().current().signing.clone().map(Some).ok_or_else(|| status::no_signing_key(field))
    }

    /// Adds the signed answer to a response.
    pub(super) fn signed<M: Signable>(
        &self,
        signer: Signer,
        context: &CallContext,
        asked: &M::Asked,
        response: Preencoded<M>,
    ) -> Result<Preencoded<M>, Status> {
        let Some(keys) = signer else { return Ok(response) };
        if response.len() > LARGEST_SIGNED {
            return Err(status::answer_too_large("ask for fewer days, or without sign"));
        }
        let message = response.decoded().ok_or_else(status::internal)?;
        let mut claims = self.claims(context, M::METHOD);
        message.claim(asked, &mut claims, &self.registry);
        if let Some(latest) = self.registry.latest_checkpoint() {
            claims.text("checkpoint", &latest.note);
        }
        Ok(response.with_text(M::FIELD, &sign(&keys, jws::ANSWER, claims)?))
    }

    /// The claims that every statement begins with: who says what to whom, and when.
    fn claims(&self, context: &CallContext, method: &str) -> Claims {
        let mut claims = Claims::default();
        claims.text("iss", &self.registry.id().map(|id| id.urn().to_string()).unwrap_or_default());
        claims.text("aud", &context.caller.client);
        claims.number("iat", clock::now().as_second());
        claims.text("role", role_word(&context.caller.role));
        claims.text("method", method);
        claims
    }
}

fn sign(keys: &SigningKeys, typ: &str, claims: Claims) -> Result<String, Status> {
    jws::sign(&keys.answers.current, typ, &claims.into_json()).map_err(|error| {
        let error = &error as &dyn std::error::Error;
        tracing::error!(event = "not_signed", error, "an answer or a receipt could not be signed");
        status::internal()
    })
}
