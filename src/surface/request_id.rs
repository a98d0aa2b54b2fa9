//! Request ids: each call has one, in the logs and in the audit of reads.

use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

/// The id of a request: the caller's own if it is a UUID, which cannot contain a name; otherwise a generated one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestId(pub(super) Uuid);

/// Generates ids for requests without one.
#[derive(Debug)]
pub(super) struct RequestIds {
    /// Random, and fixed for the life of the process.
    prefix: u64,
    next: AtomicU64,
}

impl RequestIds {
    pub(super) fn new() -> RequestIds {
        RequestIds { prefix: Uuid::new_v4().as_u64_pair().0, next: AtomicU64::new(0) }
    }

    /// Returns the id that the caller gave, or else the next generated one.
    pub(super) fn of(&self, given: Option<&str>) -> RequestId {
        let made = || {
            let next = self.next.fetch_add(1, Ordering::Relaxed);
            let bytes = Uuid::from_u64_pair(self.prefix, next).into_bytes();
            uuid::Builder::from_custom_bytes(bytes).into_uuid()
        };
        RequestId(given.and_then(|text| Uuid::parse_str(text).ok()).unwrap_or_else(made))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_the_callers_id_if_it_is_a_uuid() {
        let ids = RequestIds::new();
        let given = "67e55044-10b1-426f-9247-bb680e5fe0c8";
        assert_eq!(ids.of(Some(given)).0.to_string(), given);
        let made: Vec<_> = [None, Some("Rosalind"), Some("1984-02-29")].map(|given| ids.of(given).0).into();
        assert!(made[0] != made[1] && made[1] != made[2], "{made:?}");
    }
}
