//! The sample data, recorded in a test registry.

use tempfile::TempDir;

use super::{SamplePerson, load};
use crate::domain::sets::Designations;
use crate::domain::standing::{Standing, Verdict};
use crate::registry::question::{Answer, Ask, AskProvider, AskSubject};
use crate::registry::{Opened, Options, Registry};

use Standing::{Current, Deceased, Inactive, Lapsed, Limited, Retired, RevokedLossOfEmployment as Revoked, Suspended};
use Verdict::{Confirmed, ConfirmedWithLimits, NotConfirmed, Undetermined};

struct Sample {
    registry: Registry,
    people: Vec<SamplePerson>,
    _directory: TempDir,
}

impl Sample {
    async fn on(today: &str) -> Sample {
        let directory = tempfile::tempdir().unwrap();
        let options = Options::of_a_test(directory.path(), Some(today));
        let Opened { registry, .. } = Registry::open(options, &mut |_| {}).unwrap();
        let people = load(&registry).await.unwrap();
        Sample { registry, people, _directory: directory }
    }

    /// The current standing of a person's credential and the verdict, optionally for a claim by a provider.
    async fn ask(&self, person: &SamplePerson, provider: Option<&str>) -> (Standing, Verdict) {
        let ask = Ask {
            subject: AskSubject::Number(person.credential),
            family_name: None,
            as_of: None,
            provider: provider.map(AskProvider::Id),
            designations: Designations::default(),
        };
        let snapshot = self.registry.pin_head();
        let today = snapshot.day_asked(None).unwrap();
        let shown = |answer: &Answer<'_>| (answer.finding.standing.unwrap(), answer.finding.verdict);
        snapshot.answer(&ask, today, provider.is_some(), shown).await.unwrap()
    }
}

/// New Year, a leap day, the days around two cohort dates, and days outside the years that the sample is meant for.
const DAYS: [&str; 11] = [
    "2021-05-03",
    "2026-01-01",
    "2026-03-02",
    "2027-09-29",
    "2027-09-30",
    "2027-10-01",
    "2028-02-29",
    "2029-07-04",
    "2030-12-31",
    "2031-10-01",
    "2036-06-15",
];

#[tokio::test]
async fn the_sample_shows_the_same_on_any_day() {
    let expected = [
        ("current", Current, Confirmed),
        ("current, one of two jobs ended", Current, Confirmed),
        ("current, also employed outside the state system", Current, Confirmed),
        ("current, reinstated after a gap between jobs", Current, Confirmed),
        ("current, under a new name", Current, Confirmed),
        ("limited", Limited, ConfirmedWithLimits),
        ("current, the employer's renewal not on record", Current, Undetermined),
        ("suspended as discipline", Suspended, NotConfirmed),
        ("suspended while continuing education is audited", Suspended, NotConfirmed),
        ("inactive", Inactive, NotConfirmed),
        ("lapsed", Lapsed, NotConfirmed),
        ("deceased", Deceased, NotConfirmed),
        ("retired", Retired, NotConfirmed),
        ("revoked on loss of employment", Revoked, NotConfirmed),
    ];
    for today in DAYS {
        let sample = Sample::on(today).await;
        let certified: Vec<_> = sample.people.iter().filter(|person| person.credential.is_some()).collect();
        assert_eq!((certified.len(), sample.people.len()), (expected.len(), expected.len() + 1));
        for (person, (shows, standing, verdict)) in certified.into_iter().zip(expected) {
            assert_eq!(person.shows, shows);
            assert_eq!(sample.ask(person, None).await, (standing, verdict), "{shows} on {today}");
        }
    }
}

#[tokio::test]
async fn a_claim_depends_on_the_provider_that_bills() {
    let expected = [
        ("current", "region-1-cmhc", Confirmed),
        ("current, one of two jobs ended", "region-1-cmhc", Confirmed),
        ("current, one of two jobs ended", "region-2-cmhc", NotConfirmed),
        ("current, also employed outside the state system", "region-4-cmhc", NotConfirmed),
        ("current, also employed outside the state system", "piney-woods-va", NotConfirmed),
        ("current, under a new name", "sycamore-house", Confirmed),
        ("limited", "blackjack-hill", ConfirmedWithLimits),
    ];
    for today in DAYS {
        let sample = Sample::on(today).await;
        for (shows, provider, verdict) in expected {
            let person = sample.people.iter().find(|person| person.shows == shows).unwrap();
            assert_eq!(sample.ask(person, Some(provider)).await.1, verdict, "{shows}, {provider} on {today}");
        }
    }
}

#[tokio::test]
async fn the_sample_has_the_same_ids_on_any_day() {
    let [early, late] = [Sample::on("2026-03-02").await, Sample::on("2027-08-30").await];
    assert_eq!(early.people, late.people);
}
