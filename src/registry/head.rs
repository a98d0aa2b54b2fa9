//! The published head, and the timelines and provider files that are resident for it.

use std::sync::Arc;

use jiff::Timestamp;

use super::registry_history::RegistryHistory;
use super::token::Token;
use crate::domain::day::Day;
use crate::domain::id::Revision;
use crate::domain::provider::ProviderFile;
use crate::domain::rule_sets::RuleSets;
use crate::domain::timeline::Timeline;
use crate::store::record::Tip;

/// The newest state of knowledge that questions are answered from.
#[derive(Clone, Debug)]
pub struct Head {
    /// The last revision.
    pub revision: Revision,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The last opened day.
    pub today: Day,
    /// When the day after `today` begins.
    pub day_ends_at: Timestamp,
    /// The rule sets.
    pub rule_sets: Arc<RuleSets>,
    /// The registry's own history.
    pub history: Arc<RegistryHistory>,
    /// The token of the revision; `None` while the revision is not durable.
    pub token: Option<Token>,
}

impl Head {
    /// Returns the token of a record up to this head.
    pub(super) fn token_of(&self, tip: &Tip) -> Option<Token> {
        self.history.epoch_of(tip.revision).map(|epoch| Token::of_tip(epoch.id, tip))
    }
}

/// A credential's timeline, with the revision that last changed it.
#[derive(Clone, Debug)]
pub struct ResidentCredential {
    /// The revision that last changed it. Questions about an earlier revision must not use it.
    pub changed_at: Revision,
    /// The timeline.
    pub timeline: Arc<Timeline>,
}

/// A provider's file, with the revision that last changed it or its rule sets.
#[derive(Debug)]
pub struct ResidentProvider {
    /// The revision that last changed the file or the rule sets it was compiled with.
    pub changed_at: Revision,
    /// The file.
    pub file: Arc<ProviderFile>,
}
