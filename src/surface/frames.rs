//! Counts the messages in a body. Each is a flag byte, the length of the message in four bytes, and the message.

/// The number of bytes before each message.
const PREFIX: u8 = 5;

/// Counts messages as their bytes pass.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// The number of complete messages.
    messages: u64,
    /// The number of prefix bytes that have passed, and the length as far as it is known.
    prefix: u8,
    length: u32,
    /// The number of bytes that the current message still lacks.
    missing: u32,
    /// The number of its bytes that have passed.
    unfinished: usize,
}

impl Frames {
    /// Counts the next bytes.
    pub(super) fn take(&mut self, mut bytes: &[u8]) {
        while let Some((byte, rest)) = bytes.split_first() {
            if self.missing > 0 {
                let there = u32::try_from(bytes.len()).unwrap_or(u32::MAX).min(self.missing);
                self.missing -= there;
                self.unfinished += there as usize;
                bytes = bytes.get(there as usize..).unwrap_or_default();
            } else {
                // The first byte is the compression flag. Shifting in the four length bytes pushes it out.
                self.length = self.length << 8 | u32::from(*byte);
                self.prefix += 1;
                bytes = rest;
                if self.prefix < PREFIX {
                    continue;
                }
                self.prefix = 0;
                self.missing = std::mem::take(&mut self.length);
            }
            if self.missing == 0 {
                self.messages += 1;
                self.unfinished = 0;
            }
        }
    }

    /// Returns the number of bytes of the incomplete message.
    pub(super) fn unfinished(&self) -> usize {
        self.unfinished
    }

    /// Returns the number of complete messages.
    pub(super) fn messages(&self) -> u64 {
        self.messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_however_their_bytes_are_split() {
        let mut bytes = Vec::new();
        for length in [0_u32, 1, 5, 300, 0, 70_000] {
            bytes.push(1);
            bytes.extend(length.to_be_bytes());
            bytes.resize(bytes.len() + length as usize, 0xff);
        }
        for cut in [1, 2, 3, 5, 7, 64, 1000, bytes.len()] {
            let mut frames = Frames::default();
            bytes.chunks(cut).for_each(|chunk| frames.take(chunk));
            assert_eq!((frames.messages(), frames.unfinished()), (6, 0), "cut into {cut}");
        }
        let mut frames = Frames::default();
        frames.take(&bytes[..bytes.len() - 1]);
        assert_eq!((frames.messages(), frames.unfinished()), (5, 69_999), "the last is incomplete");
    }
}
