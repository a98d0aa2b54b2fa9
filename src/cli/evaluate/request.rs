//! Parsing the file of an application: the request in JSON, with field names in snake case or camel case, and dates in
//! ISO format. Every mistake is reported with its field.

use serde_json::{Map, Value};

use crate::cli::dates::read_date;
use crate::proto::google::r#type::Date;
use crate::proto::v1::{
    Application, Designation, Education, EvaluateApplicationRequest, ExamAttempt, LivedExperience, Training,
};

/// Parses the file, or returns everything that is wrong with it.
pub fn read(text: &str) -> Result<EvaluateApplicationRequest, Vec<String>> {
    let value: Value = serde_json::from_str(text).map_err(|error| vec![format!("not JSON: {error}")])?;
    let mut wrong = Vec::new();
    let request = Object::of(value, String::new(), &mut wrong).map(request);
    match request {
        Some(request) if wrong.is_empty() => Ok(request),
        _ => Err(wrong),
    }
}

fn request(mut object: Object<'_>) -> EvaluateApplicationRequest {
    let request = EvaluateApplicationRequest {
        specialist_id: object.text("specialist_id"),
        application: object.objects("application", false, application).pop(),
        effective_from: object.date("effective_from"),
        designations: object.words("designations", "DESIGNATION_", Designation::as_str_name),
    };
    for (name, is_missing) in [
        ("specialist_id", request.specialist_id.is_empty()),
        ("application", request.application.is_none()),
        ("effective_from", request.effective_from.is_none()),
    ] {
        if is_missing {
            object.require(name);
        }
    }
    object.finish();
    request
}

fn application(mut object: Object<'_>) -> Application {
    let application = Application {
        applied_on: object.date("applied_on"),
        mississippi_resident: object.flag("mississippi_resident"),
        lived_experience: object.word("lived_experience", "LIVED_EXPERIENCE_", LivedExperience::as_str_name),
        recovery_attested: object.flag("recovery_attested"),
        education: object.word("education", "EDUCATION_", Education::as_str_name),
        literate: object.flag("literate"),
        experience_hours: object.number("experience_hours"),
        experience_within_three_years: object.flag("experience_within_three_years"),
        college_year_within_three_years: object.flag("college_year_within_three_years"),
        references: object.count("references"),
        trainings: object.objects("trainings", true, training),
        exam_attempts: object.objects("exam_attempts", true, exam_attempt),
        sponsoring_provider_id: object.text("sponsoring_provider_id"),
        requests_scholarship: object.flag("requests_scholarship"),
    };
    if application.applied_on.is_none() {
        object.require("applied_on");
    }
    object.finish();
    application
}

fn training(mut object: Object<'_>) -> Training {
    let training = Training {
        completed_on: object.date("completed_on"),
        designation: object.word("designation", "DESIGNATION_", Designation::as_str_name),
        hours: object.number("hours"),
        pre_training_completed: object.flag("pre_training_completed"),
    };
    if training.completed_on.is_none() {
        object.require("completed_on");
    }
    object.finish();
    training
}

fn exam_attempt(mut object: Object<'_>) -> ExamAttempt {
    let attempt = ExamAttempt { taken_on: object.date("taken_on"), score: object.number("score") };
    if attempt.taken_on.is_none() {
        object.require("taken_on");
    }
    object.finish();
    attempt
}

/// An object of the file. Reading a field removes it, so that the remaining fields are unknown ones.
struct Object<'a> {
    /// The path of the object, followed by a dot: `application.trainings[0].`
    path: String,
    fields: Map<String, Value>,
    wrong: &'a mut Vec<String>,
}

impl<'a> Object<'a> {
    fn of(value: Value, path: String, wrong: &'a mut Vec<String>) -> Option<Object<'a>> {
        match value {
            Value::Object(fields) => Some(Object { path, fields, wrong }),
            _ => {
                let name = if path.is_empty() { "the file" } else { path.trim_end_matches('.') };
                wrong.push(format!("{name}: not an object in braces"));
                None
            }
        }
    }

    fn mistake(&mut self, name: &str, what: &str) {
        self.wrong.push(format!("{}{name}: {what}", self.path));
    }

    /// Reports a missing field, unless another mistake was reported for it.
    fn require(&mut self, name: &str) {
        let place = format!("{}{name}", self.path);
        if !self.wrong.iter().any(|mistake| mistake.starts_with(&place)) {
            self.mistake(name, "required");
        }
    }

    /// Removes and returns a field, by its name in snake case or camel case. Null counts as missing.
    fn take(&mut self, name: &str) -> Option<Value> {
        let given = [self.fields.remove(name), self.fields.remove(&camel_case(name))];
        if name.contains('_') && given.iter().all(Option::is_some) {
            self.mistake(name, "given in both spellings");
        }
        given.into_iter().flatten().find(|value| !value.is_null())
    }

    /// Removes a field and parses it.
    fn read<T: Default>(&mut self, name: &str, what: &str, read: impl FnOnce(&Value) -> Option<T>) -> T {
        let Some(value) = self.take(name) else { return T::default() };
        read(&value).unwrap_or_else(|| {
            self.mistake(name, what);
            T::default()
        })
    }

    fn text(&mut self, name: &str) -> String {
        self.read(name, "not a text in quotes", |value| value.as_str().map(str::to_owned))
    }

    fn flag(&mut self, name: &str) -> bool {
        self.read(name, "neither true nor false", Value::as_bool)
    }

    fn number(&mut self, name: &str) -> f64 {
        self.read(name, "not a number", |value| value.as_f64().or_else(|| value.as_str()?.parse().ok()))
    }

    fn count(&mut self, name: &str) -> u32 {
        let count = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok())?.try_into().ok();
        self.read(name, "not a whole number, 0 or more", count)
    }

    fn date(&mut self, name: &str) -> Option<Date> {
        self.read(name, "not a date such as \"2026-03-01\"", |value| date(value).map(Some))
    }

    fn word<E: TryFrom<i32>>(&mut self, name: &str, prefix: &str, name_of: fn(&E) -> &'static str) -> i32 {
        let Some(value) = self.take(name) else { return 0 };
        self.word_of(name, &value, prefix, name_of)
    }

    fn words<E: TryFrom<i32>>(&mut self, name: &str, prefix: &str, name_of: fn(&E) -> &'static str) -> Vec<i32> {
        let list = self.list(name);
        let numbered = list.iter().enumerate();
        numbered.map(|(at, value)| self.word_of(&format!("{name}[{at}]"), value, prefix, name_of)).collect()
    }

    /// The number of an enum value, given with or without the prefix of its enum.
    fn word_of<E: TryFrom<i32>>(
        &mut self,
        name: &str,
        value: &Value,
        prefix: &str,
        name_of: fn(&E) -> &'static str,
    ) -> i32 {
        let known = || (0..).map_while(|number| E::try_from(number).ok()).map(|known| name_of(&known)).zip(0..);
        let short = |full: &'static str| full.strip_prefix(prefix).unwrap_or(full);
        let found = value.as_str().and_then(|text| known().find(|(full, _)| *full == text || short(full) == text));
        found.map_or_else(
            || {
                let names: Vec<&str> = known().skip(1).map(|(full, _)| short(full)).collect();
                self.mistake(name, &format!("not one of {}", names.join(", ")));
                0
            },
            |(_, number)| number,
        )
    }

    fn list(&mut self, name: &str) -> Vec<Value> {
        self.read(name, "not a list in brackets", |value| value.as_array().cloned())
    }

    /// The objects in a list, or a single object.
    fn objects<T>(&mut self, name: &str, is_list: bool, read: fn(Object<'_>) -> T) -> Vec<T> {
        let values = if is_list { self.list(name) } else { self.take(name).into_iter().collect() };
        let mut objects = Vec::with_capacity(values.len());
        for (at, value) in values.into_iter().enumerate() {
            let place = if is_list { format!("{name}[{at}].") } else { format!("{name}.") };
            let path = format!("{}{place}", self.path);
            objects.extend(Object::of(value, path, self.wrong).map(read));
        }
        objects
    }

    /// Reports the remaining fields as unknown, so that a misspelled field is not taken as not stated.
    fn finish(self) {
        self.wrong.extend(self.fields.keys().map(|name| format!("{}{name}: no such field", self.path)));
    }
}

/// Parses a text such as `2026-03-01`, or an object with year, month and day.
fn date(value: &Value) -> Option<Date> {
    if let Value::Object(fields) = value {
        let part = |name: &str| i32::try_from(fields.get(name)?.as_i64()?).ok();
        let is_whole = fields.len() == 3;
        return is_whole.then_some(Date { year: part("year")?, month: part("month")?, day: part("day")? });
    }
    read_date(value.as_str()?).ok()
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut text, word| {
        let mut letters = word.chars();
        text.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        text.push_str(letters.as_str());
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_fields_and_values_are_parsed() {
        let snake = r#"{"specialist_id": "SP-1", "effective_from": "2026-04-01", "designations": ["YOUNG_ADULT"],
            "application": {"applied_on": "2026-03-02", "experience_hours": 99.5, "references": 2,
            "exam_attempts": [{"taken_on": "2026-03-16", "score": 75}], "education": "GED"}}"#;
        let camel = r#"{"specialistId": "SP-1", "effectiveFrom": {"year": 2026, "month": 4, "day": 1},
            "designations": ["DESIGNATION_YOUNG_ADULT"], "application": {"appliedOn": "2026-03-02",
            "experienceHours": "99.5", "references": "2", "literate": null,
            "examAttempts": [{"takenOn": "2026-03-16", "score": 75}], "education": "EDUCATION_GED"}}"#;
        let request = read(snake).unwrap();
        assert_eq!(read(camel).unwrap(), request);
        assert_eq!(request.designations, [Designation::YoungAdult as i32]);
        let application = request.application.unwrap();
        assert_eq!((application.education(), application.lived_experience), (Education::Ged, 0));
        assert_eq!((application.experience_hours, application.exam_attempts[0].score), (99.5, 75.0));
    }

    #[test]
    fn every_mistake_is_reported_with_its_field() {
        let text = r#"{"specialist_id": 7, "effective_from": "2026-02-30", "designations": ["YOUNG"],
            "application": {"aplied_on": "2026-03-02", "literate": "yes", "references": -1, "experience_hours": "ten",
            "trainings": [{"hours": 34}, 5], "exam_attempts": {}, "education": "NONE", "recovery_attested": true,
            "recoveryAttested": true}}"#;
        let wrong = read(text).unwrap_err();
        let expected = "\
specialist_id: not a text in quotes
application.recovery_attested: given in both spellings
application.literate: neither true nor false
application.experience_hours: not a number
application.references: not a whole number, 0 or more
application.trainings[0].completed_on: required
application.trainings[1]: not an object in braces
application.exam_attempts: not a list in brackets
application.applied_on: required
application.aplied_on: no such field
effective_from: not a date such as \"2026-03-01\"
designations[0]: not one of ADULT_AND_RECOVERY, PARENT_CAREGIVER, YOUNG_ADULT, FORENSIC_PEER_RECOVERY, RECOVERY_ONLY";
        assert_eq!(wrong.join("\n"), expected);
        let missing = "specialist_id: required\napplication: required\neffective_from: required";
        assert_eq!(read("{}").unwrap_err().join("\n"), missing);
        assert_eq!(read("[]").unwrap_err(), ["the file: not an object in braces"]);
        assert!(read("{").unwrap_err()[0].starts_with("not JSON: "));
    }
}
