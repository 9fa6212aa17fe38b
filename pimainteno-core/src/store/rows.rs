//! Reading and writing values that may span several rows; see [`super::schema`].

use redb::{Error, ReadableTable};
use serde::{Serialize, de::DeserializeOwned};

use super::schema::{Key, PART, Table};
use crate::words::ProjectId;

/// Separates the head of a value from its body. JSON written by serde holds no bare newline.
const SEPARATOR: u8 = b'\n';

/// The whole value.
pub(super) fn get(
    table: &impl ReadableTable<Key, &'static [u8]>,
    project: &str,
    kind: u8,
    id: &[u8],
) -> Result<Option<Vec<u8>>, Error> {
    let mut value = None;
    for row in table.range((project, kind, id, 0)..=(project, kind, id, u16::MAX))? {
        value.get_or_insert_with(Vec::new).extend_from_slice(row?.1.value());
    }
    Ok(value)
}

/// The whole value, read as JSON.
pub(super) fn get_json<T: DeserializeOwned>(
    table: &impl ReadableTable<Key, &'static [u8]>,
    project: &str,
    kind: u8,
    id: &[u8],
) -> Result<Option<T>, Error> {
    get(table, project, kind, id)?.map(|value| from_json(&value)).transpose()
}

/// The value's head, without reading what comes after it.
pub(super) fn get_head<T: DeserializeOwned>(
    table: &impl ReadableTable<Key, &'static [u8]>,
    project: &str,
    kind: u8,
    id: &[u8],
) -> Result<Option<T>, Error> {
    let mut head = None;
    for row in table.range((project, kind, id, 0)..=(project, kind, id, u16::MAX))? {
        let row = row?.1;
        let end = row.value().iter().position(|byte| *byte == SEPARATOR);
        let piece = end.and_then(|end| row.value().get(..end)).unwrap_or(row.value());
        head.get_or_insert_with(Vec::new).extend_from_slice(piece);
        if end.is_some() {
            break;
        }
    }
    head.map(|head| from_json(&head)).transpose()
}

/// The value's head, read as JSON, and its body.
pub(super) fn get_both<T: DeserializeOwned>(
    table: &impl ReadableTable<Key, &'static [u8]>,
    project: &str,
    kind: u8,
    id: &[u8],
) -> Result<Option<(T, Vec<u8>)>, Error> {
    let Some(mut value) = get(table, project, kind, id)? else { return Ok(None) };
    let end = value.iter().position(|byte| *byte == SEPARATOR).unwrap_or(value.len());
    let body = value.split_off(end).split_off(1.min(value.len()));
    Ok(Some((from_json(&value)?, body)))
}

/// The ids of a kind, in their order.
pub(super) fn ids(
    table: &impl ReadableTable<Key, &'static [u8]>,
    project: &str,
    kind: u8,
) -> Result<Vec<Vec<u8>>, Error> {
    let mut ids = Vec::new();
    for row in table.range((project, kind, &[][..], 0)..(project, kind + 1, &[][..], 0))? {
        let key = row?.0;
        let (_, _, id, part) = key.value();
        if part == 0 {
            ids.push(id.to_vec());
        }
    }
    Ok(ids)
}

/// The last `limit` ids of a kind, the last one first.
pub(super) fn last_ids(
    table: &impl ReadableTable<Key, &'static [u8]>,
    project: &str,
    kind: u8,
    limit: usize,
) -> Result<Vec<Vec<u8>>, Error> {
    let mut ids = Vec::new();
    for row in table.range((project, kind, &[][..], 0)..(project, kind + 1, &[][..], 0))?.rev() {
        if ids.len() == limit {
            break;
        }
        let key = row?.0;
        let (_, _, id, part) = key.value();
        if part == 0 {
            ids.push(id.to_vec());
        }
    }
    Ok(ids)
}

/// The projects that have any row, in order. It skips from one to the next and reads few pages.
pub(super) fn projects(
    table: &impl ReadableTable<Key, &'static [u8]>,
) -> Result<Vec<ProjectId>, Error> {
    let mut projects: Vec<ProjectId> = Vec::new();
    loop {
        let last = projects.last().map_or("", ProjectId::as_str);
        let Some(row) = table.range((last, u8::MAX, &[][..], 0)..)?.next() else {
            return Ok(projects);
        };
        let project = ProjectId::unchecked(row?.0.value().0);
        projects.push(project);
    }
}

/// Writes a value in place of the one that is there.
pub(super) fn put(
    table: &mut Table<'_>,
    project: &str,
    kind: u8,
    id: &[u8],
    value: &[u8],
) -> Result<(), Error> {
    let mut count = 0;
    // An empty value is one empty row.
    for part in value.chunks(PART).chain(value.is_empty().then_some(value)) {
        table.insert((project, kind, id, count), part)?;
        count = count.checked_add(1).ok_or(Error::ValueTooLarge(value.len()))?;
    }
    while table.remove((project, kind, id, count))?.is_some() {
        count = count.saturating_add(1);
    }
    Ok(())
}

/// Writes a value as JSON in place of the one that is there.
pub(super) fn put_json(
    table: &mut Table<'_>,
    project: &str,
    kind: u8,
    id: &[u8],
    value: &impl Serialize,
) -> Result<(), Error> {
    put(table, project, kind, id, &to_json(value)?)
}

/// Writes a head as JSON, and a body, in place of the value that is there.
pub(super) fn put_both(
    table: &mut Table<'_>,
    project: &str,
    kind: u8,
    id: &[u8],
    head: &impl Serialize,
    body: &[u8],
) -> Result<(), Error> {
    let mut value = to_json(head)?;
    value.push(SEPARATOR);
    value.extend_from_slice(body);
    put(table, project, kind, id, &value)
}

/// Removes a value.
pub(super) fn remove(
    table: &mut Table<'_>,
    project: &str,
    kind: u8,
    id: &[u8],
) -> Result<(), Error> {
    let mut part = 0;
    while table.remove((project, kind, id, part))?.is_some() {
        part = part.saturating_add(1);
    }
    Ok(())
}

/// Reads JSON that we wrote; what cannot be read is damaged.
pub(super) fn from_json<T: DeserializeOwned>(json: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(json)
        .map_err(|error| Error::Corrupted(format!("a row cannot be read: {error}")))
}

/// Writes JSON.
pub(super) fn to_json(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| Error::Io(error.into()))
}
