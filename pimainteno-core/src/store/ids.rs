//! Ids by their beginning, as a person types them.

use uuid::Uuid;

use crate::error::{Error, ErrorKind, Result};

/// The first and the last id that begin with `prefix`, in hexadecimal with or without dashes.
pub(super) fn range(prefix: &str) -> Result<([u8; 16], [u8; 16])> {
    let digits = prefix.trim().replace('-', "").to_ascii_lowercase();
    let bound = |filler: &str| {
        let missing = 32_usize.checked_sub(digits.len()).filter(|missing| *missing < 32)?;
        Some(Uuid::try_parse(&format!("{digits}{}", filler.repeat(missing))).ok()?.into_bytes())
    };
    match (bound("0"), bound("f")) {
        (Some(first), Some(last)) => Ok((first, last)),
        _ => Err(Error::new(ErrorKind::Usage, format!("not the beginning of an id: `{prefix}`"))
            .hint("an id is written in hexadecimal digits")),
    }
}

/// The only match, or an error that says which there are.
pub(super) fn one_match(noun: &str, prefix: &str, matches: Vec<[u8; 16]>) -> Result<[u8; 16]> {
    match &*matches {
        [id] => Ok(*id),
        [] => Err(none_match(noun, prefix)),
        [..] => {
            let names = matches
                .iter()
                .take(5)
                .map(|id| Uuid::from_bytes(*id).as_simple().to_string())
                .collect::<Vec<_>>();
            let more = if matches.len() > names.len() { ", …" } else { "" };
            let error = Error::new(
                ErrorKind::Usage,
                format!("more than one {noun} begins with `{prefix}`"),
            );
            Err(error.hint(format!("give more digits: {}{more}", names.join(", "))))
        }
    }
}

/// There is no match.
pub(super) fn none_match(noun: &str, prefix: &str) -> Error {
    Error::new(ErrorKind::Usage, format!("no {noun} begins with `{prefix}`"))
        .hint(format!("list the {noun}s to see their ids"))
}
