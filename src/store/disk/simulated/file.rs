//! One file of the simulated disk: its visible contents, its durable contents, and the difference between them.

/// The unit that a disk writes atomically.
const SECTOR: usize = 512;

/// The contents of a file.
#[derive(Default)]
pub struct Contents {
    /// The contents that the operating system shows.
    visible: Vec<u8>,
    /// The contents at the last sync.
    durable: Vec<u8>,
    /// The changes since the last sync.
    unsynced: Vec<Change>,
    /// The changes that a failed sync gave up: the operating system shows them but never writes them again.
    given_up: Vec<Change>,
}

enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Change::Write(offset, written) => {
                let end = offset + written.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(written);
            }
            Change::Truncate(length) => bytes.resize(*length, 0),
        }
    }

    fn touches(&self, sector: usize) -> bool {
        match self {
            Change::Write(offset, written) => {
                *offset < (sector + 1) * SECTOR && sector * SECTOR < offset + written.len()
            }
            Change::Truncate(_) => false,
        }
    }
}

impl Contents {
    /// A file whose contents are all durable.
    pub fn durable(bytes: Vec<u8>) -> Contents {
        Contents { visible: bytes.clone(), durable: bytes, ..Contents::default() }
    }

    pub fn visible(&self) -> &[u8] {
        &self.visible
    }

    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        self.change(Change::Write(offset, bytes.to_vec()));
    }

    pub fn truncate(&mut self, length: usize) {
        self.change(Change::Truncate(length));
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.visible);
        self.unsynced.push(change);
    }

    /// Makes everything durable except the sectors that an earlier sync gave up.
    pub fn sync(&mut self) {
        let unsynced = std::mem::take(&mut self.unsynced);
        let mut durable = self.visible.clone();
        for (sector, bytes) in durable.chunks_mut(SECTOR).enumerate() {
            let touches = |changes: &[Change]| changes.iter().any(|change| change.touches(sector));
            if touches(&self.given_up) && !touches(&unsynced) {
                for (at, byte) in bytes.iter_mut().enumerate() {
                    *byte = self.durable.get(sector * SECTOR + at).copied().unwrap_or(0);
                }
            }
        }
        self.durable = durable;
    }

    /// Gives up what is not durable, but still shows it.
    pub fn fail_to_sync(&mut self) {
        self.given_up.append(&mut self.unsynced);
    }

    /// Drops what was not made durable, or keeps some of it: each sector is as it was after one of the changes.
    pub fn lose_power(&mut self, random: &mut fastrand::Rng) {
        let mut versions = vec![self.durable.clone()];
        for change in &self.unsynced {
            let mut next = versions.last().cloned().unwrap_or_default();
            change.apply(&mut next);
            versions.push(next);
        }
        let last = versions.len() - 1;
        let mut kept = versions[random.usize(..=last)].clone();
        // A file that grew may have any length in between.
        let shortest = self.durable.len().min(kept.len());
        let cut = random.usize(shortest / SECTOR..=kept.len() / SECTOR) * SECTOR;
        if random.bool() && cut > self.durable.len() {
            kept.truncate(cut);
        }
        // All of the last version, none of it, the sectors before a position, or random sectors of random versions.
        let (mode, position) = (random.u8(..4), random.usize(..=kept.len() / SECTOR));
        for (sector, bytes) in kept.chunks_mut(SECTOR).enumerate() {
            let version = match mode {
                0 => last,
                1 => 0,
                2 => usize::from(sector < position) * last,
                _ => random.usize(..=last),
            };
            for (at, byte) in bytes.iter_mut().enumerate() {
                *byte = versions[version].get(sector * SECTOR + at).copied().unwrap_or(0);
            }
        }
        *self = Contents::durable(kept);
    }
}
