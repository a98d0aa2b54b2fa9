//! How far long work is, for whoever shows it.

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Records, or entries of the index.
    Entries,
    /// Days of a history.
    Days,
}

/// A moment of long work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is being done: `copying the log`.
    pub doing: &'static str,
    /// What is counted.
    pub unit: Unit,
    /// How many are done.
    pub done: u64,
    /// How many there are.
    pub total: u64,
}

/// Is told of each step.
pub type OnStep<'a> = dyn FnMut(Step) + 'a;
