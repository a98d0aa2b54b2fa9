//! Rules for the contract that make it usable with code generators of other languages.

use std::collections::BTreeSet;

use prost_types::method_options::IdempotencyLevel;

use crate::harness::raw::{PACKAGE, descriptors, methods};

#[test]
fn the_descriptor_set_contains_only_the_public_contract() {
    let packages: BTreeSet<_> = descriptors().file.iter().map(|file| file.package().to_owned()).collect();
    let expected = [PACKAGE, "google.protobuf", "google.rpc", "google.type"].map(str::to_owned);
    assert_eq!(packages, BTreeSet::from(expected));
}

#[test]
fn every_file_sets_its_package_in_each_language() {
    for file in descriptors().file.iter().filter(|file| file.package() == PACKAGE) {
        let options = file.options.clone().unwrap_or_default();
        let namespaces = [
            options.csharp_namespace(),
            options.go_package(),
            options.java_package(),
            options.php_namespace(),
            options.ruby_package(),
        ];
        let expected = [
            "Ms.Dmh.Credentials.V1",
            "dmh.ms.gov/credential/v1;credentialv1",
            "gov.ms.dmh.credential.v1",
            "Ms\\Dmh\\Credential\\V1",
            "Ms::Dmh::Credential::V1",
        ];
        assert_eq!(namespaces, expected, "{}", file.name());
        assert!(options.java_multiple_files(), "{}", file.name());
    }
}

#[test]
fn no_name_is_a_keyword_in_another_language() {
    let keywords = ["as", "class", "def", "del", "from", "global", "import", "in", "is", "lambda", "pass", "with"];
    for file in descriptors().file.iter().filter(|file| file.package() == PACKAGE) {
        for message in &file.message_type {
            for field in &message.field {
                assert!(!keywords.contains(&field.name()), "{}.{}", message.name(), field.name());
            }
        }
    }
}

#[test]
fn no_comment_has_syntax_that_breaks_a_generator() {
    for file in descriptors().file.iter().filter(|file| file.package() == PACKAGE) {
        let source = file.source_code_info.as_ref().expect("comments");
        assert!(source.location.iter().any(|location| location.leading_comments.is_some()), "{}", file.name());
        for location in &source.location {
            let detached = location.leading_detached_comments.iter();
            let comments = location.leading_comments.iter().chain(&location.trailing_comments).chain(detached);
            for comment in comments {
                let syntax = ["$", "@", "\\", "/*", "*/", "{", "}"].into_iter().find(|syntax| comment.contains(syntax));
                assert_eq!(syntax, None, "{}: {comment}", file.name());
            }
        }
    }
}

#[test]
fn every_read_is_declared_without_side_effects() {
    for (name, method) in methods() {
        let (_, short) = name.split_once('/').unwrap();
        let reads = [
            "Verify",
            "BatchVerify",
            "StreamVerify",
            "Check",
            "BatchCheck",
            "StreamCheck",
            "StreamBackup",
            "Find",
            "Get",
            "List",
            "Watch",
        ];
        let reviews = ["ReviewEligibility", "BatchReviewEligibility", "StreamReviewEligibility"];
        let is_read = reads.iter().any(|verb| short.starts_with(verb))
            || reviews.contains(&short)
            || ["EvaluateApplication", "PreviewImpact", "ReconcileRoster"].contains(&short);
        let level = method.options.as_ref().map(prost_types::MethodOptions::idempotency_level).unwrap_or_default();
        let expected = if is_read { IdempotencyLevel::NoSideEffects } else { IdempotencyLevel::IdempotencyUnknown };
        assert_eq!(level, expected, "{name}");
    }
}
