//! Medians of several rounds.

use std::time::Instant;

use crate::Result;

/// The middle of some figures; the upper of two.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

/// Does `work` and gives the seconds that it took.
pub(crate) fn time(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let clock = Instant::now();
    work()?;
    Ok(clock.elapsed().as_secs_f64())
}

/// Does `round`, which gives a figure for each of its parts, once to warm up and then `rounds`
/// times; gives the median of each.
///
/// The parts of a round follow each other closely, so that what else the machine does meets them
/// all.
pub(crate) fn medians<const N: usize>(
    rounds: usize,
    mut round: impl FnMut() -> Result<[f64; N]>,
) -> Result<[f64; N]> {
    round()?;
    let mut figures = [(); N].map(|()| Vec::with_capacity(rounds));
    for _ in 0..rounds {
        for (figures, figure) in figures.iter_mut().zip(round()?) {
            figures.push(figure);
        }
    }
    Ok(figures.map(median))
}
