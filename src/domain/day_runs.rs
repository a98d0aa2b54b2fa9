//! A value for every day, stored as the days on which it changes.

use smallvec::{SmallVec, smallvec};

use super::day::{Day, Period};

/// The number of runs that are stored without a heap allocation.
const IN_PLACE: usize = 6;

/// A value for every day. Consecutive days with equal values are one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runs<T> {
    /// The first run starts at [`Day::BEGINNING`]. Each run ends where the next one starts.
    runs: SmallVec<[(Day, T); IN_PLACE]>,
}

impl<T: PartialEq> Runs<T> {
    /// The same value on every day.
    pub fn constant(value: T) -> Runs<T> {
        Runs { runs: smallvec![(Day::BEGINNING, value)] }
    }

    /// Builds the runs by calling `value_on` on the days where the value may change: [`Day::BEGINNING`] and
    /// `boundaries`, in any order.
    pub fn from_boundaries(boundaries: impl IntoIterator<Item = Day>, mut value_on: impl FnMut(Day) -> T) -> Runs<T> {
        let mut boundaries: SmallVec<[Day; 32]> = boundaries.into_iter().chain([Day::BEGINNING]).collect();
        boundaries.sort_unstable();
        boundaries.dedup();
        let mut builder = RunsBuilder::default();
        for day in boundaries.into_iter().filter(|day| *day < Day::FOREVER) {
            builder.push(day, value_on(day));
        }
        builder.finish()
    }

    /// The value on a day.
    pub fn at(&self, day: Day) -> &T {
        let after = self.runs.partition_point(|(start, _)| *start <= day);
        &self.runs[after.saturating_sub(1)].1
    }

    /// The number of runs.
    pub fn count(&self) -> usize {
        self.runs.len()
    }

    /// Each run with its days, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Period, &T)> {
        self.runs.iter().enumerate().map(|(at, (start, value))| {
            let end = self.runs.get(at + 1).map_or(Day::FOREVER, |(next, _)| *next);
            (Period { start: *start, end }, value)
        })
    }

    /// The runs that include any of some days, cut to these days, in order.
    pub fn within(&self, days: Period) -> impl Iterator<Item = (Period, &T)> {
        let first = self.runs.partition_point(|(start, _)| *start <= days.start).saturating_sub(1);
        let runs = self.runs.get(first..).unwrap_or_default();
        runs.iter().enumerate().take_while(move |(_, (start, _))| *start < days.end).map(move |(at, (start, value))| {
            let end = runs.get(at + 1).map_or(Day::FOREVER, |(next, _)| *next);
            (Period { start: *start, end }.intersect(days), value)
        })
    }

    /// The days on which the first and the last run start.
    pub fn ends(&self) -> [Day; 2] {
        [self.runs.first(), self.runs.last()].map(|run| run.map_or(Day::BEGINNING, |(start, _)| *start))
    }

    /// The days on which a run starts, except [`Day::BEGINNING`].
    pub fn boundaries(&self) -> impl Iterator<Item = Day> {
        self.runs.iter().skip(1).map(|(start, _)| *start)
    }

    /// The first day after `day` whose value differs from the day before it.
    pub fn next_change(&self, day: Day) -> Option<Day> {
        let after = self.runs.partition_point(|(start, _)| *start <= day);
        self.runs.get(after).map(|(start, _)| *start)
    }

    /// Sets the value on some days.
    pub fn set(&mut self, days: Period, value: T)
    where
        T: Clone,
    {
        if days.is_empty() {
            return;
        }
        let afterwards = (days.end < Day::FOREVER).then(|| (days.end, self.at(days.end).clone()));
        let mut builder = RunsBuilder::default();
        let before = self.runs.iter().filter(|(start, _)| *start < days.start);
        let after = self.runs.iter().filter(|(start, _)| *start > days.end);
        let set = before.cloned().chain([(days.start, value)]).chain(afterwards).chain(after.cloned());
        set.for_each(|(start, value)| builder.push(start, value));
        *self = builder.finish();
    }

    /// Copies the runs up to a day. The value of that day applies to all later days.
    #[must_use]
    pub fn up_to(&self, day: Day) -> Runs<T>
    where
        T: Clone,
    {
        Runs { runs: self.runs.iter().take_while(|(start, _)| *start <= day).cloned().collect() }
    }

    /// Another value for each value. Consecutive days with equal values become one run.
    pub fn map<U: PartialEq>(&self, value: impl Fn(&T) -> U) -> Runs<U> {
        let mut builder = RunsBuilder::default();
        self.runs.iter().for_each(|(start, before)| builder.push(*start, value(before)));
        builder.finish()
    }

    /// Iterates over both in parallel, in runs cut at the boundaries of both.
    pub fn zip<'a, U: PartialEq>(&'a self, other: &'a Runs<U>) -> impl Iterator<Item = (Period, &'a T, &'a U)> {
        let mut left = self.iter().peekable();
        let mut right = other.iter().peekable();
        std::iter::from_fn(move || {
            let (days, value) = *left.peek()?;
            let (other_days, other_value) = *right.peek()?;
            if days.end <= other_days.end {
                left.next();
            }
            if other_days.end <= days.end {
                right.next();
            }
            Some((days.intersect(other_days), value, other_value))
        })
    }
}

impl Runs<bool> {
    /// True on the days of the periods, which must be in the form that [`union`] returns.
    pub fn on(periods: &[Period]) -> Runs<bool> {
        let mut builder = RunsBuilder::default();
        builder.push(Day::BEGINNING, periods.first().is_some_and(|first| first.start == Day::BEGINNING));
        for period in periods {
            builder.push(period.start, true);
            if period.end < Day::FOREVER {
                builder.push(period.end, false);
            }
        }
        builder.finish()
    }
}

/// Builds [`Runs`] from values in ascending order of days.
#[derive(Debug)]
pub struct RunsBuilder<T> {
    runs: SmallVec<[(Day, T); IN_PLACE]>,
}

impl<T> Default for RunsBuilder<T> {
    fn default() -> Self {
        RunsBuilder { runs: SmallVec::new() }
    }
}

impl<T: PartialEq> RunsBuilder<T> {
    /// Adds the value from `start` on. The first start must be [`Day::BEGINNING`]; the others must ascend.
    pub fn push(&mut self, start: Day, value: T) {
        if self.runs.last().is_none_or(|(_, last)| *last != value) {
            self.runs.push((start, value));
        }
    }

    /// Returns the runs.
    pub fn finish(self) -> Runs<T> {
        let mut runs = self.runs;
        if runs.spilled() {
            runs.shrink_to_fit();
        }
        Runs { runs }
    }
}

/// The days that belong to any of the periods, as the fewest possible periods, in order.
pub fn union(periods: impl IntoIterator<Item = Period>) -> SmallVec<[Period; 4]> {
    let mut periods: SmallVec<[Period; 4]> = periods.into_iter().filter(|period| !period.is_empty()).collect();
    periods.sort_unstable();
    periods.dedup_by(|next, last| {
        let is_merged = next.start <= last.end;
        if is_merged {
            last.end = last.end.max(next.end);
        }
        is_merged
    });
    periods
}

/// The days of `periods` that are not in `without`. Both must be in the form that [`union`] returns.
pub fn difference(periods: &[Period], without: &[Period]) -> Vec<Period> {
    let (mut left, mut at) = (Vec::new(), 0);
    for period in periods {
        let mut start = period.start;
        while let Some(taken) = without.get(at)
            && taken.start < period.end
        {
            if start < taken.start {
                left.push(Period { start, end: taken.start });
            }
            start = start.max(taken.end);
            if taken.end > period.end {
                // It may include days of the next period, too.
                break;
            }
            at += 1;
        }
        if start < period.end {
            left.push(Period { start, end: period.end });
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(start: i32, end: i32) -> Period {
        Period { start: Day::from_number(start), end: Day::from_number(end) }
    }

    #[test]
    fn equal_neighbours_are_one_run() {
        let boundaries = [5, 10, 15].map(Day::from_number).to_vec();
        let runs = Runs::from_boundaries(boundaries, |day| (10..15).contains(&day.number()));
        assert_eq!(runs.boundaries().map(Day::number).collect::<Vec<_>>(), [10, 15]);
        assert!(!runs.at(Day::from_number(9)));
        assert!(runs.at(Day::from_number(10)));
        assert!(runs.at(Day::from_number(14)));
        assert!(!runs.at(Day::from_number(15)));
    }

    #[test]
    fn some_days_get_another_value() {
        let mut runs = Runs::constant('a');
        for (days, value) in [(days(5, 10), 'b'), (days(7, 8), 'a'), (days(3, 6), 'c'), (days(8, 20), 'a')] {
            runs.set(days, value);
        }
        runs.set(days(4, 4), 'x');
        let text: String = (0..12).map(|day| runs.at(Day::from_number(day))).collect();
        assert_eq!(text, "aaacccbaaaaa");
        runs.set(Period { start: Day::from_number(6), end: Day::FOREVER }, 'c');
        assert_eq!(runs.boundaries().map(Day::number).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn two_lists_are_cut_at_the_boundaries_of_both() {
        let left = Runs::from_boundaries(vec![Day::from_number(3)], |day| day.number() >= 3);
        let right = Runs::from_boundaries(vec![Day::from_number(5)], |day| day.number() >= 5);
        let cut: Vec<_> = left.zip(&right).map(|(days, l, r)| (days.end.number(), *l, *r)).collect();
        assert_eq!(cut, [(3, false, false), (5, true, false), (Day::FOREVER.number(), true, true)]);
    }

    #[test]
    fn a_part_of_the_runs_is_cut_at_both_ends() {
        let runs = Runs::from_boundaries([5, 10, 15].map(Day::from_number), |day| day.number() / 5);
        let within = |start, end| -> Vec<_> {
            runs.within(days(start, end))
                .map(|(days, value)| (days.start.number(), days.end.number(), *value))
                .collect()
        };
        assert_eq!(within(7, 15), [(7, 10, 1), (10, 15, 2)]);
        assert_eq!(within(10, 16), [(10, 15, 2), (15, 16, 3)]);
        assert_eq!(within(11, 12), [(11, 12, 2)]);
        assert!(within(12, 12).iter().all(|(start, end, _)| start >= end));
        let all = runs.within(Period { start: Day::BEGINNING, end: Day::FOREVER });
        assert!(all.eq(runs.iter()));
    }

    #[test]
    fn values_are_mapped_and_equal_neighbours_merged() {
        let runs = Runs::from_boundaries([5, 10, 15].map(Day::from_number), |day| day.number() / 5);
        assert_eq!(runs.map(|value| value / 2).boundaries().map(Day::number).collect::<Vec<_>>(), [5, 10]);
        let end = Day::FOREVER.number();
        for periods in [vec![], vec![days(3, 5), days(7, end)], vec![days(Day::BEGINNING.number(), 4)]] {
            let on = Runs::on(&periods);
            let true_on: Vec<Period> = on.iter().filter(|(_, is_on)| **is_on).map(|(days, _)| days).collect();
            assert_eq!(true_on, periods);
            assert_eq!(on.ends()[0], Day::BEGINNING);
        }
    }

    #[test]
    fn union_and_difference() {
        let jobs = union([days(10, 20), days(1, 3), days(3, 5), days(15, 30), days(40, 40)]);
        assert_eq!(jobs.as_slice(), [days(1, 5), days(10, 30)]);
        assert_eq!(difference(&jobs, &[days(2, 3), days(12, 50)]), [days(1, 2), days(3, 5), days(10, 12)]);
        assert_eq!(difference(&jobs, &[]), jobs.to_vec());
        assert_eq!(difference(&jobs, &[days(0, 1), days(4, 11), days(29, 60)]), [days(1, 4), days(11, 29)]);
        assert_eq!(difference(&jobs, &[days(2, 5), days(5, 10), days(30, 40)]), [days(1, 2), days(10, 30)]);
    }
}
