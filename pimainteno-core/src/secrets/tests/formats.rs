//! Every format of the tables is found, alone and in the midst of other things. The samples are
//! made up at run time, from a seed.

use super::{Random, redacted};
use crate::secrets::{
    base64,
    formats::formats,
    infix::INFIXES,
    token::{Alphabet, Format},
};

/// The letters and digits of an alphabet.
fn characters(alphabet: Alphabet) -> Vec<char> {
    (b'0'..=b'z')
        .filter(|byte| byte.is_ascii_alphanumeric() && alphabet.has(*byte))
        .map(char::from)
        .collect()
}

/// A token of the format, of random letters and digits.
fn sample(format: &Format, random: &mut Random) -> String {
    let length = format.length.0.max(20).min(format.length.1);
    format!("{}{}", format.prefix, random.text(&characters(format.alphabet), length))
}

#[test]
fn a_token_of_every_format_is_found_bare_and_in_the_midst_of_a_text() {
    let mut random = Random(7);
    for format in formats() {
        let token = sample(&format, &mut random);
        for (before, after) in [
            ("", ""),
            ("the value is ", " here"),
            ("{\"log\":\"a\\n", "\\n\"}"),
            ("é (", "). next"),
            ("+  - '", "',"),
        ] {
            let text = format!("{before}{token}{after}");
            let shown = redacted(&text);
            let place = shown.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
            assert!(
                place.is_some_and(|place| place.starts_with("[redacted: ") && place.ends_with(']')),
                "{}: {text}: {shown}",
                format.kind
            );
            assert_eq!(redacted(&shown), shown);
        }
    }
}

#[test]
fn a_token_that_is_told_by_its_middle_is_found() {
    let mut random = Random(10);
    for infix in INFIXES {
        let part = |random: &mut Random, (alphabet, least, _): (Alphabet, usize, usize)| {
            random.text(&characters(alphabet), least)
        };
        let (before, behind) = (part(&mut random, infix.before), part(&mut random, infix.behind));
        let text = format!("a '{before}{}{behind}' b", infix.anchor);
        let shown = redacted(&text);
        assert!(
            shown.starts_with("a '") && shown.ends_with("]' b"),
            "{}: {text}: {shown}",
            infix.kind
        );
        assert!(!shown.contains(&behind) || behind.is_empty(), "{}: {text}: {shown}", infix.kind);
        // Half of it is none.
        let half =
            format!("a '{}{}' b", infix.anchor, behind.get(..behind.len() / 2).unwrap_or_default());
        assert_eq!(redacted(&half), half, "{}", infix.kind);
    }
}

#[test]
fn a_token_that_is_broken_in_two_or_encoded_is_found_as_well() {
    let mut random = Random(8);
    let mut encoded = 0;
    for format in formats() {
        let token = sample(&format, &mut random);
        // In base64, a prefix of three letters says too little.
        if format.prefix.len() >= 4 && token.is_ascii() {
            let text = format!("data: {}\n", base64::encoded(token.as_bytes()));
            assert!(redacted(&text).starts_with("data: [redacted: "), "{}: {text}", format.kind);
            encoded += 1;
        }
        if format.length.0 < 30 {
            continue;
        }
        let (one, other) = token.split_at(format.prefix.len() + 10);
        for joint in ["\" + \"", "' . '", "\"\n    \"", "\\\n", "\" +\n  \""] {
            let shown = redacted(&format!("\"{one}{joint}{other}\""));
            assert!(
                !shown.contains(one) && !shown.contains(other),
                "{}: {joint:?}: {shown}",
                format.kind
            );
        }
    }
    assert!(encoded > 100);
}

#[test]
fn names_placeholders_and_parts_of_words_are_no_tokens() {
    let mut random = Random(9);
    for format in formats() {
        let token = sample(&format, &mut random);
        let placeholder = format!("{}{}", format.prefix, "x".repeat(format.length.0.max(8)));
        assert_eq!(redacted(&placeholder), placeholder);
        // A sign at the beginning sets it off; a short one may be another format from its second
        // letter on.
        if format.prefix.starts_with(|character: char| character.is_ascii_alphanumeric())
            && format.prefix.len() > 2
        {
            let text = format!("x{token}");
            assert!(redacted(&text).starts_with('x'), "{}: {text}", format.kind);
        }
    }
    for name in [
        "s.sendV2SamplesWithBackoff(a)",
        "sk-folding-cube-parent-element",
        "api_version_of_the_second_generation_interface1",
        "pattern.matches(a)",
    ] {
        assert_eq!(redacted(name), name);
    }
}
