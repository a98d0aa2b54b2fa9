//! What no value shows alone: values that must agree, and files that must be readable and fit together.

use super::reading::Reading;
use super::{Access, Config, Flags, clients};
use crate::registry::clock;
use crate::rules;

/// How many questions are counted together at most: those of a batch.
const MOST_ITEMS: u32 = 1000;

impl Reading {
    /// What no value shows alone.
    pub(super) fn check(&mut self, config: &Config, flags: &Flags) {
        self.check_addresses(config);
        for (flag, is_given) in [("--today", config.today.is_some()), ("--no-sample", config.no_sample)] {
            if is_given && !config.dev {
                self.mistake(flag, "only with --dev");
            }
        }
        // No batch of a thousand would ever be answered.
        let burst = config.questions_burst.or(config.questions_per_second);
        if config.questions_per_second.is_some() && burst.is_some_and(|burst| burst.get() < MOST_ITEMS) {
            self.mistake(self.place_of("questions_burst"), format!("less than {MOST_ITEMS}, the items of one batch"));
        }
        self.check_access(config, flags);
        let least = 4 * config.audit().file_bytes;
        if config.audit_max_bytes.is_some_and(|share| share.0 < least) {
            let message = format!("less than four times audit_file_mib: {least} bytes at least");
            self.mistake(self.place_of("audit_max_bytes"), message);
        }
        if let Some(directory) = &config.rules_dir
            && let Err(error) = rules::in_directory(directory)
        {
            self.mistake(self.place_of("rules_dir"), with_source(&error));
        }
    }

    /// No two listeners have one address, and a development server listens on loopback addresses alone.
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
                let message = format!("{address} is not a loopback address, and --dev serves anyone who connects");
                self.mistake(self.place_of(key), message);
            }
        }
    }

    /// The files that say who may call: all that are needed, or none on a development server.
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
                self.mistake(self.place_of(key), "not with --dev, which speaks plaintext and knows no clients");
            }
        } else if let Some(access) = config.access() {
            self.check_access_files(&access);
        } else {
            let missing: Vec<_> = missing.into_iter().map(|(key, _)| key).filter(|key| *key != "client_ca").collect();
            if !missing.is_empty() {
                let message = "needed to serve without --dev; `cpss-registry init DIR` makes all that is";
                self.mistake(missing.join(", "), message);
            }
        }
    }

    /// What is wrong with the files that say who may call.
    fn check_access_files(&mut self, access: &Access) {
        if let Err(error) = access.certificates.read(clock::now()) {
            self.mistake(self.place_of("tls_cert"), with_source(&error));
        }
        match clients::read(&access.clients) {
            Ok(clients) if clients.has_certificates() && access.certificates.client_ca.is_none() => {
                let message = "has clients with certificates, and no client_ca says whose certificates are believed";
                self.mistake(self.place_of("clients"), message);
            }
            Ok(_) => {}
            Err(mistakes) => self.mistakes.extend(mistakes),
        }
    }
}

pub(super) fn with_source(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}
