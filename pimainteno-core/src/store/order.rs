//! What was asked for and has not begun: plain data.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    job::Job,
    run::{RunOptions, Trigger},
    words::filled,
};

/// What was asked for and has not begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Order {
    /// Tells it from others.
    pub id: Uuid,
    /// Why.
    pub trigger: Trigger,
    /// What is to be done.
    pub job: Job,
    /// How it differs from a scheduled one.
    pub options: RunOptions,
    /// The SHA-256 of the diff that was approved, or its beginning.
    #[serde(deserialize_with = "filled")]
    pub approved: Option<String>,
    /// When it was asked for.
    pub since: Timestamp,
}

impl Order {
    /// An order that is given now.
    pub(crate) fn new(trigger: Trigger, job: Job, options: RunOptions) -> Self {
        Self { id: Uuid::now_v7(), trigger, job, options, approved: None, since: Timestamp::now() }
    }
}
