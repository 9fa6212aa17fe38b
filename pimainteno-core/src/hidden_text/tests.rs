use super::*;
use crate::git::{Change, FileChange};

/// The numbers of the hidden characters.
fn hidden(text: &str) -> Vec<String> {
    find(text).into_iter().map(|one| number(one.character)).collect()
}

/// A change of one file: lines with their marks.
fn change(path: &str, lines: &str) -> Change {
    let old = lines.lines().filter(|line| !line.starts_with('+')).count();
    let new = lines.lines().filter(|line| !line.starts_with('-')).count();
    let diff = format!(
        "diff --git a/{path} b/{path}\nindex 1..2 100644\n--- a/{path}\n+++ b/{path}\n@@ -1,{old} +1,{new} @@\n{lines}"
    );
    Change { diff, files: vec![FileChange { path: path.into(), added: 1, removed: 0 }] }
}

#[test]
fn what_has_no_shape_is_found_and_named() {
    let text =
        "a\u{202e}b\u{200b}c\u{ad}d\u{1b}[2J\u{9b}e\u{e0041}f\u{3164}g\u{fff9}h\u{2028}i\r\n\tj";
    let found = [
        "U+202E", "U+200B", "U+00AD", "U+001B", "U+009B", "U+E0041", "U+3164", "U+FFF9", "U+2028",
        "U+000D",
    ];
    assert_eq!(hidden(text), found);
    assert_eq!(find(text)[0].to_string(), "U+202E right-to-left override");
    assert_eq!(visible("a\u{202e}b"), "a‹U+202E›b");
    assert_eq!(without("a\u{202e}b\n\tc"), "ab\n\tc");
    for character in [
        '\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{2064}', '\u{feff}', '\u{180e}',
        '\u{115f}', '\u{1160}', '\u{ffa0}', '\u{fe0f}',
    ] {
        assert_eq!(hidden(&format!("a{character}b")).len(), 1, "{}", number(character));
    }
    for character in ('\u{202a}'..='\u{202e}')
        .chain('\u{2066}'..='\u{2069}')
        .chain(['\u{200e}', '\u{200f}', '\u{61c}'])
    {
        assert_eq!(hidden(&format!("שלום{character} عربي")).len(), 1, "{}", number(character));
    }
}

#[test]
fn what_belongs_where_it_stands_is_not_hidden() {
    for text in [
        "Привет, мир — ёлка",
        "שלום עולם",
        "مرحبا بالعالم",
        "می‌خواهم کتاب‌ها",
        "क्‍ष र्‍य क्‌ष",
        "শ্‌য",
        "👩‍🚀 👨‍👩‍👧 🏳️‍🌈 ❤️ ☺︎ 1️⃣ #️⃣ 👩🏽‍💻",
        "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
        "葛\u{e0100}城",
        "한글 日本語 中文",
        "naïve café ß ı",
        "⠓⠑\u{2800}⠇",
    ] {
        assert_eq!(hidden(text), Vec::<String>::new(), "{text}");
    }
    // The same where they have nothing to do.
    let strays = [
        ("👩\u{200d} ", 1),
        ("می\u{200c}\u{200c}خ", 2),
        ("a\u{200c}b", 1),
        ("❤\u{fe0f}\u{fe0f}", 1),
        ("1\u{fe0f}", 1),
        ("🏴\u{e0068}\u{e0069}\u{e007f}", 3),
        ("葛\u{e0100}\u{e0101}", 1),
    ];
    for (text, count) in strays {
        assert_eq!(hidden(text).len(), count, "{text:?} {:?}", hidden(text));
    }
}

#[test]
fn a_change_is_held_for_what_it_hides_with_file_line_and_number() {
    let told = |path: &str, lines: &str| concern(&change(path, lines));
    let start = "it adds characters that a reader does not see or takes for others: ";
    let cases = [
        ("README.md", " a\n b\n+x\u{202e}y\n", "README.md:3: U+202E right-to-left override"),
        ("README.md", "-a\n+x\u{200b}\r\n", "README.md:1: U+200B zero width space"),
        ("a.py", "+is_аdmin = 1\n", "a.py:1: U+0430 Cyrillic, which looks like `a`"),
        ("README.md", "+pаypal\n", "README.md:1: U+0430 Cyrillic, which looks like `a`"),
        ("a.js", "+if (сору) {}\n", "a.js:1: U+0441 Cyrillic, which looks like `c`"),
        ("a.py", "+ｅval(x)\n", "a.py:1: U+FF45 Latin, which looks like `e`"),
        ("a.sh", "+a\rb\n", "a.sh:1: U+000D carriage return"),
        ("a.md", "+\u{1b}[2J\n", "a.md:1: U+001B escape"),
    ];
    for (path, lines, expected) in cases {
        assert_eq!(told(path, lines), Some(format!("{start}{expected}")), "{lines:?}");
    }
    let many = told("a", &"+\u{200b}\n".repeat(8)).unwrap();
    assert!(many.ends_with("a:5: U+200B zero width space, and 3 more"), "{many}");
}

#[test]
fn other_scripts_and_what_was_there_are_not_held() {
    for (path, lines) in [
        ("README.md", "+Радио играет музыку, а о хоре — в git-репозитории; IP-адрес, API.\n"),
        ("a.py", "+# а также о портах\n+print('Привет')\n+α = Δt * 2\n+name_имя = 'сам'\n"),
        ("README.md", "+שלום הAPI וגם Git\n+مرحبا الAPI\n+API를 使用API时 APIの\n+می‌خواهم 👩‍🚀 ❤️\n"),
        ("a.txt", "+line\r\n+\u{c}\n+\ttab\n"),
        ("a.md", "-\u{feff}# Old title\n+\u{feff}# New title\n"),
        ("a.md", "-x\u{202e}y\n same\n+x\u{202e}y\n"),
        ("a.md", "-the z\u{200b}w word is old\n+the z\u{200b}w word is new\n"),
        ("a.md", "-x\u{202e}y\n z\u{200b}\n+plain\n"),
    ] {
        assert_eq!(concern(&change(path, lines)), None, "{lines:?}");
    }
    // Once is not twice, and a word of another place is another word.
    assert!(concern(&change("a.md", "-x\u{202e}y\n+x\u{202e}y\n+x\u{202e}y\n")).is_some());
    assert!(concern(&change("a.md", "-the z\u{200b}w\n+the z\u{200b}q\n")).is_some());
    assert!(concern(&change("a.md", "+\u{feff}# Title\n")).is_some());
}

#[test]
fn the_path_of_a_new_file_is_looked_at() {
    let mut new = change("docs/re\u{202e}dm.md", "+x\n");
    new.diff = new.diff.replace("index 1..2 100644", "new file mode 100644\nindex 0..2");
    let told = concern(&new).unwrap();
    assert!(
        told.ends_with("the path docs/re‹U+202E›dm.md: U+202E right-to-left override"),
        "{told}"
    );
    assert_eq!(concern(&change("docs/re\u{202e}dm.md", "+x\n")), None, "it was called so before");
}
