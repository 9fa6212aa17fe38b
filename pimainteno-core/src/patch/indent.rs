//! Indenting added lines as the file does, when a reply indents its lines differently.

mod choice;
mod unit;

use std::{
    borrow::Cow,
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use choice::Choice;
use unit::{Levels, Shown, of_trimmed};

use super::{
    change::Kind,
    locate::Fit,
    refusal::{Reason, Refusal},
    text::Text,
};

/// How many lines make a habit of a file, where the reply indents its lines as the file does: fewer
/// may go on with a line above, where a tab would be right.
const MANY: usize = 8;
/// How many blanks a tab is wide at most.
const WIDEST: usize = 8;

/// How the lines of a hunk are indented in the reply and in the file, block by block.
#[derive(Debug, Default)]
pub(super) struct Indenting {
    all: Pairs,
    /// All lines of the hunk that are not blank.
    shown: Vec<Shown>,
    blocks: Vec<Block>,
    /// The nearest line of context above, since the last block.
    above: Option<(String, String)>,
    in_block: bool,
}

/// A run of changed lines.
#[derive(Debug, Default)]
struct Block {
    /// Of removed lines: in the reply, in the file.
    removed: Vec<(String, String)>,
    /// Of the nearest lines of context, one on each side.
    near: Vec<(String, String)>,
    /// Of added lines: in the reply.
    added: Vec<String>,
    has_below: bool,
    /// The line of context below it has one blank less than in the file.
    has_lost: bool,
}

/// How the lines of a hunk that are in the file are indented there and in the reply.
#[derive(Clone, Debug, Default)]
struct Pairs {
    /// Of lines of context: in the reply, in the file.
    context: Vec<(String, String)>,
    /// Of removed lines.
    removed: Vec<(String, String)>,
}

/// What is done to the indentation of added lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mapping {
    /// Nothing.
    Same,
    /// This is put in front.
    Add(String),
    /// This is taken away.
    Take(String),
    /// So many blanks become a tab.
    ToTabs(usize),
    /// A tab becomes so many blanks.
    ToBlanks(usize),
    /// Levels of one unit become levels of another.
    Levels(Levels),
    /// Each is one of these, in the reply and in the file.
    Known(Vec<(String, String)>),
    /// The first line of the hunk gets this, and all others nothing.
    First(String),
}

/// How a file indents its lines: how many begin with a tab, how many with two blanks or more, and
/// whether any has a blank before a tab.
#[derive(Clone, Debug, Default)]
pub(super) struct Habit {
    tabs: usize,
    blanks: usize,
    mixes: bool,
    /// All indentations that there are.
    known: HashSet<Vec<u8>>,
    /// By what lines are mostly indented more than those before them.
    unit: Option<String>,
    /// What is behind whole units in front of a line.
    rests: HashSet<Vec<u8>>,
}

impl Indenting {
    /// What follows is of a run of changed lines.
    pub(super) fn begin_block(&mut self) {
        self.blocks
            .push(Block { near: self.above.take().into_iter().collect(), ..Block::default() });
        self.in_block = true;
    }

    /// What follows is context again.
    pub(super) fn end_block(&mut self) {
        self.in_block = false;
    }

    /// Notes a line of the reply that stands nowhere in the file.
    pub(super) fn pass(&mut self, reply: &str, kind: Kind) {
        if !reply.trim().is_empty() {
            self.shown.push(Shown::new(kind, reply, None));
        }
    }

    /// Notes a line of the reply and the line of the file where it stands; blank lines tell
    /// nothing.
    pub(super) fn note(&mut self, reply: &str, file: &[u8], is_removed: bool) {
        let file = String::from_utf8_lossy(file);
        let (reply, file) = (reply.trim_end(), file.trim_end());
        if reply.is_empty() || file.is_empty() {
            return;
        }
        let kind = if is_removed { Kind::Removed } else { Kind::Context };
        self.shown.push(Shown::new(kind, reply, Some(file)));
        let pair = (indentation(reply).to_owned(), indentation(file).to_owned());
        if is_removed {
            if let Some(block) = self.blocks.last_mut().filter(|_| self.in_block) {
                block.removed.push(pair.clone());
            }
            self.all.removed.push(pair);
        } else {
            // Context that lost its marker has one blank less than the file.
            let has_lost = pair.1.strip_prefix(' ') == Some(&pair.0);
            let near = if has_lost { (pair.1.clone(), pair.1.clone()) } else { pair.clone() };
            if let Some(block) = self.blocks.last_mut().filter(|block| !block.has_below) {
                block.near.push(near.clone());
                block.has_below = true;
                block.has_lost = has_lost;
            }
            self.above = Some(near);
            self.all.context.push(pair);
        }
    }

    /// Notes a line that is added.
    pub(super) fn add(&mut self, line: &str) {
        self.pass(line, Kind::Added);
        if let Some(block) = self.blocks.last_mut().filter(|_| !line.trim().is_empty()) {
            block.added.push(indentation(line).to_owned());
        }
    }

    /// What is done to the added lines of each block.
    ///
    /// # Errors
    /// [`Reason::NotFound`] if the lines are indented differently in ways that do not go together.
    pub(super) fn mappings(&self, habit: &Habit) -> Result<Vec<Mapping>, Refusal> {
        if let Some(file) = of_trimmed(&self.shown)? {
            let first = Mapping::First(file.to_owned());
            return Ok(vec![first; self.blocks.len()]);
        }
        let added = self.blocks.iter().flat_map(|block| &block.added).map(String::as_str);
        let of_all = self.all.mapping(added);
        let choice = Choice::new(&self.shown, habit);
        let mapping = |block: &Block| choice.of_block(block.mapping(&of_all, habit), &block.added);
        self.blocks.iter().map(mapping).collect()
    }
}

impl Block {
    /// What is done to its added lines: the same as to those of the whole hunk, unless its own
    /// lines say otherwise.
    fn mapping(
        &self,
        of_all: &Result<Mapping, Refusal>,
        habit: &Habit,
    ) -> Result<Mapping, Refusal> {
        if self.added.is_empty() {
            return Ok(Mapping::Same);
        }
        // What looks like a lost marker may be a blank that the whole hunk lost: then what is added
        // is indented as nothing in the file is, and with that blank all as other lines are.
        let shifted = Mapping::Add(" ".into());
        if self.has_lost
            && shifted.explains(&self.removed)
            && !self.added.iter().all(|indentation| habit.knows(indentation))
            && self.added.iter().all(|indentation| habit.knows(&format!(" {indentation}")))
        {
            return Ok(shifted);
        }
        let own: Vec<_> = self.removed.iter().chain(&self.near).collect();
        let removed: Vec<_> = self.removed.iter().collect();
        if let Ok(mapping) = of_all {
            let is_told = match mapping {
                // Context may be damaged where what is added is not.
                Mapping::Same => mapping.explains(removed.iter().copied()),
                _ => mapping.explains(own.iter().copied()),
            };
            if is_told {
                return of_all.clone();
            }
        }
        let goes = |mapping: &Mapping| {
            self.added.iter().all(|indentation| mapping.indentation(indentation).is_some())
        };
        let is_as_it_is = |pairs: &[&(String, String)]| {
            (!pairs.is_empty() && Mapping::Same.explains(pairs.iter().copied()))
                .then_some(Mapping::Same)
        };
        // Lines that are removed and lines that are added come from the same hand.
        [own, removed]
            .iter()
            .find_map(|pairs| is_as_it_is(pairs).or_else(|| find(pairs)).filter(goes))
            .map_or_else(|| of_all.clone().and_then(|_| Err(unclear())), Ok)
    }
}

impl Pairs {
    /// What is done to added lines with these indentations.
    ///
    /// # Errors
    /// [`Reason::NotFound`] if the lines are indented differently in ways that do not go together.
    fn mapping<'a>(
        &self,
        added: impl Iterator<Item = &'a str> + Clone,
    ) -> Result<Mapping, Refusal> {
        let replies: HashSet<_> = self.context.iter().map(|(reply, _)| reply.as_str()).collect();
        let in_reply = |indentation: &str| replies.contains(indentation);
        let differs = |pairs: &[(String, String)]| pairs.iter().any(|(reply, file)| reply != file);
        if !differs(&self.context) && !differs(&self.removed) {
            return Ok(Mapping::Same);
        }
        let mut added = added.peekable();
        if added.peek().is_none() {
            return Ok(Mapping::Same);
        }
        let all: Vec<_> = self.context.iter().chain(&self.removed).collect();
        // Tabs may hide in some lines of context what the others show.
        let plain: Vec<_> =
            all.iter().copied().filter(|(reply, _)| !reply.contains('\t')).collect();
        let hides = plain.len() > 1
            && plain.len() < all.len()
            && !all.iter().any(|(_, file)| file.contains('\t'));
        if let Some(shift) = self.shift(&all).or_else(|| self.shift(&plain).filter(|_| hides)) {
            let goes = added.clone().all(|indentation| shift.indentation(indentation).is_some());
            return if goes { Ok(shift) } else { Err(unclear()) };
        }
        if !differs(&self.removed) && self.only_context_differs(added.clone()) {
            return Ok(Mapping::Same);
        }
        let only_removed: Vec<_> = self.removed.iter().collect();
        let mapping = find(&all).or_else(|| find(&only_removed).filter(|_| differs(&self.removed)));
        // Context that lost its marker looks as if everything were shifted by one blank.
        let looks_lost =
            |mapping: &Mapping| *mapping == Mapping::Add(" ".into()) && !differs(&self.removed);
        let mapping = mapping.filter(|mapping| !looks_lost(mapping) || added.clone().all(in_reply));
        let mapping = mapping
            .filter(|mapping| added.all(|indentation| mapping.indentation(indentation).is_some()));
        mapping.ok_or_else(unclear)
    }

    /// Whether tabs in place of blanks, or blanks in place of tabs, are all that differs in context
    /// where one side has tabs.
    fn tabs_fit(&self) -> bool {
        let of_tabs =
            |(reply, file): &&(String, String)| reply.contains('\t') != file.contains('\t');
        // A lost marker takes one blank.
        let is_plain = |(reply, file): &(String, String)| {
            reply.contains('\t') || file.contains('\t') || reply.len().abs_diff(file.len()) <= 1
        };
        if self.context.iter().any(|pair| of_tabs(&pair)) && !self.context.iter().all(is_plain) {
            return false;
        }
        (1..=WIDEST).any(|width| {
            self.context
                .iter()
                .filter(of_tabs)
                .all(|(reply, file)| spread(reply, width) == spread(file, width))
        })
    }

    /// The shift of the whole hunk, if it is more than the one blank of a marker. Context that lost
    /// its blanks looks like one if all of it has the same depth.
    fn shift(&self, pairs: &[&(String, String)]) -> Option<Mapping> {
        let of_several_depths = pairs.iter().any(|pair| pair.1 != pairs[0].1);
        find(pairs).filter(|mapping| match mapping {
            Mapping::Add(shift) => of_several_depths && shift != " ",
            Mapping::Take(shift) => shift != " " && !shift.is_empty(),
            _ => false,
        })
    }

    /// Whether added lines are indented as the file is, where the removed ones are and some context
    /// is not: only context was damaged.
    fn only_context_differs<'a>(&self, mut added: impl Iterator<Item = &'a str> + Clone) -> bool {
        // Lines that are removed and lines that are added come from the same hand.
        let tells = self.removed.iter().any(|(reply, _)| !reply.is_empty());
        let removed: HashSet<_> = self.removed.iter().map(|(reply, _)| reply.as_str()).collect();
        let as_removed = |indentation: &str| removed.contains(indentation);
        if tells || added.clone().all(as_removed) {
            return true;
        }
        let (mut file_only, mut reply_only) = (0, 0);
        let (replies, files): (HashSet<_>, HashSet<_>) =
            self.context.iter().map(|(reply, file)| (reply.as_str(), file.as_str())).unzip();
        let has_tabs = |one: &str, other: &str| one.contains('\t') && !other.contains('\t');
        let file_tabs = self.context.iter().any(|(reply, file)| has_tabs(file, reply));
        let reply_tabs = self.context.iter().any(|(reply, file)| has_tabs(reply, file));
        for indentation in added.by_ref() {
            let (in_file, in_reply) = (files.contains(indentation), replies.contains(indentation));
            let tabs = indentation.contains('\t');
            if (in_file && !in_reply)
                || (file_tabs && !reply_tabs && tabs)
                || (reply_tabs && !file_tabs && !tabs && !indentation.is_empty())
            {
                file_only += 1;
            } else if in_reply && !in_file {
                reply_only += 1;
            }
        }
        match (file_only, reply_only) {
            (0, 0) => self.context.iter().any(|(reply, file)| reply == file && !reply.is_empty()),
            (_, 0) => self.tabs_fit(),
            _ => false,
        }
    }
}

impl Habit {
    /// How the lines of a file are indented.
    pub(super) fn of(text: &Text<'_>) -> Self {
        let mut habit = Self::default();
        let mut before: &[u8] = &[];
        let mut steps: HashMap<&[u8], usize> = HashMap::new();
        for line in text.lines() {
            let indentation =
                &line[..line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()];
            if indentation.len() == line.len() {
                continue;
            }
            habit.tabs += usize::from(indentation.first() == Some(&b'\t'));
            habit.blanks += usize::from(indentation.starts_with(b"  "));
            habit.mixes |= indentation.windows(2).any(|pair| pair == b" \t");
            if !habit.known.contains(indentation) {
                habit.known.insert(indentation.to_vec());
            }
            if let Some(step) = indentation.strip_prefix(before).filter(|step| !step.is_empty()) {
                *steps.entry(step).or_default() += 1;
            }
            before = indentation;
        }
        let unit = steps.into_iter().max_by_key(|(unit, count)| (*count, Reverse(*unit)));
        let unit = unit.and_then(|(unit, _)| str::from_utf8(unit).ok());
        if let Some(unit) = unit {
            let rest = |known: &Vec<u8>| {
                let mut rest = known.as_slice();
                while let Some(shorter) = rest.strip_prefix(unit.as_bytes()) {
                    rest = shorter;
                }
                rest.to_vec()
            };
            habit.rests = habit.known.iter().map(rest).collect();
        }
        habit.unit = unit.map(str::to_owned);
        habit
    }

    /// By what lines are mostly indented more than those before them.
    fn unit(&self) -> Option<&str> {
        self.unit.as_deref()
    }

    /// Whether nothing in the file is at a depth, not even further in or out by some levels.
    fn is_odd(&self, depth: &str) -> bool {
        let Some(unit) = self.unit() else { return false };
        let rest = depth.trim_start_matches(unit);
        !rest.is_empty() && !self.rests.contains(rest.as_bytes())
    }

    /// Whether a line of the file is indented like this.
    fn knows(&self, indentation: &str) -> bool {
        self.known.contains(indentation.as_bytes())
    }

    /// Refuses added lines that are indented in a way that the file is not, though it has a way.
    pub(super) fn check<'l>(
        &self,
        mut added: impl Iterator<Item = Cow<'l, str>>,
        fit: Fit,
    ) -> Result<(), Refusal> {
        // Whoever damaged the indentation of context may have done so with what is added.
        let enough = if fit >= Fit::Blanks { 1 } else { MANY };
        let is_odd = |line: Cow<'_, str>| {
            let indentation = indentation(&line);
            let other = if indentation.starts_with('\t') {
                self.tabs == 0 && self.blanks >= enough
            } else {
                indentation.starts_with("  ") && self.blanks == 0 && self.tabs >= enough
            };
            !line.trim().is_empty()
                && (other || (fit >= Fit::Blanks && !self.mixes && indentation.contains(" \t")))
        };
        if added.any(is_odd) {
            Err(Refusal {
                message: "what it adds is indented otherwise than anything in the file".into(),
                ..unclear()
            })
        } else {
            Ok(())
        }
    }
}

impl Mapping {
    /// The line as the file would indent it; `is_first` if it is the first of its hunk.
    pub(super) fn apply(&self, line: &str, is_first: bool) -> String {
        if let Self::First(indentation) = self {
            return if is_first { format!("{indentation}{line}") } else { line.to_owned() };
        }
        if line.trim().is_empty() {
            return if *self == Self::Same { line.to_owned() } else { String::new() };
        }
        let old = indentation(line);
        // That every line can be mapped was asked before.
        let new = self.indentation(old).unwrap_or_else(|| old.to_owned());
        format!("{new}{}", &line[old.len()..])
    }

    /// Whether it says how lines are indented in the file that are indented otherwise in the reply.
    pub(super) fn is_told(&self) -> bool {
        !matches!(self, Self::Same | Self::First(_))
    }

    /// Whether it makes of each line's indentation in the reply that of the file.
    fn explains<'p>(&self, pairs: impl IntoIterator<Item = &'p (String, String)>) -> bool {
        pairs.into_iter().all(|(reply, file)| self.indentation(reply).as_deref() == Some(file))
    }

    /// What an indentation becomes; `None` if it cannot.
    fn indentation(&self, old: &str) -> Option<String> {
        Some(match self {
            Self::Same => old.to_owned(),
            Self::Add(prefix) => format!("{prefix}{old}"),
            Self::Take(prefix) => old.strip_prefix(prefix.as_str())?.to_owned(),
            Self::ToTabs(width) => {
                let blanks = spread(old, *width);
                format!("{}{}", "\t".repeat(blanks / width), " ".repeat(blanks % width))
            }
            Self::ToBlanks(width) => " ".repeat(spread(old, *width)),
            Self::Levels(levels) => return levels.indentation(old),
            Self::Known(pairs) => pairs.iter().find(|(reply, _)| reply == old)?.1.clone(),
            Self::First(_) => old.to_owned(),
        })
    }
}

/// The one mapping that explains all pairs.
fn find(pairs: &[&(String, String)]) -> Option<Mapping> {
    let (reply, file) = pairs.first()?;
    let mut candidates = Vec::new();
    if let Some(prefix) = file.strip_suffix(reply.as_str()) {
        candidates.push(Mapping::Add(prefix.to_owned()));
    }
    if let Some(prefix) = reply.strip_suffix(file.as_str()) {
        candidates.push(Mapping::Take(prefix.to_owned()));
    }
    candidates.extend((1..=WIDEST).map(Mapping::ToTabs));
    candidates.extend((1..=WIDEST).map(Mapping::ToBlanks));
    candidates.into_iter().find(|mapping| mapping.explains(pairs.iter().copied()))
}

fn unclear() -> Refusal {
    Refusal::new(
        Reason::NotFound,
        "its lines are indented differently than in the file, and it cannot be told how to indent what is added",
    )
}

fn indentation(line: &str) -> &str {
    &line[..line.len() - line.trim_start().len()]
}

/// How many blanks an indentation is wide.
fn spread(indentation: &str, width: usize) -> usize {
    indentation.chars().map(|character| if character == '\t' { width } else { 1 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(pairs: &[(&str, &str, bool)], added: &[&str]) -> Option<Mapping> {
        let mut indenting = Indenting::default();
        let context = pairs.iter().filter(|(.., is_removed)| !is_removed);
        context.for_each(|(reply, file, _)| indenting.note(reply, file.as_bytes(), false));
        indenting.begin_block();
        let removed = pairs.iter().filter(|(.., is_removed)| *is_removed);
        removed.for_each(|(reply, file, _)| indenting.note(reply, file.as_bytes(), true));
        added.iter().for_each(|line| indenting.add(line));
        indenting.mappings(&Habit::default()).ok().map(|mappings| mappings[0].clone())
    }

    #[test]
    fn one_shift_for_all_lines_is_undone() {
        assert_eq!(
            mapping(&[("a", "    a", false), ("  b", "      b", true)], &["c"]),
            Some(Mapping::Add("    ".into()))
        );
        assert_eq!(
            mapping(&[(" \ta", "\ta", false), (" \t\tb", "\t\tb", true)], &[" \tc"]),
            Some(Mapping::Take(" ".into()))
        );
        assert_eq!(
            mapping(&[("    a", "\ta", false), ("        b", "\t\tb", true)], &["            c"]),
            Some(Mapping::ToTabs(4))
        );
        assert_eq!(Mapping::ToTabs(4).apply("            c", false), "\t\t\tc");
        assert_eq!(Mapping::Add("  ".into()).apply("", false), "");
    }

    #[test]
    fn added_lines_stay_when_only_context_was_damaged() {
        assert_eq!(
            mapping(&[("    a", "\ta", false), ("\tb", "\tb", true)], &["\tc"]),
            Some(Mapping::Same)
        );
        assert_eq!(mapping(&[("    a", "\ta", false)], &["\tc"]), Some(Mapping::Same));
    }

    #[test]
    fn shifts_that_do_not_go_together_are_refused() {
        assert_eq!(mapping(&[("a", "  a", true), ("b", "     b", true)], &["c"]), None);
    }
}
