//! Power cuts, kills and failing calls, by the thousand: what was acknowledged is there, whole and in order.
//!
//! `CPSS_POWER_CUTS` says how many. The same lives are lived with a protection taken out, and have to show a loss.

use std::path::Path;

use super::without::{Protection, Without};
use super::*;
use crate::store::disk::Disk;
use crate::store::disk::simulated::{Fault, SimulatedDisk};

/// How many calls of the disk an accident is away at most: about a dozen batches.
const CALLS: u64 = 70;

const KINDS: [io::ErrorKind; 4] =
    [io::ErrorKind::Other, io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded, io::ErrorKind::ReadOnlyFilesystem];

/// What was lost, and how that was noticed.
enum Loss {
    /// The log does not open or cannot be read, though nothing is wrong with the disk any more.
    Refused(String),
    /// It holds something else than was acknowledged.
    Unnoticed(String),
}

/// What happened in some lives.
#[derive(Debug, Default)]
struct Figures {
    lives: u64,
    power_cuts: u64,
    /// Accidents while the log was being opened.
    openings_cut_off: u64,
    kills: u64,
    faults: u64,
    acknowledged_batches: u64,
    /// Batches of which nobody could say whether they were durable, and what came of them.
    unknown_kept: u64,
    unknown_gone: u64,
    lives_with_a_loss_refused: u64,
    lives_with_a_loss_unnoticed: u64,
}

/// One log from its beginning, over several accidents.
struct Life<'a> {
    random: fastrand::Rng,
    simulated: SimulatedDisk,
    /// The simulated disk, perhaps without a protection.
    disk: Arc<dyn Disk>,
    acknowledged: Batch,
    /// The batch after these, if nobody could say what became of it.
    unknown: Option<Batch>,
    figures: &'a mut Figures,
}

impl Life<'_> {
    fn live(mut self) -> Result<(), Loss> {
        self.figures.lives += 1;
        for _ in 0..self.random.u8(1..=5) {
            self.until_the_next_accident()?;
        }
        // The disk is well from here on: the log opens, holds everything, and goes on.
        for _ in 0..2 {
            let mut log = self.open()?.ok_or_else(|| Loss::Refused("the disk is well".to_owned()))?;
            self.append(&mut log, 2)?;
            log.close();
        }
        self.open().map(drop)
    }

    fn until_the_next_accident(&mut self) -> Result<(), Loss> {
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
            None => self.figures.openings_cut_off += u64::from(self.simulated.has_no_power()),
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

    /// Opens and compares. None: the disk refused, as it was told to.
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
        // From here on it is seen by readers, and so has to stay.
        self.acknowledged.extend(unknown.unwrap_or_default());
        self.figures.unknown_kept += 1;
        if kept == self.acknowledged {
            return Ok(Some(log));
        }
        Err(Loss::Unnoticed(format!("{} records are {}", self.acknowledged.len(), kept.len())))
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

/// Lives as many lives as it takes for so many power cuts; what was lost goes to `on_loss`.
fn live(power_cuts: u64, without: Option<Protection>, on_loss: impl Fn(u64, &str)) -> Figures {
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
        let life = Life { random, simulated, disk, acknowledged: Vec::new(), unknown: None, figures: &mut figures };
        if let Err(loss) = life.live() {
            let (Loss::Refused(said) | Loss::Unnoticed(said)) = &loss;
            on_loss(seed, said);
            *match loss {
                Loss::Refused(_) => &mut figures.lives_with_a_loss_refused,
                Loss::Unnoticed(_) => &mut figures.lives_with_a_loss_unnoticed,
            } += 1;
        }
    }
    figures
}

fn power_cuts() -> u64 {
    times("CPSS_POWER_CUTS", 400)
}

#[test]
fn nothing_acknowledged_is_lost_in_a_power_cut() {
    let figures = live(power_cuts(), None, |seed, loss| panic!("life {seed}: {loss}"));
    println!("as it is: {figures:#?}");
    let met = [figures.openings_cut_off, figures.kills, figures.faults, figures.unknown_kept, figures.unknown_gone];
    assert!(met.iter().all(|times| *times > 0), "{figures:?}");
}

#[test]
fn without_a_protection_something_is_lost() {
    for protection in [Protection::SyncOfData, Protection::SyncOfNames, Protection::CopyAtOpening] {
        let figures = live(power_cuts(), Some(protection), |_, _| {});
        println!("without {protection:?}: {figures:#?}");
        let losses = figures.lives_with_a_loss_refused + figures.lives_with_a_loss_unnoticed;
        assert!(losses > 0, "{protection:?} can be left out and nobody notices");
    }
}
