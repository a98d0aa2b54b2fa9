//! Providers: their sizes, and the reports about them year by year.

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

/// The approximate maximum staff of a provider.
const LARGEST: f64 = 10_000.0;

/// The providers, weighted by their staff.
pub(super) struct Employers {
    /// The cumulative share of all staff, up to and including each provider.
    up_to: Vec<f64>,
}

impl Employers {
    /// Creates this many providers for this many people: a few large ones, and many with a handful of staff.
    #[expect(clippy::cast_precision_loss, reason = "parts of a whole, to draw from")]
    pub(super) fn new(providers: usize, specialists: usize) -> Employers {
        let most = LARGEST / specialists.max(1) as f64;
        let mut parts: Vec<f64> = (1..=providers).map(|rank| 1.0 / rank as f64).collect();
        // The excess of the largest providers is distributed to the others, which may then be too large as well.
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

    /// Draws an employer, weighted by staff.
    pub(super) fn draw_any(&self, rng: &mut Rng) -> u32 {
        let part = rng.part();
        let at = self.up_to.partition_point(|up_to| *up_to <= part).min(self.up_to.len().saturating_sub(1));
        u32::try_from(at).unwrap_or(0)
    }

    /// Draws an employer within the state mental health system.
    pub(super) fn draw(&self, rng: &mut Rng) -> u32 {
        let drawn = (0..8).map(|_| self.draw_any(rng)).find(|provider| basis(*provider).is_some());
        drawn.unwrap_or(0)
    }
}

/// The basis on which a provider is part of the state mental health system. A few are not part of it.
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

/// A report about a provider.
#[derive(Clone, Copy, Debug)]
pub(super) enum Report {
    /// It is registered, with its first certificates.
    Register,
    /// Its certificates for a year.
    Certificates(i16),
    /// It, or its peer support service, is suspended for some weeks.
    Suspension(ProviderPeriodKind, Period),
}

/// Plans everything that is reported about a provider, in order.
pub(super) fn plan(provider: u32, rng: &mut Rng, begins_on: Day, through: Day) -> Vec<(Day, Report)> {
    let mut reports = vec![(begins_on, Report::Register)];
    let first = |year| Day::from_civil(date(year, 1, 1));
    for year in begins_on.to_civil().year() + 1..=through.to_civil().year() {
        // Most certificates are recorded before those of the previous year expire, and some in January.
        let recorded = if rng.percent(85) { -rng.days(3, 40) } else { rng.days(1, 45) };
        reports.push((first(year).plus(recorded), Report::Certificates(year)));
        for (kind, percent) in [(Suspended, 2), (PeerServiceSuspended, 2)] {
            if provider > 2 && rng.percent(percent) {
                let from = first(year).plus(rng.days(20, 300));
                let days = Period::from_inclusive(from, Some(rng.after(from, 5, 40)));
                reports.push((from, Report::Suspension(kind, days)));
            }
        }
    }
    reports.retain(|(day, _)| *day <= through);
    reports.sort_by_key(|(day, _)| *day);
    reports
}

/// Records a report.
pub(super) fn record(
    recorder: &mut Recorder<'_, '_, '_>,
    provider: u32,
    rng: &mut Rng,
    report: Report,
) -> Result<(), GenerateError> {
    match report {
        Report::Register => {
            let row = row(provider, rng);
            recorder.as_certifier(Command::RegisterProvider { id: Some(id(provider)?), row })?;
            let year = recorder.today().to_civil().year();
            certificates(recorder, provider, year)
        }
        Report::Certificates(year) => certificates(recorder, provider, year),
        Report::Suspension(kind, days) => open(recorder, provider, kind, days, None),
    }
}

/// Certificates end on 31 December. A facility that DMH operates qualifies without one.
fn certificates(recorder: &mut Recorder<'_, '_, '_>, provider: u32, year: i16) -> Result<(), GenerateError> {
    let begins = recorder.today().to_civil().year() == recorder.begins_on().to_civil().year()
        && year == recorder.today().to_civil().year();
    // The first certificates begin before the imported records.
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

fn row(provider: u32, rng: &mut Rng) -> ProviderRow {
    let number = usize::try_from(provider).unwrap_or(0) + 1;
    let place = place(rng);
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
        county: rng.one_of(&COUNTIES, "Hinds").to_owned(),
        identifiers: vec![
            Identifier { kind: IdentifierKind::Npi, value: npi(number) },
            Identifier { kind: IdentifierKind::MedicaidId, value: format!("99{number:06}") },
        ],
    }
}
