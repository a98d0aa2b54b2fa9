//! Batches and streams in the audit: one summary line for each, and lines of up to 1,000 numbers.

use sha2::{Digest as _, Sha256};

use super::{Audit, Call, Entry, Missed, Number, Unwritable, Written};

/// The maximum number of credential numbers in a line.
pub(super) const PART: usize = 1000;

/// The summary of a batch or a stream.
pub(super) struct Summary {
    pub(super) call: Call,
    /// The number of answered questions, including invalid ones.
    pub(super) questions: u64,
    pub(super) outcomes: Outcomes,
    /// The number of lines with credential numbers.
    pub(super) parts: u32,
    /// SHA-256 of the numbers in order, each followed by a newline. A question without a number contributes only the
    /// newline.
    pub(super) digest: [u8; 32],
}

/// The number of questions per outcome.
#[derive(Default)]
pub(super) struct Outcomes {
    /// The number of answers per verdict.
    pub(super) verdicts: Vec<(&'static str, u64)>,
    /// The number of invalid questions.
    pub(super) errors: u64,
}

impl Outcomes {
    fn add(&mut self, verdict: Option<&'static str>, count: u64) {
        let Some(verdict) = verdict else {
            self.errors += count;
            return;
        };
        match self.verdicts.iter_mut().find(|(counted, _)| *counted == verdict) {
            Some((_, counted)) => *counted += count,
            None => self.verdicts.push((verdict, count)),
        }
    }

    fn add_all(&mut self, others: &Outcomes) {
        others.verdicts.iter().for_each(|(verdict, count)| self.add(Some(verdict), *count));
        self.errors += others.errors;
    }
}

/// The questions of one batch or stream. The summary is also written if the call is abandoned.
pub struct BatchSummary {
    audit: Audit,
    call: Call,
    /// The questions of the next line.
    numbers: Vec<Option<Number>>,
    outcomes: Outcomes,
    digest: Sha256,
    /// The outcomes of the questions in the lines before.
    earlier: Outcomes,
    questions: u64,
    parts: u32,
}

impl Audit {
    /// Starts the summary of a batch or a stream.
    pub fn tally(&self, call: Call) -> BatchSummary {
        BatchSummary {
            audit: self.clone(),
            call,
            numbers: Vec::new(),
            outcomes: Outcomes::default(),
            digest: Sha256::new(),
            earlier: Outcomes::default(),
            questions: 0,
            parts: 0,
        }
    }
}

impl BatchSummary {
    /// Records a question before it is answered. It may be answered once it is written: see [`BatchSummary::write`].
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
        self.outcomes.add(verdict, 1);
        if self.numbers.len() < PART { Ok(()) } else { self.hand_over() }
    }

    /// Records a miss, in a line of its own.
    pub fn missed(&mut self, number: Option<Number>, kind: &'static str) -> Result<(), Unwritable> {
        self.audit.shared.take(Entry::Missed(Missed { call: self.call.clone(), number, named: None, kind }))
    }

    /// Writes all questions added so far. They may be answered when the returned future completes.
    pub fn write(&mut self) -> Result<Written, Unwritable> {
        self.hand_over()?;
        Ok(self.audit.group.wait(&self.audit.shared))
    }

    /// Writes all questions and the summary. They may be answered when the returned future completes.
    pub fn close(mut self) -> Result<Written, Unwritable> {
        self.hand_over()?;
        let audit = self.audit.clone();
        // Dropping `self` queues the summary.
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
        let (numbers, outcomes) = (std::mem::take(&mut self.numbers), std::mem::take(&mut self.outcomes));
        self.earlier.add_all(&outcomes);
        Entry::Numbers { call: self.call.clone(), part: self.parts, numbers, outcomes }
    }
}

impl Drop for BatchSummary {
    fn drop(&mut self) {
        if self.questions == 0 {
            return;
        }
        if !self.numbers.is_empty() {
            let part = self.part();
            self.audit.shared.take_answered(part);
        }
        let summary = Summary {
            call: self.call.clone(),
            questions: self.questions,
            outcomes: std::mem::take(&mut self.earlier),
            parts: self.parts,
            digest: std::mem::take(&mut self.digest).finalize().into(),
        };
        self.audit.shared.take_answered(Entry::Summary(Box::new(summary)));
    }
}
