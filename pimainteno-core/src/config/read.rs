//! Reads the configuration's structs from a tree and finds everything that is wrong with it, not
//! only the first thing.
//!
//! Reading stops at the first fault, as serde does. The fault is noted, what it is about is taken
//! out of the tree, and reading starts again, until nothing is left to complain about. So the
//! structs alone say which keys exist and what they hold.

mod fault;

use serde::{
    Deserializer,
    de::{
        self, DeserializeOwned, DeserializeSeed, IntoDeserializer, Unexpected, Visitor,
        value::StrDeserializer,
    },
};

use super::{
    problem::Problem,
    tree::{Entry, Node, Segment, Value},
};
use fault::Fault;

/// After so many problems reading ends: a file with that many is something else, and each of them
/// has it read once more.
const MOST_PROBLEMS: usize = 100;

/// Reads what `tree` says. What cannot be read becomes a problem and is taken out of the tree.
pub(super) fn read<T: DeserializeOwned + Default>(
    tree: &mut Node,
    problems: &mut Vec<Problem>,
) -> T {
    loop {
        let fault = match T::deserialize(Reader(tree)) {
            Ok(value) => return value,
            Err(fault) => fault,
        };
        let path = fault.path();
        let Some((at, removed)) = tree.remove(&path) else {
            problems.push(Problem::new(tree.at, fault.message(&path)));
            return T::default();
        };
        // What a table lacks may be what was taken out of it.
        if !(fault.is_missing_key() && removed.damaged) {
            problems.push(Problem::new(
                if fault.is_about_key() { at } else { removed.at },
                fault.message(&path),
            ));
        }
        if problems.len() >= MOST_PROBLEMS {
            return T::default();
        }
    }
}

/// Hands a node to serde.
struct Reader<'a>(&'a Node);

/// Hands the elements of a list to serde.
struct Elements<'a>(std::iter::Enumerate<std::slice::Iter<'a, Node>>);

/// Hands the entries of a table to serde.
struct Entries<'a> {
    rest: std::slice::Iter<'a, Entry>,
    current: Option<&'a Entry>,
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.0.value {
            Value::Gone | Value::Null => visitor.visit_unit(),
            Value::Boolean(boolean) => visitor.visit_bool(*boolean),
            Value::Integer(integer) => visitor.visit_i64(*integer),
            Value::Float(float) => visitor.visit_f64(*float),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::List(elements) => visitor.visit_seq(Elements(elements.iter().enumerate())),
            Value::Table(entries) => {
                visitor.visit_map(Entries { rest: entries.iter(), current: None })
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.0.value {
            // serde would take the elements for the values of the keys.
            Value::List(_) => Err(de::Error::invalid_type(Unexpected::Seq, &visitor)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.0.value {
            Value::Text(text) => {
                visitor.visit_enum(IntoDeserializer::<Fault>::into_deserializer(text.as_str()))
            }
            _ => Err(Fault::not_one_of(variants)),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map
        identifier ignored_any
    }
}

impl<'de> de::SeqAccess<'de> for Elements<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some((index, node)) = self.0.find(|(_, node)| !node.is_gone()) else { return Ok(None) };
        seed.deserialize(Reader(node))
            .map(Some)
            .map_err(|fault| fault.inside(Segment::Index(index)))
    }
}

impl<'de> de::MapAccess<'de> for Entries<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        self.current = self.rest.next();
        let Some(entry) = self.current else { return Ok(None) };
        let key = StrDeserializer::<Fault>::new(&entry.key);
        seed.deserialize(key)
            .map(Some)
            .map_err(|fault| fault.inside(Segment::Key(entry.key.clone())))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some(entry) = self.current else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        seed.deserialize(Reader(&entry.node))
            .map_err(|fault| fault.inside(Segment::Key(entry.key.clone())))
    }
}
