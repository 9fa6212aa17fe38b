//! What answers may cost, as `PiMainteno.toml` says it.

use std::fmt;

use pimainteno_plugin::Usage;
use serde::{Deserialize, Deserializer, Serialize, de};

/// How many millionths one unit of money has.
const MICROS: u64 = 1_000_000;

/// The most money that can be written: more than anybody pays, and little enough for sums.
const MOST: f64 = 1e9;

/// What may be spent: `[llm.budget]` for all projects together, `[project.llm.budget]` for one.
/// `None` is no limit.
///
/// A budget is asked before a call, when nobody knows how large the answer will be: a single call
/// can go beyond the tokens or the money that were left. It is counted, and the next one is
/// refused. A day ends at midnight in the scheduler's time zone. Calls that failed count as calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct BudgetConfig {
    /// Calls in one run.
    pub calls_per_run: Option<u64>,
    /// Tokens in one run, read and written.
    pub tokens_per_run: Option<u64>,
    /// Money in one run, as far as [`PriceConfig`] or the backend says what calls cost.
    pub money_per_run: Option<Money>,
    /// Calls a day.
    pub calls_per_day: Option<u64>,
    /// Tokens a day.
    pub tokens_per_day: Option<u64>,
    /// Money a day.
    pub money_per_day: Option<Money>,
    /// How many of the day's calls are kept back for repairs; fewer than `calls_per_day`.
    pub repair_reserve: Option<u64>,
}

/// What a million tokens cost: `[llm.prices.NAME]`, where the name is that of a model or of a
/// provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PriceConfig {
    /// Tokens that are read.
    pub input: Money,
    /// Tokens that are read and come from the provider's cache; the same as `input` if it is not
    /// given.
    pub cached_input: Option<Money>,
    /// Tokens that are written.
    pub output: Money,
}

/// An amount of money, exact to a millionth. In which currency is known to whoever writes the
/// configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money {
    /// The amount in millionths.
    pub micros: u64,
}

impl BudgetConfig {
    /// Whether there is a limit for a day.
    pub fn limits_a_day(&self) -> bool {
        self.calls_per_day.is_some()
            || self.tokens_per_day.is_some()
            || self.money_per_day.is_some()
    }
}

impl PriceConfig {
    /// What tokens cost, in millionths, rounded up.
    pub fn cost_micros(&self, usage: Usage) -> u64 {
        let cached = usage.cached_input_tokens.min(usage.input_tokens);
        let parts = [
            (usage.input_tokens - cached, self.input),
            (cached, self.cached_input.unwrap_or(self.input)),
            (usage.output_tokens, self.output),
        ];
        let sum: u128 = parts
            .iter()
            .map(|(tokens, price)| u128::from(*tokens) * u128::from(price.micros))
            .sum();
        u64::try_from(sum.div_ceil(u128::from(MICROS))).unwrap_or(u64::MAX)
    }
}

/// Writes at least two decimals.
impl fmt::Display for Money {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = format!("{:06}", self.micros % MICROS);
        let kept = decimals.trim_end_matches('0').len().max(2);
        write!(formatter, "{}.{}", self.micros / MICROS, decimals.get(..kept).unwrap_or_default())
    }
}

impl Serialize for Money {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.micros as f64 / MICROS as f64)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MoneyVisitor)
    }
}

struct MoneyVisitor;

impl de::Visitor<'_> for MoneyVisitor {
    type Value = Money;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an amount of money, like 2.5")
    }

    fn visit_i64<E: de::Error>(self, amount: i64) -> Result<Money, E> {
        self.visit_f64(amount as f64)
    }

    fn visit_u64<E: de::Error>(self, amount: u64) -> Result<Money, E> {
        self.visit_f64(amount as f64)
    }

    fn visit_f64<E: de::Error>(self, amount: f64) -> Result<Money, E> {
        if !(0.0..=MOST).contains(&amount) {
            return Err(E::custom(format!("not an amount of money: {amount}; write it like 2.5")));
        }
        Ok(Money { micros: (amount * MICROS as f64).round() as u64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_cost_what_the_prices_say_exactly() {
        let prices: PriceConfig =
            toml::from_str("input = 1.25\ncached_input = 0.125\noutput = 10").unwrap();
        // 600 at 1.25, 400 at 0.125 and 50 at 10 for a million.
        assert_eq!(prices.cost_micros(Usage::call(1000, 400, 50)), 750 + 50 + 500);
        assert_eq!(prices.cost_micros(Usage::call(1, 0, 0)), 2, "rounded up");
        assert_eq!(prices.cost_micros(Usage::call(u64::MAX, 0, u64::MAX)), u64::MAX);
        let prices: PriceConfig = toml::from_str("input = 2").unwrap();
        assert_eq!(prices.cost_micros(Usage::call(10, 10, 10)), 20);
    }

    #[test]
    fn money_is_read_and_written_as_people_do() {
        let read = |text: &str| {
            toml::from_str::<BudgetConfig>(&format!("money_per_day = {text}"))
                .map(|budget| budget.money_per_day.unwrap())
        };
        for (text, shown) in
            [("2", "2.00"), ("0.1", "0.10"), ("1.234567", "1.234567"), ("0", "0.00")]
        {
            assert_eq!(read(text).unwrap().to_string(), shown);
        }
        for bad in ["-1", "nan", "inf", "1e12", "'2'"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
