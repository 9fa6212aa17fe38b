//! JSON as a tree.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

use super::{Entry, Node, Problem, Value};

pub(super) fn parse(text: &str) -> Result<Node, Vec<Problem>> {
    // This finds what is wrong with the syntax anywhere, and bounds the depth of what is read
    // below.
    if let Err(error) = serde_json::from_str::<serde_json::Value>(text) {
        return Err(vec![syntax_problem(text, &error)]);
    }
    let mut problems = Vec::new();
    let node = convert(text, text.trim_ascii_start(), &mut problems);
    match node.value {
        _ if !problems.is_empty() => Err(problems),
        Value::Table(_) => Ok(node),
        _ => Err(vec![Problem::new(node.at, "a configuration is a table: `{ … }`")]),
    }
}

/// The members of an object in their order, each as it is written.
struct Members<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Visitor)
    }
}

/// The node of `part`, a valid value that stands in `text`.
fn convert(text: &str, part: &str, problems: &mut Vec<Problem>) -> Node {
    let at = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    let value = match part.as_bytes().first() {
        Some(b'{') => members(text, part, problems).map(Value::Table),
        Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(part).map(|elements| {
            Value::List(
                elements.iter().map(|element| convert(text, element.get(), problems)).collect(),
            )
        }),
        Some(b'"') => serde_json::from_str(part).map(Value::Text),
        Some(b't' | b'f') => serde_json::from_str(part).map(Value::Boolean),
        Some(b'n') => Ok(Value::Null),
        _ => serde_json::from_str(part)
            .map(Value::Integer)
            .or_else(|_| serde_json::from_str(part).map(Value::Float)),
    };
    let value = value.unwrap_or_else(|error| {
        problems.push(Problem::new(at, error.to_string()));
        Value::Null
    });
    Node::new(at, value)
}

fn members(text: &str, part: &str, problems: &mut Vec<Problem>) -> serde_json::Result<Vec<Entry>> {
    let mut seen = BTreeSet::new();
    let mut entries = Vec::new();
    for (key, value) in serde_json::from_str::<Members<'_>>(part)?.0 {
        let at = (key.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        let key: String = serde_json::from_str(key.get())?;
        if !seen.insert(key.clone()) {
            problems.push(Problem::new(at, format!("`{key}` is given twice")));
        }
        entries.push(Entry { at, key, node: convert(text, value.get(), problems) });
    }
    Ok(entries)
}

fn syntax_problem(text: &str, error: &serde_json::Error) -> Problem {
    let line: usize =
        text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let message = error.to_string();
    // The position is told in our own way.
    let message = message.split(" at line ").next().unwrap_or_default();
    Problem::new(text.len().min(line + error.column().saturating_sub(1)), message.to_owned())
}
