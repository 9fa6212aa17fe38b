//! Each case, as it stands and in all variants.

use std::{collections::BTreeSet, fmt::Write as _};

use pimainteno_core::incident::{
    Cause, CauseKind, Ending, LogLine, Trouble, TroubleKind,
    trace::{self, Place},
    triage,
};
use serde::Deserialize;

use crate::{End, files, journal, variants};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What it shows, as a sentence.
    name: String,
    #[serde(default)]
    journal: String,
    #[serde(default = "python")]
    by: String,
    #[serde(default)]
    ending: End,
    /// The tracked files.
    #[serde(default)]
    tracked: Vec<String>,
    /// The directories that stand for the project's top.
    #[serde(default = "checkout")]
    roots: Vec<String>,
    /// The whole text of the cause.
    cause: Option<String>,
    kind: Option<CauseKind>,
    message: Option<String>,
    /// The first places, as `path:line function`.
    places: Option<Vec<String>>,
    /// All resolved places, as `path:line`.
    files: Option<Vec<String>>,
    /// The kind of trouble; `none` if it must be none.
    trouble: Option<String>,
    /// Parts of what to do.
    #[serde(default)]
    remedy: Vec<String>,
    /// A part of the line that tells.
    evidence: Option<String>,
    /// The variants in which it cannot be logged, or means something else.
    #[serde(default)]
    except: Vec<String>,
}

fn python() -> String {
    "python3".into()
}

fn checkout() -> Vec<String> {
    vec!["/home/pi/radio".into()]
}

impl Case {
    /// What is wrong with what is made of these lines.
    fn mistakes(&self, lines: &[LogLine]) -> Vec<String> {
        let mut mistakes = Vec::new();
        let mut expect = |what: &str, expected: String, is: String| {
            if expected != is {
                mistakes.push(format!("{what} is\n    {is}\n  and not\n    {expected}"));
            }
        };
        let cause = self.ending.cause();
        if let Some(text) = &self.cause {
            expect("the cause", text.clone(), cause.text.clone());
        }
        if let Some(kind) = self.kind {
            expect("the cause's kind", format!("{kind:?}"), format!("{:?}", cause.kind));
        }
        if let Some(message) = &self.message {
            expect("the message", message.clone(), trace::message(lines).unwrap_or_default());
        }
        let places = trace::places(lines);
        if let Some(expected) = &self.places {
            let shown: Vec<_> = places.iter().take(expected.len()).map(shown).collect();
            expect("the places", expected.join("\n    "), shown.join("\n    "));
        }
        if let Some(expected) = &self.files {
            let shown: Vec<_> = self.resolved(&places).iter().map(file).collect();
            expect("the files", expected.join("\n    "), shown.join("\n    "));
        }
        if let Some(expected) = &self.trouble {
            let trouble = self.trouble_of(&cause, lines);
            let kind = trouble.as_ref().map_or_else(|| "none".into(), |trouble| kind(trouble.kind));
            expect("the trouble", expected.clone(), kind);
            let Some(trouble) = trouble else {
                return mistakes;
            };
            for part in &self.remedy {
                if !trouble.remedy.contains(part) {
                    expect("the remedy", part.clone(), trouble.remedy.clone());
                }
            }
            if let Some(part) =
                self.evidence.as_ref().filter(|part| !trouble.evidence.contains(*part))
            {
                expect("the evidence", part.clone(), trouble.evidence);
            }
        }
        mistakes
    }

    fn resolved(&self, places: &[Place]) -> Vec<Place> {
        let roots: Vec<_> = self.roots.iter().map(String::as_str).collect();
        let by_name = |name: &str| {
            let is_it = |path: &&String| path.rsplit('/').next() == Some(name);
            self.tracked.iter().filter(is_it).cloned().collect()
        };
        trace::resolve(
            places,
            &roots,
            &|path| self.tracked.iter().any(|known| known == path),
            &by_name,
        )
    }

    fn trouble_of(&self, cause: &Cause, lines: &[LogLine]) -> Option<Trouble> {
        let is_of_project = |path: &str| {
            let is_in = |root: &String| path.starts_with(&format!("{root}/"));
            self.roots.iter().any(is_in) || self.tracked.iter().any(|known| known == path)
        };
        triage(cause, lines, &is_of_project)
    }
}

fn shown(place: &Place) -> String {
    let mut shown = file(place);
    if let Some(function) = &place.function {
        write!(shown, " {function}").unwrap();
    }
    shown
}

fn file(place: &Place) -> String {
    place.line.map_or_else(|| place.path.clone(), |line| format!("{}:{line}", place.path))
}

fn kind(kind: TroubleKind) -> String {
    serde_json::to_value(kind).unwrap().as_str().unwrap().to_owned()
}

/// Asserts what is made of the cases of the files whose names begin with `start`.
fn check(start: &str) {
    let mut wrong = Vec::new();
    let mut number = 0;
    for (file, text) in files(start) {
        let cases: File = toml::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        for case in cases.case {
            let lines = journal(&case.journal, &case.by);
            let variants = variants::all(&lines).into_iter();
            let variants =
                variants.filter(|(name, _)| !case.except.iter().any(|except| except == name));
            let mistakes: Vec<_> = variants
                .map(|(variant, lines)| {
                    number += 1;
                    (variant, case.mistakes(&lines))
                })
                .filter(|(_, mistakes)| !mistakes.is_empty())
                .collect();
            // What is wrong in one variant mostly is in others, too.
            if let Some((_, first)) = mistakes.first() {
                let variants: Vec<_> = mistakes.iter().map(|(variant, _)| *variant).collect();
                let (name, variants) = (&case.name, variants.join(", "));
                wrong.push(format!("{file}: {name} ({variants}):\n{}", first.join("\n")));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong cases in {number} readings:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn a_cause_is_told_from_what_systemd_knows() {
    check("cause");
}

#[test]
fn a_trace_tells_where_it_went_wrong() {
    check("trace");
}

#[test]
fn trouble_that_no_code_can_mend_is_told_from_what_it_can() {
    check("trouble");
}

/// The kinds in the files, by what follows `field = "`.
fn mentioned(start: &str, field: &str) -> BTreeSet<String> {
    let field = format!("{field} = \"");
    let texts: Vec<_> = files(start).into_iter().map(|(_, text)| text).collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    lines
        .filter_map(|line| line.strip_prefix(&field)?.strip_suffix('"'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn each_kind_of_cause_and_of_trouble_has_a_case() {
    let source = |file: &str| {
        let path = format!("{}/src/incident/{file}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    };
    let variants = |source: &str, name: &str| -> BTreeSet<String> {
        let body = source.split(&format!("pub enum {name} {{")).nth(1).unwrap();
        let body = body.split("\n}").next().unwrap();
        let names = body.lines().filter_map(|line| line.trim().strip_suffix(','));
        names.filter(|name| !name.starts_with("//")).map(str::to_owned).collect()
    };
    let kebab = |name: &String| {
        let mut kebab = String::new();
        for next in name.chars() {
            if next.is_uppercase() && !kebab.is_empty() {
                kebab.push('-');
            }
            kebab.extend(next.to_lowercase());
        }
        kebab
    };
    for (file, name, start, field) in [
        ("cause.rs", "CauseKind", "cause", "kind"),
        ("triage.rs", "TroubleKind", "trouble", "trouble"),
    ] {
        let kinds: BTreeSet<_> = variants(&source(file), name).iter().map(kebab).collect();
        assert!(kinds.len() > 10, "{kinds:?}");
        // Told when there is no journal to tell anything from; see `tests/watch/evidence.rs`.
        let kinds = kinds.into_iter().filter(|kind| kind != "no-journal").collect::<BTreeSet<_>>();
        let missing: Vec<_> = kinds.difference(&mentioned(start, field)).cloned().collect();
        assert!(missing.is_empty(), "{start}*.toml has no case for {missing:?}");
    }
}

#[test]
fn every_status_of_systemd_is_a_setup_that_failed() {
    for status in (200..=245).filter(|status| ![223, 234].contains(status)) {
        let ending = Ending { result: "exit-code".into(), code: 1, status, ..Ending::default() };
        let cause = Cause::of(&ending);
        assert_eq!(cause.kind, CauseKind::Setup, "{status}: {}", cause.text);
        let trouble = triage(&cause, &[], &|_| false);
        assert!(trouble.is_some_and(|trouble| !trouble.remedy.is_empty()), "{status}");
    }
    for status in [1, 64, 199, 223, 246, 255] {
        let ending = Ending { result: "exit-code".into(), code: 1, status, ..Ending::default() };
        assert_eq!(Cause::of(&ending).kind, CauseKind::ExitCode, "{status}");
    }
}
