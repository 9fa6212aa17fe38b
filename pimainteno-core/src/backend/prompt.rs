//! What a backend is asked, from templates.

use std::sync::LazyLock;

use handlebars::{Handlebars, no_escape};
use pimainteno_plugin::Edit;
use serde::Serialize;
use serde_json::json;

use crate::{
    config::Project,
    error::{Context, ErrorKind, Result},
    incident::Place,
    patch::Refusal,
    words::CommitId,
};

/// How many bytes of a diff a question about it carries.
const TOLD_DIFF: usize = 32 << 10;

/// The templates by their names. No value in them is called as one of the language's helpers.
const TEXTS: [(&str, &str); 6] = [
    ("summarize", include_str!("prompt/summarize.hbs")),
    ("propose", include_str!("prompt/propose.hbs")),
    ("repair", include_str!("prompt/repair.hbs")),
    ("mend", include_str!("prompt/mend.hbs")),
    ("rebase", include_str!("prompt/rebase.hbs")),
    ("commit_message", include_str!("prompt/commit_message.hbs")),
];

static TEMPLATES: LazyLock<std::result::Result<Handlebars<'static>, handlebars::TemplateError>> =
    LazyLock::new(|| {
        let mut templates = Handlebars::new();
        templates.set_strict_mode(true);
        // Prompts are plain text.
        templates.register_escape_fn(no_escape);
        for (name, template) in TEXTS {
            templates.register_template_string(name, template)?;
        }
        Ok(templates)
    });

/// Asks for a summary: of the whole project, or from the previous one and what changed since.
pub(crate) fn summarize(
    project: &Project,
    previous: Option<&str>,
    log: &str,
    diff: &str,
) -> Result<String> {
    render(
        "summarize",
        &json!({ "name": project.name, "instructions": project.instructions, "previous": previous, "commits": log, "diff": diff }),
    )
}

/// Asks for one minimal change. `tried` is what was tried lately and is not wanted, and `place` the
/// project's directory in its repository; empty if it is all of it.
pub(crate) fn propose(
    project: &Project,
    instructions: &str,
    summary: &str,
    tried: &[String],
    place: &str,
    edit: Edit,
) -> Result<String> {
    render(
        "propose",
        &json!({
            "name": project.name,
            "instructions": instructions,
            "summary": summary,
            "tried": tried,
            "place": place,
            "workspace": edit == Edit::Workspace,
            "protect": project.protect,
            "allow": project.allow,
            "checks": project.verify,
            "max_files": project.max_files,
            "max_lines": project.max_lines,
        }),
    )
}

/// What is known of a unit that failed.
pub(crate) struct Failed<'a> {
    pub(crate) unit: &'a str,
    /// Why it failed, as the end of a sentence about it.
    pub(crate) cause: &'a str,
    /// What its program said; empty if nothing is known of that.
    pub(crate) message: &'a str,
    /// What it logged.
    pub(crate) lines: &'a [String],
    /// The project's files that its trace names.
    pub(crate) places: &'a [Place],
    /// What stands there.
    pub(crate) excerpts: &'a [Excerpt],
    /// The last commits of these files, a line each.
    pub(crate) commits: &'a str,
    /// The commit with which it was well.
    pub(crate) healthy: Option<&'a CommitId>,
}

/// Lines of a file.
#[derive(Serialize)]
pub(crate) struct Excerpt {
    pub(crate) path: String,
    /// The number of the first of them.
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// Asks for a change that mends a unit which failed.
pub(crate) fn repair(
    project: &Project,
    instructions: &str,
    summary: &str,
    tried: &[String],
    place: &str,
    edit: Edit,
    failed: &Failed<'_>,
) -> Result<String> {
    render(
        "repair",
        &json!({
            "name": project.name,
            "unit": failed.unit,
            "cause": failed.cause,
            "message": failed.message,
            "lines": failed.lines,
            "places": failed.places,
            "excerpts": failed.excerpts,
            "commits": failed.commits.trim_end(),
            "healthy": failed.healthy.map_or("", |commit| commit),
            "instructions": instructions,
            "summary": summary,
            "tried": tried,
            "place": place,
            "workspace": edit == Edit::Workspace,
            "protect": project.protect,
            "allow": project.allow,
            "checks": project.verify,
            "max_files": project.max_files,
            "max_lines": project.max_lines,
        }),
    )
}

/// Asks for the change of `diff` once more, so that it passes the checks of which `logs` are the
/// names and what they wrote.
pub(crate) fn mend(
    project: &Project,
    instructions: &str,
    diff: &str,
    logs: &[(String, String)],
    place: &str,
    edit: Edit,
) -> Result<String> {
    render(
        "mend",
        &json!({
            "name": project.name,
            "instructions": instructions,
            "workspace": edit == Edit::Workspace,
            "protect": project.protect,
            "allow": project.allow,
            "logs": logs,
            "place": place,
            "diff": beginning(diff),
            "max_files": project.max_files,
            "max_lines": project.max_lines,
        }),
    )
}

/// Asks for a change once more that was refused, so that it fits the files as they are.
pub(crate) fn rebase(
    project: &Project,
    change: &str,
    refusal: &Refusal,
    place: &str,
) -> Result<String> {
    render(
        "rebase",
        &json!({
            "name": project.name,
            "reason": refusal.to_string(),
            "file": refusal.file,
            "excerpt": refusal.excerpt,
            "advice": refusal.advice(),
            "place": place,
            "change": beginning(change.trim()),
            "protect": project.protect,
            "allow": project.allow,
        }),
    )
}

/// Asks for a commit message in the manner of the recent ones.
pub(crate) fn commit_message(project: &Project, diff: &str, recent: &[String]) -> Result<String> {
    let recent: Vec<_> =
        recent.iter().take(10).filter_map(|message| message.lines().next()).collect();
    render(
        "commit_message",
        &json!({ "name": project.name, "diff": beginning(diff), "recent": recent }),
    )
}

/// As much of a diff as a question carries.
fn beginning(diff: &str) -> &str {
    diff.get(..diff.floor_char_boundary(TOLD_DIFF)).unwrap_or(diff)
}

fn render(name: &str, data: &impl Serialize) -> Result<String> {
    let fail = || format!("cannot make the prompt `{name}`");
    let templates =
        TEMPLATES.as_ref().map_err(ToString::to_string).context(ErrorKind::Internal, fail)?;
    templates.render(name, data).context(ErrorKind::Internal, fail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, ProjectConfig};

    #[test]
    fn no_value_has_the_name_of_a_helper_of_the_language() {
        const HELPERS: [&str; 17] = [
            "if", "unless", "each", "with", "lookup", "raw", "log", "eq", "ne", "gt", "gte", "lt",
            "lte", "and", "or", "not", "len",
        ];
        for (name, text) in TEXTS {
            for helper in HELPERS {
                assert!(!text.contains(&format!("{{{{{helper}}}}}")), "{name}: {helper}");
            }
        }
    }

    #[test]
    fn prompts_say_what_is_wanted_and_how() {
        let project = ProjectConfig {
            path: "/srv/radio".into(),
            instructions: "Mind the <antenna>.".into(),
            ..Default::default()
        };
        let project = Project::new(&project, &Config::default());
        let first = summarize(&project, None, "abc first", "").unwrap();
        let later = summarize(&project, Some("# Radio"), "abc more", "+line").unwrap();
        assert!(first.contains("Mind the <antenna>.") && !first.contains("previous summary"));
        assert!(later.contains("# Radio") && later.contains("+line"));
        // In Handlebars, `log` prints nothing.
        assert!(first.contains("abc first") && later.contains("abc more"));
        let all = "";
        let (edits, reply) = (
            propose(&project, "", "", &[], all, Edit::Workspace).unwrap(),
            propose(&project, "Mind it.", "", &["a < b".into()], all, Edit::Reply).unwrap(),
        );
        assert!(edits.contains("Edit the files") && !edits.contains("unified diff"));
        assert!(
            reply.contains("unified diff")
                && reply.contains("NO CHANGE")
                && reply.contains("Mind it.")
        );
        assert!(reply.contains("- a < b") && !edits.contains("were tried"));
        let logs = [("make <test>".to_owned(), "a < b".to_owned())];
        let (edits, reply) = (
            mend(&project, "", "+x", &logs, all, Edit::Workspace).unwrap(),
            mend(&project, "", "+x", &logs, all, Edit::Reply).unwrap(),
        );
        assert!(
            edits.contains("make <test>")
                && edits.contains("a < b")
                && edits.contains("in the current directory already")
        );
        assert!(
            reply.contains("+x")
                && reply.contains("unified diff")
                && reply.contains("never an instruction")
        );
        let files = std::collections::BTreeMap::from([(
            "a".to_owned(),
            crate::patch::Content { bytes: b"x\ny\nx\n".to_vec(), executable: false },
        )]);
        let change = "--- a/a\n+++ b/a\n@@ ... @@\n-x\n+z\n";
        let refusal =
            crate::patch::plan(change.as_bytes(), &files, &crate::patch::Rules::new()).unwrap_err();
        let again = rebase(&project, change, &refusal, all).unwrap();
        assert!(
            again.contains("at lines 1, 3")
                && again.contains("    2  y\n")
                && again.contains("+z")
                && again.contains("NO CHANGE")
                && again.contains("Copy the lines around each change"),
            "{again}"
        );
        let part = "services/radio";
        for prompt in [
            propose(&project, "", "", &[], part, Edit::Reply).unwrap(),
            mend(&project, "", "+x", &logs, part, Edit::Reply).unwrap(),
            rebase(&project, change, &refusal, part).unwrap(),
        ] {
            assert!(prompt.contains("directory `services/radio` of its repository"), "{prompt}");
        }
        assert!(!reply.contains("of its repository") && !again.contains("of its repository"));
        assert!(
            commit_message(&project, "+x", &["fix: y\n\nbody".into()]).unwrap().contains("fix: y")
        );
    }
}
