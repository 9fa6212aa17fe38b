//! Puts the lines of a trace together.

use std::sync::LazyLock;

use super::{
    Place,
    line::{Level, Line},
    pattern::{Found, Pattern},
    table::{FORMS, Form, Runtime, What},
    wording::{
        error, function_above, function_named, is_marks, python_error, without_bars, worded,
    },
};

/// How many places of one part of a trace are kept, those nearest to the error.
const MOST_PLACES: usize = 64;

/// How many parts a trace has at most, those nearest to the error that ended the program.
const MOST_PARTS: usize = 16;

/// How many lines may stand between two frames of a trace, such as lines of source, or what other
/// threads log.
const WIDEST_GAP: usize = 24;

/// How many lines a message may have before the first frame.
const LONGEST_MESSAGE: usize = 12;

/// A trace: an error, and those that led to it.
#[derive(Debug)]
pub(in super::super) struct Trace {
    runtime: Runtime,
    /// The errors in the order in which they are written.
    parts: Vec<Part>,
    /// The part that is being read.
    current: usize,
    /// The index of its last line.
    pub(in super::super) end: usize,
    /// Whether frames belong to something else until the next part.
    is_aside: bool,
    /// Whether another header is another part of it.
    is_linked: bool,
    /// What it was read from says that it does not matter.
    is_weak: bool,
}

/// One error of a trace.
#[derive(Debug, Default)]
struct Part {
    message: Option<String>,
    /// In the order in which they are written.
    places: Vec<Place>,
    /// How far its last frame was indented.
    indent: usize,
    /// Whether the message comes in the line that follows.
    wants_message: bool,
}

impl Trace {
    fn new(runtime: Runtime, end: usize) -> Self {
        Self {
            runtime,
            parts: vec![Part::default()],
            current: 0,
            end,
            is_aside: false,
            is_linked: false,
            is_weak: false,
        }
    }

    fn part(&mut self) -> Option<&mut Part> {
        self.parts.get_mut(self.current)
    }

    fn begin_part(&mut self) {
        if self.parts.len() >= MOST_PARTS {
            let superfluous = if self.runtime.is_ending_last() { 0 } else { self.parts.len() - 1 };
            self.parts.remove(superfluous);
        }
        self.parts.push(Part::default());
        self.current = self.parts.len() - 1;
        self.is_aside = false;
    }

    fn push(&mut self, mut place: Place, indent: usize) {
        let is_innermost_last = self.runtime.is_innermost_last();
        let names_callee = self.runtime.names_callee();
        let Some(part) = self.part() else {
            return;
        };
        if let Some(last) = part.places.last_mut() {
            // A frame that says which function it called tells where the place before is.
            if names_callee {
                last.function = place.function.take().or(last.function.take());
            }
            // What is named once as the place of the error, and once as a frame.
            let is_same = last.path == place.path && last.line == place.line;
            if is_same && (names_callee || last.function.is_none() || *last == place) {
                last.function = last.function.take().or(place.function);
                return;
            }
        }
        place.function = place.function.filter(|_| !names_callee);
        {
            part.indent = indent;
            if part.places.len() < MOST_PLACES {
                part.places.push(place);
            } else if is_innermost_last {
                part.places.remove(0);
                part.places.push(place);
            }
        }
    }

    fn has_places(&self) -> bool {
        self.parts.iter().any(|part| !part.places.is_empty())
    }

    /// Its errors, the one that ended the program first.
    fn parts(&self) -> impl Iterator<Item = &Part> {
        let is_ending_last = self.runtime.is_ending_last();
        let (forward, backward) = (!is_ending_last, is_ending_last);
        let forward = self.parts.iter().filter(move |_| forward);
        forward.chain(self.parts.iter().rev().filter(move |_| backward))
    }

    /// The places, of the error that ended the program first, and the innermost first.
    pub(in super::super) fn places(&self) -> Vec<Place> {
        let is_innermost_last = self.runtime.is_innermost_last();
        let places = self.parts().flat_map(|part| {
            let mut places = part.places.clone();
            if is_innermost_last {
                places.reverse();
            }
            places
        });
        places.collect()
    }

    /// What its errors say, the one that ended the program first.
    pub(in super::super) fn messages(&self) -> impl Iterator<Item = &str> {
        self.parts().filter_map(|part| part.message.as_deref())
    }
}

/// The last trace in the lines that counts.
pub(in super::super) fn last(lines: &[Line]) -> Option<Trace> {
    let mut reader = Reader {
        lines,
        open: None,
        counted: None,
        announced: None,
        blamed: None,
        is_ignored: false,
    };
    for index in 0..lines.len() {
        reader.read(index);
    }
    reader.close();
    reader.counted
}

struct Reader<'a> {
    lines: &'a [Line],
    /// The trace that is being read.
    open: Option<Trace>,
    /// The last one that counts.
    counted: Option<Trace>,
    /// The last line that reads like the name of an error, and which line it is.
    announced: Option<(usize, String)>,
    /// The last line that its program calls an error.
    blamed: Option<usize>,
    /// Whether the trace that comes was ignored by the program.
    is_ignored: bool,
}

impl Reader<'_> {
    fn read(&mut self, index: usize) {
        let lines = self.lines;
        let Some(line) = lines.get(index).filter(|line| !line.is_systemds()) else {
            return;
        };
        let body = without_bars(line.body());
        // How far a line in a group of Python's exceptions is indented behind what is drawn.
        let indent = line.indent + line.body().len() - body.len();
        if body.starts_with("Exception ignored in") {
            self.is_ignored = true;
        }
        let with_name = line.body_with_name();
        let recognised = recognised(body).map(|found| (body, found)).or_else(|| {
            let is_other = with_name.len() > line.body().len();
            is_other.then(|| recognised(with_name)).flatten().map(|found| (with_name, found))
        });
        if let Some((body, (form, found))) = recognised {
            self.take(form, &found, index, body, indent);
        } else {
            self.message(index, line, body, indent);
        }
    }

    /// Takes a line of a trace.
    fn take(&mut self, form: &Form, found: &Found<'_>, index: usize, body: &str, indent: usize) {
        let runtime = form.runtime;
        let place = self.place(form, found, index);
        match form.what {
            What::Header => self.header(runtime, found, place, index, body, indent),
            What::Frame | What::FrameBelow => self.frame(runtime, place, index, indent),
            What::Link => {
                if let Some(open) = self.open.as_mut().filter(|open| open.runtime == runtime) {
                    open.end = index;
                    open.is_linked = true;
                    if found.message.is_some() {
                        self.header(runtime, found, place, index, body, indent);
                    }
                }
            }
            What::Cause => self.cause(runtime, found, index),
            What::Skip => self.with_open(runtime, index, |open| open.is_aside = true),
            What::Back => self.with_open(runtime, index, |open| open.current = 0),
            What::Aside => self.with_open(runtime, index, |open| {
                open.is_aside = open.has_places();
            }),
            What::Says => self.with_open(runtime, index, |open| {
                if let (Some(part), Some(said)) = (open.part(), found.message) {
                    let before = part.message.take().map_or_else(String::new, |type_| type_ + ": ");
                    part.message = Some(before + said);
                }
            }),
            What::Hint => self.hint(runtime, found, place, index, body, indent),
        }
    }

    fn with_open(&mut self, runtime: Runtime, index: usize, change: impl FnOnce(&mut Trace)) {
        if let Some(open) = self.open.as_mut().filter(|open| open.runtime == runtime) {
            open.end = index;
            change(open);
        }
    }

    fn header(
        &mut self,
        runtime: Runtime,
        found: &Found<'_>,
        place: Option<Place>,
        index: usize,
        body: &str,
        indent: usize,
    ) {
        if self.goes_on_with(runtime, index) {
            return self.with_open(runtime, index, |open| {
                if let Some(place) = place {
                    open.push(place, indent);
                }
            });
        }
        let is_next = self.open.as_ref().is_some_and(|open| {
            // Ruby writes the error that led to another right below it; of threads in Rust, one
            // that panics is followed by the one that waits for it.
            let is_below = open.has_places()
                && match runtime {
                    Runtime::Ruby => open.end + 1 == index,
                    Runtime::Rust => index - open.end <= LONGEST_MESSAGE,
                    _ => false,
                };
            open.runtime == runtime && (open.is_linked || is_below)
        });
        if is_next {
            self.with_open(runtime, index, Trace::begin_part);
        } else {
            self.close();
            let mut open = Trace::new(runtime, index);
            open.is_weak = std::mem::take(&mut self.is_ignored);
            self.open = Some(open);
        }
        let message = found.message.map(|message| worded(runtime, message, body));
        let heading = body.find("panicked at ").and_then(|start| body.get(start..));
        self.announced = None;
        if let Some(open) = self.open.as_mut() {
            open.is_linked = false;
            if let Some(place) = place {
                open.push(place, indent);
            }
            if let Some(part) = open.part() {
                part.wants_message = message.is_none();
                part.message = message
                    .or_else(|| heading.map(|heading| heading.trim_end_matches(':').to_owned()));
            }
        }
    }

    /// Whether a header only is one more error of the same kind: what compilers find is one failure,
    /// which the first error tells best.
    fn goes_on_with(&self, runtime: Runtime, index: usize) -> bool {
        let Some(open) = self.open.as_ref().filter(|open| open.runtime == runtime) else {
            return false;
        };
        let message = open.messages().next().unwrap_or_default();
        let is_near = index.saturating_sub(open.end) <= WIDEST_GAP;
        match runtime {
            Runtime::Compiler => is_near,
            Runtime::Perl => {
                is_near
                    && ["syntax error", "Global symbol"]
                        .iter()
                        .any(|start| message.starts_with(start))
            }
            _ => false,
        }
    }

    fn frame(&mut self, runtime: Runtime, place: Option<Place>, index: usize, indent: usize) {
        let announced = self.announced.take();
        let goes_on = self.open.as_ref().is_some_and(|open| {
            let is_near = index.saturating_sub(open.end) <= WIDEST_GAP;
            let is_done = runtime == Runtime::Python
                && open.parts.get(open.current).is_some_and(|part| part.message.is_some());
            let is_another = announced.is_some() && open.has_places() && runtime != Runtime::Python;
            open.runtime == runtime && is_near && !is_done && !is_another
        });
        if !goes_on {
            self.close();
            let mut open = Trace::new(runtime, index);
            if let Some(part) = open.part().filter(|_| runtime != Runtime::Python) {
                part.message = self.said_before(runtime, announced, index);
            }
            self.open = Some(open);
        }
        if let Some(open) = self.open.as_mut() {
            open.end = index;
            if let Some(place) = place.filter(|_| !open.is_aside) {
                open.push(place, indent);
            }
        }
    }

    /// What was said about an error whose first frame is at `index`.
    fn said_before(
        &self,
        runtime: Runtime,
        announced: Option<(usize, String)>,
        index: usize,
    ) -> Option<String> {
        let is_near = |at: usize| index - at <= LONGEST_MESSAGE;
        if let Some((_, message)) = announced.filter(|(at, _)| is_near(*at)) {
            return Some(message);
        }
        let above = index.checked_sub(1).filter(|_| runtime == Runtime::JavaScript);
        let at = above.or_else(|| self.blamed.filter(|at| is_near(*at)))?;
        let body = self.lines.get(at)?.body();
        (!body.is_empty()).then(|| body.to_owned())
    }

    fn cause(&mut self, runtime: Runtime, found: &Found<'_>, index: usize) {
        if self.open.as_ref().is_none_or(|open| open.runtime != runtime) {
            // An error without a stack of its own: `Error: …` and `Caused by: …`.
            let announced = self.announced.take();
            self.close();
            let mut open = Trace::new(runtime, index);
            if let Some(part) = open.part() {
                part.message = announced.map(|(_, message)| message);
            }
            self.open = Some(open);
        }
        self.with_open(runtime, index, |open| {
            open.begin_part();
            if let Some(part) = open.part() {
                part.message = found.message.map(str::to_owned);
            }
        });
    }

    /// A place that is named above an error or in its message.
    fn hint(
        &mut self,
        runtime: Runtime,
        found: &Found<'_>,
        place: Option<Place>,
        index: usize,
        body: &str,
        indent: usize,
    ) {
        let is_open = self.open.as_ref().is_some_and(|open| {
            open.runtime == runtime && index.saturating_sub(open.end) <= LONGEST_MESSAGE
        });
        // `/x/app.js:5` above the source line begins a trace; so does a warning of PHP.
        if !is_open || found.line.is_some() {
            self.close();
            self.open =
                Some(Trace { is_weak: runtime == Runtime::Php, ..Trace::new(runtime, index) });
        }
        let announced = error(body);
        if let Some(open) = self.open.as_mut() {
            open.end = index;
            if let Some(place) = place {
                open.push(place, indent);
            }
            if let Some(part) = open.part() {
                let said = found.message.map(|said| said.trim_start().to_owned()).or(announced);
                part.message = part.message.take().or(said);
            }
        }
    }

    /// Takes a line that is none of a trace's forms: it may say what went wrong.
    fn message(&mut self, index: usize, line: &Line, body: &str, indent: usize) {
        let above = index.checked_sub(1).and_then(|above| self.lines.get(above));
        let is_marked = above.is_some_and(|line| is_marks(line.body()));
        let open = self.open.as_mut().filter(|open| index - open.end <= LONGEST_MESSAGE);
        if let Some(open) = open {
            let runtime = open.runtime;
            let end = open.end;
            let Some(part) = open.parts.get_mut(open.current) else {
                return;
            };
            let said = match runtime {
                Runtime::Python if part.message.is_none() && !part.places.is_empty() => {
                    python_error(body, indent, part.indent)
                }
                Runtime::Rust if part.wants_message && !body.is_empty() && end + 1 == index => {
                    part.message.take().map(|heading| format!("{heading}: {body}"))
                }
                // Below `/x/app.js:5`, the source line and the mark below it; what is thrown need
                // not be an error.
                Runtime::JavaScript if part.message.is_none() => {
                    let thrown = (is_marked && !body.is_empty()).then(|| body.to_owned());
                    error(body).or(thrown)
                }
                _ => None,
            };
            if said.is_some() {
                part.message = said;
                part.wants_message = false;
                open.end = index;
                self.announced = None;
                return;
            }
        }
        if line.level == Some(Level::Error) {
            self.blamed = Some(index);
        }
        if let Some(message) = error(body) {
            self.announced = Some((index, message));
        }
    }

    /// The place that a line names, with the function from the line above where it stands there.
    fn place(&self, form: &Form, found: &Found<'_>, index: usize) -> Option<Place> {
        let path = match (found.path, form.runtime) {
            (Some(path), Runtime::Shell) if form.pattern.starts_with('/') => format!("/{path}"),
            (Some(path), _) => path.to_owned(),
            (None, _) => return None,
        };
        let above = || {
            let above = self.lines.get(index.checked_sub(1)?)?.body();
            function_above(form.runtime, above)
        };
        let function = match form.what {
            What::FrameBelow => above(),
            _ => found.function.map(|function| function_named(form.runtime, function)),
        };
        Some(Place { path, line: found.line, function })
    }

    /// Ends the trace that is being read: it counts unless it is weak and there is one that is not.
    fn close(&mut self) {
        let Some(open) = self.open.take() else {
            return;
        };
        if !open.has_places() && open.messages().next().is_none() {
            return;
        }
        match &mut self.counted {
            // What is said after the end is no sign that the program went on.
            Some(counted) if open.is_weak => counted.end = open.end,
            counted => *counted = Some(open),
        }
    }
}

/// The forms with their patterns, read once.
static PATTERNS: LazyLock<Vec<(&Form, Pattern)>> =
    LazyLock::new(|| FORMS.iter().map(|form| (form, Pattern::new(form.pattern))).collect());

/// The form that a line has.
fn recognised(body: &str) -> Option<(&'static Form, Found<'_>)> {
    PATTERNS.iter().find_map(|(form, pattern)| Some((*form, pattern.find(body)?)))
}
