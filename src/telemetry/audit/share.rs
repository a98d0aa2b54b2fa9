//! The audit's own share of the disk, and who is refused when it is nearly used up.
//!
//! From 95 % on each client may use an equal part of what is left. What is refused takes no line of its own, or refusals
//! would fill the disk: they are counted, and each client gets one line a minute, from a reserve that answers do not use.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::trail::Trail;
use super::{Client, sync};

/// What the name of the file ends with in which the share is kept.
const SHARE: &str = ".share";

/// An equal part is one of at least this many.
const PARTS: usize = 8;

/// How often a client's refusals get a line.
const REFUSALS_EVERY: Duration = Duration::from_secs(60);

/// Later than any forecast.
const NEVER: u64 = u64::MAX;

/// How much of the disk the audit takes, and how much it may.
#[derive(Debug)]
pub struct Usage {
    limit: u64,
    used: AtomicU64,
    seconds_until_full: AtomicU64,
}

impl Usage {
    pub(super) fn new(limit: u64) -> Usage {
        Usage { limit, used: AtomicU64::new(0), seconds_until_full: AtomicU64::new(NEVER) }
    }

    /// Of these files, with the share that is configured.
    pub(super) fn of(trail: &Trail, configured: Option<u64>) -> io::Result<Usage> {
        let used = trail.bytes()?;
        let usage = Usage::new(limit(trail, configured, used)?);
        usage.grown(used);
        Ok(usage)
    }

    /// How many bytes all files of the audit may take.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// How many they take.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// After how many seconds the share is used up, if lines come as in the last days. None: never.
    pub fn seconds_until_full(&self) -> Option<u64> {
        Some(self.seconds_until_full.load(Ordering::Relaxed)).filter(|seconds| *seconds != NEVER)
    }

    /// The same in whole days, where there are less than two weeks left.
    pub fn days_left(&self) -> Option<u64> {
        self.seconds_until_full().map(|seconds| seconds / (24 * 3600)).filter(|days| *days < 14)
    }

    /// Lines were written.
    pub(super) fn grown(&self, bytes: u64) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The files were looked at.
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
            // What clients have used of their parts is not forgotten as soon as a file is packed.
            Level::Easing
        } else {
            Level::Roomy
        }
    }
}

/// The share of the disk: what is configured, or else what was kept at the first start, half of what was free then.
fn limit(trail: &Trail, configured: Option<u64>, used: u64) -> io::Result<u64> {
    if let Some(limit) = configured {
        return Ok(limit);
    }
    let path = trail.beside(SHARE);
    match fs::read_to_string(&path) {
        Ok(kept) => {
            let no_number = |_| io::Error::new(io::ErrorKind::InvalidData, "it must hold a number of bytes");
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

/// How far the share is used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Level {
    #[default]
    Roomy,
    /// Everybody is answered, as in `Roomy`, but it is remembered who used how much.
    Easing,
    /// Clients above an equal part are refused.
    Tight,
    /// Everybody is refused.
    Full,
}

/// Who is refused. Asked only while somebody is.
#[derive(Default)]
struct Gate {
    is_full: bool,
    above: HashSet<String>,
    /// How many refusals have no line yet.
    refused: BTreeMap<String, u64>,
}

/// Who is refused, shared by those who ask and the thread that writes.
#[derive(Clone, Default)]
pub(super) struct Gates(Arc<Mutex<Gate>>);

impl Gates {
    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a client is refused, which is counted.
    pub(super) fn refuses(&self, client: &dyn Client) -> bool {
        let mut gate = self.gate();
        let refuses = gate.is_full || gate.above.contains(client.name());
        if refuses {
            *gate.refused.entry(client.name().to_owned()).or_default() += 1;
        }
        refuses
    }
}

/// What the thread that writes knows of the share.
pub(super) struct Ledger {
    usage: Arc<Usage>,
    gates: Gates,
    level: Level,
    /// What clients have used since the share became tight.
    parts: HashMap<String, u64>,
    refusals_written: Option<Instant>,
}

/// Who is refused now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// Whether anybody is.
    pub(super) some: bool,
    /// Whether everybody is.
    pub(super) all: bool,
}

impl Ledger {
    pub(super) fn new(usage: Arc<Usage>, gates: Gates) -> Ledger {
        Ledger { usage, gates, level: Level::Roomy, parts: HashMap::new(), refusals_written: None }
    }

    /// A client's lines are about to be written.
    pub(super) fn spend(&mut self, client: &dyn Client, bytes: usize) {
        if self.level == Level::Roomy {
            return;
        }
        match self.parts.get_mut(client.name()) {
            Some(part) => *part += bytes as u64,
            None => _ = self.parts.insert(client.name().to_owned(), bytes as u64),
        }
    }

    /// Lines were written.
    pub(super) fn written(&self, bytes: usize) {
        self.usage.grown(bytes as u64);
    }

    /// Looks how far the share is used up, and says who is refused from now on.
    pub(super) fn settle(&mut self) -> Refused {
        let level = self.usage.level(self.level);
        if level != self.level {
            self.tell(level);
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

    /// Refusals that are due to be written, while the reserve has room for them.
    pub(super) fn refusals(&mut self, now: Instant) -> BTreeMap<String, u64> {
        let is_due = self.refusals_written.is_none_or(|at| now.duration_since(at) >= REFUSALS_EVERY);
        if !is_due || self.usage.used() >= self.usage.limit {
            return BTreeMap::new();
        }
        let refused = std::mem::take(&mut self.gates.gate().refused);
        if !refused.is_empty() {
            self.refusals_written = Some(now);
        }
        refused
    }

    fn tell(&self, level: Level) {
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
