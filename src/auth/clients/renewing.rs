//! Replaces the token of a client, and leaves the rest of the list as it is.

use std::ops::Range;

use jiff::Timestamp;

use super::revoking::{NotChanged, line_end, read, row_of};
use crate::auth::token::Digest;

/// Returns the list with another token of a client, which expires then. None if the client shows certificates. The list
/// must be valid.
pub fn with_new_token(
    list: &str,
    client: &str,
    digest: Digest,
    expires: Timestamp,
) -> Result<Option<String>, NotChanged> {
    let file = read(list)?;
    let row = row_of(&file, client)?;
    let Some(token) = &row.token_sha256 else { return Ok(None) };
    let (token, expiry) = (token.span(), row.expires.as_ref().map(toml::Spanned::span));
    let end = line_end(list, &token);
    let mut list = list.to_owned();
    let mut edits: Vec<(Range<usize>, String)> = match expiry {
        Some(expiry) => vec![(token, quoted(digest)), (expiry, format!("{expires:.0}"))],
        None => vec![(token, quoted(digest)), (end, format!("\nexpires = {expires:.0}"))],
    };
    // The last first, so that the places of the others stay.
    edits.sort_by_key(|(place, _)| std::cmp::Reverse(place.start));
    for (place, text) in edits {
        list.replace_range(place, &text);
    }
    Ok(Some(list))
}

fn quoted(digest: Digest) -> String {
    format!("\"{}\"", digest.to_hex())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_and_its_expiry_are_replaced_and_nothing_else_changes() {
        let (old, new) = (Digest::of("old"), Digest::of("new"));
        let head = "# The list\n[[client]]\nname = \"hr\"\nsan_uri = \"urn:hr\"\nrole = \"payer\"\n\n[[client]]\n";
        let list = format!("{head}name = \"t\"\ntoken_sha256 = \"{}\" # its own\nrole = \"payer\"\n", old.to_hex());
        let (one, two) = ("2027-01-01T00:00:00Z", "2028-02-02T00:00:00Z");
        let renewed = with_new_token(&list, "t", new, one.parse().unwrap()).unwrap().unwrap();
        let expected =
            list.replace(&old.to_hex(), &new.to_hex()).replace("# its own\n", &format!("# its own\nexpires = {one}\n"));
        assert_eq!(renewed, expected);
        let again = with_new_token(&renewed, "t", old, two.parse().unwrap()).unwrap().unwrap();
        assert_eq!(again, renewed.replace(&new.to_hex(), &old.to_hex()).replace(one, two));
        assert_eq!(with_new_token(&list, "hr", new, one.parse().unwrap()), Ok(None));
        assert_eq!(with_new_token(&list, "h", new, one.parse().unwrap()), Err(NotChanged::NotOnList));
    }
}
