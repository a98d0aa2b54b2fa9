//! No message blocks a worker thread: the worst messages of each kind, for every method and from every role, go through
//! the whole surface, and each poll of the call is measured in CPU time of its thread.
//!
//! An optimized build must meet the bound itself, as `.ci/run` checks: `cargo test --profile bench --test held`. A
//! debug build is slower by a factor and only finds costs that grow with the size of a message.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    dead_code,
    unused_imports,
    reason = "a test says what it found, fails by panicking, and shares its harness with others"
)]

#[path = "../it/harness/mod.rs"]
mod harness;
mod measured;
mod registry;
mod wire;

use cpss_registry::auth;
use cpss_registry::domain::fact::Role;
use peak_alloc::PeakAlloc;
use prost::bytes::Bytes;

use self::harness::{TODAY, TestServer};
use self::measured::{BOUND, Held};
use self::registry::World;
use self::wire::Shapes;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// The maximum memory of one call, including its response. The largest is a dry run that transfers ten thousand jobs.
const MOST_MEMORY: usize = 96 * 1024 * 1024;

/// All roles.
const ROLES: &[&str] = &["registrar", "certifier", "provider:large", "payer", "auditor", "operator"];

/// The largest messages of plain calls and of large calls.
const PLAIN: usize = 32 * 1024;
const LARGE: usize = 1024 * 1024;

fn role_of(name: &str) -> Role {
    match name {
        "registrar" => Role::Registrar,
        "certifier" => Role::Certifier,
        "payer" => Role::Payer,
        "auditor" => Role::Auditor,
        "operator" => Role::Operator,
        provider => Role::Provider(provider.trim_start_matches("provider:").parse().unwrap()),
    }
}

#[tokio::test]
async fn no_message_of_any_method_blocks_a_worker() {
    let world = World::built().await;
    let (shapes, mut random, mut held) = (Shapes::of_the_contract(), fastrand::Rng::with_seed(7), Held::default());
    let mut methods: Vec<_> = auth::methods().collect();
    methods.sort_unstable_by_key(|method| (method.service, method.name));
    for method in methods {
        let name = format!("{}/{}", method.service, method.name);
        let size = if method.is_large { LARGE } else { PLAIN } - 64;
        let worst = shapes.worst(&name, size, &mut random);
        // Roles that may call the method take turns; for the others the call ends before the message is read.
        let may_call = |role: &&&str| method.right(&role_of(role)).is_some();
        let callers = ROLES.iter().filter(may_call).cycle();
        let others = ROLES.iter().filter(|role| !may_call(role)).zip(&worst);
        for (role, (kind, message)) in callers.zip(&worst).chain(others) {
            let is_streamed = shapes.is_streamed(&name);
            let messages = if is_streamed { world.opened(&name, role, message) } else { vec![message.clone()] };
            held.measure(&world.calling_as(role), &name, &format!("{kind} as {role}"), messages).await;
        }
    }
    held.judge();
    world.server.stop().await;
}

#[tokio::test]
async fn no_response_blocks_a_worker_however_much_is_on_file() {
    let world = World::built().await;
    let mut held = Held::default();
    for (method, role, kind, messages) in world.questions() {
        held.measure(&world.calling_as(role), method, &format!("{kind} as {role}"), messages).await;
    }
    held.judge();
    world.server.stop().await;
}

#[tokio::test]
async fn a_poll_that_is_too_long_is_detected() {
    let server = TestServer::start(TODAY).await;
    let mut held = Held::default();
    let spins = futures_util::stream::once(async {
        let began = measured::thread_time();
        while measured::thread_time() - began < 2 * BOUND {}
        Bytes::new()
    });
    let payer = server.bytes_listener().with("x-dev-caller", "payer");
    held.measure_stream(&payer, "VerificationService/VerifyCredential", spins).await;
    assert!(held.found().is_some());
    server.stop().await;
}
