//! One job with a provider, and what its holder's credential is worth.

use crate::cli::change_text::days;
use crate::cli::display_text::{self, code, day, designations, standing};
use crate::cli::failure::Failure;
use crate::cli::message_json::{self, Json};
use crate::domain::name::{fold, fold_family};
use crate::domain::standing::Weight;
use crate::proto::v1::{Employment, Reason, Standing, Verification};

/// The columns on the screen.
pub const FOR_PEOPLE: [&str; 5] = ["name", "credential_number", "standing", "job", "notes"];

/// The columns of a spreadsheet.
pub const FOR_SPREADSHEETS: [&str; 11] = [
    "name",
    "credential_number",
    "standing",
    "designations",
    "term_last_day",
    "position",
    "first_day",
    "last_day",
    "notes",
    "employment_id",
    "specialist_id",
];

/// A member of the staff.
#[derive(Clone, Debug)]
pub struct Member {
    /// The current full name.
    pub display_name: String,
    /// The job.
    pub job: Employment,
    /// What the credential is worth on the day of the list. `None`: the person has none.
    pub verification: Option<Verification>,
    /// The same on the day after the last day of the job. `None`: the job has no last day.
    pub after_end: Option<Verification>,
}

impl Member {
    /// A member of whom only the job is known.
    pub fn new(display_name: String, job: Employment) -> Member {
        Member { display_name, job, verification: None, after_end: None }
    }

    /// Whether the term ends soon.
    pub fn ends_soon(&self) -> bool {
        self.verification.iter().any(|it| it.reasons.contains(&Reason::TermEndsSoon.into()))
    }

    /// Whether the term has ended.
    pub fn has_ended(&self) -> bool {
        self.verification.as_ref().is_some_and(|it| it.standing == Some(Standing::Lapsed.into()))
    }

    /// By what members are sorted: the last word of the name but for Jr, Sr, II and the like, then the whole name.
    pub fn sort_key(&self) -> (String, String) {
        let family = fold_family(&self.display_name);
        let words: Vec<String> =
            self.display_name.split([' ', ',']).map(fold).filter(|word| !word.is_empty()).collect();
        let last = words.iter().rfind(|word| family.ends_with(word.as_str())).cloned().unwrap_or_default();
        (last, family)
    }

    /// Whether the end of the job revokes the credential.
    pub fn is_revoked_by_end(&self) -> bool {
        let is_revoked = |it: &Verification| it.standing == Some(Standing::RevokedLossOfEmployment.into());
        self.after_end.as_ref().is_some_and(is_revoked) && !self.verification.as_ref().is_some_and(is_revoked)
    }

    /// The cells of [`FOR_PEOPLE`].
    pub fn for_people(&self) -> Vec<String> {
        let job = format!("{} {}", self.job.employment_id, days(self.job.first_day, self.job.last_day));
        vec![self.display_name.clone(), self.job.credential_number.clone(), self.standing(), job, self.notes()]
    }

    /// The cells of [`FOR_SPREADSHEETS`].
    pub fn for_spreadsheets(&self) -> Vec<String> {
        let credential = self.verification.as_ref().and_then(|it| it.credential.clone()).unwrap_or_default();
        let date = |date: Option<_>| date.map(day).unwrap_or_default();
        vec![
            self.display_name.clone(),
            self.job.credential_number.clone(),
            self.standing(),
            designations(&credential.designations),
            date(credential.term_last_day),
            self.job.position.clone(),
            date(self.job.first_day),
            date(self.job.last_day),
            self.notes(),
            self.job.employment_id.clone(),
            self.job.specialist_id.clone(),
        ]
    }

    /// Everything, for programs.
    pub fn json(&self) -> Result<Json, Failure> {
        let verification = self.verification.as_ref().map(|it| message_json::of("Verification", it)).transpose()?;
        Ok(Json::Object(vec![
            ("display_name".to_owned(), Json::Text(self.display_name.clone())),
            ("employment".to_owned(), message_json::of("Employment", &self.job)?),
            ("verification".to_owned(), verification.unwrap_or(Json::Null)),
            ("term_ends_soon".to_owned(), Json::Bool(self.ends_soon())),
            ("term_has_ended".to_owned(), Json::Bool(self.has_ended())),
            ("revoked_by_planned_end".to_owned(), Json::Bool(self.is_revoked_by_end())),
        ]))
    }

    fn standing(&self) -> String {
        match &self.verification {
            None => "no credential".to_owned(),
            Some(it) if it.standing.is_some() => standing(it.standing()).to_owned(),
            Some(it) => code(it.verdict, crate::proto::v1::Verdict::as_str_name, "VERDICT_").to_lowercase(),
        }
    }

    fn notes(&self) -> String {
        let mut notes = Vec::new();
        let credential = self.verification.as_ref().and_then(|it| it.credential.as_ref());
        let last = credential.and_then(|credential| credential.term_last_day).map(day);
        if self.ends_soon() {
            notes.push(last.clone().map_or_else(|| "term ends soon".to_owned(), |last| format!("term ends {last}")));
        }
        if self.has_ended() {
            notes.push(last.map_or_else(|| "term ended".to_owned(), |last| format!("term ended {last}")));
        }
        if self.is_revoked_by_end() {
            notes.push("the end of this job revokes the credential".to_owned());
        }
        let reasons = self.verification.iter().flat_map(|it| it.reasons());
        let unknown = reasons.filter(|reason| display_text::weight(*reason) == Weight::Unknown);
        notes.extend(unknown.map(|reason| display_text::reason(reason).trim_end_matches('.').to_owned()));
        notes.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_sorted_by_family_name_without_accents_and_suffixes() {
        let named = |name: &str| Member::new(name.to_owned(), Employment::default());
        let mut staff =
            ["Yolanda Zimmer", "Ana Álvarez", "Lee Abbot III", "Ada Abbot", "Prince", "Omar Øystein, Jr."].map(named);
        staff.sort_by_cached_key(Member::sort_key);
        let sorted: Vec<&str> = staff.iter().map(|member| member.display_name.as_str()).collect();
        let expected = ["Ada Abbot", "Lee Abbot III", "Ana Álvarez", "Omar Øystein, Jr.", "Prince", "Yolanda Zimmer"];
        assert_eq!(sorted, expected);
    }
}
