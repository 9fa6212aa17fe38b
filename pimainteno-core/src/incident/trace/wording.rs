//! What traces say in words: names of errors and functions, as their runtimes write them.

use super::table::Runtime;

/// A line of a group of Python's exceptions without what is drawn at its left.
pub(super) fn without_bars(body: &str) -> &str {
    if body.starts_with("| ") || body.starts_with("+ Exception Group") {
        body.trim_start_matches(['|', '+', ' '])
    } else {
        body
    }
}

/// A message as its runtime's users know it.
pub(super) fn worded(runtime: Runtime, message: &str, body: &str) -> String {
    let with = |start: &str| format!("{start}{message}");
    match runtime {
        Runtime::Go if body.starts_with("panic: ") => with("panic: "),
        Runtime::Go if body.starts_with("fatal error: ") => with("fatal error: "),
        Runtime::Php => message.trim_start().trim_start_matches("Uncaught ").to_owned(),
        Runtime::Elixir => body.to_owned(),
        Runtime::Rust => {
            let start = body.find("panicked at ").unwrap_or_default();
            body.get(start..).unwrap_or(body).to_owned()
        }
        Runtime::C if body.contains(": Assertion ") => with("Assertion "),
        _ => message.to_owned(),
    }
}

/// What Python says below the frames: less indented than they are and, where no indentation is
/// left, unmistakably an error.
pub(super) fn python_error(body: &str, indent: usize, of_frames: usize) -> Option<String> {
    let name = body.split(':').next().unwrap_or_default();
    let is_name = !name.is_empty()
        && name.split('.').all(|part| {
            part.starts_with(|first: char| first.is_alphabetic() || first == '_')
                && part.chars().all(|next| next.is_alphanumeric() || next == '_')
        });
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_error = last.starts_with(|first: char| first.is_uppercase())
        || ["error", "exception", "timeout"].iter().any(|end| last.ends_with(end));
    let is_below = indent < of_frames;
    let rest = body.get(name.len()..).unwrap_or_default();
    let is_said = rest.is_empty() || rest.starts_with(": ") || rest == ":";
    (is_name && is_said && (is_below || is_error && of_frames == 0)).then(|| body.to_owned())
}

/// The error that a line names, such as `TypeError: x is undefined`.
pub(super) fn error(body: &str) -> Option<String> {
    let text =
        ["Uncaught ", "error: Uncaught (in promise) ", "error: Uncaught ", "[", "Error: Uncaught "]
            .iter()
            .find_map(|start| body.strip_prefix(start))
            .unwrap_or(body);
    let name_end = end_of_name(text);
    let (name, rest) = text.split_at_checked(name_end)?;
    let rest = match rest.strip_prefix(" [").and_then(|rest| rest.split_once(']')) {
        Some((_, rest)) => rest,
        None => rest,
    };
    let last = name.rsplit(['.', '$', ':']).next().unwrap_or_default();
    let is_error = ["Error", "Exception", "Failure", "Rejection", "Throwable", "Fault"]
        .iter()
        .any(|end| last.ends_with(end));
    let is_dotted = name.contains('.') && last.starts_with(|first: char| first.is_uppercase());
    let is_said = rest.is_empty()
        || rest.starts_with(": ")
        || rest == ":"
        || rest.starts_with(" (") && (rest.ends_with("):") || rest.contains("): "));
    let is_bun = body.starts_with("error: ");
    ((is_error || is_dotted) && is_said || is_bun).then(|| text.to_owned())
}

/// Where the name that a text begins with ends: `TypeError`, `java.io.IOException`,
/// `ActionView::Template::Error`.
fn end_of_name(text: &str) -> usize {
    let mut end = 0;
    for (at, next) in text.char_indices() {
        let behind = text.get(at..).unwrap_or_default();
        let is_part = next.is_alphanumeric() || "._$#\\".contains(next);
        // Two colons part names, one ends them.
        let is_colon = next == ':'
            && (behind.starts_with("::")
                || at == end && text.get(..at).is_some_and(|before| before.ends_with(':')));
        if !is_part && !is_colon {
            break;
        }
        end = at + next.len_utf8();
    }
    end
}

/// Whether a line only marks something in the line above it.
pub(super) fn is_marks(body: &str) -> bool {
    !body.is_empty() && body.chars().all(|next| matches!(next, '^' | '~' | ' '))
}

/// The name of a function without what some runtimes add to it.
pub(super) fn function_named(runtime: Runtime, name: &str) -> String {
    let name = match runtime {
        // `java.base/java.lang.Thread.run`, `app//com.example.Main.main`
        Runtime::Java => name.rsplit('/').next().unwrap_or(name),
        Runtime::Php | Runtime::Perl | Runtime::DotNet => {
            name.split_once('(').map_or(name, |(name, _)| name)
        }
        // `function 'play'`, `local 'play'`, `main chunk`
        Runtime::Lua => name.split('\'').nth(1).unwrap_or(name),
        _ => name,
    };
    name.to_owned()
}

/// The function that the line above a place names.
pub(super) fn function_above(runtime: Runtime, above: &str) -> Option<String> {
    match runtime {
        Runtime::Go => {
            let above = above.trim_start_matches("created by ");
            let above = above.split_once(" in goroutine ").map_or(above, |(name, _)| name);
            let name = match above.strip_suffix(')').and_then(|name| name.rsplit_once('(')) {
                Some((name, _)) => name,
                None => above,
            };
            (!name.is_empty() && !name.contains(' ')).then(|| name.to_owned())
        }
        Runtime::Rust => {
            // `6: main::f` or `6:     0x555b8efebd6a - main::f::h1baee35be45e3c90`
            let (number, name) = above.split_once(':')?;
            number.parse::<u32>().ok()?;
            let name = name.trim();
            let name = match name.split_once(" - ") {
                Some((address, name)) if address.starts_with("0x") => name,
                _ => name,
            };
            let hash = name.rfind("::h").filter(|at| name.len() - at == 19);
            Some(name.get(..hash.unwrap_or(name.len()))?.to_owned())
        }
        _ => None,
    }
}
