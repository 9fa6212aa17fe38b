//! Makes a project's dependencies ready, before anything is paid for.
//!
//! Its checks have no network, and nothing that Git does not keep is in the workspace. So what the
//! project depends on is fetched and built by commands of its own, with the network; once for each
//! content of the files that they read.
//!
//! What a package brings is run where it is installed, and so is whatever the project's own files
//! say. So the network is there only where the workspace holds exactly the base, or a change that a
//! person has approved. A change of files that they read has its dependencies made ready without, of
//! what was fetched for the base. Where that cannot be done, the checks see those of the base, and a
//! person decides.

use std::{fs, os::unix::fs::MetadataExt as _, time::Instant};

use async_trait::async_trait;

use super::{Effects, Flow, Step, StepContext, hint, quoted, sandboxed::limits, told};
use crate::{
    config::{PREPARE, PrepareConfig, SandboxMode},
    error::{Error, ErrorKind, Result},
    git::Content,
    process::{Environment, Places, Used},
    store::Output,
    words::Sha256,
};

/// How many lines of the beginning and of the end of what a command said a message carries: some
/// package managers say first what is wrong, and some last.
const TOLD_LINES: [usize; 2] = [6, 9];

/// How much of a command's output is kept, in bytes.
const KEPT_OUTPUT: usize = 64 << 10;

/// Settings of Cargo that give access to a registry, in whatever table.
const SECRET_SETTINGS: [&str; 2] = ["secret-key", "token"];

/// Programs whose version decides what packages are built for.
const LANGUAGES: [&str; 8] = ["python3", "python", "node", "ruby", "php", "go", "rustc", "java"];

/// Makes what the project's `prepare` says ready for the files at the base.
#[derive(Debug)]
pub(crate) struct Prepare;

/// What was made ready.
pub(crate) struct Made {
    size: Used,
    seconds: u64,
}

#[async_trait]
impl Step for Prepare {
    fn name(&self) -> &str {
        PREPARE
    }

    fn effects(&self) -> Effects {
        Effects::Workspace
    }

    fn prepares(&self) -> bool {
        true
    }

    async fn run(&self, context: &mut StepContext<'_>) -> Result<Flow> {
        context.show_submodules().await?;
        if context.project().prepare.is_empty() {
            return Ok(Flow::Skipped("the project has no `prepare`".into()));
        }
        let Some(Made { size, seconds }) = context.prepared().await? else {
            return Ok(Flow::Skipped("ready: what it reads is as it was".into()));
        };
        let size = match size.disk >> 20 {
            0 => String::new(),
            mebibytes => format!(", {mebibytes} MiB in {} files", size.files),
        };
        Ok(Flow::Done(format!("{} in {seconds} s{size}", commands(context))))
    }
}

impl StepContext<'_> {
    /// Makes sure that what is tried sees the dependencies of the files that the workspace holds;
    /// gives what had to be made for that.
    ///
    /// # Errors
    /// That those of the base cannot be made ready.
    pub(crate) async fn prepared(&self) -> Result<Option<Made>> {
        if self.project().prepare.is_empty() {
            return Ok(None);
        }
        let (workspace, leftovers) = (self.parts.workspace, self.parts.leftovers);
        leftovers.lend(&self.cargo_settings())?;
        let key = self.key(&workspace.contents(None).await?);
        if leftovers.see_prepared(&key, workspace)? {
            return Ok(None);
        }
        let base = self.key(&workspace.contents(Some(&self.run.base)).await?);
        if self.is_trusted().await? {
            let made = self.make_ready(&key, &base, true).await?;
            leftovers.see_prepared(&key, workspace)?;
            return Ok(Some(made));
        }
        let made = match leftovers.see_prepared(&base, workspace)? {
            true => None,
            false => Some(self.make_base_ready(&base).await?),
        };
        if key == base {
            leftovers.see_prepared(&base, workspace)?;
            return Ok(made);
        }
        // What a change's own commands made of it is seen with that change alone.
        let diff = self.run.change.as_ref().map_or("", |change| &change.diff);
        let own = Sha256::of(&format!("{key}\n{diff}"));
        if leftovers.see_prepared(&own, workspace)? {
            return Ok(made);
        }
        if !self.parts.sandboxing.is_unprepared(&own) {
            match self.make_ready(&own, &base, false).await {
                Ok(made) => {
                    leftovers.see_prepared(&own, workspace)?;
                    return Ok(Some(made));
                }
                Err(error) if self.parts.cancel.is_raised() => return Err(error),
                Err(error) => {
                    let told = self.told_unprepared(&error);
                    self.parts.sandboxing.note_unprepared(own, diff, told);
                }
            }
        }
        if leftovers.see_prepared(&base, workspace)? {
            return Ok(made);
        }
        Err(Error::new(ErrorKind::Internal, "what `prepare` made for the base is not there"))
    }

    /// Whether the workspace holds exactly the base, or what a person approved, or what was there
    /// before a change that is taken back.
    async fn is_trusted(&self) -> Result<bool> {
        let workspace = self.parts.workspace;
        if !workspace.edited().await?.is_empty() {
            return Ok(false);
        }
        let staged = workspace.staged(&self.run.base).await?;
        let is_approved = || self.run.approved.as_ref() == Some(&Sha256::of(&staged.diff));
        Ok(staged.is_empty() || self.run.takes_back() || is_approved())
    }

    /// Makes the dependencies of the base ready while something else is in the workspace, which is
    /// there again after that.
    async fn make_base_ready(&self, base: &Sha256) -> Result<Made> {
        let workspace = self.parts.workspace;
        if !workspace.edited().await?.is_empty() {
            return Err(Error::new(
                ErrorKind::Step,
                "the dependencies of the base are not ready, and a command has edited the project's files, which would be lost",
            )
            .hint("put the command behind `prepare`, or let it leave tracked files alone"));
        }
        let tree = workspace.write_tree().await?;
        workspace.reset(&self.run.base).await?;
        self.show_submodules().await?;
        let made = self.make_ready(base, base, true).await;
        workspace.read_tree(&tree).await?;
        self.show_submodules().await?;
        made
    }

    async fn make_ready(&self, key: &Sha256, base: &Sha256, is_trusted: bool) -> Result<Made> {
        let leftovers = self.parts.leftovers;
        let made = self.try_to_make_ready(key, base, is_trusted).await;
        if made.is_err() {
            leftovers.abandon_preparing();
        }
        made
    }

    async fn try_to_make_ready(
        &self,
        key: &Sha256,
        base: &Sha256,
        is_trusted: bool,
    ) -> Result<Made> {
        let (project, parts) = (self.project(), self.parts);
        let (workspace, leftovers) = (parts.workspace, parts.leftovers);
        let layers = leftovers.begin_preparing(workspace, base, is_trusted).await?;
        let layers = layers.ok_or_else(|| {
            let why = match project.sandbox.mode {
                SandboxMode::Off => "without a sandbox there are",
                _ => "this machine has",
            };
            Error::new(ErrorKind::Step, format!("{why} no layers to try it in"))
        })?;
        let begin = Instant::now();
        for PrepareConfig { command, .. } in &project.prepare {
            self.progress(format!("prepares: `{command}`"));
            let shell = self.preparing_shell(command, layers.clone(), is_trusted).await?;
            let output =
                shell.timeout(project.prepare_timeout).output_limit(KEPT_OUTPUT).run().await?;
            self.cancel().check()?;
            let text = format!("{}{}", output.text(), String::from_utf8_lossy(&output.stderr));
            parts
                .sandboxing
                .keep_log(Output { name: format!("log of `{command}`"), text: text.clone() });
            if !output.success() {
                let message = format!(
                    "`{command}`, which prepares the workspace, failed ({}): {}",
                    output.end,
                    shortened(&text)
                );
                let error = Error::new(ErrorKind::Step, message);
                return Err(match hint::wait(&text).filter(|_| is_trusted) {
                    Some(delay) => error.retry_after(delay),
                    None => match hint::of_prepare(&text) {
                        Some(hint) => error.hint(hint),
                        None => error,
                    },
                });
            }
        }
        let limits = limits(project);
        let size = leftovers.keep_prepared(key, base, workspace, &limits).await?;
        Ok(Made { size, seconds: begin.elapsed().as_secs() })
    }

    /// What a person is told of a change whose own dependencies its checks did not see.
    fn told_unprepared(&self, error: &Error) -> String {
        let prepare = &self.project().prepare;
        let reads = |path: &str| prepare.iter().any(|command| command.reads(path));
        let files = self.run.change.iter().flat_map(|change| &change.files);
        let files = files.map(|file| file.path.clone()).filter(|path| reads(path)).collect();
        format!(
            "it changes {}, which {} reads, and what that needs could not be made ready without the network: its checks saw the dependencies of before; once approved, they see its own ({error})",
            told(quoted(files)),
            commands(self)
        )
    }

    /// A fingerprint of the commands, of the files that they read, of the submodules, and of what
    /// packages are built for.
    fn key(&self, contents: &[Content]) -> Sha256 {
        let prepare = &self.project().prepare;
        let commands = prepare.iter().map(|prepare| prepare.command.clone());
        let read = contents.iter().filter(|content| {
            let is_read = |path: &str| prepare.iter().any(|prepare| prepare.reads(path));
            content.is_submodule || content.path.to_str().is_some_and(is_read)
        });
        let read = read.map(|content| format!("{} {}", content.object, content.path.display()));
        let machine = [std::env::consts::ARCH.to_owned()]
            .into_iter()
            .chain(LANGUAGES.iter().filter_map(|name| version(name, self.environment())));
        Sha256::of(&commands.chain(read).chain(machine).collect::<Vec<_>>().join("\n"))
    }

    /// The owner's settings of Cargo without passwords, unless he lets commands read them; empty if
    /// there are none.
    fn cargo_settings(&self) -> String {
        let paths = Places::new(self.environment()).cargo_settings();
        let Some(path) = paths.into_iter().find(|path| path.is_file()) else {
            return String::new();
        };
        let text = fs::read_to_string(&path).unwrap_or_default();
        let is_lent_whole = self.project().sandbox.read.contains(&path);
        if is_lent_whole { text } else { without_passwords(&text) }
    }
}

/// Settings of Cargo without what gives access to something: tokens, and the user and password of an
/// address. Empty if they are no TOML; then Cargo would not take them either.
fn without_passwords(settings: &str) -> String {
    fn clean(value: &mut toml::Value) {
        match value {
            toml::Value::Table(table) => {
                let is_kept = |name: &str| !SECRET_SETTINGS.contains(&name);
                table.retain(|name, value| is_kept(name) || value.is_table());
                table.iter_mut().for_each(|(_, value)| clean(value));
            }
            toml::Value::Array(values) => values.iter_mut().for_each(clean),
            toml::Value::String(text) => {
                if let Some((scheme, rest)) = text.split_once("://") {
                    let end = rest.find('/').unwrap_or(rest.len());
                    if let Some(at) = rest.get(..end).and_then(|host| host.rfind('@')) {
                        *text = format!("{scheme}://{}", rest.get(at + 1..).unwrap_or_default());
                    }
                }
            }
            _ => {}
        }
    }
    let Ok(mut table) = settings.parse::<toml::Table>() else { return String::new() };
    // Variables of builds: nobody knows what they hold.
    let is_plain = |name: &str| {
        let name = name.to_ascii_uppercase();
        !["TOKEN", "PASSWORD", "SECRET", "KEY", "CREDENTIAL"].iter().any(|it| name.contains(it))
    };
    if let Some(toml::Value::Table(variables)) = table.get_mut("env") {
        variables.retain(|name, _| is_plain(name));
    }
    let mut value = toml::Value::Table(table);
    clean(&mut value);
    value.as_table().map(ToString::to_string).unwrap_or_default()
}

/// What a program on the `PATH` is, without asking it: another version is another file.
fn version(name: &str, environment: &Environment) -> Option<String> {
    let path = environment.get("PATH")?;
    let found =
        std::env::split_paths(path).map(|place| place.join(name)).find(|path| path.is_file())?;
    let real = fs::canonicalize(&found).ok()?;
    let metadata = fs::metadata(&real).ok()?;
    Some(format!("{} {} {}", real.display(), metadata.len(), metadata.mtime()))
}

/// The beginning and the end of what a command said.
fn shortened(text: &str) -> String {
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let [first, last] = TOLD_LINES;
    if lines.len() <= first + last {
        return lines.join("\n");
    }
    let (head, tail) = (lines.iter().take(first), lines.iter().skip(lines.len() - last));
    head.chain([&"…"]).chain(tail).copied().collect::<Vec<_>>().join("\n")
}

/// Whether what a command is to see is made ready: not for one that runs as the owner's own, in a
/// project whose other commands do not.
pub(crate) fn is_for(project: SandboxMode, command: SandboxMode) -> bool {
    command != SandboxMode::Off || project == SandboxMode::Off
}

fn commands(context: &StepContext<'_>) -> String {
    let commands = context.project().prepare.iter().map(|prepare| prepare.command.clone());
    told(quoted(commands.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_log_the_beginning_and_the_end_are_told() {
        let lines: Vec<_> = (1..=40).map(|number| format!("line {number}")).collect();
        let told = shortened(&lines.join("\n\n"));
        assert!(told.starts_with("line 1\nline 2\n") && told.ends_with("\nline 39\nline 40"));
        assert!(told.contains("line 6\n…\nline 32\n") && told.lines().count() == 16);
        assert_eq!(shortened("one\n\ntwo\n"), "one\ntwo");
    }

    #[test]
    fn settings_of_cargo_are_lent_without_what_gives_access() {
        let settings = r#"
            [registries.home]
            index = "sparse+https://ada:s3cret@example.org/index/"
            token = "s3cret"
            [registry]
            default = "home"
            token = "s3cret"
            [http]
            proxy = "http://ada:s3cret@proxy.example.org:3128"
            [env]
            UPLOAD_TOKEN = { value = "s3cret", force = true }
            OPENSSL_DIR = "/opt/openssl"
            [build]
            rustflags = ["-C", "link-arg=-s"]
            [net.token]
            retry = 3
        "#;
        let lent = without_passwords(settings);
        assert!(!lent.contains("s3cret") && !lent.contains("ada"), "{lent}");
        let lent: toml::Table = lent.parse().unwrap();
        let home = lent["registries"]["home"].as_table().unwrap();
        assert_eq!(home["index"].as_str(), Some("sparse+https://example.org/index/"));
        assert_eq!(lent["http"]["proxy"].as_str(), Some("http://proxy.example.org:3128"));
        assert_eq!(lent["env"]["OPENSSL_DIR"].as_str(), Some("/opt/openssl"));
        assert_eq!(lent["net"]["token"]["retry"].as_integer(), Some(3));
        assert_eq!(without_passwords("[registry\ntoken = 's3cret'"), "");
    }

    #[test]
    fn another_version_of_a_language_is_told_from_the_one_before() {
        let place = tempfile::tempdir().unwrap();
        let environment = Environment::default().with("PATH", place.path());
        assert_eq!(version("python3", &environment), None);
        let link = |target: &str| {
            fs::write(place.path().join(target), "").unwrap();
            drop(fs::remove_file(place.path().join("python3")));
            std::os::unix::fs::symlink(target, place.path().join("python3")).unwrap();
            version("python3", &environment).unwrap()
        };
        assert_ne!(link("python3.11"), link("python3.12"));
    }
}
