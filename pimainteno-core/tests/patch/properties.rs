//! What holds for every pair of trees, every damage of some kinds, and every text.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use pimainteno_core::patch::{self, Content, Directory, Rules};
use proptest::{collection::vec, prelude::*, sample::select, test_runner::RngSeed};
use similar::TextDiff;

use crate::{Tree, applied, content};

/// What `PROPTEST_CASES` is by default.
const USUAL_CASES: u32 = 256;

/// Pieces that replies are made of, in the right order or not.
const PIECES: [&str; 57] = [
    "```diff\n",
    "```\n",
    "--- a/a.txt\n",
    "+++ b/a.txt\n",
    "--- /dev/null\n",
    "+++ /dev/null\n",
    "+++ b/new.txt\n",
    "@@ -1,3 +1,3 @@\n",
    "@@ -1 +1 @@ two\n",
    "@@\n",
    "@@ ... @@\n",
    "@@ -0,0 +1 @@\n",
    " one\n",
    "-two\n",
    "+TWO\n",
    " three\n",
    "\n",
    "-one\n",
    "+new\n",
    "\\ No newline at end of file\n",
    "diff --git a/a.txt b/a.txt\n",
    "diff --git a/a.txt b/../outside\n",
    "new file mode 100755\n",
    "deleted file mode 100644\n",
    "rename from a.txt\n",
    "rename to ../outside\n",
    "rename to d/b.txt\n",
    "similarity index 100%\n",
    "+++ b/../outside\n",
    "+++ /outside\n",
    "+++ b/.git/config\n",
    "+++ b/link/x\n",
    "--- a/link/x\n",
    "*** Begin Patch\n",
    "*** End Patch\n",
    "*** Update File: a.txt\n",
    "*** Add File: link/x\n",
    "*** Add File: new.txt\n",
    "*** Delete File: a.txt\n",
    "*** Move to: ../outside\n",
    "Sure, here it is:\n",
    "...\n",
    "\t",
    "\u{1b}[31m",
    "<<<<<<< SEARCH\n",
    "=======\n",
    ">>>>>>> REPLACE\n",
    "../outside.txt\n```\n",
    "`link/x.txt`\n\n```\n",
    "a.txt\n```\none\ntwo\nTHREE\n",
    "*** ../outside\n--- ../outside\n***************\n",
    "*** 1,3 ****\n",
    "--- 1,3 ----\n",
    "! two\n",
    "> ",
    "apply_patch <<'EOF'\n",
    "EOF\n",
];

/// So many cases, the same each time. `PROPTEST_CASES` asks for more, relative to its default of
/// 256, and for others.
fn config(cases: u32) -> ProptestConfig {
    let config = ProptestConfig::default();
    let rng_seed = if config.cases == USUAL_CASES { RngSeed::Fixed(1) } else { config.rng_seed };
    ProptestConfig {
        cases: (config.cases * cases / USUAL_CASES).max(1),
        failure_persistence: None,
        rng_seed,
        ..config
    }
}

/// A text of some lines, many of them alike, with this end of line, with or without one at the end.
fn text() -> impl Strategy<Value = String> {
    let line = select(vec![
        "",
        "}",
        "    }",
        "alpha",
        "beta",
        "\tgamma",
        "- list",
        "+ plus",
        "@@ -1 +1 @@",
        "--- a/x",
        "ä ö “ü”",
        "x  ",
    ]);
    (vec(line, 0..25), select(vec!["\n", "\r\n"]), any::<bool>()).prop_map(|(lines, end, ended)| {
        let text = lines.join(end);
        if ended && !lines.is_empty() { text + end } else { text }
    })
}

/// Some of a few files, which other trees have too.
fn tree() -> impl Strategy<Value = Tree> {
    let path =
        select(vec!["a.txt", "b.txt", "d/a.txt", "d/deep/c", "mit leerzeichen", "ümläut.txt"]);
    vec((path, text(), any::<bool>()), 1..5).prop_map(|files| {
        files
            .into_iter()
            .map(|(path, text, executable)| {
                (path.to_owned(), Content { executable, ..content(&text) })
            })
            .collect()
    })
}

/// Two versions of a text whose lines are all different.
fn versions() -> impl Strategy<Value = (String, String)> {
    let kept = vec((0..10_u32, 0..1000_u32), 10..60);
    kept.prop_map(|lines| {
        let (mut old, mut new) = (String::new(), String::new());
        for (number, (what, value)) in lines.into_iter().enumerate() {
            let line =
                format!("{}let value_{number} = compute({value});\n", "    ".repeat(number % 3));
            match what {
                0 => old += &line,
                1 => new += &line,
                2 => {
                    new += &line.replace("compute", "derive");
                    old += &line;
                }
                _ => {
                    old += &line;
                    new += &line;
                }
            }
        }
        (old, new)
    })
}

fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(directory)
        .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_SYSTEM", "/dev/null")])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Makes the directory hold this tree, and gives Git's id of it.
fn write_tree(directory: &Path, tree: &Tree) -> String {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with(".git") {
            fs::remove_dir_all(path).unwrap();
        } else if path.is_file() {
            fs::remove_file(path).unwrap();
        }
    }
    for (path, content) in tree {
        let path = directory.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &content.bytes).unwrap();
        fs::set_permissions(
            &path,
            fs::Permissions::from_mode(if content.executable { 0o755 } else { 0o644 }),
        )
        .unwrap();
    }
    git(directory, &["add", "--all"]);
    git(directory, &["write-tree"]).trim().to_owned()
}

#[test]
fn a_diff_of_git_leads_from_one_tree_to_the_other() {
    let directory = tempfile::tempdir().unwrap();
    git(directory.path(), &["init", "--quiet"]);
    proptest!(config(40), |(old in tree(), new in tree(), context in 1..4_u32)| {
        let after = write_tree(directory.path(), &new);
        let before = write_tree(directory.path(), &old);
        let diff = git(directory.path(), &["diff", &format!("-U{context}"), "--find-renames", &before, &after]);
        prop_assume!(!diff.is_empty());
        let placed = applied(&old, &diff, &Rules::new().verbatim());
        prop_assert_eq!(placed.map_err(|refusal| refusal.to_string()), Ok(new.clone()), "{}", &diff);
        // And on the disk.
        patch::plan(diff.as_bytes(), &Directory::new(directory.path()), &Rules::new().verbatim()).unwrap().write(directory.path()).unwrap();
        git(directory.path(), &["add", "--all"]);
        let written = git(directory.path(), &["write-tree"]);
        prop_assert_eq!(written.trim(), after);
    });
}

#[test]
fn a_diff_of_another_program_leads_from_one_text_to_the_other() {
    proptest!(config(400), |(old in text(), new in text(), context in 1..4_usize)| {
        prop_assume!(old != new);
        let diff = TextDiff::from_lines(&old, &new).unified_diff().context_radius(context).header("a/a.txt", "b/a.txt").to_string();
        let tree = Tree::from([("a.txt".to_owned(), content(&old))]);
        let placed = applied(&tree, &diff, &Rules::new().verbatim()).map(|tree| String::from_utf8(tree["a.txt"].bytes.clone()).unwrap());
        prop_assert_eq!(placed.map_err(|refusal| refusal.to_string()), Ok(new), "{}", diff);
    });
}

#[test]
fn a_damaged_diff_leads_to_the_same_text_or_is_refused() {
    let damages = vec((0..7_u8, any::<prop::sample::Index>(), 1..40_usize), 1..4);
    proptest!(config(300), |((old, new) in versions(), damages in damages)| {
        prop_assume!(old != new);
        let diff = TextDiff::from_lines(&old, &new).unified_diff().header("a/a.rs", "b/a.rs").to_string();
        let mut lines: Vec<_> = diff.lines().map(str::to_owned).collect();
        for (damage, place, amount) in damages {
            let is_context = |line: &String| line.starts_with(' ');
            let contexts: Vec<_> = (0..lines.len()).filter(|at| is_context(&lines[*at])).collect();
            let Some(at) = (!contexts.is_empty()).then(|| contexts[place.index(contexts.len())]) else { continue };
            match damage {
                // Line numbers and counts.
                0 => lines.iter_mut().filter(|line| line.starts_with("@@")).for_each(|line| *line = format!("@@ -{amount},3 +{amount},3 @@")),
                1 => lines.iter_mut().filter(|line| line.starts_with("@@")).for_each(|line| *line = "@@ @@".into()),
                // Context: mistyped, without its marker, left out, invented, indented otherwise.
                2 => lines[at] = lines[at].replacen("value", "vlaue", 1),
                3 => drop(lines[at].remove(0)),
                // Between two changes it would tell nobody that it is missing.
                4 if lines[at - 1].starts_with(' ') && lines.get(at + 1).is_some_and(is_context) => drop(lines.remove(at)),
                4 => {}
                5 => lines.insert(at, "     log(\"here\");".into()),
                _ => lines[at] = format!(" \t{}", lines[at].trim_start()),
            }
        }
        let reply = format!("Here:\n\n```diff\n{}\n```\n", lines.join("\n"));
        let tree = Tree::from([("a.rs".to_owned(), content(&old))]);
        if let Ok(placed) = applied(&tree, &reply, &Rules::new()) {
            prop_assert_eq!(String::from_utf8_lossy(&placed["a.rs"].bytes), new, "{}", reply);
        }
    });
}

#[test]
fn no_text_makes_it_panic_or_write_outside() {
    let world = tempfile::tempdir().unwrap();
    let (inside, outside) = (world.path().join("project"), world.path().join("beside"));
    fs::create_dir_all(inside.join(".git")).unwrap();
    fs::create_dir(&outside).unwrap();
    std::os::unix::fs::symlink("../beside", inside.join("link")).unwrap();
    let pieces = vec(
        prop_oneof![8 => select(PIECES.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,12}\n?"],
        1..30,
    );
    proptest!(config(600), |(pieces in pieces)| {
        fs::write(inside.join("a.txt"), "one\ntwo\nthree\n").unwrap();
        let reply = pieces.concat();
        if let Ok(plan) = patch::plan(reply.as_bytes(), &Directory::new(&inside), &Rules::new()) {
            plan.write(&inside).unwrap();
        }
        let names = |directory: &Path| fs::read_dir(directory).unwrap().count();
        prop_assert_eq!((names(world.path()), names(&outside), names(&inside.join(".git"))), (2, 0, 0), "{}", &reply);
        for file in ["new.txt", "d/b.txt"] {
            drop(fs::remove_file(inside.join(file)));
        }
    });
}
