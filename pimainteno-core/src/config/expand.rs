//! `~/` and `${VAR}` in the strings of a configuration file.
//!
//! | written | becomes |
//! |---|---|
//! | `~` or `~/…`, at the start | the home directory |
//! | `${NAME}` | the variable; it is a mistake if there is none |
//! | `${NAME:-text}` | the variable, or `text` if there is none or it is empty |
//! | `$$` | `$` |
//! | any other `$` | itself |
//!
//! Somebody else's home, `~bob`, is left to the shell, and is refused where a path is wanted.
//!
//! This holds for every string, shell commands too: `$NAME` and `$(…)` reach the shell as they are,
//! `${NAME}` is replaced before, and `$${NAME}` is how the shell gets to see `${NAME}`. What was
//! put in is not looked at again.

use std::path::Path;

/// What strings are expanded with.
pub(super) struct Expansion<'a> {
    /// Looks up a variable.
    pub(super) variable: &'a dyn Fn(&str) -> Option<String>,
    /// What `~` stands for.
    pub(super) home: Option<&'a Path>,
}

impl Expansion<'_> {
    /// The text that `text` stands for, or what is wrong with it.
    pub(super) fn expand(&self, text: &str) -> Result<String, String> {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        if let Some(after) =
            rest.strip_prefix('~').filter(|after| after.is_empty() || after.starts_with('/'))
        {
            let home = self
                .home
                .and_then(Path::to_str)
                .ok_or("`~` stands for the home directory, and it is not known which that is")?;
            expanded.push_str(home);
            rest = after;
        }
        while let Some((before, after)) = rest.split_once('$') {
            expanded.push_str(before);
            if let Some(after) = after.strip_prefix('$') {
                expanded.push('$');
                rest = after;
            } else if let Some(after) = after.strip_prefix('{') {
                let (reference, after) = after
                    .split_once('}')
                    .ok_or("`${` is not closed; write `$${` for these two characters")?;
                expanded.push_str(&self.variable(reference)?);
                rest = after;
            } else {
                expanded.push('$');
                rest = after;
            }
        }
        expanded.push_str(rest);
        Ok(expanded)
    }

    /// The value of what stands between the braces.
    fn variable(&self, reference: &str) -> Result<String, String> {
        let (name, default) = reference
            .split_once(":-")
            .map_or((reference, None), |(name, default)| (name, Some(default)));
        let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_');
        if !is_name {
            return Err(format!(
                "`${{{reference}}}` is neither `${{NAME}}` nor `${{NAME:-text}}`; write `$${{` to leave it to the shell"
            ));
        }
        match ((self.variable)(name), default) {
            (Some(value), Some(default)) if value.is_empty() => Ok(default.to_owned()),
            (Some(value), _) => Ok(value),
            (None, Some(default)) => Ok(default.to_owned()),
            (None, None) => Err(format!(
                "the variable `{name}` is not set; write `${{{name}:-text}}` to give a default"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str) -> Result<String, String> {
        let variable = |name: &str| match name {
            "USER" => Some("ada".to_owned()),
            "EMPTY" => Some(String::new()),
            "SLY" => Some("~/${USER}$$".to_owned()),
            _ => None,
        };
        Expansion { variable: &variable, home: Some(Path::new("/home/ada")) }.expand(text)
    }

    #[test]
    fn home_and_variables_are_put_in() {
        assert_eq!(expand("~/site"), Ok("/home/ada/site".into()));
        assert_eq!(expand("~"), Ok("/home/ada".into()));
        assert_eq!(expand("/srv/${USER}/${EMPTY}x"), Ok("/srv/ada/x".into()));
        assert_eq!(
            expand("${NONE:-a b}-${EMPTY:-c}-${USER:-d}-${NONE:-}"),
            Ok("a b-c-ada-".into())
        );
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        for text in ["~ada/x", "a~/x", "$USER $(id) $1 $", "100 %", "}{"] {
            assert_eq!(expand(text), Ok(text.into()));
        }
    }

    #[test]
    fn two_dollars_are_one_and_leave_braces_to_the_shell() {
        assert_eq!(expand("$${USER} costs 5$$"), Ok("${USER} costs 5$".into()));
        assert_eq!(expand("$$${USER}"), Ok("$ada".into()));
    }

    #[test]
    fn what_was_put_in_is_not_expanded_again() {
        assert_eq!(expand("${SLY}"), Ok("~/${USER}$$".into()));
    }

    #[test]
    fn what_cannot_be_expanded_is_told() {
        assert_eq!(
            expand("${NONE}").unwrap_err(),
            "the variable `NONE` is not set; write `${NONE:-text}` to give a default"
        );
        assert_eq!(
            expand("a ${USER").unwrap_err(),
            "`${` is not closed; write `$${` for these two characters"
        );
        assert_eq!(
            expand("${USER%a}").unwrap_err(),
            "`${USER%a}` is neither `${NAME}` nor `${NAME:-text}`; write `$${` to leave it to the shell"
        );
        let homeless = Expansion { variable: &|_| None, home: None };
        assert_eq!(
            homeless.expand("~/x").unwrap_err(),
            "`~` stands for the home directory, and it is not known which that is"
        );
    }
}
