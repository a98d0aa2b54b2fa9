//! The content of a request, in the form that is compared with an earlier request with the same id.

use uuid::Uuid;

use super::seal::keyed_digest;

/// The first bytes of an encoded message whose first field is a 36-byte string, such as a UUID in canonical form.
const BEFORE_THE_ID: [u8; 2] = [FIRST_FIELD, 36];
const FIRST_FIELD: u8 = 0x0a;

/// The content of a request. Only its digest is stored.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// The request in a deterministic encoding, with its id in canonical form.
    canonical: Vec<u8>,
    /// The request as it was sent, if that is different.
    as_sent: Option<Vec<u8>>,
}

impl Content {
    /// Takes a request as it was sent, and in canonical form.
    pub fn new(as_sent: Vec<u8>, canonical: Vec<u8>) -> Content {
        Content { as_sent: (as_sent != canonical).then_some(as_sent), canonical }
    }

    /// Returns the keyed digest of the canonical form.
    pub(super) fn digest(&self, key: &[u8; 32]) -> [u8; 32] {
        keyed_digest(key, &self.canonical)
    }

    /// True if the digest on record is that of the same request. Earlier releases digested requests as they were sent,
    /// with the id in whatever form the client wrote it.
    pub(super) fn has_digest(&self, key: &[u8; 32], on_record: &[u8; 32], id: Uuid) -> bool {
        let is_recorded = |content: &[u8]| keyed_digest(key, content) == *on_record;
        is_recorded(&self.canonical)
            || self.as_sent.as_deref().is_some_and(is_recorded)
            || forms(id).iter().filter_map(|form| self.with_id(form)).any(|content| is_recorded(&content))
    }

    /// Returns the request with its id in another form; `None` if it does not begin with an id.
    fn with_id(&self, form: &str) -> Option<Vec<u8>> {
        let rest = self.canonical.strip_prefix(&BEFORE_THE_ID)?.get(usize::from(BEFORE_THE_ID[1])..)?;
        Some([&[FIRST_FIELD, u8::try_from(form.len()).ok()?], form.as_bytes(), rest].concat())
    }
}

/// Returns the accepted forms of a UUID other than the canonical one.
fn forms(id: Uuid) -> [String; 7] {
    [
        format!("{id:X}"),
        format!("{:x}", id.simple()),
        format!("{:X}", id.simple()),
        format!("{:x}", id.braced()),
        format!("{:X}", id.braced()),
        format!("{:x}", id.urn()),
        format!("{:X}", id.urn()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message with the id in its first field and a text in its third.
    fn sent(request_id: &str, note: &str) -> Vec<u8> {
        let text = |tag: u8, text: &str| [&[tag, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        [text(FIRST_FIELD, request_id), text(0x1a, note)].concat()
    }

    #[test]
    fn a_request_of_an_earlier_release_is_recognized_in_every_form_of_its_id() {
        let (id, key) = (Uuid::from_u128(0x5f0c_4a51_3a0e_4c5b_9d0e_2f6f_7a1f_0001), [7; 32]);
        let canonical = sent(&id.to_string(), "same");
        let mut written = forms(id).to_vec();
        written.push(id.to_string());
        written.push(id.to_string().replacen("5f0c", "5F0c", 1));
        for form in &written {
            assert_eq!(Uuid::parse_str(form), Ok(id), "{form}");
            let on_record = keyed_digest(&key, &sent(form, "same"));
            let again = Content::new(sent(form, "same"), canonical.clone());
            assert!(again.has_digest(&key, &on_record, id), "{form} sent again");
            let other = Content::new(sent(form, "other"), sent(&id.to_string(), "other"));
            assert!(!other.has_digest(&key, &on_record, id), "{form} with other content");
        }
        for form in &written[..written.len() - 1] {
            let on_record = keyed_digest(&key, &sent(form, "same"));
            for now in &written {
                let again = Content::new(sent(now, "same"), canonical.clone());
                assert!(again.has_digest(&key, &on_record, id), "{form}, sent again as {now}");
                assert_eq!(again.digest(&key), keyed_digest(&key, &canonical), "{now}");
            }
        }
    }
}
