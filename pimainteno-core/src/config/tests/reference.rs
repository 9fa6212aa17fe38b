//! `PiMainteno.toml` at the root of the repository, the reference of all keys, against the structs.

use std::path::Path;

use crate::config::{
    Config, Project, ProjectConfig,
    notice::NOT_YET,
    read::read,
    tree::{Node, Segment},
};

const REFERENCE: &str = include_str!("../../../../PiMainteno.toml");

#[test]
fn the_reference_loads_without_notices_and_shows_the_defaults() {
    let loaded = super::toml(REFERENCE);
    assert_eq!(loaded.notices, [""; 0]);
    assert_eq!(loaded.config, Config::default());
}

#[test]
fn the_reference_knows_every_key() {
    let (tree, _) = read_all();
    let missing: Vec<_> = known_keys()
        .into_iter()
        .filter(|key| !occurs(&tree, key))
        .map(|key| dotted(&key))
        .collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn what_the_reference_shows_of_a_project_is_what_holds_without_it() {
    let (_, config) = read_all();
    let shown = Project::new(&config.project[0], &Config::default());
    // With `prepare`, its step is one of those that are there without being named.
    let named = &config.project[0];
    let (path, prepare) = (named.path.clone(), named.prepare.clone());
    let default = ProjectConfig { path, prepare, ..ProjectConfig::default() };
    let default = Project::new(&default, &Config::default());
    let comparable = |project: Project| {
        let limits = (
            project.verify_timeout,
            project.remote_timeout,
            project.repairs,
            project.probation,
            project.max_files,
            project.max_lines,
        );
        let silence = (project.approval_expires, project.on_silence);
        let named = (project.name, project.id, project.mode, project.steps, project.units);
        let sandbox = (project.sandbox.mode, project.sandbox.network, project.hooks);
        (named, project.restart, project.commit_summary, sandbox, limits, silence)
    };
    assert_eq!(comparable(shown), comparable(default));
}

#[test]
fn keys_without_effect_are_keys() {
    let known: Vec<_> = known_keys().iter().map(|key| dotted(key)).collect();
    for (key, _) in NOT_YET {
        assert!(known.iter().any(|known| known == key), "{key} is none of {known:?}");
    }
}

/// What the reference says with everything switched on, and without the checks between keys: it
/// shows alternatives side by side.
fn read_all() -> (Node, Config) {
    let switched_on = |line: &'static str| match line.strip_prefix('#') {
        Some(setting)
            if setting.starts_with(|first: char| first.is_ascii_alphabetic() || first == '[') =>
        {
            setting
        }
        _ => line,
    };
    let text = REFERENCE.lines().map(switched_on).collect::<Vec<_>>().join("\n");
    let parse = || Node::parse(&text, Path::new("PiMainteno.toml")).unwrap();
    let mut problems = Vec::new();
    let config = read(&mut parse(), &mut problems);
    assert!(problems.is_empty(), "{problems:?}");
    (parse(), config)
}

/// Every key that the structs know. A key that none can know makes a table tell those that it
/// knows.
fn known_keys() -> Vec<Vec<Segment>> {
    let mut known = Vec::new();
    let mut tables = vec![Vec::new()];
    while let Some(table) = tables.pop() {
        let mut value = "{ '?' = 0 }".to_owned();
        for segment in table.iter().rev() {
            value = match segment {
                Segment::Key(key) => format!("{{ {key} = {value} }}"),
                Segment::Index(_) => format!("[{value}]"),
            };
        }
        let mut tree = Node::parse(&format!("root = {value}"), Path::new("a.toml")).unwrap();
        let mut problems = Vec::new();
        let _: Root = read(&mut tree, &mut problems);
        let told = problems
            .iter()
            .map(|problem| problem.line(Path::new(""), ""))
            .find_map(|line| Some(line.split_once("known here: ")?.1.to_owned()));
        // Without an answer it is no table of that shape, or one of any keys.
        for key in told.iter().flat_map(|told| told.split(", ")) {
            let key =
                [table.as_slice(), &[Segment::Key(key.trim_matches('`').to_owned())]].concat();
            tables.push([key.as_slice(), &[Segment::Index(0)]].concat());
            tables.push(key.clone());
            known.push(key);
        }
    }
    assert!(known.len() > 60, "{known:?}");
    known
}

#[derive(Default, serde::Deserialize)]
struct Root {
    #[expect(dead_code, reason = "only what is said about it matters")]
    root: Config,
}

fn occurs(node: &Node, key: &[Segment]) -> bool {
    match key.split_first() {
        None => true,
        Some((Segment::Key(key), rest)) => {
            node.entry(key).is_some_and(|entry| occurs(&entry.node, rest))
        }
        Some((Segment::Index(_), rest)) => node.elements().any(|element| occurs(element, rest)),
    }
}

fn dotted(key: &[Segment]) -> String {
    let keys = key.iter().filter_map(|segment| {
        if let Segment::Key(key) = segment { Some(key.as_str()) } else { None }
    });
    keys.collect::<Vec<_>>().join(".")
}
