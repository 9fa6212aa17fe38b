//! Keeping a file's own quotes, dashes and blanks where a reply shows plainer ones.

use std::{borrow::Cow, collections::BTreeMap, ops::Range};

use similar::{Algorithm, DiffOp};

use super::Alignment;
use crate::patch::{
    change::{Hunk, Kind},
    locate::{Fit, plain},
    refusal::{Reason, Refusal},
    remedy::Remedy,
    steps::Steps,
    text::{Edit, Text},
};

/// A character as it is compared, and which bytes of the line it is written with.
struct Unit {
    plain: char,
    bytes: Range<usize>,
}

/// A removed line: as the reply shows it, and as the file has it.
struct Removed<'a> {
    reply: &'a str,
    file: &'a str,
    /// Of both, with the same characters in the same order.
    units: Vec<(Unit, Unit)>,
}

/// A hunk without characters that came into it on its way here: quotes, dashes and blanks beyond
/// ASCII in lines of which the file has plain ones, wherever it shows them.
pub(super) fn without_guests<'h>(
    text: &Text<'_>,
    hunk: &'h Hunk,
    alignment: &Alignment,
) -> Cow<'h, Hunk> {
    // Whether a character is the file's own where a line of the file is shown with it.
    let mut own: BTreeMap<char, bool> = BTreeMap::new();
    for (line, place) in hunk.lines.iter().zip(&alignment.lines) {
        let Some(place) = place.filter(|_| line.is_old() && !line.text.is_ascii()) else {
            continue;
        };
        let Ok(file) = str::from_utf8(text.line(place)) else { continue };
        for character in line.text.chars().filter(|character| plain_form(*character).is_some()) {
            *own.entry(character).or_default() |= file.contains(character);
        }
    }
    if own.values().all(|is_own| *is_own) {
        return Cow::Borrowed(hunk);
    }
    let mut clean = hunk.clone();
    for line in &mut clean.lines {
        let is_guest = |character: &char| own.get(character) == Some(&false);
        line.text = line
            .text
            .chars()
            .map(|it| plain_form(it).filter(|_| is_guest(&it)).unwrap_or(it))
            .collect();
    }
    Cow::Owned(clean)
}

/// The one character of ASCII that one beyond it is mistaken for.
fn plain_form(character: char) -> Option<char> {
    match plain(character) {
        [Some(plain), None, None] if plain.is_ascii() && plain != character => Some(plain),
        _ => None,
    }
}

/// Gives added lines the file's characters back, as far as they say the same as a line that they
/// replace. `is_indented` if they have the file's indentation already.
///
/// # Errors
/// [`Reason::Ambiguous`] if one is written anew where the file had others than the reply shows.
pub(super) fn restore(
    text: &Text<'_>,
    hunk: &Hunk,
    (block, is_indented): (Range<usize>, bool),
    alignment: &Alignment,
    edit: &mut Edit,
    steps: &mut Steps<'_>,
) -> Result<(), Refusal> {
    // Blanks beyond ASCII in front of a line are kept only where it is told which they are.
    let has_wide_blanks = |line: &[u8]| {
        let line = str::from_utf8(line).unwrap_or_default();
        let indentation = &line[..line.len() - line.trim_start().len()];
        !indentation.is_ascii()
    };
    let replaced = edit.start..edit.end;
    if !is_indented
        && !edit.lines.is_empty()
        && replaced.clone().any(|at| has_wide_blanks(text.line(at)))
    {
        let message = format!(
            "lines from {} on are indented with other blanks than the reply shows",
            edit.start + 1
        );
        return Err(Refusal::new(Reason::Ambiguous, message).remedy(Remedy::Copy));
    }
    let removed: Vec<_> = block
        .filter(|at| hunk.lines[*at].kind == Kind::Removed)
        .filter_map(|at| {
            let file = text.line(alignment.lines.get(at).copied().flatten()?);
            Removed::new(&hunk.lines[at].text, str::from_utf8(file).ok()?)
        })
        .collect();
    if removed.is_empty() {
        return Ok(());
    }
    for line in &mut edit.lines {
        let Ok(added) = String::from_utf8(line.text.clone()) else { continue };
        let units = units(&added);
        steps.take(removed.iter().map(|removed| removed.units.len() * units.len() / 2).sum())?;
        let best = removed.iter().map(|removed| (removed, removed.shared(&units)));
        if let Some((removed, shared)) = best.max_by_key(|(_, shared)| shared.len()) {
            line.text = removed.restored(&added, &units, &shared, edit.start)?.into_bytes();
        }
    }
    Ok(())
}

impl<'a> Removed<'a> {
    /// A line of which the file has characters beyond ASCII that the reply shows otherwise.
    fn new(reply: &'a str, file: &'a str) -> Option<Self> {
        if reply == file {
            return None;
        }
        if Fit::Punctuation.key(reply.as_bytes()) != Fit::Punctuation.key(file.as_bytes()) {
            return None;
        }
        let removed =
            Self { reply, file, units: units(reply).into_iter().zip(units(file)).collect() };
        removed.units.iter().any(|units| removed.differs(units)).then_some(removed)
    }

    /// Whether the file has another character, or other blanks, than the reply shows.
    fn differs(&self, (reply, file): &(Unit, Unit)) -> bool {
        self.reply[reply.bytes.clone()] != self.file[file.bytes.clone()]
    }

    /// Which characters an added line has of this one, and where: those of runs with
    /// words in them, so that no quote that opens is taken for one that closes.
    fn shared(&self, added: &[Unit]) -> BTreeMap<usize, usize> {
        let own: Vec<_> = self.units.iter().map(|(unit, _)| unit.plain).collect();
        let other: Vec<_> = added.iter().map(|unit| unit.plain).collect();
        let mut shared = BTreeMap::new();
        for operation in similar::capture_diff_slices(Algorithm::Myers, &own, &other) {
            let DiffOp::Equal { old_index, new_index, len } = operation else { continue };
            let run = &own[old_index..old_index + len];
            if run.iter().any(|character| character.is_alphanumeric()) || len == other.len() {
                shared.extend((0..len).map(|at| (new_index + at, old_index + at)));
            }
        }
        shared
    }

    /// The added line with the file's characters.
    fn restored(
        &self,
        added: &str,
        units: &[Unit],
        shared: &BTreeMap<usize, usize>,
        line: usize,
    ) -> Result<String, Refusal> {
        let mut restored = String::with_capacity(added.len() + 16);
        let (mut from, mut given) = (0, None);
        for (at, unit) in units.iter().enumerate() {
            let written = &added[unit.bytes.clone()];
            let own = shared.get(&at).map(|own| &self.units[*own]);
            let meant =
                own.filter(|own| self.differs(own) && *written == self.reply[own.0.bytes.clone()]);
            // Where there are more or fewer of them, as of dashes, they are what the change is about.
            let meant = meant.filter(|_| {
                let own_at = shared.get(&at).copied().unwrap_or_default();
                let is_word = unit.plain.is_alphanumeric() || unit.plain == ' ';
                let own = |at: usize| self.units.get(at).map(|(unit, _)| unit.plain);
                let added = |at: usize| units.get(at).map(|unit| unit.plain);
                is_word || alike(unit.plain, own_at, own) == alike(unit.plain, at, added)
            });
            // A quote that is written anew would be another one than those of the line.
            let is_quote = matches!(unit.plain, '\'' | '"') && written.is_ascii();
            let is_other = |own: &&(Unit, Unit)| own.0.plain == unit.plain && self.differs(own);
            if own.is_none() && is_quote && self.units.iter().any(|own| is_other(&own)) {
                return Err(Refusal::new(
                    Reason::Ambiguous,
                    format!(
                        "it writes line {} with plain quotes, and the file has others there",
                        line + 1
                    ),
                )
                .remedy(Remedy::Copy));
            }
            let Some((_, file)) = meant.filter(|_| unit.bytes.start >= from) else { continue };
            restored.push_str(&added[from..unit.bytes.start]);
            // One character of the file may be several of the reply.
            if given.as_ref() != Some(&file.bytes) {
                restored.push_str(&self.file[file.bytes.clone()]);
            }
            (from, given) = (unit.bytes.end, Some(file.bytes.clone()));
        }
        restored.push_str(&added[from..]);
        Ok(restored)
    }
}

/// How many characters in a row, around the one at `at`, are the same.
fn alike(plain: char, at: usize, unit: impl Fn(usize) -> Option<char>) -> usize {
    let behind = (at + 1..).take_while(|at| unit(*at) == Some(plain)).count();
    behind + (0..at).rev().take_while(|at| unit(*at) == Some(plain)).count()
}

/// The characters of a line as they are compared: of blanks in a row one.
fn units(line: &str) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::with_capacity(line.len());
    for (start, character) in line.char_indices() {
        let bytes = start..start + character.len_utf8();
        // What cannot be seen belongs to the character before it.
        if plain(character) == [None; 3]
            && let Some(last) = units.last_mut()
        {
            last.bytes.end = bytes.end;
        }
        for plain in plain(character).into_iter().flatten() {
            let plain = if plain.is_ascii_whitespace() { ' ' } else { plain };
            match units.last_mut().filter(|last| last.plain == ' ' && plain == ' ') {
                Some(last) => last.bytes.end = bytes.end,
                None => units.push(Unit { plain, bytes: bytes.clone() }),
            }
        }
    }
    let is_blank = |unit: &Unit| unit.plain == ' ';
    if units.last().is_some_and(is_blank) {
        units.pop();
    }
    if units.first().is_some_and(is_blank) {
        units.remove(0);
    }
    units
}
