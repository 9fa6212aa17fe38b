//! Whether a value is a secret, or a word, a name, a placeholder.

/// Words that stand where a secret would; a value that has one of them is none.
const PLACEHOLDERS: [&str; 20] = [
    "example",
    "changeme",
    "change-me",
    "change_me",
    "placeholder",
    "your",
    "xxx",
    "***",
    "dummy",
    "insert",
    "replace",
    "redacted",
    "sample",
    "fake",
    "mock",
    "foobar",
    "0123456789",
    "123456789",
    "abcdef",
    "deadbeef",
];

/// A placeholder of so many letters is in no random value by chance.
const LONG_WORD: usize = 7;

/// Words that a made-up value of a test or a manual consists of.
const COMMON: [&str; 25] = [
    "password",
    "passphrase",
    "passwd",
    "pass",
    "secret",
    "token",
    "access",
    "refresh",
    "bearer",
    "private",
    "public",
    "user",
    "admin",
    "root",
    "test",
    "testing",
    "key",
    "api",
    "auth",
    "my",
    "the",
    "some",
    "valid",
    "invalid",
    "wrong",
];

/// UUIDs that are printed in manuals and standards (RFC 9562 and the documentation of libraries).
const UUIDS_OF_MANUALS: [&str; 6] = [
    "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
    "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "123e4567-e89b-12d3-a456-426614174000",
    "550e8400-e29b-41d4-a716-446655440000",
    "67e55044-10b1-426f-9247-bb680e5fe0c8",
    "a1a2a3a4-b1b2-c1c2-d1d2-d3d4d5d6d7d8",
];

/// The fewest characters of a random value.
const SHORTEST: usize = 12;

/// The least entropy of a random value, in bits per byte. Twelve random hexadecimal digits have 3
/// on average, words of that length 2 to 3.
const LEAST_ENTROPY: f64 = 3.0;

/// Whether it stands for a value that the reader is to fill in, or for one that is made up.
pub(super) fn is_placeholder(value: &str) -> bool {
    if is_template(value) || is_counting(value) {
        return true;
    }
    let lower = value.to_ascii_lowercase();
    if PLACEHOLDERS.iter().any(|word| word.len() >= LONG_WORD && lower.contains(word)) {
        return true;
    }
    // A few letters of a long random value are a word by chance, or by its maker's wish.
    if value.len() >= 32 && !is_wordy(value) && entropy(value) >= 4.0 {
        return false;
    }
    if PLACEHOLDERS.iter().any(|word| lower.contains(word)) || is_periodic(value) {
        return true;
    }
    // What is left of words that everybody uses in tests.
    let mut letters: String = lower
        .chars()
        .map(|character| if character.is_ascii_alphabetic() { character } else { ' ' })
        .collect();
    for word in COMMON {
        letters = letters.replace(word, " ");
    }
    letters.split_whitespace().map(str::len).sum::<usize>() < 2
        && lower.chars().any(|character| character.is_ascii_alphabetic())
}

/// Whether a machine made it up: long, without a space, not made of words, and of many different
/// characters.
pub(super) fn is_random(value: &str) -> bool {
    value.len() >= SHORTEST
        && value.bytes().all(|byte| byte.is_ascii_graphic())
        && value.bytes().any(|byte| byte.is_ascii_digit())
        && !is_hash_with_a_name(value)
        && !is_uuid(value)
        && !is_wordy(value)
        && entropy(value) >= LEAST_ENTROPY
        && !is_placeholder(value)
}

/// Whether it is random, or a UUID that is a secret.
pub(super) fn is_token(value: &str) -> bool {
    is_random(value) || is_secret_uuid(value)
}

/// Whether it is random beyond doubt, and of the characters that keys have: for names that keys of
/// other kinds have as well.
pub(super) fn is_key(value: &str) -> bool {
    let is_of_keys = |byte: u8| byte.is_ascii_alphanumeric() || b"_-+/=.:~%".contains(&byte);
    is_secret_uuid(value) || value.len() >= 15 && value.bytes().all(is_of_keys) && is_random(value)
}

/// Whether it is the base64 of 32 bytes, as keys of ciphers are: WireGuard's, ESPHome's.
pub(super) fn is_key_of_32_bytes(value: &str) -> bool {
    value.len() == 44 && value.ends_with('=') && !value.ends_with("==") && is_random(value)
}

/// Whether it is a UUID that may be a secret, as the keys of some services are; those of manuals
/// are not.
pub(super) fn is_secret_uuid(value: &str) -> bool {
    is_uuid(value)
        && !UUIDS_OF_MANUALS.contains(&value.to_ascii_lowercase().as_str())
        && entropy(value) >= 2.8
        && !is_placeholder(value)
}

/// Whether a person would choose it as a password: letters with digits or with other signs, in one
/// word.
pub(super) fn is_password(value: &str) -> bool {
    let has = |is: fn(&u8) -> bool| value.bytes().any(|byte| is(&byte));
    let is_sign = |byte: &u8| b"!@#%^&*+=?~$".contains(byte);
    (6..=256).contains(&value.len())
        && value.chars().all(|character| !character.is_whitespace() && !character.is_control())
        && has(u8::is_ascii_alphabetic)
        && (has(u8::is_ascii_digit) || has(is_sign))
        && !is_hash_with_a_name(value)
        && !is_uuid(value)
        && !is_placeholder(value)
}

/// Whether it is made of words and numbers, as names are: `sha256_digest`, `nextToken2`, `v1.2.3`.
/// Most of its letters and digits decide.
pub(super) fn is_wordy(value: &str) -> bool {
    if is_of_random_case(value) {
        return false;
    }
    let (mut wordy, mut other) = (0, 0);
    for segment in value
        .split(|character: char| !character.is_ascii_alphanumeric())
        .filter(|segment| !segment.is_empty())
    {
        if is_word(segment) { wordy += segment.len() } else { other += segment.len() }
    }
    wordy > other
}

/// Letters, in words of two or more, with a few digits at the end; or digits alone.
fn is_word(segment: &str) -> bool {
    let letters = segment.trim_end_matches(|character: char| character.is_ascii_digit());
    let digits = segment.len() - letters.len();
    if letters.is_empty() {
        return digits <= 8;
    }
    digits <= 4
        && letters.bytes().all(|byte| byte.is_ascii_alphabetic())
        && (letters.len() < 16 || changes_of_case(letters) * 5 <= letters.len())
}

/// Whether its letters change their case as those of names do not: random ones every fourth time,
/// names at most every third letter in one part and hardly ever in all parts; and half of random
/// ones are capitals.
fn is_of_random_case(value: &str) -> bool {
    let count = |is: fn(&u8) -> bool| value.bytes().filter(is).count();
    let (upper, lower) = (count(u8::is_ascii_uppercase), count(u8::is_ascii_lowercase));
    let (letters, changes) = (upper + lower, changes_of_case(value));
    letters >= 12
        && (changes * 5 > letters || changes >= 2 && upper * 3 > letters && lower * 4 > letters)
}

/// How often a capital follows a small letter.
fn changes_of_case(value: &str) -> usize {
    value
        .as_bytes()
        .windows(2)
        .filter(|pair| matches!(pair, [one, other] if one.is_ascii_lowercase() && other.is_ascii_uppercase()))
        .count()
}

/// The same few characters again and again.
fn is_periodic(value: &str) -> bool {
    let mut seen = [false; 256];
    value.bytes().for_each(|byte| seen[usize::from(byte)] = true);
    seen.iter().filter(|seen| **seen).count() < 5.min(value.len())
}

/// Typed along the alphabet, the digits, or both by turns: `A1B2C3D4E5F6`.
fn is_counting(value: &str) -> bool {
    let steps = |class: fn(&u8) -> bool, last: u8, first: u8| {
        let bytes: Vec<_> =
            value.bytes().map(|byte| byte.to_ascii_lowercase()).filter(class).collect();
        let goes_on = |pair: &&[u8]| matches!(pair, [one, next] if *next == one + 1 || (*one, *next) == (last, first));
        (bytes.len().saturating_sub(1), bytes.windows(2).filter(goes_on).count())
    };
    let (letters, digits) =
        (steps(u8::is_ascii_lowercase, b'z', b'a'), steps(u8::is_ascii_digit, b'9', b'0'));
    let (all, ordered) = (letters.0 + digits.0, letters.1 + digits.1);
    all >= 8 && ordered * 5 >= all * 4
}

/// Whether something is to be put in its place: `${KEY}`, `$KEY`, `{key}`, `<key>`, `%s`.
fn is_template(value: &str) -> bool {
    let is_variable = value
        .strip_prefix('$')
        .is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
    let has = |open: &str, close: &str| {
        value.split_once(open).is_some_and(|(_, rest)| rest.contains(close))
    };
    is_variable
        || has("${", "}")
        || has("$(", ")")
        || has("{", "}")
        || has("<", ">")
        || has("#{", "}")
        || value.contains("%s")
        || value.contains('…')
}

/// `sha256-…`, `sha1:…`, `$2b$…`: what is kept so that the secret need not be.
fn is_hash_with_a_name(value: &str) -> bool {
    let lower = value.get(..8.min(value.len())).unwrap_or_default().to_ascii_lowercase();
    [
        "sha1", "sha2", "sha3", "sha5", "md5", "$2a$", "$2b$", "$2y$", "$argon2", "$6$", "$5$",
        "blake", "pbkdf2", "scrypt",
    ]
    .iter()
    .any(|name| lower.starts_with(name))
}

/// 8-4-4-4-12 hexadecimal digits (RFC 9562).
fn is_uuid(value: &str) -> bool {
    value.len() == 36
        && value.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && value.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// Shannon's entropy of the value's bytes, in bits per byte.
fn entropy(value: &str) -> f64 {
    let mut counts = [0_u32; 256];
    value.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    let length = value.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / length)
        .map(|share| -share * share.log2())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_names_and_placeholders_are_told_from_what_is_random() {
        for random in [
            "9f86d081884c7d659a2feaa0c55ad015",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzQ83mTxkW1",
            "aZ3kP9qX7vB2nM4t",
            "Xk29-dkQ0z_Plw81jQ",
        ] {
            assert!(is_random(random), "{random}");
        }
        for other in [
            "kubernetes.io/service-account-token2",
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "next_page_token_version_2",
            "getAccessTokenFromRequest3",
            "sha256-9f86d081884c7d659a2feaa0c55ad015",
            "your-key-9f86d081884c7d659a2",
            "aaaaaaaaaaaaaaaaaaaaaaaa1",
            "${SECRET_9f86d081884c7d659a2f}",
        ] {
            assert!(!is_random(other), "{other}");
        }
        for password in
            ["hunter2", "Tr0ub4dor&3", "s3cr3t-Passw0rd!", "SuperSecret123!", "pa$$w0rd9"]
        {
            assert!(is_password(password), "{password}");
        }
        for other in [
            "password1",
            "my-secret-token",
            "secret123",
            "swordfish",
            "<password1>",
            "********",
            "hello world 1",
            "$2b$12$abcdefgh",
        ] {
            assert!(!is_password(other), "{other}");
        }
    }
}
