//! The bytes of an answer that are guaranteed: the same question with its `known_at` always gets the same bytes.

use cpss_registry::proto::v1;
use prost::Message;

/// A response with an answer.
pub trait Promised: Message + Clone {
    /// The answer metadata.
    fn answer(&mut self) -> Option<&mut v1::Answer>;

    /// The bytes without the token and the time of the head, which are not part of the guarantee.
    fn promised_bytes(&self) -> Vec<u8> {
        let mut promised = self.clone();
        if let Some(answer) = promised.answer() {
            answer.token.clear();
            answer.head_confirmed_at = None;
        }
        promised.encode_to_vec()
    }
}

impl Promised for v1::VerifyCredentialResponse {
    fn answer(&mut self) -> Option<&mut v1::Answer> {
        self.verification.as_mut()?.answer.as_mut()
    }
}

impl Promised for v1::Verification {
    fn answer(&mut self) -> Option<&mut v1::Answer> {
        self.answer.as_mut()
    }
}

impl Promised for v1::CheckBillingEligibilityResponse {
    fn answer(&mut self) -> Option<&mut v1::Answer> {
        self.eligibility.as_mut()?.answer.as_mut()
    }
}

impl Promised for v1::Eligibility {
    fn answer(&mut self) -> Option<&mut v1::Answer> {
        self.answer.as_mut()
    }
}

impl Promised for v1::ListStandingPeriodsResponse {
    fn answer(&mut self) -> Option<&mut v1::Answer> {
        self.answer.as_mut()
    }
}
