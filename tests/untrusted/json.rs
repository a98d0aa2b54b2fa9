//! Requests as JSON: mutated, nested deep, with names given twice, with numbers of every size.

use std::cell::Cell;

use cpss_registry::http::Contract;
use cpss_registry::proto::DESCRIPTORS;
use fastrand::Rng;
use prost_reflect::{DescriptorPool, DynamicMessage};

use super::messages::Messages;
use super::mutate::{any, mutate};
use super::{again_and_again, alone};

/// The allocation per byte of a text. The message is shorter than the text; its buffers double as they grow, one for
/// each message that is open.
const FACTOR: usize = 16;

/// What no generated request has.
const ODD: [&str; 14] = [
    "1e400",
    "-0",
    "1E-400",
    "18446744073709551616",
    "-9223372036854775809",
    "0.1e1",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "\"\\udbff\\udfff\"",
    "{\"item\":1,\"item\":2}",
    "[[[[[[[[[[[[[[[[[[[[[[[[",
    "{\"a\":{\"a\":{\"a\":{\"a\":",
    "NaN",
    "null",
];

/// A request of this type without faults.
fn whole(random: &mut Rng, messages: &Messages, pool: &DescriptorPool, name: &str) -> Vec<u8> {
    let of = pool.get_message_by_name(&format!("ms.dmh.credential.v1.{name}")).unwrap();
    let message = DynamicMessage::decode(of, &*messages.make(random, name)).ok();
    // Times and numbers of enums that have no text cannot be written.
    message.and_then(|message| serde_json::to_vec(&message).ok()).unwrap_or_else(|| b"{}".to_vec())
}

/// The text with a few faults, or none.
fn faulty(random: &mut Rng, mut text: Vec<u8>) -> Vec<u8> {
    if random.bool() {
        let at = random.usize(..=text.len());
        text.splice(at..at, random.choice(ODD).unwrap().repeat(random.usize(1..40)).into_bytes());
    }
    mutate(random, &mut text);
    text
}

#[test]
fn requests_as_json_are_read_in_memory_of_their_own_size() {
    let _alone = alone();
    let (messages, contract) = (Messages::of_the_contract(), Contract::new().unwrap());
    let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
    let (mut read, mut refused) = (0_u64, 0_u64);
    // The method that reads the text, and whether the text is a request of it without faults.
    let asked = Cell::new(("", false));
    again_and_again(
        "requests as JSON",
        FACTOR,
        |random| {
            let (path, name) = random.choice(&messages.methods).unwrap();
            asked.set((path, false));
            match random.u8(..10) {
                0 => any(random, 200),
                // The request of another method, or of the same by chance.
                1 => {
                    let (_, other) = random.choice(&messages.methods).unwrap();
                    let text = whole(random, &messages, &pool, other);
                    faulty(random, text)
                }
                2 => {
                    asked.set((path, true));
                    whole(random, &messages, &pool, name)
                }
                _ => {
                    let text = whole(random, &messages, &pool, name);
                    faulty(random, text)
                }
            }
        },
        |text| {
            let (path, is_whole) = asked.get();
            match contract.read_json(path, text).unwrap() {
                Ok(_) => read += 1,
                Err(fault) => {
                    assert!(!is_whole, "{path} does not read its own request: {fault:?}");
                    assert!(!fault.place.is_empty() && !fault.description.is_empty(), "{fault:?}");
                    refused += 1;
                }
            }
        },
    );
    assert!(read > 10 && refused > 10, "{read} read, {refused} refused");
}

#[test]
fn the_longest_texts_take_no_more_memory_than_short_ones() {
    let _alone = alone();
    let contract = Contract::new().unwrap();
    let path = "/ms.dmh.credential.v1.VerificationService/BatchVerifyCredentials";
    let lists = ["{},", "{\"asOf\":{}},", "{\"a\":0},", "{\"correlationId\":\"\"},"];
    again_and_again(
        "lists as JSON",
        FACTOR,
        |random| {
            let list = random.choice(lists).unwrap().repeat(random.usize(..40_000));
            format!("{{\"items\":[{list}{{}}]}}").into_bytes()
        },
        |text| drop(contract.read_json(path, text).unwrap().unwrap()),
    );
}
