//! What keys must be together, and what projects must be among each other.

use std::collections::{BTreeMap, BTreeSet};

use super::{BudgetConfig, Config, RestartConfig, problem::Problem, tree::Node};
use crate::words::UnitName;

/// Checks a configuration that was read from `tree`. Of a table that something was taken out of,
/// only what is in it counts.
pub(super) fn check(config: &Config, tree: &Node, problems: &mut Vec<Problem>) {
    if let Some(llm) = tree.find(["llm"]) {
        refuse_both(llm, "api_key", "api_key_file", problems);
        check_reserve(llm, &config.llm.budget, problems);
    }
    if let Some(web) = tree.find(["web"]) {
        refuse_both(web, "token", "token_file", problems);
    }
    for section in elements(tree, &["project"]) {
        check_project(section, problems);
    }
    check_units(&config.systemd_monitor.units, tree, &["systemd_monitor", "units"], problems);
    for (project, section) in config.project.iter().zip(elements(tree, &["project"])) {
        if project.restart == RestartConfig::Systemd {
            check_units(
                project.units.as_deref().unwrap_or_default(),
                section,
                &["units"],
                problems,
            );
        }
        if let Some((llm, budget)) =
            section.find(["llm"]).zip(project.llm.as_ref().and_then(|llm| llm.budget.as_ref()))
        {
            check_reserve(llm, budget, problems);
        }
    }
    check_uniqueness(config, tree, problems);
}

fn check_project(section: &Node, problems: &mut Vec<Problem>) {
    if section.entry("path").is_none() && !section.damaged {
        problems.push(Problem::new(section.at, "a project needs a `path`"));
    }
    if let Some(steps) = section.entry("steps")
        && steps.node.elements().next().is_none()
        && !steps.node.damaged
    {
        problems.push(Problem::new(
            steps.node.at,
            "`steps` is empty; leave it out to get the usual steps",
        ));
    }
    if let Some(llm) = section.find(["llm"]) {
        refuse_both(llm, "api_key", "api_key_file", problems);
    }
    // What `hold` does not name is delivered without asking anyhow.
    refuse_both(section, "hold", "unasked", problems);
    if let Some(health) = section.find(["health"]) {
        refuse_both(health, "http", "command", problems);
        if !health.damaged && health.entry("http").or(health.entry("command")).is_none() {
            problems.push(Problem::new(health.at, "`health` needs `http` or `command`"));
        }
    }
}

/// What is kept back must be a part of something.
fn check_reserve(llm: &Node, budget: &BudgetConfig, problems: &mut Vec<Problem>) {
    let Some(table) = llm.find(["budget"]).filter(|table| !table.damaged) else { return };
    let Some((entry, reserve)) =
        table.entry("repair_reserve").zip(budget.repair_reserve.filter(|reserve| *reserve > 0))
    else {
        return;
    };
    match budget.calls_per_day {
        None => problems.push(Problem::new(
            entry.at,
            "`repair_reserve` is kept back from `calls_per_day`, which is not given",
        )),
        Some(calls) if reserve >= calls => {
            problems.push(Problem::new(
                entry.node.at,
                format!("`repair_reserve` leaves none of the {calls} calls of `calls_per_day`"),
            ));
        }
        Some(_) => {}
    }
}

/// What systemd is asked about has names that it takes.
fn check_units(units: &[UnitName], table: &Node, keys: &[&str], problems: &mut Vec<Problem>) {
    // What is no name at all is told already, and not among them.
    let nodes = elements(table, keys);
    for (unit, node) in units.iter().zip(nodes) {
        let Some(reason) = unit.refusal() else { continue };
        problems.push(Problem::new(node.at, format!("systemd starts no `{unit}`: {reason}")));
    }
}

fn refuse_both(table: &Node, one: &str, other: &str, problems: &mut Vec<Problem>) {
    if let (Some(_), Some(entry)) = (table.entry(one), table.entry(other)) {
        problems.push(Problem::new(
            entry.at,
            format!("`{one}` and `{other}` are given both; one of them must go"),
        ));
    }
}

/// Projects have their directories and their ids for themselves.
fn check_uniqueness(config: &Config, tree: &Node, problems: &mut Vec<Problem>) {
    // In the order of `Config::projects`.
    let sections = elements(tree, &["project"]).map(|section| {
        section.entry("name").or(section.entry("path")).map_or(section.at, |entry| entry.node.at)
    });
    let positions = sections.chain(elements(tree, &["scheduler", "projects"]).map(|path| path.at));
    let (mut paths, mut ids) = (BTreeSet::new(), BTreeMap::new());
    for (project, at) in config.projects().into_iter().zip(positions) {
        if project.path.as_os_str().is_empty() {
            continue;
        }
        let path = project.path.display().to_string();
        if !paths.insert(project.path) {
            problems.push(Problem::new(at, format!("the project in `{path}` is given twice")));
        } else if let Some(first) = ids.insert(project.id.clone(), path.clone()) {
            let message = format!(
                "the projects in `{first}` and `{path}` have the same id `{}`; give one of them another `name`",
                project.id
            );
            problems.push(Problem::new(at, message));
        }
    }
}

fn elements<'a>(tree: &'a Node, keys: &[&str]) -> impl Iterator<Item = &'a Node> {
    tree.find(keys.iter().copied()).into_iter().flat_map(Node::elements)
}
