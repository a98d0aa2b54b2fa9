//! JSON of the contract's own messages, compared with the library that knows the canonical form.

use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};

use super::reader::{Fault, MessageFromJson};
use super::{from_json, to_json};
use crate::proto::DESCRIPTORS;

fn message(name: &str) -> MessageDescriptor {
    let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
    pool.get_message_by_name(&format!("ms.dmh.credential.v1.{name}")).unwrap()
}

fn read(name: &str, text: &str) -> Result<(DynamicMessage, MessageFromJson), Fault> {
    let of = message(name);
    let read = from_json(text.as_bytes(), &of)?;
    Ok((DynamicMessage::decode(of, read.message.clone()).unwrap(), read))
}

/// The canonical JSON of what was read.
fn canonical(name: &str, text: &str) -> String {
    let (_, read) = read(name, text).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
    String::from_utf8(to_json(&read.message, &message(name)).unwrap()).unwrap()
}

fn fault(name: &str, text: &str) -> (String, String) {
    let Fault { place, description } = read(name, text).expect_err(text);
    (place, description)
}

/// A message with random fields.
fn random(of: &MessageDescriptor, rng: &mut fastrand::Rng, depth: usize) -> DynamicMessage {
    let mut made = DynamicMessage::new(of.clone());
    match of.full_name() {
        "google.protobuf.Timestamp" => {
            made.set_field_by_name("seconds", Value::I64(rng.i64(-62_135_596_800..253_402_300_800)));
            made.set_field_by_name("nanos", Value::I32(rng.i32(0..1_000_000_000)));
            return made;
        }
        "google.protobuf.Any" => return made,
        _ => {}
    }
    for field in of.fields() {
        if !rng.bool() || depth > 4 {
            continue;
        }
        if field.is_list() {
            let elements = (0..rng.usize(0..3)).map(|_| value(&field, rng, depth)).collect();
            made.set_field(&field, Value::List(elements));
        } else if field.is_map() {
            made.set_field(&field, Value::Map([(MapKey::String("a".into()), Value::String("b".into()))].into()));
        } else {
            made.set_field(&field, value(&field, rng, depth));
        }
    }
    made
}

fn value(field: &FieldDescriptor, rng: &mut fastrand::Rng, depth: usize) -> Value {
    match field.kind() {
        Kind::Bool => Value::Bool(rng.bool()),
        Kind::String => Value::String((0..rng.usize(0..6)).map(|_| rng.char(..)).collect()),
        Kind::Bytes => Value::Bytes((0..rng.usize(0..6)).map(|_| rng.u8(..)).collect()),
        Kind::Double => Value::F64(f64::from(rng.i32(..)) / 8.0),
        Kind::Int32 => Value::I32(rng.i32(..)),
        Kind::Int64 => Value::I64(rng.i64(..)),
        Kind::Uint32 => Value::U32(rng.u32(..)),
        Kind::Uint64 => Value::U64(rng.u64(..)),
        Kind::Enum(values) => {
            let values: Vec<_> = values.values().collect();
            Value::EnumNumber(values[rng.usize(..values.len())].number())
        }
        Kind::Message(of) => Value::Message(random(&of, rng, depth + 1)),
        other => panic!("{}: the contract has no {other:?}", field.full_name()),
    }
}

#[test]
fn every_request_is_read_as_the_library_writes_it() {
    let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
    let mut rng = fastrand::Rng::with_seed(7);
    let mut count = 0;
    for method in pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
        for _ in 0..50 {
            let made = random(&method.input(), &mut rng, 0);
            let text = serde_json::to_vec(&made).unwrap();
            let read = from_json(&text, &method.input());
            let read = read.unwrap_or_else(|fault| panic!("{fault:?}: {}", String::from_utf8_lossy(&text)));
            assert!(read.unknown.is_empty(), "{:?}", read.unknown);
            let read = DynamicMessage::decode(method.input(), read.message).unwrap();
            assert_eq!(
                read.encode_to_vec(),
                DynamicMessage::decode(method.input(), &*made.encode_to_vec()).unwrap().encode_to_vec()
            );
            count += 1;
        }
    }
    assert!(count > 2000, "{count}");
}

#[test]
fn dates_enums_names_and_numbers_may_be_written_in_more_than_one_way() {
    let date = r#"{"item":{"asOf":{"year":2026,"month":3,"day":1}}}"#;
    for text in [
        date,
        r#"{"item":{"asOf":"2026-03-01"}}"#,
        r#"{"item":{"as_of":"2026-03-01"}}"#,
        r#" { "item" : { "asOf" : { "year" : "2026", "month" : 3.0, "day" : 1e0 } } } "#,
        r#"{"item":{"asOf":"2026-03-01","credentialNumber":null}}"#,
        "{\"item\":{\"\\u0061sOf\":\"2026-03-01\"}}",
    ] {
        assert_eq!(canonical("VerifyCredentialRequest", text), date, "{text}");
    }
    let hospital = r#"{"facilityType":"FACILITY_TYPE_PSYCHIATRIC_HOSPITAL"}"#;
    for text in [hospital, r#"{"facilityType":"PSYCHIATRIC_HOSPITAL"}"#] {
        assert_eq!(canonical("ListProvidersRequest", text), hospital, "{text}");
    }
    let revision = r#"{"knownAt":{"revision":"18446744073709551615"}}"#;
    for text in [revision, r#"{"knownAt":{"revision":18446744073709551615}}"#] {
        assert_eq!(canonical("ListRuleSetsRequest", text), revision, "{text}");
    }
    let time = r#"{"knownAt":{"time":"2026-03-01T12:00:00.000001Z"}}"#;
    for text in [
        time,
        r#"{"knownAt":{"time":"2026-03-01T07:00:00.000001-05:00"}}"#,
        r#"{"knownAt":{"revision":null,"time":"2026-03-01T12:00:00.000001Z"}}"#,
        r#"{"knownAt":{"time":"2026-03-01T12:00:00.000001Z","revision":null}}"#,
    ] {
        assert_eq!(canonical("ListRuleSetsRequest", text), time, "{text}");
    }
}

/// A message, a text, the place of its fault, and what is said of it.
const FAULTS: &[(&str, &str, &str, &str)] = &[
    (
        "VerifyCredentialRequest",
        r#"{"item":{"asOf":"Rosalind"}}"#,
        "item.as_of",
        "expected a date, such as \"2026-03-01\"",
    ),
    (
        "VerifyCredentialRequest",
        r#"{"item":{"asOf":"2026-02-30"}}"#,
        "item.as_of",
        "expected a date, such as \"2026-03-01\"",
    ),
    (
        "VerifyCredentialRequest",
        r#"{"item":{"asOf":"20260301"}}"#,
        "item.as_of",
        "expected a date, such as \"2026-03-01\"",
    ),
    (
        "VerifyCredentialRequest",
        r#"{"item":{"asOf":{"year":"Rosalind"}}}"#,
        "item.as_of.year",
        "expected a whole number from -2147483648 to 2147483647",
    ),
    (
        "VerifyCredentialRequest",
        r#"{"item":{"asOf":{"year":2147483648}}}"#,
        "item.as_of.year",
        "expected a whole number from -2147483648 to 2147483647",
    ),
    ("VerifyCredentialRequest", r#"{"item":{"credentialNumber":5}}"#, "item.credential_number", "expected a text"),
    ("VerifyCredentialRequest", r#"{"item":[]}"#, "item", "expected an object"),
    ("VerifyCredentialRequest", r#"[]"#, "body", "expected an object"),
    ("VerifyCredentialRequest", r#""Rosalind""#, "body", "expected an object"),
    ("VerifyCredentialRequest", r#"{"item":{},"item":{}}"#, "item", "given twice"),
    ("VerifyCredentialRequest", r#"{"item":{"as_of":"2026-03-01","asOf":null}}"#, "item.as_of", "given twice"),
    ("BatchVerifyCredentialsRequest", r#"{"items":{}}"#, "items", "expected a list"),
    (
        "BatchVerifyCredentialsRequest",
        r#"{"items":[{},{"asOf":1}]}"#,
        "items[1].as_of",
        "expected a date, such as \"2026-03-01\"",
    ),
    ("BatchVerifyCredentialsRequest", r#"{"items":[null]}"#, "items[0]", "expected an object"),
    (
        "ListRuleSetsRequest",
        r#"{"knownAt":{"revision":-1}}"#,
        "known_at.revision",
        "expected a whole number from 0, or one in quotes",
    ),
    (
        "ListRuleSetsRequest",
        r#"{"knownAt":{"revision":1.5}}"#,
        "known_at.revision",
        "expected a whole number from 0, or one in quotes",
    ),
    (
        "ListRuleSetsRequest",
        r#"{"knownAt":{"revision":1e300}}"#,
        "known_at.revision",
        "expected a whole number from 0, or one in quotes",
    ),
    (
        "ListRuleSetsRequest",
        r#"{"knownAt":{"time":"noon"}}"#,
        "known_at.time",
        "expected a time, such as \"2026-03-01T12:00:00Z\"",
    ),
    (
        "ListRuleSetsRequest",
        r#"{"knownAt":{"revision":1,"time":"2026-03-01T12:00:00Z"}}"#,
        "known_at.time",
        "must not be combined with revision",
    ),
    (
        "ListRuleSetsRequest",
        r#"{"knownAt":{"time":"2026-03-01T12:00:00Z","revision":1}}"#,
        "known_at.revision",
        "must not be combined with time",
    ),
    ("StreamBackupRequest", "", "body", "the body is empty: send at least {}"),
    ("StreamBackupRequest", "{", "body", "the JSON ends too early, at line 1, column 1"),
    ("StreamBackupRequest", "{}{}", "body", "not valid JSON at line 1, column 3"),
    (
        "VerifyCredentialRequest",
        "{\"item\":\n{\"credentialNumber\":\"\\ud800\"}}",
        "body",
        "not valid JSON at line 2, column 28",
    ),
];

#[test]
fn an_error_names_the_place_and_repeats_no_value() {
    for (name, text, place, description) in FAULTS {
        assert_eq!(fault(name, text), ((*place).to_owned(), (*description).to_owned()), "{text}");
    }
    let (place, description) = fault("ListProvidersRequest", r#"{"facilityType":"ROSALIND"}"#);
    assert!(place == "facility_type" && description.starts_with("not a value of FacilityType: "), "{description}");
    assert!(!description.contains("ROSALIND"), "{description}");
    assert_eq!(
        from_json(b"{\"item\":{\"credentialNumber\":\"\xff\"}}", &message("VerifyCredentialRequest"))
            .unwrap_err()
            .description,
        "not valid UTF-8"
    );
}

#[test]
fn unknown_fields_are_named_with_the_nearest_known_one() {
    let (_, read) =
        read("VerifyCredentialRequest", r#"{"item":{"credentialNumbr":"x","a\nb":[[{}]]},"colour":1}"#).unwrap();
    assert_eq!(read.unknown, ["item.credentialNumbr", "item.a\\nb", "colour"]);
    assert_eq!(read.nearest.as_deref(), Some("credentialNumber"));
    let many: String = (0..100).map(|at| format!("\"{}{at}\":1,", "x".repeat(100))).collect();
    let (_, read) = self::read("VerifyCredentialRequest", &format!("{{{many}\"item\":{{}}}}")).unwrap();
    assert_eq!((read.unknown.len(), read.unknown[0].len(), read.nearest), (16, 64, None));
}

#[test]
fn a_text_that_nests_deep_takes_no_more_than_its_own_memory() {
    let of = message("VerifyCredentialRequest");
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        let unknown = from_json(format!("{{\"x\":{deep}}}").as_bytes(), &of).unwrap();
        assert_eq!((unknown.message.len(), unknown.unknown), (0, vec!["x".to_owned()]));
        let known = from_json(format!("{{\"item\":{{\"credentialNumber\":{deep}}}}}").as_bytes(), &of).unwrap_err();
        assert_eq!(known.place, "item.credential_number");
    }
    // The smallest text for each part of a message.
    let of = message("BatchVerifyCredentialsRequest");
    let text = format!("{{\"items\":[{}{{}}]}}", "{},".repeat(500_000));
    let read = from_json(text.as_bytes(), &of).unwrap();
    assert!(read.message.len() <= text.len(), "{} of {}", read.message.len(), text.len());
}
