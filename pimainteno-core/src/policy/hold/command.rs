//! Which files a command runs.

/// Programs that run the file which they are given.
const INTERPRETERS: [&str; 29] = [
    "sh",
    "bash",
    "dash",
    "zsh",
    "ksh",
    "python",
    "python2",
    "python3",
    "pypy3",
    "node",
    "nodejs",
    "ruby",
    "perl",
    "php",
    "lua",
    "luajit",
    "deno",
    "bun",
    "tsx",
    "ts-node",
    "Rscript",
    "julia",
    "escript",
    "elixir",
    "ghci",
    "runghc",
    "runhaskell",
    "source",
    ".",
];

/// Options with which they only look at the file.
const LOOKING: [&str; 4] = ["-n", "-c", "-l", "--check"];

/// Words that stand before the program: keywords of the shell, and programs that run another one.
const PREFIXES: [&str; 19] = [
    "!", "if", "then", "else", "elif", "do", "while", "until", "env", "exec", "time", "nice",
    "command", "set", "-e", "-eu", "sudo", "nohup", "xvfb-run",
];

/// Whether a command names a file as the program, or the script, that it runs.
pub(crate) fn is_run_by(command: &str, path: &str) -> bool {
    is_run_in("", command, path)
}

/// The same of a command that begins in `directory`; both paths begin at the same place.
pub(super) fn is_run_in(directory: &str, command: &str, path: &str) -> bool {
    // Nobody knows where it is behind `cd "$(git rev-parse --show-toplevel)"`.
    let mut directory = Some(directory.to_owned());
    command.split(['\n', ';', '&', '|', '(', ')', '{', '}', '`']).any(|command| {
        let mut words =
            command.split_whitespace().filter(|word| !is_prefix(word)).map(unquoted).peekable();
        let Some(mut program) = words.next() else { return false };
        // `uv run x.py`, `poetry run python x.py`, `deno run x.ts`.
        if matches!(program, "uv" | "poetry" | "pdm" | "hatch" | "pipenv" | "deno" | "bun")
            && words.next_if_eq(&"run").is_some()
        {
            program = if matches!(words.peek(), Some(word) if INTERPRETERS.contains(word)) {
                words.next().unwrap_or(program)
            } else {
                "sh"
            };
        }
        if program == "cd" {
            directory = match (words.next(), &directory) {
                (None, _) => Some(String::new()),
                (Some(to), Some(from)) if !to.contains('$') => Some(joined(from, to)),
                _ => None,
            };
            return false;
        }
        let name = program.rsplit('/').next().unwrap_or(program);
        let options: Vec<_> =
            std::iter::from_fn(|| words.next_if(|word| word.starts_with('-'))).collect();
        let looks_only = options.iter().any(|option| LOOKING.contains(option))
            && !(name.ends_with("sh") && options.contains(&"-c"));
        let argument = words.next().filter(|_| INTERPRETERS.contains(&name) && !looks_only);
        if let (Some(module), true) = (argument, options.contains(&"-m")) {
            let module = module.replace('.', "/");
            return [format!("{module}.py"), format!("{module}/__main__.py")]
                .iter()
                .any(|named| names(directory.as_deref(), named, path));
        }
        [Some(program), argument]
            .into_iter()
            .flatten()
            .any(|named| names(directory.as_deref(), named, path))
    })
}

/// Whether `named`, said in `directory`, may mean the file at `path`: where one of them is not known,
/// its end decides.
fn names(directory: Option<&str>, named: &str, path: &str) -> bool {
    let ends = |named: &str| {
        let named = joined("", named);
        path == named || path.ends_with(&format!("/{named}")) && !named.is_empty()
    };
    match (named.strip_prefix('$').and_then(|variable| variable.split_once('/')), directory) {
        (Some((_, rest)), _) => ends(rest),
        (None, Some(directory)) => joined(directory, named) == path,
        (None, None) => ends(named),
    }
}

/// Whether a word stands before the program: one of those, or an assignment.
fn is_prefix(word: &str) -> bool {
    let is_assignment = word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    });
    is_assignment || PREFIXES.contains(&word)
}

fn unquoted(word: &str) -> &str {
    word.trim_matches(['"', '\''])
}

/// A path without `./`, from where `directory` begins.
fn joined(directory: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in directory.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_runs_is_told_from_what_it_looks_at() {
        for check in [
            "./check.sh",
            "sh check.sh",
            "bash -e ./check.sh",
            "if ./check.sh; then :; fi",
            "A=1 ./check.sh --fast",
            "make && ./check.sh",
            "python3 'check.sh'",
            "bash -c './check.sh'",
            "sudo ./check.sh",
            "uv run check.sh",
            "poetry run python check.sh",
        ] {
            assert!(is_run_by(check, "check.sh"), "{check}");
        }
        for check in [
            "test -f check.sh",
            "grep -q x check.sh",
            "cat check.sh",
            "sh -n check.sh",
            "node --check check.sh",
            "./check.shx",
            "sub/check.sh",
        ] {
            assert!(!is_run_by(check, "check.sh"), "{check}");
        }
        assert!(
            is_run_by("cd web && ../check.sh", "check.sh")
                && is_run_by("cd web && node run.js", "web/run.js")
        );
        for path in ["web/checks/all.py", "web/checks/all/__main__.py"] {
            assert!(is_run_by("cd web; python -m checks.all -v", path), "{path}");
        }
        assert!(!is_run_by("python -m pytest", "tests/pytest.py"));
        assert!(is_run_in("web", "node run.js", "web/run.js"));
        assert!(is_run_in("web", "cd ../api && ./run", "api/run"));
        assert!(is_run_in("api/v1", "cd ../.. && sh web/run.sh", "web/run.sh"));
        for hook in [
            "cd \"$(git rev-parse --show-toplevel)\" && python3 web/lint.py",
            "cd \"$(git rev-parse --show-toplevel)/web\"\npython3 lint.py",
            "exec python3 \"$(git rev-parse --show-toplevel)/web/lint.py\"",
            "python3 $ROOT/web/lint.py",
            "\"$ROOT\"/web/lint.py",
        ] {
            assert!(is_run_by(hook, "web/lint.py"), "{hook}");
            assert!(!is_run_by(hook, "web/lint.pyx") && !is_run_by(hook, "web/t.py"), "{hook}");
        }
    }
}
