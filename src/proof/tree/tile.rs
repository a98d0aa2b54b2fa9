//! Tiles: the hashes of a tree in pieces of 256, as C2SP tlog-tiles has them.
//!
//! The hashes of tile level L are the nodes at height 8 · L of the tree: each is the root of 256 hashes of the level
//! below. Tile N of a level has the hashes from 256 · N on. The last one of a level is partial while it has fewer.

use std::fmt;

/// The number of hashes in a full tile.
pub const TILE_WIDTH: u64 = 256;

/// The number of levels that a tree of any size can have.
const LEVELS: u32 = 8;

/// A tile, or the beginning of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    /// The tile level, from 0.
    pub level: u32,
    /// Which tile of the level.
    pub index: u64,
    /// The number of its hashes, from 1 to 256.
    pub width: u64,
}

/// Returns the number of hashes that a tile level has in the tree of a size.
pub fn hashes_at(level: u32, size: u64) -> u64 {
    size.checked_shr(8 * level).unwrap_or(0)
}

impl Tile {
    /// Reads a path below `/log/tile/`, such as `0/x001/234` or `1/000.p/7`. `None` unless it is written as the format
    /// says.
    pub fn at_path(path: &str) -> Option<Tile> {
        let (level, rest) = path.split_once('/')?;
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, number(width).filter(|width| (1..TILE_WIDTH).contains(width))?),
            None => (rest, TILE_WIDTH),
        };
        let mut parts = index.split('/').rev();
        let mut read = digits(parts.next()?)?;
        let mut scale = 1_u64;
        for part in parts {
            scale = scale.checked_mul(1_000)?;
            read = digits(part.strip_prefix('x')?)?.checked_mul(scale)?.checked_add(read)?;
        }
        let level = u32::try_from(number(level)?).ok().filter(|level| *level < LEVELS)?;
        let tile = Tile { level, index: read, width };
        // Only one way to write it: no leading `x000`.
        (tile.to_string() == path).then_some(tile)
    }

    /// True if all of its hashes are in the tree of a size.
    pub fn is_in(&self, size: u64) -> bool {
        let end = self.index.checked_mul(TILE_WIDTH).and_then(|first| first.checked_add(self.width));
        end.is_some_and(|end| end <= hashes_at(self.level, size))
    }

    /// The tiles of a level with the hashes from `from` up to, but not including, `to`. The first begins at or before
    /// `from`, and the last may be partial.
    pub fn between(level: u32, from: u64, to: u64) -> impl Iterator<Item = Tile> {
        let end = if from < to { to.div_ceil(TILE_WIDTH) } else { 0 };
        (from / TILE_WIDTH..end).map(move |index| {
            let width = TILE_WIDTH.min(to - index * TILE_WIDTH);
            Tile { level, index, width }
        })
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut rest, mut parts) = (self.index / 1_000, vec![format!("{:03}", self.index % 1_000)]);
        while rest > 0 {
            parts.push(format!("x{:03}", rest % 1_000));
            rest /= 1_000;
        }
        parts.reverse();
        write!(formatter, "{}/{}", self.level, parts.join("/"))?;
        if self.width < TILE_WIDTH { write!(formatter, ".p/{}", self.width) } else { Ok(()) }
    }
}

/// A decimal number without a sign and without leading zeros.
pub(super) fn number(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if is_plain { text.parse().ok() } else { None }
}

/// Three decimal digits.
fn digits(text: &str) -> Option<u64> {
    if text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}
