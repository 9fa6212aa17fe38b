//! Tables: columns that are as wide as what is in them, and a last one that takes what the terminal
//! leaves.

use anstyle::Style;
use jiff::Timestamp;
use pimainteno_core::Result;
use serde::Serialize;

use super::{FAINT, Terminal, paint, plain};

/// What separates two columns.
const GAP: usize = 2;

/// The least width of the last column. A terminal that leaves less has to wrap lines.
const NARROWEST: usize = 12;

/// What the others leave the last column, as far as they can.
const LAST: usize = 20;

/// A table with a heading.
pub(crate) struct Table {
    rows: Vec<Vec<Cell>>,
}

/// A text in a style; one line of it.
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Terminal {
    /// Gives a list: as the JSON document, or as a table with a row for each, or says that it is
    /// `empty`.
    ///
    /// # Errors
    /// As [`Self::give`].
    pub(crate) fn list<T: Serialize, const N: usize>(
        &self,
        list: &[T],
        empty: &str,
        headings: [&str; N],
        row: impl Fn(&T, Timestamp) -> [Cell; N],
    ) -> Result<()> {
        self.give(list, || {
            if list.is_empty() {
                return self.tell(empty);
            }
            let (mut table, now) = (Table::new(headings), Timestamp::now());
            list.iter().for_each(|item| table.row(row(item, now)));
            self.print(table.render(self.width()));
        })
    }
}

impl Cell {
    /// A text in a style.
    pub(crate) fn styled(text: &str, style: Style) -> Self {
        Self { text: plain::inline(text).into_owned(), style }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::styled(text.as_ref(), Style::new())
    }
}

impl Table {
    /// A table with these headings and no rows.
    pub(crate) fn new<const N: usize>(headings: [&str; N]) -> Self {
        Self { rows: vec![headings.map(|heading| Cell::styled(heading, FAINT)).into()] }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table as lines, none longer than `width` if there is one.
    pub(crate) fn render(&self, width: Option<usize>) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widest = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| plain::width(&cell.text))
                .max()
        };
        let widths = (0..columns.saturating_sub(1)).map(|column| widest(column).unwrap_or(0));
        let widths = narrowed(widths.collect(), width);
        let taken: usize = widths.iter().map(|width| width + GAP).sum();
        let left = width.map(|width| width.saturating_sub(taken).max(NARROWEST));
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let text = plain::truncated(&cell.text, *width);
                let padding = width.saturating_sub(plain::width(&text)) + GAP;
                line.push_str(&format!("{}{}", paint(cell.style, text), " ".repeat(padding)));
            }
            if let Some(last) = row.get(widths.len()) {
                let shown = left.map_or_else(
                    || last.text.as_str().into(),
                    |left| plain::truncated(&last.text, left),
                );
                line.push_str(&paint(last.style, shown).to_string());
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Columns that leave the last one some width: the widest give way.
fn narrowed(mut widths: Vec<usize>, width: Option<usize>) -> Vec<usize> {
    let Some(width) = width else { return widths };
    while widths.iter().map(|width| width + GAP).sum::<usize>() + LAST > width {
        let Some(widest) = widths.iter_mut().max().filter(|widest| **widest > NARROWEST) else {
            break;
        };
        *widest -= 1;
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_the_last_one_gives_way() {
        let mut table = Table::new(["project", "last run"]);
        table.row(["漢字".into(), "applied: a change that says a lot\u{1b}[2J".into()]);
        table.row(["radio".into(), "never".into()]);
        let lines = |width| anstream::adapter::strip_str(&table.render(width)).to_string();
        assert_eq!(
            lines(Some(24)),
            "project  last run\n漢字     applied: a cha…\nradio    never\n"
        );
        assert!(lines(None).contains("a change that says a lot␛[2J\n"));

        let mut table = Table::new(["proposal", "change", "status"]);
        table.row(
            ["0199a3b4c5d6".into(), "x".repeat(40), "superseded by 0199a3".into()].map(Cell::from),
        );
        let text = anstream::adapter::strip_str(&table.render(Some(60))).to_string();
        assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
        assert!(text.contains("0199a3b4c5d6") && text.contains("superseded by 0199a3"), "{text}");
    }
}
