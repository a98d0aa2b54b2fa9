//! Batches and streams: counted, and their numbers written down by the thousand.

use sha2::{Digest as _, Sha256};

use super::{Audit, Call, Entry, Missed, Number, Unwritable, Written};

/// How many numbers a line holds.
pub(super) const PART: usize = 1000;

/// A batch or a stream, whole.
pub(super) struct Summary {
    pub(super) call: Call,
    /// How many questions were answered, those at fault among them.
    pub(super) questions: u64,
    /// How many had each verdict.
    pub(super) verdicts: Vec<(&'static str, u64)>,
    /// How many were at fault.
    pub(super) errors: u64,
    /// How many lines hold the numbers.
    pub(super) parts: u32,
    /// SHA-256 of the numbers in their order, each with a new line behind it; a question without one is a lone new line.
    pub(super) digest: [u8; 32],
}

/// The questions of one batch or stream. Its counts are written down also when it is given up halfway.
pub struct BatchSummary {
    audit: Audit,
    call: Call,
    numbers: Vec<Option<Number>>,
    digest: Sha256,
    verdicts: Vec<(&'static str, u64)>,
    questions: u64,
    errors: u64,
    parts: u32,
}

impl Audit {
    /// Begins to count a batch or a stream.
    pub fn tally(&self, call: Call) -> BatchSummary {
        BatchSummary {
            audit: self.clone(),
            call,
            numbers: Vec::new(),
            digest: Sha256::new(),
            verdicts: Vec::new(),
            questions: 0,
            errors: 0,
            parts: 0,
        }
    }
}

impl BatchSummary {
    /// Takes down a question before it is answered. It may be answered once it is written: see [`BatchSummary::write`].
    pub fn add(&mut self, number: Option<Number>, verdict: Option<&'static str>) -> Result<(), Unwritable> {
        if !self.audit.shared.is_writable() {
            return Err(Unwritable);
        }
        self.audit.shared.admit(&*self.call.client)?;
        self.questions += 1;
        if let Some(number) = &number {
            self.digest.update(number);
        }
        self.digest.update(b"\n");
        self.numbers.push(number);
        match verdict {
            None => self.errors += 1,
            Some(verdict) => match self.verdicts.iter_mut().find(|(counted, _)| *counted == verdict) {
                Some((_, count)) => *count += 1,
                None => self.verdicts.push((verdict, 1)),
            },
        }
        if self.numbers.len() < PART { Ok(()) } else { self.hand_over() }
    }

    /// Takes down a miss, in a line of its own.
    pub fn missed(&mut self, number: Option<Number>, kind: &'static str) -> Result<(), Unwritable> {
        self.audit.shared.take(Entry::Missed(Missed { call: self.call.clone(), number, named: None, kind }))
    }

    /// Has everything added so far written. It may be answered once that is done.
    pub fn write(&mut self) -> Result<Written, Unwritable> {
        self.hand_over()?;
        Ok(self.audit.group.wait(&self.audit.shared))
    }

    /// Has everything written, and the counts behind it. It may be answered once that is done.
    pub fn close(mut self) -> Result<Written, Unwritable> {
        self.hand_over()?;
        let audit = self.audit.clone();
        // The counts are taken where this is dropped.
        drop(self);
        Ok(audit.group.wait(&audit.shared))
    }

    fn hand_over(&mut self) -> Result<(), Unwritable> {
        if self.numbers.is_empty() {
            return Ok(());
        }
        let part = self.part();
        self.audit.shared.take(part)
    }

    fn part(&mut self) -> Entry {
        self.parts += 1;
        Entry::Numbers { call: self.call.clone(), part: self.parts, numbers: std::mem::take(&mut self.numbers) }
    }
}

impl Drop for BatchSummary {
    fn drop(&mut self) {
        if self.questions == 0 {
            return;
        }
        if !self.numbers.is_empty() {
            let part = self.part();
            self.audit.shared.take_late(part);
        }
        let summary = Summary {
            call: self.call.clone(),
            questions: self.questions,
            verdicts: std::mem::take(&mut self.verdicts),
            errors: self.errors,
            parts: self.parts,
            digest: std::mem::take(&mut self.digest).finalize().into(),
        };
        self.audit.shared.take_late(Entry::Summary(Box::new(summary)));
    }
}
