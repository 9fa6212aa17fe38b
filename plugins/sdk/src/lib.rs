//! The types that PiMainteno and its backends exchange.
//!
//! A backend answers a [`Request`] with a [`Reply`].
//! Both are plain data that serialises to JSON, so that a backend linked into the program and one
//! that lives elsewhere speak of the same things. This crate depends on serde alone: an author of a
//! backend compiles none of the host.

mod reply;
mod request;

pub use reply::{Reply, Usage};
pub use request::{Edit, Request, Task};
