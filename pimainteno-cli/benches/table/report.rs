//! The table.

use std::fmt;

/// One line of the table: something measured, beside a floor or a peer.
pub(crate) struct Line {
    name: String,
    content: Content,
}

/// A figure in its unit.
#[derive(Clone, Copy)]
pub(crate) enum Figure {
    /// Seconds.
    Time(f64),
    /// Bytes.
    Bytes(f64),
    /// A number of things.
    Count(f64),
}

/// What a line has to keep to.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    /// At most so many times the peer.
    Ratio(f64),
    /// At most this.
    Figure(Figure),
    /// Nothing; it is there to compare with.
    Open,
}

enum Content {
    Measured {
        figure: Figure,
        peer: String,
        peer_figure: Figure,
        target: Target,
    },
    /// Why nothing was measured.
    Missing(String),
}

const HEADINGS: [&str; 7] =
    ["line", "measured", "against", "which takes", "ratio", "target", "met"];

impl Line {
    /// `figure`, beside what `peer` takes.
    pub(crate) fn new(
        name: impl Into<String>,
        figure: Figure,
        peer: impl Into<String>,
        peer_figure: Figure,
        target: Target,
    ) -> Self {
        Self {
            name: name.into(),
            content: Content::Measured { figure, peer: peer.into(), peer_figure, target },
        }
    }

    /// A line that could not be measured.
    pub(crate) fn missing(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { name: name.into(), content: Content::Missing(reason.into()) }
    }

    /// What is measured.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn cells(&self) -> [String; 7] {
        let name = self.name.clone();
        match &self.content {
            Content::Missing(reason) => {
                [name, reason.clone(), "-".into(), "-".into(), "-".into(), "-".into(), "-".into()]
            }
            Content::Measured { figure, peer, peer_figure, target } => {
                let ratio =
                    (peer_figure.value() > 0.0).then(|| figure.value() / peer_figure.value());
                let met = match target {
                    // Nothing against nothing is kept to.
                    Target::Ratio(most) => {
                        Some(ratio.map_or(figure.value() == 0.0, |ratio| ratio <= *most))
                    }
                    Target::Figure(most) => Some(figure.value() <= most.value()),
                    Target::Open => None,
                };
                [
                    name,
                    figure.to_string(),
                    peer.clone(),
                    peer_figure.to_string(),
                    ratio.map_or("-".into(), |ratio| format!("{} x", round(ratio))),
                    target.to_string(),
                    met.map_or("-", |met| if met { "yes" } else { "NO" }).into(),
                ]
            }
        }
    }
}

impl Figure {
    fn value(self) -> f64 {
        match self {
            Self::Time(value) | Self::Bytes(value) | Self::Count(value) => value,
        }
    }
}

/// Writes the figure with the largest unit in which it is at least 1.
impl fmt::Display for Figure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units: &[(f64, &str)] = match self {
            Self::Time(_) => &[(1.0, " s"), (1e-3, " ms"), (1e-6, " µs"), (1e-9, " ns")],
            Self::Bytes(_) => &[(1_048_576.0, " MiB"), (1024.0, " KiB"), (1.0, " B")],
            Self::Count(_) => &[(1.0, "")],
        };
        let value = self.value();
        if value == 0.0 {
            return formatter.write_str("0");
        }
        let unit = units.iter().find(|(size, _)| value >= *size).or(units.last());
        let (size, unit) = unit.copied().unwrap_or((1.0, ""));
        write!(formatter, "{}{unit}", round(value / size))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ratio(most) => write!(formatter, "<= {} x", round(*most)),
            Self::Figure(figure) if figure.value() == 0.0 => formatter.write_str("0"),
            Self::Figure(figure) => write!(formatter, "<= {figure}"),
            Self::Open => formatter.write_str("-"),
        }
    }
}

/// Prints the table with its columns aligned: the first and the third, which are words, to the
/// left, figures to the right.
#[expect(clippy::print_stdout, reason = "the table is what this program is for")]
pub(crate) fn print(lines: &[Line]) {
    let rows: Vec<_> =
        std::iter::once(HEADINGS.map(str::to_owned)).chain(lines.iter().map(Line::cells)).collect();
    let widths: Vec<_> = (0..HEADINGS.len())
        .map(|column| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or_default()
        })
        .collect();
    for row in rows {
        let cells =
            row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
                0 | 2 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
        println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

/// A number with three digits that count, or all digits before the point.
fn round(value: f64) -> String {
    let decimals = match value.abs() {
        value if value >= 100.0 || value.fract() == 0.0 => 0,
        value if value >= 10.0 => 1,
        value if value >= 0.1 => 2,
        _ => 4,
    };
    format!("{value:.decimals$}")
}
