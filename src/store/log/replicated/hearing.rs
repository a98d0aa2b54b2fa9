//! What replicas tell each other: the tip of a frame that was acknowledged.
//!
//! Everyone who can connect to the database can send a notification. So it has a seal, made with the key that all
//! replicas have, and others are ignored.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::domain::id::Revision;
use crate::store::log::Wake;
use crate::store::record::{Hash, Tip};
use crate::store::{Key, mac};

/// The domain separator of the seals.
const PURPOSE: &[u8] = b"cpss-registry confirmed tip 1";

/// The length of a notification in bytes: revision, chain, seal.
const BYTES: usize = size_of::<Revision>() + size_of::<Hash>() + SEAL_BYTES;
const SEAL_BYTES: usize = 32;

/// What a replica has heard.
pub struct Hearing {
    key: Key,
    heard: Mutex<Option<Tip>>,
    /// The revision that this replica announced last. It need not hear of anything at or before that.
    announced: AtomicU64,
    wake: OnceLock<Wake>,
}

impl Hearing {
    /// Hears what was sealed with the request key.
    pub fn new(request_key: Key) -> Hearing {
        Hearing { key: request_key, heard: Mutex::default(), announced: AtomicU64::new(0), wake: OnceLock::new() }
    }

    /// Takes in a notification. Returns true if it was sealed by a replica.
    pub fn hear(&self, text: &str) -> bool {
        let Some(tip) = self.read(text) else { return false };
        if tip.revision.0 <= self.announced.load(Ordering::Relaxed) {
            return true;
        }
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.is_none_or(|before| before.revision < tip.revision) {
            *heard = Some(tip);
        }
        drop(heard);
        if let Some(wake) = self.wake.get() {
            wake();
        }
        true
    }

    /// Has `wake` called whenever a notification was taken in.
    pub(super) fn on_news(&self, wake: Wake) {
        // A replica opens its log once.
        drop(self.wake.set(wake));
    }

    /// Takes the latest tip that was heard.
    pub(super) fn take(&self) -> Option<Tip> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Forgets what was heard: the next session may be with another database.
    pub(super) fn forget(&self) {
        self.announced.store(0, Ordering::Relaxed);
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Returns the notification of a tip that this replica appended.
    pub(super) fn announce(&self, tip: &Tip) -> String {
        self.announced.store(tip.revision.0, Ordering::Relaxed);
        self.tell(tip)
    }

    /// Returns the notification of a tip.
    pub fn tell(&self, tip: &Tip) -> String {
        let seal = self.mac(tip).finalize().into_bytes();
        let bytes = [&tip.revision.0.to_be_bytes()[..], &tip.chain, &seal].concat();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Returns the tip that a notification names, if a replica sealed it.
    pub fn read(&self, text: &str) -> Option<Tip> {
        let digits = (text.is_ascii() && text.len() == 2 * BYTES).then_some(text)?;
        let bytes = (0..BYTES).map(|at| u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok());
        let bytes: Vec<u8> = bytes.collect::<Option<_>>()?;
        let (revision, rest) = bytes.split_first_chunk()?;
        let (chain, seal) = rest.split_first_chunk()?;
        let tip = Tip { revision: Revision(u64::from_be_bytes(*revision)), chain: *chain };
        self.mac(&tip).verify_slice(seal).ok().map(|()| tip)
    }

    fn mac(&self, tip: &Tip) -> Hmac<Sha256> {
        mac(&self.key).chain_update(PURPOSE).chain_update(tip.revision.0.to_be_bytes()).chain_update(tip.chain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sealed_notification_is_heard() {
        let (ours, other) = (Hearing::new([1; 32]), Hearing::new([2; 32]));
        let tip = Tip { revision: Revision(7), chain: [5; 32] };
        let text = ours.tell(&tip);
        for bad in ["", "7", &text[2..], &other.tell(&tip), &text.replacen("07", "08", 1), &format!("{text}00")] {
            assert!(!ours.hear(bad), "{bad}");
        }
        assert_eq!(ours.take(), None);
        assert!(ours.hear(&text) && ours.hear(&ours.tell(&Tip { revision: Revision(6), ..tip })));
        assert_eq!((ours.take(), ours.take()), (Some(tip), None), "the latest one, once");
    }

    #[test]
    fn what_this_replica_announced_itself_is_no_news_until_it_connects_again() {
        let hearing = Hearing::new([1; 32]);
        let tip = |revision| Tip { revision: Revision(revision), chain: [5; 32] };
        let own = hearing.announce(&tip(7));
        assert!(hearing.hear(&own) && hearing.hear(&hearing.tell(&tip(6))));
        assert_eq!(hearing.take(), None);
        assert!(hearing.hear(&hearing.tell(&tip(8))));
        assert_eq!(hearing.take(), Some(tip(8)));
        hearing.forget();
        assert!(hearing.hear(&hearing.tell(&tip(6))));
        assert_eq!(hearing.take(), Some(tip(6)), "the next session may be with a database that was restored");
    }
}
