//! Tokens of known formats: a prefix that nothing else has, and so many characters of an alphabet.

use std::ops::Range;

use super::{Finding, value};

/// A format of tokens.
pub(super) struct Format {
    /// What such a token is called.
    kind: &'static str,
    /// What it begins with, as it is written.
    pub(super) prefix: &'static str,
    alphabet: Alphabet,
    /// How many characters come after the prefix, at least and at most.
    length: (usize, usize),
}

/// The characters that a token is made of.
#[derive(Clone, Copy)]
enum Alphabet {
    /// `A-Z` and `0-9`.
    Upper,
    /// `0-9` and `a-f`.
    Hexadecimal,
    /// Letters and digits.
    Alphanumeric,
    /// Letters, digits, `-` and `_`, as in base64 for addresses.
    Address,
    /// The same with `.`, and with what else base64 has.
    Dotted,
}

/// Longer tokens than this are only looked at so far.
const LONGEST: usize = 512;

use Alphabet::{Address, Alphanumeric, Dotted, Hexadecimal, Upper};

/// The formats. Each is what its issuer's public documentation says, which is named in front of it; lengths are a little wider where it says that they may change.
pub(super) const FORMATS: [Format; 71] = [
    // AWS, "IAM identifiers": unique identifier prefixes.
    format("AWS access key", "AKIA", Upper, (16, 16)),
    format("AWS access key", "ASIA", Upper, (16, 16)),
    format("AWS access key", "ABIA", Upper, (16, 16)),
    format("Amazon Bedrock key", "ABSK", Dotted, (40, 400)),
    // GitHub, "Behind GitHub's new authentication token formats", and "About authentication to GitHub".
    format("GitHub token", "ghp_", Alphanumeric, (36, 251)),
    format("GitHub token", "gho_", Alphanumeric, (36, 251)),
    format("GitHub token", "ghu_", Alphanumeric, (36, 251)),
    format("GitHub token", "ghs_", Dotted, (36, LONGEST)),
    format("GitHub token", "ghr_", Alphanumeric, (36, 251)),
    format("GitHub token", "github_pat_", Address, (60, 244)),
    // GitLab, "Token overview": token prefixes.
    format("GitLab token", "glpat-", Dotted, (20, 300)),
    format("GitLab token", "gldt-", Dotted, (20, 300)),
    format("GitLab token", "glrt-", Dotted, (20, 300)),
    format("GitLab token", "glcbt-", Dotted, (20, 300)),
    format("GitLab token", "glptt-", Dotted, (20, 300)),
    format("GitLab token", "glsoat-", Dotted, (20, 300)),
    format("GitLab token", "glagent-", Dotted, (20, 300)),
    format("GitLab token", "gloas-", Dotted, (20, 300)),
    // Slack, "Tokens", and "Sending messages using incoming webhooks".
    format("Slack token", "xoxb-", Address, (20, 250)),
    format("Slack token", "xoxp-", Address, (20, 250)),
    format("Slack token", "xoxa-", Address, (20, 250)),
    format("Slack token", "xoxr-", Address, (20, 250)),
    format("Slack token", "xoxs-", Address, (20, 250)),
    format("Slack token", "xoxe.", Dotted, (20, 250)),
    format("Slack token", "xoxe-", Address, (20, 250)),
    format("Slack token", "xapp-", Address, (20, 250)),
    format("Slack webhook", "hooks.slack.com/services/", Dotted, (30, 120)),
    // Discord, "Webhook resource": execute webhook.
    format("Discord webhook", "discord.com/api/webhooks/", Dotted, (60, 140)),
    format("Discord webhook", "discordapp.com/api/webhooks/", Dotted, (60, 140)),
    // Stripe, "API keys", and "Webhook signing secrets".
    format("Stripe key", "sk_live_", Alphanumeric, (16, 247)),
    format("Stripe key", "rk_live_", Alphanumeric, (16, 247)),
    format("Stripe key", "sk_test_", Alphanumeric, (16, 247)),
    format("Stripe key", "rk_test_", Alphanumeric, (16, 247)),
    format("Stripe webhook secret", "whsec_", Dotted, (24, 247)),
    // OpenAI, "API keys" (`sk-`, `sk-proj-`, `sk-svcacct-`, `sk-admin-`); Anthropic, DeepSeek and OpenRouter begin alike.
    format("API key", "sk-", Address, (20, 300)),
    // Google Cloud, "API keys" and "OAuth 2.0": access tokens and client secrets.
    format("Google API key", "AIza", Address, (35, 35)),
    format("Google client secret", "GOCSPX-", Address, (28, 28)),
    format("Google access token", "ya29.", Dotted, (40, LONGEST)),
    // npm, "Introducing npm's new access token format" (GitHub's blog); PyPI, "API tokens"; RubyGems, "API keys"; Docker, "Access tokens".
    format("npm token", "npm_", Alphanumeric, (36, 36)),
    format("PyPI token", "pypi-AgEI", Address, (50, LONGEST)),
    format("RubyGems key", "rubygems_", Hexadecimal, (48, 48)),
    format("Docker token", "dckr_pat_", Address, (27, 27)),
    // crates.io, source of its token module: prefix and length.
    format("crates.io token", "cio", Alphanumeric, (32, 32)),
    // Hugging Face, "User access tokens"; Groq, xAI, Perplexity and Replicate, each "API keys".
    format("Hugging Face token", "hf_", Alphanumeric, (34, 40)),
    format("Groq key", "gsk_", Alphanumeric, (40, 80)),
    format("xAI key", "xai-", Alphanumeric, (60, 100)),
    format("Perplexity key", "pplx-", Alphanumeric, (40, 64)),
    format("Replicate token", "r8_", Alphanumeric, (37, 37)),
    // SendGrid, "API keys"; Mailgun, "API key"; Twilio, "API keys".
    format("SendGrid key", "SG.", Dotted, (66, 66)),
    format("Mailgun key", "key-", Hexadecimal, (32, 32)),
    // Square, "Access tokens"; Shopify, "Access tokens for custom apps".
    format("Square token", "sq0atp-", Address, (22, 60)),
    format("Square secret", "sq0csp-", Address, (40, 60)),
    format("Shopify token", "shpat_", Hexadecimal, (32, 32)),
    format("Shopify secret", "shpss_", Hexadecimal, (32, 32)),
    // DigitalOcean, "Introducing new token formats"; Linear, "API keys"; Notion, "Authorization"; Figma, "Access tokens".
    format("DigitalOcean token", "dop_v1_", Hexadecimal, (64, 64)),
    format("DigitalOcean token", "doo_v1_", Hexadecimal, (64, 64)),
    format("Linear key", "lin_api_", Alphanumeric, (32, 64)),
    format("Notion token", "ntn_", Alphanumeric, (40, 60)),
    format("Figma token", "figd_", Address, (40, 60)),
    // Atlassian, "Manage API tokens"; Databricks, "Personal access tokens"; Grafana, "Service account tokens"; New Relic, "API keys".
    format("Atlassian token", "ATATT3", Dotted, (100, LONGEST)),
    format("Databricks token", "dapi", Hexadecimal, (32, 34)),
    format("Grafana token", "glsa_", Address, (41, 41)),
    format("New Relic key", "NRAK-", Upper, (27, 27)),
    // HashiCorp Vault, "Tokens": token prefixes; Tailscale, "Key prefixes"; Doppler, "Token formats"; Pulumi, "Access tokens".
    format("Vault token", "hvs.", Address, (24, 250)),
    format("Vault token", "hvb.", Address, (100, LONGEST)),
    format("Tailscale key", "tskey-", Address, (20, 100)),
    format("Doppler token", "dp.pt.", Alphanumeric, (40, 44)),
    format("Pulumi token", "pul-", Hexadecimal, (40, 40)),
    // age, "age(1)": identities (Bech32, so upper case throughout).
    format("age key", "AGE-SECRET-KEY-1", Upper, (58, 58)),
    // Postman, "API keys"; Supabase, "Access tokens".
    format("Postman key", "PMAK-", Address, (59, 59)),
    format("Supabase token", "sbp_", Hexadecimal, (40, 40)),
];

/// What a JSON Web Token (RFC 7519) begins with: `{"` in base64.
pub(super) const WEB_TOKEN_ANCHORS: [&str; 1] = ["eyJ"];

/// What comes between the two parts of a bot's token in Telegram's "Bot API": its id is digits, and the rest begins with `AA`.
pub(super) const BOT_TOKEN_ANCHORS: [&str; 1] = [":AA"];

/// The longest part of a JSON Web Token that is looked at, in bytes.
const LONGEST_PART: usize = 16 << 10;

const fn format(kind: &'static str, prefix: &'static str, alphabet: Alphabet, length: (usize, usize)) -> Format {
    Format { kind, prefix, alphabet, length }
}

impl Format {
    /// Adds the token of this format whose prefix is at the anchor.
    pub(super) fn look(&self, text: &str, anchor: Range<usize>, found: &mut Vec<Finding>) {
        // Anchors are found in either case, and the start of a word is no token.
        if text.get(anchor.clone()) != Some(self.prefix) || !is_start(text, anchor.start) {
            return;
        }
        let run = run(text, anchor.end, LONGEST + 1, |byte| self.alphabet.has(byte));
        // A full stop, as other signs, may end a sentence.
        let length = run.trim_end_matches(['.', '-', '=', '/', '+']).len();
        let Some(body) = text.get(anchor.end..anchor.end + length) else { return };
        let (least, most) = self.length;
        if (least..=most).contains(&length) && is_made_up_by_a_machine(body, self.alphabet) {
            found.push(Finding { range: anchor.start..anchor.end + length, kind: self.kind });
        }
    }
}

impl Alphabet {
    fn has(self, byte: u8) -> bool {
        match self {
            Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Hexadecimal => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
            Alphanumeric => byte.is_ascii_alphanumeric(),
            Address => byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_',
            Dotted => byte.is_ascii_alphanumeric() || b"-_.+/=".contains(&byte),
        }
    }
}

/// Adds the JSON Web Token that begins at the anchor: three parts in base64, of which the last, the signature, may be missing.
pub(super) fn look_for_web_token(text: &str, anchor: Range<usize>, found: &mut Vec<Finding>) {
    if text.get(anchor.clone()) != Some("eyJ") || !is_start(text, anchor.start) {
        return;
    }
    let byte = |at: usize| text.as_bytes().get(at).copied();
    let is_inside = anchor.start.checked_sub(1).and_then(byte) == Some(b'-');
    let part = |at: usize, most: usize| run(text, at, most, |byte| Address.has(byte));
    let header = part(anchor.start, LONGEST);
    let claims_at = anchor.start + header.len() + 1;
    if is_inside || header.len() < 12 || !text.get(claims_at - 1..).is_some_and(|rest| rest.starts_with(".eyJ")) {
        return;
    }
    let claims = part(claims_at, LONGEST_PART);
    if claims.len() < 12 {
        return;
    }
    let mut end = claims_at + claims.len();
    if byte(end) == Some(b'.') {
        end += 1 + part(end + 1, LONGEST_PART).len();
    }
    found.push(Finding { range: anchor.start..end, kind: "JSON Web Token" });
}

/// Adds the token of a Telegram bot that the anchor is in.
pub(super) fn look_for_bot_token(text: &str, anchor: Range<usize>, found: &mut Vec<Finding>) {
    let digits = text.as_bytes()[..anchor.start].iter().rev().take(12).take_while(|byte| byte.is_ascii_digit()).count();
    let rest = run(text, anchor.end, 64, |byte| Address.has(byte));
    // In an address, `bot` comes before it.
    if (8..=10).contains(&digits) && (32..=34).contains(&rest.len()) && text.get(anchor.clone()) == Some(":AA") {
        found.push(Finding { range: anchor.start - digits..anchor.end + rest.len(), kind: "Telegram bot token" });
    }
}

/// Whether a word can begin here: after anything but a letter or a digit, or after an escape such as `\n` and `%3D`.
fn is_start(text: &str, at: usize) -> bool {
    let before = |distance: usize| at.checked_sub(distance).and_then(|place| text.as_bytes().get(place)).copied();
    let Some(last) = before(1) else { return true };
    let is_escape = b"nrt".contains(&last) && before(2) == Some(b'\\');
    let is_percent = last.is_ascii_hexdigit() && before(2).is_some_and(|byte| byte.is_ascii_hexdigit()) && before(3) == Some(b'%');
    !(last.is_ascii_alphanumeric() || last == b'_') || is_escape || is_percent
}

/// The bytes from a place on that are of an alphabet, at most `most`.
fn run(text: &str, at: usize, most: usize, is_in: impl Fn(u8) -> bool) -> &str {
    let length = text.as_bytes().get(at..).unwrap_or_default().iter().take(most).take_while(|byte| is_in(**byte)).count();
    text.get(at..at + length).unwrap_or_default()
}

/// Whether it is no placeholder and not made of words, as the names of variables and of styles are. A prefix and a length that fit are much already.
fn is_made_up_by_a_machine(body: &str, alphabet: Alphabet) -> bool {
    let has_digit = body.bytes().any(|byte| byte.is_ascii_digit());
    let has_both_cases = body.bytes().any(|byte| byte.is_ascii_uppercase()) && body.bytes().any(|byte| byte.is_ascii_lowercase());
    let is_mixed = match alphabet {
        Upper | Hexadecimal => true,
        Alphanumeric | Address | Dotted => has_digit || has_both_cases,
    };
    let lower = body.to_ascii_lowercase();
    let is_placeholder = ["xxxx", "....", "----", "0000000000", "your", "placeholder", "redacted"].iter().any(|word| lower.contains(word));
    is_mixed && !is_placeholder && !(matches!(alphabet, Address | Dotted) && value::is_wordy(body))
}
