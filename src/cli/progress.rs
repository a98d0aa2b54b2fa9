//! The progress of long commands, on standard error: a bar on a terminal, otherwise occasional lines.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::store::progress::{Step, Unit};

/// The least time between two lines of a step.
const PAUSE: Duration = Duration::from_secs(5);

/// Shows the steps of a command.
pub struct Progress {
    on_terminal: bool,
    doing: &'static str,
    bar: Option<ProgressBar>,
    tenths: u64,
    /// When the last line was printed, or the step began.
    last: Instant,
}

impl Progress {
    /// Detects whether standard error is a terminal.
    pub fn new() -> Progress {
        Progress { on_terminal: std::io::stderr().is_terminal(), doing: "", bar: None, tenths: 0, last: Instant::now() }
    }

    /// Shows the progress of a step.
    pub fn show(&mut self, step: Step) {
        if step.doing != self.doing {
            self.end();
            self.doing = step.doing;
            (self.tenths, self.last) = (0, Instant::now());
            self.bar = self.on_terminal.then(|| bar(step));
        }
        if let Some(bar) = &self.bar {
            bar.set_position(step.done);
        } else if let Some(line) = self.line(step, Instant::now()) {
            // A failure to print progress is ignored.
            drop(writeln!(std::io::stderr(), "{line}"));
        }
    }

    /// Shows how many rows of a list are done.
    pub fn rows(&mut self, doing: &'static str, done: u64, total: u64) {
        self.show(Step { doing, unit: Unit::Rows, done, total });
    }

    /// The line to print when another tenth of the step is done: the last one, and the others with a pause between
    /// them.
    fn line(&mut self, step: Step, now: Instant) -> Option<String> {
        let tenths = (u128::from(step.done) * 10).checked_div(u128::from(step.total)).unwrap_or(10);
        let tenths = u64::try_from(tenths).unwrap_or(10);
        if tenths <= self.tenths || tenths < 10 && now < self.last + PAUSE {
            return None;
        }
        (self.tenths, self.last) = (tenths, now);
        let unit = match step.unit {
            Unit::Bytes => "bytes",
            Unit::Entries => "entries",
            Unit::Days => "days",
            Unit::Rows => "rows",
        };
        Some(format!("{}: {}0 % of {} {unit}", step.doing, tenths, step.total))
    }

    /// Ends the step, so that other output can follow.
    pub fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

fn bar(step: Step) -> ProgressBar {
    let template = match step.unit {
        Unit::Bytes => "{msg} {wide_bar} {bytes}/{total_bytes}, {eta} left",
        Unit::Entries | Unit::Days | Unit::Rows => "{msg} {wide_bar} {human_pos}/{human_len}, {eta} left",
    };
    let bar = ProgressBar::new(step.total).with_message(step.doing);
    // With an invalid template, the bar has the default style.
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of a step that takes this long.
    fn lines(takes: Duration) -> Vec<String> {
        let began = Instant::now();
        let mut progress = Progress { on_terminal: false, doing: "", bar: None, tenths: 0, last: began };
        let step = |done| Step { doing: "copying", unit: Unit::Bytes, done, total: 1000 };
        let at = |done: u64| began + takes * u32::try_from(done).unwrap() / 1000;
        (0..=1000).filter_map(|done| progress.line(step(done), at(done))).collect()
    }

    #[test]
    fn off_a_terminal_a_long_step_prints_its_tenths_and_a_short_one_its_end() {
        let minute = lines(Duration::from_secs(60));
        assert_eq!((minute.len(), &*minute[2]), (10, "copying: 30 % of 1000 bytes"));
        assert_eq!(lines(Duration::from_secs(1)), ["copying: 100 % of 1000 bytes"]);
        let some = lines(Duration::from_secs(12));
        assert_eq!((some.len(), &*some[0]), (3, "copying: 40 % of 1000 bytes"));
        let mut progress = Progress::new();
        let nothing = Step { doing: "copying", unit: Unit::Bytes, done: 0, total: 0 };
        assert_eq!(progress.line(nothing, Instant::now()).as_deref(), Some("copying: 100 % of 0 bytes"));
    }
}
