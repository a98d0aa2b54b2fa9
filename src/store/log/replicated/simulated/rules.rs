//! The rules that can be taken out, to see that the simulation finds what they prevent.

/// A rule of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A barrier confirms only the tip that it read in its own snapshot, and not what was read elsewhere before it.
    OwnSnapshot,
    /// A notification names the chain, and not only a revision.
    SealedChain,
    /// A barrier that shows the head which the replica has is durable before it is answered. A plain read is none.
    DurableHead,
    /// A barrier that shows a loss is durable before it is answered.
    DurableLoss,
    /// What became of an append is read in the session that raised the turn.
    SameSession,
    /// What became of an append is read in a later statement than the one that raised the turn.
    LaterStatement,
    /// The turn makes late appends fail.
    Turn,
    /// The copy contains confirmed frames only.
    ConfirmedCopy,
    /// A replica runs a barrier now and then, whether it heard something or not.
    Heartbeat,
    /// A record may be dated as late as the head requires, whatever the clock.
    DatedByTheHead,
    /// A database that was started or restored is not written to before every replica has compared it with what it
    /// knows.
    RollCall,
    /// Every replica is waited for, and not only the one that opens the database.
    EveryReplica,
    /// A replica puts back the time that it answered through, if the database lost it.
    RaisedAgain,
    /// No record is dated at or before a time that was answered through.
    Fence,
    /// A replica compares the time that it answered through.
    AnsweredTime,
    /// A replica notes the time that it answered through, so that an epoch begins after it.
    NotedTime,
    /// A database that is not opened shows no head.
    OpenedHead,
    /// Commits wait for the standby that may be promoted.
    NamedStandby,
    /// A warning makes the outcome unknown.
    Warning,
    /// A repeated request that is found in a staged frame is answered only after a commit.
    StagedReceipt,
    /// A staged frame is published only after a commit.
    StagedFrames,
}
