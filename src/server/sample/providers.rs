//! The providers of the sample data: the kinds of facility of source 000, with fictional names in real counties.
//!
//! The identifiers are fictional: no National Provider Identifier that was ever assigned begins with 2.

use jiff::civil::date;

use super::{Recorder, SampleError};
use crate::domain::command::Command;
use crate::domain::day::{Day, Period};
use crate::domain::fact::{
    FacilityType, Identifier, IdentifierKind, ProviderPeriodKind, ProviderRow, QualificationBasis,
};
use crate::domain::id::ProviderId;

use FacilityType::{
    CommunityMentalHealthCenter, PsychiatricHospital, ResidentialTreatmentAdults, ResidentialTreatmentChildren,
    VeteransAdministrationMedicalCenter,
};
use QualificationBasis::{DmhCertified, DmhLicensed, DmhOperated};

struct Provider {
    id: &'static str,
    legal_name: &'static str,
    facility: FacilityType,
    county: &'static str,
    npi: &'static str,
    medicaid_id: &'static str,
    basis: Option<QualificationBasis>,
    /// True if this year's certificate is on record; otherwise only last year's is.
    is_renewed: bool,
    has_peer_service: bool,
    /// The first and last day, as days ago.
    suspended: Option<(i32, i32)>,
    /// The first day, as days ago. The suspension continues.
    peer_service_suspended: Option<i32>,
}

/// A typical center: certified by DMH, with a peer support service.
const CENTER: Provider = Provider {
    id: "",
    legal_name: "",
    facility: CommunityMentalHealthCenter,
    county: "",
    npi: "",
    medicaid_id: "",
    basis: Some(DmhCertified),
    is_renewed: true,
    has_peer_service: true,
    suspended: None,
    peer_service_suspended: None,
};

const PROVIDERS: [Provider; 9] = [
    Provider {
        id: "region-1-cmhc",
        legal_name: "Tallow Creek Community Mental Health Center",
        county: "Coahoma",
        npi: "2000000010",
        medicaid_id: "00990001",
        ..CENTER
    },
    // Suspended for a week: its staff kept their credentials and could not practice there.
    Provider {
        id: "region-2-cmhc",
        legal_name: "Northern Pines Community Mental Health Center",
        county: "Lafayette",
        npi: "2000000028",
        medicaid_id: "00990002",
        suspended: Some((60, 54)),
        ..CENTER
    },
    Provider {
        id: "region-3-cmhc",
        legal_name: "Magnolia Bend Community Mental Health Center",
        county: "Lee",
        npi: "2000000036",
        medicaid_id: "00990003",
        ..CENTER
    },
    // Its peer support service is suspended: credentials are unaffected, claims are refused.
    Provider {
        id: "region-4-cmhc",
        legal_name: "Pearl Bluff Community Mental Health Center",
        county: "Hinds",
        npi: "2000000044",
        medicaid_id: "00990004",
        peer_service_suspended: Some(20),
        ..CENTER
    },
    // The renewal of its certificate is not recorded yet.
    Provider {
        id: "region-5-cmhc",
        legal_name: "Gulf Oaks Community Mental Health Center",
        county: "Harrison",
        npi: "2000000051",
        medicaid_id: "00990005",
        is_renewed: false,
        ..CENTER
    },
    Provider {
        id: "blackjack-hill",
        legal_name: "Blackjack Hill State Residential Center",
        facility: ResidentialTreatmentAdults,
        county: "Rankin",
        npi: "2000000069",
        medicaid_id: "00990006",
        basis: Some(DmhOperated),
        ..CENTER
    },
    Provider {
        id: "longleaf-hospital",
        legal_name: "Longleaf State Hospital",
        facility: PsychiatricHospital,
        county: "Lauderdale",
        npi: "2000000077",
        medicaid_id: "00990007",
        basis: Some(DmhOperated),
        has_peer_service: false,
        ..CENTER
    },
    Provider {
        id: "sycamore-house",
        legal_name: "Sycamore House for Children",
        facility: ResidentialTreatmentChildren,
        county: "Forrest",
        npi: "2000000085",
        medicaid_id: "00990008",
        basis: Some(DmhLicensed),
        ..CENTER
    },
    // Not part of the state mental health system: a job here gives no coverage.
    Provider {
        id: "piney-woods-va",
        legal_name: "Piney Woods Veterans Medical Center",
        facility: VeteransAdministrationMedicalCenter,
        county: "Jones",
        npi: "2000000093",
        medicaid_id: "00990009",
        basis: None,
        has_peer_service: false,
        ..CENTER
    },
];

/// Registers every provider, with its certificates and suspensions.
pub(super) async fn record(recorder: &mut Recorder<'_>) -> Result<(), SampleError> {
    for provider in &PROVIDERS {
        let id: ProviderId = provider.id.parse()?;
        recorder.as_certifier(Command::RegisterProvider { id: Some(id.clone()), row: row(provider) }).await?;
        for (kind, days, valid_through) in periods(provider, recorder.today) {
            recorder
                .as_certifier(Command::OpenProviderPeriod { provider: id.clone(), kind, days, valid_through })
                .await?;
        }
    }
    Ok(())
}

fn row(provider: &Provider) -> ProviderRow {
    let identifier = |kind, value: &str| Identifier { kind, value: value.to_owned() };
    ProviderRow {
        legal_name: provider.legal_name.to_owned(),
        facility_type: provider.facility,
        county: provider.county.to_owned(),
        identifiers: vec![
            identifier(IdentifierKind::Npi, provider.npi),
            identifier(IdentifierKind::MedicaidId, provider.medicaid_id),
        ],
    }
}

/// Certificates begin on 1 January and end on 31 December. A facility that DMH operates qualifies without one.
fn periods(provider: &Provider, today: Day) -> Vec<(ProviderPeriodKind, Period, Option<Day>)> {
    use ProviderPeriodKind::{PeerServiceCertified, PeerServiceSuspended, Qualified, Suspended};
    let year = today.to_civil().year();
    let ago = |days: i32| today.plus(-days);
    let from = |year| Period::from_inclusive(Day::from_civil(date(year, 1, 1)), None);
    let through = |year| Some(Day::from_civil(date(year, 12, 31)));
    let certificates = |kind| [(kind, from(year - 8), through(year - 1)), (kind, from(year), through(year))];
    let mut periods = Vec::new();
    match provider.basis {
        Some(DmhOperated) => periods.push((Qualified(DmhOperated), from(year - 8), None)),
        Some(basis) => {
            let count = if provider.is_renewed { 2 } else { 1 };
            periods.extend(certificates(Qualified(basis)).into_iter().take(count));
        }
        None => {}
    }
    if provider.has_peer_service {
        periods.extend(certificates(PeerServiceCertified));
    }
    if let Some((first, last)) = provider.suspended {
        let days = Period::from_inclusive(ago(first), Some(ago(last)));
        periods.push((Suspended, days, None));
    }
    if let Some(first) = provider.peer_service_suspended {
        periods.push((PeerServiceSuspended, Period::from_inclusive(ago(first), None), None));
    }
    periods
}
