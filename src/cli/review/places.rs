//! Which rows of the files that `claims` wrote are there, so that lost ones are noticed.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cli::claims::list_id::ListId;
use crate::cli::claims::row_check::Place;
use crate::cli::first::First;

/// The rows that were seen: by list and number of rows, a bit for each row.
#[derive(Debug, Default)]
pub struct Places {
    lists: BTreeMap<(ListId, u64), BTreeMap<u64, u64>>,
}

/// What is missing of a list.
#[derive(Clone, Debug, Serialize)]
pub struct Lost {
    /// The list, as `row_check` has it.
    pub list: String,
    /// The number of rows that `claims` wrote.
    pub rows: u64,
    /// How many of them are missing.
    pub missing: u64,
    /// The first runs of missing rows.
    #[serde(flatten)]
    pub runs: First<Run>,
}

/// Rows one behind the other, counted in the file that `claims` wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Run {
    /// The first of them.
    pub first: u64,
    /// The last of them.
    pub last: u64,
}

impl Places {
    /// Notes a row. Whether it was not there before.
    pub fn see(&mut self, place: Place) -> bool {
        let at = place.row - 1;
        let list = self.lists.entry((place.list, place.rows)).or_default();
        let (word, bit) = (list.entry(at / 64).or_default(), 1 << (at % 64));
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// The number of lists.
    pub fn lists(&self) -> usize {
        self.lists.len()
    }

    /// What is missing, of each list from which rows are missing.
    pub fn lost(&self) -> impl Iterator<Item = Lost> {
        let lost = self.lists.iter().map(|((list, rows), words)| lost_of(*list, *rows, words));
        lost.filter(|lost| lost.missing > 0)
    }
}

/// What is missing of a list.
fn lost_of(list: ListId, rows: u64, words: &BTreeMap<u64, u64>) -> Lost {
    let mut lost = Lost { list: list.to_string(), rows, missing: 0, runs: First::of("runs") };
    let is_seen = |word: u64| move |bit: &u64| (word >> bit) & 1 == 1;
    let of_word = |(at, word): (&u64, &u64)| {
        let at = *at;
        (0..64).filter(is_seen(*word)).map(move |bit| at * 64 + bit + 1)
    };
    let mut next = 1;
    for seen in words.iter().flat_map(of_word).chain([rows + 1]) {
        if seen > next {
            lost.missing += seen - next;
            lost.runs.push(Run { first: next, last: seen - 1 });
        }
        next = seen + 1;
    }
    lost
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "00000001";
    const OTHER: &str = "00000002";

    /// The list, its number of rows, how many are missing, and which.
    type Missing = (String, u64, u64, Vec<(u64, u64)>);

    fn missing(seen: &[(&str, u64, u64)]) -> Vec<Missing> {
        let mut places = Places::default();
        for (list, row, rows) in seen {
            let place = Place { list: list.parse().unwrap(), row: *row, rows: *rows };
            assert!(places.see(place) && !places.see(place));
        }
        let runs = |lost: &Lost| lost.runs.shown().iter().map(|run| (run.first, run.last)).collect();
        places.lost().map(|lost| (lost.list.clone(), lost.rows, lost.missing, runs(&lost))).collect()
    }

    #[test]
    fn lost_rows_are_found_in_any_order() {
        let of_one = |missing, runs: &[(u64, u64)]| vec![(ONE.to_owned(), 200, missing, runs.to_vec())];
        let all: Vec<_> = (1..=200).rev().map(|row| (ONE, row, 200)).collect();
        assert_eq!(missing(&all), []);
        assert_eq!(missing(&all[5..]), of_one(5, &[(196, 200)]));
        let some: Vec<_> = all.iter().copied().filter(|(_, row, _)| ![1, 64, 65, 130].contains(row)).collect();
        assert_eq!(missing(&some), of_one(4, &[(1, 1), (64, 65), (130, 130)]));
        assert_eq!(missing(&[]), []);
    }

    #[test]
    fn lists_that_were_put_together_are_counted_apart() {
        let of = |list: &str, rows, row| (list.to_owned(), rows, 1, vec![(row, row)]);
        assert_eq!(missing(&[(ONE, 1, 2), (ONE, 2, 2), (ONE, 1, 3), (ONE, 3, 3)]), [of(ONE, 3, 2)]);
        assert_eq!(missing(&[(ONE, 1, 2), (OTHER, 2, 2)]), [of(ONE, 2, 2), of(OTHER, 2, 1)]);
        assert_eq!(missing(&[(ONE, 1, u32::MAX.into())])[0].2, 4_294_967_294);
    }
}
