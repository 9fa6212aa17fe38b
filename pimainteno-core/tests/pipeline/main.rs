//! Whole runs on real Git repositories; the model is the only fake.

mod delivery;
mod invariants;
mod outcomes;
mod support;
