//! Decoding: from the wire to the domain. Everything that can fail is here, and all faults are reported at once.
//!
//! Each function reads a whole message and returns either a domain value or a refusal that names every invalid field.
//! An id that cannot exist is refused as not on file, but only if no field is invalid.

mod amendment;
mod ask;
mod backup;
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
mod transparency;

pub use self::ask::{AnsweredClaim, Claim, ItemPath};
pub use self::backup::kept_files;
pub use self::fact_id::fact_id;
pub use self::feed::{
    After, ChangesAbout, ChangesAsked, list_changes, list_review_items, previewed_record, watch_changes,
};
pub use self::import::{JudgedAs, fact_of_row, import_row, previewed_command, rpc_of, write_row_id};
pub use self::issuance::evaluate_application;
pub use self::mutation::*;
pub use self::question::{asked_at, eligibility_item, known_at, review_item, stream_options, verification_item};
pub use self::reading::*;
pub use self::roster::{RosterAsked, RosterJob, RosterSubject, roster_options, roster_row};
pub use self::transparency::{consistency_proof, inclusion_proof};

#[cfg(test)]
mod tests;
