//! Pages of a list. All pages of a list are read at one revision, which the page token pins.
//!
//! A page token holds the epoch, the revision, the first bytes of its hash chain, and the position after which the next
//! page begins. Its seal covers these, the method, the client and the query: a page token is valid only for the client
//! that received it, with the same query.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prost::Message;
use tonic::Status;
use uuid::Uuid;

use super::redaction::CallContext;
use super::{Contract, LARGEST_ANSWER, decode, status, unpinned};
use crate::domain::id::{FactId, ProviderId, Revision};
use crate::proto::v1;
use crate::registry::Registry;
use crate::registry::feed::Position;
use crate::registry::list::{Found, Place, Window};
use crate::registry::seal::SEAL_BYTES;
use crate::registry::snapshot::{KnownAt, Snapshot};
use crate::registry::token::{CHAIN_BYTES, Token};
use crate::telemetry::audit::ReadPlace;

/// The maximum size of the fields around the entries of an answer, and of the key and length of an entry.
const AROUND_BYTES: usize = 4096;
const AROUND_ENTRY_BYTES: usize = 8;

/// A request for a page of a list.
pub(super) trait Paged: Message + Clone {
    /// The name of the request.
    const METHOD: &'static str;
    /// The requested page size.
    fn page_size(&self) -> u32;
    /// The page token of the request.
    fn page_token(&self) -> &str;
    /// Returns the encoded query, without the page.
    fn question(&self) -> Vec<u8>;
}

macro_rules! paged {
    ($($request:ident of $service:literal,)*) => {$(
        impl Paged for v1::$request {
            const METHOD: &'static str = concat!($service, "/", stringify!($request));

            fn page_size(&self) -> u32 {
                self.page_size
            }

            fn page_token(&self) -> &str {
                &self.page_token
            }

            fn question(&self) -> Vec<u8> {
                v1::$request { page_size: 0, page_token: String::new(), ..self.clone() }.encode_to_vec()
            }
        }
    )*};
}

paged! {
    FindSpecialistsRequest of "CredentialService",
    ListChangesRequest of "ChangeService",
    ListCredentialsRequest of "CredentialService",
    ListEmploymentsRequest of "EmploymentService",
    ListFactsRequest of "RecordService",
    ListProvidersRequest of "ProviderService",
    ListReadsRequest of "RecordService",
    ListReviewItemsRequest of "RecordService",
}

/// A position in a list, as a page token contains it.
pub(super) trait TokenPosition: Sized {
    fn to_bytes(&self) -> Vec<u8>;
    fn of_bytes(bytes: &[u8]) -> Option<Self>;
}

/// Reads a 64-bit number followed by a 32-bit number.
fn two_numbers(bytes: &[u8]) -> Option<(u64, u32)> {
    let (first, second) = bytes.split_first_chunk()?;
    Some((u64::from_be_bytes(*first), u32::from_be_bytes(second.try_into().ok()?)))
}

impl TokenPosition for Place {
    fn to_bytes(&self) -> Vec<u8> {
        [self.of.to_be_bytes().as_slice(), &self.at.to_be_bytes()].concat()
    }

    fn of_bytes(bytes: &[u8]) -> Option<Place> {
        two_numbers(bytes).map(|(of, at)| Place { of, at })
    }
}

impl TokenPosition for FactId {
    fn to_bytes(&self) -> Vec<u8> {
        [self.revision.0.to_be_bytes().as_slice(), &self.index.to_be_bytes()].concat()
    }

    fn of_bytes(bytes: &[u8]) -> Option<FactId> {
        two_numbers(bytes).map(|(revision, index)| FactId { revision: Revision(revision), index })
    }
}

impl TokenPosition for Position {
    fn to_bytes(&self) -> Vec<u8> {
        [self.revision.0.to_be_bytes().as_slice(), &self.parts.to_be_bytes()].concat()
    }

    fn of_bytes(bytes: &[u8]) -> Option<Position> {
        two_numbers(bytes).map(|(revision, parts)| Position { revision: Revision(revision), parts })
    }
}

impl TokenPosition for ReadPlace {
    fn to_bytes(&self) -> Vec<u8> {
        [self.serial.to_be_bytes(), self.offset.to_be_bytes()].concat()
    }

    fn of_bytes(bytes: &[u8]) -> Option<ReadPlace> {
        let (serial, offset) = bytes.split_first_chunk()?;
        let offset = u64::from_be_bytes(offset.try_into().ok()?);
        Some(ReadPlace { serial: u64::from_be_bytes(*serial), offset })
    }
}

impl TokenPosition for ProviderId {
    fn to_bytes(&self) -> Vec<u8> {
        self.as_str().as_bytes().to_vec()
    }

    fn of_bytes(bytes: &[u8]) -> Option<ProviderId> {
        std::str::from_utf8(bytes).ok()?.parse().ok()
    }
}

/// A requested page.
pub(super) struct Page<K> {
    pub(super) snapshot: Snapshot,
    pub(super) window: Window<K>,
    tokens: Tokens,
}

/// Issues and reads the page tokens of one query.
struct Tokens {
    registry: Registry,
    method: &'static str,
    client: String,
    question: Vec<u8>,
}

/// The entries of a page, also as encoded messages.
pub(super) struct Entries<T, M> {
    pub(super) entries: Vec<T>,
    pub(super) messages: Vec<M>,
    pub(super) next_page_token: String,
}

impl Contract {
    /// Returns the requested page. A page token pins the state of knowledge of the first page.
    pub(super) async fn page<R: Paged, K: TokenPosition>(
        &self,
        context: &CallContext,
        request: &R,
        known_at: KnownAt,
    ) -> Result<Page<K>, Status> {
        let tokens = Tokens {
            registry: self.registry.clone(),
            method: R::METHOD,
            client: context.caller.client.clone(),
            question: request.question(),
        };
        let size = decode::page_size(request.page_size());
        let (snapshot, after) = if request.page_token().is_empty() {
            (self.pin_at(known_at).await?, None)
        } else {
            let (first, place) = tokens
                .read(request.page_token())
                .ok_or_else(|| status::invalid_field("page_token", "was not issued to this client for this query"))?;
            let pinned = self.registry.pin(KnownAt::Revision(Some(first.epoch), first.revision)).await;
            let mut snapshot = pinned.map_err(|error| unpinned("page_token", error))?;
            snapshot.token = (known_at == KnownAt::Head).then_some(first);
            (snapshot, Some(place))
        };
        Ok(Page { snapshot, window: Window { after, size }, tokens })
    }
}

impl<K: TokenPosition> Page<K> {
    /// Returns the entries that fit on this page, and the token of the next page.
    pub(super) fn cut<T, M: Message>(&self, found: Found<K, T>, encode: impl Fn(&T) -> M) -> Entries<T, M> {
        let Found { entries: all, mut next, .. } = found;
        let (mut entries, mut messages) = (Vec::with_capacity(all.len()), Vec::with_capacity(all.len()));
        let (mut room, mut last) = (Room::of_a_page(), None);
        for (place, entry) in all {
            let message = encode(&entry);
            if !room.takes(&message) {
                next = last;
                break;
            }
            entries.push(entry);
            messages.push(message);
            last = Some(place);
        }
        let next_page_token = next.map_or_else(String::new, |place| self.token(&place));
        Entries { entries, messages, next_page_token }
    }

    /// Returns the token of the page that begins after a position.
    pub(super) fn token(&self, place: &K) -> String {
        self.tokens.write(&self.snapshot, &place.to_bytes())
    }
}

/// The space left on a page.
pub(super) struct Room {
    left: usize,
    is_empty: bool,
}

impl Room {
    pub(super) fn of_a_page() -> Room {
        Room { left: LARGEST_ANSWER - AROUND_BYTES, is_empty: true }
    }

    /// Takes the space for an entry. Returns false if it does not fit; the first entry always fits.
    pub(super) fn takes(&mut self, entry: &impl Message) -> bool {
        let left = self.left.checked_sub(entry.encoded_len() + AROUND_ENTRY_BYTES);
        if left.is_none() && !self.is_empty {
            return false;
        }
        self.left = left.unwrap_or_default();
        self.is_empty = false;
        true
    }
}

impl Tokens {
    fn write(&self, snapshot: &Snapshot, place: &[u8]) -> String {
        let Snapshot { epoch, revision, token, .. } = snapshot;
        let chain = token.map_or([0; CHAIN_BYTES], |token| token.chain);
        let body = [epoch.as_bytes(), revision.0.to_be_bytes().as_slice(), &chain, place].concat();
        let seal = self.registry.seal(&self.sealed(&body));
        URL_SAFE_NO_PAD.encode([body.as_slice(), &seal].concat())
    }

    /// Returns what the first page was pinned to, and the position after which the next page begins.
    fn read<K: TokenPosition>(&self, token: &str) -> Option<(Token, K)> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (body, seal) = bytes.split_at_checked(bytes.len().checked_sub(SEAL_BYTES)?)?;
        if !self.registry.is_sealed(&self.sealed(body), seal) {
            return None;
        }
        let (epoch, rest) = body.split_first_chunk()?;
        let (revision, rest) = rest.split_first_chunk()?;
        let (chain, place) = rest.split_first_chunk()?;
        let pinned = Token::new(Uuid::from_bytes(*epoch), Revision(u64::from_be_bytes(*revision)), *chain);
        Some((pinned, K::of_bytes(place)?))
    }

    fn sealed<'a>(&'a self, body: &'a [u8]) -> [&'a [u8]; 4] {
        [self.method.as_bytes(), self.client.as_bytes(), &self.question, body]
    }
}
