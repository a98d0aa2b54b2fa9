//! Signed answers and receipts: what they claim, to whom, and what they never have.

mod answers;
mod command;
mod keys;
mod receipts;

use cpss_registry::proof::jwk::Jwks;
use cpss_registry::proof::jws::{self, Statement};
use cpss_registry::proto::v1;
use serde_json::Value;

use super::harness::Client;

/// The keys as a client gets them.
async fn key_set(client: &Client) -> Jwks {
    Jwks::parse(&client.ask(v1::GetSigningKeysRequest::default()).await.jwks).unwrap()
}

/// Reads a statement that must be good.
pub async fn checked(client: &Client, statement: &str) -> Statement {
    jws::verify(statement, &key_set(client).await).unwrap_or_else(|refused| panic!("{refused}: {statement}"))
}

/// Every text and every name in a value, with the path to it.
fn texts(value: &Value, path: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                found.push((path.to_owned(), name.clone()));
                texts(member, &format!("{path}.{name}"), found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, path, found)),
        Value::String(text) => found.push((path.to_owned(), text.clone())),
        other => found.push((path.to_owned(), other.to_string())),
    }
}

/// Fails if any claim has one of these words, in upper or lower case.
fn has_none_of(statement: &Statement, words: &[&str]) {
    let mut found = Vec::new();
    texts(&Value::Object(statement.claims.clone()), "", &mut found);
    assert!(found.len() > 10, "there are claims to look at");
    for (path, text) in &found {
        let folded = text.to_lowercase();
        let word = words.iter().find(|word| folded.contains(&word.to_lowercase()));
        assert!(word.is_none(), "{path}: {text} has {word:?}");
    }
}
