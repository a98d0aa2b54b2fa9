//! Checks across values: values that must agree, and files that must be readable and consistent.

use super::reading::Reading;
use super::{Access, Config, Flags, clients};
use crate::registry::clock;
use crate::rules;
use crate::server::liveness::LEAST_LIMIT;

/// The maximum number of questions that are counted at once: those of one batch.
const MAX_ITEMS: u32 = 1000;

impl Reading {
    /// Runs all checks across values.
    pub(super) fn check(&mut self, config: &Config, flags: &Flags) {
        self.check_addresses(config);
        for (flag, is_given) in [("--today", config.today.is_some()), ("--no-sample", config.no_sample)] {
            if is_given && !config.dev {
                self.mistake(flag, "only with --dev");
            }
        }
        // A smaller burst would refuse every full batch.
        let burst = config.questions_burst.or(config.questions_per_second);
        if config.questions_per_second.is_some() && burst.is_some_and(|burst| burst.get() < MAX_ITEMS) {
            self.mistake(self.place_of("questions_burst"), format!("less than {MAX_ITEMS}, the items of one batch"));
        }
        if config.stuck_after_seconds < LEAST_LIMIT {
            let message =
                format!("less than {} seconds: a thread shows once a second that it moves", LEAST_LIMIT.as_secs());
            self.mistake(self.place_of("stuck_after_seconds"), message);
        }
        self.check_access(config, flags);
        self.check_log(config);
        let least = 4 * config.audit().file_bytes;
        if config.audit_max_bytes.is_some_and(|share| share.0 < least) {
            let message = format!("less than four times audit_file_mib: at least {least} bytes are needed");
            self.mistake(self.place_of("audit_max_bytes"), message);
        }
        if let Some(directory) = &config.rules_dir
            && let Err(error) = rules::in_directory(directory)
        {
            self.mistake(self.place_of("rules_dir"), super::with_source(&error));
        }
    }

    /// Checks that no two listeners share an address, and that a development server listens on loopback addresses only.
    fn check_addresses(&mut self, config: &Config) {
        let addresses = config.addresses();
        for (at, (key, address)) in addresses.iter().enumerate() {
            let same = addresses.iter().take(at).find(|(_, other)| other == address && address.port() != 0);
            if let Some((other, _)) = same {
                self.mistake(self.place_of(key), format!("the same address as {other}"));
            }
        }
        for (key, address) in addresses {
            if config.dev && !address.ip().is_loopback() {
                let message = format!("{address} is not a loopback address, and --dev accepts calls from anyone");
                self.mistake(self.place_of(key), message);
            }
        }
    }

    /// Checks the files that decide who may call: all required ones are given, or none on a development server.
    fn check_access(&mut self, config: &Config, flags: &Flags) {
        let keys = [
            ("tls_cert", &flags.tls_cert),
            ("tls_key", &flags.tls_key),
            ("client_ca", &flags.client_ca),
            ("clients", &flags.clients),
        ];
        let (given, missing): (Vec<_>, Vec<_>) =
            keys.into_iter().partition(|(key, flag)| flag.is_some() || self.file_gives(key));
        if config.dev {
            for (key, _) in given {
                self.mistake(
                    self.place_of(key),
                    "not allowed with --dev, which uses plaintext and has no list of clients",
                );
            }
        } else if let Some(access) = config.access() {
            self.check_access_files(&access);
        } else {
            let missing: Vec<_> = missing.into_iter().map(|(key, _)| key).filter(|key| *key != "client_ca").collect();
            if !missing.is_empty() {
                let message = "required without --dev; `cpss-registry init DIR` creates these files";
                self.mistake(missing.join(", "), message);
            }
        }
    }

    /// Reads the files that decide who may call, and records their mistakes.
    fn check_access_files(&mut self, access: &Access) {
        if let Err(error) = access.certificates.read(clock::now()) {
            self.mistake(self.place_of("tls_cert"), super::with_source(&error));
        }
        match clients::read(&access.clients) {
            Ok(list) if list.clients.has_certificates() && access.certificates.client_ca.is_none() => {
                let message =
                    "lists clients with certificates, but client_ca, the authority of their certificates, is not set";
                self.mistake(self.place_of("clients"), message);
            }
            Ok(_) => {}
            Err(mistakes) => self.mistakes.extend(mistakes),
        }
    }
}
