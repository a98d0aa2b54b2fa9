//! What each caller sees.

use std::collections::BTreeSet;

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::change::Change as Kind;
use tonic::Code;

use super::copy::{Copy, number};
use super::scenario::{END, recorded};
use super::{Watcher, list, of_provider, pages};
use crate::harness::requests::date;
use crate::harness::words::lines;
use crate::harness::{NOT_ON_FILE, Refusal as _};

pub fn credential_of(change: &v1::Change) -> Option<&str> {
    match change.change.as_ref().expect("a change") {
        Kind::Standing(it) => Some(&it.credential_number),
        Kind::Coverage(it) => Some(&it.credential_number),
        Kind::Designation(it) => Some(&it.credential_number),
        Kind::Service(_) | Kind::Provider(_) | Kind::Records(_) => None,
    }
}

/// A provider's feed of its own staff matches the registry's answers to the provider.
#[tokio::test]
async fn filtered_to_a_provider_with_staff_that_joins_and_leaves() {
    let (server, story) = recorded().await;
    let registry = server.client();
    let [one, _, _, four] = &story.providers;
    let all = Copy::of(&pages(&registry, list(0)).await);
    let today = number(&date(END));
    for (provider, staff) in [(one, [0, 1, 2, 4].as_slice()), (four, &[0])] {
        let own = Copy::of(&pages(&registry, of_provider(provider)).await);
        let mut differing = BTreeSet::new();
        for (at, person) in story.people.iter().enumerate() {
            assert_eq!(own.knows(&person.number), staff.contains(&at), "{at} of {provider}");
            for day in (number(&date("2024-05-01"))..=today).filter(|_| staff.contains(&at)) {
                let of = |copy: &Copy| {
                    let held = copy.holds(&person.number, v1::Designation::AdultAndRecovery, day);
                    (copy.standing(&person.number, day), copy.coverage(&person.number, provider, day), held)
                };
                if of(&own) != of(&all) {
                    differing.insert((at, day));
                }
            }
        }
        assert!(differing.is_empty(), "{provider}: {differing:?}");
    }

    // A job reported by mistake, and then restored.
    let messages = pages(&registry, of_provider(four)).await;
    let number = &story.people[0].number;
    let at = |revision: u64| {
        let message = messages.iter().find(|message| message.revision == revision).unwrap();
        lines(&message.changes).into_iter().map(|line| line.replace(number, "C").replace(four, "P")).collect::<Vec<_>>()
    };
    let [reported, withdrawn, back] = story.mistaken_job;
    let so_far = [
        "C 2024-06-03..2026-01-31 NOT_ISSUED > CURRENT",
        "C 2026-02-01..2026-02-10 NOT_ISSUED > SUSPENDED: SUSPENDED",
        "C 2026-02-11.. NOT_ISSUED > CURRENT",
        "C at P 2026-02-02.. COVERED",
        "C ADULT_AND_RECOVERY 2024-06-03.. held",
    ];
    assert_eq!(at(reported), so_far, "all of it so far");
    assert_eq!(at(withdrawn), ["C at P 2026-02-02.. NOT_COVERED"], "the last that is sent");
    assert!(messages.iter().all(|message| {
        let silent = (withdrawn + 1..back).contains(&message.revision) || message.revision < reported;
        !silent || message.changes.iter().all(|change| credential_of(change).is_none())
    }));
    let since = ["C 2026-02-24..2026-02-26 CURRENT > SUSPENDED: SUSPENDED", "C at P 2026-02-02.. COVERED"];
    assert_eq!(at(back), since, "what became different since");
    server.stop().await;
}

#[tokio::test]
async fn questions_beyond_the_callers_rights_are_refused() {
    let (server, story) = recorded().await;
    let registry = server.client();
    let [one, two, three, _] = &story.providers;
    let of = |number: &str| v1::ListChangesRequest { credential_numbers: vec![number.to_owned()], ..list(0) };
    let third = of(&story.people[3].number);
    let both = v1::ListChangesRequest { provider_id: one.clone(), ..of(NOT_ON_FILE) };
    let many = v1::ListChangesRequest { credential_numbers: vec![story.people[0].number.clone(); 1001], ..list(0) };
    let as_one = format!("provider:{one}");
    let mut refusals = Vec::new();
    for (caller, question, code, reason) in [
        ("auditor", of(NOT_ON_FILE), Code::NotFound, "NOT_FOUND"),
        ("auditor", of_provider("nobody"), Code::NotFound, "NOT_FOUND"),
        ("auditor", both, Code::InvalidArgument, "INVALID_ARGUMENT"),
        ("auditor", many, Code::ResourceExhausted, "TOO_LARGE"),
        ("certifier", list(0), Code::PermissionDenied, "PERMISSION_DENIED"),
        (as_one.as_str(), of_provider(two), Code::PermissionDenied, "PERMISSION_DENIED"),
        (as_one.as_str(), of_provider("nobody"), Code::PermissionDenied, "PERMISSION_DENIED"),
        (as_one.as_str(), third, Code::NotFound, "NOT_FOUND"),
        (as_one.as_str(), of(NOT_ON_FILE), Code::NotFound, "NOT_FOUND"),
    ] {
        let caller = registry.calling_as(caller);
        let status = caller.refusal(question.clone()).await;
        assert_eq!(status.code_and_reason(), (code, reason.to_owned()), "{question:?}");
        let watching = Watcher::try_of(&caller, question).await.err().expect("refused as well");
        assert_eq!((watching.code(), watching.message()), (status.code(), status.message()));
        refusals.push(status);
    }
    assert_eq!(refusals[7].message(), refusals[8].message(), "someone else's and a made-up one get the same answer");
    let unborn = registry.calling_as("provider:not-on-file-yet");
    assert!(pages(&unborn, list(0)).await.iter().all(|message| message.changes.is_empty()));
    assert!(pages(&registry, of_provider(three)).await.iter().any(|message| !message.changes.is_empty()));
    server.stop().await;
}
