//! The encoding of a list, and its text.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use encoding_rs::{Decoder, DecoderResult, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::error::ListError;

/// The size of one read.
const CHUNK: usize = 64 * 1024;

/// Where the bytes of a list come from. They can be read more than once.
#[derive(Clone, Debug)]
pub enum Bytes {
    /// A file.
    File(Arc<File>),
    /// Memory.
    Held(Arc<[u8]>),
}

impl Bytes {
    /// Reads from a place on. 0: the end.
    fn read_at(&self, into: &mut [u8], place: u64) -> io::Result<usize> {
        match self {
            Bytes::File(file) => file.read_at(into, place),
            Bytes::Held(bytes) => {
                let rest = usize::try_from(place).ok().and_then(|place| bytes.get(place..)).unwrap_or_default();
                let count = rest.len().min(into.len());
                into[..count].copy_from_slice(&rest[..count]);
                Ok(count)
            }
        }
    }

    /// The first bytes.
    pub fn beginning(&self) -> io::Result<Vec<u8>> {
        let mut first = vec![0; 512];
        let mut filled = 0;
        while filled < first.len() {
            match self.read_at(&mut first[filled..], filled as u64)? {
                0 => break,
                count => filled += count,
            }
        }
        first.truncate(filled);
        Ok(first)
    }
}

/// An encoding of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8.
    Utf8,
    /// UTF-16, the low byte first.
    Utf16Le,
    /// UTF-16, the high byte first.
    Utf16Be,
    /// Windows-1252, in which spreadsheets save "CSV" in America and western Europe.
    Windows1252,
}

/// The encoding of a list, and whether a byte order mark comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// The encoding.
    pub charset: Charset,
    /// Whether there is a byte order mark.
    pub has_mark: bool,
}

impl Encoding {
    /// UTF-8 with a byte order mark, which every spreadsheet recognizes.
    pub const MARKED_UTF_8: Encoding = Encoding { charset: Charset::Utf8, has_mark: true };

    /// Detects the encoding of a list: by its byte order mark, by the zero bytes of UTF-16, else by reading all of it
    /// as UTF-8 and, if it is not that, as Windows-1252.
    pub fn of(bytes: &Bytes) -> Result<Encoding, ListError> {
        let first = bytes.beginning()?;
        let marked = |charset| Ok(Encoding { charset, has_mark: true });
        let bare = |charset| Ok(Encoding { charset, has_mark: false });
        match first[..] {
            [0xEF, 0xBB, 0xBF, ..] => marked(Charset::Utf8),
            [0xFF, 0xFE, ..] => marked(Charset::Utf16Le),
            [0xFE, 0xFF, ..] => marked(Charset::Utf16Be),
            [low, 0, ..] if low != 0 => bare(Charset::Utf16Le),
            [0, high, ..] if high != 0 => bare(Charset::Utf16Be),
            _ => bare(utf_8_or_windows_1252(bytes)?),
        }
    }

    /// The length of the byte order mark.
    fn mark(self) -> &'static [u8] {
        match self.charset {
            _ if !self.has_mark => &[],
            Charset::Utf8 => b"\xEF\xBB\xBF",
            Charset::Utf16Le => b"\xFF\xFE",
            Charset::Utf16Be => b"\xFE\xFF",
            Charset::Windows1252 => &[],
        }
    }

    /// The name for people.
    pub fn name(self) -> &'static str {
        match self.charset {
            Charset::Utf8 => "UTF-8",
            Charset::Utf16Le | Charset::Utf16Be => "UTF-16",
            Charset::Windows1252 => "Windows-1252",
        }
    }

    fn standard(self) -> &'static encoding_rs::Encoding {
        match self.charset {
            Charset::Utf8 => UTF_8,
            Charset::Utf16Le => UTF_16LE,
            Charset::Utf16Be => UTF_16BE,
            Charset::Windows1252 => WINDOWS_1252,
        }
    }

    fn decoder(self) -> Decoder {
        self.standard().new_decoder_without_bom_handling()
    }

    /// Whether the encoding has all letters of a text.
    pub fn can_say(self, text: &str) -> bool {
        self.charset != Charset::Windows1252 || !WINDOWS_1252.encode(text).2
    }

    /// The byte order mark and a text, as bytes.
    pub fn marked(self, text: &str) -> io::Result<Vec<u8>> {
        let mut bytes = self.mark().to_vec();
        bytes.extend(self.encoded(text)?);
        Ok(bytes)
    }

    /// A text as bytes.
    pub fn encoded(self, text: &str) -> io::Result<Vec<u8>> {
        match self.charset {
            Charset::Utf8 => Ok(text.as_bytes().to_vec()),
            Charset::Utf16Le => Ok(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
            Charset::Utf16Be => Ok(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
            Charset::Windows1252 => match WINDOWS_1252.encode(text) {
                (bytes, _, false) => Ok(bytes.into_owned()),
                _ => Err(io::Error::other("an answer has letters that Windows-1252 does not have")),
            },
        }
    }
}

/// The text of a short file, in the encoding that a list of these bytes would have. `None`: it has other bytes too.
pub fn text_of(bytes: &[u8]) -> Option<String> {
    let encoding = Encoding::of(&Bytes::Held(bytes.into())).ok()?;
    let text = bytes.strip_prefix(encoding.mark())?;
    let (text, is_damaged) = encoding.standard().decode_without_bom_handling(text);
    (!is_damaged).then(|| text.into_owned())
}

/// The text of a list, piece by piece.
#[derive(Debug)]
pub struct Text {
    bytes: Bytes,
    /// Where the next read begins.
    place: u64,
    encoding: Encoding,
    decoder: Decoder,
    chunk: Vec<u8>,
    /// The part of the chunk that is not decoded yet.
    rest: std::ops::Range<usize>,
    is_at_end: bool,
}

/// The result of reading more text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// There may be more.
    Read,
    /// That was the end.
    End,
    /// The bytes behind what was read are not of the encoding.
    Malformed,
}

impl Text {
    /// The text of a list in an encoding, behind the byte order mark.
    pub fn of(bytes: &Bytes, encoding: Encoding) -> Text {
        Text {
            bytes: bytes.clone(),
            place: encoding.mark().len() as u64,
            encoding,
            decoder: encoding.decoder(),
            chunk: Vec::new(),
            rest: 0..0,
            is_at_end: false,
        }
    }

    /// The encoding.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Appends the next piece to a text.
    pub fn read(&mut self, into: &mut String) -> io::Result<More> {
        if self.rest.is_empty() && !self.is_at_end {
            self.chunk.resize(CHUNK, 0);
            let count = self.bytes.read_at(&mut self.chunk, self.place)?;
            self.place += count as u64;
            self.rest = 0..count;
            self.is_at_end = count == 0;
        }
        let source = &self.chunk[self.rest.clone()];
        let needed = self.decoder.max_utf8_buffer_length_without_replacement(source.len());
        into.reserve(needed.unwrap_or(CHUNK));
        let (result, count) = self.decoder.decode_to_string_without_replacement(source, into, self.is_at_end);
        self.rest.start += count;
        Ok(match result {
            DecoderResult::Malformed(..) => More::Malformed,
            DecoderResult::InputEmpty if self.is_at_end => More::End,
            DecoderResult::InputEmpty | DecoderResult::OutputFull => More::Read,
        })
    }
}

/// Decides by the whole content. What has letters of both encodings has none of them throughout.
fn utf_8_or_windows_1252(bytes: &Bytes) -> Result<Charset, ListError> {
    let mut text = Text::of(bytes, Encoding { charset: Charset::Utf8, has_mark: false });
    let (mut line, mut malformed, mut has_utf_8) = (1, None, false);
    let mut piece = String::new();
    loop {
        piece.clear();
        let more = text.read(&mut piece)?;
        has_utf_8 |= !piece.is_ascii();
        line += piece.bytes().filter(|byte| *byte == b'\n').count() as u64;
        match more {
            More::Read => {}
            More::End => break,
            More::Malformed => {
                malformed.get_or_insert(line);
            }
        }
    }
    match malformed {
        None => Ok(Charset::Utf8),
        Some(line) if has_utf_8 => Err(ListError::not_a_table(
            line,
            "a letter is not in UTF-8, and others of the list are: save the list as CSV UTF-8",
        )),
        Some(_) => without_undefined(bytes).map(|()| Charset::Windows1252),
    }
}

/// Refuses bytes that are no letters of Windows-1252: the list is in yet another encoding.
fn without_undefined(bytes: &Bytes) -> Result<(), ListError> {
    let (mut place, mut line, mut chunk) = (0, 1, vec![0; CHUNK]);
    loop {
        let count = bytes.read_at(&mut chunk, place)?;
        if count == 0 {
            return Ok(());
        }
        place += count as u64;
        for byte in &chunk[..count] {
            match byte {
                b'\n' => line += 1,
                0x81 | 0x8D | 0x8F | 0x90 | 0x9D => {
                    let what = "a letter is neither in UTF-8 nor in Windows-1252: save the list as CSV UTF-8";
                    return Err(ListError::not_a_table(line, what));
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(bytes: &[u8]) -> Bytes {
        Bytes::Held(bytes.into())
    }

    fn read(bytes: &[u8]) -> (Encoding, String) {
        let bytes = held(bytes);
        let encoding = Encoding::of(&bytes).unwrap();
        let (mut text, mut reader) = (String::new(), Text::of(&bytes, encoding));
        while reader.read(&mut text).unwrap() == More::Read {}
        (encoding, text)
    }

    #[test]
    fn every_encoding_is_detected_and_comes_back_byte_for_byte() {
        let text = "number,name\r\nCPS-1,Muñoz – “é”\r\n";
        for (charset, has_mark) in [
            (Charset::Utf8, false),
            (Charset::Utf8, true),
            (Charset::Utf16Le, false),
            (Charset::Utf16Le, true),
            (Charset::Utf16Be, false),
            (Charset::Utf16Be, true),
            (Charset::Windows1252, false),
        ] {
            let encoding = Encoding { charset, has_mark };
            let bytes = encoding.marked(text).unwrap();
            assert_eq!(read(&bytes), (encoding, text.to_owned()));
        }
        let all: Vec<u8> = (1..=255).filter(|byte| ![0x81, 0x8D, 0x8F, 0x90, 0x9D].contains(byte)).collect();
        let (encoding, text) = read(&all);
        assert_eq!((encoding.name(), encoding.encoded(&text).unwrap()), ("Windows-1252", all));
    }

    #[test]
    fn letters_across_two_reads_are_whole() {
        let text = format!("{}{}", "a".repeat(CHUNK - 1), "ñ".repeat(CHUNK));
        assert_eq!(read(text.as_bytes()).1, text);
    }

    #[test]
    fn a_mix_of_encodings_and_an_unknown_one_are_refused_with_the_line() {
        let error = |bytes: &[u8]| Encoding::of(&held(bytes)).unwrap_err().to_string();
        assert!(error(b"a\nMu\xc3\xb1oz\nMu\xf1oz\n").starts_with("line 3: a letter is not in UTF-8, and others"));
        assert!(error(b"a\nMu\x8doz\n").starts_with("line 2: a letter is neither in UTF-8 nor in Windows-1252"));
    }

    #[test]
    fn windows_1252_cannot_say_every_name() {
        let encoding = Encoding { charset: Charset::Windows1252, has_mark: false };
        assert!(encoding.can_say("Muñoz") && !encoding.can_say("Żak") && encoding.encoded("Żak").is_err());
    }
}
