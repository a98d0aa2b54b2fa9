//! The Gregorian calendar: from a number of days since 1970-01-01 to a date, and back.
//!
//! An answer contains several dates. The date library's conversion takes 14 to 23 % more CPU for a batch of answers, so
//! the registry has its own. A test compares the two.

/// The number of days in 400 years, after which the calendar repeats.
const DAYS_OF_CYCLE: i32 = 146_097;

/// The number of days from March 1 of the year 0 to 1970-01-01.
const FROM_YEAR_0_TO_1970: i32 = 719_468;

/// The number of cycles by which a day is moved, so that its number is not negative.
const CYCLES: i32 = 25;

/// The number of a date that exists.
pub(super) const fn number_of(year: i32, month: i32, day: i32) -> i32 {
    // In this computation a year begins in March, so that a leap day is its last day.
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let (cycle, of_cycle) = (year.div_euclid(400), year.rem_euclid(400));
    cycle * DAYS_OF_CYCLE + of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + day_of_year - FROM_YEAR_0_TO_1970
}

/// Year, month and day of a number, for the years -9999 to 9999.
///
/// The algorithm is that of Neri and Schneider ("Euclidean affine functions and their application to calendar
/// algorithms", 2022). It multiplies the remainder of a division; the upper half of the product is the next unit.
#[expect(clippy::cast_possible_truncation, reason = "the two halves of a product")]
pub(super) fn date_of(number: i32) -> (i32, i32, i32) {
    // The shift by `CYCLES` makes every day positive. Years begin in March and are counted in quarter days, of which a
    // year has 1461.
    let days = number + FROM_YEAR_0_TO_1970 + CYCLES * DAYS_OF_CYCLE;
    let quarters = 4 * days.cast_unsigned() + 3;
    let (century, of_century) = (quarters / DAYS_OF_CYCLE.cast_unsigned(), quarters % DAYS_OF_CYCLE.cast_unsigned());
    let years = 2_939_745 * u64::from(of_century | 3);
    let (year, day_of_year) = ((years >> 32) as u32, years as u32 / (4 * 2_939_745));
    let months = 2141 * day_of_year + 197_913;
    let (month, day) = (months >> 16, (months & 0xffff) / 2141 + 1);
    let is_next = u32::from(day_of_year >= 306);
    let year = (100 * century + year + is_next).cast_signed() - 400 * CYCLES;
    (year, (month - 12 * is_next).cast_signed(), day.cast_signed())
}
