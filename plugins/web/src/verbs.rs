//! The verbs, and what is answered to them.

pub(crate) mod deciding;
pub(crate) mod incidents;
pub(crate) mod reading;
pub(crate) mod running;
