//! The webhook in a client's row: where its changes are posted.

use std::path::PathBuf;

use http::Uri;
use serde::Deserialize;
use toml::Spanned;

/// The longest URL.
const LONGEST_URL: usize = 2048;

/// The webhook as the row has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookRow {
    url: Spanned<String>,
    secret_file: PathBuf,
    ca: Option<PathBuf>,
    #[serde(default)]
    allow_local: bool,
    from_revision: Option<u64>,
}

/// The webhook of a client. Its files are not read yet; relative paths begin at the directory of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookEntry {
    /// The client's name.
    pub client: String,
    /// An `https` URL without a user and a password.
    pub url: Uri,
    /// The file with the secret that signs.
    pub secret_file: PathBuf,
    /// The file with the authorities of the receiver's certificate (PEM), besides those of the machine.
    pub ca: Option<PathBuf>,
    /// True if the receiver may have an address that is not reached over the Internet.
    pub allow_local: bool,
    /// Where the first delivery begins. None: at the head then.
    pub from_revision: Option<u64>,
    /// The line of the row's webhook in the list, starting at 1.
    pub line: usize,
}

impl WebhookRow {
    /// The webhook of this client. The error is what is wrong with the URL.
    pub(super) fn of(&self, client: &str, line: usize) -> Result<WebhookEntry, &'static str> {
        Ok(WebhookEntry {
            client: client.to_owned(),
            url: url(self.url.get_ref())?,
            secret_file: self.secret_file.clone(),
            ca: self.ca.clone(),
            allow_local: self.allow_local,
            from_revision: self.from_revision,
            line,
        })
    }
}

fn url(text: &str) -> Result<Uri, &'static str> {
    let url: Uri = text.parse().map_err(|_| "not a URL, such as https://hr.example.org/hooks/cpss")?;
    if url.scheme() != Some(&http::uri::Scheme::HTTPS) {
        return Err("a webhook needs an https URL");
    }
    let authority = url.authority().map_or("", http::uri::Authority::as_str);
    if authority.contains('@') {
        return Err("a URL with a user or a password would end up in logs: the signature identifies this registry");
    }
    // The parser of URLs drops a fragment, which no server would see.
    if text.len() > LONGEST_URL {
        return Err("longer than 2,048 bytes");
    }
    if url.host().is_none_or(str::is_empty) || text.contains('#') {
        return Err("not the URL of a receiver: a host, and no fragment");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::super::{Clients, Mistake};
    use super::*;

    fn read(role: &str, webhook: &str) -> Result<Vec<WebhookEntry>, Vec<String>> {
        let list =
            format!("[[client]]\nname = \"a\"\nsan_uri = \"urn:a\"\nrole = \"{role}\"\nwebhook = {{ {webhook} }}\n");
        let clients = Clients::read(&list);
        clients
            .map(|clients| clients.webhooks().to_vec())
            .map_err(|mistakes| mistakes.iter().map(Mistake::to_string).collect())
    }

    #[test]
    fn a_webhook_is_read_with_its_client() {
        let entry = read("payer", "url = \"https://h.example:8443/in?x=1\", secret_file = \"hook\"").unwrap();
        let expected = WebhookEntry {
            client: "a".to_owned(),
            url: Uri::from_static("https://h.example:8443/in?x=1"),
            secret_file: "hook".into(),
            ca: None,
            allow_local: false,
            from_revision: None,
            line: 5,
        };
        assert_eq!(entry, [expected]);
        let more = "secret_file = \"hook\", ca = \"ca.crt\", allow_local = true, from_revision = 7";
        let entry = &read("payer", &format!("url = \"https://h.example\", {more}")).unwrap()[0];
        assert_eq!((entry.ca.clone(), entry.allow_local, entry.from_revision), (Some("ca.crt".into()), true, Some(7)));
    }

    #[test]
    fn a_webhook_that_cannot_work_is_a_mistake_with_its_line() {
        let long = format!("https://h.example/{}", "a".repeat(LONGEST_URL));
        for (url, expected) in [
            (&*long, "longer than 2,048 bytes"),
            ("http://h.example/", "needs an https URL"),
            ("h.example", "needs an https URL"),
            ("https://a:b@h.example/", "a user or a password"),
            ("https://h.example/#a", "no fragment"),
            ("https://", "not a URL"),
            ("https://h.example/ a", "not a URL"),
        ] {
            let mistakes = read("payer", &format!("url = \"{url}\", secret_file = \"hook\"")).unwrap_err();
            assert!(mistakes[0].starts_with("5: ") && mistakes[0].contains(expected), "{url}: {mistakes:?}");
        }
        let unknown = read("payer", "url = \"https://h.example\", secret = \"whsec_x\"").unwrap_err();
        assert!(unknown[0].contains("unknown field `secret`"), "{unknown:?}");
        let blind = read("operator", "url = \"https://h.example\", secret_file = \"hook\"").unwrap_err();
        assert_eq!(blind, ["5: this role may not watch changes, so there is nothing to deliver"]);
    }
}
