//! Revokes a certificate: adds its serial number to the client's row, and leaves the rest of the list as it is.

use std::ops::Range;

use toml::Spanned;

use super::reading::{File, Row};
use crate::auth::serial::Serial;

/// The list was not changed: no certificate was revoked, and no token replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotChanged {
    /// The list has no such client.
    #[error("has no client with this name")]
    NotOnList,
    /// The client uses a token.
    #[error(
        "has a token for this client, and a token has no serial number: remove the client's row, which ends the use of \
         the token, and add the client again"
    )]
    ShowsToken,
    /// The list cannot be read.
    #[error("cannot be read")]
    Unreadable,
}

/// Fails if a client has no certificate that could be revoked. The list must be valid.
pub fn check_revocable(list: &str, client: &str) -> Result<(), NotChanged> {
    row_with_certificates(&read(list)?, client).map(drop)
}

pub(super) fn read(list: &str) -> Result<File, NotChanged> {
    toml::from_str(list).map_err(|_| NotChanged::Unreadable)
}

/// The place at the end of the line of a value, after a comment.
pub(super) fn line_end(list: &str, value: &Range<usize>) -> Range<usize> {
    let rest = list.get(value.end..).unwrap_or_default();
    let end = value.end + rest.find('\n').unwrap_or(rest.len());
    end..end
}

/// Returns the row of a client.
pub(super) fn row_of<'f>(file: &'f File, client: &str) -> Result<&'f Row, NotChanged> {
    let mut rows = file.client.iter().map(Spanned::get_ref);
    rows.find(|row| row.name.get_ref() == client).ok_or(NotChanged::NotOnList)
}

/// Returns the row of a client, and the URI in its certificates.
fn row_with_certificates<'f>(file: &'f File, client: &str) -> Result<(&'f Row, &'f Spanned<String>), NotChanged> {
    let row = row_of(file, client)?;
    Ok((row, row.san_uri.as_ref().ok_or(NotChanged::ShowsToken)?))
}

/// Returns the list with one more revoked certificate of a client. The list must be valid.
pub fn with_revoked(list: &str, client: &str, serial: &Serial) -> Result<String, NotChanged> {
    let file = read(list)?;
    let (row, uri) = row_with_certificates(&file, client)?;
    let known = row.revoked.as_ref().map(Spanned::get_ref).into_iter().flatten();
    let mut serials: Vec<&str> = known.map(|serial| serial.get_ref().as_str()).collect();
    if serials.iter().any(|known| Serial::from_hex(known).as_ref() == Some(serial)) {
        return Ok(list.to_owned());
    }
    let added = serial.to_string();
    serials.push(&added);
    let array = serials.iter().map(|serial| format!("\"{serial}\"")).collect::<Vec<_>>().join(", ");
    let (at, key) = match &row.revoked {
        Some(revoked) => (revoked.span(), ""),
        None => (line_end(list, &uri.span()), "\nrevoked = "),
    };
    let mut list = list.to_owned();
    list.replace_range(at, &format!("{key}[{array}]"));
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "# The list\n[[client]]\nname = \"hr\"\nsan_uri = \"urn:hr\" # its own\nrole = \"payer\"\n\n\
                        [[client]]\nname = \"t\"\ntoken_sha256 = \"00\"\nrole = \"payer\"\n";

    fn serial(text: &str) -> Serial {
        Serial::from_hex(text).unwrap()
    }

    #[test]
    fn a_serial_number_is_added_to_the_row_and_nothing_else_changes() {
        let once = with_revoked(LIST, "hr", &serial("0a01")).unwrap();
        assert_eq!(once, LIST.replace("# its own\n", "# its own\nrevoked = [\"0a01\"]\n"));
        let twice = with_revoked(&once, "hr", &serial("ff")).unwrap();
        assert_eq!(twice, once.replace("[\"0a01\"]", "[\"0a01\", \"ff\"]"));
        assert_eq!(with_revoked(&twice, "hr", &serial("00:0a:01")).unwrap(), twice, "it is already there");
    }

    #[test]
    fn a_client_without_certificates_has_none_to_revoke() {
        assert_eq!(check_revocable(LIST, "t"), Err(NotChanged::ShowsToken));
        assert_eq!(check_revocable(LIST, "hr"), Ok(()));
        assert_eq!(with_revoked(LIST, "t", &serial("01")), Err(NotChanged::ShowsToken));
        assert_eq!(with_revoked(LIST, "h", &serial("01")), Err(NotChanged::NotOnList));
    }
}
