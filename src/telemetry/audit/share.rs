//! The audit's share of the disk, and which clients are refused when it is nearly used up.
//!
//! From 95 % on, each client may use an equal part of the rest. A refusal does not get its own line, because refusals
//! would then fill the disk. They are counted, and each client gets one line per minute, from a reserve that answers do
//! not use.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::trail::Trail;
use super::{Client, sync};

/// The suffix of the file that stores the share.
const SHARE: &str = ".share";

/// The rest is divided into at least this many parts.
const PARTS: usize = 8;

/// How often a line with a client's refusals is written.
const REFUSALS_PERIOD: Duration = Duration::from_secs(60);

/// No forecast.
const NEVER: u64 = u64::MAX;

/// The audit's disk usage and its limit.
#[derive(Debug)]
pub struct Usage {
    limit: u64,
    used: AtomicU64,
    seconds_until_full: AtomicU64,
    lines: AtomicU64,
    files_removed: AtomicU64,
}

impl Usage {
    pub(super) fn new(limit: u64) -> Usage {
        Usage {
            limit,
            used: AtomicU64::new(0),
            seconds_until_full: AtomicU64::new(NEVER),
            lines: AtomicU64::new(0),
            files_removed: AtomicU64::new(0),
        }
    }

    /// Measures these files, and determines the limit from the configured share.
    pub(super) fn of(trail: &Trail, configured: Option<u64>) -> io::Result<Usage> {
        let used = trail.bytes()?;
        let usage = Usage::new(limit(trail, configured, used)?);
        usage.grown(used);
        Ok(usage)
    }

    /// The maximum size of all audit files, in bytes.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// The current size of all audit files, in bytes.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// The number of seconds until the share is used up, at the rate of the last days. None: never.
    pub fn seconds_until_full(&self) -> Option<u64> {
        Some(self.seconds_until_full.load(Ordering::Relaxed)).filter(|seconds| *seconds != NEVER)
    }

    /// Like [`Usage::seconds_until_full`], but in whole days. None if at least two weeks are left.
    pub fn days_left(&self) -> Option<u64> {
        self.seconds_until_full().map(|seconds| seconds / (24 * 3600)).filter(|days| *days < 14)
    }

    /// The number of lines written since the start.
    pub fn lines(&self) -> u64 {
        self.lines.load(Ordering::Relaxed)
    }

    /// The number of files removed after their retention period, since the start.
    pub fn files_removed(&self) -> u64 {
        self.files_removed.load(Ordering::Relaxed)
    }

    /// Counts files that were removed.
    pub(super) fn removed(&self, files: u64) {
        self.files_removed.fetch_add(files, Ordering::Relaxed);
    }

    /// Adds written bytes.
    pub(super) fn grown(&self, bytes: u64) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Sets the measured size and forecast.
    pub(super) fn measured(&self, used: u64, seconds_until_full: Option<u64>) {
        self.used.store(used, Ordering::Relaxed);
        self.seconds_until_full.store(seconds_until_full.unwrap_or(NEVER), Ordering::Relaxed);
    }

    fn level(&self, before: Level) -> Level {
        let (used, percent) = (self.used(), self.limit / 100);
        if used >= self.limit - percent / 2 {
            Level::Full
        } else if used >= percent * 95 {
            Level::Tight
        } else if used >= percent * 90 && before != Level::Roomy {
            // What clients have used is not reset as soon as one file is packed.
            Level::Easing
        } else {
            Level::Roomy
        }
    }
}

/// Determines the share: the configured one, or else the one stored at the first start, which is half of what was free
/// then.
fn limit(trail: &Trail, configured: Option<u64>, used: u64) -> io::Result<u64> {
    if let Some(limit) = configured {
        return Ok(limit);
    }
    let path = trail.beside(SHARE);
    match fs::read_to_string(&path) {
        Ok(kept) => {
            let no_number = |_| io::Error::new(io::ErrorKind::InvalidData, "it must contain a number of bytes");
            return kept.trim().parse().map_err(no_number);
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Err(_) => {}
    }
    let disk = rustix::fs::statvfs(trail.directory())?;
    let limit = used + disk.f_bavail.saturating_mul(disk.f_frsize) / 2;
    let unfinished = trail.beside(".share.tmp");
    let mut file = File::create(&unfinished)?;
    writeln!(file, "{limit}")?;
    file.sync_all()?;
    fs::rename(unfinished, path)?;
    sync::names(trail.directory())?;
    Ok(limit)
}

/// How much of the share is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Level {
    #[default]
    Roomy,
    /// All clients are answered, as in `Roomy`, but what each one uses is still counted.
    Easing,
    /// Clients above an equal part are refused.
    Tight,
    /// All clients are refused.
    Full,
}

/// The clients that are refused. Consulted only while some are.
#[derive(Default)]
struct Gate {
    is_full: bool,
    above: HashSet<String>,
    /// The number of refusals per client that have no line yet.
    refused: BTreeMap<String, u64>,
}

/// The refused clients, shared by the calls and the writer thread.
#[derive(Clone, Default)]
pub(super) struct Gates(Arc<Mutex<Gate>>);

impl Gates {
    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True if a client is refused. Counts the refusal.
    pub(super) fn refuses(&self, client: &dyn Client) -> bool {
        let mut gate = self.gate();
        let refuses = gate.is_full || gate.above.contains(client.name());
        if refuses {
            *gate.refused.entry(client.name().to_owned()).or_default() += 1;
        }
        refuses
    }
}

/// The writer thread's accounting of the share.
pub(super) struct Ledger {
    usage: Arc<Usage>,
    gates: Gates,
    level: Level,
    /// Bytes per client since the share became tight.
    parts: HashMap<String, u64>,
    refusals_written: Option<Instant>,
}

/// The extent of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// True if any client is refused.
    pub(super) some: bool,
    /// True if all clients are refused.
    pub(super) all: bool,
}

impl Ledger {
    pub(super) fn new(usage: Arc<Usage>, gates: Gates) -> Ledger {
        Ledger { usage, gates, level: Level::Roomy, parts: HashMap::new(), refusals_written: None }
    }

    /// Counts a client's lines that are about to be written.
    pub(super) fn spend(&mut self, client: &dyn Client, bytes: usize) {
        if self.level == Level::Roomy {
            return;
        }
        match self.parts.get_mut(client.name()) {
            Some(part) => *part += bytes as u64,
            None => _ = self.parts.insert(client.name().to_owned(), bytes as u64),
        }
    }

    /// Counts written lines.
    pub(super) fn written(&self, lines: &str) {
        self.usage.grown(lines.len() as u64);
        let count = memchr::memchr_iter(b'\n', lines.as_bytes()).count();
        self.usage.lines.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Updates the level of usage, and determines which clients are refused.
    pub(super) fn update(&mut self) -> Refused {
        let level = self.usage.level(self.level);
        if level != self.level {
            self.log_change(level);
            self.level = level;
        }
        let refused = match level {
            Level::Roomy | Level::Easing => Refused { some: false, all: false },
            Level::Tight => Refused { some: true, all: false },
            Level::Full => Refused { some: true, all: true },
        };
        if level == Level::Roomy {
            self.parts.clear();
        }
        let part = self.usage.limit / 20 / self.parts.len().max(PARTS) as u64;
        let mut gate = self.gates.gate();
        gate.is_full = refused.all;
        if !refused.some {
            gate.above.clear();
        } else {
            let above = self.parts.iter().filter(|(client, used)| **used > part && !gate.above.contains(*client));
            let above: Vec<_> = above.map(|(client, _)| client.clone()).collect();
            gate.above.extend(above);
        }
        refused
    }

    /// Returns the refusals that are due to be written, while the reserve has room for them.
    pub(super) fn refusals(&mut self, now: Instant) -> BTreeMap<String, u64> {
        let is_due = self.refusals_written.is_none_or(|at| now.duration_since(at) >= REFUSALS_PERIOD);
        if !is_due || self.usage.used() >= self.usage.limit {
            return BTreeMap::new();
        }
        let refused = std::mem::take(&mut self.gates.gate().refused);
        if !refused.is_empty() {
            self.refusals_written = Some(now);
        }
        refused
    }

    fn log_change(&self, level: Level) {
        let (used, limit) = (self.usage.used(), self.usage.limit);
        match level {
            Level::Full => tracing::error!(
                event = "audit_share_full",
                used,
                limit,
                "the audit has used up its share of the disk: questions about people are refused. Raise audit_max_bytes"
            ),
            Level::Tight => tracing::error!(
                event = "audit_share_tight",
                used,
                limit,
                "the audit has used 95 % of its share of the disk: questions of clients above an equal part of the rest \
                 are refused. Raise audit_max_bytes"
            ),
            Level::Easing | Level::Roomy => {
                tracing::info!(
                    event = "audit_share_recovered",
                    used,
                    limit,
                    "the audit's share of the disk has room again"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests;
