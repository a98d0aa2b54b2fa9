//! Code generated from the rows of the table: flags, parsing, the typed configuration, help, and the example file.

/// The name of a key: that of its row, or else the one in its table.
macro_rules! name {
    ($key:ident) => {
        stringify!($key)
    };
    ($key:ident in $table:literal) => {
        $table
    };
}

/// Generates [`Flags`](super::Flags), [`Config`](super::Config) and [`Key`](super::key::Key)s from the rows in
/// `table.rs`.
macro_rules! configuration {
    (
        keys { $(
            $(#[doc = $key_doc:literal])+
            $key:ident $(in $table:literal)?: $key_type:ty = $default:expr, $(with --dev $dev_default:expr,)?
                flag $key_flag:literal $key_value:literal $(or $alone:literal)? $(, $shown:ident $example:literal)?;
        )+ }
        flags { $(
            $(#[doc = $flag_doc:literal])+
            $flag:ident: $flag_type:ty, flag $flag_name:literal $flag_value:literal;
        )+ }
        switches { $(
            $(#[doc = $switch_doc:literal])+
            $switch:ident, flag $switch_name:literal;
        )+ }
    ) => {
        /// The command line, not yet checked. Every key of the file has a flag.
        #[derive(Clone, Debug, Default, clap::Args)]
        pub struct Flags {
            /// Read the configuration from this file (TOML); flags override it
            #[arg(long, value_name = "FILE")]
            pub config: Option<String>,
            $(
                #[doc = concat!("The value of `--", $key_flag, "`.")]
                #[arg(long = $key_flag, value_name = $key_value, help = Key::$key().help())]
                $(#[arg(num_args = 0..=1, require_equals = true, default_missing_value = $alone)])?
                pub $key: Option<String>,
            )+
            $(
                #[doc = concat!("The value of `--", $flag_name, "`.")]
                #[arg(long = $flag_name, value_name = $flag_value, help = summary(&[$($flag_doc),+]))]
                pub $flag: Option<String>,
            )+
            $(
                #[doc = concat!("True if `--", $switch_name, "` is given.")]
                #[arg(long = $switch_name, help = summary(&[$($switch_doc),+]))]
                pub $switch: bool,
            )+
        }

        /// A configuration that the server can run with.
        #[derive(Clone, Debug)]
        pub struct Config {
            $($(#[doc = $key_doc])+ pub $key: $key_type,)+
            $($(#[doc = $flag_doc])+ pub $flag: Option<$flag_type>,)+
            $($(#[doc = $switch_doc])+ pub $switch: bool,)+
            pub(super) settings: Vec<Setting>,
            /// What it was read from.
            pub flags: Flags,
        }

        /// The defaults. Those of a development server may differ.
        struct Defaults {
            is_dev: bool,
        }

        impl Defaults {
            $(
                fn $key(&self) -> $key_type {
                    $(if self.is_dev {
                        return $dev_default;
                    })?
                    $default
                }
            )+
        }

        impl Key {
            /// The keys of the file, in the order of the table.
            pub(super) const NAMES: &[&str] = &[$(name!($key $(in $table)?)),+];

            /// Every key of the file, in the order of the table.
            pub(super) fn all() -> Vec<Key> {
                vec![$(Key::$key()),+]
            }

            $(
                fn $key() -> Key {
                    Key {
                        name: name!($key $(in $table)?),
                        flag: concat!("--", $key_flag),
                        doc: &[$($key_doc),+],
                        is_text: <$key_type as Value>::FORMS.contains(&Form::Text),
                        default: Defaults { is_dev: false }.$key().show(),
                        dev_default: Defaults { is_dev: true }.$key().show(),
                        example: None $(.or(Some(Example::$shown($example))))?,
                    }
                }
            )+
        }

        impl Reading {
            $(
                pub(super) fn $key(&mut self, flags: &Flags) -> $key_type {
                    let default = Defaults { is_dev: flags.dev }.$key();
                    self.take(name!($key $(in $table)?), concat!("--", $key_flag), &flags.$key, default)
                }
            )+
        }

        impl Config {
            /// Reads every value: the flag, else the file, else the default.
            pub(super) fn take(reading: &mut Reading, flags: &Flags) -> Config {
                Config {
                    $($key: reading.$key(flags),)+
                    $($flag: reading.take(stringify!($flag), concat!("--", $flag_name), &flags.$flag, None),)+
                    $($switch: reading.take_switch(stringify!($switch), concat!("--", $switch_name), flags.$switch),)+
                    settings: Vec::new(),
                    flags: flags.clone(),
                }
            }

            /// The addresses to listen on, with their keys, in the order of the table.
            pub(super) fn addresses(&self) -> Vec<(&'static str, SocketAddr)> {
                let values = [$((name!($key $(in $table)?), self.$key.address())),+];
                values.into_iter().filter_map(|(key, address)| Some((key, address?))).collect()
            }
        }
    };
}

pub(super) use {configuration, name};
