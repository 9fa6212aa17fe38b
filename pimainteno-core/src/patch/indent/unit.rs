//! By how much the lines of a reply and those of a file are indented, level by level.

use super::{Habit, indentation, unclear};
use crate::patch::{change::Kind, refusal::Refusal};

/// What lines are indented by.
const UNITS: [&str; 4] = ["\t", "  ", "   ", "    "];

/// A line that a hunk shows, as far as it is about indentation.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    kind: Kind,
    indentation: String,
    /// In the file, if it stands there.
    file: Option<String>,
    /// What is below it belongs to it.
    opens: bool,
    /// It is a block, and no list or expression that goes on.
    opens_block: bool,
}

impl Shown {
    pub(super) fn new(kind: Kind, line: &str, file: Option<&str>) -> Self {
        let opens = line.trim_end().ends_with([':', '{', '(', '[', ',', '\\', '>', '=']);
        let opens_block = line.trim_end().ends_with([':', '{']);
        let file = file.map(|file| indentation(file).to_owned());
        Self { kind, indentation: indentation(line).to_owned(), file, opens, opens_block }
    }

    /// How it is indented in the reply and in the file, if it stands there.
    pub(super) fn pair(&self) -> Option<(&str, &str)> {
        Some((&self.indentation, self.file.as_deref()?))
    }
}

/// Levels of indentation in another unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::patch) struct Levels {
    from: String,
    to: String,
    /// How many levels further in the file is.
    shift: isize,
}

impl Levels {
    /// The levels of a reply that has another unit than the file, if they explain all lines of a
    /// hunk that stand in it.
    pub(super) fn of(lines: &[Shown], habit: &Habit) -> Option<Self> {
        let (from, to) = (step(lines)?, habit.unit()?.to_owned());
        if from == to {
            return None;
        }
        let shift = |(reply, file): (&str, &str)| Some(level(file, &to)? - level(reply, &from)?);
        let mut pairs = lines.iter().filter_map(Shown::pair);
        let first = shift(pairs.next()?)?;
        pairs.all(|pair| shift(pair) == Some(first)).then_some(Self { from, to, shift: first })
    }

    /// What an indentation becomes; `None` if it is between two levels.
    pub(super) fn indentation(&self, old: &str) -> Option<String> {
        let level = level(old, &self.from)?.checked_add(self.shift)?;
        Some(self.to.repeat(usize::try_from(level).ok()?))
    }
}

/// How the first line of a hunk is indented in the file, if it alone lost its indentation, as that of
/// a text does that is trimmed: then all that is added below it is as it is meant.
///
/// # Errors
/// [`Reason::NotFound`](crate::patch::Reason::NotFound) if it cannot be told whether it alone did.
pub(super) fn of_trimmed(lines: &[Shown]) -> Result<Option<&str>, Refusal> {
    let first = |kind: Kind| lines.iter().position(|line| line.kind != kind);
    let (Some(new), Some(old)) = (first(Kind::Removed), first(Kind::Added)) else {
        return Ok(None);
    };
    let is_bare = |line: &Shown| line.indentation.is_empty();
    let Some((_, file)) = lines[old].pair() else { return Ok(None) };
    if file.is_empty() || !lines[..=new.max(old)].iter().all(is_bare) {
        return Ok(None);
    }
    let others = lines.iter().enumerate().filter(|(at, _)| *at != old);
    let added: Vec<_> = lines[new + 1..].iter().filter(|line| line.kind == Kind::Added).collect();
    let mut pairs = others.filter_map(|(_, line)| line.pair()).peekable();
    if pairs.peek().is_some() {
        let (mut is_same, mut is_told) = (true, false);
        for (reply, file) in pairs {
            is_same &= reply == file;
            is_told |= !reply.is_empty();
        }
        return match (is_same && is_told, added.into_iter().any(is_bare)) {
            (true, true) => Err(unclear()),
            (is_trimmed, _) => Ok(Some(file).filter(|_| is_trimmed)),
        };
    }
    // That line alone: what is added below it is deeper if it is opened by it, and not otherwise.
    let Some(next) = added.first().filter(|next| !is_bare(next)) else { return Ok(None) };
    match (lines[new].opens, next.indentation.len() > file.len()) {
        (true, true) | (false, false) => Ok(Some(file)),
        // It is one level deeper if all of it was shifted.
        (true, false) if UNITS.contains(&next.indentation.as_str()) => Ok(None),
        _ => Err(unclear()),
    }
}

/// Whether every line that is deeper than the one before it is so because that opens a block: then
/// it is one level deeper, and not two.
pub(super) fn is_of_blocks(lines: &[Shown]) -> bool {
    let is_deeper = |pair: &&[Shown]| pair[1].indentation.len() > pair[0].indentation.len();
    lines.windows(2).filter(is_deeper).all(|pair| pair[0].opens_block)
}

/// The unit of a reply: a tab, or as many blanks as all depths differ by.
fn step(lines: &[Shown]) -> Option<String> {
    let depths = || lines.iter().map(|line| line.indentation.as_str());
    if depths().all(|depth| depth.bytes().all(|byte| byte == b'\t')) {
        return depths().any(|depth| !depth.is_empty()).then(|| "\t".to_owned());
    }
    if !depths().all(|depth| depth.bytes().all(|byte| byte == b' ')) {
        return None;
    }
    let least = depths().map(str::len).min()?;
    let step = depths().map(|depth| depth.len() - least).fold(0, greatest_divisor);
    (step > 1).then(|| " ".repeat(step))
}

fn greatest_divisor(one: usize, other: usize) -> usize {
    if other == 0 { one } else { greatest_divisor(other, one % other) }
}

/// How many units deep an indentation is, if it is made of them alone.
fn level(indentation: &str, unit: &str) -> Option<isize> {
    let count = indentation.len().checked_div(unit.len())?;
    (indentation.len().is_multiple_of(unit.len()) && indentation == unit.repeat(count))
        .then(|| isize::try_from(count).ok())?
}

/// Whether a reply has another unit than the file.
pub(super) fn is_other(lines: &[Shown], habit: &Habit) -> bool {
    matches!((step(lines), habit.unit()), (Some(from), Some(to)) if *from != *to)
}
