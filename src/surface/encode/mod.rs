//! Encoding: from the domain to the wire. No function can fail, and none redacts: `surface/redaction.rs`, which knows
//! the caller, removes what the caller may not see.

mod answer;
mod audited_read;
mod backup;
mod change;
mod credential;
mod employment;
mod enum_map;
mod fact;
mod fact_id;
mod provider;
mod review;
mod rule_set;
mod status;
mod time;
mod transparency;
mod wire;

pub use self::answer::{AnsweredFrom, Eligibility, Review, Verification, answer, is_eligible};
pub use self::audited_read::audited_read;
pub use self::backup::backup_end;
pub use self::change::change;
pub use self::credential::{
    Holder, credential, credential_without_holder, found_specialist, person_name, specialist, standing_period,
};
pub use self::employment::{employment, employment_of};
pub use self::enum_map::{WireEnum, numbers};
pub use self::fact::{FactRelations, fact, fact_kind};
pub use self::fact_id::{EpochTags, epoch_tag, fact_id};
pub use self::provider::{identifier, provider};
pub use self::review::review_item;
pub use self::rule_set::{AdoptedRules, criterion_result, fee, rule_set};
pub use self::status::{caller, status};
pub use self::time::{date, days, timestamp};
pub use self::transparency::{checkpoint, consistency_proof, inclusion_proof};
pub use self::wire::Wire;

#[cfg(test)]
mod tests;
