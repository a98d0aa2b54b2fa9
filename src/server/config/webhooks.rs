//! Reads the files of the webhooks on the list of clients.

use std::path::Path;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::secret::secret;
use super::with_source;
use crate::auth::clients::{Clients, Mistake};
use crate::server::listener::certificates::read_chain;
use crate::webhooks::{Secret, Webhook};

/// The maximum size of a file with secrets, in bytes.
const MAX_SECRETS: usize = 1024;

/// Reads the files that the list in this directory names. Returns every mistake.
pub(super) fn read(clients: &Clients, directory: &Path) -> Result<Vec<Webhook>, Vec<Mistake>> {
    let (mut webhooks, mut mistakes) = (Vec::new(), Vec::new());
    for entry in clients.webhooks() {
        let authorities = entry.ca.as_ref().map_or(Ok(Vec::new()), |path| authorities(&directory.join(path)));
        match (secrets(&directory.join(&entry.secret_file)), authorities) {
            (Ok(secrets), Ok(authorities)) => webhooks.push(Webhook {
                client: entry.client.clone(),
                url: entry.url.clone(),
                secrets,
                authorities,
                allow_local: entry.allow_local,
                from_revision: entry.from_revision,
            }),
            (secrets, authorities) => {
                let wrong = secrets.err().into_iter().chain(authorities.err());
                mistakes.extend(wrong.map(|message| Mistake { line: entry.line, message }));
            }
        }
    }
    if mistakes.is_empty() { Ok(webhooks) } else { Err(mistakes) }
}

fn secrets(path: &Path) -> Result<Vec<Secret>, String> {
    let text = String::from_utf8(secret(path, MAX_SECRETS)?).unwrap_or_default();
    Secret::all_in(&text).map_err(|wrong| format!("{}: {wrong}", path.display()))
}

fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = read_chain(path).map_err(|error| with_source(&error))?;
    for (authority, number) in found.iter().zip(1..) {
        let used = RootCertStore::empty().add(authority.clone());
        used.map_err(|error| format!("certificate {number} in {} cannot be an authority: {error}", path.display()))?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn secrets_are_read_beside_the_list_and_every_mistake_has_its_line() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("hook");
        let read = |more: &str| {
            let list = format!(
                "[[client]]\nname = \"a\"\nsan_uri = \"urn:a\"\nrole = \"payer\"\n\
                 webhook = {{ url = \"https://h.example\", secret_file = \"hook\"{more} }}\n"
            );
            read(&Clients::read(&list).unwrap(), directory.path())
                .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert!(read("").unwrap_err()[0].starts_with("5: cannot read"));
        fs::write(&file, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o604)).unwrap();
        assert!(read("").unwrap_err()[0].contains("everyone on this machine can read"));
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        let webhook = &read(", allow_local = true").unwrap()[0];
        assert_eq!((webhook.secrets.len(), webhook.allow_local, webhook.authorities.len()), (1, true, 0));
        assert!(read(", ca = \"none\"").unwrap_err()[0].starts_with("5: cannot read"));
        assert!(read(", ca = \"hook\"").unwrap_err()[0].contains("does not hold a certificate in PEM"));
        let ca = directory.path().join("ca");
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem();
        fs::write(&ca, &own).unwrap();
        assert_eq!(read(", ca = \"ca\"").unwrap()[0].authorities.len(), 1);
        fs::write(&ca, format!("{own}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")).unwrap();
        let wrong = &read(", ca = \"ca\"").unwrap_err()[0];
        assert!(wrong.starts_with("5: certificate 2 in ") && wrong.contains("cannot be an authority"), "{wrong}");
        fs::write(&ca, &own).unwrap();
        fs::set_permissions(&ca, Permissions::from_mode(0o606)).unwrap();
        assert!(read(", ca = \"ca\"").unwrap_err()[0].contains("can be changed by everyone on this machine"));
        fs::write(&file, "secret\n").unwrap();
        assert!(read("").unwrap_err()[0].contains("whsec_"));
    }
}
