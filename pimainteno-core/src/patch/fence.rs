//! Code fences.

/// The line that opens a code fence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fence<'a> {
    pub(super) indentation: usize,
    mark: char,
    pub(super) length: usize,
    /// What stands behind the marks: a language, and sometimes the name of a file.
    pub(super) info: &'a str,
}

impl<'a> Fence<'a> {
    /// Reads a line, if it opens a fence.
    pub(super) fn open(line: &'a str) -> Option<Self> {
        let text = line.trim_start_matches(' ');
        let mark = text.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
        let length = text.chars().take_while(|character| *character == mark).count();
        // What follows names the language; a mark there makes it code within a line.
        (length >= 3 && !text[length..].contains('`')).then(|| Self {
            indentation: line.len() - text.len(),
            mark,
            length,
            info: text[length..].trim(),
        })
    }

    /// Whether `line` closes it.
    pub(super) fn is_closed_by(&self, line: &str) -> bool {
        let text = line.trim_start_matches(' ');
        let marks = text.trim_end();
        line.len() - text.len() == self.indentation
            && marks.len() == self.length
            && marks.chars().all(|character| character == self.mark)
    }
}

/// A line without so many blanks in front, or without those that it has.
pub(super) fn without_indentation(line: &str, indentation: usize) -> &str {
    let blanks = line.bytes().take(indentation).take_while(|byte| *byte == b' ').count();
    &line[blanks..]
}
