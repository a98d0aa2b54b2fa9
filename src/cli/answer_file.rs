//! The file with the rows of a list and their answers, written row by row.

use std::path::{Path, PathBuf};

use super::failure::Failure;
use super::list::{AnswerWriter, Encoding, List, Row};
use super::new_file::{NewFile, cannot_write};

/// A file of answers that is there whole or not at all.
pub struct AnswerFile {
    writer: AnswerWriter<NewFile>,
    encoding: Encoding,
    path: PathBuf,
}

impl AnswerFile {
    /// Begins the file, in the encoding of the list.
    pub fn begin(list: &List, path: &Path) -> Result<AnswerFile, Failure> {
        let file = NewFile::begin(path).map_err(|error| cannot_write(path, &error))?;
        let encoding = list.encoding();
        let writer = list.answers(file, encoding).map_err(|error| cannot_write(path, &error))?;
        Ok(AnswerFile { writer, encoding, path: path.to_owned() })
    }

    /// Writes a row with its answers. A letter that the encoding does not have is written as its code.
    pub fn write(&mut self, row: &Row, answers: &[String]) -> Result<(), Failure> {
        let encoding = self.encoding;
        let said = |answer: &String| {
            if encoding.can_say(answer) { answer.clone() } else { answer.escape_default().to_string() }
        };
        let answers: Vec<String> = answers.iter().map(said).collect();
        let written = self.writer.write(row, answers.iter().map(String::as_str));
        written.map_err(|error| cannot_write(&self.path, &error))
    }

    /// Gives the file its name, once it is on disk.
    pub fn keep(self) -> Result<(), Failure> {
        let AnswerFile { writer, path, .. } = self;
        writer.finish().and_then(NewFile::keep).map_err(|error| cannot_write(&path, &error))
    }
}
