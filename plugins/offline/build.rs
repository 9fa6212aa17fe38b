//! Writes the known misspellings as one sorted text, `word<TAB>correction` a line.
//!
//! Linked in, the dictionary costs 11 MB of binary and 4 MB of memory that is never given back; as
//! a text it costs 1 MB and is read when needed. Only entries that can be put right without a
//! person are kept: a wrong correction is worse than a misspelling.

use std::{env, error::Error, fmt::Write as _, fs, path::Path};

/// Short misspellings that mean nothing else; all other entries this short are left out.
const SHORT: [&str; 12] =
    ["adn", "aslo", "htis", "jsut", "taht", "teh", "thsi", "tihs", "waht", "wehn", "whne", "wiht"];

/// Entries that are names, terms of some trade or good English, whatever the dictionary says.
const GOOD: [&str; 51] = [
    "berkley",
    "bitcase",
    "buildds",
    "cancelability",
    "causalities",
    "chari",
    "choser",
    "commandered",
    "configury",
    "disfunctional",
    "enties",
    "etherent",
    "extendible",
    "froms",
    "handel",
    "intoto",
    "localed",
    "mathematisch",
    "misformed",
    "mmaped",
    "modell",
    "momento",
    "offseted",
    "overlayed",
    "packageid",
    "patriarca",
    "permises",
    "possibile",
    "propper",
    "reding",
    "restat",
    "rotater",
    "routeguild",
    "sebastiaan",
    "seeked",
    "sergent",
    "skillslots",
    "stichting",
    "stubbs",
    "tarmigan",
    "transferrable",
    "troup",
    "unaccessible",
    "uncompressible",
    "unconvenient",
    "undeterministic",
    "uniforum",
    "universite",
    "vectores",
    "waitres",
    "withing",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let mut entries: Vec<(String, &str)> = Vec::new();
    for (word, corrections) in typos_dict::WORD.map.entries() {
        let word = word.into_inner().to_ascii_lowercase();
        // What has several corrections needs a person.
        if let [correction] = corrections
            && is_certain(word.as_bytes(), correction.as_bytes())
            && !GOOD.contains(&word.as_str())
        {
            entries.push((word, correction));
        }
    }
    entries.sort_unstable();
    let mut text = String::new();
    for (word, correction) in entries {
        writeln!(text, "{word}\t{correction}")?;
    }
    fs::write(Path::new(&env::var("OUT_DIR")?).join("misspellings.txt"), text)?;
    Ok(())
}

/// Whether `word` can hardly be anything but `correction`, misspelt.
fn is_certain(word: &[u8], correction: &[u8]) -> bool {
    if !word.iter().chain(correction).all(u8::is_ascii_lowercase) {
        return false;
    }
    let prefix = word.iter().zip(correction).take_while(|(one, other)| one == other).count();
    let suffix = word
        .iter()
        .rev()
        .zip(correction.iter().rev())
        .take_while(|(one, other)| one == other)
        .count();
    let swapped = word.len() == correction.len()
        && prefix + 2 + suffix >= word.len()
        && word.get(prefix) == correction.get(prefix + 1)
        && word.get(prefix + 1) == correction.get(prefix);
    // One letter too many, the same as the one before it.
    let doubled = word.len() == correction.len() + 1
        && prefix >= 1
        && word.get(prefix) == word.get(prefix - 1);
    match word.len() {
        0..5 => return SHORT.iter().any(|short| short.as_bytes() == word),
        5 => return swapped,
        6..9 if distance(word, correction) > 1 => return false,
        _ if distance(word, correction) > 2 => return false,
        _ => {}
    }
    // Another ending is an abbreviation, another form of the word or a word of another language:
    // `execut`, `leafs`, `programa`.
    let other_ending = prefix + 2 >= word.len().max(correction.len()) && !swapped && !doubled;
    // A lost first letter is what is left of an escape or a highlighted key.
    let cut_off = word.len() + 1 == correction.len() && suffix == word.len();
    // `writeable` and `writable` are both in use.
    let without_e =
        |text: &[u8]| text.iter().filter(|letter| **letter != b'e').copied().collect::<Vec<_>>();
    let variant = without_e(word) == without_e(correction)
        && word.len() != correction.len()
        && correction.windows(3).any(|part| part == b"abl" || part == b"ing");
    !other_ending && !cut_off && !variant
}

/// How many letters have to be added, dropped, replaced or swapped with their neighbour to make one
/// word of the other.
fn distance(one: &[u8], other: &[u8]) -> usize {
    let mut rows = vec![vec![0; other.len() + 1]; one.len() + 1];
    for i in 0..=one.len() {
        for j in 0..=other.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(one[i - 1] != other[j - 1]);
                let best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                    best.min(rows[i - 2][j - 2] + 1)
                } else {
                    best
                }
            };
        }
    }
    rows[one.len()][other.len()]
}
