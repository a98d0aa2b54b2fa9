//! Compares the log of a replica with the database, frame by frame.

use super::Frame;
use super::catching_up::PAGE;
use super::restored::last_shared;
use super::statements::{Session, StatementError};
use crate::domain::id::Revision;
use crate::store::log::ReadLog;
use crate::store::progress::{OnStep, Step, Unit};
use crate::store::record::Tip;

/// What a comparison found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The last record of the database, as a durable statement read it.
    pub head: Revision,
    /// The last record of the replica's log.
    pub ours: Revision,
    /// The last record that both have.
    pub last_shared: Revision,
    /// The first revision whose frame in the database is damaged, and what is wrong with it.
    pub damaged: Option<(Revision, &'static str)>,
}

/// Reads every frame of the database up to its head, and verifies it: its checksum, its digests and its chain. Finds
/// out where the two logs part.
pub fn compare(
    session: &mut dyn Session,
    log: &dyn ReadLog,
    on_step: &mut OnStep<'_>,
) -> Result<Compared, StatementError> {
    let head = session.turn()?.tip;
    let shared = last_shared(session, log, head)?;
    let mut step = Step { doing: "reading the database", unit: Unit::Entries, done: 0, total: head.revision.0 };
    let (mut tip, mut damaged) = (Tip::ORIGIN, None);
    while tip.revision < head.revision && damaged.is_none() {
        let frames = session.frames(tip.revision, PAGE)?;
        if frames.is_empty() {
            damaged = Some((tip.revision.next(), "it is missing"));
        }
        for bytes in frames {
            let first = tip.revision.next();
            match Frame::after(&bytes, &tip) {
                Ok((_, end)) => tip = end,
                Err(reason) => {
                    damaged = Some((first, reason));
                    break;
                }
            }
            if tip.revision == head.revision && tip.chain != head.chain {
                damaged = Some((first, "the chain does not lead to the head"));
            }
            if tip.revision == shared.revision && tip.chain != shared.chain {
                damaged = Some((first, "the chain beside the frame is not that of the frame"));
            }
        }
        step.done = tip.revision.0;
        on_step(step);
    }
    Ok(Compared { head: head.revision, ours: log.head(), last_shared: shared.revision, damaged })
}
