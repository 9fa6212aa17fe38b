//! From the places of a trace to the tracked files of the project.

use super::Place;

/// How many places are resolved at most.
const MOST_PLACES: usize = 64;

/// Directories that hold other people's code, wherever they stand in a path.
const LIBRARIES: [&str; 26] = [
    "/site-packages/",
    "/dist-packages/",
    "/node_modules/",
    "/vendor/",
    "/.venv/",
    "/venv/",
    "/.cargo/registry/",
    "/.cargo/git/",
    "/.rustup/",
    "/rustc/",
    "/pkg/mod/",
    "/usr/lib/",
    "/usr/local/lib/",
    "/usr/share/",
    "/usr/include/",
    "/usr/local/go/",
    "/lib/python",
    "/gems/",
    "/.pyenv/",
    "/.rbenv/",
    "/.asdf/",
    "/.deno/",
    "/deps/",
    "/libsanitizer/",
    "/sysdeps/",
    "/csu/",
];

/// How paths of code begin that no file of a project holds.
const INTERNAL: [&str; 9] =
    ["<", "node:", "internal/", "[", "native ", "ext:", "deno:", "bun:", "evalmachine."];

/// The first directories of Go's own packages, which stand in traces without a root if the program
/// was built with `-trimpath`.
const OF_GO: [&str; 41] = [
    "archive",
    "bufio",
    "bytes",
    "cmp",
    "compress",
    "container",
    "context",
    "crypto",
    "database",
    "debug",
    "embed",
    "encoding",
    "errors",
    "expvar",
    "flag",
    "fmt",
    "go",
    "hash",
    "html",
    "image",
    "index",
    "internal",
    "io",
    "iter",
    "log",
    "maps",
    "math",
    "mime",
    "net",
    "os",
    "path",
    "reflect",
    "regexp",
    "runtime",
    "slices",
    "sort",
    "strconv",
    "strings",
    "sync",
    "syscall",
    "text",
];

/// The applications that come with Erlang and Elixir have such files.
const OF_OTHERS: [&str; 6] = [
    "gen_server.erl",
    "proc_lib.erl",
    "supervisor.erl",
    "gen_statem.erl",
    "gen_event.erl",
    "erl_eval.erl",
];

/// Directories of what is built, and the ending of what it is built from.
const BUILT: [&str; 4] = ["dist/", "build/", "out/", "lib/"];

/// The places that lie in tracked files, with the paths of those from the project's top.
///
/// `roots` are the directories that stand for the project's top: the checkout, the unit's
/// WorkingDirectory, where it lies in a container. `tracked` says whether a path from the top is
/// that of a tracked file, `by_name` lists the tracked files whose last component is a name.
///
/// A path in a root is the rest of it, and nothing else. A relative one is from the top, or from a
/// root that lies below it. Any other one, as a container, another
/// machine or a compiler knew it, is the longest of its ends that is a tracked file; a relative one
/// may also be the end of a single tracked file. What can mean several files is left out, and so
/// are libraries and what is built, unless they are tracked.
pub fn resolve(
    places: &[Place],
    roots: &[&str],
    tracked: &dyn Fn(&str) -> bool,
    by_name: &dyn Fn(&str) -> Vec<String>,
) -> Vec<Place> {
    let project = Project { roots, tracked, by_name };
    let mut resolved: Vec<Place> = Vec::new();
    for place in places.iter().take(MOST_PLACES) {
        let Some(found) = project.file(place) else {
            continue;
        };
        let is_same = |known: &Place| known.path == found.path && known.line == found.line;
        // What a panic says twice, in its first line and in its backtrace, has its function there.
        match resolved.iter_mut().find(|known| is_same(known)) {
            Some(known) => known.function = known.function.take().or(found.function),
            None => resolved.push(found),
        }
    }
    resolved
}

struct Project<'a> {
    roots: &'a [&'a str],
    tracked: &'a dyn Fn(&str) -> bool,
    by_name: &'a dyn Fn(&str) -> Vec<String>,
}

impl Project<'_> {
    fn file(&self, place: &Place) -> Option<Place> {
        let path = plain(&place.path)?;
        let with = |path: String, line| Place { path, line, function: place.function.clone() };
        if let Some(path) = self.path(&path, place) {
            return Some(with(path, place.line));
        }
        // What was built from TypeScript has other lines.
        self.source(&path).map(|path| with(path, None))
    }

    fn path(&self, path: &str, place: &Place) -> Option<String> {
        if let Some(inside) = self.in_root(path) {
            return (self.tracked)(&inside).then_some(inside);
        }
        if is_java(path) {
            return self.of_class(path, place.function.as_deref()?);
        }
        if !path.starts_with('/') {
            match self.below_roots(path).as_slice() {
                [] => {}
                [one] => return Some(one.clone()),
                _ => return None,
            }
        }
        if is_library(path, place) {
            return None;
        }
        if path.starts_with('/') || is_of_module(path) {
            return self.end_of(path);
        }
        self.only(path, &|file| is_end(file, path))
    }

    /// A path in one of the roots as it is from the project's top: where the unit works may lie in
    /// the checkout, so that the outermost root in which it is tracked counts.
    fn in_root(&self, path: &str) -> Option<String> {
        let inside = self.roots.iter().filter_map(|root| {
            let root = plain(root)?;
            let rest = path.strip_prefix(root.trim_end_matches('/'))?.strip_prefix('/')?;
            Some(rest.to_owned())
        });
        let mut inside: Vec<_> = inside.collect();
        inside.sort_by_key(|path| usize::MAX - path.len());
        let tracked = inside.iter().find(|path| (self.tracked)(path)).cloned();
        tracked.or_else(|| inside.into_iter().next())
    }

    /// The tracked files that a relative path is from the top, or from one of the roots.
    fn below_roots(&self, path: &str) -> Vec<String> {
        let below = self.roots.iter().filter_map(|root| {
            let path = plain(&format!("{root}/{path}"))?;
            self.in_root(&path)
        });
        let mut files: Vec<_> = below.chain([path.to_owned()]).collect();
        files.retain(|file| (self.tracked)(file));
        files.sort();
        files.dedup();
        files
    }

    /// The longest end of a path that is a tracked file. A mere name has to be the only one.
    fn end_of(&self, path: &str) -> Option<String> {
        let mut end = path.trim_start_matches('/');
        while let Some((_, rest)) = end.split_once('/') {
            if (self.tracked)(end) {
                return Some(end.to_owned());
            }
            end = rest;
        }
        self.only(end, &|_| true).filter(|file| file == end)
    }

    /// The file of a class: the one whose directories are the package's.
    fn of_class(&self, name: &str, function: &str) -> Option<String> {
        let (class, _) = function.rsplit_once('.')?;
        let class = class.split('$').next()?;
        let package = class.rsplit_once('.').map_or("", |(package, _)| package);
        let end = format!("{}/{name}", package.replace('.', "/"));
        let end = end.trim_start_matches('/');
        let is_in_package = |file: &str| is_end(file, end);
        // Kotlin's files may lie elsewhere than their packages say.
        self.only(name, &is_in_package)
            .or_else(|| self.only(name, &|file| file.ends_with(".kt") || file.ends_with(".scala")))
    }

    /// The one file with the last component of `path` that `fits`; none if there are several.
    fn only(&self, path: &str, fits: &dyn Fn(&str) -> bool) -> Option<String> {
        let name = path.rsplit('/').next().filter(|name| !name.is_empty())?;
        let mut files = (self.by_name)(name).into_iter().filter(|file| fits(file));
        files.next().filter(|_| files.next().is_none())
    }

    /// The TypeScript that a file of JavaScript was built from.
    fn source(&self, path: &str) -> Option<String> {
        let path = self.in_root(path).unwrap_or_else(|| path.trim_start_matches('/').to_owned());
        let stem = path.strip_suffix(".js").or_else(|| path.strip_suffix(".mjs"))?;
        let stem = BUILT.iter().find_map(|directory| {
            let at = stem.find(directory).filter(|at| {
                *at == 0 || stem.get(..*at).is_some_and(|before| before.ends_with('/'))
            })?;
            stem.get(at + directory.len()..)
        })?;
        ["ts", "tsx", "mts"].iter().find_map(|end| {
            let inside = stem.trim_start_matches("src/");
            [format!("src/{inside}.{end}"), format!("{inside}.{end}")]
                .into_iter()
                .find(|path| (self.tracked)(path))
        })
    }
}

/// A path without what URLs and bundlers put around it, and without `.` and `..`; none if it is
/// that of no file.
fn plain(path: &str) -> Option<String> {
    let path = path.trim().trim_start_matches("async ");
    let path = path.replace('\\', "/");
    let path = match path.split_once("://") {
        Some(("file", rest)) => decoded(rest.strip_prefix("localhost").unwrap_or(rest)),
        // `webpack://name/./src/x.ts`, `webpack-internal:///./src/x.ts`, `app:///src/x.js`
        Some((_, rest)) => rest.split_once('/').map_or(rest, |(_, rest)| rest).to_owned(),
        None => path,
    };
    if INTERNAL.iter().any(|start| path.starts_with(start)) {
        return None;
    }
    let end = path.find(['?', '#']).filter(|end| path.get(*end + 1..).is_some());
    let path = path.get(..end.unwrap_or(path.len()))?;
    let is_absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.pop().is_none() && is_absolute => return None,
            ".." => {}
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    (!path.is_empty()).then(|| if is_absolute { format!("/{path}") } else { path })
}

/// A path of a URL with its `%20`s read.
fn decoded(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let code = path.get(at + 1..at + 3).filter(|_| *byte == b'%');
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(code) => {
                plain.push(code);
                at += 3;
            }
            None => {
                plain.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// Whether the code is other people's.
fn is_library(path: &str, place: &Place) -> bool {
    let whole = format!("/{}", path.trim_start_matches('/'));
    let first = path.split('/').next().unwrap_or_default();
    let is_go = path.ends_with(".go") || path.ends_with(".s");
    let name = path.rsplit('/').next().unwrap_or_default();
    let original = &place.path;
    LIBRARIES.iter().any(|directory| whole.contains(directory))
        || is_go && (path.contains('@') || OF_GO.contains(&first))
        || OF_OTHERS.contains(&name)
        || original.starts_with("java.base/")
}

fn is_java(path: &str) -> bool {
    let ends = [".java", ".kt", ".kts", ".scala", ".groovy", ".clj"];
    !path.contains('/') && ends.iter().any(|end| path.ends_with(end))
}

/// Whether a relative path begins with the name of a module, as Go's do.
fn is_of_module(path: &str) -> bool {
    path.ends_with(".go") && path.contains('/')
}

/// Whether `end` is the end of a path, of whole components.
fn is_end(path: &str, end: &str) -> bool {
    path.strip_suffix(end).is_some_and(|before| before.is_empty() || before.ends_with('/'))
}
