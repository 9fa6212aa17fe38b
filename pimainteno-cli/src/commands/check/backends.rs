//! A backend that many projects have is one thing, and so is what is wrong with it.

use std::collections::BTreeMap;

use pimainteno_core::config::Project;

use super::{Finding, Items, project::backend};
use crate::setup::Setup;

/// What the item about a backend is called.
pub(super) const NAME: &str = "backend";

/// The projects that have the same backend as the one that is asked for them, by that one's id.
pub(super) fn users(setup: &Setup) -> BTreeMap<String, Vec<String>> {
    let projects = setup.config.projects();
    let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for project in &projects {
        let is_same = |other: &&Project| backend(other) == backend(project);
        let asked = projects.iter().find(is_same).unwrap_or(project);
        users.entry(asked.id.to_string()).or_default().push(project.id.to_string());
    }
    users
}

/// Tells what is wrong with a backend that several projects have once, as a problem of the machine,
/// which is the first of `found`.
pub(super) fn once(found: &mut [Items], users: &BTreeMap<String, Vec<String>>) {
    let Some((machine, projects)) = found.split_first_mut() else { return };
    let order: Vec<_> = projects.iter().map(|items| items.project.clone()).collect();
    // By what is wrong, and what is to be done about it.
    let mut troubles: BTreeMap<(String, Vec<String>), Vec<String>> = BTreeMap::new();
    for items in projects.iter() {
        for item in items.list.iter().filter(|item| item.is_backend_problem()) {
            let trouble = (item.message.clone(), item.hints.clone());
            let all = users.get(&items.project).cloned().unwrap_or_default();
            troubles.entry(trouble).or_default().extend(all);
        }
    }
    troubles.retain(|_, users| users.len() > 1);
    for items in projects {
        items.list.retain(|item| {
            let trouble = (item.message.clone(), item.hints.clone());
            !item.is_backend_problem() || !troubles.contains_key(&trouble)
        });
    }
    for ((message, hints), mut users) in troubles {
        users.sort_by_key(|user| order.iter().position(|id| id == user));
        let message =
            format!("{message}; it is that of {} projects: {}", users.len(), users.join(", "));
        machine.add(NAME, Finding::Problem, message, hints);
    }
}

impl super::Item {
    fn is_backend_problem(&self) -> bool {
        self.name == NAME && self.finding == Finding::Problem
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_backend_of_many_projects_is_told_once() {
        let problem = |project: &str, message: &str| {
            let mut items = Items::new(project);
            items.problem(NAME, message, "sign in");
            items.ok("checks", "true");
            items
        };
        let mut found = vec![
            Items::new(""),
            problem("a", "nobody is signed in"),
            Items::new("b"),
            problem("c", "nobody is signed in"),
            problem("d", "another thing"),
        ];
        let users = [("a", vec!["a", "b"]), ("c", vec!["c"]), ("d", vec!["d"])];
        let users =
            users.map(|(asked, users)| (asked.into(), users.into_iter().map(Into::into).collect()));
        once(&mut found, &users.into());
        let told =
            |items: &Items| items.list.iter().filter(|item| item.is_backend_problem()).count();
        assert_eq!(found.iter().map(told).collect::<Vec<_>>(), [1, 0, 0, 0, 1]);
        let item = &found[0].list[0];
        assert_eq!(item.message, "nobody is signed in; it is that of 3 projects: a, b, c");
        assert_eq!(item.hints, ["sign in"]);
        assert_eq!(found[1].list[0].name, "checks");
    }
}
