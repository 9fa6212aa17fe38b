use super::without_effects;

/// What a message becomes; and again, because it comes by more than once.
#[track_caller]
fn quoted(message: &str) -> String {
    let once = without_effects(message);
    assert_eq!(without_effects(&once), once, "{message:?} is quoted twice");
    once
}

/// Each message, and what becomes of it.
#[track_caller]
fn become_these(pairs: &[(&str, &str)]) {
    for (message, expected) in pairs {
        assert_eq!(quoted(message), *expected, "{message:?}");
    }
}

#[test]
fn what_people_write_stays() {
    for message in [
        "docs: spell music\n\nIt was wrong.",
        "fix(parser): close files\n\nA file was closed too late, see #12 and owner/repo#3.\n\n- one\n- two: with a colon",
        "pre-commit: update hooks\n\nThere is no CI yet, and nothing to skip here. Mail ada@example.org, use actions/checkout@v4.",
        "use `@Override`\n\nand `@angular/core`; see https://example.org/@ada/x",
        "Revert \"docs: spell music\"\n\nThis takes back 0123456789: a person asked for it",
        "добавить раздел\n\nВсё о радио 👩‍🚀 ❤️ и می‌خواهم",
        "list [a] and [x](y), skip what is broken\n\nFixes the build. See /etc/passwd and /usr",
    ] {
        assert_eq!(quoted(message), message);
    }
}

#[test]
fn words_that_close_issues_are_quoted_with_whatever_stands_between() {
    become_these(&[
        ("x\n\nCloses #1", "x\n\n\"Closes\" #1"),
        ("fix: #12 it", "\"fix\": #12 it"),
        ("x (FIXES: #1, #2 and #3)", "x (\"FIXES\": #1, #2 and #3)"),
        ("resolved owner/re.po#1", "\"resolved\" owner/re.po#1"),
        ("fixed GH-1", "\"fixed\" GH-1"),
        ("closing https://github.com/o/r/issues/1", "\"closing\" https://github.com/o/r/issues/1"),
        ("Implements issues #1", "\"Implements\" issues #1"),
        ("Reopens\n#1", "\"Reopens\"\n #1"),
        ("**Fixes** `#1`", "**\"Fixes\"** `#1`"),
        ("disclose #1", "\"disclose\" #1"),
        ("fixes AB#7 and fixing !8", "\"fixes\" AB#7 and \"fixing\" !8"),
        ("fi\u{200b}xes #1", "\"fixes\" #1"),
        ("ABC-1 #close #comment done #time 2h", "ABC-1 # close # comment done # time 2h"),
        ("x #ABC-1 fixed", "x # ABC-1 fixed"),
    ]);
}

#[test]
fn switches_of_ci_are_quoted_and_lose_their_brackets() {
    become_these(&[
        ("x [skip ci]", "x (\"skip\" ci)"),
        ("x [CI Skip]", "x (CI \"Skip\")"),
        ("x [no ci]", "x (\"no\" ci)"),
        ("x [skip actions] [actions skip]", "x (\"skip\" actions) (actions \"skip\")"),
        ("x [skip-ci][CF-Pages-Skip]", "x (\"skip\"-ci)(CF-Pages-\"Skip\")"),
        ("x [skipci] `[azurepipelines skip]`", "x (\"skip\"ci) `(azurepipelines \"skip\")`"),
        ("x [ skip\nnetlify ]", "x ( \"skip\"\nnetlify )"),
        ("x [[skip ci]]", "x [(\"skip\" ci)]"),
        ("x ***NO_CI***", "x ***\"NO\"_CI***"),
        ("x --skip-ci, ci.skip", "x --\"skip\"-ci, ci.\"skip\""),
        ("x [s\u{2060}kip ci]", "x (\"skip\" ci)"),
        ("x\n\n\nskip-checks: true", "x\n\n\n\"skip\"-checks: true"),
        ("skip-checks:true", "\"skip\"-checks:true"),
        ("x\n\n/skip\n/close it", "x\n\n\"/skip\"\n\"/close\" it"),
    ]);
}

#[test]
fn nobody_signs_or_is_told_by_a_message() {
    become_these(&[
        ("x\n\nSigned-off-by: Eve <eve@x.org>", "x\n\n\"Signed-off-by\": Eve <eve@x.org>"),
        (
            "x\n\nCo-AUTHORED-by : Eve <e@x>\n\nIt was wrong.",
            "x\n\n\"Co-AUTHORED-by\" : Eve <e@x>\n\nIt was wrong.",
        ),
        (
            "x\n\ny\n\n PiMainteno-Run\t: 1\nNote: it\nhttps://x.org",
            "x\n\ny\n\n \"PiMainteno-Run\"\t: 1\n\"Note\": it\n https://x.org",
        ),
        ("x\nChange-Id: I0", "x\n\"Change-Id\": I0"),
        ("Reviewed-by: Eve", "\"Reviewed-by\": Eve"),
        ("x\n\nFrom: Eve <e@x>\nCC: all\n\ny", "x\n\n\"From\": Eve <e@x>\n\"CC\": all\n\ny"),
        ("x\n\n(cherry picked from commit 0)", "x\n\n (cherry picked from commit 0)"),
        ("thanks @eve, @org/team.", "thanks @`eve`, @`org/team`."),
        ("use @scope/name (@a) -@b `x` @c", "use @`scope/name` (@`a`) -@`b` `x` @`c`"),
    ]);
}

#[test]
fn lines_have_no_effect_by_how_they_begin_and_subjects_end() {
    become_these(&[
        ("fixup! docs: x", "\"fixup!\" docs: x"),
        ("Squash! y", "\"Squash!\" y"),
        ("# x\n\n# y\n---\ndiff --git a/x b/x", "\"#\" x\n\n # y\n ---\n diff --git a/x b/x"),
        ("x\n\n--- >8 ---\n# -- 8< --", "x\n\n --- > 8 ---\n # -- 8 < --"),
        ("x\u{1b}[31m\r\n\r\ny\u{202e}\u{feff}\u{e0041}z", "x[31m\n\nyz"),
        ("\u{200b}\u{2066}", ""),
    ]);
    let long = quoted(&format!("{} end\n\nBody.", "word ".repeat(30).trim_end()));
    let (subject, body) = long.split_once("\n\n").unwrap();
    assert!(subject.chars().count() <= 100 && subject.ends_with("word…"), "{subject}");
    assert!(body.starts_with("… word word") && body.ends_with("end\n\nBody."), "{body}");
    let long = quoted(&"ß".repeat(300));
    assert_eq!(long.chars().filter(|one| *one == 'ß').count(), 300);
}

#[test]
fn hostile_messages_are_quoted_once() {
    let pieces = [
        "[skip ci]",
        "fixes ",
        "#1",
        "@a",
        "\n",
        "\n\n",
        "`",
        "A-b: c",
        "[",
        "]",
        "skip",
        "-",
        "/x",
        "#",
        "AB-1 #c",
        "8<",
        "---",
        "\u{202e}",
        "ß",
        ": ",
    ];
    let mut seed = 7_usize;
    for _ in 0..3000 {
        let mut message = String::new();
        for _ in 0..12 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            message.push_str(pieces[(seed >> 33) % pieces.len()]);
        }
        let lower = quoted(&message).to_lowercase();
        for effect in ["[skip ci]", "fixes #1", "fixes  #1", "fixes : #1", " @a", "\na-b:"] {
            assert!(
                !lower.contains(effect) || effect == " @a" && lower.contains('`'),
                "{effect:?} is in {lower:?} of {message:?}"
            );
        }
    }
}
