//! Power failures, kills and failing calls, in large numbers: everything acknowledged must survive, complete and in
//! order.
//!
//! `CPSS_POWER_CUTS` sets the number of power failures. The same runs are repeated without one of the protections, and
//! must then show a loss.

use std::path::Path;

use super::without::{Protection, Without};
use super::*;
use crate::store::disk::Disk;
use crate::store::disk::simulated::{Fault, SimulatedDisk};

/// The maximum number of disk calls until the next fault: about a dozen batches.
const CALLS: u64 = 70;

const KINDS: [io::ErrorKind; 4] =
    [io::ErrorKind::Other, io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded, io::ErrorKind::ReadOnlyFilesystem];

/// A loss, and whether it was noticed.
enum Loss {
    /// The log does not open or cannot be read, although the disk has no faults any more.
    Refused(String),
    /// The log contains something else than was acknowledged.
    Unnoticed(String),
}

/// The totals of several runs.
#[derive(Debug, Default)]
struct Figures {
    runs: u64,
    power_cuts: u64,
    /// Faults while the log was being opened.
    interrupted_openings: u64,
    kills: u64,
    faults: u64,
    acknowledged_batches: u64,
    /// Batches whose outcome was unknown, by what became of them.
    unknown_kept: u64,
    unknown_gone: u64,
    runs_with_a_refused_loss: u64,
    runs_with_an_unnoticed_loss: u64,
}

/// A run: one log from its creation, through several faults.
struct Run<'a> {
    random: fastrand::Rng,
    simulated: SimulatedDisk,
    /// The simulated disk, possibly without a protection.
    disk: Arc<dyn Disk>,
    acknowledged: Batch,
    /// The batch after these, if its outcome is unknown.
    unknown: Option<Batch>,
    figures: &'a mut Figures,
}

impl Run<'_> {
    fn execute(mut self) -> Result<(), Loss> {
        self.figures.runs += 1;
        for _ in 0..self.random.u8(1..=5) {
            self.until_the_next_fault()?;
        }
        // From here on the disk has no faults: the log must open, contain everything, and accept new batches.
        for _ in 0..2 {
            let mut log = self.open()?.ok_or_else(|| Loss::Refused("the disk has no faults".to_owned()))?;
            self.append(&mut log, 2)?;
            log.close();
        }
        self.open().map(drop)
    }

    fn until_the_next_fault(&mut self) -> Result<(), Loss> {
        let call = self.simulated.calls() + self.random.u64(1..=CALLS);
        if self.random.u8(..4) == 0 {
            self.figures.faults += 1;
            let kind = KINDS[self.random.usize(..KINDS.len())];
            self.simulated.fail(&[Fault::Number(call, kind)]);
        } else {
            self.simulated.cut_power_at(call);
        }
        match self.open()? {
            Some(mut log) => self.append(&mut log, 12)?,
            None => self.figures.interrupted_openings += u64::from(self.simulated.has_no_power()),
        }
        self.simulated.fail(&[]);
        if self.random.u8(..3) == 0 {
            self.figures.kills += 1;
            self.simulated.after_kill();
        } else {
            self.figures.power_cuts += 1;
            self.simulated.after_power_cut();
        }
        Ok(())
    }

    /// Opens the log and compares its contents. `None` if the disk failed as planned.
    fn open(&mut self) -> Result<Option<FileLog>, Loss> {
        let ahead_bytes = [0, 700, 5_000][self.random.usize(..3)];
        let options = LogOptions { ahead_bytes, ..options(3_000) };
        let log = match FileLog::open(Arc::clone(&self.disk), Path::new(DIRECTORY), options) {
            Ok(log) => log,
            Err(OpenLogError::Disk(_)) => return Ok(None),
            Err(error) => return Err(Loss::Refused(format!("{error:?}"))),
        };
        let kept = match try_contents(&log) {
            Ok(kept) => kept,
            Err(ReadError::Disk { .. }) => return Ok(None),
            Err(error) => return Err(Loss::Refused(format!("{error:?}"))),
        };
        let unknown = self.unknown.take();
        if kept == self.acknowledged {
            self.figures.unknown_gone += u64::from(unknown.is_some());
            return Ok(Some(log));
        }
        // Readers can see the batch from here on, so it must not disappear.
        self.acknowledged.extend(unknown.unwrap_or_default());
        self.figures.unknown_kept += 1;
        if kept == self.acknowledged {
            return Ok(Some(log));
        }
        Err(Loss::Unnoticed(format!("{} records became {}", self.acknowledged.len(), kept.len())))
    }

    fn append(&mut self, log: &mut FileLog, batches: u8) -> Result<(), Loss> {
        for _ in 0..batches {
            let records = self.random.usize(1..=4);
            let batch: Batch =
                (0..records).map(|_| sealed(vec![self.random.u8(..); self.random.usize(..900)])).collect();
            match log.append(&log.tip(), &batch) {
                Ok(_) => {
                    self.figures.acknowledged_batches += 1;
                    self.acknowledged.extend(batch);
                }
                Err(AppendError::NotWritten(_) | AppendError::DiskFull) => {}
                Err(AppendError::OutcomeUnknown(_)) => {
                    self.unknown = Some(batch);
                    break;
                }
                Err(error) => return Err(Loss::Unnoticed(error.to_string())),
            }
        }
        Ok(())
    }
}

/// Runs until there were enough power failures. Each loss is passed to `on_loss`.
fn run(power_cuts: u64, without: Option<Protection>, on_loss: impl Fn(u64, &str)) -> Figures {
    let mut figures = Figures::default();
    for seed in 0.. {
        if figures.power_cuts >= power_cuts {
            break;
        }
        let simulated = SimulatedDisk::new(seed);
        let disk: Arc<dyn Disk> = match without {
            Some(protection) => Arc::new(Without { disk: simulated.clone(), protection }),
            None => Arc::new(simulated.clone()),
        };
        let random = fastrand::Rng::with_seed(!seed);
        let run = Run { random, simulated, disk, acknowledged: Vec::new(), unknown: None, figures: &mut figures };
        if let Err(loss) = run.execute() {
            let (Loss::Refused(what) | Loss::Unnoticed(what)) = &loss;
            on_loss(seed, what);
            *match loss {
                Loss::Refused(_) => &mut figures.runs_with_a_refused_loss,
                Loss::Unnoticed(_) => &mut figures.runs_with_an_unnoticed_loss,
            } += 1;
        }
    }
    figures
}

fn power_cuts() -> u64 {
    times("CPSS_POWER_CUTS", 400)
}

#[test]
fn nothing_acknowledged_is_lost_in_a_power_failure() {
    let figures = run(power_cuts(), None, |seed, loss| panic!("run {seed}: {loss}"));
    println!("with all protections: {figures:#?}");
    let counts =
        [figures.interrupted_openings, figures.kills, figures.faults, figures.unknown_kept, figures.unknown_gone];
    assert!(counts.iter().all(|times| *times > 0), "{figures:?}");
}

#[test]
fn without_a_protection_something_is_lost() {
    for protection in [Protection::SyncOfData, Protection::SyncOfNames, Protection::CopyAtOpening] {
        let figures = run(power_cuts(), Some(protection), |_, _| {});
        println!("without {protection:?}: {figures:#?}");
        let losses = figures.runs_with_a_refused_loss + figures.runs_with_an_unnoticed_loss;
        assert!(losses > 0, "no test notices that {protection:?} is missing");
    }
}
