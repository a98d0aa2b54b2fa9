//! Deterministic random numbers.

use crate::domain::day::Day;
use crate::registry::Numbers;

/// A stream of random numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rng(Numbers);

impl Rng {
    /// Creates the stream of one item of a kind. Streams are independent of each other.
    pub(super) fn of(seed: u64, kind: u64, which: u64) -> Rng {
        let mut of_kind = Numbers::From(seed ^ kind.wrapping_mul(0xd6e8_feb8_6659_fd93));
        Rng(Numbers::From(of_kind.draw() ^ which.wrapping_mul(0xa076_1d64_78bd_642f)))
    }

    pub(super) fn draw(&mut self) -> u64 {
        self.0.draw()
    }

    /// Returns a number below `end`, or 0 if `end` is 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        let end = end.max(1) as u64;
        usize::try_from(self.draw() % end).unwrap_or(0)
    }

    /// Returns a number of days from `least` through `most`.
    pub(super) fn days(&mut self, least: i32, most: i32) -> i32 {
        let span = usize::try_from(most - least + 1).unwrap_or(1);
        least + i32::try_from(self.below(span)).unwrap_or(0)
    }

    /// Returns a day `least` through `most` days after another.
    pub(super) fn after(&mut self, day: Day, least: i32, most: i32) -> Day {
        day.plus(self.days(least, most))
    }

    /// Returns true with this probability in percent.
    pub(super) fn percent(&mut self, percent: u64) -> bool {
        self.draw() % 100 < percent
    }

    /// Returns one of several choices.
    pub(super) fn one_of<T: Copy>(&mut self, choices: &[T], otherwise: T) -> T {
        choices.get(self.below(choices.len())).copied().unwrap_or(otherwise)
    }

    /// Returns a uniformly distributed number from 0 up to 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are drawn, and no more are needed")]
    pub(super) fn part(&mut self) -> f64 {
        (self.draw() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
