//! Whether one more call may be made: of the run, of its project today, and of all projects today.

use std::time::Duration;

use jiff::{Timestamp, Zoned, tz::TimeZone};
use pimainteno_plugin::{Task, Usage};

use crate::{
    config::{BudgetConfig, Money, PriceConfig},
    error::{Error, ErrorKind, Result},
};

/// The budgets that a run answers to, and what its calls cost.
pub(crate) struct Budget<'run> {
    /// For all projects together.
    pub(crate) all: &'run BudgetConfig,
    /// For the run's project.
    pub(crate) project: &'run BudgetConfig,
    /// What the tokens of the project's model cost.
    pub(crate) price: Option<&'run PriceConfig>,
    /// Whose midnight ends a day.
    pub(crate) timezone: &'run TimeZone,
}

/// What was spent so far.
#[derive(Clone, Copy)]
pub(super) struct Spent {
    pub(super) run: Usage,
    /// By the run's project today.
    pub(super) project: Usage,
    /// By all projects today.
    pub(super) all: Usage,
}

impl Budget<'_> {
    /// The day that pays for a call now.
    pub(super) fn today(&self) -> Zoned {
        Timestamp::now().to_zoned(self.timezone.clone())
    }

    /// What is counted of an answer that is paid for: one call at least, and the money that the
    /// backend or else the price says.
    pub(super) fn priced(&self, mut usage: Usage) -> Usage {
        usage.calls = usage.calls.max(1);
        if usage.cost_micros == 0 {
            usage.cost_micros = self.price.map_or(0, |price| price.cost_micros(usage));
        }
        usage
    }

    /// Refuses a call for which nothing is left. What is kept back is for those that mend a change, or
    /// a unit (`uses_reserve`).
    ///
    /// # Errors
    /// [`ErrorKind::Backend`]; with [`crate::Retry::After`] if there is a new budget tomorrow. A
    /// run never gets a new one.
    pub(super) fn allow(
        &self,
        task: Task,
        uses_reserve: bool,
        spent: Spent,
        now: &Zoned,
    ) -> Result<()> {
        let run = self.project;
        let limits = [run.calls_per_run, run.tokens_per_run, micros(run.money_per_run)];
        if let Some((name, figures)) = used_up(spent.run, limits) {
            return Err(Error::new(
                ErrorKind::Backend,
                format!("the run's budget is used up: {figures}"),
            )
            .hint(format!(
                "raise `{name}_per_run` of its budget; what was answered so far is kept"
            )));
        }
        let days = [
            ("the project's budget for today", "project.llm.budget", self.project, spent.project),
            ("the day's budget", "llm.budget", self.all, spent.all),
        ];
        for (whose, table, budget, spent) in days {
            let reserve = if uses_reserve || matches!(task, Task::Mend | Task::Rebase) {
                0
            } else {
                budget.repair_reserve.unwrap_or(0)
            };
            let calls = budget.calls_per_day.map(|calls| calls.saturating_sub(reserve));
            let limits = [calls, budget.tokens_per_day, micros(budget.money_per_day)];
            if let Some((name, figures)) = used_up(spent, limits) {
                let kept = if name == "calls" && reserve > 0 {
                    format!(", and {reserve} more are kept back for repairs")
                } else {
                    String::new()
                };
                return Err(Error::new(
                    ErrorKind::Backend,
                    format!("{whose} is used up: {figures}{kept}"),
                )
                .hint(format!(
                    "raise `{table}.{name}_per_day` and resume the project, or wait for tomorrow"
                ))
                .retry_after(until_midnight(now)));
            }
        }
        Ok(())
    }
}

/// The first figure of which nothing is left, by its name in the configuration, with its numbers in
/// words; the limits are those of calls, tokens and money.
fn used_up(spent: Usage, limits: [Option<u64>; 3]) -> Option<(&'static str, String)> {
    let figures =
        [("calls", spent.calls), ("tokens", spent.tokens()), ("money", spent.cost_micros)];
    let (name, spent, limit) =
        figures.into_iter().zip(limits).find_map(|((name, spent), limit)| {
            limit.filter(|limit| spent >= *limit).map(|limit| (name, spent, limit))
        })?;
    let words = match name {
        "money" => format!("{} of {}", Money { micros: spent }, Money { micros: limit }),
        _ => format!("{spent} of {limit} {name}"),
    };
    Some((name, words))
}

fn micros(money: Option<Money>) -> Option<u64> {
    money.map(|money| money.micros)
}

/// How long the day still is.
fn until_midnight(now: &Zoned) -> Duration {
    let tomorrow = now.tomorrow().and_then(|tomorrow| tomorrow.start_of_day());
    let left = tomorrow.map(|tomorrow| now.duration_until(&tomorrow));
    left.ok().and_then(|left| Duration::try_from(left).ok()).unwrap_or(Duration::from_secs(3600))
}

/// What is counted of a call that is paid for, whatever comes of it.
pub(super) fn one_call() -> Usage {
    Usage::call(0, 0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Retry, job::Job, words::UnitName};

    fn config(text: &str) -> BudgetConfig {
        toml::from_str(text).unwrap()
    }

    /// What is said about one more call for `task` after five calls of 110 tokens and 0.25 each, in
    /// the run, the project and all.
    fn refusal(all: &str, project: &str, task: Task) -> Option<Error> {
        let (all, project) = (config(all), config(project));
        let budget = Budget { all: &all, project: &project, price: None, timezone: &TimeZone::UTC };
        let mut spent = Usage::call(500, 0, 50);
        (spent.calls, spent.cost_micros) = (5, 1_250_000);
        let now: Zoned = "2026-03-04T23:59:50[UTC]".parse().unwrap();
        budget.allow(task, false, Spent { run: spent, project: spent, all: spent }, &now).err()
    }

    #[test]
    fn each_figure_of_each_budget_refuses_a_call_when_nothing_is_left_of_it() {
        for (all, project, said) in [
            ("calls_per_day = 5", "", "the day's budget is used up: 5 of 5 calls"),
            ("tokens_per_day = 540", "", "the day's budget is used up: 550 of 540 tokens"),
            ("money_per_day = 1.25", "", "the day's budget is used up: 1.25 of 1.25"),
            ("", "calls_per_day = 4", "the project's budget for today is used up: 5 of 4 calls"),
            (
                "",
                "tokens_per_day = 550",
                "the project's budget for today is used up: 550 of 550 tokens",
            ),
            ("", "money_per_day = 1", "the project's budget for today is used up: 1.25 of 1.00"),
        ] {
            let error = refusal(all, project, Task::Propose).unwrap();
            assert_eq!(
                (error.to_string().as_str(), error.retry()),
                (said, Retry::After(Duration::from_secs(10)))
            );
        }
        for (project, said) in [
            ("calls_per_run = 5", "the run's budget is used up: 5 of 5 calls"),
            ("tokens_per_run = 1", "the run's budget is used up: 550 of 1 tokens"),
            ("money_per_run = 0.5", "the run's budget is used up: 1.25 of 0.50"),
        ] {
            let error = refusal("", project, Task::Propose).unwrap();
            assert_eq!((error.to_string().as_str(), error.retry()), (said, Retry::Never));
        }
        let enough = "calls_per_day = 6\ntokens_per_day = 551\nmoney_per_day = 1.26\ncalls_per_run = 6\ntokens_per_run = 551\nmoney_per_run = 1.26";
        assert!(refusal(enough, enough, Task::Propose).is_none());
        assert!(refusal("", "", Task::Propose).is_none());
    }

    #[test]
    fn calls_that_are_kept_back_are_for_repairs_alone() {
        let reserve = "calls_per_day = 7\nrepair_reserve = 2";
        let said =
            "the day's budget is used up: 5 of 5 calls, and 2 more are kept back for repairs";
        assert_eq!(refusal(reserve, "", Task::Propose).unwrap().to_string(), said);
        assert!(refusal("", reserve, Task::Summarize).is_some());
        for task in [Task::Mend, Task::Rebase] {
            assert!(refusal(reserve, reserve, task).is_none());
        }
        assert!(refusal("calls_per_day = 5\nrepair_reserve = 2", "", Task::Mend).is_some());
        // Whatever is asked to mend a unit.
        assert!(Job::Repair { unit: UnitName::unchecked("a.service") }.rules().uses_reserve);
        let (all, none) = (config(reserve), BudgetConfig::default());
        let budget = Budget { all: &all, project: &none, price: None, timezone: &TimeZone::UTC };
        let mut spent = Usage::default();
        spent.calls = 5;
        let spent = Spent { run: Usage::default(), project: spent, all: spent };
        let now: Zoned = "2026-03-04T23:59:50[UTC]".parse().unwrap();
        assert!(budget.allow(Task::Propose, true, spent, &now).is_ok());
    }

    #[test]
    fn an_answer_costs_what_its_backend_or_its_price_says_and_a_call_at_least() {
        let (none, price) = (BudgetConfig::default(), toml::from_str("input = 2").unwrap());
        let cost = |price, usage| {
            let priced = Budget { all: &none, project: &none, price, timezone: &TimeZone::UTC }
                .priced(usage);
            (priced.calls, priced.cost_micros)
        };
        let (usage, mut told) = (Usage::call(1_000_000, 0, 0), Usage::default());
        told.cost_micros = 7;
        assert_eq!(cost(Some(&price), usage), (1, 2_000_000));
        assert_eq!(cost(None, usage), (1, 0));
        assert_eq!(cost(Some(&price), told), (1, 7));
    }

    #[test]
    fn a_day_ends_at_the_next_midnight_of_its_time_zone() {
        // The night in which the clocks go forward by an hour there.
        for (now, left) in [
            ("2026-03-28T12:00:00[Europe/Berlin]", 12 * 3600),
            ("2026-03-29T00:00:00[Europe/Berlin]", 23 * 3600),
        ] {
            assert_eq!(until_midnight(&now.parse().unwrap()), Duration::from_secs(left), "{now}");
        }
    }
}
