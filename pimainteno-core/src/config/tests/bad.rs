//! What is said about bad files, word for word.

use super::parse;
use crate::{config::Config, error::ErrorKind};

#[track_caller]
fn check(name: &str, text: &str, expected: &str) {
    let error = parse(text, name).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let expected: Vec<_> =
        expected.lines().map(str::trim_start).filter(|line| !line.is_empty()).collect();
    assert_eq!(error.to_string().replace("/etc/pm/", ""), expected.join("\n"));
}

#[test]
fn one_problem_is_one_line() {
    check(
        "a.toml",
        "[llm]\nmodle = 'x'\n",
        "a.toml:2:1: unknown key `modle`; did you mean `model`?",
    );
}

#[test]
fn names_that_systemd_takes_for_no_unit_are_refused_where_it_is_asked() {
    check(
        "a.toml",
        "[systemd_monitor]\nunits = ['a.service', 'blog']\n\
         [[project]]\npath = '/a'\nunits = ['worker@1.service', 'worker@.service']\n\
         [[project]]\npath = '/b'\nrestart = { command = 'docker restart b' }\nunits = ['b']\n",
        "the configuration has 2 problems
         a.toml:2:23: systemd starts no `blog`: a unit's name ends with its type, as in `blog.service`
         a.toml:5:30: systemd starts no `worker@.service`: of a template the instances are started; name them, as in `worker@1.service`",
    );
}

#[test]
fn everything_that_is_wrong_is_said_at_once_and_in_order() {
    let text = r#"
[llm]
provider = ""
api_key = 5
base_url = "localhost"
edit = "patch"
extra_args = "-x"
timeout = "0s"
silence_timeout = 180
budget = { calls_per_day = -1, tokens_per_day = 1.5, calls = 3 }
[cache]
path = " "
keep_runs = 0
[scheduler]
enabled = "yes"
cron = "0 25 * * *"
timezone = "Europe/Berlon"
catch_up = "twice"
jitter = "-3m"
concurrency = 0
projects = ["", 3]
[web]
port = 70000
token = "x"
token_file = "y"
[systemd_monitor]
bus = "session"
[nothing]
x = 1
"#;
    let expected = r#"
        the configuration has 24 problems
        a.toml:3:12: `llm.provider`: must not be empty
        a.toml:4:11: `llm.api_key`: expected a string, found a number
        a.toml:5:12: `llm.base_url`: not an address; write it like "https://example.org/v1"
        a.toml:6:8: `llm.edit`: expected one of `workspace`, `reply`, found `patch`
        a.toml:7:14: `llm.extra_args`: expected a list, found a string
        a.toml:8:11: `llm.timeout`: nothing can be done in no time at all
        a.toml:9:19: `llm.silence_timeout`: expected a duration in quotes, like "90s", "10m" or "1h 30m", found a number
        a.toml:10:28: `llm.budget.calls_per_day`: expected a whole number that is not negative, found -1
        a.toml:10:49: `llm.budget.tokens_per_day`: expected a whole number that is not negative, found a number with a fraction
        a.toml:10:54: unknown key `calls`; did you mean `calls_per_day`?
        a.toml:12:8: `cache.path`: must not be empty
        a.toml:13:13: `cache.keep_runs`: must be at least 1
        a.toml:15:11: `scheduler.enabled`: expected `true` or `false`, found a string
        a.toml:16:8: `scheduler.cron`: `25` does not fit the field hour: it takes 0 to 23, lists `1,2`, ranges `1-5` and steps `*/2`
        a.toml:17:12: `scheduler.timezone`: `Europe/Berlon` is not a time zone; did you mean `Europe/Berlin`?
        a.toml:18:12: `scheduler.catch_up`: expected one of `once`, `skip`, found `twice`
        a.toml:19:10: `scheduler.jitter`: not a duration: `-3m`; write it like "90s", "10m" or "1h 30m"
        a.toml:20:15: `scheduler.concurrency`: must be at least 1
        a.toml:21:13: `scheduler.projects[0]`: must not be empty
        a.toml:21:17: `scheduler.projects[1]`: expected a string, found a number
        a.toml:23:8: `web.port`: expected a whole number from 0 to 65535, found 70000
        a.toml:25:1: `token` and `token_file` are given both; one of them must go
        a.toml:27:7: `systemd_monitor.bus`: expected one of `system`, `user`, found `session`
        a.toml:28:2: unknown key `nothing`; known here: `llm`, `cache`, `scheduler`, `project`, `systemd_monitor`, `web`, `plugin`
    "#;
    check("a.toml", text, expected);
}

#[test]
fn a_bad_project_is_told_what_is_wrong() {
    let text = r#"
[[project]]
[[project]]
path = "/a"
name = ""
branch = "-f"
remote = "a b"
mode = "automatic"
cron = "0 0 31 2 *"
steps = []
verify = ["make", ""]
units = ["a/b"]
restart = "systmd"
health = {}
protect = ["src/**", "a["]
max_files = 0
[[project]]
path = "/b"
restart = { command = "" }
health = { http = "https://x", command = "y" }
llm = { api_key = "a", api_key_file = "b", prices = {} }
[[project]]
path = "/c"
restart = { cmd = "x" }
health = { http = "http://x", command = "y" }
mode = { auto = true }
[[project]]
pth = "/d"
"#;
    let expected = r#"
        the configuration has 21 problems
        a.toml:2:1: a project needs a `path`
        a.toml:5:8: `project[1].name`: must not be empty
        a.toml:6:10: `project[1].branch`: `-f` is not a name that git knows
        a.toml:7:10: `project[1].remote`: `a b` is not a name that git knows
        a.toml:8:8: `project[1].mode`: expected one of `dry-run`, `review`, `auto`, found `automatic`; did you mean `auto`?
        a.toml:9:8: `project[1].cron`: the day of `0 0 31 2 *` is in no month of any year
        a.toml:10:9: `steps` is empty; leave it out to get the usual steps
        a.toml:11:19: `project[1].verify[1]`: must not be empty
        a.toml:12:10: `project[1].units[0]`: `a/b` is not the name of a unit; write it like "blog.service"
        a.toml:13:11: `project[1].restart`: expected `systemd`, `none` or a table with `command`, found `systmd`
        a.toml:14:10: `health` needs `http` or `command`
        a.toml:15:22: `project[1].protect[1]`: not a glob: `a[`: unclosed character class; missing ']'
        a.toml:16:13: `project[1].max_files`: must be at least 1
        a.toml:19:23: `project[2].restart.command`: must not be empty
        a.toml:20:19: `project[2].health.http`: a probe cannot speak TLS; use `command = "curl -fsS https://…"` instead
        a.toml:21:24: `api_key` and `api_key_file` are given both; one of them must go
        a.toml:21:44: unknown key `prices`; known here: `provider`, `model`, `api_key`, `api_key_file`, `base_url`, `extra_args`, `edit`, `timeout`, `silence_timeout`, `budget`
        a.toml:24:13: unknown key `cmd`; known here: `command`
        a.toml:25:31: `http` and `command` are given both; one of them must go
        a.toml:26:8: `project[3].mode`: expected one of `dry-run`, `review`, `auto`
        a.toml:28:1: unknown key `pth`; did you mean `path`?
    "#;
    check("a.toml", text, expected);
}

#[test]
fn a_budget_that_makes_no_sense_is_told_at_its_place() {
    let text = r#"
[llm.budget]
money_per_run = -0.5
money_per_day = nan
calls_per_day = 10
repair_reserve = 10
[llm.prices.codex]
input = 1.25
output = inf
cached = 1
[[project]]
path = "/a"
[project.llm.budget]
money_per_day = "2"
[[project]]
path = "/b"
llm.budget = { repair_reserve = 3 }
[[project]]
path = "/c"
llm.budget = { calls_per_day = 2, repair_reserve = 3 }
"#;
    let expected = r#"
        the configuration has 7 problems
        a.toml:3:17: `llm.budget.money_per_run`: not an amount of money: -0.5; write it like 2.5
        a.toml:4:17: `llm.budget.money_per_day`: not an amount of money: NaN; write it like 2.5
        a.toml:9:10: `llm.prices.codex.output`: not an amount of money: inf; write it like 2.5
        a.toml:10:1: unknown key `cached`; did you mean `cached_input`?
        a.toml:14:17: `project[0].llm.budget.money_per_day`: expected an amount of money, like 2.5, found a string
        a.toml:17:16: `repair_reserve` is kept back from `calls_per_day`, which is not given
        a.toml:20:52: `repair_reserve` leaves none of the 2 calls of `calls_per_day`
    "#;
    check("a.toml", text, expected);
    check(
        "b.toml",
        "[llm.budget]\ncalls_per_day = 1\nrepair_reserve = 1",
        "b.toml:3:18: `repair_reserve` leaves none of the 1 calls of `calls_per_day`",
    );
}

#[test]
fn a_bad_step_is_told_at_its_place() {
    let text = r#"
[[project]]
path = "/a"
steps = [
    "",
    3,
    { name = "x" },
    { name = "x", comand = "y" },
    { name = "x", command = "y", timeout = "z" },
    ["verify"],
    { name = "x", command = "y", settings = {} },
    { name = "x", settings = {}, timeout = "1s" },
    { name = "x", command = "y", amend = true, revert = "none" },
    { name = "x", settings = 3 },
]
"#;
    let expected = r#"
        the configuration has 10 problems
        a.toml:5:5: `project[0].steps[0]`: must not be empty
        a.toml:6:5: `project[0].steps[1]`: expected the name of a step, or a table with `name` and `command`, found a number
        a.toml:7:5: `project[0].steps[2]` lacks the key `command`
        a.toml:8:19: unknown key `comand`; did you mean `command`?
        a.toml:9:44: `project[0].steps[4].timeout`: not a duration: `z`; write it like "90s", "10m" or "1h 30m"
        a.toml:10:5: `project[0].steps[5]`: expected the name of a step, or a table with `name` and `command`, found a list
        a.toml:11:5: `project[0].steps[6]`: has `settings`, which are for steps that are no commands, beside what is for commands
        a.toml:12:5: `project[0].steps[7]`: has `settings`, which are for steps that are no commands, beside what is for commands
        a.toml:13:5: `project[0].steps[8]`: has `revert`, which is for what can be seen from outside; a step with `amend` does nothing of the kind
        a.toml:14:30: `project[0].steps[9].settings`: expected a table, found a number
    "#;
    check("a.toml", text, expected);
}

#[test]
fn projects_have_their_directories_and_ids_for_themselves() {
    let text = r#"
scheduler.projects = ["/x/a", "/y/b", "a", "/etc/pm/./a"]
[[project]]
path = "/x/b"
[[project]]
name = "B"
path = "/z"
"#;
    let expected = r#"
        the configuration has 4 problems
        a.toml:2:31: the projects in `/z` and `/y/b` have the same id `b`; give one of them another `name`
        a.toml:2:39: the projects in `/x/a` and `/etc/pm/a` have the same id `a`; give one of them another `name`
        a.toml:2:44: the project in `/etc/pm/a` is given twice
        a.toml:6:8: the projects in `/x/b` and `/z` have the same id `b`; give one of them another `name`
    "#;
    check("a.toml", text, &expected.replace("/etc/pm/", ""));
}

#[test]
fn what_cannot_be_expanded_is_said_once() {
    let text = "scheduler.cron = '${CRON}'\nllm.model = '${x'\nllm.edit = '${X%y}'\ncache.path = \"a\\u0000\"\n";
    let expected = r#"
        the configuration has 4 problems
        a.toml:1:18: the variable `CRON` is not set; write `${CRON:-text}` to give a default
        a.toml:2:13: `${` is not closed; write `$${` for these two characters
        a.toml:3:12: `${X%y}` is neither `${NAME}` nor `${NAME:-text}`; write `$${` to leave it to the shell
        a.toml:4:14: a string must not hold the character NUL
    "#;
    check("a.toml", text, expected);
}

#[test]
fn keys_are_not_expanded() {
    check(
        "a.toml",
        "llm = { '${USER}' = 1 }",
        &format!("a.toml:1:9: unknown key `${{USER}}`; known here: {LLM_KEYS}"),
    );
}

const LLM_KEYS: &str = "`provider`, `model`, `api_key`, `api_key_file`, `base_url`, `extra_args`, `edit`, `timeout`, `silence_timeout`, `budget`, `prices`";

#[test]
fn a_wrong_shape_is_not_taken_for_a_right_one() {
    let text = "llm = []\nproject = { path = '/a' }\nplugin = [{ name = 'x' }, 5]\nscheduler.jitter = 2020-01-01\n";
    let expected = r#"
        the configuration has 5 problems
        a.toml:1:7: `llm`: expected a table, found a list
        a.toml:2:11: `project`: expected a list, found a table
        a.toml:3:11: `plugin[0]` lacks the key `path`
        a.toml:3:27: `plugin[1]`: expected a table, found a number
        a.toml:4:20: `scheduler.jitter`: not a duration: `2020-01-01`; write it like "90s", "10m" or "1h 30m"
    "#;
    check("a.toml", text, expected);
}

#[test]
fn what_is_missing_because_it_is_wrong_is_said_once() {
    let expected = r#"
        the configuration has 3 problems
        a.toml:1:25: unknown key `htpp`; did you mean `http`?
        a.toml:1:48: `project[0].steps[0]`: expected the name of a step, or a table with `name` and `command`, found a number
        a.toml:1:52: unknown key `pth`; did you mean `path`?
    "#;
    check("a.toml", "project = [{ health = { htpp = 'x' }, steps = [3], pth = '/a' }]", expected);
}

#[test]
fn columns_count_characters() {
    check(
        "a.toml",
        "llm = { model = 'größer', modle = 'x' }",
        "a.toml:1:27: unknown key `modle`; did you mean `model`?",
    );
}

#[test]
fn toml_that_is_none_is_told_line_by_line() {
    let expected = r#"
        the configuration has 3 problems
        a.toml:2:9: string values must be quoted, expected literal string
        a.toml:4:8: extra `=`, expected nothing
        a.toml:5:2: duplicate key
    "#;
    check("a.toml", "[llm]\nmodel = \n[web]\nport = = 3\n[llm]\n", expected);
    check("a.toml", "[llm\n", "a.toml:1:5: unclosed table, expected `]`");
    check(
        "a.toml",
        "[cache]\nkeep_runs = 99999999999999999999",
        "a.toml:2:13: this number is too large",
    );
}

#[test]
fn json_gets_the_same_complaints_at_its_places() {
    let text = r#"{
  "llm": { "model": 3, "modle": null, "timeout": null },
  "project": [{ "path": "/a", "cron": "x" }, { "path": "/x/a" }]
}"#;
    let expected = r#"
        the configuration has 5 problems
        a.json:2:21: `llm.model`: expected a string, found a number
        a.json:2:24: unknown key `modle`; did you mean `model`?
        a.json:2:50: `llm.timeout`: expected a duration in quotes, like "90s", "10m" or "1h 30m", found null; leave the key out instead
        a.json:3:39: `project[0].cron`: not a cron expression: `x`; it has 5 fields (minute hour day month weekday), 6 (seconds first) or 7 (years last)
        a.json:3:56: the projects in `/a` and `/x/a` have the same id `a`; give one of them another `name`
    "#;
    check("a.json", text, expected);
    check("a.json", "{\n \"llm\": {},\n \"llm\": 1}", "a.json:3:2: `llm` is given twice");
    check("a.json", "{\n \"llm\":\n  {\"model\": }}", "a.json:3:13: expected value");
    check("a.json", "", "a.json:1:1: EOF while parsing a value");
    check("a.json", "[]", "a.json:1:1: a configuration is a table: `{ … }`");
}

#[test]
fn a_file_that_is_something_else_is_refused_in_bounds() {
    check(
        "a.yaml",
        "",
        "a.yaml:1:1: not known how to read this: the name must end in `.toml` or `.json`",
    );
    check(
        "a.toml",
        &format!("x = {}", "[".repeat(100_000)),
        "a.toml:1:85: cannot recurse further; max recursion depth met",
    );
    check("a.toml", &format!("{}x = 1", "a.".repeat(100_000)), "a.toml:1:1: recursion limit");
    check("a.json", &"[".repeat(100_000), "a.json:1:128: recursion limit exceeded");
    let many: String = (0..100_000).map(|number| format!("key{number} = 1\n")).collect();
    let error = parse(&many, "a.toml").unwrap_err().to_string();
    assert!(error.starts_with("the configuration has 100 problems\n"), "{error:.100}");

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.toml");
    let load = || Config::load(&path, |_| None, None).unwrap_err();
    let here = |text: &str| text.replace("{path}", path.to_str().unwrap());
    assert_eq!(
        load().to_string(),
        here("cannot read the configuration `{path}`: No such file or directory (os error 2)")
    );
    std::fs::write(&path, b"[llm]\nmodel = '\xff'").unwrap();
    assert_eq!(load().to_string(), here("{path}:2:10: this is not text in UTF-8"));
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert_eq!(
        load().to_string(),
        here("cannot read the configuration `{path}`: Is a directory (os error 21)")
    );
}

#[test]
fn no_complaint_shows_a_secret() {
    let text = "llm.api_key = ['s3cret']\nweb = { token = 1234567, token_file = ['s3cret'] }\nllm.base_url = 'ftp://me:s3cret@host'\n";
    let error = parse(text, "a.toml").unwrap_err();
    assert!(
        !format!("{error} {error:?}").contains("s3cret") && !error.to_string().contains("1234567"),
        "{error}"
    );
    assert!(error.to_string().starts_with("the configuration has 4 problems\n"), "{error}");
}
