//! A configuration file as a tree of values that know where they stand, whether it was written as
//! TOML or as JSON.
//!
//! What reads a tree takes out what it cannot use and marks the table it was in as damaged, so that
//! one mistake is not reported twice.

mod json;
mod toml;

use std::path::Path;

use super::problem::Problem;

/// A value and where it stands.
#[derive(Debug)]
pub(super) struct Node {
    /// The offset of its first byte in the text.
    pub(super) at: usize,
    /// What it is.
    pub(super) value: Value,
    /// Whether something that was in it had to be taken out.
    pub(super) damaged: bool,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Value {
    /// An element of a list that was taken out; those behind it keep their numbers.
    Gone,
    /// JSON's `null`.
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key of a table and its value.
#[derive(Debug)]
pub(super) struct Entry {
    /// The offset of the key's first byte in the text.
    pub(super) at: usize,
    pub(super) key: String,
    pub(super) node: Node,
}

/// One step of the way from the root to a node.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Segment {
    Key(String),
    Index(usize),
}

impl Node {
    /// The tree of `text`, which is JSON if `path` ends in `.json`, and TOML if it ends in `.toml`.
    pub(super) fn parse(text: &str, path: &Path) -> Result<Self, Vec<Problem>> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("toml") => toml::parse(text),
            Some("json") => json::parse(text),
            _ => Err(vec![Problem::new(
                0,
                "not known how to read this: the name must end in `.toml` or `.json`",
            )]),
        }
    }

    fn new(at: usize, value: Value) -> Self {
        Self { at, value, damaged: false }
    }

    /// The entries of a table; none of anything else.
    pub(super) fn entries(&self) -> &[Entry] {
        if let Value::Table(entries) = &self.value { entries } else { &[] }
    }

    /// The elements of a list; none of anything else.
    pub(super) fn elements(&self) -> impl Iterator<Item = &Self> {
        let elements =
            if let Value::List(elements) = &self.value { elements.as_slice() } else { &[] };
        elements.iter().filter(|element| !element.is_gone())
    }

    /// Whether it was taken out of its list.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.value, Value::Gone)
    }

    /// The entry of a table that has this key.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The node at the end of `keys`.
    pub(super) fn find<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> Option<&Self> {
        keys.into_iter().try_fold(self, |node, key| node.entry(key).map(|entry| &entry.node))
    }

    /// Calls `visit` with every text in the tree and the offset where it stands.
    pub(super) fn for_each_text(&mut self, visit: &mut impl FnMut(usize, &mut String)) {
        match &mut self.value {
            Value::Text(text) => visit(self.at, text),
            Value::List(elements) => {
                elements.iter_mut().for_each(|element| element.for_each_text(visit));
            }
            Value::Table(entries) => {
                entries.iter_mut().for_each(|entry| entry.node.for_each_text(visit));
            }
            Value::Gone | Value::Null | Value::Boolean(_) | Value::Integer(_) | Value::Float(_) => {
            }
        }
    }

    /// Takes out what `path` leads to, and gives it with the offset of its key (its own, if it is
    /// an element of a list).
    pub(super) fn remove(&mut self, path: &[Segment]) -> Option<(usize, Self)> {
        let (first, rest) = path.split_first()?;
        self.damaged |= rest.is_empty();
        match (&mut self.value, first) {
            (Value::Table(entries), Segment::Key(key)) => {
                let position = entries.iter().position(|entry| entry.key == *key)?;
                if rest.is_empty() {
                    let entry = entries.remove(position);
                    return Some((entry.at, entry.node));
                }
                entries.get_mut(position)?.node.remove(rest)
            }
            (Value::List(elements), Segment::Index(index)) => {
                let element = elements.get_mut(*index)?;
                if rest.is_empty() {
                    let gone = Self::new(element.at, Value::Gone);
                    return Some((element.at, std::mem::replace(element, gone)));
                }
                element.remove(rest)
            }
            _ => None,
        }
    }
}
