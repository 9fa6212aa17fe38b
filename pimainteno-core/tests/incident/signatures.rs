//! Journals that are of the same failure, and ones that are not.

use std::collections::BTreeMap;

use pimainteno_core::incident::{signature, trace};
use serde::Deserialize;

use crate::{End, files, journal, variants};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    failure: Vec<Failure>,
}

/// One failure: all its journals have one signature, and no other failure has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failure {
    name: String,
    #[serde(default)]
    ending: End,
    journals: Vec<String>,
    /// Other endings of the same failure: later in a loop of restarts, or given up.
    #[serde(default)]
    also: Vec<End>,
    /// The variants in which it cannot be logged, or means something else.
    #[serde(default)]
    except: Vec<String>,
}

#[test]
fn a_failure_has_one_signature_and_no_other_has_it() {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (file, text) in files("signature") {
        let failures: File =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        for failure in failures.failure {
            let mut own: Option<String> = None;
            for (number, text) in failure.journals.iter().enumerate() {
                for end in [&failure.ending].into_iter().chain(&failure.also) {
                    for (variant, lines) in variants::all(&journal(text, "app")) {
                        if failure.except.iter().any(|no| no == variant) {
                            continue;
                        }
                        let places = trace::places(&lines);
                        let is = signature(&end.cause(), &lines, &places);
                        assert_eq!(is.len(), 32);
                        if own.get_or_insert_with(|| is.clone()) != &is {
                            let message = trace::message(&lines);
                            wrong.push(format!(
                                "journal {number} of `{}` differs as {variant}: {message:?} {places:?}",
                                failure.name
                            ));
                        }
                    }
                }
            }
            if let Some(other) = names.insert(own.unwrap(), failure.name.clone()) {
                wrong.push(format!("`{}` has the signature of `{other}`", failure.name));
            }
        }
    }
    assert!(names.len() > 10, "{names:?}");
    assert!(wrong.is_empty(), "{} mistakes:\n{}", wrong.len(), wrong.join("\n"));
}
