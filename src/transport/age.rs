//! How old a connection may become.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// By which part of the age two connections may differ, up and down.
const JITTER: f64 = 0.1;

/// How old a connection may become, and what happens then.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionAge {
    /// The age at which the peer is asked to open another connection, a tenth more or less. `None`: never.
    pub most: Option<Duration>,
    /// How long watches go on after that.
    pub grace: Duration,
}

impl ConnectionAge {
    /// Waits until a connection that begins now is too old.
    pub(super) async fn reached(self) {
        match self.most {
            // The hasher of each call has keys of its own.
            Some(most) => tokio::time::sleep(spread(most, RandomState::new().hash_one(0))).await,
            None => std::future::pending().await,
        }
    }
}

/// An age near this one, by a random number.
fn spread(most: Duration, random: u64) -> Duration {
    let part = f64::from((random >> 32) as u32) / f64::from(u32::MAX);
    most.mul_f64(1.0 - JITTER + 2.0 * JITTER * part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_differ_by_a_tenth_at_most_and_are_spread() {
        let hour = Duration::from_secs(3600);
        assert_eq!(spread(hour, 0), Duration::from_secs(3240));
        assert_eq!(spread(hour, u64::MAX), Duration::from_secs(3960));
        let ages: Vec<_> = (0..1000).map(|_| spread(hour, RandomState::new().hash_one(0))).collect();
        let below = ages.iter().filter(|age| **age < hour).count();
        assert!((400..600).contains(&below), "{below}");
    }
}
