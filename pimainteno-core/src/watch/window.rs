//! What comes several times in a while: a unit that fails again and again, units that fail
//! together.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// The last failures within a span of time, and whose they were.
#[derive(Debug)]
pub(super) struct Window<T> {
    failures: VecDeque<(Instant, T)>,
}

/// The most failures that are remembered, however many come: a unit may fail each millisecond.
const MOST: usize = 1000;

impl<T> Default for Window<T> {
    fn default() -> Self {
        Self { failures: VecDeque::new() }
    }
}

impl<T: PartialEq> Window<T> {
    /// Takes note of a failure, which may have been a while ago; gives how many there were within
    /// `span` up to the last one.
    pub(super) fn note(&mut self, at: Instant, of: T, span: Duration) -> usize {
        let place = self.failures.iter().rposition(|(other, _)| *other <= at);
        self.failures.insert(place.map_or(0, |place| place + 1), (at, of));
        let last = self.failures.back().map_or(at, |(last, _)| *last);
        let is_old = |at: &Instant| last.saturating_duration_since(*at) > span;
        while self.failures.front().is_some_and(|(at, _)| is_old(at)) || self.failures.len() > MOST
        {
            self.failures.pop_front();
        }
        self.failures.len()
    }

    /// Those of whom there are failures within the span, each once, the first first.
    pub(super) fn all(&self) -> Vec<&T> {
        let mut all = Vec::new();
        for (_, of) in &self.failures {
            if !all.contains(&of) {
                all.push(of);
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_secs(30);

    #[test]
    fn what_is_longer_ago_than_the_span_does_not_count() {
        let (mut window, start) = (Window::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(window.note(start, "a", SPAN), 1);
        assert_eq!(window.note(after(20), "b", SPAN), 2);
        assert_eq!(window.note(after(30), "b", SPAN), 3);
        assert_eq!(window.all(), [&"a", &"b"]);
        assert_eq!((window.note(after(31), "c", SPAN), window.all()), (3, vec![&"b", &"c"]));
        // One that is told of late.
        let _ = window.note(after(25), "e", SPAN);
        assert_eq!(window.all(), [&"b", &"e", &"c"]);
        assert_eq!(window.note(start, "f", SPAN), 4);
        for at in 0..5000 {
            window.note(after(31) + Duration::from_micros(at), "d", SPAN);
        }
        assert!(window.failures.len() <= MOST);
    }
}
