//! `log`: the texts that a run left behind.

use pimainteno_core::{Error, ErrorKind, Result, store::Output};

use crate::{
    access::Access,
    arguments::LogArguments,
    terminal::{STRONG, Terminal, paint, plain},
};

/// Prints the texts that a run left behind, or one of them.
///
/// # Errors
/// As [`Access::ask`], and [`ErrorKind::Usage`] if there is no such text.
pub(crate) async fn run(
    access: &Access,
    arguments: LogArguments,
    terminal: &Terminal,
) -> Result<()> {
    let outputs = access.ask(arguments.run).await?.outputs;
    let Some(name) = &arguments.output else {
        return terminal.give(&outputs, || {
            if outputs.is_empty() {
                terminal.tell("the run left nothing behind");
            }
            for output in &outputs {
                terminal.print(paint(STRONG, format_args!("── {}", plain::inline(&output.name))));
                terminal.print(plain::text(&plain::unstyled(&output.text)));
            }
        });
    };
    let output = find(&outputs, name)?;
    terminal.give(output, || terminal.print(plain::text(&plain::unstyled(&output.text))))
}

/// The text of this name, or the one whose name has `name` in it.
fn find<'a>(outputs: &'a [Output], name: &str) -> Result<&'a Output> {
    if let Some(output) = outputs.iter().find(|output| output.name == name) {
        return Ok(output);
    }
    let matches: Vec<_> = outputs.iter().filter(|output| output.name.contains(name)).collect();
    if let [output] = *matches {
        return Ok(output);
    }
    let (problem, named) = if matches.is_empty() {
        ("no text", outputs.iter().collect())
    } else {
        ("more than one text", matches)
    };
    let names =
        named.iter().map(|output| format!("`{}`", output.name)).collect::<Vec<_>>().join(", ");
    let hint = if names.is_empty() {
        "the run left nothing behind".to_owned()
    } else {
        format!("there are: {names}")
    };
    Err(Error::new(ErrorKind::Usage, format!("{problem} of the run has `{name}` in its name"))
        .hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_by_its_name_or_by_a_part_that_only_it_has() {
        let outputs = ["cargo test", "cargo test --doc", "answer: propose"]
            .map(|name| Output { name: name.into(), text: String::new() });
        assert_eq!(find(&outputs, "cargo test").unwrap().name, "cargo test");
        assert_eq!(find(&outputs, "propose").unwrap().name, "answer: propose");
        for (name, hint) in
            [("cargo", "there are: `cargo test`, `cargo test --doc`"), ("npm", "answer: propose")]
        {
            let error = find(&outputs, name).unwrap_err();
            assert!(error.hints().any(|told| told.contains(hint)), "{error:?}");
        }
    }
}
