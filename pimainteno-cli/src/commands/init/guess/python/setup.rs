//! The extras that `setup.cfg` and `setup.py` name. Nothing is run: what is not written out is not
//! found.

/// The extras that a `setup.cfg` names, with their packages: a line each below the name, or behind
/// it.
pub(super) fn of_settings(settings: &str) -> Vec<(String, Vec<String>)> {
    let is_section = |line: &&str| line.starts_with('[');
    let lines = settings.lines().skip_while(|line| line.trim_end() != "[options.extras_require]");
    let mut extras: Vec<(String, Vec<String>)> = Vec::new();
    for line in lines.skip(1).take_while(|line| !is_section(line)) {
        let text = line.trim();
        if text.is_empty() || text.starts_with(['#', ';']) {
            continue;
        }
        let package = if line.starts_with([' ', '\t']) {
            text
        } else {
            let Some((name, rest)) = line.split_once(['=', ':']) else { continue };
            extras.push((name.trim().to_owned(), Vec::new()));
            rest.trim()
        };
        if let (Some((_, packages)), false) = (extras.last_mut(), package.is_empty()) {
            packages.push(package.to_owned());
        }
    }
    extras
}

/// The extras that a `setup.py` writes out: `extras_require={…}`, or the name of such a table.
pub(super) fn of_program(program: &str) -> Vec<(String, Vec<String>)> {
    let tokens = tokens(program);
    let given = |name: &str| {
        tokens
            .windows(3)
            .position(|three| matches!(three, [Token::Name(it), Token::Sign('='), _] if it == name))
    };
    let Some(mut place) = given("extras_require").map(|place| place + 2) else { return Vec::new() };
    if let Some(Token::Name(name)) = tokens.get(place) {
        let Some(elsewhere) = given(name) else { return Vec::new() };
        place = elsewhere + 2;
    }
    if tokens.get(place) != Some(&Token::Sign('{')) {
        return Vec::new();
    }
    let (mut depth, mut extras) = (0_usize, Vec::<(String, Vec<String>)>::new());
    for two in tokens.get(place..).unwrap_or_default().windows(2) {
        match two {
            [Token::Sign('{' | '[' | '('), _] => depth += 1,
            [Token::Sign('}' | ']' | ')'), _] => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
            [Token::Text(name), Token::Sign(':')] if depth == 1 => {
                extras.push((name.clone(), Vec::new()));
            }
            [Token::Text(package), _] => {
                if let Some((_, packages)) = extras.last_mut() {
                    packages.push(package.clone());
                }
            }
            _ => {}
        }
    }
    extras
}

/// What a program in Python is made of, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
enum Token {
    Name(String),
    Text(String),
    Sign(char),
}

fn tokens(program: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = program;
    while let Some(first) = rest.chars().next() {
        let is_word = |it: char| it.is_alphanumeric() || it == '_';
        let length = match first {
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '"' | '\'' => {
                let (text, length) = text_of(rest, first);
                tokens.push(Token::Text(text));
                length
            }
            _ if is_word(first) => {
                let length = rest.find(|it| !is_word(it)).unwrap_or(rest.len());
                tokens.push(Token::Name(rest[..length].to_owned()));
                length
            }
            _ => {
                if !first.is_whitespace() && first != '\\' {
                    tokens.push(Token::Sign(first));
                }
                first.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    tokens
}

/// The text that begins here with `quote`, and how long it is with its quotes.
fn text_of(rest: &str, quote: char) -> (String, usize) {
    let triple = quote.to_string().repeat(3);
    if let Some(inner) = rest.strip_prefix(&triple) {
        let length = inner.find(&triple).unwrap_or(inner.len());
        return (inner[..length].to_owned(), (length + 6).min(rest.len()));
    }
    let mut is_escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            // One that is not ended ends with its line.
            '\n' => return (String::new(), at),
            _ if character == quote => return (rest[1..at].to_owned(), at + 1),
            _ => {}
        }
    }
    (String::new(), rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(program: &str) -> Vec<String> {
        of_program(program).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn extras_are_read_from_a_program_that_is_not_run() {
        let program = "# extras_require={'no': []}\nsetup(\n  name='x',\n  extras_require={\n    'test': ['pytest>=7', \"it's\"],  # 'b': []\n    \"docs\": docs + ['sphinx'],\n    'deep': sum({'inner': ['x']}.values(), []),\n  },\n  entry_points={'a': ['b']},\n)\n";
        assert_eq!(names(program), ["test", "docs", "deep"]);
        assert_eq!(of_program(program)[0].1, ["pytest>=7", "it's"]);
        let named = "extras = \\\n{':python_version<\"3\"': ['a'],\n 'tests': ['b']}\nsetup(extras_require=extras)\n";
        assert_eq!(names(named), [":python_version<\"3\"", "tests"]);
        for odd in [
            "setup(extras_require=read())",
            "setup(extras_require",
            "extras_require={'a",
            "extras_require=extras_require",
            "'''extras_require={'a': []}",
            "x = 'é\\",
        ] {
            assert_eq!(names(odd), Vec::<String>::new(), "{odd}");
        }
    }
}
