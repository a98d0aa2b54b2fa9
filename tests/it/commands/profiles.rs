//! Profiles: server, identity and provider from a file, so that a line is short; and the completions of a shell.

use std::process::Command;

use super::Desk;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_profile_names_server_identity_and_provider_and_flags_win() {
    let (desk, registry) = Desk::new();
    let employer = registry.qualified_provider("Calhoun Example Center").await;
    let other = registry.qualified_provider("Lamar Example Center").await;
    let number = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await.number;
    let id = &employer.provider_id;
    desk.profile(&format!("provider:{id}"), &format!("provider = {id:?}\n"));

    desk.run(&["verify", &number]).exits(0).prints(&format!("  provider      {id}\n")).prints("Abernathy-Example");
    let stranger = desk.run(&["verify", &number, "--as", &format!("provider:{}", other.provider_id)]);
    assert!(stranger.err.contains("PERMISSION_DENIED"), "{stranger:?}");
    let free = desk.run(&["verify", &number, "--as", "payer", "--provider", "-"]).exits(0);
    assert!(!free.out.contains("Abernathy-Example") && !free.out.contains("  provider"), "{free:?}");
    desk.run(&["verify", &number, "--as", "registrar", "--provider", &other.provider_id])
        .exits(3)
        .prints("NOT_EMPLOYED_BY_PROVIDER");

    // The profile is for its own server: its identity does not reach another one.
    let elsewhere = desk.endpoint().replace("127.0.0.1", "localhost");
    let there = desk.run(&["verify", &number, "--endpoint", &elsewhere]).exits(0);
    assert!(!there.out.contains("  provider"), "{there:?}");
    let named = ["verify", &number, "--endpoint", &elsewhere, "--profile", "profile"];
    desk.run(&named).exits(0).prints(&format!("  provider      {id}\n"));

    desk.configure("auditor.toml", &format!("endpoint = {:?}\nas = \"auditor\"\n", desk.endpoint()));
    desk.run(&["verify", &number, "--profile", "auditor"]).exits(0);
    let by_path = desk.configuration("auditor.toml");
    desk.run(&["verify", &number, "--profile", by_path.to_str().unwrap()]).exits(0);
    desk.run(&["healthcheck", "--profile", "auditor", "--service", "readiness"]).exits(0).prints("SERVING");
    let health = desk.run(&["healthcheck", "--profile", "auditor", "--json"]).exits(0);
    assert!(health.out.contains(&desk.endpoint()), "{health:?}");
    desk.run(&["healthcheck", "--profile", "nobody"]).exits(2).warns("nobody.toml");
    desk.run(&["verify", &number, "--profile", "nobody"]).exits(2).warns("nobody.toml");
    desk.run(&["verify", &number, "--as", "president"]).exits(1).warns("not one of registrar, certifier");
    desk.configure("profile.toml", "endpoint = \"http://127.0.0.1:1\"\ntokenfile = \"token\"\n");
    desk.run(&["verify", &number]).exits(2).warns("profile.toml, line 2: unknown field `tokenfile`");
}

#[test]
fn completions_are_scripts_that_know_every_command() {
    let script = |shell: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_cpss-registry")).args(["completions", shell]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    for shell in ["bash", "zsh", "fish"] {
        let script = script(shell);
        for word in ["statistics", "review-items", "endpoint", "token-file"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let complete = "COMP_WORDS=(cpss-registry stat); COMP_CWORD=1; _cpss__registry cpss-registry stat cpss-registry; \
                    printf '%s\\n' \"${COMPREPLY[@]}\"";
    std::fs::write(file.path(), format!("{}\n{complete}", script("bash"))).unwrap();
    let bash = Command::new("bash").arg(file.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&bash.stdout), "statistics\n", "{bash:?}");
}
