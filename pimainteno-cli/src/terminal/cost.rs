//! What answers cost, in words.

use pimainteno_core::{Spending, Usage, config::Money};

/// What answers cost: `2 calls, 1000 tokens read, 400 of them cached, 50 written, for 0.12`.
pub(crate) fn usage(usage: Usage) -> String {
    let calls = calls(usage.calls);
    let cached = if usage.cached_input_tokens == 0 {
        String::new()
    } else {
        format!(", {} of them cached", usage.cached_input_tokens)
    };
    let money = if usage.cost_micros == 0 {
        String::new()
    } else {
        format!(", for {}", Money { micros: usage.cost_micros })
    };
    format!(
        "{calls}, {} tokens read{cached}, {} written{money}",
        usage.input_tokens, usage.output_tokens
    )
}

/// What a day cost, of how much: `3 of 50 calls, 1050 tokens, 0.12 of 2.50 in money`; `None` if
/// nothing was spent and nothing is limited.
pub(crate) fn day(spending: &Spending) -> Option<String> {
    let Spending { usage, budget, .. } = spending;
    if !budget.limits_a_day() && *usage == Usage::default() {
        return None;
    }
    let of = |spent: String, limit: Option<String>| {
        limit.map_or(spent.clone(), |limit| format!("{spent} of {limit}"))
    };
    let mut parts = vec![
        budget.calls_per_day.map_or_else(
            || calls(usage.calls),
            |limit| format!("{} of {limit} calls", usage.calls),
        ),
        format!(
            "{} tokens",
            of(usage.tokens().to_string(), budget.tokens_per_day.map(|tokens| tokens.to_string()))
        ),
    ];
    if usage.cost_micros > 0 || budget.money_per_day.is_some() {
        let spent = Money { micros: usage.cost_micros }.to_string();
        parts.push(format!(
            "{} in money",
            of(spent, budget.money_per_day.map(|money| money.to_string()))
        ));
    }
    if let Some(reserve @ 1..) = budget.repair_reserve {
        parts.push(format!("the last {reserve} calls for repairs alone"));
    }
    Some(parts.join(", "))
}

fn calls(number: u64) -> String {
    if number == 1 { "1 call".to_owned() } else { format!("{number} calls") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_answers_cost_is_told_with_what_is_known_of_it() {
        let mut cost = Usage::call(1000, 400, 50);
        assert_eq!(usage(cost), "1 call, 1000 tokens read, 400 of them cached, 50 written");
        (cost.calls, cost.cached_input_tokens, cost.cost_micros) = (2, 0, 120_000);
        assert_eq!(usage(cost), "2 calls, 1000 tokens read, 50 written, for 0.12");
    }

    #[test]
    fn a_day_is_told_with_its_limits() {
        let mut spending = Spending::default();
        assert_eq!(day(&spending), None);
        spending.usage = Usage::call(1000, 0, 50);
        assert_eq!(day(&spending).unwrap(), "1 call, 1050 tokens");
        spending.usage.cost_micros = 120_000;
        (spending.budget.calls_per_day, spending.budget.repair_reserve) = (Some(50), Some(10));
        assert_eq!(
            day(&spending).unwrap(),
            "1 of 50 calls, 1050 tokens, 0.12 in money, the last 10 calls for repairs alone"
        );
        spending.budget.money_per_day = Some(Money { micros: 2_500_000 });
        assert!(day(&spending).unwrap().contains("0.12 of 2.50 in money"));
        spending.usage = Usage::default();
        assert!(day(&spending).unwrap().starts_with("0 of 50 calls, 0 tokens, 0.00 of 2.50"));
    }
}
