//! Parses the list of clients: first the TOML form, then the checks across rows. Collects every mistake.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use jiff::Timestamp;
use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use super::webhook::WebhookRow;
use super::{Certified, Clients, Mistake, Token};
use crate::auth::serial::Serial;
use crate::auth::token::Digest;
use crate::auth::{Caller, FEED, PACKAGE, method};
use crate::domain::fact::Role;
use crate::domain::id::ProviderId;

/// The names of the roles in a row.
const ROLES: &str = "registrar, certifier, provider, payer, auditor, operator";

const LONGEST_NAME: usize = 64;
const LONGEST_URI: usize = 512;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    remove_more_than_half: bool,
    #[serde(default)]
    pub(super) client: Vec<Spanned<Row>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    pub(super) name: Spanned<String>,
    pub(super) san_uri: Option<Spanned<String>>,
    pub(super) token_sha256: Option<Spanned<String>>,
    role: Spanned<String>,
    provider_id: Option<Spanned<String>>,
    pub(super) revoked: Option<Spanned<Vec<Spanned<String>>>>,
    misses_per_hour: Option<Spanned<NonZeroU32>>,
    pub(super) expires: Option<Spanned<Datetime>>,
    webhook: Option<Spanned<WebhookRow>>,
}

/// A list that is being parsed.
struct Reading<'a> {
    text: &'a str,
    clients: Clients,
    names: HashMap<String, usize>,
    /// The misses per hour in the first row of each provider, with its line.
    misses: HashMap<ProviderId, (Option<NonZeroU32>, usize)>,
    mistakes: Vec<Mistake>,
}

pub(super) fn read(text: &str) -> Result<Clients, Vec<Mistake>> {
    let mut reading = Reading {
        text,
        clients: Clients::default(),
        names: HashMap::new(),
        misses: HashMap::new(),
        mistakes: Vec::new(),
    };
    match toml::from_str::<File>(text) {
        Ok(file) => {
            reading.clients.may_remove_most = file.remove_more_than_half;
            file.client.into_iter().for_each(|row| reading.take(&row));
        }
        Err(error) => reading.mistake(&error.span().unwrap_or(0..0), error.message().trim()),
    }
    if reading.mistakes.is_empty() { Ok(reading.clients) } else { Err(reading.mistakes) }
}

impl Reading<'_> {
    fn line(&self, at: usize) -> usize {
        self.text.get(..at).map_or(1, |before| before.matches('\n').count() + 1)
    }

    fn mistake(&mut self, at: &Range<usize>, message: impl Into<String>) {
        let line = self.line(at.start);
        self.mistakes.push(Mistake { line, message: message.into() });
    }

    fn take(&mut self, row: &Spanned<Row>) {
        let at = row.span();
        let row = row.get_ref();
        self.take_name(&row.name);
        let role = self.role(row, &at);
        let client = row.name.get_ref().clone();
        if let (Some(webhook), Some(role)) = (&row.webhook, &role) {
            self.take_webhook(webhook, &client, role);
        }
        let misses_per_hour = role.as_ref().and_then(|role| self.misses_per_hour(row, role, &at));
        let caller = Arc::new(Caller { client, role: role.unwrap_or(Role::Auditor), misses_per_hour });
        match (&row.san_uri, &row.token_sha256) {
            (Some(uri), None) => {
                let revoked = self.serials(row.revoked.as_ref().map_or(&[], |revoked| revoked.get_ref()));
                if let Some(expires) = &row.expires {
                    self.mistake(&expires.span(), "expires is for a token: a certificate has its own expiry");
                }
                self.take_uri(uri, Certified { caller, revoked });
            }
            (None, Some(digest)) => {
                if let Some(revoked) = &row.revoked {
                    let message = "a token has no serial number: to revoke it, take the client off the list";
                    self.mistake(&revoked.span(), message);
                }
                let expires = row.expires.as_ref().and_then(|expires| self.expiry(expires));
                self.take_token(digest, Token { caller, expires, is_expired: AtomicBool::new(false) });
            }
            (None, None) => self.mistake(&at, "give san_uri or token_sha256"),
            (Some(_), Some(token)) => {
                self.mistake(&token.span(), "give san_uri or token_sha256, not both");
            }
        }
    }

    fn take_name(&mut self, name: &Spanned<String>) {
        let text = name.get_ref();
        let fits = (1..=LONGEST_NAME).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if !fits {
            let message = format!("a name consists of 1 to {LONGEST_NAME} letters, digits, '-', '_' or '.'");
            self.mistake(&name.span(), message);
        }
        let line = self.line(name.span().start);
        if let Some(first) = self.names.insert(text.clone(), line) {
            self.mistake(&name.span(), format!("the name `{text}` is already used in line {first}"));
        }
    }

    fn role(&mut self, row: &Row, at: &Range<usize>) -> Option<Role> {
        let role = match (row.role.get_ref().as_str(), &row.provider_id) {
            ("provider", Some(id)) => match id.get_ref().parse::<ProviderId>() {
                Ok(id) => return Some(Role::Provider(id)),
                Err(wrong) => {
                    self.mistake(&id.span(), wrong.to_string());
                    return None;
                }
            },
            ("provider", None) => {
                self.mistake(at, "the role provider needs a provider_id");
                return None;
            }
            ("registrar", _) => Role::Registrar,
            ("certifier", _) => Role::Certifier,
            ("payer", _) => Role::Payer,
            ("auditor", _) => Role::Auditor,
            ("operator", _) => Role::Operator,
            (other, _) => {
                self.mistake(&row.role.span(), format!("`{other}` is not a role; the roles are {ROLES}"));
                return None;
            }
        };
        if let Some(id) = &row.provider_id {
            self.mistake(&id.span(), "provider_id is only for the role provider");
        }
        Some(role)
    }

    fn serials(&mut self, revoked: &[Spanned<String>]) -> Box<[Serial]> {
        let mut serials = Vec::new();
        for text in revoked {
            match Serial::from_hex(text.get_ref()) {
                Some(serial) => serials.push(serial),
                None => self.mistake(
                    &text.span(),
                    "not the serial number of a certificate: hexadecimal digits (openssl x509 -noout -serial -in FILE)",
                ),
            }
        }
        serials.into()
    }

    /// Returns the misses per hour of a row. The rows of one provider share its budget, so they must agree.
    fn misses_per_hour(&mut self, row: &Row, role: &Role, at: &Range<usize>) -> Option<NonZeroU32> {
        let misses = row.misses_per_hour.as_ref().map(|misses| *misses.get_ref());
        let at = row.misses_per_hour.as_ref().map_or(at.clone(), Spanned::span);
        match role {
            Role::Provider(id) => {
                let line = self.line(at.start);
                let (first, of) = *self.misses.entry(id.clone()).or_insert((misses, line));
                if first != misses {
                    let message = format!(
                        "misses_per_hour differs from line {of}: all rows of a provider must have the same value"
                    );
                    self.mistake(&at, message);
                }
            }
            Role::Payer => {}
            _ if misses.is_some() => self.mistake(&at, "misses_per_hour is for the roles provider and payer"),
            _ => {}
        }
        misses
    }

    fn take_webhook(&mut self, webhook: &Spanned<WebhookRow>, client: &str, role: &Role) {
        if method(&format!("/{PACKAGE}.{FEED}")).is_none_or(|watch| watch.right(role).is_none()) {
            self.mistake(&webhook.span(), "this role may not watch changes, so there is nothing to deliver");
        }
        match webhook.get_ref().of(client, self.line(webhook.span().start)) {
            Ok(webhook) => self.clients.webhooks.push(webhook),
            Err(wrong) => self.mistake(&webhook.span(), wrong),
        }
    }

    fn take_uri(&mut self, uri: &Spanned<String>, certified: Certified) {
        let text = uri.get_ref();
        let is_uri = text.len() <= LONGEST_URI
            && text.bytes().all(|b| b.is_ascii_graphic())
            && text.split_once(':').is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty());
        if !is_uri {
            self.mistake(&uri.span(), "not a URI, such as urn:cpss:client:region-1-hr");
        }
        if let Some(other) = self.clients.by_uri.insert(text.as_str().into(), certified) {
            self.mistake(&uri.span(), format!("this URI already belongs to `{}`", other.caller.client));
        }
    }

    fn expiry(&mut self, expires: &Spanned<Datetime>) -> Option<Timestamp> {
        let instant = expires.get_ref().to_string().parse().ok();
        if instant.is_none() {
            self.mistake(&expires.span(), "not a date with a time and an offset, such as 2027-06-30T00:00:00Z");
        }
        instant
    }

    fn take_token(&mut self, digest: &Spanned<String>, token: Token) {
        let Some(known) = Digest::from_hex(digest.get_ref()) else {
            self.mistake(&digest.span(), "not a SHA-256: 64 hexadecimal digits (printf %s TOKEN | sha256sum)");
            return;
        };
        if known == Digest::of("") {
            self.mistake(&digest.span(), "this is the SHA-256 of an empty text: the token is missing");
        }
        if let Some(other) = self.clients.by_token.insert(known, token) {
            self.mistake(&digest.span(), format!("this token already belongs to `{}`", other.caller.client));
        }
    }
}
