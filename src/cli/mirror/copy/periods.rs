//! Periods as rows: setting a value on some days replaces the previous values of these days.

use jiff::civil::Date;
use rusqlite::types::Value;
use rusqlite::{Connection, Result, params_from_iter};

/// A table of periods: the columns of the subject and those of the value.
pub struct Periods {
    /// The name of the table.
    pub table: &'static str,
    /// The columns of the subject.
    pub subject: &'static [&'static str],
    /// The columns of the value.
    pub value: &'static [&'static str],
}

/// A run of days, both ends inclusive. Without a last day, it lasts until a later change.
#[derive(Clone, Copy, Debug)]
pub struct Days {
    /// The first day.
    pub first: Date,
    /// The last day.
    pub last: Option<Date>,
}

impl Periods {
    /// Sets the value of a subject on some days. `None`: no row, which means the state before any change. Rows that
    /// overlap the days are cut, and adjacent rows with the same value are merged, so that each state has exactly one
    /// representation.
    pub fn set(&self, file: &Connection, subject: &[Value], days: Days, value: Option<&[Value]>) -> Result<()> {
        let Days { first, last } = days;
        let before = Value::from(text(first.yesterday().unwrap_or(first)));
        let after = last.and_then(|last| last.tomorrow().ok()).map(text);
        let (first, last) = (Value::from(text(first)), last.map(text));

        let is_subject = all_equal(self.subject);
        if let Some(after) = after.clone() {
            // The part of a row after the days is kept.
            let (columns, values) = (self.subject.join(", "), self.value.join(", "));
            let sql = format!(
                "INSERT INTO {table} ({columns}, first_day, last_day, {values}) \
                 SELECT {columns}, ?, last_day, {values} FROM {table} \
                 WHERE {is_subject} AND first_day < ? AND (last_day IS NULL OR last_day >= ?)",
                table = self.table
            );
            let after = Value::from(after);
            run(file, &sql, [&after].into_iter().chain(subject).chain([&after, &after]))?;
        }
        let sql = format!(
            "DELETE FROM {} WHERE {is_subject} AND first_day >= ? AND first_day <= coalesce(?, first_day)",
            self.table
        );
        run(file, &sql, subject.iter().chain([&first, &last.clone().into()]))?;
        let sql = format!(
            "UPDATE {} SET last_day = ? WHERE {is_subject} AND first_day < ? AND (last_day IS NULL OR last_day >= ?)",
            self.table
        );
        run(file, &sql, [&before].into_iter().chain(subject).chain([&first, &first]))?;
        match value {
            None => Ok(()),
            Some(value) => self.insert(file, subject, value, [before, first], [last, after]),
        }
    }

    /// Inserts a row, and merges adjacent rows with the same value.
    fn insert(
        &self,
        file: &Connection,
        subject: &[Value],
        value: &[Value],
        [before, mut first]: [Value; 2],
        [mut last, after]: [Option<String>; 2],
    ) -> Result<()> {
        let (is_subject, is_value) = (all_equal(self.subject), all_equal(self.value));
        let merged = |column: &str, at: Value| -> Result<Option<(String, Option<String>)>> {
            let sql = format!(
                "DELETE FROM {} WHERE {is_subject} AND {is_value} AND {column} = ? RETURNING first_day, last_day",
                self.table
            );
            let mut statement = file.prepare_cached(&sql)?;
            let mut rows = statement.query(params_from_iter(subject.iter().chain(value).chain([&at])))?;
            rows.next()?.map(|row| Ok((row.get(0)?, row.get(1)?))).transpose()
        };
        if let Some((earlier, _)) = merged("last_day", before)? {
            first = earlier.into();
        }
        if let Some(after) = after
            && let Some((_, later)) = merged("first_day", after.into())?
        {
            last = later;
        }
        let columns = [self.subject, &["first_day", "last_day"], self.value].concat();
        let sql = format!(
            "INSERT INTO {} ({}) VALUES ({})",
            self.table,
            columns.join(", "),
            vec!["?"; columns.len()].join(", ")
        );
        run(file, &sql, subject.iter().chain([&first, &last.into()]).chain(value))
    }
}

fn run<'a>(file: &Connection, sql: &str, values: impl Iterator<Item = &'a Value>) -> Result<()> {
    file.prepare_cached(sql)?.execute(params_from_iter(values)).map(drop)
}

fn all_equal(columns: &[&str]) -> String {
    columns.iter().map(|column| format!("{column} IS ?")).collect::<Vec<_>>().join(" AND ")
}

fn text(day: Date) -> String {
    day.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: Periods = Periods { table: "t", subject: &["subject"], value: &["value"] };

    fn day(number: i64) -> Date {
        jiff::civil::date(2026, 3, 1).checked_add(jiff::Span::new().days(number)).unwrap()
    }

    fn rows(file: &Connection) -> Vec<(i64, Option<i64>, String)> {
        let number = |text: String| i64::from(text.parse::<Date>().unwrap().since(day(0)).unwrap().get_days());
        let mut statement = file.prepare("SELECT first_day, last_day, value FROM t ORDER BY first_day").unwrap();
        let row = |row: &rusqlite::Row<'_>| {
            Ok((number(row.get(0)?), row.get::<_, Option<String>>(1)?.map(number), row.get(2)?))
        };
        statement.query_map([], row).unwrap().map(Result::unwrap).collect()
    }

    /// Sets values on random days several thousand times, and compares with a list of days.
    #[test]
    fn rows_match_a_list_of_days_in_the_fewest_periods() {
        let file = Connection::open_in_memory().unwrap();
        file.execute_batch(
            "CREATE TABLE t (subject TEXT, first_day TEXT, last_day TEXT, value TEXT, PRIMARY KEY (subject, first_day))",
        )
        .unwrap();
        let mut list = vec![None; 40];
        let mut state = 1_u64;
        let mut random = |limit: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % limit
        };
        for _ in 0..3000 {
            // Days from 39 on are always set together: the last day of the list represents them.
            let first = random(40);
            let last = (first < 39 && random(3) > 0).then(|| first + random(39 - first));
            let value = ["a", "b"].get(usize::try_from(random(3)).unwrap()).copied();
            let of = |number: u64| day(i64::try_from(number).unwrap());
            let set = value.map(|value| vec![Value::from(value.to_owned())]);
            let days = Days { first: of(first), last: last.map(of) };
            TABLE.set(&file, &[Value::from("s".to_owned())], days, set.as_deref()).unwrap();
            let end = last.map_or(list.len(), |last| usize::try_from(last).unwrap() + 1);
            list[usize::try_from(first).unwrap()..end].fill(value);
            let mut expected: Vec<(i64, Option<i64>, String)> = Vec::new();
            for (at, value) in list.iter().enumerate() {
                let at = i64::try_from(at).unwrap();
                let Some(value) = value else { continue };
                match expected.last_mut() {
                    Some((_, Some(last), same)) if *last == at - 1 && same == value => *last = at,
                    _ => expected.push((at, Some(at), (*value).to_owned())),
                }
            }
            if let Some((_, last, _)) = expected.last_mut().filter(|(_, last, _)| *last == Some(39)) {
                *last = None;
            }
            assert_eq!(rows(&file), expected);
        }
    }
}
