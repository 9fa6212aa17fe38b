//! When runs start.

mod cron;

pub use cron::Schedule;
