//! The files of a directory that is imported: what each holds, and its columns.

use crate::cli::list::{Columns, Known};

/// A file of the directory. The order is that of loading: a row may name rows of earlier files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Providers.
    Providers,
    /// Qualifications, suspensions and peer service certifications of providers.
    Qualifications,
    /// People.
    Specialists,
    /// Later names of people.
    Names,
    /// Deaths.
    Deaths,
    /// Jobs.
    Employments,
    /// Credentials, each with its first term.
    Credentials,
    /// Later terms of credentials.
    Terms,
    /// Later designations of credentials.
    Designations,
    /// Suspensions, revocations and other acts.
    Acts,
}

/// The files that are loaded together, in the order of loading.
pub const GROUPS: [&[Kind]; 3] = [
    &[Kind::Providers],
    &[Kind::Qualifications],
    &[
        Kind::Specialists,
        Kind::Names,
        Kind::Deaths,
        Kind::Employments,
        Kind::Credentials,
        Kind::Terms,
        Kind::Designations,
        Kind::Acts,
    ],
];

/// The extensions of a file that can be read.
pub const EXTENSIONS: [&str; 2] = ["csv", "xlsx"];

/// The column with the id of a row in the old system.
pub const SOURCE_ID: &str = "source_id";

/// The columns of a file: those that every row must fill, and the others.
macro_rules! columns {
    ($name:ident: $($needed:literal)+; $($other:literal)*) => {
        static $name: Columns = Columns {
            known: &[$(Known::plain($needed),)+ $(Known::plain($other),)* Known::plain("note")],
            needs: &[$(&[$needed],)+],
            answers: &[],
            has_flags: true,
        };
    };
}

columns!(PROVIDERS: "source_id" "legal_name" "facility_type"; "provider_id" "county" "npi" "medicaid_id");
columns!(QUALIFICATIONS: "source_id" "provider" "first_day"; "kind" "basis" "last_day" "valid_through");
columns!(SPECIALISTS: "source_id" "family_name" "birth_date"; "given_name" "suffix");
columns!(NAMES: "source_id" "specialist" "family_name"; "given_name" "suffix");
columns!(DEATHS: "source_id" "specialist" "death_date";);
columns!(EMPLOYMENTS: "source_id" "specialist" "provider" "first_day"; "last_day" "position" "supervised");
columns!(CREDENTIALS: "source_id" "specialist" "effective_from" "term_last_day"; "designations" "rule_set_id"
    "prior_numbers");
columns!(TERMS: "source_id" "credential" "effective_from"; "term_last_day" "continuing_education_hours");
columns!(DESIGNATIONS: "source_id" "credential" "designation" "first_day"; "last_day");
columns!(ACTS: "source_id" "credential" "act" "first_day"; "last_day" "basis" "text");

impl Kind {
    /// The name of the file without its extension. It is also the kind in the request ids of its rows.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Providers => "providers",
            Kind::Qualifications => "qualifications",
            Kind::Specialists => "specialists",
            Kind::Names => "names",
            Kind::Deaths => "deaths",
            Kind::Employments => "employments",
            Kind::Credentials => "credentials",
            Kind::Terms => "terms",
            Kind::Designations => "designations",
            Kind::Acts => "acts",
        }
    }

    /// The columns of the file.
    pub fn columns(self) -> &'static Columns {
        match self {
            Kind::Providers => &PROVIDERS,
            Kind::Qualifications => &QUALIFICATIONS,
            Kind::Specialists => &SPECIALISTS,
            Kind::Names => &NAMES,
            Kind::Deaths => &DEATHS,
            Kind::Employments => &EMPLOYMENTS,
            Kind::Credentials => &CREDENTIALS,
            Kind::Terms => &TERMS,
            Kind::Designations => &DESIGNATIONS,
            Kind::Acts => &ACTS,
        }
    }

    /// Whether the file can have a column.
    pub fn has(self, column: &str) -> bool {
        self.columns().known.iter().any(|known| known.key == column)
    }

    /// The column with the first day that a row is about.
    pub fn first_day(self) -> &'static str {
        if self.has("effective_from") { "effective_from" } else { "first_day" }
    }

    /// The columns that name rows of other files, and these files.
    pub const NAMING: [(&'static str, Kind); 3] =
        [("provider", Kind::Providers), ("specialist", Kind::Specialists), ("credential", Kind::Credentials)];

    /// The file whose rows a column names.
    pub fn named_by(column: &str) -> Option<Kind> {
        Kind::NAMING.into_iter().find_map(|(naming, kind)| (naming == column).then_some(kind))
    }

    /// All files, in the order of loading.
    pub fn all() -> impl Iterator<Item = Kind> {
        GROUPS.into_iter().flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_about_imports_has_every_file_and_column() {
        let page = include_str!("../../../deploy/docs/import.md");
        for kind in Kind::all() {
            let begins = format!("| `{}`", kind.name());
            let row =
                page.lines().find(|line| line.starts_with(&begins)).unwrap_or_else(|| panic!("no row of {begins}"));
            for known in kind.columns().known.iter().filter(|known| known.key != "note") {
                assert!(row.contains(&format!("`{}`", known.key)), "{row} lacks {}", known.key);
            }
        }
    }
}
