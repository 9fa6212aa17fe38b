//! Whether checks can fail at all is found out in projects of any kind, and what is said about it
//! is true.

use std::{fs, time::Duration};

use pimainteno_core::{
    Outcome, RunRecord,
    config::{Globs, ProjectConfig},
};

use crate::support::{Agent, World, outcome};

/// What is said of checks that notice nothing.
const UNMOVED: &str = "no check fails on a project that is broken on purpose";

/// What is said where that could not be tried.
const UNTOLD: &str = "whether any check can fail could not be found out";

/// A project of these files alone, with these checks.
fn world(files: &[(&str, &str)], checks: &[&str]) -> World {
    let mut world = World::new();
    for file in ["README.md", "src/play.sh"] {
        fs::remove_file(world.path().join(file)).unwrap();
    }
    files.iter().for_each(|(file, text)| world.write(file, text));
    world.commit("all of it");
    world.git(&["push", "--quiet"]);
    let ProjectConfig { verify, unasked, repairs, .. } = &mut world.project;
    *verify = checks.iter().map(|check| (*check).to_owned()).collect();
    *unasked = Globs::compile(["**"]).unwrap();
    *repairs = Some(0);
    world
}

async fn run(world: &World, file: &'static str, text: &'static str) -> Vec<RunRecord> {
    world.maintainer(Agent::writes(file, text)).run_once().await.unwrap()
}

/// Why a run waits; nothing where its change was delivered.
fn held(records: &[RunRecord]) -> &str {
    match outcome(records) {
        Outcome::Held { reason } => reason,
        Outcome::Applied { .. } => "",
        other => panic!("{other}: {records:#?}"),
    }
}

/// A file, and what is in it.
type File = (&'static str, &'static str);

/// A project: its files, its check, and the change to it.
type Case = (&'static str, &'static [File], &'static str, File);

const LINKS: &str = "import glob, os, re, sys
pages = sorted(glob.glob('**/*.md', recursive=True) + glob.glob('**/*.html', recursive=True))
bad = []
for page in pages:
    text = open(page, errors='replace').read()
    for link in re.findall(r'\\]\\(([^)#:]+)[^)]*\\)|href=\"([^\"#:]+)', text):
        if not os.path.exists(os.path.join(os.path.dirname(page), ''.join(link))): bad.append(link)
sys.exit(bool(bad))
";

const ROWS: &str = "import csv, glob, sys
for table in glob.glob('*.csv'):
    rows = list(csv.reader(open(table, errors='replace')))
    if len({len(row) for row in rows}) > 1: sys.exit(table)
";

const PARSES: &str = "import configparser, sys
configparser.ConfigParser(strict=False).read_file(open(sys.argv[1]))
";

const TESTS: &str = "import unittest
class Radio(unittest.TestCase):
    def test_plays(self):
        self.assertEqual(1 + 1, 2)
";

/// Projects whose checks do notice.
const NOTICED: [Case; 17] = [
    (
        "tests in Python",
        &[("test_radio.py", TESTS), ("README.md", "# Tests\n")],
        "python3 -m unittest",
        ("README.md", "# The tests\n"),
    ),
    (
        "tests alone, and one more",
        &[("test_radio.py", TESTS)],
        "python3 -m unittest",
        ("test_more.py", "import unittest\n"),
    ),
    (
        "tests in shell",
        &[("tests/a.sh", "test -d /\n")],
        "for each in tests/*.sh; do if test -f $each; then sh $each || exit 1; fi; done",
        ("tests/a.sh", "test -d /tmp && test -d /\n"),
    ),
    (
        "documents with links",
        &[("README.md", "[a](docs/a.md)\n"), ("docs/a.md", "# A\n"), ("links.py", LINKS)],
        "python3 links.py",
        ("docs/a.md", "# About\n"),
    ),
    (
        "documents checked by a target",
        &[
            ("docs/a.md", "# A\n"),
            ("Makefile", "lint:\n\tpython3 tools/links.py\n"),
            ("tools/links.py", LINKS),
        ],
        "make lint",
        ("docs/a.md", "# About\n"),
    ),
    (
        "documents with words that are forbidden",
        &[("README.md", "# A\n")],
        "! grep -riq 'lorem ipsum' --include='*.md' .",
        ("README.md", "# About\n"),
    ),
    (
        "documents with nothing left for later",
        &[("README.md", "# A\n")],
        "! grep -rq TODO --include='*.md' .",
        ("README.md", "# About\n"),
    ),
    (
        "pages",
        &[
            ("index.html", "<a href=\"a.html\">a</a>\n"),
            ("a.html", "<p>a</p>\n"),
            ("links.py", LINKS),
        ],
        "python3 links.py",
        ("a.html", "<p>A</p>\n"),
    ),
    (
        "settings of a shell",
        &[(".profile", "export A=1\n")],
        "sh -n .profile",
        (".profile", "export A=2\n"),
    ),
    (
        "settings of a shell by a target",
        &[(".profile", "export A=1\n"), ("Makefile", "lint:\n\tsh -n .profile\n")],
        "make lint",
        (".profile", "export A=2\n"),
    ),
    (
        "a manifest",
        &[("package.json", "{}\n")],
        "python3 -c \"import json; json.load(open('package.json'))\"",
        ("package.json", "{\"name\": \"a\"}\n"),
    ),
    (
        "a manifest of Python",
        &[("pyproject.toml", "[project]\nname = \"a\"\n")],
        "python3 -c \"import tomllib; tomllib.load(open('pyproject.toml', 'rb'))\"",
        ("pyproject.toml", "[project]\nname = \"b\"\n"),
    ),
    (
        "a unit",
        &[("radio.service", "[Service]\nExecStart=/bin/true\n"), ("check.py", PARSES)],
        "python3 check.py radio.service",
        ("radio.service", "[Service]\nExecStart=/bin/false\n"),
    ),
    (
        "SQL",
        &[("schema.sql", "CREATE TABLE a (b TEXT);\n")],
        "python3 -c \"import sqlite3; sqlite3.connect(':memory:').executescript(open('schema.sql').read())\"",
        ("schema.sql", "CREATE TABLE a (c TEXT);\n"),
    ),
    (
        "a container",
        &[("Dockerfile", "FROM scratch\n")],
        "grep -q '^FROM ' Dockerfile",
        ("Dockerfile", "FROM scratch\nUSER 1000\n"),
    ),
    (
        "data",
        &[("stations.csv", "name,url\na,b\n"), ("rows.py", ROWS)],
        "python3 rows.py",
        ("stations.csv", "name,url\na,c\n"),
    ),
    (
        "files without extension",
        &[("hosts", "radio\n")],
        "! grep -q '[[:blank:]]$' hosts",
        ("hosts", "radio\ntv\n"),
    ),
];

#[tokio::test]
async fn what_checks_of_any_kind_of_project_read_is_broken_until_one_notices() {
    let mut wrong = Vec::new();
    for (kind, files, check, (file, text)) in NOTICED {
        let records = run(&world(files, &[check]), file, text).await;
        // Whatever else a person has to see.
        let told = held(&records);
        if told.contains(UNMOVED) || told.contains(UNTOLD) {
            wrong.push(format!("{kind}: {told}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn checks_that_notice_nothing_of_what_a_change_is_about_prove_nothing() {
    let nothing = ["true", "ls -a", "git log -1", "test -d ."];
    for ((kind, files, _, (file, text)), nothing) in NOTICED.iter().zip(nothing.iter().cycle()) {
        let records = run(&world(files, &[nothing]), file, text).await;
        assert!(held(&records).contains(UNMOVED), "{kind}, {nothing}: {records:#?}");
    }
}

#[tokio::test]
async fn it_is_told_which_files_were_broken_and_how() {
    let world = world(&[("README.md", "# A\n"), ("hosts", "a\n")], &["true"]);
    let records = run(&world, "hosts", "a\nb\n").await;
    assert!(
        held(&records).contains(
            "(with nonsense in `README.md`, `hosts`, with broken links, marks of a merge and the like there, and without `README.md`, `hosts`), so that they passed says nothing of what the change is about"
        ),
        "{records:#?}"
    );
}

#[tokio::test]
async fn tests_that_do_not_notice_broken_code_prove_nothing_whatever_they_are_made_of() {
    let files = [("radio.py", "def play(): return 1\n"), ("test_radio.py", TESTS)];
    for (file, text) in
        [("radio.py", "def play(): return 2\n"), ("test_more.py", "import unittest\n")]
    {
        let records = run(&world(&files, &["python3 -m unittest"]), file, text).await;
        let told = held(&records);
        assert!(told.contains(UNMOVED) && told.contains("nonsense in `radio.py`,"), "{records:#?}");
    }
    // A search for words in documents says nothing of code, and something of documents.
    let files = [("radio.py", "def play(): return 1\n"), ("README.md", "# A\n")];
    let check = "! grep -rq TODO --include='*.md' .";
    let records = run(&world(&files, &[check]), "radio.py", "def play(): return 2\n").await;
    assert!(held(&records).contains(UNMOVED), "{records:#?}");
    let records = run(&world(&files, &[check]), "README.md", "# About\n").await;
    assert_eq!(held(&records), "");
}

#[tokio::test]
async fn where_it_cannot_be_tried_the_reason_is_told() {
    for (files, check, change, why) in [
        (
            &[("Makefile", "lint:\n\t@true\n"), (".gitignore", "out\n")][..],
            "make lint",
            (".gitignore", "out\nbuild\n"),
            "every file is one that the checks are run by, or that Git reads (`.gitignore`, `Makefile`)",
        ),
        (
            &[("README.md", "# A\n")],
            "make -n",
            ("README.md", "# B\n"),
            "`make -n` only says what would be done",
        ),
        (
            &[("README.md", "# A\n")],
            "grep -q '^#' README.md || sleep 60",
            ("README.md", "# B\n"),
            "did not end within 1 s (`verify_timeout`)",
        ),
    ] {
        let mut world = world(files, &[check]);
        world.project.verify_timeout = Some(Duration::from_secs(1));
        if check == "make -n" {
            world.write("Makefile", "all: README.md\n\ttouch all\n");
            world.commit("make");
            world.git(&["push", "--quiet"]);
        }
        let records = run(&world, change.0, change.1).await;
        let told = held(&records);
        assert!(
            told.contains(UNTOLD) && told.contains(why) && !told.contains(UNMOVED),
            "{records:#?}"
        );
    }
}

#[tokio::test]
async fn that_no_check_notices_is_found_out_once_for_a_base() {
    let mut world = world(&[("stations", "a\n")], &[]);
    let runs = world.root().join("runs");
    let check = format!(
        "echo x >> {}; for each in *.txt; do if test -f $each; then grep -q a $each || exit 1; fi; done",
        runs.display()
    );
    world.project.verify = vec![check];
    let lines = || fs::read_to_string(&runs).unwrap().lines().count();
    let records = run(&world, "stations", "a\nb\n").await;
    assert!(held(&records).contains(UNMOVED), "{records:#?}");
    assert_eq!(lines(), 4, "once with the change, and on three broken projects");
    let mut options = pimainteno_core::RunOptions::default();
    options.force = true;
    let again = world.maintainer(Agent::writes("stations", "a\nc\n"));
    let trigger = pimainteno_core::Trigger::Manual;
    let records = again.run_project("radio", trigger, options).await.unwrap();
    assert!(held(&records).contains(UNMOVED), "{records:#?}");
    assert_eq!(lines(), 5, "what was found out is kept");
    drop(again);
    // With a file that the check looks at, it can fail.
    world.write("more.txt", "a\n");
    world.commit("more");
    world.git(&["push", "--quiet"]);
    let records = run(&world, "stations", "a\nd\n").await;
    assert_eq!(held(&records), "");
    assert_eq!(lines(), 7);
}
