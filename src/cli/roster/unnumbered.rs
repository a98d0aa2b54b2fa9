//! Rows without a number, and jobs of people who have none on record. They are compared by name.

use std::collections::HashMap;

use super::difference::{Difference, Kind};
use crate::cli::display_text::day;
use crate::cli::list::Row;
use crate::domain::name::{fold, fold_family};

/// Compares rows without a number with the jobs that no row has and whose people have no number on record. What agrees
/// is no difference. Returns the differences that remain, and the number of rows compared.
pub fn compare_by_name(differences: Vec<Difference>, rows: &[Row]) -> (Vec<Difference>, u64) {
    let is_open = |found: &Difference| found.kind == Kind::MissingFromList && found.credential_number.is_empty();
    let (mut jobs, mut others): (Vec<Difference>, Vec<Difference>) = differences.into_iter().partition(is_open);
    let listed: Vec<Listed> = rows.iter().map(Listed::of).collect();
    let mut found: HashMap<u64, Difference> = HashMap::new();
    // What is most certain comes first, because each job is found once.
    for is_it in [Listed::is_with_same_day as fn(&Listed, &Difference) -> bool, Listed::is] {
        for row in &listed {
            if !found.contains_key(&row.line)
                && let Some(at) = jobs.iter().position(|job| is_it(row, job))
            {
                found.insert(row.line, jobs.remove(at));
            }
        }
    }
    others.retain(|other| other.kind != Kind::NotCompared || !other.line.is_some_and(|line| found.contains_key(&line)));
    let differing = listed.iter().filter_map(|row| row.difference(found.get(&row.line)?));
    let remaining = others.into_iter().chain(differing).chain(jobs).collect();
    (remaining, found.len() as u64)
}

/// What a row says about its person and job.
struct Listed {
    line: u64,
    /// The full names that it may mean, folded. Empty: it says none.
    names: Vec<String>,
    employment_id: String,
    first_day: String,
}

impl Listed {
    fn of(row: &Row) -> Listed {
        let (given, family, name) = (row.text("given_name"), row.text("family_name"), row.text("name"));
        let mut names = Vec::new();
        if !family.is_empty() {
            names.push(fold_family(&format!("{given} {family}")));
        }
        if !name.is_empty() {
            names.push(fold_family(name));
            names.extend(name.split_once(',').map(|(family, given)| fold_family(&format!("{given} {family}"))));
        }
        let first_day = row.date("first_day").ok().flatten().map(day).unwrap_or_default();
        Listed { line: row.line(), names, employment_id: fold(row.text("employment_id")), first_day }
    }

    /// Whether a job is that of the row: by its name, and by its id if it has one.
    fn is(&self, job: &Difference) -> bool {
        let has_id = !self.employment_id.is_empty();
        let has_its_id = self.employment_id == fold(&job.employment_id);
        let has_its_name = self.names.contains(&fold_family(&job.person));
        if has_id { has_its_id && (has_its_name || self.names.is_empty()) } else { has_its_name }
    }

    fn is_with_same_day(&self, job: &Difference) -> bool {
        self.is(job) && self.first_day == job.first_day_on_record
    }

    /// The difference between the row and its job. `None`: they agree.
    fn difference(&self, job: &Difference) -> Option<Difference> {
        let is_other_day = !self.first_day.is_empty() && self.first_day != job.first_day_on_record;
        is_other_day.then(|| Difference {
            kind: Kind::Differing,
            person: job.person.clone(),
            line: Some(self.line),
            first_day_in_list: self.first_day.clone(),
            first_day_on_record: job.first_day_on_record.clone(),
            position: job.position.clone(),
            employment_id: job.employment_id.clone(),
            ..Difference::default()
        })
    }
}
