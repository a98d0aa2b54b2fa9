//! Reading the fields of a message: every fault is noted, none stops the reading.

use std::fmt::Display;
use std::str::FromStr;

use uuid::Uuid;

use crate::domain::day::{Day, Period};
use crate::domain::decide::{Faults, Rejection, Violation};
use crate::domain::fact::Designation;
use crate::domain::id::{CredentialNumber, EmploymentId, ProviderId, SpecialistId};
use crate::domain::name::{PersonName, fold_family, is_long_decomposed};
use crate::domain::text::is_hidden;
use crate::proto::google::r#type::Date;
use crate::proto::v1;
use crate::surface::encode::WireEnum;

/// The longest name of a person, provider or position, in characters.
pub(super) const LONGEST_NAME: usize = 200;
/// The longest remark, reason or text of a limitation, in characters.
pub(super) const LONGEST_REMARK: usize = 500;
/// The longest text of the caller's own that is sent back with a result, in characters.
pub(super) const LONGEST_CORRELATION_ID: usize = 100;
/// The most designations of a list: more than there are, for a client that names one twice.
pub(super) const MOST_DESIGNATIONS: usize = 16;

/// An id that cannot exist is repeated to the caller up to here.
const LONGEST_ECHO: usize = 64;

const REQUIRED: &str = "required";

/// The faults found so far in a message.
///
/// What a reading method returns is of use only if nothing was found by the end: read every field first, put the value
/// together with `?` last, and let [`Fields::finish`] decide. No description repeats what was sent, which may be a name
/// or a birth date.
#[derive(Debug, Default)]
pub(super) struct Fields {
    faults: Faults,
    /// Faults that data on file may excuse. They are reported together with other faults; alone they are judged later.
    excusable: Faults,
    not_on_file: Option<Rejection>,
}

/// An id of something on file. One that does not have the form of its kind is not on file.
pub(super) trait OnFile: FromStr {
    /// What it is the id of.
    const KIND: &'static str;
}

impl OnFile for CredentialNumber {
    const KIND: &'static str = "credential";
}

impl OnFile for SpecialistId {
    const KIND: &'static str = "specialist";
}

impl OnFile for EmploymentId {
    const KIND: &'static str = "employment";
}

impl OnFile for ProviderId {
    const KIND: &'static str = "provider";
}

impl Fields {
    /// Notes a fault.
    pub(super) fn refuse(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.faults.note(|| Violation::new(field, description));
    }

    /// Notes a fault that the rules have words for.
    pub(super) fn violate(&mut self, violation: Violation) {
        self.faults.note(|| violation);
    }

    /// Notes a fault that data on file may excuse.
    pub(super) fn refuse_unless_on_file(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.excusable.note(|| Violation::new(field, description));
    }

    /// Notes that something named cannot be on file. Only the first such id is reported, and only where no field is at
    /// fault.
    pub(super) fn not_on_file(&mut self, kind: &'static str, id: &str) {
        let id = id.chars().take(LONGEST_ECHO).collect();
        self.not_on_file.get_or_insert(Rejection::NotFound { kind, id });
    }

    /// Whether an id that was read so far cannot be on file.
    pub(super) fn names_what_cannot_be(&self) -> bool {
        self.not_on_file.is_some()
    }

    /// Reads the fields of a message within this one; their paths begin with `parent`.
    pub(super) fn within<T>(&mut self, parent: impl Display, read: impl FnOnce(&mut Fields) -> T) -> T {
        let (noted, excusable) = (self.faults.listed().len(), self.excusable.listed().len());
        let value = read(self);
        for fault in self.faults.listed_from(noted).chain(self.excusable.listed_from(excusable)) {
            fault.field = format!("{parent}.{}", fault.field);
        }
        value
    }

    /// Reads a message within this one that must be set.
    pub(super) fn message<'m, M, T>(
        &mut self,
        field: impl Display,
        message: Option<&'m M>,
        read: impl FnOnce(&mut Fields, &'m M) -> Option<T>,
    ) -> Option<T> {
        let Some(message) = message else {
            self.refuse(field.to_string(), REQUIRED);
            return None;
        };
        self.within(field, |fields| read(fields, message))
    }

    /// The value that was read, if no field is at fault and every id can exist.
    pub(super) fn finish<T>(mut self, whole: Option<T>) -> Result<T, Rejection> {
        match (self.not_on_file, whole) {
            (None, Some(whole)) if self.faults.is_empty() => Ok(whole),
            (Some(not_on_file), _) if self.faults.is_empty() => Err(not_on_file),
            _ => {
                self.faults.append(self.excusable);
                Err(Rejection::Invalid(self.faults))
            }
        }
    }

    /// Whether a list has no more entries than it may have. Judged before any of them is read.
    pub(super) fn few(&mut self, field: &str, count: usize, most: usize) -> bool {
        if count > most {
            self.refuse(field, format!("more than {most}"));
        }
        count <= most
    }

    /// Whether a text is no longer than it may be, in characters, and no more than four times as long once it is
    /// decomposed, as names are where they are compared. Judged before anything else is done with it.
    fn short(&mut self, field: &str, text: &str, longest: usize) -> bool {
        let is_long =
            text.len() > longest && (text.chars().nth(longest).is_some() || is_long_decomposed(text, 4 * longest));
        if is_long {
            self.refuse(field, format!("longer than {longest} characters"));
        }
        !is_long
    }

    /// A text that must not be blank.
    pub(super) fn text(&mut self, field: &str, text: &str, longest: usize) -> Option<String> {
        if !self.short(field, text, longest) {
            return None;
        }
        if text.trim().is_empty() {
            self.refuse(field, REQUIRED);
            return None;
        }
        Some(text.to_owned())
    }

    /// A text that may be empty.
    pub(super) fn optional_text(&mut self, field: &str, text: &str, longest: usize) -> String {
        if self.short(field, text, longest) { text.to_owned() } else { String::new() }
    }

    /// A text that goes on record and must not be blank.
    pub(super) fn recorded_text(&mut self, field: &str, text: &str, longest: usize) -> Option<String> {
        self.refuse_hidden(field, text);
        self.text(field, text, longest)
    }

    /// A text that goes on record and may be empty.
    pub(super) fn optional_recorded_text(&mut self, field: &str, text: &str, longest: usize) -> String {
        self.refuse_hidden(field, text);
        self.optional_text(field, text, longest)
    }

    /// Refuses a text that does not look like what it is. Only what is to be recorded is refused: what is on record can
    /// be asked for as it is.
    fn refuse_hidden(&mut self, field: &str, text: &str) {
        if let Some(hidden) = text.chars().find(|character| is_hidden(*character)) {
            let code = u32::from(hidden);
            self.refuse(field, format!("has a character that is not shown (U+{code:04X}): write it without that"));
        }
    }

    /// A UUID.
    pub(super) fn uuid(&mut self, field: &str, text: &str) -> Option<Uuid> {
        if text.is_empty() {
            self.refuse(field, REQUIRED);
            return None;
        }
        let uuid = Uuid::parse_str(text).ok();
        if uuid.is_none() {
            self.refuse(field, "not a UUID");
        }
        uuid
    }

    /// A UUID, or nothing.
    pub(super) fn optional_uuid(&mut self, field: &str, text: &str) -> Option<Uuid> {
        if text.is_empty() { None } else { self.uuid(field, text) }
    }

    /// An id of something on file.
    pub(super) fn id<T: OnFile>(&mut self, field: &str, text: &str) -> Option<T> {
        if text.is_empty() {
            self.refuse(field, REQUIRED);
        }
        self.optional_id(text)
    }

    /// An id of something on file, or nothing.
    pub(super) fn optional_id<T: OnFile>(&mut self, text: &str) -> Option<T> {
        let id = text.parse().ok();
        if id.is_none() && !text.is_empty() {
            self.not_on_file(T::KIND, text);
        }
        id
    }

    /// A date.
    pub(super) fn day(&mut self, field: &str, date: Option<Date>) -> Option<Day> {
        if date.is_none() {
            self.refuse(field, REQUIRED);
        }
        self.optional_day(field, date)
    }

    /// A date, or none.
    pub(super) fn optional_day(&mut self, field: &str, date: Option<Date>) -> Option<Day> {
        let date = date?;
        let day = Day::from_ymd(date.year, date.month, date.day);
        if day.is_none() {
            let complete = date.year != 0 && date.month != 0 && date.day != 0;
            let description = "not a day that exists in the years 1900 to 2200";
            self.refuse(field, if complete { description } else { "year, month and day must all be given" });
        }
        day
    }

    /// The days from `first_day` to `last_day`, if there is a last one.
    pub(super) fn days(&mut self, first_day: Option<Date>, last_day: Option<Date>) -> Option<Period> {
        let first_day = self.day("first_day", first_day);
        let last_day = self.optional_day("last_day", last_day);
        self.in_order("last_day", last_day, "first_day", first_day);
        Some(Period::from_inclusive(first_day?, last_day))
    }

    /// Notes a fault if the first of two days is before the second, which it must not be.
    pub(super) fn in_order(&mut self, field: &str, day: Option<Day>, earliest_field: &str, earliest: Option<Day>) {
        if day.zip(earliest).is_some_and(|(day, earliest)| day < earliest) {
            self.refuse(field, format!("before {earliest_field}"));
        }
    }

    /// A value of a closed list.
    pub(super) fn word<W: WireEnum>(&mut self, field: &str, number: i32) -> Option<W> {
        if number == 0 {
            self.refuse(field, REQUIRED);
        }
        self.optional_word(field, number)
    }

    /// A value of a closed list, or UNSPECIFIED.
    pub(super) fn optional_word<W: WireEnum>(&mut self, field: &str, number: i32) -> Option<W> {
        let word = W::from_number(number);
        if word.is_none() && number != 0 {
            self.refuse(field, "not a value that this registry knows");
        }
        word
    }

    /// A value of a closed list, in a list.
    pub(super) fn word_of<W: WireEnum>(&mut self, list: &str, at: usize, number: i32) -> Option<W> {
        W::from_number(number).or_else(|| self.word(&format!("{list}[{at}]"), number))
    }

    /// Designations, each once.
    pub(super) fn designations(&mut self, field: &str, numbers: &[i32]) -> Vec<Designation> {
        let mut words = Vec::new();
        if !self.few(field, numbers.len(), MOST_DESIGNATIONS) {
            return words;
        }
        for (at, number) in numbers.iter().enumerate() {
            let Some(word) = self.word_of(field, at, *number) else { continue };
            if words.contains(&word) {
                self.refuse(format!("{field}[{at}]"), "given twice");
            }
            words.push(word);
        }
        words
    }

    /// A number that counts or measures something.
    pub(super) fn amount(&mut self, field: &str, amount: f64) -> f64 {
        if !amount.is_finite() || amount < 0.0 {
            self.refuse(field, "not a finite number, 0 or more");
        }
        amount
    }

    /// A person's whole name, to be recorded.
    pub(super) fn recorded_name(&mut self, field: &str, name: Option<&v1::PersonName>) -> Option<PersonName> {
        let read = self.name(field, name);
        self.within(field, |fields| {
            for (field, text) in name.into_iter().flat_map(parts_of) {
                fields.refuse_hidden(field, text);
            }
        });
        read
    }

    /// A person's whole name. The given name may be empty.
    pub(super) fn name(&mut self, field: &str, name: Option<&v1::PersonName>) -> Option<PersonName> {
        self.message(field, name, |fields, name| {
            let given = fields.optional_text("given_name", &name.given_name, LONGEST_NAME);
            let family = fields.text("family_name", &name.family_name, LONGEST_NAME);
            family.as_ref().map(|name| fields.folded_family_name("family_name", name));
            let suffix = fields.optional_text("suffix", &name.suffix, LONGEST_NAME);
            Some(PersonName { given, family: family?, suffix })
        })
    }

    /// A family name in the form in which names are compared. Refused where nothing is left of it.
    pub(super) fn folded_family_name(&mut self, field: &str, name: &str) -> String {
        if !self.short(field, name, LONGEST_NAME) {
            return String::new();
        }
        let folded = fold_family(name);
        if folded.is_empty() {
            self.refuse(field, "without a letter or a digit, which alone are compared");
        }
        folded
    }

    /// The same, or nothing where the field is empty.
    pub(super) fn optional_folded_family_name(&mut self, field: &str, name: &str) -> Option<String> {
        (!name.is_empty()).then(|| self.folded_family_name(field, name))
    }
}

fn parts_of(name: &v1::PersonName) -> [(&'static str, &str); 3] {
    [("given_name", &name.given_name), ("family_name", &name.family_name), ("suffix", &name.suffix)]
}
