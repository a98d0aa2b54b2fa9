//! The people of the sample data, and their histories.

use jiff::civil::{Date, date};

use crate::domain::fact::{Act, Designation, SuspensionBasis};

use Designation::{AdultAndRecovery, ForensicPeerRecovery, ParentCaregiver, RecoveryOnly, YoungAdult};
use Event::{Acted, Certified, Died, Hired, Inactive, Left, Limited, Numbered, Renamed, Renewed, Suspended};

/// A person of the sample data.
pub(super) struct Person {
    /// What the person is an example of.
    pub(super) shows: &'static str,
    pub(super) given: &'static str,
    pub(super) family: &'static str,
    pub(super) suffix: &'static str,
    pub(super) born: Date,
    pub(super) events: &'static [Event],
}

/// An event in a history, and how many days ago it happened.
pub(super) enum Event {
    /// A job began.
    Hired(&'static str, i32),
    /// The job's last day.
    Left(&'static str, i32),
    /// The credential was issued.
    Certified(i32, &'static [Designation]),
    /// The credential was renewed each time a term ended.
    Renewed,
    /// The credential has been suspended since then.
    Suspended(SuspensionBasis, i32),
    /// The credential has been limited since then.
    Limited(&'static str, i32),
    /// The credential has been inactive since then.
    Inactive(i32),
    /// An act took effect.
    Acted(Act, i32),
    /// The person died.
    Died(i32),
    /// The family name changed.
    Renamed(&'static str),
    /// An earlier certificate had this number.
    Numbered(&'static str),
}

/// The last step of all is a loss of employment. At the revision before it, the credential is still current.
pub(super) const PEOPLE: [Person; 15] = [
    Person {
        shows: "current",
        given: "Ada",
        family: "Merriweather",
        suffix: "",
        born: date(1984, 3, 12),
        events: &[Hired("region-1-cmhc", 900), Certified(800, &[AdultAndRecovery]), Renewed],
    },
    Person {
        shows: "current, one of two jobs ended",
        given: "Bernice",
        family: "O'Neal",
        suffix: "",
        born: date(1971, 11, 2),
        events: &[
            Hired("region-1-cmhc", 700),
            Certified(650, &[AdultAndRecovery, ParentCaregiver]),
            Numbered("MS-00417"),
            Renewed,
            Hired("region-2-cmhc", 500),
            Left("region-2-cmhc", 30),
        ],
    },
    Person {
        shows: "current, also employed outside the state system",
        given: "Otis",
        family: "Pruitt",
        suffix: "III",
        born: date(1979, 6, 30),
        events: &[
            Hired("region-4-cmhc", 600),
            Certified(550, &[AdultAndRecovery]),
            Renewed,
            Hired("piney-woods-va", 300),
        ],
    },
    Person {
        shows: "current, reinstated after a gap between jobs",
        given: "Gideon",
        family: "Brooks",
        suffix: "",
        born: date(1990, 1, 25),
        events: &[
            Hired("region-1-cmhc", 1100),
            Certified(1000, &[AdultAndRecovery]),
            Renewed,
            Left("region-1-cmhc", 200),
            Hired("region-3-cmhc", 190),
            Acted(Act::Reinstated, 180),
        ],
    },
    Person {
        shows: "current, under a new name",
        given: "Lucille",
        family: "Whitfield",
        suffix: "",
        born: date(1993, 8, 17),
        events: &[Hired("sycamore-house", 420), Certified(400, &[YoungAdult]), Renewed, Renamed("Whitfield-Amos")],
    },
    Person {
        shows: "limited",
        given: "Hattie",
        family: "Lockwood",
        suffix: "",
        born: date(1968, 2, 29),
        events: &[
            Hired("blackjack-hill", 1250),
            Certified(1200, &[AdultAndRecovery, ForensicPeerRecovery]),
            Renewed,
            Limited("Works with groups only, and with a second staff member present.", 90),
        ],
    },
    Person {
        shows: "current, the employer's renewal not on record",
        given: "Moses",
        family: "Delaney",
        suffix: "Jr",
        born: date(1965, 9, 8),
        events: &[Hired("region-5-cmhc", 1400), Certified(1350, &[RecoveryOnly]), Renewed],
    },
    Person {
        shows: "suspended as discipline",
        given: "Elroy",
        family: "Vance",
        suffix: "",
        born: date(1982, 12, 5),
        events: &[
            Hired("region-4-cmhc", 760),
            Certified(730, &[AdultAndRecovery]),
            Renewed,
            Suspended(SuspensionBasis::Disciplinary, 10),
        ],
    },
    Person {
        shows: "suspended while continuing education is audited",
        given: "Faye",
        family: "Núñez",
        suffix: "",
        born: date(1976, 4, 19),
        events: &[
            Hired("region-3-cmhc", 980),
            Certified(950, &[AdultAndRecovery]),
            Renewed,
            Suspended(SuspensionBasis::CeAudit, 25),
        ],
    },
    Person {
        shows: "inactive",
        given: "Isaiah",
        family: "Crane",
        suffix: "",
        born: date(1987, 7, 21),
        events: &[
            Hired("longleaf-hospital", 1300),
            Certified(1200, &[AdultAndRecovery]),
            Renewed,
            Inactive(120),
            Left("longleaf-hospital", 100),
        ],
    },
    // Issued more than four years ago and never renewed: the term has ended, whatever the day.
    Person {
        shows: "lapsed",
        given: "Delphine",
        family: "Hargrove",
        suffix: "",
        born: date(1961, 10, 14),
        events: &[Hired("region-2-cmhc", 1550), Certified(1500, &[AdultAndRecovery])],
    },
    Person {
        shows: "deceased",
        given: "Josephine",
        family: "Mabry",
        suffix: "",
        born: date(1958, 5, 3),
        events: &[Hired("region-1-cmhc", 1280), Certified(1250, &[ParentCaregiver]), Renewed, Died(40)],
    },
    Person {
        shows: "retired",
        given: "Kermit",
        family: "Sayles",
        suffix: "Sr",
        born: date(1957, 1, 11),
        events: &[
            Hired("region-3-cmhc", 1320),
            Certified(1300, &[AdultAndRecovery]),
            Renewed,
            Acted(Act::Retired, 75),
            Left("region-3-cmhc", 76),
        ],
    },
    Person {
        shows: "employed, not yet certified",
        given: "Nora",
        family: "Quill",
        suffix: "",
        born: date(1999, 3, 27),
        events: &[Hired("region-1-cmhc", 30)],
    },
    Person {
        shows: "revoked on loss of employment",
        given: "Calvin",
        family: "Tate",
        suffix: "",
        born: date(1981, 9, 30),
        events: &[Hired("region-3-cmhc", 600), Certified(550, &[AdultAndRecovery]), Renewed, Left("region-3-cmhc", 15)],
    },
];
