//! Any reply, on a small tree: no panic, and no path but plain ones below the project.

#![no_main]

use std::{collections::BTreeMap, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use pimainteno_core::patch::{self, Content, Rules};

static FILES: LazyLock<BTreeMap<String, Content>> = LazyLock::new(|| {
    let file = |path: &str, text: &str| {
        (path.to_owned(), Content { bytes: text.as_bytes().to_vec(), executable: false })
    };
    BTreeMap::from([
        file("a", "one\ntwo\nthree\n"),
        file("d/b", "fn f() {\r\n    one();\r\n}\r\n\r\nfn g() {\r\n    one();\r\n}"),
        file("e", ""),
    ])
});

fuzz_target!(|reply: &[u8]| {
    let Ok(plan) = patch::plan(reply, &*FILES, &Rules::new()) else { return };
    for file in plan.files() {
        let is_plain = |name: &str| {
            !name.is_empty() && name != "." && name != ".." && !name.eq_ignore_ascii_case(".git")
        };
        assert!(file.path.split('/').all(is_plain), "{}", file.path);
        assert_ne!(file.before, file.after, "{}", file.path);
    }
});
