//! From the wire to the domain: all that can fail, with every fault reported at once.
//!
//! Every function reads a whole message and returns either the domain's own value or the refusal that names every field
//! at fault. Only where no field is at fault is an id that cannot exist refused as not on file.

mod amendment;
mod ask;
mod credential;
mod employment;
mod fact_id;
mod feed;
mod fields;
mod import;
mod issuance;
mod mutation;
mod provider;
mod question;
mod reading;
mod roster;
mod specialist;

pub use self::ask::{Claim, Place};
pub use self::fact_id::fact_id;
pub use self::feed::{After, ChangesAbout, ChangesAsked, list_changes, list_review_items, watch_changes};
pub use self::import::{import_row, write_row_id};
pub use self::issuance::evaluate_application;
pub use self::mutation::*;
pub use self::question::{asked_at, eligibility_item, known_at, stream_options, verification_item};
pub use self::reading::*;
pub use self::roster::{RosterAsked, RosterJob, RosterSubject, roster_options, roster_row};

#[cfg(test)]
mod tests;
