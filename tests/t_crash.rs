//! The daemon is killed in the middle of runs, again and again, and nothing is lost, done twice or
//! left half done.
//!
//! Each round is a new misspelling of the user's, and a run that puts it right. The run is killed,
//! the daemon started again, and everything looked at. The next round starts from there, so that
//! whatever is left in the way is found.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, UNIX_EPOCH},
};

use crate::support::crash::{Moment, Order, Scenario, Victims, World};

/// How many rounds one machine sees.
const ROUNDS: usize = 8;

const PUSH_FIRST: Scenario = Scenario {
    name: "delivery",
    order: Order::Run,
    configuration: "",
    pushes: true,
    healthy: true,
    remote_moves: false,
    directory: "",
};
const PUSH_LAST: Scenario =
    Scenario { name: "push after monitor", configuration: LAST, ..PUSH_FIRST };
const UNHEALTHY: Scenario = Scenario { name: "rollback, pushed", healthy: false, ..PUSH_FIRST };
const UNHEALTHY_LOCAL: Scenario =
    Scenario { name: "rollback, not pushed", healthy: false, ..PUSH_LAST };
// The check is where somebody else pushes from; a sandbox would not let it.
const MOVED: Scenario = Scenario {
    name: "remote moves",
    configuration: "sandbox = 'off'",
    remote_moves: true,
    ..PUSH_FIRST
};
const APPROVAL: Scenario = Scenario { name: "approval", order: Order::Approval, ..PUSH_FIRST };
const BY_HAND: Scenario =
    Scenario { name: "by hand, pushed", order: Order::Rollback, ..PUSH_FIRST };
const BY_HAND_LOCAL: Scenario =
    Scenario { name: "by hand, not pushed", configuration: LOCAL, pushes: false, ..BY_HAND };
const LAST: &str = "steps = ['propose', 'apply', 'verify', 'commit', 'restart', 'monitor', 'push']";
const LOCAL: &str = "steps = ['propose', 'apply', 'verify', 'commit', 'restart', 'monitor']";

const DEPLOYED: Scenario =
    Scenario { name: "deployed, rollback", configuration: DEPLOY, ..UNHEALTHY };
const DEPLOYED_FIRST: Scenario =
    Scenario { name: "deployed before push", configuration: DEPLOY_FIRST, ..UNHEALTHY };
const DEPLOY: &str = "steps = ['propose', 'apply', 'verify', 'commit', 'push', 'restart', \
    { name = 'deploy', command = 'cp README.md \"$PIMAINTENO_CHECKOUT/../live\"', sandbox = 'off' }, 'monitor']";
const DEPLOY_FIRST: &str = "steps = ['propose', 'apply', 'verify', 'commit', \
    { name = 'deploy', command = 'cp README.md \"$PIMAINTENO_CHECKOUT/../live\"', sandbox = 'off' }, 'restart', 'monitor', 'push']";

// Each round has a lock of its own, so that what it asks for is made anew. A check that sees half of
// it, or another's, is red.
const PREPARED: Scenario =
    Scenario { name: "prepared, rollback", configuration: PREPARE, ..UNHEALTHY };
const BELOW: Scenario =
    Scenario { name: "below the top, rollback", directory: "radio/site", ..UNHEALTHY };
const BELOW_APPROVAL: Scenario =
    Scenario { name: "below the top, approval", directory: "radio/site", ..APPROVAL };
const PREPARE: &str = "prepare = [{ files = ['lock'], command = '''
    mkdir out && for part in $(seq 40); do cp lock out/$part; done''' }]
steps = ['prepare', 'propose', 'apply', { name = 'complete', command = '''
    for part in $(seq 40); do cmp lock out/$part || exit 1; done''' }, 'verify', 'commit', 'push', 'restart', 'monitor']";

const SCENARIOS: [Scenario; 13] = [
    PUSH_FIRST,
    PUSH_LAST,
    UNHEALTHY,
    UNHEALTHY_LOCAL,
    MOVED,
    APPROVAL,
    BY_HAND,
    BY_HAND_LOCAL,
    DEPLOYED,
    DEPLOYED_FIRST,
    PREPARED,
    BELOW,
    BELOW_APPROVAL,
];

/// What was tried, and what came of it: by scenario and phase.
#[derive(Default)]
struct Table {
    tried: BTreeMap<(&'static str, String), (usize, usize)>,
    findings: Vec<String>,
}

/// Goes through `moments`, two machines at a time.
fn kill_at(scenario: Scenario, moments: &[(Moment, Victims)], table: &Mutex<Table>) {
    let chunks: Vec<_> = moments.chunks(ROUNDS).collect();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(chunk) = chunks.get(next.fetch_add(1, Ordering::SeqCst)) {
                    one_machine(scenario, chunk, table);
                }
            });
        }
    });
}

fn one_machine(scenario: Scenario, moments: &[(Moment, Victims)], table: &Mutex<Table>) {
    let mut world = World::new(scenario);
    let mut rest = moments.iter().chain([&(Moment::Never, Victims::All)]);
    let mut failed = world.start().err();
    while failed.is_none()
        && let Some((moment, victims)) = rest.next()
    {
        world.begin_round();
        let attempt = world.run(*moment, *victims);
        let mut findings = Vec::new();
        if world.is_down() {
            findings.extend(world.start().err());
        }
        findings.extend(world.findings(&attempt));
        if matches!(moment, Moment::Never) {
            findings.extend(world.findings_at_the_end());
        }
        let mut table = table.lock().unwrap();
        let (tried, survived) =
            table.tried.entry((scenario.name, attempt.phase.clone())).or_default();
        *tried += 1;
        *survived += usize::from(findings.is_empty());
        if !findings.is_empty() {
            let log = world.log();
            let tail: Vec<_> = log.lines().rev().take(12).collect();
            let tail: Vec<_> = tail.into_iter().rev().collect();
            failed = Some(format!(
                "{} {moment:?} {victims:?}: {attempt:?}\n  {}\n{}",
                scenario.name,
                findings.join("\n  "),
                tail.join("\n")
            ));
        }
    }
    if let Some(failed) = failed {
        table.lock().unwrap().findings.push(failed);
    }
}

fn conclude(table: Mutex<Table>) {
    let Table { tried, findings } = table.into_inner().unwrap();
    let mut text = String::new();
    for ((scenario, phase), (tried, survived)) in &tried {
        text.push_str(&format!("{scenario:22} {phase:36} {tried:4} tried {survived:4} survived\n"));
    }
    let total =
        tried.values().fold((0, 0), |sum, (tried, survived)| (sum.0 + tried, sum.1 + survived));
    tell(&format!("{text}{} tried, {} survived", total.0, total.1));
    assert!(findings.is_empty(), "{}", findings.join("\n\n"));
}

/// The points that an undisturbed run passes, and how long it takes.
fn measure(scenario: Scenario) -> (String, Duration) {
    let mut world = World::new(scenario);
    world.start().unwrap();
    let mut measured = (String::new(), Duration::ZERO);
    // The first run also makes the workspace.
    for _ in 0..2 {
        world.begin_round();
        world.points_passed();
        let attempt = world.run(Moment::Never, Victims::All);
        assert_eq!(world.findings(&attempt), Vec::<String>::new(), "{attempt:?}\n{}", world.log());
        measured = (world.points_passed(), attempt.elapsed);
    }
    measured
}

/// For whoever runs the test with `--nocapture`, or sees it fail.
#[expect(clippy::print_stderr, reason = "the table is what one runs this for")]
fn tell(text: &str) {
    eprintln!("{text}");
}

/// All, or the one that `PIMAINTENO_SCENARIO` names.
fn scenarios() -> impl Iterator<Item = Scenario> {
    let wanted = std::env::var("PIMAINTENO_SCENARIO").ok();
    SCENARIOS
        .into_iter()
        .filter(move |scenario| wanted.as_deref().is_none_or(|wanted| wanted == scenario.name))
}

/// A number of the environment.
fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|value| value.parse().unwrap())
}

/// Numbers that look random and are the same for the same seed (splitmix64, Steele, Lea and Flood
/// 2014).
fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut number = *seed;
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// After each effect is announced, before it is marked as done, after the journal is made and
/// before it is removed. With `PIMAINTENO_CRASHES`, before and after every single entry.
#[test]
fn a_run_that_is_killed_at_any_point_of_its_journal_is_finished_or_undone() {
    let table = Mutex::new(Table::default());
    for scenario in scenarios() {
        let (points, _) = measure(scenario);
        let is_wanted =
            |letter: char| letter.is_ascii_uppercase() || number("PIMAINTENO_CRASHES").is_some();
        let points = points.chars().zip(1..).filter(|(letter, _)| is_wanted(*letter));
        let moments: Vec<_> =
            points.map(|(_, point)| (Moment::Point(point), Victims::All)).collect();
        kill_at(scenario, &moments, &table);
    }
    conclude(table);
}

/// `PIMAINTENO_CRASHES` says how often, `PIMAINTENO_SEED` at which moments.
#[test]
fn a_run_that_is_killed_at_any_time_is_finished_or_undone() {
    let crashes = usize::try_from(number("PIMAINTENO_CRASHES").unwrap_or(16)).unwrap();
    let mut seed = number("PIMAINTENO_SEED")
        .unwrap_or_else(|| u64::from(UNIX_EPOCH.elapsed().unwrap().subsec_nanos()));
    tell(&format!("PIMAINTENO_SEED={seed}"));
    let table = Mutex::new(Table::default());
    for scenario in scenarios() {
        let (_, duration) = measure(scenario);
        let moment = |number: usize| {
            let mut part = |number| number * (random(&mut seed) % 1000) as u32 / 1000;
            let victims = if number.is_multiple_of(2) { Victims::All } else { Victims::Daemon };
            let moment = if number % 4 < 2 {
                Moment::After(part(duration))
            } else {
                Moment::Twice(part(duration), part(duration))
            };
            (moment, victims)
        };
        let moments: Vec<_> = (0..crashes.div_ceil(scenarios().count())).map(moment).collect();
        kill_at(scenario, &moments, &table);
    }
    conclude(table);
}
