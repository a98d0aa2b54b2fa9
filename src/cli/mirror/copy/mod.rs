//! The file of the copy, and how it follows the feed.

mod change;
mod file;
mod follow;
mod periods;
mod report;

use std::path::Path;

use self::file::{FileError, MirrorFile};
use self::follow::{Plan, follow};
use self::report::Report;
use super::Mirror;
use crate::cli::block_on;
use crate::cli::failure::Failure;

impl Mirror {
    /// Keeps the copy in a file until it has reached the head, or for ever.
    pub(super) fn keep(&self, path: &Path) -> Result<(), Failure> {
        let unkept = |error: FileError| unkept(path, &error);
        let mut report = Report::new(self.json);
        let plan = Plan { ends_at_head: self.once, reconnects: !self.once };
        if self.rebuild {
            let mut rebuilt = MirrorFile::begin_rebuild(path).map_err(unkept)?;
            self.follow(&mut rebuilt, &mut report, Plan { ends_at_head: true, ..plan })?;
            let mut file = rebuilt.put_in_place(path).map_err(unkept)?;
            self.follow(&mut file, &mut report, plan)
        } else {
            let mut file = MirrorFile::open(path).map_err(unkept)?;
            self.follow(&mut file, &mut report, plan)
        }
    }

    fn follow(&self, file: &mut MirrorFile, report: &mut Report, plan: Plan) -> Result<(), Failure> {
        let followed = block_on(follow(&self.connection, file, report, plan));
        report.end()?;
        followed
    }
}

fn unkept(path: &Path, error: &FileError) -> Failure {
    Failure::of(format!("cannot keep a copy in {}", path.display()), error)
}

#[cfg(test)]
mod tests;
