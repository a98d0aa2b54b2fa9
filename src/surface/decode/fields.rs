//! Reading the fields of a message. Reading continues after a fault, so that all faults are reported at once.

use std::fmt::Display;
use std::str::FromStr;

use uuid::Uuid;

use crate::domain::day::{Day, Period};
use crate::domain::decide::{Faults, Rejection, Violation};
use crate::domain::fact::Designation;
use crate::domain::id::{CredentialNumber, EmploymentId, ProviderId, SpecialistId};
use crate::domain::name::{PersonName, fold_family, is_long_decomposed};
use crate::domain::prior_number::{NotAPriorNumber, PriorNumber};
use crate::domain::text::is_hidden;
use crate::proto::google::r#type::Date;
use crate::proto::v1;
use crate::surface::encode::WireEnum;

/// The longest name of a person, provider or position, in characters.
pub(super) const LONGEST_NAME: usize = 200;
/// The longest remark, reason or text of a limitation, in characters.
pub(super) const LONGEST_REMARK: usize = 500;
/// The longest correlation id, in characters.
pub(super) const LONGEST_CORRELATION_ID: usize = 100;
/// The maximum number of designations in a list: more than exist, so that a duplicate alone does not exceed it.
pub(super) const MAX_DESIGNATIONS: usize = 16;

/// The maximum length of an id that is repeated in an error, in characters.
const LONGEST_ECHO: usize = 64;

const REQUIRED: &str = "required";

/// The faults found so far in a message.
///
/// A value that a reading method returns may only be used if no fault is found in the whole message. Read every field
/// first, combine the values with `?` last, and let [`Fields::finish`] decide. No description repeats what the caller
/// sent, because it may be a name or a birth date.
#[derive(Debug, Default)]
pub(super) struct Fields {
    faults: Faults,
    /// Faults that data on file may excuse. They are reported here only together with other faults; alone they are
    /// checked later.
    excusable: Faults,
    not_on_file: Option<Rejection>,
}

/// An id of something on file. An id of the wrong form is treated as not on file.
pub(super) trait OnFile: FromStr {
    /// The kind of thing that the id names.
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
    /// Records a fault.
    pub(super) fn refuse(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.faults.note(|| Violation::new(field, description));
    }

    /// Records a fault that the domain has worded.
    pub(super) fn violate(&mut self, violation: Violation) {
        self.faults.note(|| violation);
    }

    /// Records a fault that data on file may excuse.
    pub(super) fn refuse_unless_on_file(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.excusable.note(|| Violation::new(field, description));
    }

    /// Records that an id cannot be on file. Only the first such id is reported, and only if no field is invalid.
    pub(super) fn not_on_file(&mut self, kind: &'static str, id: &str) {
        let id = id.chars().take(LONGEST_ECHO).collect();
        self.not_on_file.get_or_insert(Rejection::NotFound { kind, id });
    }

    /// True if an id that was read cannot be on file.
    pub(super) fn has_impossible_id(&self) -> bool {
        self.not_on_file.is_some()
    }

    /// Reads the fields of a nested message. The paths of their faults begin with `parent`.
    pub(super) fn within<T>(&mut self, parent: impl Display, read: impl FnOnce(&mut Fields) -> T) -> T {
        let (noted, excusable) = (self.faults.listed().len(), self.excusable.listed().len());
        let value = read(self);
        for fault in self.faults.listed_from(noted).chain(self.excusable.listed_from(excusable)) {
            fault.field = format!("{parent}.{}", fault.field);
        }
        value
    }

    /// Reads a required nested message.
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

    /// Returns the value, if no field is invalid and every id can exist.
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

    /// Checks the length of a list. Call it before reading the entries.
    pub(super) fn check_count(&mut self, field: &str, count: usize, most: usize) -> bool {
        if count > most {
            self.refuse(field, format!("more than {most}"));
        }
        count <= most
    }

    /// Reads a list of messages. Returns none if it has too many, or those that can be read.
    pub(super) fn listed<M, T>(
        &mut self,
        list: &str,
        messages: &[M],
        most: usize,
        read: impl Fn(&mut Fields, &M) -> Option<T>,
    ) -> Vec<T> {
        if !self.check_count(list, messages.len(), most) {
            return Vec::new();
        }
        let numbered = messages.iter().enumerate();
        numbered
            .filter_map(|(at, message)| self.within(format_args!("{list}[{at}]"), |fields| read(fields, message)))
            .collect()
    }

    /// Checks the length of a text, in characters. Its decomposed form, in which names are compared, may be four times
    /// as long. Call it before any other use of the text.
    fn check_length(&mut self, field: &str, text: &str, longest: usize) -> bool {
        let is_long =
            text.len() > longest && (text.chars().nth(longest).is_some() || is_long_decomposed(text, 4 * longest));
        if is_long {
            self.refuse(field, format!("longer than {longest} characters"));
        }
        !is_long
    }

    /// Reads a text that must not be blank.
    pub(super) fn text(&mut self, field: &str, text: &str, longest: usize) -> Option<String> {
        if !self.check_length(field, text, longest) {
            return None;
        }
        if text.trim().is_empty() {
            self.refuse(field, REQUIRED);
            return None;
        }
        Some(text.to_owned())
    }

    /// Reads a text that may be empty.
    pub(super) fn optional_text(&mut self, field: &str, text: &str, longest: usize) -> String {
        if self.check_length(field, text, longest) { text.to_owned() } else { String::new() }
    }

    /// Reads a text that will be recorded and must not be blank.
    pub(super) fn recorded_text(&mut self, field: &str, text: &str, longest: usize) -> Option<String> {
        self.refuse_hidden(field, text);
        self.text(field, text, longest)
    }

    /// Reads a text that will be recorded and may be empty.
    pub(super) fn optional_recorded_text(&mut self, field: &str, text: &str, longest: usize) -> String {
        self.refuse_hidden(field, text);
        self.optional_text(field, text, longest)
    }

    /// Refuses a text with invisible characters. Applies only to text that will be recorded, so that text already on
    /// record can still be used in queries.
    fn refuse_hidden(&mut self, field: &str, text: &str) {
        if let Some(hidden) = text.chars().find(|character| is_hidden(*character)) {
            let code = u32::from(hidden);
            self.refuse(field, format!("contains an invisible character (U+{code:04X}): remove it"));
        }
    }

    /// Reads a UUID.
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

    /// Reads a UUID that may be empty.
    pub(super) fn optional_uuid(&mut self, field: &str, text: &str) -> Option<Uuid> {
        if text.is_empty() { None } else { self.uuid(field, text) }
    }

    /// Reads the id of something on file.
    pub(super) fn id<T: OnFile>(&mut self, field: &str, text: &str) -> Option<T> {
        if text.is_empty() {
            self.refuse(field, REQUIRED);
        }
        self.optional_id(text)
    }

    /// Reads the id of something on file that may be empty.
    pub(super) fn optional_id<T: OnFile>(&mut self, text: &str) -> Option<T> {
        let id = text.parse().ok();
        if id.is_none() && !text.is_empty() {
            self.not_on_file(T::KIND, text);
        }
        id
    }

    /// Reads a date.
    pub(super) fn day(&mut self, field: &str, date: Option<Date>) -> Option<Day> {
        if date.is_none() {
            self.refuse(field, REQUIRED);
        }
        self.optional_day(field, date)
    }

    /// Reads a date that may be unset.
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

    /// Reads the days from `first_day` to `last_day`, or without end.
    pub(super) fn days(&mut self, first_day: Option<Date>, last_day: Option<Date>) -> Option<Period> {
        let first_day = self.day("first_day", first_day);
        let last_day = self.optional_day("last_day", last_day);
        self.in_order("last_day", last_day, "first_day", first_day);
        Some(Period::from_inclusive(first_day?, last_day))
    }

    /// Records a fault if `day` is before `earliest`.
    pub(super) fn in_order(&mut self, field: &str, day: Option<Day>, earliest_field: &str, earliest: Option<Day>) {
        if day.zip(earliest).is_some_and(|(day, earliest)| day < earliest) {
            self.refuse(field, format!("before {earliest_field}"));
        }
    }

    /// Reads an enum value.
    pub(super) fn enum_value<W: WireEnum>(&mut self, field: &str, number: i32) -> Option<W> {
        if number == 0 {
            self.refuse(field, REQUIRED);
        }
        self.optional_enum_value(field, number)
    }

    /// Reads an enum value that may be UNSPECIFIED.
    pub(super) fn optional_enum_value<W: WireEnum>(&mut self, field: &str, number: i32) -> Option<W> {
        let word = W::from_number(number);
        if word.is_none() && number != 0 {
            self.refuse(field, "not a value that this registry knows");
        }
        word
    }

    /// Reads an enum value in a list.
    pub(super) fn enum_value_in<W: WireEnum>(&mut self, list: &str, at: usize, number: i32) -> Option<W> {
        W::from_number(number).or_else(|| self.enum_value(&format!("{list}[{at}]"), number))
    }

    /// Reads the number of an earlier certificate that will be recorded.
    pub(super) fn prior_number(&mut self, field: impl Into<String>, text: &str) -> Option<PriorNumber> {
        let read: Result<PriorNumber, NotAPriorNumber> = text.parse();
        if let Err(fault) = &read {
            self.refuse(field, if text.is_empty() { REQUIRED.to_owned() } else { fault.to_string() });
        }
        read.ok()
    }

    /// Reads a list of distinct designations.
    pub(super) fn designations(&mut self, field: &str, numbers: &[i32]) -> Vec<Designation> {
        let mut words = Vec::new();
        if !self.check_count(field, numbers.len(), MAX_DESIGNATIONS) {
            return words;
        }
        for (at, number) in numbers.iter().enumerate() {
            let Some(word) = self.enum_value_in(field, at, *number) else { continue };
            if words.contains(&word) {
                self.refuse(format!("{field}[{at}]"), "given twice");
            }
            words.push(word);
        }
        words
    }

    /// Reads a nonnegative quantity.
    pub(super) fn amount(&mut self, field: &str, amount: f64) -> f64 {
        if !amount.is_finite() || amount < 0.0 {
            self.refuse(field, "not a finite number, 0 or more");
        }
        amount
    }

    /// Reads a person's full name that will be recorded.
    pub(super) fn recorded_name(&mut self, field: &str, name: Option<&v1::PersonName>) -> Option<PersonName> {
        let read = self.name(field, name);
        self.within(field, |fields| {
            for (field, text) in name.into_iter().flat_map(parts_of) {
                fields.refuse_hidden(field, text);
            }
        });
        read
    }

    /// Reads a person's full name. The given name may be empty.
    pub(super) fn name(&mut self, field: &str, name: Option<&v1::PersonName>) -> Option<PersonName> {
        self.message(field, name, |fields, name| {
            let given = fields.optional_text("given_name", &name.given_name, LONGEST_NAME);
            let family = fields.text("family_name", &name.family_name, LONGEST_NAME);
            family.as_ref().map(|name| fields.folded_family_name("family_name", name));
            let suffix = fields.optional_text("suffix", &name.suffix, LONGEST_NAME);
            Some(PersonName { given, family: family?, suffix })
        })
    }

    /// Folds a family name for comparison. Refuses a name that is empty when folded.
    pub(super) fn folded_family_name(&mut self, field: &str, name: &str) -> String {
        if !self.check_length(field, name, LONGEST_NAME) {
            return String::new();
        }
        let folded = fold_family(name);
        if folded.is_empty() {
            self.refuse(field, "contains no letter or digit, and only these are compared");
        }
        folded
    }

    /// Like [`Fields::folded_family_name`], but returns `None` for an empty field.
    pub(super) fn optional_folded_family_name(&mut self, field: &str, name: &str) -> Option<String> {
        (!name.is_empty()).then(|| self.folded_family_name(field, name))
    }
}

fn parts_of(name: &v1::PersonName) -> [(&'static str, &str); 3] {
    [("given_name", &name.given_name), ("family_name", &name.family_name), ("suffix", &name.suffix)]
}
