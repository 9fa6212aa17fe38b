//! What a scan must know of a language: its comments, its strings, and what stands in them.

/// What a scan must know of a language.
#[derive(Debug)]
pub(super) struct Syntax {
    /// What begins a comment that ends with its line.
    pub(super) line_comments: &'static [&'static str],
    /// Whether `/*` begins a comment.
    pub(super) block_comments: Option<Nesting>,
    /// What begins a literal; what is longer comes before what it begins with.
    pub(super) forms: &'static [Form],
    /// What lines that begin with `#` are.
    pub(super) directives: Directives,
    /// Whether `/` in the place of a value begins a regular expression.
    pub(super) expressions: Expressions,
    /// Whether `<a>` in the place of a value begins an element, as in JSX.
    pub(super) elements: bool,
    /// Whether an `f` or `t` in front of a string lets it hold code in braces.
    pub(super) fields: bool,
    /// Whether `'` may separate the digits of a number.
    pub(super) separators: bool,
    /// Whether it is a style sheet: a backslash escapes outside of strings, and `url(` holds an address.
    pub(super) styles: bool,
}

/// Whether a block comment may hold another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nesting {
    Flat,
    Nested,
}

/// What lines that begin with `#` are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Directives {
    /// Code.
    None,
    /// For a preprocessor, and a backslash lets them go on in the next line.
    Continued,
    /// For a preprocessor.
    Lines,
    /// Conditions, or code.
    Conditions,
}

/// Whether a language has regular expressions without quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expressions {
    None,
    Read,
    /// They are too rare to be worth it: a file with one is not looked at.
    Unclear,
}

/// What begins a literal, and what follows.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) open: &'static str,
    pub(super) kind: Kind,
}

/// How a form goes on behind its opening.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// The literal begins there.
    Plain(Literal),
    /// Any number of `#`, which its end has too, then its quote; otherwise it is no literal.
    Hashed(Literal),
    /// More quotes, which its end has too.
    Grown(Literal),
    /// A delimiter and `(`, up to `)` and the delimiter: the raw strings of C++.
    Delimited,
    /// A character, or a lifetime of Rust.
    Character,
}

/// A literal between quotes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Literal {
    pub(super) quote: u8,
    /// How many quotes end it.
    pub(super) quotes: usize,
    /// How many `#` follow those.
    pub(super) hashes: usize,
    pub(super) escape: Escape,
    pub(super) hole: Hole,
    /// Whether it may go over lines.
    pub(super) over_lines: bool,
}

/// How a quote is said within quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escape {
    None,
    Backslash,
    /// Twice.
    Doubled,
}

/// What puts code into a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hole {
    None,
    /// `\(`.
    Backslash,
    /// This byte and `{`.
    Marked(u8),
    /// `{`, which stands for itself when doubled.
    Brace,
    /// So many `{`; fewer stand for themselves.
    Braces(usize),
}

impl Literal {
    /// One quote at each end, backslashes, on one line.
    const fn line(quote: u8) -> Self {
        Self {
            quote,
            quotes: 1,
            hashes: 0,
            escape: Escape::Backslash,
            hole: Hole::None,
            over_lines: false,
        }
    }

    /// So many quotes at each end, over lines.
    const fn block(quote: u8, quotes: usize, escape: Escape) -> Self {
        Self { quotes, escape, over_lines: true, ..Self::line(quote) }
    }

    const fn hole(self, hole: Hole) -> Self {
        Self { hole, ..self }
    }
}

const fn plain(open: &'static str, literal: Literal) -> Form {
    Form { open, kind: Kind::Plain(literal) }
}

const fn hashed(open: &'static str, literal: Literal) -> Form {
    Form { open, kind: Kind::Hashed(literal) }
}

const fn grown(open: &'static str, hole: Hole) -> Form {
    Form { open, kind: Kind::Grown(Literal::block(b'"', 3, Escape::None).hole(hole)) }
}

/// The format of a value in a string: up to the brace that ends its field.
pub(super) const FORMAT: Literal =
    Literal { escape: Escape::None, hole: Hole::Brace, ..Literal::line(b'}') };

const DOUBLE: Form = plain("\"", Literal::line(b'"'));
const SINGLE: Form = plain("'", Literal::line(b'\''));

/// Comments and strings as in C.
const BASE: Syntax = Syntax {
    line_comments: &["//"],
    block_comments: Some(Nesting::Flat),
    forms: &[DOUBLE, SINGLE],
    directives: Directives::None,
    expressions: Expressions::None,
    elements: false,
    fields: false,
    separators: false,
    styles: false,
};

/// C and C++, of which a header does not say which it is.
pub(super) static C: Syntax = Syntax {
    forms: &[
        Form { open: "R\"", kind: Kind::Delimited },
        Form { open: "LR\"", kind: Kind::Delimited },
        Form { open: "uR\"", kind: Kind::Delimited },
        Form { open: "UR\"", kind: Kind::Delimited },
        Form { open: "u8R\"", kind: Kind::Delimited },
        DOUBLE,
        SINGLE,
    ],
    directives: Directives::Continued,
    separators: true,
    ..BASE
};

pub(super) static C_SHARP: Syntax = Syntax {
    forms: &[
        grown("$$$\"\"\"", Hole::Braces(3)),
        grown("$$\"\"\"", Hole::Braces(2)),
        grown("$\"\"\"", Hole::Braces(1)),
        plain("$@\"", Literal::block(b'"', 1, Escape::Doubled).hole(Hole::Brace)),
        plain("@$\"", Literal::block(b'"', 1, Escape::Doubled).hole(Hole::Brace)),
        plain("$\"", Literal::line(b'"').hole(Hole::Brace)),
        plain("@\"", Literal::block(b'"', 1, Escape::Doubled)),
        grown("\"\"\"", Hole::None),
        DOUBLE,
        SINGLE,
    ],
    directives: Directives::Lines,
    ..BASE
};

pub(super) static GO: Syntax =
    Syntax { forms: &[DOUBLE, SINGLE, plain("`", Literal::block(b'`', 1, Escape::None))], ..BASE };

pub(super) static JAVA: Syntax = Syntax {
    forms: &[plain("\"\"\"", Literal::block(b'"', 3, Escape::Backslash)), DOUBLE, SINGLE],
    ..BASE
};

pub(super) static KOTLIN: Syntax = Syntax {
    block_comments: Some(Nesting::Nested),
    forms: &[
        plain("\"\"\"", Literal::block(b'"', 3, Escape::None).hole(Hole::Marked(b'$'))),
        plain("\"", Literal::line(b'"').hole(Hole::Marked(b'$'))),
        SINGLE,
        // A name may hold anything.
        plain("`", Literal { escape: Escape::None, ..Literal::line(b'`') }),
    ],
    ..BASE
};

pub(super) static PYTHON: Syntax = Syntax {
    fields: true,
    line_comments: &["#"],
    block_comments: None,
    forms: &[
        plain("\"\"\"", Literal::block(b'"', 3, Escape::Backslash)),
        plain("'''", Literal::block(b'\'', 3, Escape::Backslash)),
        DOUBLE,
        SINGLE,
    ],
    ..BASE
};

pub(super) static RUST: Syntax = Syntax {
    block_comments: Some(Nesting::Nested),
    forms: &[
        hashed("r", Literal::block(b'"', 1, Escape::None)),
        hashed("br", Literal::block(b'"', 1, Escape::None)),
        hashed("cr", Literal::block(b'"', 1, Escape::None)),
        plain("\"", Literal::block(b'"', 1, Escape::Backslash)),
        plain("b'", Literal::line(b'\'')),
        Form { open: "'", kind: Kind::Character },
    ],
    ..BASE
};

pub(super) static SWIFT: Syntax = Syntax {
    block_comments: Some(Nesting::Nested),
    forms: &[
        plain("\"\"\"", Literal::block(b'"', 3, Escape::Backslash).hole(Hole::Backslash)),
        plain("\"", Literal::line(b'"').hole(Hole::Backslash)),
        hashed("#", Literal::line(b'"').hole(Hole::Backslash)),
        plain("`", Literal { escape: Escape::None, ..Literal::line(b'`') }),
    ],
    directives: Directives::Conditions,
    expressions: Expressions::Unclear,
    ..BASE
};

const SCRIPT: Syntax = Syntax {
    forms: &[
        DOUBLE,
        SINGLE,
        plain("`", Literal::block(b'`', 1, Escape::Backslash).hole(Hole::Marked(b'$'))),
    ],
    expressions: Expressions::Read,
    ..BASE
};

pub(super) static TYPESCRIPT: Syntax = SCRIPT;

/// JavaScript, and TypeScript with elements.
pub(super) static JAVASCRIPT: Syntax = Syntax { elements: true, ..SCRIPT };

/// JSON with comments, and with commas as its reader likes them.
pub(super) static COMMENTED_JSON: Syntax = Syntax { forms: &[DOUBLE], ..BASE };

pub(super) static CSS: Syntax = Syntax { line_comments: &[], styles: true, ..BASE };

/// Sass with braces, and Less.
pub(super) static SCSS: Syntax = Syntax {
    forms: &[
        plain("\"", Literal::line(b'"').hole(Hole::Marked(b'#'))),
        plain("'", Literal::line(b'\'').hole(Hole::Marked(b'#'))),
    ],
    styles: true,
    ..BASE
};
