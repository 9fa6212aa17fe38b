//! What whole files mean.

mod bad;
mod reference;

use std::path::Path;

use super::*;
use crate::error::{ErrorKind, Result};

/// What the text means as a file in `/etc/pm`, with `USER` as the only variable.
fn parse(text: &str, name: &str) -> Result<Loaded> {
    let variable = |name: &str| (name == "USER").then(|| "ada".to_owned());
    Config::parse(text, &Path::new("/etc/pm").join(name), variable, Some(Path::new("/home/ada")))
}

fn toml(text: &str) -> Loaded {
    parse(text, "PiMainteno.toml").unwrap()
}

#[test]
fn an_empty_file_means_the_defaults() {
    assert_eq!(toml("").config, Config::default());
    assert_eq!(parse("{}", "a.json").unwrap().config, Config::default());
}

#[test]
fn toml_and_json_mean_the_same() {
    let toml = toml(
        r#"
        [llm]
        timeout = "1h 30m"
        budget.calls_per_day = 0x10
        [[project]]
        path = "/srv/${USER}/blog"
        mode = "dry-run"
        steps = ["verify", { name = "lint", command = "make $TARGET $${X}" }]
        restart = { command = "true" }
        health.http = "http://localhost/"
        [[plugin]]
        name = "p"
        path = "p.so"
        config = { list = [1, 2.5, true], table.text = "x" }
        "#,
    );
    let json = parse(
        r#"{
            "llm": { "timeout": "1h 30m", "budget": { "calls_per_day": 16 } },
            "project": [{
                "path": "/srv/${USER}/blog",
                "mode": "dry-run",
                "steps": ["verify", { "name": "lint", "command": "make $TARGET $${X}" }],
                "restart": { "command": "true" },
                "health": { "http": "http:\/\/localhost\u002f" }
            }],
            "plugin": [{ "name": "p", "path": "p.so", "config": { "list": [1, 2.5, true], "table": { "text": "x" } } }]
        }"#,
        "PiMainteno.json",
    );
    assert_eq!(toml.config, json.unwrap().config);
    let project = &toml.config.projects()[0];
    let lint = CommandStepConfig::new("lint", "make $TARGET ${X}");
    assert_eq!(project.steps, [StepConfig::Named("verify".into()), StepConfig::Command(lint)]);
    assert_eq!((project.path.as_path(), project.mode), (Path::new("/srv/ada/blog"), Mode::DryRun));
    assert_eq!(
        (project.restart.clone(), project.llm.timeout),
        (RestartConfig::Command("true".into()), Duration::from_secs(5400))
    );
}

#[test]
fn what_nobody_answers_is_told_in_days_and_words() {
    let project = |text: &str| parse(&format!("[[project]]\npath = \"a\"\n{text}"), "a.toml");
    let told = project("approval_expires = \"2d 12h\"\non_silence = \"remind\"")
        .unwrap()
        .config
        .projects()
        .remove(0);
    assert_eq!(
        (told.approval_expires, told.on_silence),
        (Duration::from_secs(60 * 3600), OnSilence::Remind)
    );
    let silent = project("").unwrap().config.projects().remove(0);
    assert_eq!(
        (silent.approval_expires, silent.on_silence),
        (Duration::from_secs(7 * 24 * 3600), OnSilence::Expire)
    );
    // Silence is no consent.
    let error =
        project("approval_expires = \"0s\"\non_silence = \"apply\"").unwrap_err().to_string();
    assert!(
        error.contains("`project[0].approval_expires`: nothing can be done in no time"),
        "{error}"
    );
    assert!(
        error.contains(
            "`project[0].on_silence`: expected one of `expire`, `remind`, `keep`, found `apply`"
        ),
        "{error}"
    );
}

#[test]
fn every_relative_path_starts_at_the_directory_of_the_file() {
    let config = toml(
        r#"
        llm.api_key_file = "a"
        cache.path = "./b"
        scheduler.projects = ["c", "~/d"]
        web = { token_file = "e", socket = "f" }
        plugin = [{ name = "p", path = "g" }]
        project = [{ path = "h/./i", policy = "j", sandbox_read = ["l"], sandbox_write = ["m"], llm = { api_key_file = "k" } }]
        "#,
    );
    let text = format!("{:?}", config.config);
    let paths: Vec<_> = text.split('"').filter(|part| part.starts_with('/')).collect();
    assert_eq!(
        paths,
        [
            "/etc/pm/a",
            "/etc/pm/b",
            "/etc/pm/c",
            "/home/ada/d",
            "/etc/pm/h/i",
            "/etc/pm/j",
            "/etc/pm/l",
            "/etc/pm/m",
            "/etc/pm/k",
            "/etc/pm/e",
            "/etc/pm/f",
            "/etc/pm/g"
        ]
    );
}

#[test]
fn a_path_through_a_parent_directory_gives_the_project_its_directorys_name() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(directory.path().join("blog/config")).unwrap();
    let path = directory.path().join("blog/config/PiMainteno.toml");
    std::fs::write(&path, "scheduler.projects = ['..']").unwrap();
    let projects = Config::load(&path, |_| None, None).unwrap().config.projects();
    assert_eq!(
        (projects[0].id.as_str(), &projects[0].path),
        ("blog", &directory.path().join("blog").canonicalize().unwrap())
    );
}

#[test]
fn a_key_that_has_no_effect_yet_is_noticed_where_it_stands() {
    let loaded = toml("web.port = 80\nplugin = [{ name = 'p', path = '/p' }]\n");
    assert_eq!(
        loaded.notices,
        [
            "/etc/pm/PiMainteno.toml:1:5: `web.port` has no effect yet; it is meant for the dashboard",
            "/etc/pm/PiMainteno.toml:2:1: `plugin` has no effect yet; it is meant for backends from shared libraries",
        ]
    );
    assert_eq!(toml("systemd_monitor.bus = 'user'\nweb.socket = 's'").notices, [""; 0]);
}

#[test]
fn automatic_delivery_without_checks_is_noticed() {
    let loaded = toml(
        "[[project]]\npath = '/a'\nverify = ['true']\nmode = 'auto'\n[[project]]\npath = '/b'\nmode = 'auto'",
    );
    assert_eq!(
        loaded.notices,
        [
            "/etc/pm/PiMainteno.toml:7:1: `mode = \"auto\"` without `verify`: nothing checks a change, so each is held for review"
        ]
    );
}

#[test]
fn money_that_nobody_counts_is_noticed() {
    let paid = "[[project]]\npath = '/a'\n";
    let money = "[llm.budget]\ncalls_per_day = 5\nmoney_per_day = 2\nmoney_per_run = 1\n";
    let notice = |line: u32, key: &str| {
        format!(
            "/etc/pm/PiMainteno.toml:{line}:1: `{key}` counts only what `codex` itself tells about money: `[llm.prices]` has no price for it"
        )
    };
    assert_eq!(toml(&format!("{money}{paid}")).notices, [notice(3, "money_per_day")]);
    assert_eq!(toml(money).notices, [notice(3, "money_per_day")]);
    assert_eq!(
        toml(&format!("{paid}[project.llm.budget]\nmoney_per_run = 1")).notices,
        [notice(4, "money_per_run")]
    );
    let of = |name: &str| format!("{money}[llm.prices.{name}]\ninput = 1\noutput = 2\n{paid}");
    assert_eq!(toml(&of("other")).notices, [notice(3, "money_per_day")]);
    // The price of the model, of the provider, and what is free.
    for text in [
        of("codex"),
        format!("{}[project.llm]\nmodel = 'x'", of("x")),
        format!("{money}{paid}llm.provider = 'offline'"),
    ] {
        assert_eq!(toml(&text).notices, [""; 0], "{text}");
    }
}

#[test]
fn a_project_has_a_day_of_its_own_and_shares_what_holds_for_a_run() {
    let text = r#"
        [llm.budget]
        calls_per_day = 50
        tokens_per_day = 9000
        calls_per_run = 12
        tokens_per_run = 100
        [llm.prices.codex]
        input = 1.25
        output = 10
        [[project]]
        path = "/a"
        [project.llm]
        provider = "other"
        [project.llm.budget]
        calls_per_day = 20
        repair_reserve = 4
        calls_per_run = 6
        [[project]]
        path = "/b"
    "#;
    let config = toml(text).config;
    let projects = config.projects();
    let figures = |budget: &BudgetConfig| {
        (
            budget.calls_per_day,
            budget.tokens_per_day,
            budget.repair_reserve,
            budget.calls_per_run,
            budget.tokens_per_run,
        )
    };
    assert_eq!(figures(&config.llm.budget), (Some(50), Some(9000), None, Some(12), Some(100)));
    assert_eq!(figures(&projects[0].llm.budget), (Some(20), None, Some(4), Some(6), Some(100)));
    assert_eq!(figures(&projects[1].llm.budget), (None, None, None, Some(12), Some(100)));
    assert_eq!(
        (projects[0].llm.price(), projects[1].llm.price().map(|price| price.output.micros)),
        (None, Some(10_000_000))
    );
}

#[test]
fn an_empty_address_goes_back_to_the_providers_own_and_an_odd_directory_names_a_unit() {
    let text = r#"
        llm.base_url = "http://pi:8080/v1"
        [[project]]
        path = "/a"
        [[project]]
        path = "/the b"
        [project.llm]
        base_url = ""
    "#;
    let projects = toml(text).config.projects();
    let of = |project: &Project| {
        let address = project.llm.base_url.as_ref().map(|address| address.as_str().to_owned());
        (address, project.units[0].to_string())
    };
    assert_eq!(of(&projects[0]), (Some("http://pi:8080/v1".to_owned()), "a.service".to_owned()));
    assert_eq!(of(&projects[1]), (None, "the-b.service".to_owned()));
}

#[test]
fn a_key_is_read_from_its_file_and_noticed_if_everybody_can_read_it() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let (path, key) = (directory.path().join("c.toml"), directory.path().join("key"));
    std::fs::write(&path, "llm.api_key_file = 'key'").unwrap();
    std::fs::write(&key, "sk-1\n").unwrap();
    let load = |mode| {
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
        Config::load(&path, |_| None, None).unwrap()
    };
    assert_eq!(load(0o640).notices, [""; 0]);
    let loaded = load(0o604);
    let expected = "{path}:1:5: everybody on this machine can read the secret in `{key}`; `chmod 600 {key}` changes that";
    let expected =
        expected.replace("{path}", path.to_str().unwrap()).replace("{key}", key.to_str().unwrap());
    assert_eq!(loaded.notices, [expected]);
    assert_eq!(loaded.config.llm.key().unwrap(), Some(Secret::new("sk-1")));
    assert_eq!(Config::default().llm.key().unwrap(), None);
}

#[test]
fn the_file_is_looked_for_in_three_places() {
    let directory = tempfile::tempdir().unwrap();
    let (current, system) = (directory.path().join("here"), directory.path().join("etc.toml"));
    std::fs::create_dir(&current).unwrap();
    let path = |name: &str| current.join(name);
    let error = find(None, &current, &system).unwrap_err();
    let expected = format!(
        "no configuration: there is no `{}` or `{}`",
        path("PiMainteno.toml").display(),
        system.display()
    );
    assert_eq!((error.kind(), error.message()), (ErrorKind::Config, expected.as_str()));

    std::fs::write(&system, "").unwrap();
    assert_eq!(find(None, &current, &system).unwrap(), system);
    std::fs::write(path("PiMainteno.toml"), "").unwrap();
    assert_eq!(find(None, &current, &system).unwrap(), path("PiMainteno.toml"));
    // What is asked for is not replaced by something else.
    let error = find(Some(Path::new("my.toml")), &current, &system).unwrap_err();
    assert_eq!(
        error.message(),
        format!("no configuration: there is no `{}`", path("my.toml").display())
    );
    std::fs::write(path("my.toml"), "").unwrap();
    assert_eq!(find(Some(Path::new("my.toml")), &current, &system).unwrap(), path("my.toml"));
}

#[test]
fn the_time_zone_is_the_named_one_or_none() {
    let named = |name: &str| -> std::result::Result<SchedulerConfig, toml::de::Error> {
        toml::from_str(&format!("timezone = {name:?}"))
    };
    assert_eq!(named("").unwrap().timezone, None);
    let zone = named("Europe/Berlin").unwrap().timezone.unwrap();
    assert_eq!(zone.iana_name(), Some("Europe/Berlin"));
    assert!(named("Mars").unwrap_err().message().contains("not a time zone"));
}
