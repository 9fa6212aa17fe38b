//! TOML as a tree.

use std::collections::BTreeSet;

use toml::de::{DeTable, DeValue};

use super::{Entry, Node, Problem, Value};

pub(super) fn parse(text: &str) -> Result<Node, Vec<Problem>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let mut lines = BTreeSet::new();
        let start = |error: &toml::de::Error| error.span().map_or(0, |span| span.start);
        // What is said later about the same line mostly follows from what was said first.
        let first = errors.iter().filter(|error| {
            lines.insert(text.get(..start(error)).unwrap_or_default().matches('\n').count())
        });
        return Err(first.map(|error| Problem::new(start(error), error.message())).collect());
    }
    let mut problems = Vec::new();
    let node = Node::new(0, Value::Table(entries(table.get_ref(), &mut problems)));
    if problems.is_empty() { Ok(node) } else { Err(problems) }
}

fn entries(table: &DeTable<'_>, problems: &mut Vec<Problem>) -> Vec<Entry> {
    let entry = |(key, value): (&toml::Spanned<_>, &toml::Spanned<_>)| Entry {
        at: key.span().start,
        key: AsRef::<str>::as_ref(key.get_ref()).to_owned(),
        node: Node::new(value.span().start, convert(value.get_ref(), value.span().start, problems)),
    };
    table.iter().map(entry).collect()
}

fn convert(value: &DeValue<'_>, at: usize, problems: &mut Vec<Problem>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.as_ref().to_owned()),
        DeValue::Integer(integer) => Value::Integer(
            i64::from_str_radix(integer.as_str(), integer.radix()).unwrap_or_else(|_| {
                problems.push(Problem::new(at, "this number is too large"));
                0
            }),
        ),
        DeValue::Float(float) => Value::Float(float.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(boolean) => Value::Boolean(*boolean),
        // No key holds a date; as a text it gets the same complaint as any other text.
        DeValue::Datetime(datetime) => Value::Text(datetime.to_string()),
        DeValue::Array(array) => {
            let element = |element: &toml::Spanned<DeValue<'_>>| {
                let at = element.span().start;
                Node::new(at, convert(element.get_ref(), at, problems))
            };
            Value::List(array.iter().map(element).collect())
        }
        DeValue::Table(table) => Value::Table(entries(table, problems)),
    }
}
