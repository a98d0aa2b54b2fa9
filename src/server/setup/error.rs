//! The reasons why a setup fails.

use std::path::PathBuf;
use std::time::Duration;

use uuid::Uuid;

use super::{CA, SERVER};
use crate::auth::clients::NotChanged;
use crate::registry::OpenError;
use crate::server::replica::ReplicaError;
use crate::store::IdentityError;
use crate::store::log::postgresql::redaction::SharedRedactError;
use crate::store::signing_keys::RotationError;

/// The setup failed. Nothing more was created.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A file exists already.
    #[error(
        "{path} exists already, and nothing is overwritten: name another directory. If `init` was interrupted here, \
         remove what it made, but keep request.key and the data directory, and run it again"
    )]
    AlreadyThere {
        /// The file.
        path: PathBuf,
    },
    /// A file of the new client exists already, although the list has no such client.
    #[error(
        "{path} exists already, and nothing is overwritten: give the client another name, or remove that file if no \
         client uses it, and run this again"
    )]
    FileOfClient {
        /// The file.
        path: PathBuf,
    },
    /// The signing keys cannot be read or rotated.
    #[error(transparent)]
    Keys(#[from] RotationError),
    /// The keys are those of all replicas of a shared log.
    #[error(
        "{} is the data directory of a replica, which has a copy of the signing keys of all replicas: rotate them with \
         --keys in the directory that log.signing_keys names, and copy that directory to every replica",
        .0.display()
    )]
    KeysOfReplicas(PathBuf),
    /// Another process is changing the directory.
    #[error(
        "another `init` is changing {directory}, and did not end within {} seconds: nothing was changed, so run this \
         again when it has ended",
        patience.as_secs()
    )]
    Busy {
        /// The directory.
        directory: PathBuf,
        /// How long this one waited.
        patience: Duration,
    },
    /// A file cannot be written or read.
    #[error("{path} cannot be written or read")]
    Disk {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Other users may write a file that decides who may call.
    #[error("everyone on this machine can write {open}: check what {path} contains, then run chmod o-w {open}")]
    WritableByOthers {
        /// The file.
        path: PathBuf,
        /// The file, or its directory.
        open: PathBuf,
    },
    /// The registry cannot be created.
    #[error("cannot create the registry")]
    Create(#[from] OpenError),
    /// The existing registry cannot be read.
    #[error("cannot read the registry in the data directory")]
    Identity(#[from] IdentityError),
    /// A certificate cannot be created.
    #[error("cannot create a certificate")]
    Certificate(#[from] rcgen::Error),
    /// The certificate to be renewed or revoked is not of the expected kind.
    #[error("{path} is not a certificate that can be renewed or revoked")]
    NotACertificate {
        /// The file.
        path: PathBuf,
    },
    /// The file of the authorities has something else in it, or nothing.
    #[error("{path} does not hold the certificate of an authority")]
    NotAnAuthority {
        /// The file.
        path: PathBuf,
    },
    /// The key of the authority is kept elsewhere.
    #[error("{path} is missing, and only that key signs certificates: copy it there, and remove it again afterwards")]
    NoAuthorityKey {
        /// The file.
        path: PathBuf,
    },
    /// The key belongs to none of the authorities.
    #[error(
        "{path} is the key of none of the authorities in ca.crt: copy the key of the newest one there; if --rotate-ca \
         begin was interrupted, run it again"
    )]
    KeyOfNoAuthority {
        /// The file.
        path: PathBuf,
    },
    /// There are several authorities already.
    #[error("{path} has several authorities already: finish their rotation first, with --rotate-ca finish")]
    RotationBegun {
        /// The file.
        path: PathBuf,
    },
    /// There is one authority only.
    #[error("{path} has one authority, so there is none to drop: begin with --rotate-ca begin")]
    NoRotation {
        /// The file.
        path: PathBuf,
    },
    /// Certificates of the earlier authority are in use.
    #[error(
        "certificates of an earlier authority are in the directory: {names}. Renew each with --renew first, or remove the \
         certificate of a client that is not needed any more"
    )]
    StillSigned {
        /// The names of the files.
        names: String,
    },
    /// The operating system provides no random bytes.
    #[error("the operating system provides no random bytes")]
    Random(#[source] getrandom::Error),
    /// The configuration cannot be used.
    #[error("{0}")]
    BadConfig(String),
    /// The options of the shared log cannot be used.
    #[error("{0}")]
    BadLog(String),
    /// This replica cannot use the shared log.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
    /// Nothing, or not everything, was redacted in the database.
    #[error(transparent)]
    Redaction(#[from] SharedRedactError),
    /// The database contains a registry that was not begun from this directory.
    #[error(
        "the database contains the registry {registry}, and {} is not its key: to add a replica to it, copy the \
         configuration and the key of another one, and run `cpss-registry join`; to begin another registry, name another \
         database",
        key.display()
    )]
    HoldsRegistry {
        /// The registry in the database.
        registry: Uuid,
        /// The key file.
        key: PathBuf,
    },
    /// The role of the replicas is asked to install the shared log.
    #[error(
        "the role of the replicas has no right to install the shared log, and should not get it: name the role that \
         installs it with --log-owner-url, and the file with its password with --log-owner-password-file \
         (deploy/docs/postgresql.md, \"The roles\")"
    )]
    NoOwner,
    /// No task can be run.
    #[error("cannot start")]
    Runtime(#[source] std::io::Error),
    /// The name would use the files of something else.
    #[error(
        "`{0}` cannot be the name of a client: `{CA}` and `{SERVER}` are the files of the authority and the server, \
         and a name begins with a letter or a digit"
    )]
    ReservedName(String),
    /// The client to be renewed or revoked is not on the list.
    #[error("{path} has no client `{client}`: use the `name` of one of its rows")]
    NotOnList {
        /// The list.
        path: PathBuf,
        /// The client.
        client: String,
    },
    /// The client has no certificate to revoke.
    #[error("{path} {reason}")]
    NotRevoked {
        /// The list.
        path: PathBuf,
        /// The reason.
        reason: NotChanged,
    },
    /// The new client cannot be on the list.
    #[error("no client is added: {mistake} (--client, --role and --provider make its row in {path})")]
    BadClient {
        /// The list.
        path: PathBuf,
        /// The mistake.
        mistake: String,
    },
    /// The list of clients is invalid.
    #[error("{path}:{mistake}")]
    BadList {
        /// The list.
        path: PathBuf,
        /// The mistake.
        mistake: String,
    },
}

impl SetupError {
    /// True if the operator must name something else: a data directory that holds a registry whose log is missing, a
    /// database that is not an empty one, or a client that the list does not have or cannot have.
    pub fn is_usage(&self) -> bool {
        match self {
            SetupError::Identity(IdentityError::DataDir(refused)) => refused.is_wrong_place(),
            SetupError::BadLog(_) | SetupError::HoldsRegistry { .. } | SetupError::NoOwner => true,
            SetupError::ReservedName(_) | SetupError::NotOnList { .. } | SetupError::BadClient { .. } => true,
            _ => false,
        }
    }
}
