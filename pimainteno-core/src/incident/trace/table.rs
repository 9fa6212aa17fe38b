//! What the lines of traces look like, one form a line.
//!
//! To teach another runtime, add its lines here, and a case in `tests/incident/cases`. A line is
//! tried with the forms from the first to the last; the language of the patterns is told in
//! `pattern.rs`.

use What::{Aside, Back, Cause, Frame, FrameBelow, Header, Hint, Link, Says, Skip};

/// Whose trace it is: frames of different ones never belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Runtime {
    Python,
    /// Python's `faulthandler`, which writes the other way round.
    PythonFault,
    JavaScript,
    Rust,
    Go,
    Java,
    Ruby,
    Php,
    Perl,
    Lua,
    Elixir,
    DotNet,
    C,
    Shell,
    Compiler,
    Other,
}

impl Runtime {
    /// Whether the place where it went wrong is written last.
    pub(super) fn is_innermost_last(self) -> bool {
        self == Self::Python
    }

    /// Whether a frame names the function that was called there, and not the one that it lies in.
    pub(super) fn names_callee(self) -> bool {
        matches!(self, Self::Php | Self::Perl)
    }

    /// Whether, of errors that led to one another, the one that ended the program is written last.
    pub(super) fn is_ending_last(self) -> bool {
        matches!(self, Self::Python | Self::Php | Self::Rust)
    }
}

/// What a line of a trace does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Begins a trace, or goes on with it if a [`What::Link`] is before.
    Header,
    /// Names a place. It begins a trace where none is open.
    Frame,
    /// Names a place in the function that the line before it names.
    FrameBelow,
    /// Says that the trace that comes is of an error that the one before led to.
    Link,
    /// Begins the part of the error that led to the one before.
    Cause,
    /// What follows belongs to the first error again.
    Back,
    /// What follows is about something else, once there were frames: where memory was freed, what
    /// other threads do.
    Aside,
    /// What follows is about something else.
    Skip,
    /// Says what went wrong, below the header.
    Says,
    /// Names a place, in a line that is no error: it counts where nothing else is said.
    Hint,
}

/// One form of lines.
pub(super) struct Form {
    pub(super) runtime: Runtime,
    pub(super) what: What,
    pub(super) pattern: &'static str,
}

const fn form(runtime: Runtime, what: What, pattern: &'static str) -> Form {
    Form { runtime, what, pattern }
}

use Runtime::{
    C, Compiler, DotNet, Elixir, Go, Java, JavaScript, Lua, Other, Perl, Php, Python, PythonFault,
    Ruby, Rust, Shell,
};

pub(super) static FORMS: &[Form] = &[
    form(Python, Header, "{any}Traceback (most recent call last):"),
    form(Python, Frame, "File \"{path}\", line {line}, in {function}"),
    form(Python, Frame, "File \"{path}\", line {line}"),
    form(Python, Link, "During handling of the above exception, another exception occurred:"),
    form(Python, Link, "The above exception was the direct cause of the following exception:"),
    form(PythonFault, Header, "Fatal Python error: {message}"),
    form(PythonFault, Frame, "File \"{path}\", line {line} in {function}"),
    form(PythonFault, Aside, "Thread {hex}{any} (most recent call first):"),
    form(Rust, Header, "thread '{any}'{any} panicked at {path:rs}:{line}:{n}:"),
    form(Rust, Header, "thread '{any}'{any} panicked at '{message}', {path:rs}:{line}:{n}{any}"),
    form(Rust, Header, "thread '{any}' ({n}) has overflowed {message}"),
    form(Rust, Header, "thread '{any}' has overflowed {message}"),
    form(Rust, Header, "panicked at {path:rs}:{line}:{n}:"),
    form(Rust, Header, "fatal runtime error: {message}"),
    form(Rust, FrameBelow, "at {path:rs|h|c|s|S|cc|cpp}:{line}:{n}"),
    form(Go, Header, "panic: {message}"),
    form(Go, Header, "fatal error: {message}"),
    form(Go, Header, "http: panic serving {word}: {message}"),
    form(Go, Skip, "runtime stack:"),
    form(Go, Aside, "goroutine {n} [{any}"),
    form(Go, FrameBelow, "{path:go|s}:{line} +{hex}{any}"),
    form(Go, FrameBelow, "{path:go|s}:{line}"),
    form(Java, Header, "Exception in thread \"{any}\" {message}"),
    form(Java, Cause, "Caused by: {message}"),
    form(Java, Cause, "Wrapped by: {message}"),
    form(Java, Aside, "Suppressed: {message}"),
    form(Java, Frame, "at {function}({path:java|kt|kts|scala|groovy|clj|jsp}:{line}){any}"),
    form(Java, Frame, "at {function}({path:java|kt|kts|scala|groovy|clj|jsp}){any}"),
    form(Java, Frame, "at {function}(Native Method){any}"),
    form(Java, Frame, "at {function}(Unknown Source){any}"),
    form(DotNet, Header, "Unhandled exception. {message}"),
    form(DotNet, Header, "Unhandled Exception: {message}"),
    form(DotNet, Cause, "---> {message}"),
    form(DotNet, Back, "--- End of inner exception stack trace ---"),
    form(DotNet, Frame, "at {function} in {path}:line {line}"),
    form(DotNet, Frame, "at {function} [{hex}] in {path}:{line}"),
    form(JavaScript, Cause, "[cause]: {message}"),
    form(JavaScript, Frame, "at async {function} ({path}:{line}:{n}){any}"),
    form(JavaScript, Frame, "at new {function} ({path}:{line}:{n}){any}"),
    form(JavaScript, Frame, "at {function} [as {word}] ({path}:{line}:{n}){any}"),
    form(JavaScript, Frame, "at {function} ({path}:{line}:{n}){any}"),
    form(JavaScript, Frame, "at async {path}:{line}:{n}{any}"),
    form(JavaScript, Frame, "at {path}:{line}:{n}{any}"),
    form(JavaScript, Frame, "at {function} (<anonymous>){any}"),
    form(JavaScript, Hint, "{path:js|cjs|mjs|jsx|ts|cts|mts|tsx|json|vue|svelte}:{line}"),
    form(JavaScript, Hint, "- {path:js|cjs|mjs|jsx|ts|cts|mts|tsx}"),
    form(JavaScript, Hint, "{any}Cannot find {any} imported from {path}"),
    form(Ruby, Frame, "from {path}:{line}:in `{function}'"),
    form(Ruby, Frame, "from {path}:{line}:in '{function}'"),
    form(Ruby, Header, "{path}:{line}:in `{function}': {message}"),
    form(Ruby, Header, "{path}:{line}:in '{function}': {message}"),
    form(Ruby, Frame, "{path}:{line}:in `{function}'"),
    form(Ruby, Frame, "{path}:{line}:in '{function}'"),
    form(Ruby, Frame, "{path:erb|haml|slim}:{line}"),
    form(Ruby, Header, "{path:rb|ru|rake|erb}:{line}: {message}"),
    form(Php, Header, "{any}Fatal error: {message} in {path:php|phtml|inc}:{line}"),
    form(Php, Header, "{any}Fatal error: {message} in {path} on line {line}"),
    form(Php, Header, "{any}Parse error: {message} in {path} on line {line}"),
    form(Php, Header, "{any}Uncaught {message} in {path:php|phtml|inc}:{line}"),
    form(Php, Link, "Next {message} in {path:php|phtml|inc}:{line}"),
    form(Php, Header, "{any}(code: {n}): {message} at {path:php|phtml|inc}:{line}){any}"),
    form(Php, Frame, "#{n} {path:php|phtml|inc}({line}): {function}"),
    form(Php, Frame, "#{n} [internal function]: {function}"),
    form(Php, Hint, "{any}Warning: {message} in {path} on line {line}"),
    form(Perl, Frame, "{function} called at {path} line {line}{any}"),
    form(Perl, Header, "{message} at {path:pl|pm|t|cgi|psgi} line {line}{any}"),
    form(Perl, Header, "{message} at {path} line {line}."),
    form(Lua, Frame, "{path:lua}:{line}: in {function}"),
    form(Lua, Header, "lua{any}: {path:lua}:{line}: {message}"),
    form(Lua, Header, "{path:lua}:{line}: {message}"),
    form(Elixir, Header, "** ({word}) {path:ex|exs|erl}:{line}{any}: {message}"),
    form(Elixir, Header, "** ({any}) {message}"),
    form(Elixir, Header, "** exception {message}"),
    form(Elixir, Frame, "(elixir {any}) {any}"),
    form(Elixir, Frame, "(stdlib {any}) {any}"),
    form(Elixir, Frame, "(kernel {any}) {any}"),
    form(Elixir, Frame, "({any}) {path:ex|exs|erl|eex|heex|leex|hrl}:{line}: {function}"),
    form(Elixir, Frame, "{path:ex|exs|erl|eex|heex|leex|hrl}:{line}: {function}"),
    form(Elixir, Frame, "{any}{function} ({path:erl|hrl}, line {line}){any}"),
    form(Elixir, Frame, "{any}{{file,\"{path}\"},{{line,{line}}{any}"),
    form(C, Header, "=={n}==ERROR: {message}"),
    form(C, Header, "terminate called after throwing an instance of '{message}'"),
    form(C, Says, "what():  {message}"),
    form(C, Says, "what(): {message}"),
    form(C, Header, "{path:c|cc|cpp|cxx|h|hpp|m}:{line}:{n}: runtime error: {message}"),
    form(C, Header, "{word}: {path}:{line}: {function}: Assertion {message}"),
    form(C, Header, "Process {n} ({any}) of user {n} {message}."),
    form(C, Header, "*** {message} ***: terminated"),
    form(C, Aside, "freed by thread {any}"),
    form(C, Aside, "previously allocated by thread {any}"),
    form(C, Aside, "allocated by thread {any}"),
    form(C, Aside, "Thread {any} created by {any}"),
    form(C, Skip, "SUMMARY: {any}"),
    form(C, Skip, "Shadow byte{any}"),
    form(C, Skip, "=={n}==ABORTING"),
    form(C, Frame, "#{n} {hex} in {function} {path:c|cc|cpp|cxx|h|hpp|m|rs|zig}:{line}:{n}"),
    form(C, Frame, "#{n} {hex} in {function} {path:c|cc|cpp|cxx|h|hpp|m|rs|zig}:{line}"),
    form(C, Frame, "#{n}  {hex} in {function} ({any}) at {path}:{line}"),
    form(C, Frame, "#{n} {hex} in {function} ({any}) at {path}:{line}"),
    form(C, Frame, "#{n}  {function} ({any}) at {path}:{line}"),
    form(C, Frame, "#{n} {hex} in {function} ({path}+{hex}){any}"),
    form(C, Frame, "#{n}  {hex} {function} ({path} + {hex})"),
    form(C, Frame, "#{n} {hex} {function} ({path} + {hex})"),
    form(C, Frame, "{n}# {function} at {path}:{line}"),
    form(C, Frame, "=={n}=={any} {hex}: {function} ({path:c|cc|cpp|cxx|h|hpp}:{line})"),
    form(C, Frame, "{path}({function}+{hex})[{hex}]"),
    form(C, Frame, "{path}({function}+{hex}) [{hex}]"),
    form(Other, Header, "Unhandled exception: {message}"),
    form(Other, Header, "thread {n} panic: {message}"),
    form(Other, Header, "{path:swift}:{line}: Fatal error: {message}"),
    form(Other, Frame, "#{n}      {function} ({path:dart}:{line}:{n})"),
    form(Other, Frame, "#{n}     {function} ({path:dart}:{line}:{n})"),
    form(Other, Frame, "@ {path:jl}:{line}{any}"),
    form(Other, Frame, "@ {word} {path:jl}:{line}{any}"),
    form(Other, Frame, "{function}, called at {path:hs}:{line}:{n} in {any}"),
    form(Other, Frame, "from {path:cr}:{line}:{n} in '{function}'"),
    form(Other, Frame, "{path:nim}({line}) {function}"),
    form(Other, Frame, "{path:zig}:{line}:{n}: {hex} in {function} ({any})"),
    form(Other, Frame, "{any}{function} at {path:swift}:{line}{any}"),
    form(Shell, Header, "{path:sh|bash|bats}: line {line}: {message}"),
    form(Shell, Header, "/{path}: line {line}: {message}"),
    form(Shell, Header, "./{path}: line {line}: {message}"),
    form(Shell, Header, "{path:sh|bash}: {line}: {message}"),
    form(Shell, Header, "/{path}: {line}: {word}: {message}"),
    form(Compiler, Header, "{path}:{line}:{n}: error: {message}"),
    form(Compiler, Header, "{path}:{line}:{n} - error {message}"),
    form(Compiler, Header, "{path:ts|tsx|cs|vb|fs}({line},{n}): error {message}"),
    form(Compiler, Header, "{path:go}:{line}:{n}: {message}"),
    form(Compiler, Frame, "--> {path}:{line}:{n}"),
];
