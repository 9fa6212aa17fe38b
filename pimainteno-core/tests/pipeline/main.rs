//! Whole runs on real Git repositories; the model is the only fake.

#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on says where"
)]

mod adversarial;
mod alike;
mod blocked;
mod budgets;
mod chores;
mod delivery;
mod doors;
mod dry_run;
mod effects;
mod faults;
mod forget;
mod futility;
mod helper;
mod hooks;
mod invariants;
mod outcomes;
mod parked;
mod pauses;
mod placing;
mod recovery;
mod reload;
mod repairs;
mod repositories;
mod review;
mod rollback;
mod scopes;
mod secrets;
mod self_test;
mod services;
mod support;
#[path = "../../../tests/support/systemd.rs"]
mod systemd;
mod texts;
mod verify;
