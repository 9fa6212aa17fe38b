//! Where in a reply its changes are.

/// What a backend writes when there is nothing to change; the prompts ask for it.
const DECLINE: &str = "NO CHANGE";

/// The longest first line that is taken for the subject of a commit message, in characters.
const LONGEST_SUBJECT: usize = 100;

/// Some lines of a reply with changes among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Region<'a> {
    /// The lines, without the indentation that all share.
    pub(super) lines: Vec<&'a str>,
    /// Whether it stands in a code fence, so that nothing but changes is expected in it.
    pub(super) fenced: bool,
    /// Whether the reply ends with it, without a closing fence: it may have been cut off.
    pub(super) open: bool,
    /// Whether it is cut off within a line: the reply ends with it, and without a newline.
    pub(super) torn: bool,
}

/// The regions of a reply that hold changes, and everything else that it says.
pub(super) fn extract(text: &str) -> (Vec<Region<'_>>, String) {
    let torn = !text.ends_with('\n');
    let text = text.strip_suffix('\n').unwrap_or(text);
    let lines: Vec<_> = text.split('\n').collect();
    let mut walk = Walk { torn, ..Walk::default() };
    walk.over(&lines, true);
    (walk.regions, walk.rest)
}

/// Whether a reply holds something that looks like a change.
pub(super) fn holds_change(text: &str) -> bool {
    !extract(text).0.is_empty()
}

/// Whether a reply says that there is nothing to change.
pub(super) fn declines(text: &str) -> bool {
    text.lines().any(|line| line.trim().trim_matches(['.', '*', '`']).eq_ignore_ascii_case(DECLINE))
}

/// What a reply says besides its change, if it can serve as a commit message: a first line that is
/// a subject, then a body.
pub(super) fn message(text: &str) -> String {
    let (regions, rest) = extract(text);
    // Without a change, a fence around everything is around the message.
    let rest = in_one_fence(text).filter(|_| regions.is_empty()).unwrap_or(rest);
    let mut lines = rest.lines().skip_while(|line| line.trim().is_empty());
    let subject = lines.next().unwrap_or_default().trim().trim_matches(['#', '*', '`']).trim();
    // A subject is one short line. Whoever ends it with a colon introduces the change.
    if subject.is_empty() || subject.ends_with(':') || subject.chars().count() > LONGEST_SUBJECT {
        return String::new();
    }
    let body = lines.collect::<Vec<_>>().join("\n");
    if body.trim().is_empty() {
        subject.to_owned()
    } else {
        format!("{subject}\n\n{}", body.trim())
    }
}

/// A text without the fence around all of it, or the marks around it, if it has such.
pub(super) fn unfenced(text: &str) -> String {
    in_one_fence(text).unwrap_or_else(|| text.trim().trim_matches('`').trim().to_owned())
}

/// What stands in a fence that is around all of the text.
fn in_one_fence(text: &str) -> Option<String> {
    let lines: Vec<_> = text.trim().lines().collect();
    let [first, inside @ .., last] = lines.as_slice() else { return None };
    let fence = Fence::open(first).filter(|fence| fence.is_closed_by(last))?;
    let is_one = !inside.iter().any(|line| fence.is_closed_by(line));
    is_one.then(|| inside.join("\n").trim().to_owned())
}

/// Whether a section begins with the first of `lines`.
pub(super) fn begins_section(lines: &[&str]) -> bool {
    let Some(line) = lines.first() else { return false };
    let next = lines.get(1).copied().unwrap_or_default();
    line.starts_with("diff --git ")
        || line.starts_with("diff --cc ")
        || line.starts_with("diff --combined ")
        || (line.starts_with("--- ") && next.starts_with("+++ "))
        || is_patch_header(line)
}

/// Whether a line belongs to the format that begins with `*** Begin Patch`, and begins something in
/// it.
pub(super) fn is_patch_header(line: &str) -> bool {
    ["*** Begin Patch", "*** Update File:", "*** Add File:", "*** Delete File:"]
        .iter()
        .any(|start| line.starts_with(start))
}

#[derive(Default)]
struct Walk<'a> {
    regions: Vec<Region<'a>>,
    rest: String,
    torn: bool,
}

impl<'a> Walk<'a> {
    /// Looks through `lines`; `last` says that the reply ends with them.
    fn over(&mut self, lines: &[&'a str], last: bool) {
        let mut at = 0;
        while let Some(line) = lines.get(at) {
            if let Some(fence) = Fence::open(line) {
                let closing =
                    (at + 1..lines.len()).find(|number| fence.is_closed_by(lines[*number]));
                let end = closing.unwrap_or(lines.len());
                let inside: Vec<_> = lines[at + 1..end]
                    .iter()
                    .map(|line| without_indentation(line, fence.indentation))
                    .collect();
                let open = closing.is_none() && last;
                self.inside(&inside, open);
                at = end + 1;
            } else if let Some(indentation) = begins_indented(&lines[at..]) {
                let end = end_of_unfenced(lines, at, indentation);
                let region = lines[at..end]
                    .iter()
                    .map(|line| without_indentation(line, indentation))
                    .collect();
                let open = last && end == lines.len();
                self.regions.push(Region {
                    lines: region,
                    fenced: false,
                    open,
                    torn: open && self.torn,
                });
                at = end;
            } else {
                self.rest.push_str(line);
                self.rest.push('\n');
                at += 1;
            }
        }
    }

    /// Looks at what stands in a fence.
    fn inside(&mut self, lines: &[&'a str], open: bool) {
        let first = (0..lines.len()).find(|at| begins_section(&lines[*at..]));
        let inner = lines.iter().position(|line| Fence::open(line).is_some());
        match (first, inner) {
            // A fence around a whole answer, with fences of its own.
            (Some(first), Some(inner)) if inner < first => self.over(lines, open),
            (Some(_), _) => self.regions.push(Region {
                lines: lines.to_vec(),
                fenced: true,
                open,
                torn: open && self.torn,
            }),
            (None, _) => {}
        }
    }
}

/// The line that opens a code fence.
struct Fence {
    indentation: usize,
    mark: char,
    length: usize,
}

impl Fence {
    fn open(line: &str) -> Option<Self> {
        let text = line.trim_start_matches(' ');
        let mark = text.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
        let length = text.chars().take_while(|character| *character == mark).count();
        // What follows names the language; a mark there makes it code within a line.
        (length >= 3 && !text[length..].contains('`')).then_some(Self {
            indentation: line.len() - text.len(),
            mark,
            length,
        })
    }

    fn is_closed_by(&self, line: &str) -> bool {
        let text = line.trim_start_matches(' ');
        let marks = text.trim_end();
        line.len() - text.len() == self.indentation
            && marks.len() == self.length
            && marks.chars().all(|character| character == self.mark)
    }
}

/// By how many blanks a section is indented that begins here.
fn begins_indented(lines: &[&str]) -> Option<usize> {
    if begins_section(lines) {
        return Some(0);
    }
    let line = lines.first()?;
    let indentation = line.len() - line.trim_start_matches(' ').len();
    if indentation == 0 {
        return None;
    }
    let two: Vec<_> =
        lines.iter().take(2).map(|line| without_indentation(line, indentation)).collect();
    begins_section(&two).then_some(indentation)
}

/// Where an unfenced change ends that begins at `at`: with the reply, before a fence, or before a
/// line that is indented less.
fn end_of_unfenced(lines: &[&str], at: usize, indentation: usize) -> usize {
    (at + 1..lines.len())
        .find(|number| {
            let line = lines[*number];
            let less = indentation > 0
                && !line.trim().is_empty()
                && !line.get(..indentation).is_some_and(|start| start.trim().is_empty());
            // A fence opens another block only if it is closed again and holds a change, or names a
            // language.
            less || (indentation == 0
                && line.starts_with(['`', '~'])
                && Fence::open(line).is_some_and(|fence| opens_block(lines, *number, &fence)))
        })
        .unwrap_or(lines.len())
}

fn opens_block(lines: &[&str], at: usize, fence: &Fence) -> bool {
    let closing = (at + 1..lines.len()).find(|number| fence.is_closed_by(lines[*number]));
    let end = closing.unwrap_or(lines.len());
    closing.is_none()
        || lines[at].trim_end().len() > fence.length
        || (at + 1..end).any(|number| begins_section(&lines[number..end]))
}

fn without_indentation(line: &str, indentation: usize) -> &str {
    let blanks = line.bytes().take(indentation).take_while(|byte| *byte == b' ').count();
    &line[blanks..]
}
