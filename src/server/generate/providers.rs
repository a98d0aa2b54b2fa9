//! Providers: how large they are, and what is reported of them year by year.

use jiff::civil::date;

use super::invented::{COUNTIES, npi, place};
use super::rng::Rng;
use super::{GenerateError, Recorder};
use crate::domain::command::Command;
use crate::domain::day::{Day, Period};
use crate::domain::fact::{
    FacilityType, Identifier, IdentifierKind, ProviderPeriodKind, ProviderRow, QualificationBasis,
};
use crate::domain::id::ProviderId;

use ProviderPeriodKind::{PeerServiceCertified, PeerServiceSuspended, Qualified, Suspended};
use QualificationBasis::{DmhCertified, DmhFunded, DmhLicensed, DmhOperated};

/// No provider has more staff than about this.
const LARGEST: f64 = 10_000.0;

/// The providers, by how many people work for them.
pub(super) struct Employers {
    /// The part of all staff that works for each or for one before it.
    up_to: Vec<f64>,
}

impl Employers {
    /// So many providers for so many people: a few large ones, and many with a handful of staff.
    #[expect(clippy::cast_precision_loss, reason = "parts of a whole, to draw from")]
    pub(super) fn new(providers: usize, specialists: usize) -> Employers {
        let most = LARGEST / specialists.max(1) as f64;
        let mut parts: Vec<f64> = (1..=providers).map(|rank| 1.0 / rank as f64).collect();
        // What is cut from the largest goes to the others, which may then be too large as well.
        for _ in 0..20 {
            let sum: f64 = parts.iter().sum();
            parts.iter_mut().for_each(|part| *part = (*part / sum).min(most));
        }
        let sum: f64 = parts.iter().sum();
        let mut so_far = 0.0;
        let up_to = parts.iter().map(|part| {
            so_far += part / sum;
            so_far
        });
        Employers { up_to: up_to.collect() }
    }

    /// An employer, large ones more often.
    pub(super) fn draw_any(&self, dice: &mut Rng) -> u32 {
        let part = dice.part();
        let at = self.up_to.partition_point(|up_to| *up_to <= part).min(self.up_to.len().saturating_sub(1));
        u32::try_from(at).unwrap_or(0)
    }

    /// An employer within the state mental health system.
    pub(super) fn draw(&self, dice: &mut Rng) -> u32 {
        let drawn = (0..8).map(|_| self.draw_any(dice)).find(|provider| basis(*provider).is_some());
        drawn.unwrap_or(0)
    }
}

/// What a provider is part of the system by. A few are not.
fn basis(provider: u32) -> Option<QualificationBasis> {
    match provider % 23 {
        1 | 9 => Some(DmhOperated),
        5 => None,
        11 => Some(DmhFunded),
        6 | 14 | 19 => Some(DmhLicensed),
        _ => Some(DmhCertified),
    }
}

/// The id of a provider.
pub(super) fn id(provider: u32) -> Result<ProviderId, GenerateError> {
    Ok(format!("provider-{:05}", provider + 1).parse()?)
}

/// What is reported of a provider.
#[derive(Clone, Copy, Debug)]
pub(super) enum Report {
    /// It comes on file, with its first certificates.
    Register,
    /// Its certificates of a year.
    Certificates(i16),
    /// It is suspended for some weeks, or its peer support service is.
    Suspension(ProviderPeriodKind, Period),
}

/// Everything that is reported of a provider, in order.
pub(super) fn plan(provider: u32, dice: &mut Rng, begins_on: Day, through: Day) -> Vec<(Day, Report)> {
    let mut reports = vec![(begins_on, Report::Register)];
    let first = |year| Day::from_civil(date(year, 1, 1));
    for year in begins_on.to_civil().year() + 1..=through.to_civil().year() {
        // Most certificates are recorded before those of the year before run out, and some in January.
        let recorded = if dice.percent(85) { -dice.days(3, 40) } else { dice.days(1, 45) };
        reports.push((first(year).plus(recorded), Report::Certificates(year)));
        for (kind, percent) in [(Suspended, 2), (PeerServiceSuspended, 2)] {
            if provider > 2 && dice.percent(percent) {
                let from = first(year).plus(dice.days(20, 300));
                let days = Period::from_inclusive(from, Some(dice.after(from, 5, 40)));
                reports.push((from, Report::Suspension(kind, days)));
            }
        }
    }
    reports.retain(|(day, _)| *day <= through);
    reports.sort_by_key(|(day, _)| *day);
    reports
}

/// Tells a report.
pub(super) fn record(
    recorder: &mut Recorder<'_, '_, '_>,
    provider: u32,
    dice: &mut Rng,
    report: Report,
) -> Result<(), GenerateError> {
    match report {
        Report::Register => {
            let row = row(provider, dice);
            recorder.as_certifier(Command::RegisterProvider { id: Some(id(provider)?), row })?;
            let year = recorder.today().to_civil().year();
            certificates(recorder, provider, year)
        }
        Report::Certificates(year) => certificates(recorder, provider, year),
        Report::Suspension(kind, days) => open(recorder, provider, kind, days, None),
    }
}

/// Certificates are dated 31 December. What DMH runs itself needs none to qualify.
fn certificates(recorder: &mut Recorder<'_, '_, '_>, provider: u32, year: i16) -> Result<(), GenerateError> {
    let begins = recorder.today().to_civil().year() == recorder.begins_on().to_civil().year()
        && year == recorder.today().to_civil().year();
    // The first certificates reach back to before the records that are brought over.
    let from = if begins { date(2000, 1, 1) } else { date(year, 1, 1) };
    let days = Period::from_inclusive(Day::from_civil(from), None);
    let valid_through = Some(Day::from_civil(date(year, 12, 31)));
    match basis(provider) {
        Some(DmhOperated) if begins => open(recorder, provider, Qualified(DmhOperated), days, None)?,
        Some(DmhOperated) => {}
        Some(basis) => open(recorder, provider, Qualified(basis), days, valid_through)?,
        None => return Ok(()),
    }
    open(recorder, provider, PeerServiceCertified, days, valid_through)
}

fn open(
    recorder: &mut Recorder<'_, '_, '_>,
    provider: u32,
    kind: ProviderPeriodKind,
    days: Period,
    valid_through: Option<Day>,
) -> Result<(), GenerateError> {
    let provider = id(provider)?;
    recorder.as_certifier(Command::OpenProviderPeriod { provider, kind, days, valid_through }).map(drop)
}

fn row(provider: u32, dice: &mut Rng) -> ProviderRow {
    let number = usize::try_from(provider).unwrap_or(0) + 1;
    let place = place(dice);
    let (facility_type, kind) = match basis(provider) {
        Some(DmhOperated) => (FacilityType::PsychiatricHospital, "State Hospital"),
        Some(DmhLicensed) => (FacilityType::ResidentialTreatmentAdults, "Residential Center"),
        Some(DmhFunded) => (FacilityType::Outpatient, "Outreach"),
        Some(_) => (FacilityType::CommunityMentalHealthCenter, "Community Mental Health Center"),
        None => (FacilityType::VeteransAdministrationMedicalCenter, "Veterans Medical Center"),
    };
    ProviderRow {
        legal_name: format!("{place} {kind}"),
        facility_type,
        county: dice.one_of(&COUNTIES, "Hinds").to_owned(),
        identifiers: vec![
            Identifier { kind: IdentifierKind::Npi, value: npi(number) },
            Identifier { kind: IdentifierKind::MedicaidId, value: format!("99{number:06}") },
        ],
    }
}
