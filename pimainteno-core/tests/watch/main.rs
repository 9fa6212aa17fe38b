//! Units of a real systemd fail in every way that there is, while a maintainer watches them.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on says where"
)]

#[path = "../pipeline/support.rs"]
#[allow(dead_code, reason = "each test program uses what it needs")]
mod support;
#[path = "../../../tests/support/systemd.rs"]
#[allow(dead_code, reason = "each test program uses what it needs")]
mod systemd;

mod attempts;
mod bus;
mod causes;
mod evidence;
mod house;
mod kinds;
mod lost;
mod meanwhile;
mod repairs;
