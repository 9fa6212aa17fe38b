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
    let mut directory = String::new();
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
            directory = words.next().map(|to| joined(&directory, to)).unwrap_or_default();
            return false;
        }
        let name = program.rsplit('/').next().unwrap_or(program);
        let options: Vec<_> =
            std::iter::from_fn(|| words.next_if(|word| word.starts_with('-'))).collect();
        let looks_only = options.iter().any(|option| LOOKING.contains(option))
            && !(name.ends_with("sh") && options.contains(&"-c"));
        let argument = words.next().filter(|_| INTERPRETERS.contains(&name) && !looks_only);
        if let (Some(module), true) = (argument, options.contains(&"-m")) {
            let module = joined(&directory, &module.replace('.', "/"));
            return [format!("{module}.py"), format!("{module}/__main__.py")]
                .iter()
                .any(|named| named == path);
        }
        [Some(program), argument]
            .into_iter()
            .flatten()
            .any(|named| joined(&directory, named) == path)
    })
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

/// A path from the top of the project, without `./`.
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
    }
}
