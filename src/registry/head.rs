//! The published head, and the timelines that are kept resident for it.

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
    /// The last day opened.
    pub today: Day,
    /// When the day after it begins.
    pub day_ends_at: Timestamp,
    /// The rule sets.
    pub rule_sets: Arc<RuleSets>,
    /// The registry's own history.
    pub history: Arc<RegistryHistory>,
    /// The token of the revision; none of a head that is not durable yet.
    pub token: Option<Token>,
}

impl Head {
    /// The token of a place in the history up to this head.
    pub(super) fn token_of(&self, tip: &Tip) -> Option<Token> {
        self.history.epoch_of(tip.revision).map(|epoch| Token::of_tip(epoch.id, tip))
    }
}

/// A credential's timeline as of the revision that changed it last.
#[derive(Clone, Debug)]
pub struct ResidentCredential {
    /// The revision that changed it last. A question about an earlier one does not use it.
    pub changed_at: Revision,
    /// The timeline.
    pub timeline: Arc<Timeline>,
}

/// A provider's file as of the revision that changed it, or its rule sets, last.
#[derive(Debug)]
pub struct ResidentProvider {
    /// The revision that changed what follows from the file last.
    pub changed_at: Revision,
    /// The file.
    pub file: Arc<ProviderFile>,
}
