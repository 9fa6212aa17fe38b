//! What is found, what is not, and that nothing takes long.

mod formats;
mod places;

use std::{sync::LazyLock, time::Instant};

use super::*;

/// Letters and digits.
static ALPHANUMERIC: LazyLock<Vec<char>> =
    LazyLock::new(|| ('0'..='z').filter(char::is_ascii_alphanumeric).collect());
static HEXADECIMAL: LazyLock<Vec<char>> = LazyLock::new(|| "0123456789abcdef".chars().collect());

/// Numbers that look random and are the same each time (xorshift64), so that no sample has to stand
/// here.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }

    /// A text of an alphabet, with a digit and a letter where it has them.
    fn text(&mut self, alphabet: &[char], length: usize) -> String {
        loop {
            let text: String = (0..length).map(|_| alphabet[self.below(alphabet.len())]).collect();
            if length < 6 || text.contains(|character: char| character.is_ascii_digit()) {
                return text;
            }
        }
    }
}

fn secrets() -> Secrets {
    static SECRETS: LazyLock<Secrets> = LazyLock::new(|| Secrets::new().unwrap());
    SECRETS.clone()
}

fn redacted(text: &str) -> String {
    secrets().redact(text).into_owned()
}

/// A text that no scanner of this file's own sources takes for a token.
fn joined(parts: &[&str]) -> String {
    parts.concat()
}

#[test]
fn tokens_of_known_formats_are_found_wherever_they_stand() {
    for (kind, token) in [
        ("AWS access key", joined(&["AK", "IAQ3EGRVT2WJ5HZLKN"])),
        ("GitHub token", joined(&["gh", "p_R4nd0mR4nd0mR4nd0mR4nd0mR4nd0mR4nd0m"])),
        ("GitLab token", joined(&["glpat", "-q8Zt3LkP0sVn7WxYb2Rd"])),
        ("Slack token", joined(&["xox", "b-263594206564-q8Zt3LkP0sVn7WxYb2Rd"])),
        ("API key", joined(&["sk", "-proj-q8Zt3LkP0sVn7WxYb2Rdq8Zt3LkP0sVn7WxYb2Rd"])),
        ("Stripe key", joined(&["sk_", "live_q8Zt3LkP0sVn7WxYb2Rd"])),
        ("Google API key", joined(&["AI", "zaSyq8Zt3LkP0sVn7WxYb2Rdq8Zt3LkP0sVn7"])),
        ("Telegram bot token", joined(&["110201543", ":AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"])),
        (
            "JSON Web Token",
            joined(&[
                "ey",
                "JhbGciOiJIUzI1NiJ9.ey",
                "JzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
            ]),
        ),
    ] {
        let shown = format!("[redacted: {kind}]");
        assert_eq!(redacted(&token), shown, "{token}");
        assert_eq!(
            redacted(&format!("{{\"log\":\"a\\n{token}\\n\"}}")),
            format!("{{\"log\":\"a\\n{shown}\\n\"}}")
        );
        assert_eq!(redacted(&format!("é ({token}). next")), format!("é ({shown}). next"));
        let coloured = format!("\u{1b}[1;31m{token}\u{1b}[0m \u{1b}[32mpassed");
        let shown = coloured.replace(&token, &shown);
        assert_eq!(redacted(&coloured), shown);
        // In the middle of a word it is something else.
        assert!(kind == "Telegram bot token" || redacted(&format!("x{token}")).starts_with('x'));
    }
}

#[test]
fn private_keys_are_taken_out_line_by_line() {
    let body = "MIIEpAIBAAKCAQEA04up8hoqzS1+APIB0RhjXyObwHQnOzhAk5Bd7mhkSbPkyhP1";
    let pem = format!(
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n{body}\n{body}\naGVsbG8=\n-----END RSA PRIVATE KEY-----\nafter\n"
    );
    let shown = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n[redacted: private key]\n[redacted: private key]\n[redacted: private key]\n-----END RSA PRIVATE KEY-----\nafter\n";
    assert_eq!(redacted(&pem), shown);
    let quoted = pem.lines().map(|line| format!("+    {line}\n")).collect::<String>();
    assert_eq!(
        redacted(&quoted),
        shown.lines().map(|line| format!("+    {line}\n")).collect::<String>()
    );
    let one_line = format!(
        "key = \"-----BEGIN PRIVATE KEY-----\\n{body}\\n{body}\\n-----END PRIVATE KEY-----\\n\""
    );
    assert_eq!(
        redacted(&one_line),
        "key = \"-----BEGIN PRIVATE KEY-----\\n[redacted: private key]\\n[redacted: private key]\\n-----END PRIVATE KEY-----\\n\""
    );
    let flat = format!(
        "-----BEGIN OPENSSH PRIVATE KEY----- {body} {body} -----END OPENSSH PRIVATE KEY-----"
    );
    assert_eq!(
        redacted(&flat),
        "-----BEGIN OPENSSH PRIVATE KEY----- [redacted: private key] -----END OPENSSH PRIVATE KEY-----"
    );
    // Cut off, as the end of a log may be.
    assert_eq!(
        redacted(&format!("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{body}\n{}", &body[..20]))
            .matches("[redacted")
            .count(),
        2
    );
    for harmless in [
        "-----BEGIN CERTIFICATE-----\nMIIEpAIBAAKCAQEA04up8hoqzS1MIIEpAIBAAKCAQEA04up8hoqzS1\n",
        "a line that starts with -----BEGIN PRIVATE KEY----- is a key\n",
    ] {
        assert_eq!(redacted(harmless), harmless);
    }
}

#[test]
fn assignments_headers_and_addresses_lose_their_value_and_keep_their_name() {
    for (text, shown) in [
        ("DB_PASSWORD=hunter2", "DB_PASSWORD=[redacted: password]"),
        ("db:\n  password: hunter2\n", "db:\n  password: [redacted: password]\n"),
        (
            "login?user=ada&password=Tr0ub4dor3&next=%2F",
            "login?user=ada&password=[redacted: password]&next=%2F",
        ),
        ("DB_PASSWORD=Tr0ub4dor&3", "DB_PASSWORD=[redacted: password]"),
        ("password: 'Tr0ub4dor&3'", "password: '[redacted: password]'"),
        ("\"password\": \"s3cr3t-Passw0rd!\",", "\"password\": \"[redacted: password]\","),
        (
            "{\\\"dbPassword\\\":\\\"Tr0ub4dor&3\\\"}",
            "{\\\"dbPassword\\\":\\\"[redacted: password]\\\"}",
        ),
        (
            "const PASSWORD: &'static str = \"Tr0ub4dor&3\";",
            "const PASSWORD: &'static str = \"[redacted: password]\";",
        ),
        (
            "aws_secret_access_key = q8Zt3LkP0sVn7WxYb2Rdq8Zt3LkP0sVn7WxYb2Rd",
            "aws_secret_access_key = [redacted: secret]",
        ),
        (
            "let token = String::from(\"q8Zt3LkP0sVn7WxYb2Rd\");",
            "let token = String::from(\"[redacted: key or token]\");",
        ),
        (
            "run --api-key q8Zt3LkP0sVn7WxYb2Rd --fast",
            "run --api-key [redacted: key or token] --fast",
        ),
        ("+  clientSecret: \"q8Zt3LkP0sVn7WxYb2Rd\"", "+  clientSecret: \"[redacted: secret]\""),
        ("<password>Tr0ub4dor3</password>", "<password>[redacted: password]</password>"),
        (
            "Authorization: Bearer q8Zt3LkP0sVn7WxYb2Rd",
            "Authorization: Bearer [redacted: bearer token]",
        ),
        (
            "authorization: basic YWRhOmh1bnRlcjI=",
            "authorization: basic [redacted: basic credentials]",
        ),
        (
            "postgres://ada:hunter2@db.home:5432/x",
            "postgres://ada:[redacted: password in an address]@db.home:5432/x",
        ),
        (
            "Server=db;User Id=ada;Password=Tr0ub4dor3;Port=1",
            "Server=db;User Id=ada;Password=[redacted: password];Port=1",
        ),
        (
            "AccountKey=q8Zt3LkP0sVn7WxYb2Rd/3LkP0sVn7W==;Endpoint",
            "AccountKey=[redacted: key or token];Endpoint",
        ),
    ] {
        assert_eq!(redacted(text), shown, "{text}");
        assert_eq!(redacted(shown), shown, "once is enough");
    }
}

#[test]
fn programs_placeholders_and_hashes_stay_as_they_are() {
    for text in [
        "let token = self.next_token();",
        "password: String,",
        "password = \"secret\"",
        "password = \"password123\"",
        "api_key = \"YOUR_API_KEY_12345678\"",
        "api_key = \"${OPENAI_API_KEY}\"",
        "password = os.environ[\"DB_PASSWORD2\"]",
        "if token == Token::Ident2 {",
        "token: r#\"abc\"#,",
        "#token_file = \"dashboard.token\"",
        "api_key_file = \"~/.config/pi-mainteno/key2\"",
        "password_hash = \"9f86d081884c7d659a2feaa0c55ad015\"",
        "\"nextPageToken\": \"q8Zt3LkP0sVn7WxYb2Rd\"",
        "checksum = \"9f86d081884c7d659a2feaa0c55ad0159f86d081884c7d659a2feaa0c55ad015\"",
        "index 9f86d08..84c7d65 100644",
        "token = \"f81d4fae-7dec-11d0-a765-00a0c91e6bf6\"",
        "https://user:password@example.com/",
        "https://{user}:{password}@host/",
        "http://localhost:8080/a@b:c",
        "class=\"sk-folding-cube sk-cube-parent-element-number1\"",
        "Bearer authentication is used",
        "Basic authentication",
        "sk-...",
        "socks5h://<username>:<password>@proxy-host1",
        "let password = read_password2(&mut input);",
        "    password: field1,",
        "access_key: A1B2C3D4E5F6G7H8I9J0",
        "mac_key: abcdefghijklmnopqrstuvwx-abcdefghijklnopqrstuvwxyz12ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefgh",
    ] {
        assert_eq!(redacted(text), text);
        assert!(matches!(secrets().redact(text), Cow::Borrowed(_)));
    }
}

#[test]
fn a_known_value_is_taken_out_in_whatever_shape() {
    let secrets = Secrets::new().unwrap();
    secrets.learn("rosebud/\"37").unwrap();
    secrets.learn("short").unwrap();
    // The encoded ones are what `base64`, `xxd` and `jq` make of the value.
    for text in [
        "rosebud/\"37",
        "a=rosebud%2F%2237&b",
        "{\\\"k\\\":\\\"rosebud/\\\"37\\\"}",
        "726f73656275642f223337",
        "cm9zZWJ1ZC8iMzc=",
        "YTpyb3NlYnVkLyIzNw==",
    ] {
        let shown = secrets.redact(text);
        assert!(shown.contains("[redacted: configured secret]"), "{text}: {shown}");
    }
    assert_eq!(secrets.redact("a short text about rosebuds"), "a short text about rosebuds");
    assert_eq!(
        secrets.clone().redact("rosebud/\"37"),
        "[redacted: configured secret]",
        "clones share what they learned"
    );
}

#[test]
fn a_word_that_stands_in_for_a_key_is_left_in_sentences() {
    let secrets = Secrets::new().unwrap();
    let plain = [
        "ollama",
        "EMPTY",
        "lm-studio",
        "sk-no-key-required",
        "not-needed",
        "localhost",
        "dummy-key",
        "changeme",
        "your-api-key-here",
        "xxxxxxxx",
        "12345678",
        "Password",
        "llama.cpp",
    ];
    for value in plain {
        secrets.learn(value).unwrap();
        let text = format!("docs: say that {value} is for a server of one's own");
        assert_eq!(secrets.redact(&text), text);
    }
    for value in
        ["rosebud37", "k7Qm-Zp2x", "correct horse battery", "xkqzvbnmwrtpl", "170520260412"]
    {
        secrets.learn(value).unwrap();
        let text = format!("log in with {value} now");
        assert_eq!(
            secrets.redact(&text),
            "log in with [redacted: configured secret] now",
            "{value}"
        );
    }
}

#[test]
fn what_a_diff_adds_is_named_with_file_and_line_and_what_it_moves_is_not() {
    let key = joined(&["gh", "p_R4nd0mR4nd0mR4nd0mR4nd0mR4nd0mR4nd0m"]);
    let diff = format!(
        "diff --git a/a.env b/a.env\nindex 1..2 100644\n--- a/a.env\n+++ b/a.env\n@@ -1,3 +1,2 @@\n OLD_PASSWORD=Tr0ub4dor1\n-MOVED_PASSWORD=Tr0ub4dor2\n-GONE=1\n+GONE=2\n\
         diff --git a/b.env b/b.env\n--- a/b.env\n+++ b/b.env\n@@ -10 +10,3 @@ head\n one\n+MOVED_PASSWORD=Tr0ub4dor2\n+++ TOKEN={key}\n"
    );
    let added = secrets().added_in(&diff);
    assert_eq!(
        added.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["GitHub token in `b.env`, line 12"]
    );
    let body = "MIIEpAIBAAKCAQEA04up8hoqzS1+APIB0RhjXyObwHQnOzhAk5Bd7mhkSbPkyhP1";
    let pem = format!(
        "+++ b/k\n@@ -0,0 +1,4 @@\n+-----BEGIN PRIVATE KEY-----\n+{body}\n+{body}\n+-----END PRIVATE KEY-----\n"
    );
    assert_eq!(secrets().added_in(&pem).len(), 1);
    // The key's lines are there already; only a line around it is new.
    let known =
        format!("+++ b/k\n@@ -1,2 +1,3 @@\n -----BEGIN PRIVATE KEY-----\n {body}\n+done!\n");
    assert_eq!(secrets().added_in(&known), []);
    let mark = "+++ b/k\n@@ -1,2 +1,2 @@\n-# hm\n+# him\n PASSWORD=[redacted: password]\n";
    assert_eq!(secrets().concern(mark), None);
    let concern = secrets().concern(&mark.replace(" PASS", "+PASS")).unwrap();
    assert_eq!(concern, "it writes `[redacted: …]` where a secret was, in `k`, line 2");
}

#[test]
fn time_grows_with_the_length_alone_whoever_wrote_the_text() {
    let secrets = Secrets::new().unwrap();
    secrets.learn("rosebud37").unwrap();
    let hostile = [
        "sk-",
        "eyJ",
        "eyJ.",
        "eyJ-",
        "eyJ-x.",
        "eyJhbGciOiJIUzI1NiJ9.",
        "-----BEGIN PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----",
        "password=",
        "password",
        "password='",
        "a://",
        "a://b:",
        "://a:b@",
        "bearer ",
        "basic YWRh",
        "token: a:b:c ",
        "\"",
        "AKIA",
        ":AA",
        "rosebud3",
        "é",
        "MIIEpAIBAAKCAQEA04up8hoq\n",
        "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0t/",
        "kind: Secret\n",
        "kind: Secret\ndata:\n  a: aGVsbG8gd29ybGQ=\n",
        "machine a login b password c ",
        ":*:",
        "$6$",
        " -u a:b",
        " -p",
        "curl -u",
        "otpauth://secret=A",
        "key=",
        "key='",
        "key\", \"",
        "\"auth\":\"YWRh",
        "Private-Lines: 99\nAAAA\n",
        "mnemonic: abc ",
        "aaaaQ~",
        "&sig=",
        "ghp_\" + \"",
        "ghp_a\\\n",
        "s.",
        "secret=\"a\" + \"",
        "1234567890123456|",
        "a",
    ];
    for piece in hostile {
        let text = piece.repeat((32 << 10) / piece.len());
        let start = Instant::now();
        drop(secrets.find(&text));
        // Unoptimised and on a busy machine; what grows with the square would take minutes.
        assert!(start.elapsed().as_secs() < 5, "{piece}: {:?}", start.elapsed());
    }
}
