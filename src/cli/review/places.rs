//! Which rows of the file that `claims` wrote are there, so that lost ones are noticed.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cli::claims::row_check::RowCheck;

/// The maximum number of runs of missing rows that are named.
const MOST_NAMED: usize = 20;

/// The rows that were seen: by the number of rows of their file, a bit for each row.
#[derive(Debug, Default)]
pub struct Places {
    files: BTreeMap<u64, BTreeMap<u64, u64>>,
}

/// Rows that are missing, one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The first of them, counted in the file that `claims` wrote.
    pub first: u64,
    /// The last of them.
    pub last: u64,
    /// The number of rows of that file.
    pub rows: u64,
}

impl Places {
    /// Notes a row.
    pub fn see(&mut self, check: RowCheck) {
        let place = check.row - 1;
        *self.files.entry(check.rows).or_default().entry(place / 64).or_default() |= 1 << (place % 64);
    }

    /// The number of missing rows, and the first runs of them.
    pub fn missing(&self) -> (u64, Vec<Gap>) {
        let (mut count, mut named) = (0, Vec::new());
        for (rows, words) in &self.files {
            let is_seen = |word: u64| move |bit: &u64| (word >> bit) & 1 == 1;
            let of_word = |(at, word): (&u64, &u64)| {
                let at = *at;
                (0..64).filter(is_seen(*word)).map(move |bit| at * 64 + bit + 1)
            };
            let seen = words.iter().flat_map(of_word);
            let mut next = 1;
            for seen in seen.chain([rows + 1]) {
                if seen > next {
                    count += seen - next;
                    if named.len() < MOST_NAMED {
                        named.push(Gap { first: next, last: seen - 1, rows: *rows });
                    }
                }
                next = seen + 1;
            }
        }
        (count, named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(seen: &[(u64, u64)]) -> (u64, Vec<(u64, u64, u64)>) {
        let mut places = Places::default();
        seen.iter().for_each(|(row, rows)| places.see(RowCheck::of(*row, *rows, None)));
        let (count, gaps) = places.missing();
        (count, gaps.iter().map(|gap| (gap.first, gap.last, gap.rows)).collect())
    }

    #[test]
    fn lost_rows_are_found_in_any_order() {
        let all: Vec<_> = (1..=200).rev().map(|row| (row, 200)).collect();
        assert_eq!(missing(&all), (0, vec![]));
        assert_eq!(missing(&all[5..]), (5, vec![(196, 200, 200)]));
        let some: Vec<_> = all.iter().copied().filter(|(row, _)| ![1, 64, 65, 130].contains(row)).collect();
        assert_eq!(missing(&some), (4, vec![(1, 1, 200), (64, 65, 200), (130, 130, 200)]));
        assert_eq!(missing(&[]), (0, vec![]));
    }

    #[test]
    fn two_files_may_be_put_together() {
        assert_eq!(missing(&[(1, 2), (2, 2), (1, 3), (3, 3)]), (1, vec![(2, 2, 3)]));
        assert_eq!(missing(&[(1, u32::MAX.into())]).0, 4_294_967_294);
    }
}
