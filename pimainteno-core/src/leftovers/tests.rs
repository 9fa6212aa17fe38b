use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

/// A directory with these files; a name that ends with `/` is a directory.
fn tree(place: &Path, files: &[&str]) -> PathBuf {
    fs::create_dir_all(place).unwrap();
    for file in files {
        let path = place.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if file.ends_with('/') {
            fs::create_dir_all(path).unwrap();
        } else {
            fs::write(path, place.file_name().unwrap().as_encoded_bytes()).unwrap();
        }
    }
    place.to_owned()
}

/// Every path below `place`, with what is in the files.
fn list(place: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = vec![place.to_owned()];
    while let Some(directory) = rest.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(place).unwrap().display().to_string();
            let metadata = fs::symlink_metadata(&path).unwrap();
            if metadata.is_dir() {
                rest.push(path);
                found.push(name + "/");
            } else if metadata.is_file() {
                found.push(format!("{name}: {}", fs::read_to_string(&path).unwrap()));
            } else {
                found.push(name);
            }
        }
    }
    found.sort();
    found
}

fn removal(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, path, FileType::CharacterDevice, Mode::empty(), 0).unwrap();
}

fn opaque(path: &Path) {
    use rustix::fs::{XattrFlags, setxattr};
    setxattr(path, "user.overlay.opaque", b"y", XattrFlags::empty()).unwrap();
}

#[test]
fn what_covers_the_projects_files_is_removed_and_what_lies_beside_them_stays() {
    let place = tempfile::tempdir().unwrap();
    let base = tree(
        &place.path().join("base"),
        &["a", "src/lib.rs", "src/deep/x.rs", "gone/y", "gone/in/y", "link/z", "became"],
    );
    let upper = tree(
        &place.path().join("upper"),
        &[
            "a",
            "src/lib.rs",
            "src/lib.pyc",
            "src/deep/",
            "target/out",
            "became/file",
            "gone/new",
            "gone/own/a",
            "gone/in/b",
        ],
    );
    let below = tree(
        &place.path().join("below"),
        &["gone/old", "gone/new", "gone/own/b", "gone/in/c", "gone/y", "src/keep"],
    );
    removal(&upper.join("src/deep/x.rs"));
    opaque(&upper.join("gone"));
    symlink("/etc", upper.join("link")).unwrap();
    fs::set_permissions(upper.join("src"), fs::Permissions::from_mode(0o000)).unwrap();
    layer::uncover(&upper, &base, &[below]).unwrap();
    // What was hidden by a directory that was made anew is removed one by one.
    let gone = [
        "gone/",
        "gone/in/",
        "gone/in/b: upper",
        "gone/in/c",
        "gone/new: upper",
        "gone/old",
        "gone/own/",
        "gone/own/a: upper",
    ];
    let rest = ["src/", "src/lib.pyc: upper", "target/", "target/out: upper"];
    assert_eq!(list(&upper), [&gone[..], &rest].concat());
    let is_opaque = |path: &str| {
        rustix::fs::lgetxattr(upper.join(path), "user.overlay.opaque", &mut [0_u8; 8][..]).is_ok()
    };
    assert!(!is_opaque("gone") && !is_opaque("gone/in") && is_opaque("gone/own"));
    assert_eq!(
        fs::metadata(upper.join("src")).unwrap().permissions().mode(),
        fs::metadata(base.join("src")).unwrap().permissions().mode()
    );
}

#[test]
fn a_layer_is_merged_as_it_was_seen_also_when_it_was_begun_before() {
    for cut_off in [false, true] {
        let place = tempfile::tempdir().unwrap();
        let kept = tree(
            &place.path().join("kept"),
            &["target/a", "target/b", "modules/old/x", "file", "was/dir"],
        );
        let upper = tree(
            &place.path().join("upper"),
            &["target/b", "target/c", "modules/new", "file/inside", "fresh/x"],
        );
        removal(&upper.join("target/a"));
        removal(&upper.join("never"));
        opaque(&upper.join("modules"));
        fs::write(upper.join("was"), "upper").unwrap();
        fs::set_permissions(upper.join("fresh"), fs::Permissions::from_mode(0o555)).unwrap();
        if cut_off {
            // As far as it may have come.
            fs::remove_dir_all(kept.join("modules/old")).unwrap();
            fs::rename(upper.join("target/c"), kept.join("target/c")).unwrap();
        }
        layer::merge(&upper, &kept).unwrap();
        let expected = [
            "file/",
            "file/inside: upper",
            "fresh/",
            "fresh/x: upper",
            "modules/",
            "modules/new: upper",
            "target/",
            "target/b: upper",
            "target/c: upper",
            "was: upper",
        ];
        assert_eq!(list(&kept), expected);
        assert_eq!(list(&upper), Vec::<String>::new());
        assert_eq!(fs::metadata(kept.join("fresh")).unwrap().permissions().mode() & 0o777, 0o555);
    }
}

#[test]
fn a_run_that_was_cut_off_leaves_what_is_kept_whole_and_nothing_else() {
    let place = tempfile::tempdir().unwrap();
    let own = place.path();
    Leftovers::new(own.to_owned(), Way::Layers, false).begin().unwrap();
    let merging = [
        "merging/base/tree/upper/b",
        "merging/change/tree/upper/c",
        "merging/change/caches/upper/d",
    ];
    let left = [
        "trials/change/tree/upper/e",
        "caches/g",
        "settings/git/config",
        "run-1/h",
        "begun/base/tree/upper/i",
    ];
    for file in merging.iter().chain(&left) {
        tree(
            own.join(file).parent().unwrap(),
            &[Path::new(file).file_name().unwrap().to_str().unwrap()],
        );
    }
    // As the kernel leaves it: a directory that its owner may not enter.
    let closed = tree(&own.join("trials/aside/tree").join("work"), &["work/"]).join("work");
    fs::set_permissions(closed, fs::Permissions::from_mode(0o000)).unwrap();
    Leftovers::new(own.to_owned(), Way::Layers, false).begin().unwrap();
    let kept: Vec<_> = list(own).into_iter().filter(|path| !path.contains("generation")).collect();
    let expected = [
        "caches/",
        "kept/",
        "kept/caches/",
        "kept/caches/d: upper",
        "kept/tree/",
        "kept/tree/b: upper",
        "kept/tree/c: upper",
        "settings/",
        "submodules/",
        "trials/",
    ];
    assert_eq!(kept, expected);
    let generation = Leftovers::new(own.to_owned(), Way::Layers, false).state();
    Leftovers::new(own.to_owned(), Way::Layers, false).begin().unwrap();
    assert!(
        !generation[0].is_empty()
            && Leftovers::new(own.to_owned(), Way::Layers, false).state() == generation
    );
}

#[test]
fn more_than_there_may_be_is_told() {
    let place = tempfile::tempdir().unwrap();
    tree(place.path(), &["a", "b/c"]);
    fs::hard_link(place.path().join("a"), place.path().join("d")).unwrap();
    let size = Used::of(place.path()).unwrap();
    let limits = |disk, files| Limits { memory: 0, processes: 0, disk, files };
    assert_eq!(size.excess(&limits(1 << 30, 3)), None);
    assert_eq!(
        size.excess(&limits(1 << 30, 2)).unwrap(),
        "it has 3 files where `sandbox_files` allows 2"
    );
    assert!(size.excess(&limits(1, 3)).unwrap().contains("`sandbox_disk` allows 0"));
}

#[test]
fn what_is_brought_back_goes_through_no_link() {
    let place = tempfile::tempdir().unwrap();
    let outside = tree(&place.path().join("outside"), &["victim", "tree/file"]);
    let before = list(&outside);
    let workspace = tree(&place.path().join("workspace"), &["plain"]);
    for link in ["to-write", "to-remove", "deep"] {
        symlink(&outside, workspace.join(link)).unwrap();
    }
    let upper =
        tree(&place.path().join("upper"), &["to-write/victim", "to-write/tree", "deep/a/new"]);
    fs::create_dir(upper.join("to-remove")).unwrap();
    removal(&upper.join("to-remove/victim"));
    for path in ["to-write/victim", "to-write/tree", "deep/a/new", "to-remove/victim"] {
        layer::bring(&upper, &workspace, Path::new(path)).unwrap();
    }
    assert_eq!(list(&outside), before);
    assert_eq!(
        list(&workspace),
        [
            "deep/",
            "deep/a/",
            "deep/a/new: upper",
            "plain: workspace",
            "to-remove",
            "to-write/",
            "to-write/tree: upper",
            "to-write/victim: upper"
        ]
    );
}
