//! What one client may take, as configured.

use std::num::NonZeroU32;
use std::time::Duration;

use super::Flags;
use super::reading::Reading;
use super::value::Count;
use crate::auth::quotas::Limits;

/// The limits of a file and of flags. The defaults are for a client that is in order and in a hurry: an hour of a large
/// HR system's questions fits into a second.
pub(super) fn take(reading: &mut Reading, flags: &Flags) -> Limits {
    let default = |count| (!flags.dev).then_some(Count(count));
    let mut count = |key, flag, said, count| {
        let taken: Option<Count> = reading.take(key, flag, said, default(count));
        taken.and_then(|count| NonZeroU32::new(count.0))
    };
    Limits {
        calls_per_second: count("calls_per_second", "--calls-per-second", &flags.calls_per_second, 10_000),
        calls_burst: count("calls_burst", "--calls-burst", &flags.calls_burst, 20_000),
        connections: count("connections_per_client", "--connections-per-client", &flags.connections_per_client, 64),
        streams: count("streams_per_client", "--streams-per-client", &flags.streams_per_client, 64),
        longest_call: reading.take(
            "longest_call_seconds",
            "--longest-call-seconds",
            &flags.longest_call_seconds,
            (!flags.dev).then_some(Duration::from_secs(60)),
        ),
    }
}
