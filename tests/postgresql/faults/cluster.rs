//! The primary and its synchronous standby, through crashes and promotions.

use std::time::{Duration, Instant};

use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::fleet::STANDBY;
use crate::server::setup::Rebuilt;
use crate::server::{PATIENCE, Server};

/// How long commits wait for the standby before those who wait are disturbed.
const WAIT: Duration = Duration::from_millis(300);

/// The pause before a condition is checked again.
const PAUSE: Duration = Duration::from_millis(20);

/// Two servers. Whichever is the primary, its commits wait for the other one.
pub struct Cluster {
    primary: Server,
    standby: Server,
}

/// A way to disturb the sessions of replicas.
#[derive(Clone, Copy)]
pub enum Disturbance {
    /// Ends the sessions.
    Terminate,
    /// Cancels the statements.
    Cancel,
}

impl Cluster {
    /// Takes a primary, and the standby that its commits wait for.
    pub async fn of(primary: Server, standby: Server) -> Cluster {
        standby.set("synchronous_standby_names", STANDBY).await;
        Cluster { primary, standby }
    }

    /// Waits until commits can succeed.
    pub async fn until_commits_succeed(&self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.is_followed().await {
            assert!(Instant::now() < deadline, "the standby does not follow: {}", self.standby.log());
            sleep(PAUSE).await;
        }
    }

    async fn is_followed(&self) -> bool {
        let follows = "SELECT FROM pg_stat_replication WHERE application_name = $1 AND sync_state = 'sync'";
        let Ok(client) = self.primary.try_superuser().await else { return false };
        client.query(follows, &[&STANDBY]).await.is_ok_and(|rows| !rows.is_empty())
    }

    /// Kills the primary and promotes the standby. With a duration, the old primary runs on for that long. Then it is
    /// rebuilt as the new standby.
    pub async fn fail_over(&mut self, how: Rebuilt, runs_on: Option<Duration>) {
        if runs_on.is_none() {
            block_in_place(|| self.primary.kill());
        }
        self.promote(how, runs_on).await;
    }

    /// Cancels commits while the standby is away: they are visible then, and only the primary has them. Promotes the
    /// standby before it receives them. The rest is as with [`Cluster::fail_over`].
    pub async fn fail_over_without_canceled(&mut self, how: Rebuilt, runs_on: Option<Duration>) {
        block_in_place(|| self.standby.kill());
        sleep(WAIT).await;
        self.disturb(Disturbance::Cancel).await;
        sleep(WAIT).await;
        block_in_place(|| match runs_on {
            None => self.primary.kill(),
            Some(_) => self.primary.freeze(),
        });
        block_in_place(|| self.standby.start_again());
        self.promote(how, runs_on).await;
    }

    async fn promote(&mut self, how: Rebuilt, runs_on: Option<Duration>) {
        self.standby.promote().await;
        std::mem::swap(&mut self.primary, &mut self.standby);
        if let Some(runs_on) = runs_on {
            self.standby.thaw();
            sleep(runs_on).await;
            block_in_place(|| self.standby.kill());
        }
        // Only a checkpoint writes into the files that it was promoted.
        self.primary.superuser().await.batch_execute("CHECKPOINT").await.unwrap();
        block_in_place(|| {
            self.standby.rebuild(&self.primary, STANDBY, how);
            self.standby.start_again();
        });
        self.until_commits_succeed().await;
    }

    /// Kills the primary and starts it again.
    pub async fn restart_primary(&mut self) {
        block_in_place(|| {
            self.primary.kill();
            self.primary.start_again();
        });
        self.until_commits_succeed().await;
    }

    /// Lets the primary stand still.
    pub async fn freeze_primary(&self, lasting: Duration) {
        self.primary.freeze();
        sleep(lasting).await;
        self.primary.thaw();
        self.until_commits_succeed().await;
    }

    /// Kills the standby, and starts it again after a while.
    pub async fn kill_standby(&mut self, lasting: Duration) {
        block_in_place(|| self.standby.kill());
        sleep(lasting).await;
        block_in_place(|| self.standby.start_again());
        self.until_commits_succeed().await;
    }

    /// Disturbs the sessions of all replicas.
    pub async fn disturb(&self, how: Disturbance) {
        let function = match how {
            Disturbance::Terminate => "pg_terminate_backend",
            Disturbance::Cancel => "pg_cancel_backend",
        };
        let all = format!("SELECT {function}(pid) FROM pg_stat_activity WHERE application_name LIKE 'cpss-registry/%'");
        self.primary.superuser().await.batch_execute(&all).await.unwrap();
    }

    /// Disturbs the sessions of all replicas while commits wait for the standby.
    pub async fn disturb_waits(&self, how: Disturbance) {
        self.standby.freeze();
        sleep(WAIT).await;
        self.disturb(how).await;
        sleep(WAIT).await;
        self.standby.thaw();
        self.until_commits_succeed().await;
    }

    /// Fills the disk of the primary for a while. The primary may end meanwhile.
    pub async fn fill_disk(&mut self, lasting: Duration) {
        self.primary.disk().unwrap().fill();
        sleep(lasting).await;
        self.primary.disk().unwrap().make_room();
        let deadline = Instant::now() + PATIENCE;
        while self.primary.try_superuser().await.is_err() {
            assert!(Instant::now() < deadline, "the primary does not come back: {}", self.primary.log());
            // It ends if it crashed and could not recover.
            if !self.primary.is_running() {
                block_in_place(|| {
                    self.primary.kill();
                    self.primary.start_again();
                });
            }
            sleep(PAUSE).await;
        }
        self.until_commits_succeed().await;
    }

    /// True if the servers have disks that can be filled.
    pub fn has_disks(&self) -> bool {
        self.primary.disk().is_some() && self.standby.disk().is_some()
    }
}
