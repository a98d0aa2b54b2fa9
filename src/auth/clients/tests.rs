//! Lists of clients, and the mistakes that are reported in them.

use super::*;
use crate::auth::peer::Authority;
use crate::domain::fact::Role;

const TOKEN: &str = "cpss_0123456789abcdef0123456789abcdef";

fn list() -> String {
    let digest = Digest::of(TOKEN).to_hex();
    format!(
        "[[client]]\nname = \"dmh\"\nsan_uri = \"urn:cpss:client:dmh\"\nrole = \"registrar\"\n\n\
         [[client]]\nname = \"region-1-hr\"\ntoken_sha256 = \"{digest}\"\nrole = \"provider\"\nprovider_id = \"region-1\"\n"
    )
}

fn certificate(uris: &[&str], serial: u8) -> Certificate {
    let uris = uris.iter().map(|uri| (*uri).to_owned()).collect();
    Certificate {
        uris,
        hosts: Vec::new(),
        serial: Serial::of_bytes(&[serial]),
        expires: std::time::Instant::now(),
        authority: Arc::new(Authority::trusted("authority")),
    }
}

fn mistakes(text: &str) -> Vec<String> {
    Clients::read(text).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn a_client_is_identified_by_its_row() {
    let clients = Clients::read(&list()).unwrap();
    assert_eq!((clients.count(), clients.has_certificates()), (2, true));
    let dmh = clients.of_certificate(&certificate(&["https://example.org", "urn:cpss:client:dmh"], 7)).unwrap();
    assert_eq!((dmh.client.as_str(), &dmh.role), ("dmh", &Role::Registrar));
    assert_eq!(clients.of_certificate(&certificate(&["urn:cpss:client:dm"], 7)), Err(NotCertified::Unknown));
    let hr = clients.of_token(&Digest::of(TOKEN)).unwrap().caller();
    assert_eq!((hr.client.as_str(), hr.own_provider().unwrap().as_str()), ("region-1-hr", "region-1"));
    assert!(clients.of_token(&Digest::of("cpss_0123456789abcdef0123456789abcdee")).is_none());
}

#[test]
fn a_certificate_of_two_clients_identifies_none() {
    let second = "[[client]]\nname = \"other\"\nsan_uri = \"urn:other\"\nrole = \"auditor\"\n";
    let clients = Clients::read(&(list() + second)).unwrap();
    let of_two = certificate(&["urn:cpss:client:dmh", "urn:other"], 7);
    assert_eq!(clients.of_certificate(&of_two), Err(NotCertified::Unknown));
}

#[test]
fn a_certificate_is_revoked_by_the_serial_number_in_its_clients_row() {
    let row = "san_uri = \"urn:cpss:client:dmh\"\n";
    let clients = Clients::read(&list().replace(row, &format!("{row}revoked = [\"00:07\", \"ff01\"]\n"))).unwrap();
    let of = |serial: u8| clients.of_certificate(&certificate(&["urn:cpss:client:dmh"], serial)).map(|_| ());
    assert_eq!((of(7), of(8)), (Err(NotCertified::Revoked), Ok(())));
    let wrong = list().replace(row, &format!("{row}revoked = [\"07\", \"7g\"]\n"));
    assert!(mistakes(&wrong)[0].starts_with("4: not the serial number of a certificate"), "{:?}", mistakes(&wrong));
    let of_a_token = list() + "revoked = [\"07\"]\n";
    assert!(mistakes(&of_a_token)[0].starts_with("11: a token has no serial number"), "{:?}", mistakes(&of_a_token));
}

#[test]
fn only_a_token_expires_and_at_a_certain_time() {
    let read = Clients::read(&(list() + "expires = 2027-06-30T00:00:00-05:00\n")).unwrap();
    let expires = "2027-06-30T05:00:00Z".parse().unwrap();
    assert_eq!(read.token_expiries(), [("region-1-hr".to_owned(), expires)]);
    assert_eq!(Clients::read(&list()).unwrap().token_expiries(), []);
    for wrong in ["2027-06-30", "2027-06-30T00:00:00", "00:00:00"] {
        let wrong = mistakes(&(list() + &format!("expires = {wrong}\n")));
        assert!(wrong[0].starts_with("11: not a date with a time and an offset"), "{wrong:?}");
    }
    let row = "san_uri = \"urn:cpss:client:dmh\"\n";
    let wrong = mistakes(&list().replace(row, &format!("{row}expires = 2027-06-30T00:00:00Z\n")));
    assert!(wrong[0].starts_with("4: expires is for a token"), "{wrong:?}");
}

#[test]
fn an_empty_list_is_valid() {
    assert_eq!(Clients::read("# nobody yet\n").unwrap().count(), 0);
}

#[test]
fn every_mistake_is_reported_with_its_line() {
    let text = "[[client]]\nname = \"a b\"\nsan_uri = \"no uri\"\nrole = \"king\"\n\
                [[client]]\nname = \"b\"\nrole = \"provider\"\n\
                [[client]]\nname = \"b\"\nsan_uri = \"urn:b\"\ntoken_sha256 = \"00\"\nrole = \"payer\"\nprovider_id = \"p\"\n\
                [[client]]\nname = \"c\"\ntoken_sha256 = \"00\"\nrole = \"provider\"\nprovider_id = \"a b\"\n";
    assert_eq!(
        mistakes(text),
        [
            "2: a name consists of 1 to 64 letters, digits, '-', '_' or '.'",
            "4: `king` is not a role; the roles are registrar, certifier, provider, payer, auditor, operator",
            "3: not a URI, such as urn:cpss:client:region-1-hr",
            "5: the role provider needs a provider_id",
            "5: give san_uri or token_sha256",
            "9: the name `b` is already used in line 6",
            "13: provider_id is only for the role provider",
            "11: give san_uri or token_sha256, not both",
            "18: not a provider id (1 to 64 letters, digits, '-', '_' or '.', the first a letter or digit)",
            "16: not a SHA-256: 64 hexadecimal digits (printf %s TOKEN | sha256sum)",
        ]
    );
}

#[test]
fn two_clients_cannot_share_a_certificate_uri_or_token() {
    let twice = list().replace("region-1", "region-2").replace("\"dmh\"", "\"other\"");
    let mistakes = mistakes(&(list() + &twice));
    assert_eq!(mistakes, ["13: this URI already belongs to `dmh`", "18: this token already belongs to `region-1-hr`"]);
}

#[test]
fn a_malformed_list_is_a_mistake_with_its_line() {
    let unknown = list().replace("role = \"registrar\"", "roles = \"registrar\"");
    assert!(mistakes(&unknown)[0].starts_with("4: unknown field `roles`"), "{:?}", mistakes(&unknown));
    assert!(mistakes("[[client]\nname = 1\n")[0].starts_with("1: "));
    // A file that is still being written is not a list without its last row.
    let half = &list()[..list().len() - 8];
    assert!(mistakes(half)[0].starts_with("10: "), "{:?}", mistakes(half));
}

#[test]
fn the_misses_of_a_client_are_those_of_its_provider() {
    let row = |name: &str, rest: &str| format!("[[client]]\nname = \"{name}\"\nsan_uri = \"urn:{name}\"\n{rest}\n");
    let provider = "role = \"provider\"\nprovider_id = \"p\"\n";
    let of =
        |rest: &str| row("a", &format!("{provider}{rest}")) + &row("b", &format!("{provider}misses_per_hour = 500"));
    let clients = Clients::read(&of("misses_per_hour = 500")).unwrap();
    assert!(clients.callers().all(|caller| caller.misses_per_hour == std::num::NonZeroU32::new(500)));
    let message = "misses_per_hour differs from line";
    assert_eq!(
        mistakes(&of("misses_per_hour = 501")),
        [format!("12: {message} 6: all rows of a provider must have the same value")]
    );
    assert_eq!(mistakes(&of("")), [format!("12: {message} 1: all rows of a provider must have the same value")]);
    assert!(Clients::read(&row("a", "role = \"payer\"\nmisses_per_hour = 9")).is_ok());
    let registrar = mistakes(&row("a", "role = \"registrar\"\nmisses_per_hour = 9"));
    assert_eq!(registrar, ["5: misses_per_hour is for the roles provider and payer"]);
    assert!(mistakes(&row("a", "role = \"payer\"\nmisses_per_hour = 0"))[0].starts_with("5: "));
}

fn list_of(names: &[&str]) -> String {
    let row = |name: &&str| {
        format!("[[client]]\nname = \"{name}\"\nsan_uri = \"urn:cpss:client:{name}\"\nrole = \"auditor\"\n")
    };
    names.iter().map(row).collect()
}

#[test]
fn a_list_that_removes_more_than_half_of_the_clients_must_allow_it() {
    let in_use = Clients::read(&list_of(&["a", "b", "c", "d"])).unwrap();
    let refuses = |text: &str| in_use.refuse_to_lose_most(&Clients::read(text).unwrap()).map_err(|it| it.to_string());
    assert_eq!(refuses(&list_of(&["c", "d", "e"])), Ok(()), "half of them");
    let refusal = refuses(&list_of(&["d", "e", "f", "g", "h"])).unwrap_err();
    assert!(
        refusal.starts_with("it would remove 3 of 4 clients") && refusal.contains("remove_more_than_half = true"),
        "{refusal}"
    );
    assert!(refuses("").is_err(), "an empty file");
    assert_eq!(refuses(&format!("remove_more_than_half = true\n{}", list_of(&["d"]))), Ok(()), "it says so");
    assert_eq!(Clients::default().refuse_to_lose_most(&in_use), Ok(()), "the first clients");
}
