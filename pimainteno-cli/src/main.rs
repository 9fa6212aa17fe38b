//! The `pi-mainteno` command.

fn main() {}
