//! Where the real codex is.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    env,
    path::{Path, PathBuf},
};

/// The codex to test with: the one that `PIMAINTENO_TEST_CODEX` names, one on the `PATH`, or the
/// one that `scripts/test.sh` installed.
pub(crate) fn real_codex() -> PathBuf {
    let named = env::var_os("PIMAINTENO_TEST_CODEX").map(PathBuf::from);
    let on_path = env::split_paths(&env::var_os("PATH").unwrap_or_default())
        .map(|directory| directory.join("codex"))
        .collect::<Vec<_>>();
    let installed = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|directory| directory.join("node_modules/.bin/codex"));
    let found = named.into_iter().chain(on_path).chain(installed).find(|file| file.is_file());
    found.expect("these tests need the real codex: run `scripts/test.sh`, which installs it, or set `PIMAINTENO_TEST_CODEX`")
}
