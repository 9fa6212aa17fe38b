//! Units of a real systemd fail in every way that there is, while a maintainer watches them.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as it does")]

#[path = "../pipeline/support.rs"]
#[allow(dead_code, reason = "each test program uses what it needs")]
mod support;
#[path = "../../../tests/support/systemd.rs"]
#[allow(dead_code, reason = "each test program uses what it needs")]
mod systemd;

mod bus;
mod causes;
mod house;
mod repairs;
