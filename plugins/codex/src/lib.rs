//! A backend of PiMainteno.
