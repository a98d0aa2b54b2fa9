//! The columns that a command understands, and the headings by which they are recognized.

/// A column that a command understands.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Its short name, as in `--column number="Cert #"`.
    pub key: &'static str,
    /// Its own heading.
    pub name: &'static str,
    /// Other headings for it. Case, spaces and punctuation do not matter; `#`, `no.` and `num` mean `number`.
    pub aliases: &'static [&'static str],
    /// Headings that mean it if no other heading of the list does, and if the cells do not show otherwise.
    pub likely: &'static [&'static str],
    /// Whether its cells are credential numbers, so that a word cannot be one.
    pub is_number: bool,
    /// Whether its cells are part of [`List::digest`](super::List::digest).
    pub is_digested: bool,
}

impl Known {
    /// A column whose heading is its key.
    pub const fn plain(key: &'static str) -> Known {
        Known { key, name: key, aliases: &[], likely: &[], is_number: false, is_digested: false }
    }

    /// The column as part of the digest of a list.
    pub const fn digested(self) -> Known {
        Known { is_digested: true, ..self }
    }

    /// Whether a heading is its name or an alias.
    pub fn is_called(&self, heading: &str) -> bool {
        let heading = folded(heading);
        self.aliases.iter().chain([&self.name]).any(|name| folded(name) == heading)
    }

    /// Whether its name or an alias is part of a heading, as whole words: `First DOS` has `DOS`.
    pub fn is_in(&self, heading: &str) -> bool {
        let heading = words(heading);
        let is_in = |name: &[String]| heading.windows(name.len()).any(|part| part == name);
        self.aliases.iter().chain([&self.name]).any(|name| is_in(&words(name)))
    }
}

/// The columns of a command.
#[derive(Debug)]
pub struct Columns {
    /// The columns that the command understands.
    pub known: &'static [Known],
    /// What every row must have: of each group, at least one cell that is not blank.
    pub needs: &'static [&'static [&'static str]],
    /// The headings of the columns that the command adds.
    pub answers: &'static [&'static str],
    /// Whether who reads the list can name a column or a sheet with a flag. Else every remedy is a change of the list.
    pub has_flags: bool,
}

const fn text(key: &'static str, name: &'static str, aliases: &'static [&'static str]) -> Known {
    Known { name, aliases, ..Known::plain(key) }
}

/// The credential number.
pub const NUMBER: Known = Known {
    key: "number",
    name: "credential_number",
    aliases: &["Cert #", "Cert ID", "CPSS #", "CPSS ID", "CPSS Cert #", "CPSSP #", "CPSSP ID", "CPSSP Cert #"],
    likely: &["Cert", "Credential", "Credentials", "Certs", "Peer Cert", "CPSS Cert", "CPSSP Cert", "Staff Cert"],
    is_number: true,
    is_digested: false,
};

/// The number of an earlier certificate.
pub const PRIOR_NUMBER: Known = text(
    "prior_number",
    "prior_number",
    &[
        "Old #",
        "Former #",
        "Previous #",
        "Old Cert #",
        "Former Cert #",
        "Previous Cert #",
        "Prior Cert #",
        "Old Cert",
        "Former Cert",
        "Previous Cert",
        "Prior Cert",
    ],
);

/// The family name.
pub const FAMILY_NAME: Known = text(
    "family_name",
    "family_name",
    &["Last Name", "Last", "Surname", "Family", "LName", "Employee Last Name", "Staff Last Name"],
);

/// The given name.
pub const GIVEN_NAME: Known = text(
    "given_name",
    "given_name",
    &["First Name", "First", "Given", "Forename", "FName", "Employee First Name", "Staff First Name"],
);

/// The birth date.
pub const BIRTH_DATE: Known = text("birth_date", "birth_date", &["DOB", "D.O.B.", "Date of Birth", "Birthday"]);

/// The first day of a job.
pub const FIRST_DAY: Known = text(
    "first_day",
    "first_day",
    &["Hire Date", "Date of Hire", "Date Hired", "Hired", "Start Date", "Date Started", "First Day of Work"],
);

/// The position of a job.
pub const POSITION: Known = text("position", "position", &["Job Title", "Title", "Job", "Role"]);

/// The registry's id of a provider.
pub const PROVIDER_ID: Known =
    text("provider_id", "provider_id", &["Provider", "Billing Provider", "Billing Provider ID"]);

/// The national provider identifier of a provider.
pub const NPI: Known = text("npi", "npi", &["NPI", "Billing NPI", "Provider NPI", "Billing Provider NPI"]);

/// The Medicaid id of a provider.
pub const MEDICAID_ID: Known = text(
    "medicaid_id",
    "medicaid_id",
    &["Medicaid ID", "Medicaid Provider ID", "Medicaid Provider #", "Provider Medicaid ID"],
);

/// The day of a service.
pub const DATE_OF_SERVICE: Known =
    text("date_of_service", "date_of_service", &["DOS", "Date of Service", "Service Date", "Date Served"]);

/// A heading without case, spaces and punctuation, in the words of the registry: `Cert #` is `credentialnumber`.
pub(super) fn folded(heading: &str) -> String {
    words(heading).concat()
}

/// The words of a heading, as [`folded`] joins them.
fn words(heading: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut last = ' ';
    for letter in heading.chars() {
        let begins_word = !last.is_alphanumeric() || last.is_lowercase() && letter.is_uppercase();
        match words.last_mut() {
            _ if letter == '#' => words.push("#".to_owned()),
            Some(word) if letter.is_alphanumeric() && !begins_word => word.extend(letter.to_lowercase()),
            _ if letter.is_alphanumeric() => words.push(letter.to_lowercase().collect()),
            _ => {}
        }
        last = letter;
    }
    let word = |word: &String| match word.as_str() {
        "#" | "no" | "num" | "nr" | "nbr" => "number".to_owned(),
        "cert" | "cred" | "certificate" | "certification" => "credential".to_owned(),
        _ => word.clone(),
    };
    words.iter().map(word).collect()
}
