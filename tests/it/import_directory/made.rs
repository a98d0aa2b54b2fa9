//! Directories of any size, with bad rows of every kind among the good ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A good person has a row in each of these, and one in another file.
const ROWS_EACH: usize = 5;

/// How many people work for one provider.
const STAFF: usize = 200;

const HEADINGS: [(&str, &str); 9] = [
    ("providers", "source_id,legal_name,facility_type,npi"),
    ("qualifications", "source_id,provider,kind,basis,first_day,last_day"),
    ("specialists", "source_id,given_name,family_name,birth_date"),
    ("names", "source_id,specialist,given_name,family_name"),
    ("employments", "source_id,specialist,provider,position,first_day,last_day,supervised"),
    ("credentials", "source_id,specialist,effective_from,term_last_day,designations"),
    ("terms", "source_id,credential,effective_from,term_last_day,continuing_education_hours"),
    ("designations", "source_id,credential,designation,first_day"),
    ("acts", "source_id,credential,act,basis,first_day,last_day,text"),
];

/// Kinds of bad rows: the file, the row, and the column that is wrong. `$` is an id of the row, `@` that of a good
/// person whose rows stand before it, and `%` that of the person's provider.
pub const BAD_ROWS: [(&str, &str, &str); 25] = [
    ("specialists", "$,Ada,Example,31.02.1980", "birth_date"),
    ("specialists", "$,Ada,Example,2/30/1980", "birth_date"),
    ("specialists", "$,Ada,Example,2199-01-01", "birth_date"),
    ("specialists", "$,Ada,,1980-05-17", "family_name"),
    ("specialists", "$,Ada,---,1980-05-17", "family_name"),
    ("specialists", "$,A\u{200b}da,Example,1980-05-17", "given_name"),
    ("specialists", ",Ada,Example,1980-05-17", "source_id"),
    ("specialists", "@,Ada,Another,1980-05-17", "source_id"),
    ("providers", "$,Example Center,CASTLE,", "facility_type"),
    ("providers", "$,Example Center,OUTPATIENT,1234567890", "npi"),
    ("qualifications", "$,nowhere,,DMH_FUNDED,2015-01-01,", "provider"),
    ("qualifications", "$,%,,,2015-01-01,", "basis"),
    ("qualifications", "$,%,SUSPENSION,,2015-02-01,2015-01-01", "last_day"),
    ("employments", "$,no one,%,Peer,2015-01-01,,", "specialist"),
    ("employments", "$,@,%,Night peer,2015-01-01,,maybe", "supervised"),
    ("employments", "$,@,%,PEER,2015-02-01,,", "first_day"),
    ("credentials", "$,@,2016-06-01,2019-09-30,", "specialist"),
    ("credentials", "$,@,2016-06-01,2019-09-30,GUARD", "designations"),
    ("terms", "$,@,2015-10-01,2019-09-30,", "effective_from"),
    ("terms", "$,@,2019-10-01,2023-09-30,many", "continuing_education_hours"),
    ("acts", "$,@,PROMOTE,,2016-04-01,,", "act"),
    ("acts", "$,@,LIMIT,,2015-01-01,,No groups", "first_day"),
    ("acts", "$,@,SUSPEND,,2016-04-01,,", "basis"),
    ("acts", "$,@,REINSTATE,,2016-05-01,,", "first_day"),
    ("names", "$,@,Ada,Example,1980-05-17", "5"),
];

/// A directory that was made.
pub struct Made {
    files: BTreeMap<&'static str, String>,
    lines: BTreeMap<&'static str, u64>,
    /// The number of good rows.
    pub good: u64,
    /// The bad rows: file, line and column.
    pub bad: BTreeSet<(String, u64, String)>,
}

impl Made {
    /// About as many rows as asked for. Of `among` rows one is bad.
    pub fn of_rows(rows: usize, among: usize) -> Made {
        let files = HEADINGS.iter().map(|(file, headings)| (*file, format!("{headings}\n")));
        let lines = HEADINGS.iter().map(|(file, _)| (*file, 1)).collect();
        let mut made = Made { files: files.collect(), lines, good: 0, bad: BTreeSet::new() };
        let (people, step) = ((rows / ROWS_EACH).max(1), among / ROWS_EACH);
        for provider in 0..=people / STAFF {
            made.good("providers", &format!("{provider},Example Center {provider},OUTPATIENT,"));
            made.good("qualifications", &format!("{provider},{provider},,DMH_CERTIFIED,2014-01-01,"));
        }
        for person in 0..people {
            made.person(person);
            if person % step == 0 {
                made.bad(person, BAD_ROWS[(person / step) % BAD_ROWS.len()]);
            }
        }
        made
    }

    fn add(&mut self, file: &'static str, row: &str) -> u64 {
        let text = self.files.get_mut(file).unwrap();
        text.push_str(row);
        text.push('\n');
        let line = self.lines.get_mut(file).unwrap();
        *line += 1;
        *line
    }

    fn good(&mut self, file: &'static str, row: &str) {
        self.add(file, row);
        self.good += 1;
    }

    fn person(&mut self, person: usize) {
        let (provider, month) = (person / STAFF, 1 + person % 9);
        let last_day = if person.is_multiple_of(50) { "2018-01-31" } else { "" };
        self.good("specialists", &format!("{person},Ada,Example-{person},{}-0{month}-17", 1950 + person % 40));
        self.good("employments", &format!("{person},{person},{provider},Peer,2015-02-01,{last_day},yes"));
        self.good("credentials", &format!("{person},{person},2015-06-01,2015-09-30,ADULT_AND_RECOVERY"));
        self.good("terms", &format!("{person},{person},2015-10-01,2019-09-30,"));
        match person % 3 {
            0 => self.good("designations", &format!("{person},{person},Young adult,2016-01-01")),
            1 => self.good("acts", &format!("{person},{person},LIMIT,,2016-02-01,2016-03-01,No groups")),
            _ => self.good("names", &format!("{person},{person},Ada,Renamed-{person}")),
        }
    }

    fn bad(&mut self, person: usize, (file, row, column): (&'static str, &str, &str)) {
        let row = row.replace('$', &format!("bad-{person}")).replace('@', &person.to_string());
        let line = self.add(file, &row.replace('%', &(person / STAFF).to_string()));
        self.bad.insert((format!("{file}.csv"), line, column.to_owned()));
    }

    /// Writes the directory.
    pub fn write(&self, directory: &Path) {
        fs::create_dir_all(directory).unwrap();
        fs::write(directory.join("manifest.toml"), "source = \"a test\"\n").unwrap();
        for (file, text) in &self.files {
            fs::write(directory.join(format!("{file}.csv")), text).unwrap();
        }
    }
}
