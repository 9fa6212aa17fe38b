//! What the owner of a configuration should know about it, though it can be used.

use std::{collections::BTreeSet, path::PathBuf};

use super::{Config, LlmConfig, Mode, Project, problem::Problem, secret, tree::Node};

/// The keys that are understood and have no effect yet, and what they will be good for.
pub(super) const NOT_YET: [(&str, &str); 6] = [
    ("plugin", "backends from shared libraries"),
    ("web.host", "the dashboard"),
    ("web.port", "the dashboard"),
    ("web.token", "access to the dashboard"),
    ("web.token_file", "access to the dashboard"),
    ("web.allowed_hosts", "access to the dashboard"),
];

/// The backend that asks nobody who could be paid.
const FREE: &str = "offline";

/// The keys that limit money.
const MONEY: [&str; 2] = ["money_per_run", "money_per_day"];

/// The notices about a configuration and the tree that it was read from, in the order of the file.
pub(super) fn notices(config: &Config, tree: &Node) -> Vec<Problem> {
    let mut notices = Vec::new();
    for (key, purpose) in NOT_YET {
        let (table, last) =
            key.rsplit_once('.').map_or((None, key), |(table, last)| (Some(table), last));
        if let Some(entry) = tree
            .find(table.iter().flat_map(|table| table.split('.')))
            .and_then(|table| table.entry(last))
        {
            notices.push(Problem::new(
                entry.at,
                format!("`{key}` has no effect yet; it is meant for {purpose}"),
            ));
        }
    }
    note_readable_secrets(config, tree, &mut notices);
    note_missing_prices(config, tree, &mut notices);
    let sections = tree.find(["project"]).into_iter().flat_map(Node::elements);
    for (project, section) in config.project.iter().zip(sections) {
        if project.mode == Mode::Auto && project.verify.is_empty() {
            let at = section.entry("mode").map_or(section.at, |entry| entry.at);
            notices.push(Problem::new(at, "`mode = \"auto\"` without `verify`: nothing checks a change, so each is held for review"));
        }
    }
    notices.sort_by_key(Problem::at);
    notices
}

fn note_readable_secrets(config: &Config, tree: &Node, notices: &mut Vec<Problem>) {
    let mut note = |section: Option<&Node>, key: &str, path: Option<&PathBuf>| {
        let Some((entry, path)) = section.and_then(|section| section.entry(key)).zip(path) else {
            return;
        };
        if secret::is_readable_by_everybody(path) {
            let message = format!(
                "everybody on this machine can read the secret in `{0}`; `chmod 600 {0}` changes that",
                path.display()
            );
            notices.push(Problem::new(entry.at, message));
        }
    };
    note(tree.find(["llm"]), "api_key_file", config.llm.api_key_file.as_ref());
    note(tree.find(["web"]), "token_file", config.web.token_file.as_ref());
    let sections = tree.find(["project"]).into_iter().flat_map(Node::elements);
    for (project, section) in config.project.iter().zip(sections) {
        note(
            section.find(["llm"]),
            "api_key_file",
            project.llm.as_ref().and_then(|llm| llm.api_key_file.as_ref()),
        );
    }
}

/// Notes where money is limited and nobody says what a call costs.
fn note_missing_prices(config: &Config, tree: &Node, notices: &mut Vec<Problem>) {
    let mut note = |section: Option<&Node>, llms: &[LlmConfig]| {
        let Some(budget) = section.and_then(|section| section.find(["budget"])) else { return };
        let without_price = |llm: &&LlmConfig| llm.provider != FREE && llm.price().is_none();
        let providers: BTreeSet<_> =
            llms.iter().filter(without_price).map(|llm| format!("`{}`", llm.provider)).collect();
        let entries = MONEY.iter().filter_map(|key| Some((key, budget.entry(key)?)));
        if let Some((key, entry)) =
            entries.min_by_key(|(_, entry)| entry.at).filter(|_| !providers.is_empty())
        {
            let providers = providers.into_iter().collect::<Vec<_>>().join(", ");
            let message = format!(
                "`{key}` counts only what {providers} itself tells about money: `[llm.prices]` has no price for it"
            );
            notices.push(Problem::new(entry.at, message));
        }
    };
    let projects: Vec<_> = config.projects().into_iter().map(|project| project.llm).collect();
    note(
        tree.find(["llm"]),
        if projects.is_empty() { std::slice::from_ref(&config.llm) } else { &projects },
    );
    let sections = tree.find(["project"]).into_iter().flat_map(Node::elements);
    for (project, section) in config.project.iter().zip(sections) {
        note(section.find(["llm"]), &[Project::new(project, config).llm]);
    }
}
