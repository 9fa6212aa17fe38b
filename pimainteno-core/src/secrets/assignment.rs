//! Assignments to something that is called a password, a token or a key: `password = "…"`, `API_KEY=…`, `"token": "…"`, `--secret …`.
//!
//! The name decides what is expected and how sure the value must look: a password is chosen by a person, a key is made up by a machine.
//! Quotes say where a value ends and that it is one. Without them, `token = next_token` is a program, so the line must look like one of a configuration.

use std::ops::Range;

use super::{Finding, value};

/// What such names have in them, and nothing else does.
pub(super) const ANCHORS: [&str; 21] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "_pass",
    "secret",
    "token",
    "api_key",
    "apikey",
    "api-key",
    "access_key",
    "accesskey",
    "access-key",
    "private_key",
    "privatekey",
    "auth_key",
    "authkey",
    "signing_key",
    "encryption_key",
    "account_key",
    "accountkey",
];

/// What may stand behind the anchor in such a name. With anything else, as in `password_hash` or `token_count`, it names another thing.
const ENDINGS: [&str; 25] = [
    "",
    "s",
    "key",
    "keys",
    "access",
    "value",
    "val",
    "string",
    "str",
    "base",
    "b",
    "hex",
    "raw",
    "plain",
    "prod",
    "production",
    "dev",
    "staging",
    "live",
    "main",
    "old",
    "new",
    "default",
    "secret",
    "token",
];

/// What may not stand in front of it: these are random, and no secrets.
const BEGINNINGS: [&str; 12] =
    ["public", "next", "page", "continuation", "cursor", "sync", "csrf", "xsrf", "hashed", "encrypted", "cancel", "cancellation"];

/// The longest name, and the most white space, that is looked at on each side of the anchor, in bytes.
const LONGEST_NAME: usize = 64;
const MOST_SPACE: usize = 16;

/// The longest value, in bytes.
const LONGEST_VALUE: usize = 512;

/// The longest type or call between name and value, in bytes: `: &'static str = `, `String::from(`.
const LONGEST_TYPE: usize = 40;

/// What the name says about the value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Password,
    Secret,
    Key,
}

/// How the value is joined to the name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Join {
    /// `name=value`, or `--name value`.
    Tight,
    /// `name: value`, `name = value` and the like.
    Loose,
    /// `<name>value</name>`.
    Element,
}

/// Adds the value that is assigned to the name that the anchor is in.
pub(super) fn look(text: &str, anchor: Range<usize>, found: &mut Vec<Finding>) {
    let Some((name, sort)) = name(text, &anchor) else { return };
    let Some((join, at)) = joint(text, &name) else { return };
    let (at, is_call) = opening(text, at, join);
    let range = match quote(text, at).filter(|_| join != Join::Element) {
        Some((quote, start)) => quoted(text, start, quote).filter(|range| {
            let value = &text[range.clone()];
            match sort {
                _ if is_call => value::is_random(value),
                Sort::Password => value::is_password(value) && !is_path(value),
                Sort::Secret => value::is_random(value) || value::is_password(value) && !value::is_wordy(value) && !is_path(value),
                Sort::Key => value::is_random(value) && !is_path(value),
            }
        }),
        None => unquoted(text, &name, at, join).filter(|range| {
            let value = &text[range.clone()];
            !is_code(value)
                && match sort {
                    Sort::Password => value::is_password(value),
                    Sort::Secret | Sort::Key => value::is_random(value),
                }
        }),
    };
    let kind = match sort {
        Sort::Password => "password",
        Sort::Secret => "secret",
        Sort::Key => "key or token",
    };
    found.extend(range.filter(|range| !range.is_empty()).map(|range| Finding { range, kind }));
}

/// The whole name around the anchor, if what it names holds a secret.
fn name(text: &str, anchor: &Range<usize>) -> Option<(Range<usize>, Sort)> {
    let bytes = text.as_bytes();
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_' || **byte == b'-';
    let start = anchor.start - bytes[..anchor.start].iter().rev().take(LONGEST_NAME).take_while(is_part).count();
    let end = anchor.end + bytes[anchor.end..].iter().take(LONGEST_NAME).take_while(is_part).count();
    let (before, word, after) =
        (text.get(start..anchor.start)?, text.get(anchor.clone())?.to_ascii_lowercase(), text.get(anchor.end..end)?);
    // A later anchor in the same name has less behind it: `password_token`.
    let mut endings = words(after);
    if !endings.all(|word| ENDINGS.contains(&word.as_str())) || words(before).any(|word| BEGINNINGS.contains(&word.as_str())) {
        return None;
    }
    let sort = match word.as_str() {
        "password" | "passwd" | "passphrase" | "pwd" | "_pass" => Sort::Password,
        "secret" => Sort::Secret,
        _ => Sort::Key,
    };
    Some((start..end, sort))
}

/// The words of a part of a name, in lower case: divided by signs and digits, and before a capital.
fn words(part: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for character in part.chars() {
        if (character.is_ascii_uppercase() && was_lower || !character.is_ascii_alphabetic())
            && let Some(true) = words.last().map(|word| !word.is_empty())
        {
            words.push(String::new());
        }
        if character.is_ascii_alphabetic()
            && let Some(word) = words.last_mut()
        {
            word.push(character.to_ascii_lowercase());
        }
        was_lower = character.is_ascii_lowercase();
    }
    words.into_iter()
}

/// What joins name and value, and where it ends.
fn joint(text: &str, name: &Range<usize>) -> Option<(Join, usize)> {
    let bytes = text.as_bytes();
    let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
    let spaces = |at: usize| {
        bytes.get(at..).unwrap_or_default().iter().take(MOST_SPACE).take_while(|byte| **byte == b' ' || **byte == b'\t').count()
    };
    let mut at = name.end;
    // The name may be quoted, in a string even with a backslash, and in brackets.
    for close in [b'\\', b'"', b'\'', b'`', b']'] {
        at += usize::from(byte(at) == close);
    }
    let space = spaces(at);
    at += space;
    let signs: &[&[u8]] = &[b"=>", b":=", b"==", b"=", b":", b">"];
    let Some(sign) = signs.iter().find(|sign| bytes.get(at..).is_some_and(|rest| rest.starts_with(sign))) else {
        let is_option = text.get(name.clone())?.starts_with("--") && space > 0;
        return is_option.then_some((Join::Tight, at));
    };
    if *sign == b">" && (space > 0 || byte(name.start.wrapping_sub(1)) != b'<') {
        return None;
    }
    at += sign.len();
    let after = spaces(at);
    let join = match *sign {
        b">" => Join::Element,
        b"=" if space == 0 && after == 0 => Join::Tight,
        _ => Join::Loose,
    };
    Some((join, at + after))
}

/// Passes over a type and over what makes a string of a value; says whether that is a call.
fn opening(text: &str, at: usize, join: Join) -> (usize, bool) {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    if quote(text, at).is_some() {
        return (at, false);
    }
    // `: &'static str = "…"`
    if join == Join::Loose
        && let Some(end) =
            rest.iter().take(LONGEST_TYPE).position(|byte| *byte == b'=' || b"\n,;(){}".contains(byte)).filter(|end| rest[*end] == b'=')
    {
        let value = at + end + 1 + rest[end + 1..].iter().take(MOST_SPACE).take_while(|byte| **byte == b' ').count();
        if quote(text, value).is_some() {
            return (value, false);
        }
    }
    // `String::from("…")`, or a prefix of a string as in `b"…"`.
    let name = rest.iter().take(LONGEST_TYPE).take_while(|byte| byte.is_ascii_alphanumeric() || b"_:.!&@".contains(byte)).count();
    let is_call = rest.get(name) == Some(&b'(');
    let value = at + name + usize::from(is_call);
    if join != Join::Element && (is_call || name <= 2) && quote(text, value).is_some() { (value, is_call) } else { (at, false) }
}

/// The quotation mark at a place, with a backslash if it is in a string itself, and where the value begins.
fn quote(text: &str, at: usize) -> Option<(&str, usize)> {
    let rest = text.get(at..)?;
    ["\\\"", "\\'", "\"", "'", "`"].into_iter().find(|quote| rest.starts_with(quote)).map(|quote| (quote, at + quote.len()))
}

/// The value up to its closing quotation mark.
fn quoted(text: &str, start: usize, quote: &str) -> Option<Range<usize>> {
    let end = text.floor_char_boundary(start.saturating_add(LONGEST_VALUE));
    let rest = text.get(start..end)?;
    let length = rest.find(quote)?;
    rest.get(..length).filter(|value| !value.contains('\n')).map(|_| start..start + length)
}

/// The value up to a space or another sign that ends it. A loosely joined one must be all that its line has besides the name.
fn unquoted(text: &str, name: &Range<usize>, at: usize, join: Join) -> Option<Range<usize>> {
    let rest = text.as_bytes().get(at..)?;
    let ends = |place: usize, byte: u8| match byte {
        // In an address it separates from the next name.
        b'&' => {
            rest.get(place + 1..)
                .unwrap_or_default()
                .iter()
                .take(LONGEST_NAME)
                .find(|byte| !byte.is_ascii_alphanumeric() && !b"_-.;".contains(byte))
                == Some(&b'=')
        }
        _ => byte.is_ascii_whitespace() || byte.is_ascii_control() || b"\"'`;,<>|)]}".contains(&byte),
    };
    let length = rest.iter().take(LONGEST_VALUE).enumerate().take_while(|(place, byte)| !ends(*place, **byte)).count();
    text.get(at..at + length)?;
    if join == Join::Element && !rest.get(length..).is_some_and(|rest| rest.starts_with(b"</")) {
        return None;
    }
    if join == Join::Loose {
        let ends_line = rest.get(length).is_none_or(|byte| *byte == b'\n' || *byte == b'\r');
        let before = text.as_bytes()[..name.start].iter().rev().take(LONGEST_NAME).take_while(|byte| **byte != b'\n');
        if !ends_line || !before.into_iter().all(|byte| b" \t+-.\"'".contains(byte)) {
            return None;
        }
    }
    Some(at..at + length)
}

/// Whether it is an expression of a program.
fn is_code(value: &str) -> bool {
    value.contains(['(', '[', '{', '$', '\\']) || value.contains("::") || value.contains("->") || is_path(value)
}

/// Whether it leads to a file, or names a member of something: words joined by slashes or full stops.
fn is_path(value: &str) -> bool {
    value.contains(['/', '.']) && value::is_wordy(value)
}
