//! Progress of long operations, for display.

/// The unit that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Records, or entries of the index.
    Entries,
    /// Days of a history.
    Days,
    /// Rows of a list.
    Rows,
}

/// The progress of a long operation at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The operation, for example `copying the log`.
    pub doing: &'static str,
    /// The unit that is counted.
    pub unit: Unit,
    /// How many units are done.
    pub done: u64,
    /// How many units there are.
    pub total: u64,
}

/// Called at each step of a long operation.
pub type OnStep<'a> = dyn FnMut(Step) + 'a;
