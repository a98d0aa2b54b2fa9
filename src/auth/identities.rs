//! Identifies callers: by certificate or token and the list of clients, or on a development server by request metadata.
//!
//! A certificate is decoded once, when its connection is made. Each call then needs one lookup in the current list. So
//! a client that was removed from the list, or has a new role, is treated accordingly at its next call.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use jiff::Timestamp;

use super::Caller;
use super::clients::{Clients, NotCertified, RemovesMost, Token};
use super::dev::{BadDevCaller, DEV_CALLER, dev_caller};
use super::peer::Peer;
use super::quotas::Quotas;
use super::token::{Digest, bearer};

/// How callers are identified. Clones share the list of clients.
#[derive(Clone, Debug)]
pub enum Identities {
    /// A development server: by `x-dev-caller`.
    Dev,
    /// By the list of clients.
    Listed(Arc<ArcSwap<Clients>>),
}

/// The caller cannot be identified. The texts go to the caller and repeat nothing of what it presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotIdentified {
    /// It presented neither a certificate nor a token.
    #[error("present a client certificate, or a token (authorization: Bearer ...)")]
    Nothing,
    /// The certificate's chain is valid, but it belongs to no client.
    #[error("the certificate does not belong to a client of this registry")]
    UnknownCertificate,
    /// The certificate belongs to a client, and the list says that it is revoked.
    #[error("the certificate was revoked: ask the operator of the registry for a new one")]
    RevokedCertificate,
    /// The certificate has expired since the connection was made.
    #[error("the certificate has expired since the connection was made")]
    ExpiredCertificate,
    /// The authority of the certificate is not trusted any more.
    #[error("the authority of the certificate is no longer trusted: ask the operator of the registry for a new one")]
    DistrustedAuthority,
    /// The token belongs to a client, and has expired.
    #[error("the token has expired: ask the operator of the registry for a new one")]
    ExpiredToken,
    /// The authorization header is malformed, or its token belongs to no client.
    #[error("the token does not belong to a client of this registry")]
    UnknownToken,
    /// A certificate and a token were both presented.
    #[error("present a certificate or a token, not both")]
    TwoIdentities,
    /// The server itself calls for a client that is not on the list any more.
    #[error("the client is no longer on the list")]
    NotOnList,
    /// The development server's metadata names no caller.
    #[error(transparent)]
    BadDevCaller(#[from] BadDevCaller),
}

impl From<NotCertified> for NotIdentified {
    fn from(reason: NotCertified) -> NotIdentified {
        match reason {
            NotCertified::Unknown => NotIdentified::UnknownCertificate,
            NotCertified::Revoked => NotIdentified::RevokedCertificate,
        }
    }
}

impl Identities {
    /// Identifies callers by this list, until it is replaced.
    pub fn listed(clients: Clients) -> Identities {
        Identities::Listed(Arc::new(ArcSwap::from_pointee(clients)))
    }

    /// True on a development server.
    pub fn is_dev(&self) -> bool {
        matches!(self, Identities::Dev)
    }

    /// Replaces the list, for all connections. Refuses a list that would remove more than half of the clients, unless
    /// it says that it may.
    pub fn replace(&self, clients: Clients) -> Result<(), RemovesMost> {
        if let Identities::Listed(current) = self {
            current.load().refuse_to_lose_most(&clients)?;
            current.store(Arc::new(clients));
        }
        Ok(())
    }

    /// Marks the tokens that have expired.
    pub fn expire(&self, now: Timestamp) {
        if let Identities::Listed(clients) = self {
            clients.load().expire(now);
        }
    }

    /// The tokens of the list that expire, with the names of their clients.
    pub fn token_expiries(&self) -> Vec<(String, Timestamp)> {
        match self {
            Identities::Dev => Vec::new(),
            Identities::Listed(clients) => clients.load().token_expiries(),
        }
    }

    /// Authenticates a new connection by its certificate, if its client may open one more.
    pub fn recognize(&self, peer: &Peer, quotas: &Quotas) {
        if let (Identities::Listed(clients), Some(certificate)) = (self, peer.certificate())
            && certificate.authority.is_trusted()
            && let Ok(caller) = clients.load().of_certificate(certificate)
        {
            // A connection over the limit stays unauthenticated: its calls are refused, and it is closed.
            peer.admit(quotas, &caller.client).ok();
        }
    }

    /// Returns the caller of a request at `now`.
    pub fn caller(&self, headers: &HeaderMap, peer: Option<&Peer>, now: Instant) -> Result<Arc<Caller>, NotIdentified> {
        let Identities::Listed(clients) = self else {
            return Ok(dev_caller(headers.get(&DEV_CALLER).map(|value| value.to_str().unwrap_or_default()))?);
        };
        let clients = clients.load();
        if let Some(client) = peer.and_then(Peer::client_within) {
            let (caller, token) = clients.named(client).ok_or(NotIdentified::NotOnList)?;
            // Without what identifies it, a client gets nothing in any other way either.
            let has_expired = token.is_some_and(Token::is_expired);
            return if has_expired { Err(NotIdentified::ExpiredToken) } else { Ok(Arc::clone(caller)) };
        }
        let certificate = peer.and_then(Peer::certificate);
        let mut tokens = headers.get_all(AUTHORIZATION).iter();
        let caller = match (certificate, tokens.next()) {
            (None, None) => Err(NotIdentified::Nothing),
            // Each client of the list has either a certificate or a token, so both cannot identify one client.
            (Some(_), Some(_)) => Err(NotIdentified::TwoIdentities),
            (Some(certificate), None) if certificate.expires <= now => Err(NotIdentified::ExpiredCertificate),
            (Some(certificate), None) if !certificate.authority.is_trusted() => Err(NotIdentified::DistrustedAuthority),
            (Some(certificate), None) => clients.of_certificate(certificate).map_err(NotIdentified::from),
            (None, Some(header)) => {
                let token = bearer(header).filter(|_| tokens.next().is_none());
                let token = token.and_then(|token| clients.of_token(&Digest::of(token)));
                match token.ok_or(NotIdentified::UnknownToken)? {
                    token if token.is_expired() => Err(NotIdentified::ExpiredToken),
                    token => Ok(token.caller()),
                }
            }
        };
        Ok(Arc::clone(caller?))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::peer::{Authority, Certificate};
    use super::super::serial::Serial;
    use super::*;

    const TOKEN: &str = "cpss_0123456789abcdef0123456789abcdef";

    fn identities(uri: &str) -> Identities {
        Identities::listed(list(uri))
    }

    fn list(uri: &str) -> Clients {
        let digest = Digest::of(TOKEN).to_hex();
        let text = format!(
            "[[client]]\nname = \"a\"\nsan_uri = \"{uri}\"\nrole = \"auditor\"\n\
             [[client]]\nname = \"b\"\ntoken_sha256 = \"{digest}\"\nrole = \"payer\"\n"
        );
        Clients::read(&text).unwrap()
    }

    fn peer(uri: Option<&str>, expires: Instant) -> Peer {
        let serial = Serial::of_bytes(&[7]);
        let certificate = uri.map(|uri| Certificate {
            uris: vec![uri.to_owned()],
            hosts: Vec::new(),
            serial,
            expires,
            authority: Arc::new(Authority::trusted("authority")),
        });
        Peer::new("127.0.0.1:1".parse().unwrap(), certificate)
    }

    fn headers(tokens: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for token in tokens {
            headers.append(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_caller_is_identified_by_a_certificate_or_a_token_of_the_list() {
        use NotIdentified::{ExpiredCertificate, Nothing, TwoIdentities, UnknownCertificate, UnknownToken};
        let identities = identities("urn:a");
        let now = Instant::now();
        let later = now + Duration::from_secs(60);
        let wrong = TOKEN.replace('f', "e");
        for (uri, expires, tokens, expected) in [
            (Some("urn:a"), later, &[][..], Ok("a")),
            (None, later, &[TOKEN][..], Ok("b")),
            (None, later, &[], Err(Nothing)),
            (Some("urn:b"), later, &[], Err(UnknownCertificate)),
            (Some("urn:a"), now, &[], Err(ExpiredCertificate)),
            (Some("urn:a"), later, &[TOKEN], Err(TwoIdentities)),
            (Some("urn:b"), later, &[TOKEN], Err(TwoIdentities)),
            (None, later, &[wrong.as_str()], Err(UnknownToken)),
            (None, later, &[TOKEN, TOKEN], Err(UnknownToken)),
        ] {
            let peer = peer(uri, expires);
            let caller = identities.caller(&headers(tokens), Some(&peer), now);
            assert_eq!(caller.as_ref().map(|caller| caller.client.as_str()), expected.as_ref().copied());
        }
    }

    #[test]
    fn a_client_that_was_removed_from_the_list_is_refused_at_its_next_call() {
        let identities = identities("urn:a");
        let (peer, now) = (peer(Some("urn:a"), Instant::now() + Duration::from_secs(60)), Instant::now());
        assert!(identities.caller(&HeaderMap::new(), Some(&peer), now).is_ok());
        identities.replace(list("urn:c")).unwrap();
        let refused = identities.caller(&HeaderMap::new(), Some(&peer), now);
        assert_eq!(refused, Err(NotIdentified::UnknownCertificate));
    }

    #[test]
    fn a_call_of_the_server_itself_is_that_of_the_client_while_it_is_on_the_list() {
        let identities = identities("urn:a");
        let caller = |client: &str| {
            let caller = identities.caller(&HeaderMap::new(), Some(&Peer::within(client)), Instant::now());
            caller.map(|caller| caller.client.clone())
        };
        assert_eq!([caller("a"), caller("b")], [Ok("a".to_owned()), Ok("b".to_owned())]);
        assert_eq!(caller("c"), Err(NotIdentified::NotOnList));
        let rest = "[[client]]\nname = \"b\"\nsan_uri = \"urn:b\"\nrole = \"payer\"\n";
        identities.replace(Clients::read(rest).unwrap()).unwrap();
        assert_eq!(caller("a"), Err(NotIdentified::NotOnList));
    }

    #[test]
    fn a_revoked_certificate_is_refused_at_its_next_call_and_another_one_accepted() {
        let identities = identities("urn:a");
        let later = Instant::now() + Duration::from_secs(60);
        let revoked = peer(Some("urn:a"), later);
        let (uris, serial) = (vec!["urn:a".to_owned()], Serial::of_bytes(&[8]));
        let authority = Arc::new(Authority::trusted("authority"));
        let certificate = Certificate { uris, hosts: Vec::new(), serial, expires: later, authority };
        let other = Peer::new("127.0.0.1:1".parse().unwrap(), Some(certificate));
        let caller = |peer: &Peer| identities.caller(&HeaderMap::new(), Some(peer), Instant::now());
        assert!(caller(&revoked).is_ok());
        let list = "[[client]]\nname = \"a\"\nsan_uri = \"urn:a\"\nrole = \"auditor\"\nrevoked = [\"00:07\"]\n\
                    [[client]]\nname = \"b\"\nsan_uri = \"urn:b\"\nrole = \"auditor\"\n";
        identities.replace(Clients::read(list).unwrap()).unwrap();
        assert_eq!(caller(&revoked), Err(NotIdentified::RevokedCertificate));
        assert!(caller(&other).is_ok());
        let again = peer(Some("urn:a"), later);
        identities.recognize(&again, &Quotas::default());
        assert!(!again.is_known(), "a revoked certificate does not authenticate a connection");
    }

    #[test]
    fn a_certificate_is_refused_while_its_authority_is_not_trusted() {
        let identities = identities("urn:a");
        let peer = peer(Some("urn:a"), Instant::now() + Duration::from_secs(3600));
        let caller = || identities.caller(&HeaderMap::new(), Some(&peer), Instant::now());
        let authority = &peer.certificate().unwrap().authority;
        assert!(caller().is_ok());
        authority.trust(false);
        assert_eq!(caller(), Err(NotIdentified::DistrustedAuthority));
        identities.recognize(&peer, &Quotas::default());
        assert!(!peer.is_known(), "it does not authenticate a connection");
        authority.trust(true);
        assert!(caller().is_ok());
    }

    #[test]
    fn a_token_is_refused_once_it_has_expired() {
        let digest = Digest::of(TOKEN).to_hex();
        let row = format!("[[client]]\nname = \"b\"\ntoken_sha256 = \"{digest}\"\nrole = \"payer\"\n");
        let clients = Clients::read(&format!("{row}expires = 2027-03-01T00:00:00Z\n")).unwrap();
        let at = |text: &str| text.parse().unwrap();
        clients.expire(at("2027-02-28T23:59:59Z"));
        let identities = Identities::listed(clients);
        let caller = || identities.caller(&headers(&[TOKEN]), None, Instant::now());
        // What the server itself does for the client ends with its token.
        let within = || identities.caller(&HeaderMap::new(), Some(&Peer::within("b")), Instant::now());
        assert!(caller().is_ok() && within().is_ok());
        identities.expire(at("2027-03-01T00:00:00Z"));
        assert_eq!([caller(), within()], [Err(NotIdentified::ExpiredToken), Err(NotIdentified::ExpiredToken)]);
        identities.expire(at("2027-02-01T00:00:00Z"));
        assert!(caller().is_ok() && within().is_ok(), "the clock was set back");
    }

    #[test]
    fn a_server_with_a_list_ignores_development_metadata() {
        let mut headers = HeaderMap::new();
        headers.insert("x-dev-caller", "registrar".parse().unwrap());
        let peer = peer(None, Instant::now());
        assert_eq!(identities("urn:a").caller(&headers, Some(&peer), Instant::now()), Err(NotIdentified::Nothing));
        assert!(Identities::Dev.caller(&headers, Some(&peer), Instant::now()).is_ok());
    }
}
