//! Compares the log of a replica with the database, frame by frame.

use super::catching_up::PAGE;
use super::restored::last_shared;
use super::statements::{Session, StatementError};
use super::{Expected, Form, Frame};
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

/// Reads every frame of the database up to its head, and verifies it: its checksum, its digests and its chain. Finds out
/// where the two logs part.
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
            damaged = Some("it is missing");
        }
        for bytes in frames {
            let expected = Expected::building_on(Some(tip.chain), tip.revision.next(), Form::Current);
            match Frame::check(&bytes, expected) {
                Ok(frame) => tip = frame.tip().unwrap_or(tip),
                Err(reason) => {
                    damaged = Some(reason);
                    break;
                }
            }
            if tip.revision == head.revision && tip.chain != head.chain {
                damaged = Some("the chain does not lead to the head");
            }
            if tip.revision == shared.revision && tip.chain != shared.chain {
                damaged = Some("the chain beside the frame is not that of the frame");
            }
        }
        step.done = tip.revision.0;
        on_step(step);
    }
    let damaged = damaged.map(|reason| (tip.revision.next(), reason));
    Ok(Compared { head: head.revision, ours: log.head(), last_shared: shared.revision, damaged })
}
