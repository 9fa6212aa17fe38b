//! What else a reply says beside its change: drafts, choices, thoughts, and parts of the change in
//! another form.

use pimainteno_core::patch::Reason;

use super::check;

const OLD: &str = "one\ntwo\nthree\nfour\nfive\nsix\n";
const NEW: &str = "one\ntwo\nthree\nFOUR\nfive\nsix\n";
const FIRST: &str =
    "```diff\n--- a/a.py\n+++ b/a.py\n@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n three\n```\n";
const SECOND: &str =
    "```diff\n--- a/a.py\n+++ b/a.py\n@@ -3,3 +3,3 @@\n three\n-four\n+FOUR\n five\n```\n";

#[test]
fn a_change_that_is_taken_back_or_offered_is_not_made() {
    let both = "one\nTWO\nthree\nFOUR\nfive\nsix\n";
    let files = [("a.py", OLD)];
    for (above, between, below) in [
        ("Option 1:", "Option 2:", ""),
        ("### Option A: small", "### Option B: large", ""),
        ("**Approach one**", "**Approach two**", ""),
        ("Either this:", "Alternatively:", ""),
        ("This:", "or this:", "Choose one."),
        ("This:", "This:", "Which one do you prefer?"),
        ("First I thought of this:", "This is better:", ""),
        ("Do **not** do this:", "Do this:", ""),
        ("My first attempt was", "It became", ""),
        ("Here:", "But that is wrong. This instead:", ""),
        ("Here:", "Sorry, that line belongs further down. Corrected:", ""),
        ("Here:", "On second thought:", ""),
        ("Here:", "And:", "That's wrong, though."),
        ("Solution #1", "Solution #2", ""),
        ("Here:", "Oops, wrong file. Here is the right one:", ""),
        ("Here:", "Hmm, no. Strike that. The real fix:", ""),
        ("Bad:", "Good:", ""),
        ("Here:", "If that doesn't work, try this:", ""),
        ("Here:", "Wait, that's incorrect. Let me redo it:", ""),
        ("Here:", "Actually, that won't work.\nThis does:", ""),
    ] {
        let reply = format!("{above}\n\n{FIRST}\n{between}\n\n{SECOND}\n{below}\n");
        check(&[(&reply, &files, Err((Reason::Ambiguous, "cannot be told")))]);
    }
    // The same words about the project.
    for (above, between, below) in [
        ("The option 1 of the parser was lost:", "And so was the other:", ""),
        ("Option 1: a cache.\nOption 2: none. That is simpler, so I did it:", "And:", ""),
        ("The attempt to read fails.", "Draft versions are read now.", ""),
        ("Do this:", "And this:", "The rules do not apply to tests."),
        ("So we don't double it:", "We do not download it twice:", "Sorry for the delay!"),
        (
            "If the first attempt fails, try again:",
            "### Attempt a reconnect",
            "This is wrong today.",
        ),
        ("Here:", "And here's the corrected version of the other:", "Do not apply the rule twice."),
        ("Two mistakes:", "The second:", "Nothing else has to be changed."),
    ] {
        let reply = format!("{above}\n\n{FIRST}\n{between}\n\n{SECOND}\n{below}\n");
        check(&[(&reply, &files, Ok(&[("a.py", Some(both))]))]);
    }
    // One change, and what is said of it.
    for (above, below, expected) in [
        ("Here:", "Do not apply it before the tests pass.", None),
        ("The commit that broke it:", "So nothing has to be changed here.", None),
        ("The old way is wrong:", "Sorry for the noise.", Some(NEW)),
    ] {
        let reply = format!("{above}\n\n{SECOND}\n{below}\n");
        let file = [("a.py", expected)];
        let expected =
            if expected.is_some() { Ok(&file[..]) } else { Err((Reason::Ambiguous, "")) };
        check(&[(&reply, &files, expected)]);
    }
}

#[test]
fn what_stands_apart_is_no_part_of_the_answer() {
    let files = [("a.py", OLD)];
    let wanted = [("a.py", Some(NEW))];
    for apart in [
        format!("Let me see.\n<think>\nMaybe:\n{FIRST}No.\n</think>\n"),
        format!("So:\n<THINKING>\n{FIRST}</THINKING>\n"),
        format!("<!--\n{FIRST}-->\n"),
        format!("Hm.\n<think>\n```\n</think>\n```\n{FIRST}</think>\n"),
    ] {
        check(&[(&format!("{apart}\n{SECOND}"), &files, Ok(&wanted))]);
        check(&[(&format!("{SECOND}\n{apart}"), &files, Ok(&wanted))]);
    }
    // What is folded away is a part of the answer.
    let folded = format!("{FIRST}\n<details>\n<summary>c.py</summary>\n\n{SECOND}\n</details>\n");
    check(&[(&folded, &files, Ok(&[("a.py", Some("one\nTWO\nthree\nFOUR\nfive\nsix\n"))]))]);
    let folded = format!("<details>\nMaybe:\n{FIRST}No, that is wrong.\n</details>\n\n{SECOND}");
    check(&[(&folded, &files, Err((Reason::Ambiguous, "cannot be told")))]);
    let folded =
        format!("Done.\n\n<details>\n<summary>The diff</summary>\n\n{SECOND}\n</details>\n");
    check(&[(&folded, &files, Ok(&wanted))]);
    // A tag without an end opens nothing, and one in a file is text.
    check(&[(&format!("<think>\n{SECOND}"), &files, Ok(&wanted))]);
    check(&[(
        "new.md\n~~~\n<think>\nx\n</think>\n~~~\n",
        &[],
        Ok(&[("new.md", Some("<think>\nx\n</think>\n"))]),
    )]);
}

#[test]
fn who_quotes_what_others_wrote_does_not_mean_it() {
    let quote = |text: &str| format!("> {}\n", text.trim_end().replace('\n', "\n> "));
    let files = [("a.py", OLD)];
    let wanted = [("a.py", Some(NEW))];
    let diff = SECOND.trim_start_matches("```diff\n").trim_end_matches("```\n");
    let rows = [
        (format!("Jane wrote:\n{}\nNo.\n", quote(diff)), false),
        (format!("On Monday, Jane Doe wrote:\n\n{}\nNo.\n", quote(diff)), false),
        (format!("{}\nYes.\n", quote(&format!("{}\nRather:\n{diff}", quote(FIRST)))), false),
        (format!("Here:\n{}", quote(diff)), true),
    ];
    for (reply, is_meant) in &rows {
        let expected = if *is_meant { Ok(&wanted[..]) } else { Err((Reason::Ambiguous, "")) };
        check(&[(reply, &files, expected)]);
    }
}

#[test]
fn parts_of_a_change_in_another_form_are_not_left_out() {
    let files = [("a.py", OLD), ("c.py", OLD), ("docs/x.md", OLD)];
    for (beside, reason, word) in [
        ("```\n1c1\n< one\n---\n> ONE\n```\n", Reason::Malformed, "normal diff"),
        ("<file path=\"b.py\">\nx = 1\n</file>\n", Reason::Malformed, "tags"),
        (
            "```json\n[{\"path\": \"c.py\", \"old_string\": \"one\", \"new_string\": \"1\"}]\n```\n",
            Reason::Malformed,
            "edits in JSON",
        ),
        ("```bash\ngit mv c.py b.py\n```\n", Reason::Malformed, "`git mv c.py b.py`"),
        ("```\n$ cd . && rm ./c.py\n```\n", Reason::Malformed, "`rm ./c.py`"),
        ("```sh\nmv docs guide\n```\n", Reason::Malformed, "`mv docs guide`"),
        ("```sh\ngit mv a.py b.py\n```\n", Reason::Malformed, "`git mv a.py b.py`"),
        ("```sh\nsed -i 's/one/1/' c.py\n```\n", Reason::Malformed, "sed"),
        ("Then run `git rm c.py`.\n", Reason::Malformed, "`git rm c.py`"),
        ("In `c.py`:\n```python\nONE\n```\n", Reason::Ambiguous, "otherwise than it is"),
        ("And the new `d.py`:\n```python\nx = 1\n```\n", Reason::Ambiguous, "not there"),
        ("**`c.py`** (updated)\n```py\nx = 1\n```\n", Reason::Ambiguous, "otherwise than it is"),
        ("```sh\ncat > c.py <<'EOF'\nx = 2\nEOF\n```\n", Reason::Malformed, "cat > c.py"),
        ("```sh\necho x >> c.py\n```\n", Reason::Malformed, "echo x >> c.py"),
        ("```sh\nperl -pi -e 's/one/1/' c.py\n```\n", Reason::Malformed, "perl"),
        ("```sh\ntouch tests/__init__.py\n```\n", Reason::Malformed, "touch"),
        (
            "<create path=\"b.py\">\n\n```python\nx = 1\n```\n\n</create>\n",
            Reason::Malformed,
            "tags",
        ),
        ("<file path=\"b.py\">\n```\nx = 1\n```\n</file>\n", Reason::Malformed, "tags"),
    ] {
        check(&[(&format!("{SECOND}\n{beside}"), &files, Err((reason, word)))]);
    }
    for beside in [
        "```\n$ python a.py\n```\n",
        "```bash\nrm -rf build\nmv old.log new.log\n```\n",
        "```sh\nsed 's/one/1/' c.py\n```\n",
        "`rm c.py` would be too much.\n",
        "`c.py` uses it:\n\n```python\none\n...\nfour\n```\n",
        "In `c.py`:\n```python\nfive\nsix\n```\n",
        "It is `os.path`:\n```python\nx = 1\n```\n",
        "In `a.py`:\n```python\nFOUR\n```\n",
        "It prints, from `c.py`:\n```text\nONE\n```\n",
        "Running `python c.py` prints:\n```\n1\n```\n",
        "`GET /users/c.py` gives:\n```json\n{}\n```\n",
        "I considered `git rm c.py`, but it is used.\n",
        "```sh\ngit commit -m \"rm c.py; mv c.py d.py\"\n```\n",
        "The body is:\n```json\n{\"path\": \"notes/x.md\", \"content\": \"a\\n\"}\n```\n",
    ] {
        check(&[(&format!("{SECOND}\n{beside}"), &files, Ok(&[("a.py", Some(NEW))]))]);
    }
    // What the change does itself may be told once more.
    let delete =
        "--- a/c.py\n+++ /dev/null\n@@ -1,6 +0,0 @@\n-one\n-two\n-three\n-four\n-five\n-six\n";
    let reply = format!("```diff\n{delete}```\n\n```sh\ngit rm c.py\n```\n");
    check(&[(&reply, &files, Ok(&[("c.py", None)]))]);
    // What is said to be new is meant.
    for title in ["### New file: `d.py`", "`d.py` (new file)", "Create `d.py`:"] {
        let reply = format!("{SECOND}\n{title}\n\n```python\nx = 1\n```\n");
        let wanted = [("a.py", Some(NEW)), ("d.py", Some("x = 1\n"))];
        check(&[(&reply, &files, Ok(&wanted))]);
    }
    // Tags around a change are not another one.
    let diff = SECOND.trim_start_matches("```diff\n").trim_end_matches("```\n");
    for reply in [
        format!("<apply_patch>\n\n{SECOND}\n</apply_patch>\n"),
        format!("<invoke name=\"x\">\n<parameter>\n{SECOND}</parameter>\n</invoke>\nDone.\n"),
        format!("<artifact title=\"x\">\n{diff}</artifact>\n"),
    ] {
        check(&[(&reply, &files, Ok(&[("a.py", Some(NEW))]))]);
    }
}

#[test]
fn each_of_several_whole_files_is_read_or_the_reply_refused() {
    let first = format!("a.py\n```python\n{NEW}```\n");
    let files = [("a.py", OLD)];
    let both = |path: &str, text: &str, expected: Result<&str, (Reason, &str)>| {
        let files_after = expected.map(|text| [("a.py", Some(NEW)), (path, Some(text))]);
        let expected = files_after.as_ref().map(|files| &files[..]).map_err(|error| *error);
        check(&[(&format!("{first}\n{text}"), &files, expected)]);
        check(&[(&format!("{text}\n{first}"), &files, expected)]);
    };
    both("requirements.txt", "requirements.txt\n```text\nb==1\n```\n", Ok("b==1\n"));
    both("b.md", "b.md\n````markdown\n# B\n\n```\n$ b\n```\n````\n", Ok("# B\n\n```\n$ b\n```\n"));
    both("bin/run", "`bin/run`\n```bash\n#!/bin/sh\nb\n```\n", Ok("#!/bin/sh\nb\n"));
    let unclear = Err((Reason::Ambiguous, ""));
    both("bin/run", "`bin/run`\n```bash\nbin/run --all\n```\n", unclear);
    both("b.py", "And in `b.py`:\n```python\nx = 1\n```\n", unclear);
    both("b.py", "Next, `b.py`:\n```python\nx = 1\n```\n", unclear);
}

#[test]
fn what_a_program_wrote_is_no_file() {
    for reply in [
        "`app.log`:\n```\nERROR no such file\n```\n",
        "lib.py:\n```\nTraceback (most recent call last):\n  File \"lib.py\", line 3\n```\n",
        "`src/app.ts`:\n```\nsrc\n├── app.ts\n└── b.ts\n```\n",
        "a.py\n```\n$ python a.py\n1\n```\n",
        "app.py\n```text\nHello\n```\n",
    ] {
        check(&[(reply, &[], Err((Reason::NoDiff, "")))]);
    }
}

#[test]
fn a_text_with_fences_of_its_own_is_not_cut_off_at_one() {
    for reply in [
        "README.md\n```markdown\n# Tool\n\nInstall it:\n\n```\npip install tool\n```\n\nThat is all.\n```\n",
        "README.md\n```markdown\n# Tool\n\n```\npip install tool\n```\n```\n",
        "docs/a.rst\n```\nTool\n\nInstall it::\n\n```\n\npip install tool\n```\n```\n",
    ] {
        check(&[(reply, &[], Err((Reason::Ambiguous, "longer marks")))]);
    }
    check(&[
        (
            "README.md\n````markdown\n# Tool\n\n```\nx\n```\n````\n",
            &[],
            Ok(&[("README.md", Some("# Tool\n\n```\nx\n```\n"))]),
        ),
        (
            "README.md\n```markdown\n# Tool\n```\n\nTry it:\n\n```\ntool\n```\n",
            &[],
            Ok(&[("README.md", Some("# Tool\n"))]),
        ),
    ]);
}

#[test]
fn a_whole_file_of_data_lacks_nothing_that_the_reply_does_not_name() {
    let old = "{\n  \"name\": \"x\",\n  \"version\": \"1\",\n  \"scripts\": {\n    \"build\": \"tsc\",\n    \"test\": \"jest\"\n  }\n}\n";
    let new = old.replace("    \"build\": \"tsc\",\n", "").replace("jest", "vitest");
    let files = [("package.json", old)];
    let reply = |text: &str| format!("{text}\n\n`package.json`:\n```json\n{new}```\n");
    check(&[
        (&reply("Use vitest."), &files, Err((Reason::Ambiguous, "`build` is not in it"))),
        (&reply("Use vitest; `build` goes."), &files, Ok(&[("package.json", Some(&new))])),
    ]);
    let old = "[a]\nx = 1\ny = 2\n\n[b]\nz = 3\n";
    let reply = "a.toml\n```toml\n[a]\nx = 2\n\n[b]\nz = 3\n```\n";
    check(&[(reply, &[("a.toml", old)], Err((Reason::Ambiguous, "`y` is not in it")))]);
    let reply = "a.toml\n```toml\n[a]\nx = 2\ny = 2\nz = 3\n```\n";
    check(&[(reply, &[("a.toml", old)], Err((Reason::Ambiguous, "`b` is not in it")))]);
}

#[test]
fn what_has_no_key_may_go_from_a_whole_file_of_data() {
    let old = "# The settings\na:\n  # of a\n  - first\n  - second\n  - https://old.example.org\nb: 1\nc: 2\n";
    for (from, to) in [
        ("# The settings\n", "# All settings\n"),
        ("  # of a\n", ""),
        ("  # of a\n", "  # of what is a\n"),
        ("  - first\n", "  - third\n"),
        ("  - first\n", ""),
        ("https://old", "git://old"),
    ] {
        let new = old.replace(from, to);
        let reply = format!("Done.\n\na.yml\n```yaml\n{new}```\n");
        check(&[(&reply, &[("a.yml", old)], Ok(&[("a.yml", Some(&new))]))]);
    }
    for mark in [";", "//"] {
        let old = format!("a = 1\n{mark} b: of both\nb = 2\nc = 3\n");
        let reply = "Done.\n\na.conf\n```\na = 1\nb = 2\nc = 3\n```\n";
        check(&[(reply, &[("a.conf", &old)], Ok(&[("a.conf", Some("a = 1\nb = 2\nc = 3\n"))]))]);
    }
}

#[test]
fn a_whole_file_with_the_marks_of_a_diff_is_none() {
    let marked = "a.py\n```python\none\n-two\n+TWO\nthree\nfour\nfive\nsix\n```\n";
    check(&[(marked, &[("a.py", OLD)], Err((Reason::Ambiguous, "mark of a removed one")))]);
    // A list of the file's own.
    let list = "a.md\n```\n- one\n+ two\n- three\n```\n";
    let old = "- one\n- two\n- three\n";
    check(&[(list, &[("a.md", old)], Ok(&[("a.md", Some("- one\n+ two\n- three\n"))]))]);
}

#[test]
fn files_in_json_are_read_as_whole_files() {
    let rows = [
        (
            r#"{"files": [{"path": "b.py", "content": "x = 1\n"}, {"path": "c.py", "content": "y = 1\n"}]}"#,
            Ok(&[("b.py", Some("x = 1\n")), ("c.py", Some("y = 1\n"))][..]),
        ),
        (
            "{\"files\": [{\"path\": \"b.py\", \"content\": \"x = 1\\n\"}], \"patch\": \"--- a/a.py\\n+++ b/a.py\\n@@ -4 +4 @@\\n-four\\n+FOUR\\n\"}",
            Err((Reason::Ambiguous, "not there")),
        ),
        (
            "```json\n{\"path\": \"a.py\", \"old_string\": \"four\\n\", \"new_string\": \"FOUR\\n\"}\n```\n",
            Err((Reason::Malformed, "edits in JSON")),
        ),
    ];
    for (reply, expected) in rows {
        check(&[(reply, &[("a.py", OLD)], expected)]);
    }
}
