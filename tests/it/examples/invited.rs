//! What `init` proposes to a client works as it is printed, for every role and both kinds of credentials.

use std::fs;
use std::process::Command;

use cpss_registry::proto::v1;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use super::sandbox::program;
use crate::harness::NOT_ON_FILE;
use crate::tls::tls_server::{TlsServer, question};

const ROLES: [&str; 6] = ["registrar", "certifier", "provider", "payer", "auditor", "operator"];

/// What `init` printed for a new client.
struct Invited {
    name: String,
    printed: String,
}

impl Invited {
    /// The command that it proposes, which is the last line.
    fn call(&self) -> &str {
        self.printed.lines().last().unwrap().trim_start()
    }
}

/// A server at another address than the one that it was set up with, and a client of each kind.
async fn place() -> (TlsServer, Vec<Invited>) {
    let place = TlsServer::start();
    let address = place.process.listening();
    let config = place.read("config.toml").replacen("127.0.0.1:0", &address.to_string(), 1);
    fs::write(place.file("config.toml"), config).unwrap();
    let mut clients = Vec::new();
    for role in ROLES {
        for kind in [None, Some("--token")] {
            let name = format!("{role}-{}", kind.map_or("with-certificate", |_| "with-token"));
            let mut init = program();
            init.arg("init").arg(place.directory()).args(["--client", &name, "--role", role]).args(kind);
            if role == "provider" {
                init.args(["--provider", "region-1-cmhc"]);
            }
            let output = init.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            clients.push(Invited { name, printed: String::from_utf8(output.stdout).unwrap() });
        }
    }
    place.hang_up_until("loaded the list of clients").await;
    (place, clients)
}

/// Runs a command as it is printed.
fn run(call: &str) -> (Option<i32>, String) {
    let call = call.replace("cpss-registry verify NUMBER", &format!("\"$PROGRAM\" verify {NOT_ON_FILE}"));
    let call = call.replace("cpss-registry backup", "\"$PROGRAM\" backup");
    let program = env!("CARGO_BIN_EXE_cpss-registry");
    let output = Command::new("bash").args(["-c", &call]).env("PROGRAM", program).output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.code(), said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn init_proposes_a_call_that_the_role_may_make_at_the_address_of_the_configuration() {
    let (place, clients) = place().await;
    let list = place.read("clients.toml");
    for client in &clients {
        let Invited { name, printed } = client;
        assert!(printed.contains(&format!("Call {} as {name}, ", place.url())), "{printed}");
        let quoted = printed.lines().skip_while(|line| *line != "  [[client]]").take_while(|line| !line.is_empty());
        let row: String = quoted.map(|line| format!("{}\n", line.trim_start())).collect();
        assert!(row.contains(&format!("name = \"{name}\"")) && list.contains(&row), "{row}");
        let call = client.call();
        if call.starts_with("cpss-registry backup ") {
            let (code, said) = run(call);
            assert!(code == Some(1) && said.contains("NO_BACKUP_RECIPIENT"), "{call}: {said}");
        } else if call.starts_with("cpss-registry ") {
            let (code, said) = run(call);
            assert_eq!(code, Some(3), "{call}: {said}");
        } else {
            // The other test runs it.
            assert!(name.starts_with("certifier-") && call.ends_with("ProviderService/ListProviders"), "{call}");
        }
    }
    let certifier = place.client("certifier-with-certificate").await;
    certifier.ask(v1::ListProvidersRequest::default()).await;
    assert!(certifier.call(question()).await.is_err(), "it may not verify");

    let renew = ["--client", "payer-with-certificate", "--renew", "--json"];
    let renewed = program().arg("init").arg(place.directory()).args(renew).output().unwrap();
    let renewed: serde_json::Value = serde_json::from_slice(&renewed.stdout).unwrap();
    assert_eq!(renewed["endpoint"], place.url());
    place.process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs buf: .ci/run has it"]
async fn init_proposes_a_call_of_buf_that_works() {
    let (place, clients) = place().await;
    let calls: Vec<&str> = clients.iter().map(Invited::call).filter(|call| call.contains("buf curl")).collect();
    assert_eq!(calls.len(), 2, "{calls:?}");
    for call in calls {
        let (code, said) = run(call);
        assert_eq!(code, Some(0), "{call}: {said}");
    }
    place.process.stop();
}

#[test]
fn init_quotes_lines_of_the_configuration_and_certifies_the_address_that_it_listens_on() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("etc");
    let init = |flags: &[&str]| program().arg("init").arg(&directory).args(flags).output().unwrap();
    assert_eq!(init(&["--listen", "here"]).status.code(), Some(2), "no address");
    let made = init(&["--listen", "192.0.2.7:6051"]);
    let printed = String::from_utf8(made.stdout).unwrap();
    let config = fs::read_to_string(directory.join("config.toml")).unwrap();
    let lines: Vec<&str> = printed.lines().filter(|line| line.contains(" = ")).map(str::trim_start).collect();
    assert_eq!(lines.len(), 2, "{printed}");
    assert!(lines.iter().all(|line| config.lines().any(|written| written == *line)), "{printed}");
    assert!(printed.contains("--endpoint https://192.0.2.7:6051 "), "{printed}");
    let der = CertificateDer::from_pem_file(directory.join("server.crt")).unwrap();
    assert!(der.windows(4).any(|bytes| bytes == [192, 0, 2, 7]), "the certificate names the address");

    // A configuration that cannot be used is refused before anything is made.
    fs::write(directory.join("config.toml"), "listen = 7\n").unwrap();
    let refused = init(&["--client", "dom", "--role", "payer"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("config.toml:1: listen is written as"), "{said}");
    assert!(!directory.join("dom.crt").exists());
}
