//! Reading the log by its format, without code of the program: `len · crc32c · first_revision · count · records`.

use std::fs;
use std::path::Path;

/// A frame: a batch of records.
pub struct Frame {
    /// The revision of the first record.
    pub first: u64,
    /// The number of records.
    pub count: u32,
}

/// The frames on disk.
#[derive(Default)]
pub struct Frames {
    /// The complete frames, in order.
    pub whole: Vec<Frame>,
    /// Whether an incomplete frame follows.
    pub is_cut_short: bool,
}

/// Reads the frames of a data directory that no program uses.
pub fn frames(data_dir: &Path) -> Frames {
    let names = fs::read_dir(data_dir.join("log")).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<_> = names.filter(|path| path.extension().is_some_and(|it| it == "log")).collect();
    segments.sort();
    let mut frames = Frames::default();
    for segment in segments {
        let bytes = fs::read(segment).unwrap();
        let mut rest = &bytes[..];
        while let Some((frame, size)) = frame(rest, frames.whole.last().map_or(1, |it| it.first + u64::from(it.count)))
        {
            frames.whole.push(frame);
            rest = &rest[size..];
        }
        frames.is_cut_short = rest.iter().any(|byte| *byte != 0);
    }
    frames
}

/// The frame at the start of these bytes, and its size.
fn frame(bytes: &[u8], expected: u64) -> Option<(Frame, usize)> {
    let number = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().unwrap()));
    let size = 8 + number(0)? as usize;
    let first = u64::from_le_bytes(bytes.get(8..16)?.try_into().unwrap());
    let body = bytes.get(8..size)?;
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&bytes[..4]), body);
    (first == expected && checksum == number(4)?).then_some((Frame { first, count: number(16)? }, size))
}
