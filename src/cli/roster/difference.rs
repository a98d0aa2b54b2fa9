//! The differences between a staff list and the jobs on record.

use super::question::person;
use crate::cli::list::Row;
use crate::cli::message_json::Json;

/// The columns of the differences.
pub const DIFFERENCE: [&str; 9] = [
    "difference",
    "person",
    "credential_number",
    "line",
    "first_day_in_list",
    "first_day_on_record",
    "position",
    "employment_id",
    "explanation",
];

/// A difference between the list and the record. Texts are empty where there is nothing to say.
#[derive(Default)]
pub struct Difference {
    /// Its kind.
    pub kind: Kind,
    /// The person: as the record has the name, else as the list has it.
    pub person: String,
    /// The credential number.
    pub credential_number: String,
    /// The prior number in the list.
    pub prior_number: String,
    /// The line of the row.
    pub line: Option<u64>,
    /// The line of another row with the same number, if that is the mistake.
    pub other_line: Option<u64>,
    /// The person who has the job, if the row has a mistake.
    pub person_on_record: String,
    /// The credential number of that person.
    pub number_on_record: String,
    /// The first day in the list.
    pub first_day_in_list: String,
    /// The first day on record.
    pub first_day_on_record: String,
    /// The position.
    pub position: String,
    /// The job.
    pub employment_id: String,
}

/// The kinds of differences, in the order in which they are printed.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The row has the number of a job, or of another row, with another name.
    OtherName,
    /// The number of the row cannot exist, or somebody with a job is most likely meant.
    Mistyped,
    /// The row has the number of another row, and there is no second job.
    Repeated,
    /// The row has no number.
    NotCompared,
    /// The job is in no row.
    #[default]
    MissingFromList,
    /// The row has no job.
    MissingFromRegistry,
    /// Both begin on different days.
    Differing,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 7] = [
        Kind::OtherName,
        Kind::Mistyped,
        Kind::Repeated,
        Kind::NotCompared,
        Kind::MissingFromList,
        Kind::MissingFromRegistry,
        Kind::Differing,
    ];

    /// Its name for programs.
    pub fn code(self) -> &'static str {
        match self {
            Kind::OtherName => "other_name",
            Kind::Mistyped => "mistyped",
            Kind::Repeated => "repeated",
            Kind::NotCompared => "not_compared",
            Kind::MissingFromList => "missing_from_list",
            Kind::MissingFromRegistry => "missing_from_registry",
            Kind::Differing => "differing",
        }
    }

    /// What it means, and what to do.
    pub fn sentence(self) -> &'static str {
        match self {
            Kind::OtherName => {
                "in the list with the number of another name. Which is right? Correct the list, or have the name on \
                 record changed."
            }
            Kind::Mistyped => "in the list with a number that cannot exist or is mistyped. Correct the list.",
            Kind::Repeated => "in the list again, with no second job on record. Remove the row.",
            Kind::NotCompared => {
                "in the list without a number, so not compared. Somebody who was hired before certification has none."
            }
            Kind::MissingFromList => "on record, but not in the list. Did they leave? Then report the end of the job.",
            Kind::MissingFromRegistry => {
                "in the list, but no such job is on record. Did they start? Then report the start."
            }
            Kind::Differing => "in both, with another first day. Correct the list or the job.",
        }
    }
}

impl Difference {
    /// A difference of a row.
    pub fn of_row(kind: Kind, row: &Row) -> Difference {
        Difference {
            kind,
            person: person(row),
            credential_number: row.text("number").to_owned(),
            prior_number: row.text("prior_number").to_owned(),
            line: Some(row.line()),
            position: row.text("position").to_owned(),
            ..Difference::default()
        }
    }

    /// Adds that the row most likely means this job.
    pub fn add_job(&mut self, job: Difference) {
        self.person_on_record = job.person;
        self.number_on_record = job.credential_number;
        self.first_day_on_record = job.first_day_on_record;
        self.employment_id = job.employment_id;
    }

    /// The cells of its row in a table.
    pub fn cells(&self) -> Vec<String> {
        vec![
            self.kind.code().replace('_', " "),
            self.person.clone(),
            self.credential_number.clone(),
            self.line.map(|line| line.to_string()).unwrap_or_default(),
            self.first_day_in_list.clone(),
            self.first_day_on_record.clone(),
            self.position.clone(),
            self.employment_id.clone(),
            self.explanation(),
        ]
    }

    /// What is most likely wrong with the row, for people.
    fn explanation(&self) -> String {
        let on_record = [self.number_on_record.as_str(), &self.person_on_record];
        let on_record = on_record.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ");
        match (self.kind, self.other_line) {
            (Kind::Repeated, Some(line)) => format!("repeats line {line}"),
            (Kind::OtherName, Some(line)) => format!("line {line} has the number under another name"),
            (Kind::OtherName, None) => format!("on record it is the number of {}", self.person_on_record),
            (Kind::Mistyped | Kind::NotCompared, _) if !on_record.is_empty() => format!("is it {on_record}?"),
            (Kind::Mistyped, _) => "such a number cannot exist".to_owned(),
            _ => String::new(),
        }
    }

    /// Everything that there is to say, for programs.
    pub fn json(&self) -> Json {
        let texts = [
            ("difference", self.kind.code()),
            ("person", &self.person),
            ("credential_number", &self.credential_number),
            ("prior_number", &self.prior_number),
            ("person_on_record", &self.person_on_record),
            ("number_on_record", &self.number_on_record),
            ("employment_id", &self.employment_id),
            ("position", &self.position),
            ("first_day_on_record", &self.first_day_on_record),
            ("first_day_in_list", &self.first_day_in_list),
        ];
        let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
        let texts = texts.map(|(name, text)| (name.to_owned(), Json::Text(text.to_owned())));
        let lines = [("line", self.line), ("other_line", self.other_line)];
        let lines = lines.into_iter().filter_map(|(name, line)| Some((name.to_owned(), Json::Whole(line?.into()))));
        Json::Object(texts.chain(lines).collect())
    }
}
