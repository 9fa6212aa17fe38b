//! Whether what is assigned to is called as a secret is.

use std::ops::Range;

use super::LONGEST_NAME;
use crate::secrets::scan;

/// What such names have in them.
pub(in crate::secrets) const ANCHORS: [&str; 15] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "passwort",
    "pwd",
    "pass",
    "secret",
    "token",
    "key",
    "credential",
    "psk",
    "auth",
    "_pat",
    "pw",
];

/// What may stand behind the anchor in such a name. With anything else, as in `password_hash` or
/// `token_count`, it names another thing.
const ENDINGS: [&str; 27] = [
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
    "admin",
    "root",
];

/// What may not stand in front of it: these are random, and no secrets.
const BEGINNINGS: [&str; 13] = [
    "public",
    "pub",
    "next",
    "page",
    "continuation",
    "cursor",
    "sync",
    "csrf",
    "xsrf",
    "hashed",
    "encrypted",
    "cancel",
    "cancellation",
];

/// What stands in front of `key` in the names of secrets.
const OF_SECRET_KEYS: &[&str] = &[
    "api",
    "access",
    "private",
    "auth",
    "signing",
    "sign",
    "encryption",
    "crypt",
    "account",
    "master",
    "admin",
    "shared",
    "storage",
    "license",
    "licence",
    "subscription",
    "service",
    "app",
    "application",
    "client",
    "consumer",
    "deploy",
    "write",
    "ingest",
    "ingestion",
    "preshared",
    "unseal",
    "recovery",
    "jwt",
    "hmac",
    "webhook",
    "security",
    "secret",
    "server",
    "stream",
];

/// What stands in front of `key` in the names of what is looked up, pressed or public. One of them
/// anywhere in front is enough.
const OF_OTHER_KEYS: &[&str] = &[
    "primary",
    "foreign",
    "sort",
    "cache",
    "cached",
    "partition",
    "row",
    "hash",
    "map",
    "index",
    "indexed",
    "column",
    "field",
    "object",
    "dict",
    "group",
    "route",
    "routing",
    "event",
    "config",
    "configuration",
    "property",
    "attribute",
    "attr",
    "translation",
    "message",
    "shard",
    "idempotency",
    "dedupe",
    "dedup",
    "query",
    "lookup",
    "bucket",
    "item",
    "node",
    "unique",
    "composite",
    "natural",
    "surrogate",
    "hot",
    "shortcut",
    "arrow",
    "enter",
    "escape",
    "ctrl",
    "function",
    "modifier",
    "meta",
    "press",
    "host",
    "known",
    "trusted",
    "verify",
    "verifying",
    "verification",
    "recipient",
    "fingerprint",
    "store",
    "state",
    "react",
    "render",
    "element",
    "component",
    "label",
    "option",
    "select",
    "setting",
    "session",
    "user",
    "file",
    "path",
    "entry",
    "first",
    "last",
    "prev",
    "previous",
    "current",
    "parent",
    "child",
    "test",
    "expected",
    "invalid",
    "wrong",
    "artifact",
    "build",
    "version",
    "id",
    "ref",
    "data",
    "legacy",
    "alt",
    "websocket",
    "socket",
];

/// What stands in front of `pass` where it is not set off.
const OF_PASSES: [&str; 14] = [
    "db", "user", "root", "admin", "smtp", "mail", "my", "pg", "ftp", "redis", "mysql", "ssh",
    "sudo", "ldap",
];

/// What the name says about the value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Password,
    Secret,
    /// A token, or a key that gives access.
    Key,
    /// The key of something: `stripeKey`, but also `rowKey`.
    SomeKey,
    /// Nothing but `key`.
    BareKey,
}

/// The whole name around the anchor.
pub(super) fn extent(text: &str, anchor: &Range<usize>) -> Range<usize> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let end = anchor.end + scan::count(text, anchor.end, LONGEST_NAME, is_part);
    // In `stripe.secret` the whole path is the name.
    let is_of_path = |byte: u8| is_part(byte) || byte == b'.';
    let start = anchor.start - scan::count_before(text, anchor.start, LONGEST_NAME, is_of_path);
    let dots = scan::count(text, start, anchor.start - start, |byte| byte == b'.');
    start + dots..end
}

/// What the name says, if what it names holds a secret.
pub(super) fn sort(text: &str, name: &Range<usize>, anchor: &Range<usize>) -> Option<Sort> {
    let (before, after) = (text.get(name.start..anchor.start)?, text.get(anchor.end..name.end)?);
    let word = text.get(anchor.clone())?;
    // A later anchor in the same name has less behind it: `password_token`.
    if !words(after).all(|word| ENDINGS.contains(&word.as_str())) {
        return None;
    }
    // Of `config.facebook.key` the last two parts tell.
    let told = before
        .rmatch_indices('.')
        .nth(1)
        .map_or(before, |(dot, _)| before.get(dot..).unwrap_or_default());
    let mut words: Vec<String> = words(told).filter(|word| !word.is_empty()).collect();
    if words.iter().any(|word| BEGINNINGS.contains(&word.as_str())) {
        return None;
    }
    let is_set_off = word.starts_with('_')
        || !before.ends_with(|character: char| character.is_ascii_alphabetic())
        || word.starts_with(|character: char| character.is_ascii_uppercase())
            && before.ends_with(|character: char| character.is_ascii_lowercase());
    let last = words.pop().unwrap_or_default();
    match word.to_ascii_lowercase().as_str() {
        "pass" => (is_set_off || OF_PASSES.contains(&last.as_str())).then_some(Sort::Password),
        "password" | "passwd" | "passphrase" | "passcode" | "passwort" | "pwd" => {
            Some(Sort::Password)
        }
        "pw" => is_set_off.then_some(Sort::Password),
        "secret" => Some(Sort::Secret),
        "token" | "credential" => Some(Sort::Key),
        "psk" => is_set_off.then_some(Sort::Key),
        "auth" | "_pat" => (is_set_off && !last.is_empty()).then_some(Sort::SomeKey),
        _ if last.is_empty() => bare_key(text, name),
        _ if OF_SECRET_KEYS.iter().any(|of| last.ends_with(of)) => Some(Sort::Key),
        _ if OF_OTHER_KEYS.contains(&last.as_str())
            || words.iter().any(|word| OF_OTHER_KEYS.contains(&word.as_str())) =>
        {
            None
        }
        // Of options, words are often not set off: `--stripekey`.
        _ => (is_set_off || before.starts_with("--")).then_some(Sort::SomeKey),
    }
}

/// `key` alone, or as the second word in a label such as `API key:`.
fn bare_key(text: &str, name: &Range<usize>) -> Option<Sort> {
    let before = text.as_bytes().get(..name.start)?;
    let before = before.get(before.len().saturating_sub(16)..)?;
    let label = before.strip_suffix(b" ").map(<[u8]>::to_ascii_lowercase);
    let is_labelled =
        label.is_some_and(|label| OF_SECRET_KEYS.iter().any(|of| label.ends_with(of.as_bytes())));
    Some(if is_labelled { Sort::Key } else { Sort::BareKey })
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
