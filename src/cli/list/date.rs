//! Dates as people and spreadsheets write them.

use jiff::civil::Date;

/// Reads a date: with the year first (2026-03-01 or 2026/3/1) or the month first (3/1/2026), with or without a time of
/// day. The error is the remedy.
pub fn read(text: &str) -> Result<Date, &'static str> {
    let text = text.trim();
    let (date, time) = text.split_once([' ', 'T']).unwrap_or((text, ""));
    if !is_time(time) {
        return Err(FORMS);
    }
    if date.contains('/') {
        return with_slashes(date);
    }
    let [year, month, day] = parts(date, '-').ok_or(FORMS)?;
    if year.1 != 4 || month.1 != 2 || day.1 != 2 {
        return Err(FORMS);
    }
    civil(year.0, month.0, day.0)
}

const FORMS: &str = "write the date as `2026-03-01` or `3/1/2026`";

/// Whether a text is a time of day without a time zone. With a zone the day in Mississippi may be another.
fn is_time(text: &str) -> bool {
    let clock = text.trim_end_matches(['A', 'a', 'P', 'p', 'M', 'm', ' ']);
    text.is_empty()
        || clock.contains(':') && clock.chars().all(|letter| letter.is_ascii_digit() || matches!(letter, ':' | '.'))
}

fn with_slashes(date: &str) -> Result<Date, &'static str> {
    let [month, day, year] = match parts(date, '/').ok_or(FORMS)? {
        [year, month, day] if year.1 == 4 => [month, day, year],
        parts => parts,
    };
    if year.1 != 4 {
        return Err("write the year with four digits, as in `3/1/2026`");
    }
    if month.0 > 12 && day.0 <= 12 {
        return Err("write the month before the day, as in `3/31/2026`");
    }
    civil(year.0, month.0, day.0)
}

/// The three numbers of a date, each with how many digits it has.
fn parts(date: &str, separator: char) -> Option<[(u16, usize); 3]> {
    let number = |part: &str| {
        let is_number = (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| Some((part.parse().ok()?, part.len()))).flatten()
    };
    let parts: Option<Vec<(u16, usize)>> = date.split(separator).map(number).collect();
    parts?.try_into().ok()
}

fn civil(year: u16, month: u16, day: u16) -> Result<Date, &'static str> {
    let made = || Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok();
    made().ok_or("there is no such day: look for a typing error")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_forms_are_read() {
        for text in [
            "2026-03-01",
            " 2026-03-01 ",
            "3/1/2026",
            "03/01/2026",
            "2026/03/01",
            "2026/3/1",
            "2026-03-01T00:00:00",
            "3/1/2026 0:00",
            "3/1/2026 8:15 AM",
        ] {
            assert_eq!(read(text).map(|date| date.to_string()), Ok("2026-03-01".to_owned()), "{text}");
        }
    }

    #[test]
    fn another_form_is_refused_with_the_remedy() {
        for (text, remedy) in [
            ("1 March 2026", FORMS),
            ("2026-3-1", FORMS),
            ("20260301", FORMS),
            ("46082", FORMS),
            ("2026-03-01T23:30:00Z", FORMS),
            ("2026-03-01T23:30:00-06:00", FORMS),
            ("3/1/26", "write the year with four digits, as in `3/1/2026`"),
            ("31/3/2026", "write the month before the day, as in `3/31/2026`"),
            ("2026/31/3", "write the month before the day, as in `3/31/2026`"),
            ("2/29/2026", "there is no such day: look for a typing error"),
            ("2026-13-01", "there is no such day: look for a typing error"),
        ] {
            assert_eq!(read(text), Err(remedy), "{text}");
        }
    }
}
