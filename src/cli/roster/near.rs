//! Rows and jobs that look like somebody who came or left, and are most likely a mistake in the list.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use super::difference::{Difference, Kind};
use crate::cli::list::Row;
use crate::domain::id::CredentialNumber;
use crate::domain::name::{fold, fold_family};
use crate::domain::prior_number::PriorNumber;

/// Finds the rows and jobs that are one person: a job whose number is in a row with another name or with a typing error
/// is not missing from the list, and a row that repeats another is no new job.
pub fn explained<'a>(differences: Vec<Difference>, rows: impl Iterator<Item = &'a Row>) -> Vec<Difference> {
    let (jobs, others): (Vec<Difference>, Vec<Difference>) =
        differences.into_iter().partition(|found| found.kind == Kind::MissingFromList);
    let rows = listed(rows, &others);
    let mut search = Search { rows, jobs: jobs.into_iter().map(Job::of).collect(), others };
    // What is most certain comes first, because each job is found once.
    search.pair(Kind::OtherName, Listed::has_number_of);
    search.name_mistakes(|row| Some((Kind::Repeated, Some(row.repeats?))));
    search.pair(Kind::Mistyped, Listed::is_nearly);
    search.pair(Kind::Mistyped, Listed::is_by_name);
    search.name_mistakes(|row| Some((Kind::OtherName, Some(row.shares_with?))));
    search.name_mistakes(|row| matches!(row.number, Some(Number::Impossible(_))).then_some((Kind::Mistyped, None)));
    search.jobs.into_iter().map(|job| job.found).chain(search.others).collect()
}

/// The rows by their lines, the jobs that no row has yet, and the differences of rows.
struct Search {
    rows: HashMap<u64, Listed>,
    jobs: Vec<Job>,
    others: Vec<Difference>,
}

impl Search {
    /// Pairs each row that has no job with the first job that is like it. A row that is not compared remains one.
    fn pair(&mut self, kind: Kind, is_like: impl Fn(&Listed, &Job) -> bool) {
        for found in &mut self.others {
            if !matches!(found.kind, Kind::MissingFromRegistry | Kind::NotCompared) {
                continue;
            }
            let Some(row) = found.line.and_then(|line| self.rows.get(&line)) else { continue };
            if let Some(at) = self.jobs.iter().position(|job| is_like(row, job)) {
                found.add_job(self.jobs.remove(at).found);
                if found.kind == Kind::MissingFromRegistry {
                    found.kind = kind;
                }
            }
        }
    }

    /// Names the mistakes of rows that are like no job.
    fn name_mistakes(&mut self, mistake: impl Fn(&Listed) -> Option<(Kind, Option<u64>)>) {
        for found in self.others.iter_mut().filter(|found| found.kind == Kind::MissingFromRegistry) {
            let row = found.line.and_then(|line| self.rows.get(&line));
            if let Some((kind, other_line)) = row.and_then(&mistake) {
                (found.kind, found.other_line) = (kind, other_line);
            }
        }
    }
}

/// A number, as it is compared.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Number {
    Possible(CredentialNumber),
    /// It cannot exist: a symbol is wrong or missing.
    Impossible(String),
    Prior(PriorNumber),
}

impl Number {
    fn of(text: &str) -> Number {
        text.parse().map_or_else(|_| Number::Impossible(fold(text).to_uppercase()), Number::Possible)
    }

    /// The number of a row. `None`: it has none.
    fn of_row(row: &Row) -> Option<Number> {
        match (row.text("number"), row.text("prior_number")) {
            ("", prior_number) => prior_number.parse().ok().map(Number::Prior),
            (number, _) => Some(Number::of(number)),
        }
    }

    /// The symbols of a credential number behind its prefix.
    fn symbols(&self) -> Vec<char> {
        let text = match self {
            Number::Possible(number) => fold(&number.to_string()).to_uppercase(),
            Number::Impossible(text) => text.clone(),
            Number::Prior(_) => String::new(),
        };
        text.strip_prefix("CPS").unwrap_or(&text).chars().collect()
    }
}

/// A job that no row has.
struct Job {
    found: Difference,
    number: Option<Number>,
    symbols: Vec<char>,
    given: String,
    /// Every ending of the name that may be the family name.
    families: Vec<String>,
}

impl Job {
    fn of(found: Difference) -> Job {
        let number = Some(found.credential_number.as_str()).filter(|number| !number.is_empty()).map(Number::of);
        let symbols = number.as_ref().map(Number::symbols).unwrap_or_default();
        let ends = found.person.match_indices(char::is_whitespace).map(|(at, _)| &found.person[at..]);
        let families = std::iter::once(found.person.as_str()).chain(ends).map(fold_family).collect();
        Job { number, symbols, given: first_word(&found.person), families, found }
    }
}

/// What a row says about its person.
struct Listed {
    number: Option<Number>,
    symbols: Vec<char>,
    given: String,
    family: String,
    /// The line of another row with the same number and name.
    repeats: Option<u64>,
    /// The line of another row with the same number and another name.
    shares_with: Option<u64>,
}

impl Listed {
    fn of(row: &Row) -> Listed {
        let number = Number::of_row(row);
        let symbols = number.as_ref().map(Number::symbols).unwrap_or_default();
        let (given, family) = (first_word(row.text("given_name")), fold_family(row.text("family_name")));
        Listed { number, symbols, given, family, repeats: None, shares_with: None }
    }

    fn may_have_name_of(&self, other: &Listed) -> bool {
        self.family == other.family || self.family.is_empty() || other.family.is_empty()
    }

    fn has_number_of(&self, job: &Job) -> bool {
        self.number.is_some() && self.number == job.number
    }

    fn has_family_of(&self, job: &Job) -> bool {
        !self.family.is_empty() && job.families.contains(&self.family)
    }

    /// Whether one symbol of the number differs. If such a number can exist, the family name has to be the same.
    fn is_nearly(&self, job: &Job) -> bool {
        let may_be = match self.number {
            Some(Number::Impossible(_)) => true,
            Some(Number::Possible(_)) => self.has_family_of(job),
            Some(Number::Prior(_)) | None => false,
        };
        may_be && differ_by_one(&self.symbols, &job.symbols)
    }

    /// Whether the name is the same, and the number says nothing else.
    fn is_by_name(&self, job: &Job) -> bool {
        let is_of_somebody_else = matches!(self.number, Some(Number::Possible(_))) && self.shares_with.is_none();
        let is_given = self.given.is_empty() || self.given == job.given;
        !is_of_somebody_else && is_given && self.has_family_of(job)
    }
}

/// The rows by their lines. Of several rows with one number, those without a job repeat the one that has it, or else
/// the first.
fn listed<'a>(rows: impl Iterator<Item = &'a Row>, differences: &[Difference]) -> HashMap<u64, Listed> {
    let without_job = differences.iter().filter(|found| found.kind == Kind::MissingFromRegistry);
    let without_job: HashSet<u64> = without_job.filter_map(|found| found.line).collect();
    let mut rows: Vec<&Row> = rows.collect();
    rows.sort_by_key(|row| (without_job.contains(&row.line()), row.line()));
    let (mut listed, mut first_of) = (HashMap::<u64, Listed>::new(), HashMap::new());
    for row in rows {
        let mut its = Listed::of(row);
        if let Some(number) = its.number.clone() {
            let first = *first_of.entry(number).or_insert(row.line());
            match listed.get(&first) {
                None => {} // It is the first.
                Some(other) if its.may_have_name_of(other) => its.repeats = Some(first),
                Some(_) => its.shares_with = Some(first),
            }
        }
        listed.insert(row.line(), its);
    }
    listed
}

fn first_word(text: &str) -> String {
    text.split_whitespace().next().map(fold).unwrap_or_default()
}

/// Whether one symbol is another, is missing, or changed places with the next.
fn differ_by_one(one: &[char], other: &[char]) -> bool {
    let same = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    let (one, other) = (&one[same..], &other[same..]);
    let is_swapped = match (one, other) {
        ([a, b, one @ ..], [c, d, other @ ..]) => (a, b) == (d, c) && one == other,
        _ => false,
    };
    is_swapped
        || match one.len().cmp(&other.len()) {
            Ordering::Equal => behind_first(one) == behind_first(other),
            Ordering::Greater => behind_first(one) == other,
            Ordering::Less => one == behind_first(other),
        }
}

fn behind_first(symbols: &[char]) -> &[char] {
    symbols.get(1..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::list::columns::{FAMILY_NAME, GIVEN_NAME, NUMBER, PRIOR_NUMBER};
    use crate::cli::list::{Columns, List, ListArgs};

    const COLUMNS: Columns = Columns {
        known: &[NUMBER, PRIOR_NUMBER, FAMILY_NAME, GIVEN_NAME],
        needs: &[&["number", "prior_number"]],
        answers: &[],
        has_flags: true,
    };

    fn numbers() -> [String; 2] {
        [0x12_3456_789a, 0x0a_bcde_f012].map(|number| CredentialNumber::from_number(number).to_string())
    }

    /// Of each difference: its kind, its line, the other line and the number on record. Rows in `matched` have a job.
    fn found(
        jobs: &[(&str, &str)],
        rows: &[[&str; 4]],
        matched: &[u64],
    ) -> Vec<(&'static str, Option<u64>, Option<u64>, String)> {
        let text: String = rows.iter().map(|row| format!("{}\n", row.join(","))).collect();
        let text = format!("Cert #,Old Cert #,Last Name,First Name\n{text}");
        let list = List::of_bytes(text.as_bytes(), &COLUMNS, &ListArgs::default()).unwrap();
        let rows: Vec<Row> = list.rows().map(Result::unwrap).collect();
        let job = |(number, person): &(&str, &str)| Difference {
            person: (*person).to_owned(),
            credential_number: (*number).to_owned(),
            ..Difference::default()
        };
        let kind = |row: &Row| match Number::of_row(row) {
            Some(_) => Kind::MissingFromRegistry,
            None => Kind::NotCompared,
        };
        let open = rows.iter().filter(|row| !matched.contains(&row.line()));
        let differences = jobs.iter().map(job).chain(open.map(|row| Difference::of_row(kind(row), row))).collect();
        let mut found = explained(differences, rows.iter());
        found.sort_by_key(|found| (found.line, found.kind));
        found.into_iter().map(|it| (it.kind.code(), it.line, it.other_line, it.number_on_record)).collect()
    }

    #[test]
    fn of_two_rows_with_one_number_and_no_job_only_one_repeats_the_other() {
        let [one, _] = numbers();
        let row = [one.as_str(), "", "Abernathy", ""];
        let none = String::new;
        let expected = [("missing_from_registry", Some(2), None, none()), ("repeated", Some(3), Some(2), none())];
        assert_eq!(found(&[], &[row, row], &[]), expected);
        assert_eq!(found(&[], &[row, row], &[3]), [("repeated", Some(2), Some(3), none())], "the one with the job");
        let prior = [["", "MS-9", "Abernathy", ""], ["", "ms 9", "Abernathy", ""]];
        assert_eq!(found(&[], &prior, &[2]), [("repeated", Some(3), Some(2), none())]);
    }

    #[test]
    fn a_number_of_somebody_else_does_not_hide_its_person() {
        let [one, two] = numbers();
        let rows = [[one.as_str(), "", "Abernathy", "Odalys"], [one.as_str(), "", "Bledsoe", "Lucinda"]];
        let expected = [("mistyped", Some(3), None, two.clone())];
        assert_eq!(found(&[(two.as_str(), "Lucinda Bledsoe Jr")], &rows, &[2]), expected);
        let expected = [("other_name", Some(3), Some(2), String::new())];
        assert_eq!(found(&[], &rows, &[2]), expected);
    }

    #[test]
    fn a_name_alone_pairs_a_row_only_if_its_number_says_nothing() {
        let [one, two] = numbers();
        let job = [(one.as_str(), "Ann Ali")];
        let missing = ("missing_from_list", None, None, String::new());
        for (row, kind) in [
            (["CPS-77", "", "Ali", "Ann"], "mistyped"),
            (["", "MS-9", "Ali", ""], "mistyped"),
            (["", "", "Ali", "Ann"], "not_compared"),
        ] {
            assert_eq!(found(&job, &[row], &[]), [(kind, Some(2), None, one.clone())], "{row:?}");
        }
        for (row, kind) in [
            ([two.as_str(), "", "Ali", "Ann"], "missing_from_registry"),
            (["CPS-77", "", "Li", ""], "mistyped"),
            (["", "", "Ali", "Bea"], "not_compared"),
        ] {
            let expected = [missing.clone(), (kind, Some(2), None, String::new())];
            assert_eq!(found(&job, &[row], &[]), expected, "{row:?}");
        }
    }

    #[test]
    fn a_number_that_can_exist_is_a_typing_error_only_of_the_same_family() {
        // The check character does not detect that 0 and Z changed places.
        let [right, swapped] = [31, 31 << 5].map(|number| CredentialNumber::from_number(number).to_string());
        let job = [(right.as_str(), "Ann Ali")];
        let mistyped = [("mistyped", Some(2), None, right.clone())];
        assert_eq!(found(&job, &[[&swapped, "", "Ali", "Bea"]], &[]), mistyped);
        let missing = ("missing_from_list", None, None, String::new());
        let expected = [missing, ("missing_from_registry", Some(2), None, String::new())];
        assert_eq!(found(&job, &[[&swapped, "", "Quill", "Ann"]], &[]), expected);
    }

    #[test]
    fn one_typing_error_is_a_symbol_that_is_another_missing_or_in_the_other_order() {
        let symbols = |text: &str| text.chars().collect::<Vec<_>>();
        let right = symbols("28MSMN2K");
        for other in ["28MSMN2K4", "28MSMN2", "28MSMNK2", "82MSMN2K", "28MSMN2Z", "X28MSMN2K", "28MSMN2K"] {
            assert!(differ_by_one(&right, &symbols(other)), "{other}");
        }
        for other in ["28MSMN", "28MSNM2Z", "", "28MSMN2KZZ", "K2NMSM82"] {
            assert!(!differ_by_one(&right, &symbols(other)), "{other}");
        }
    }
}
