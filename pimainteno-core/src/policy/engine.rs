//! The sandbox: which parts of Rhai a policy gets, and how much of them.

use std::{
    any::Any,
    cell::Cell,
    collections::BTreeMap,
    fmt,
    fs::File,
    io::Read,
    panic::{self, AssertUnwindSafe},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use rhai::{
    AST, ASTFlags, CallFnOptions, Dynamic, Engine, EvalAltResult, FnArgsVec, Module, ParseError,
    Position, Scope, Stmt,
    packages::{
        ArithmeticPackage, BasicArrayPackage, BasicFnPackage, BasicIteratorPackage,
        BasicMapPackage, BasicMathPackage, BasicStringPackage, LogicPackage, MoreStringPackage,
        Package,
    },
};

use super::{Inner, Policy, facts, helpers, hook};
use crate::error::{Context, Error, ErrorKind, Result};

/// The clock is looked at once in this many operations: often enough that the operations in between
/// take a few milliseconds at worst (each of them copies no more than [`Limits::string_bytes`]),
/// and rarely enough to cost nothing.
const OPERATIONS_PER_LOOK: u64 = 64;

/// The most bytes that a policy's source may have.
const MAX_SOURCE_BYTES: u64 = 256 * 1024;

thread_local! {
    /// What the call under way on this thread has left. A hook runs on one thread from its start to its end, and starts no other.
    static BUDGET: Cell<Budget> = const { Cell::new(Budget { operations: 0, deadline: None }) };
}

/// What a call has left.
///
/// Rhai's own count does not do: a function that is handed to `map`, `filter` or `sort` counts from
/// where it was handed over, and what it used is forgotten when it is done, so that nested ones
/// would never come to an end. And `sort` goes on when its function fails.
#[derive(Clone, Copy)]
struct Budget {
    operations: u64,
    deadline: Option<Instant>,
}

/// What ended a call that was not done.
#[derive(Clone, Copy, Debug)]
enum Overrun {
    Operations,
    Time,
}

/// How much one call of a hook may use.
///
/// A hook is called synchronously: it holds up its caller for [`Limits::wall_clock`] at most, and
/// for the few milliseconds that the operation under way may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Operations, which are roughly the nodes of the syntax tree that are evaluated.
    pub operations: u64,
    /// Time.
    pub wall_clock: Duration,
    /// Bytes in one string, and in all strings of one array or map together.
    pub string_bytes: usize,
    /// Elements of one array, those of arrays inside it included.
    pub array_elements: usize,
    /// Entries of one map, those of maps inside it included.
    pub map_entries: usize,
    /// Variables that one function may have at a time.
    pub variables: usize,
    /// How deep functions may call each other.
    pub call_depth: usize,
    /// How deep expressions and blocks may be nested in the source.
    pub expression_depth: usize,
}

/// Compiles policies and runs them; one engine serves every project.
///
/// A clone shares the engine with the original.
#[derive(Clone)]
pub struct PolicyEngine(Arc<Sandbox>);

struct Sandbox {
    engine: Engine,
    limits: Limits,
}

/// A script that is ready to be called.
pub(super) struct Program {
    ast: AST,
    constants: Constants,
}

/// The constants of a script. Rhai's functions see nothing of what surrounds them, so the engine is
/// told where to look.
type Constants = Arc<BTreeMap<String, Dynamic>>;

/// Ample for a policy written in good faith, and a guard against mistakes: 100 000 operations, a
/// quarter of a second.
///
/// Rhai holds values against the limits of size when they are made or changed whole, but not each
/// time that an element is assigned or a function handed to `map` gives one. A script that sets out
/// to fill memory with many values is therefore stopped by the clock: one that did nothing else got
/// to 370 MB on a server.
impl Default for Limits {
    fn default() -> Self {
        Self {
            operations: 100_000,
            wall_clock: Duration::from_millis(250),
            string_bytes: 256 * 1024,
            array_elements: 10_000,
            map_entries: 1_000,
            variables: 32,
            call_depth: 12,
            expression_depth: 32,
        }
    }
}

impl Default for PolicyEngine {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl fmt::Debug for PolicyEngine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("PolicyEngine").field(&self.0.limits).finish()
    }
}

impl PolicyEngine {
    /// An engine whose hooks keep to `limits`.
    pub fn new(limits: Limits) -> Self {
        let mut engine = bare_engine(&limits);
        let mut library = Module::new();
        // Chosen one by one, because the standard package has `sleep`, which no limit on operations
        // interrupts.
        ArithmeticPackage::init(&mut library);
        BasicArrayPackage::init(&mut library);
        BasicFnPackage::init(&mut library);
        BasicIteratorPackage::init(&mut library);
        BasicMapPackage::init(&mut library);
        BasicMathPackage::init(&mut library);
        BasicStringPackage::init(&mut library);
        LogicPackage::init(&mut library);
        MoreStringPackage::init(&mut library);
        // Packages list their functions and find them by a scan at each call, unless told to index
        // them: that is eight microseconds a name.
        library.register_lazy_functions().build_index();
        engine.register_global_module(library.into());
        facts::register(&mut engine);
        helpers::register(&mut engine);
        engine
            .set_strict_variables(true)
            .set_max_string_size(limits.string_bytes)
            .set_max_array_size(limits.array_elements)
            .set_max_map_size(limits.map_entries)
            .set_max_variables(limits.variables)
            .set_max_call_levels(limits.call_depth)
            .on_progress(|_| Budget::spend().map(Dynamic::from))
            .on_print(|text| tracing::info!(?text, "a policy prints"))
            .on_debug(|text, policy, position| tracing::debug!(text, policy, %position, "a policy prints"));
        #[expect(
            deprecated,
            reason = "the only way for functions to see constants; Rhai marks the signature as one that may change"
        )]
        engine.on_var(|name, index, context| {
            // A variable of the function itself has an index.
            let constants = if index == 0 { context.tag().read_lock::<Constants>() } else { None };
            Ok(constants.and_then(|constants| constants.get(name).cloned()))
        });
        Self(Arc::new(Sandbox { engine, limits }))
    }

    /// The limits of each call.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Compiles the policy `source`, which errors call `name`.
    ///
    /// # Errors
    /// [`ErrorKind::Policy`], with file, line and column, if the source is no Rhai, uses `eval` or
    /// `import`, uses a variable that is not there, has code outside of functions, or has a
    /// hook with a wrong number of parameters.
    pub fn compile(&self, name: &str, source: &str) -> Result<Policy> {
        if source.len() as u64 > MAX_SOURCE_BYTES {
            return Err(Error::new(
                ErrorKind::Policy,
                format!("the policy is larger than {} KiB: `{name}`", MAX_SOURCE_BYTES / 1024),
            ));
        }
        let compile = || {
            let constants = self.constants(name, source)?;
            let ast = self
                .0
                .engine
                .compile_with_scope(&constants, source)
                .map_err(|error| unreadable(name, &error))?;
            let constants = constants.iter().map(|(name, _, value)| (name.to_owned(), value));
            Ok((ast, Arc::new(constants.collect())))
        };
        let (mut ast, constants) = contained(compile)
            .unwrap_or_else(|panic| Err(failure(name, Position::NONE, &panic)))?;
        ast.set_source(name);
        ast.clear_statements();
        let (hooks, notices) = hook::declared(name, &ast)?;
        let program = Program { ast, constants };
        let engine = self.clone();
        Ok(Policy(Arc::new(Inner { engine, name: name.into(), program, hooks, notices })))
    }

    /// Compiles the policy in the file `path`.
    ///
    /// # Errors
    /// [`ErrorKind::Policy`] if the file cannot be read, and as for [`PolicyEngine::compile`].
    pub fn load(&self, path: &Path) -> Result<Policy> {
        let name = path.display();
        let mut source = String::new();
        File::open(path)
            // One byte more than allowed tells a file that is too large from one that is not.
            .and_then(|file| file.take(MAX_SOURCE_BYTES + 1).read_to_string(&mut source))
            .context(ErrorKind::Policy, || format!("cannot read the policy: `{name}`"))?;
        self.compile(&name.to_string(), &source)
    }

    /// The policy of a project that names none: `scripts/default.rhai`.
    ///
    /// # Errors
    /// None: a test compiles it. The type leaves it to the caller to say what a defect means.
    pub fn bundled_default(&self) -> Result<Policy> {
        self.compile("default.rhai", include_str!("../../../scripts/default.rhai"))
    }

    /// The constants of the policy, for its functions to see.
    ///
    /// Only their values are evaluated, within the limits of a call. Anything else at the top level
    /// would never run, and is refused.
    fn constants(&self, name: &str, source: &str) -> Result<Scope<'static>> {
        let Sandbox { engine, limits } = &*self.0;
        // This engine does not mind that functions use variables that it does not know yet.
        let ast = bare_engine(limits).compile(source).map_err(|error| unreadable(name, &error))?;
        for statement in ast.statements() {
            let is_constant =
                matches!(statement, Stmt::Var(_, flags, _) if flags.contains(ASTFlags::CONSTANT));
            if !is_constant && !matches!(statement, Stmt::Noop(_)) {
                return Err(failure(name, statement.position(), "only functions and constants may stand outside of functions")
                    .hint("move it into a hook, such as `fn allow(facts) { … }`; nothing but hooks is called"));
            }
        }
        let mut scope = Scope::new();
        Budget::start(limits);
        engine
            .run_ast_with_scope(&mut scope, &ast)
            .map_err(|error| Error::new(ErrorKind::Policy, explain(name, *error, limits)))?;
        Ok(scope)
    }

    /// Calls the function `function` of `program`, within the limits. The error says where and why
    /// it failed, in one line.
    pub(super) fn call(
        &self,
        name: &str,
        program: &Program,
        function: &str,
        arguments: FnArgsVec<Dynamic>,
    ) -> Result<Dynamic, String> {
        let Sandbox { engine, limits } = &*self.0;
        let call = || {
            Budget::start(limits);
            let options = CallFnOptions::new()
                .eval_ast(false)
                .with_tag(Dynamic::from(program.constants.clone()));
            engine.call_fn_with_options::<Dynamic>(
                options,
                &mut Scope::new(),
                &program.ast,
                function,
                arguments,
            )
        };
        match contained(call) {
            // A script that has caught or ignored the error has not decided anything.
            Ok(Ok(value)) => match Budget::spend() {
                None => Ok(value),
                Some(overrun) => Err(at(name, Position::NONE, &overrun.explain(limits))),
            },
            Ok(Err(error)) => Err(explain(name, *error, limits)),
            Err(panic) => Err(at(name, Position::NONE, &panic)),
        }
    }
}

impl Overrun {
    fn explain(self, limits: &Limits) -> String {
        match self {
            Self::Operations => format!("more than {} operations", limits.operations),
            Self::Time => format!("takes longer than {} ms", limits.wall_clock.as_millis()),
        }
    }
}

impl Budget {
    /// Gives the calls that follow on this thread everything that `limits` allow.
    fn start(limits: &Limits) {
        BUDGET.set(Self {
            operations: limits.operations,
            deadline: Instant::now().checked_add(limits.wall_clock),
        });
    }

    /// Takes one operation, and says if there is none left or no time. Once that is so it stays so,
    /// until the next start.
    fn spend() -> Option<Overrun> {
        let mut budget = BUDGET.get();
        let Some(left) = budget.operations.checked_sub(1) else { return Some(Overrun::Operations) };
        let is_late = left % OPERATIONS_PER_LOOK == 0
            && budget.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if !is_late {
            budget.operations = left;
            BUDGET.set(budget);
        }
        is_late.then_some(Overrun::Time)
    }
}

/// An engine without a single function, that prints nowhere and loads nothing.
fn bare_engine(limits: &Limits) -> Engine {
    let mut engine = Engine::new_raw();
    engine
        .set_max_expr_depths(limits.expression_depth, limits.expression_depth)
        .set_max_modules(0)
        .disable_symbol("eval")
        .disable_symbol("import")
        .disable_symbol("export");
    engine
}

/// Runs `work`, and makes a panic inside of it a message: a defect in Rhai must not end the
/// program.
fn contained<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|panic: Box<dyn Any + Send>| {
        let reason = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        format!("the script engine panicked: {}", reason.unwrap_or("for no stated reason"))
    })
}

/// An error in a policy's source.
pub(super) fn failure(name: &str, position: Position, message: &str) -> Error {
    Error::new(ErrorKind::Policy, at(name, position, message))
}

/// An error about a source that is no policy.
fn unreadable(name: &str, error: &ParseError) -> Error {
    failure(name, error.position(), &error.err_type().to_string())
}

/// `file:line:column: message`, which editors and terminals recognise.
fn at(name: &str, position: Position, message: &str) -> String {
    match (position.line(), position.position()) {
        (Some(line), Some(column)) => format!("{name}:{line}:{column}: {message}"),
        (Some(line), None) => format!("{name}:{line}: {message}"),
        _ => format!("{name}: {message}"),
    }
}

/// Where a script failed, and why, in one line.
fn explain(name: &str, mut error: EvalAltResult, limits: &Limits) -> String {
    // The innermost call is where it happened.
    while let EvalAltResult::ErrorInFunctionCall(_, _, inner, _) = error {
        error = *inner;
    }
    let position = error.take_position();
    let reason = match &error {
        EvalAltResult::ErrorTerminated(token, _) => token
            .clone()
            .try_cast::<Overrun>()
            .map_or_else(|| error.to_string(), |overrun| overrun.explain(limits)),
        EvalAltResult::ErrorStackOverflow(_) => {
            format!("functions call each other more than {} deep", limits.call_depth)
        }
        EvalAltResult::ErrorTooManyVariables(_) => {
            format!("more than {} variables", limits.variables)
        }
        EvalAltResult::ErrorRuntime(value, _) if value.is_string() => value.to_string(),
        EvalAltResult::ErrorFunctionNotFound(signature, _) => {
            format!("there is no function {signature}")
        }
        other => other.to_string(),
    };
    at(name, position, &reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_message() {
        assert_eq!(contained(|| 3), Ok(3));
        assert_eq!(
            contained(|| panic!("out of {}", "luck")),
            Err::<(), _>("the script engine panicked: out of luck".into())
        );
    }
}
