//! Why a node of the database cannot be used, with the remedy.

use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio_postgres::error::SqlState;

use super::schema::SchemaError;
use crate::store::log::replicated::statements::{Ahead, StatementError};

/// Why there is no session: what the nodes said that were asked, in the order of the URL.
#[derive(Debug, thiserror::Error)]
#[error("{}{}", listed(.0), without_primary(.0))]
pub struct ConnectError(pub(super) Vec<NodeError>);

/// What one node said.
#[derive(Debug)]
pub struct NodeError {
    /// The address as in the URL.
    pub node: Arc<str>,
    /// Why it cannot be used.
    pub refusal: Refusal,
}

/// Why a node cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It cannot be reached, or it refused.
    #[error("{}", said(.0))]
    Database(tokio_postgres::Error),
    /// It refused the password.
    #[error("{}: put the present password of the role into the file {place}", said(error))]
    WrongPassword {
        /// What the server said.
        error: tokio_postgres::Error,
        /// The setting or the flag that names the file with the password.
        place: &'static str,
    },
    /// The password cannot be read. The text says why.
    #[error("the password cannot be read: {0}")]
    NoPassword(String),
    /// It did not answer in time.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// The server is too old.
    #[error("the server runs PostgreSQL {found}: version 13 or a later one is needed")]
    TooOld {
        /// Its version.
        found: i32,
    },
    /// The server is a standby, or accepts no writes for another reason.
    #[error("accepts no writes, as a standby does")]
    TakesNoWrites,
    /// The server does not sync its commits.
    #[error("the server runs with fsync off, so that records could be lost: set fsync = on")]
    NoFsync,
    /// Settings of the session did not last.
    #[error(
        "settings and statements of the session do not last: connect to the server itself, or to a pooler that pools \
         sessions and resets them (in PgBouncer, pool_mode = session and the server_reset_query that it has by default)"
    )]
    Pooled,
    /// No commit waits for a standby.
    #[error(
        "no commit waits for a standby, so that records could be lost: set synchronous_standby_names, or, if the storage \
         of the server is replicated, durability = \"storage\""
    )]
    NoStandby,
    /// A commit waits for any one of several standbys.
    #[error(
        "synchronous_standby_names begins with ANY, so that a standby without the last records could be promoted: name \
         the standbys with FIRST"
    )]
    AnyStandby,
    /// A commit waits for any receiver of the WAL.
    #[error(
        "synchronous_standby_names contains *, so that anything that receives the WAL counts as a standby, such as \
         pg_receivewal: name the standbys"
    )]
    EveryName,
    /// The clocks differ.
    #[error("the clock of this machine is {} the clock of the database: correct the one that is wrong", Ahead(*ahead))]
    ClocksApart {
        /// The difference.
        ahead: SignedDuration,
    },
    /// The database has no registry.
    #[error("the database has no registry: `cpss-registry init --log-url` begins one")]
    NoRegistry,
    /// The role may not use the log.
    #[error("the role {role} has not the rights of a replica: GRANT cpss_replica TO {role}")]
    NoRights {
        /// The role, quoted as in SQL.
        role: String,
    },
    /// The registry in the database is not this replica's.
    #[error(transparent)]
    OtherRegistry(SchemaError),
}

impl Display for NodeError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.node, self.refusal)
    }
}

impl ConnectError {
    /// What one node said.
    pub(super) fn of(node: &Arc<str>, refusal: Refusal) -> ConnectError {
        ConnectError(vec![NodeError { node: Arc::clone(node), refusal }])
    }

    /// True if the database is not the right one, or is set up wrongly, so that another attempt cannot help. A failover
    /// manager may name every receiver for a moment, so another attempt can help against that.
    pub fn is_refusal(&self) -> bool {
        self.any(|refusal| {
            use Refusal::{AnyStandby, NoFsync, NoRegistry, OtherRegistry, Pooled, TooOld};
            matches!(refusal, OtherRegistry(_) | NoRegistry | AnyStandby | NoFsync | Pooled | TooOld { .. })
        })
    }

    /// True if the database refuses this replica's role: a wrong password, a missing right, a missing database. An
    /// administrator may be about to correct it.
    pub fn is_denial(&self) -> bool {
        self.any(|refusal| match refusal {
            Refusal::NoRights { .. } | Refusal::WrongPassword { .. } | Refusal::NoPassword(_) => true,
            Refusal::Database(error) => error.code().is_some_and(|code| remedy(code).is_some()),
            _ => false,
        })
    }

    /// The cause, the same for each attempt with the same cause.
    pub fn cause_text(&self) -> String {
        let cause = |NodeError { node, refusal }: &NodeError| match refusal {
            Refusal::ClocksApart { .. } => format!("{node}: clocks"),
            refusal => format!("{node}: {refusal}"),
        };
        self.0.iter().map(cause).collect::<Vec<_>>().join("; ")
    }

    /// What it means for a statement that was to be run.
    pub(super) fn into_statement_error(self: Arc<Self>) -> StatementError {
        let ahead = self.find(|refusal| match refusal {
            Refusal::ClocksApart { ahead } => Some(*ahead),
            _ => None,
        });
        match ahead {
            Some(ahead) => StatementError::ClocksApart { ahead },
            None if self.any(Refusal::is_of_standbys) => StatementError::DurabilityReduced(Box::new(self)),
            None => StatementError::NotDone(Box::new(self)),
        }
    }

    fn find<T>(&self, find: impl FnMut(&Refusal) -> Option<T>) -> Option<T> {
        self.0.iter().map(|node| &node.refusal).find_map(find)
    }

    fn any(&self, is: impl Fn(&Refusal) -> bool) -> bool {
        self.0.iter().any(|node| is(&node.refusal))
    }
}

impl Refusal {
    fn is_of_standbys(&self) -> bool {
        matches!(self, Refusal::NoStandby | Refusal::AnyStandby | Refusal::EveryName)
    }
}

impl From<tokio_postgres::Error> for Refusal {
    fn from(error: tokio_postgres::Error) -> Refusal {
        // The client's own words for a server that accepts no writes. The system's errors have a number.
        let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        match source {
            Some(source) if source.kind() == io::ErrorKind::PermissionDenied && source.raw_os_error().is_none() => {
                Refusal::TakesNoWrites
            }
            _ if error.code().is_some_and(is_of_pooler) => Refusal::Pooled,
            _ => Refusal::Database(error),
        }
    }
}

/// True if a server says that a prepared statement is missing, or that it is there already. Then a pooler sends the
/// statements of a session to one server or another.
pub(super) fn is_of_pooler(code: &SqlState) -> bool {
    *code == SqlState::INVALID_SQL_STATEMENT_NAME || *code == SqlState::DUPLICATE_PSTATEMENT
}

/// What helps if no node is known to accept writes.
fn without_primary(nodes: &[NodeError]) -> &'static str {
    let is_standby = |node: &NodeError| matches!(node.refusal, Refusal::TakesNoWrites);
    let is_silent = |node: &NodeError| match &node.refusal {
        Refusal::Database(error) => error.code().is_none(),
        Refusal::TimedOut(_) => true,
        _ => false,
    };
    if nodes.iter().any(is_standby) && nodes.iter().all(|node| is_standby(node) || is_silent(node)) {
        "; name every node of the database in log.url, or promote a standby"
    } else {
        ""
    }
}

fn listed(nodes: &[NodeError]) -> String {
    let nodes: Vec<_> = nodes.iter().map(ToString::to_string).collect();
    nodes.join("; ")
}

/// What the server said, or why it said nothing. Details are left out: they may repeat values.
pub(super) fn said(error: &tokio_postgres::Error) -> String {
    if let Some(refusal) = error.as_db_error() {
        let (message, code) = (refusal.message(), refusal.code());
        let remedy = remedy(code).map_or_else(String::new, |remedy| format!(": {remedy}"));
        return format!("{message} ({}){remedy}", code.code());
    }
    let Some(mut cause) = error.source() else { return error.to_string() };
    let mut text = cause.to_string();
    while let Some(source) = cause.source() {
        let of_source = source.to_string();
        if !text.contains(&of_source) {
            text = format!("{text}: {of_source}");
        }
        cause = source;
    }
    text
}

/// What helps against a refusal of the role or the database. `None` for other errors.
fn remedy(code: &SqlState) -> Option<&'static str> {
    Some(match *code {
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            "an administrator of the database must let the role log in from this machine with TLS (pg_hba.conf)"
        }
        SqlState::INVALID_CATALOG_NAME => "correct the name of the database in log.url, or create the database",
        SqlState::INSUFFICIENT_PRIVILEGE => "GRANT cpss_replica to the role",
        _ => return None,
    })
}
