//! The flags of every command that asks about credentials.

use clap::builder::NonEmptyStringValueParser;
use jiff::{Timestamp, civil};

use super::codes::read_code;
use super::dates::read_date;
use super::list::date;
use super::profile::Profile;
use crate::proto::google::r#type::Date;
use crate::proto::v1::known_at::Point;
use crate::proto::v1::verification_item::Subject;
use crate::proto::v1::{Designation, KnownAt, VerificationItem};

/// Stands for no provider, so that the provider of the profile can be left out.
const ANY_PROVIDER: &str = "-";

/// The state of knowledge to answer from.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Knowledge {
    /// The state of knowledge at a revision, or at an instant such as 2026-03-01T09:00:00-06:00 [default: now]
    #[arg(long, value_name = "REVISION|TIME", value_parser = read_point)]
    known_at: Option<Point>,
}

impl Knowledge {
    /// The state of knowledge. `None`: the head.
    pub fn known_at(&self) -> Option<KnownAt> {
        self.known_at.map(|point| KnownAt { epoch: String::new(), point: Some(point) })
    }
}

/// The day of a question, and the state of knowledge to answer from.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Moment {
    /// The day of the question, such as 2026-03-01 or 3/1/2026 [default: today]
    #[arg(long, value_name = "DATE", value_parser = read_date)]
    pub as_of: Option<Date>,
    #[command(flatten)]
    knowledge: Knowledge,
}

impl Moment {
    /// The state of knowledge. `None`: the head.
    pub fn known_at(&self) -> Option<KnownAt> {
        self.knowledge.known_at()
    }
}

/// A question about a credential.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Question {
    #[command(flatten)]
    moment: Moment,
    /// The provider where the holder works: only jobs with it count; - for any [default: that of the profile]
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    provider: Option<String>,
    /// A designation that must be held, such as YOUNG_ADULT; may be repeated
    #[arg(long, value_name = "NAME", value_parser = read_designation)]
    designation: Vec<Designation>,
}

impl Question {
    /// Adds the provider of the profile, if the flags name none.
    #[must_use]
    pub fn filled(mut self, profile: Profile) -> Question {
        self.provider = self.provider.or(profile.provider).filter(|provider| provider != ANY_PROVIDER);
        self
    }

    /// The question about a credential.
    pub fn about(&self, subject: Subject) -> VerificationItem {
        VerificationItem {
            subject: Some(subject),
            as_of: self.moment.as_of,
            provider_id: self.provider().to_owned(),
            designations: self.designation.iter().map(|code| *code as i32).collect(),
            ..VerificationItem::default()
        }
    }

    /// The provider in the question. Empty: none.
    pub fn provider(&self) -> &str {
        self.provider.as_deref().unwrap_or_default()
    }

    /// The day of the question. `None`: today.
    pub fn as_of(&self) -> Option<Date> {
        self.moment.as_of
    }

    /// The state of knowledge. `None`: the head.
    pub fn known_at(&self) -> Option<KnownAt> {
        self.moment.known_at()
    }
}

fn read_point(text: &str) -> Result<Point, String> {
    if let Ok(revision) = text.parse() {
        return Ok(Point::Revision(revision));
    }
    let instant: Timestamp = text.parse().map_err(|_| not_a_point(text))?;
    // In the message nanoseconds count up from the second, also before 1970.
    let (seconds, nanos) = (instant.as_second(), instant.subsec_nanosecond());
    let (seconds, nanos) = if nanos < 0 { (seconds - 1, nanos + 1_000_000_000) } else { (seconds, nanos) };
    Ok(Point::Time(prost_types::Timestamp { seconds, nanos }))
}

/// What to write in place of a text that is neither a revision nor an instant.
fn not_a_point(text: &str) -> String {
    let in_mississippi = |local: civil::DateTime| {
        let zoned = local.in_tz("America/Chicago").ok()?;
        Some(zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
    };
    let time: Option<civil::DateTime> = text.parse().ok().filter(|_| text.contains(':'));
    if let Some(instant) = time.and_then(in_mississippi) {
        return format!("an instant has an offset; in Mississippi, that time is {instant}");
    }
    let end = date::read(text).ok().and_then(|day| in_mississippi(day.at(23, 59, 59, 0)));
    end.map_or_else(
        || "neither a revision such as 57 nor an instant such as 2026-03-01T09:00:00-06:00".to_owned(),
        |end| format!("a day is not an instant; for what was known at its end in Mississippi, write {end}"),
    )
}

/// Reads a designation by its name in the contract, a short form of it, or as it is printed: Parent/Caregiver.
pub fn read_designation(text: &str) -> Result<Designation, String> {
    read_code(text, Designation::as_str_name, "DESIGNATION_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::display_text::designation;

    #[test]
    fn known_at_is_a_revision_or_an_instant() {
        assert_eq!(read_point("57"), Ok(Point::Revision(57)));
        let time = |seconds, nanos| Ok(Point::Time(prost_types::Timestamp { seconds, nanos }));
        assert_eq!(read_point("1970-01-01T00:00:01.5Z"), time(1, 500_000_000));
        assert_eq!(read_point("1969-12-31T23:59:59.5Z"), time(-1, 500_000_000));
    }

    #[test]
    fn a_text_that_is_no_instant_is_refused_with_one_that_is() {
        for (text, instead) in [
            ("2026-03-01", "write 2026-03-01T23:59:59-06:00"),
            ("7/1/2026", "write 2026-07-01T23:59:59-05:00"),
            ("2026-07-01T09:00:00", "that time is 2026-07-01T09:00:00-05:00"),
            ("2026-03-01 09:00", "that time is 2026-03-01T09:00:00-06:00"),
            ("yesterday", "such as 2026-03-01T09:00:00-06:00"),
            ("2026-02-30", "such as 2026-03-01T09:00:00-06:00"),
        ] {
            let refused = read_point(text).unwrap_err();
            let (_, instant) = refused.rsplit_once(' ').unwrap();
            assert!(refused.ends_with(instead) && read_point(instant).is_ok(), "{text}: {refused}");
        }
    }

    #[test]
    fn a_designation_is_parsed_by_its_contract_name_or_a_short_form() {
        for text in ["YOUNG_ADULT", "young-adult", "DESIGNATION_YOUNG_ADULT", "Young adult", " young  ADULT"] {
            assert_eq!(read_designation(text), Ok(Designation::YoungAdult), "{text}");
        }
        for known in (1..).map_while(|number| Designation::try_from(number).ok()) {
            assert_eq!(read_designation(designation(known)), Ok(known), "as it is printed");
        }
        assert!(read_designation("Youngadult").is_err() && read_designation("").is_err());
        assert!(read_designation("unspecified").unwrap_err().contains("PARENT_CAREGIVER"));
    }
}
