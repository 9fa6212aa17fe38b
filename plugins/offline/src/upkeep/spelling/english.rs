//! Whether a text is English, by its small words.

/// Small words that are common in English and rare elsewhere.
const ENGLISH: &[&str] = &[
    "all", "and", "any", "are", "be", "been", "but", "by", "can", "each", "for", "from", "have",
    "if", "into", "it", "its", "must", "not", "of", "only", "or", "should", "that", "the", "their",
    "then", "there", "these", "they", "this", "to", "use", "used", "was", "we", "when", "where",
    "which", "will", "with", "you", "your",
];

/// Small words that are common in another language and rare in English.
const FOREIGN: &[&str] = &[
    "auf", "avec", "che", "dans", "das", "dass", "dei", "del", "della", "dem", "den", "der", "det",
    "een", "ein", "eine", "einen", "el", "en", "est", "et", "het", "ist", "je", "jest", "la",
    "las", "le", "les", "los", "mit", "na", "nicht", "nie", "niet", "nije", "och", "para", "pas",
    "por", "pour", "que", "qui", "sich", "sind", "som", "sont", "sur", "sus", "um", "una", "und",
    "une", "uma", "van", "von", "voor", "werden", "wird", "zijn", "zu",
];

/// How many words of a text are small words of English, and of other languages.
#[derive(Debug, Default)]
pub(super) struct Tongue {
    words: usize,
    english: usize,
    foreign: usize,
}

impl Tongue {
    /// Counts the words of `text`.
    pub(super) fn hear(&mut self, text: &str) {
        for word in
            text.split(|letter: char| !letter.is_alphabetic()).filter(|word| !word.is_empty())
        {
            self.words += 1;
            let word = word.to_ascii_lowercase();
            self.english += usize::from(ENGLISH.binary_search(&word.as_str()).is_ok());
            self.foreign += usize::from(FOREIGN.contains(&word.as_str()));
        }
    }

    /// Whether it is English: one word of twelve is small, and few are another language's.
    pub(super) fn is_english(&self) -> bool {
        self.english > 0 && self.english * 12 >= self.words && self.english >= self.foreign * 4
    }

    /// Whether it looks like another language. A short text need not look like anything.
    pub(super) fn is_foreign(&self) -> bool {
        self.foreign > 0 && self.foreign * 3 >= self.english
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_words_tell_a_language() {
        assert!(ENGLISH.is_sorted(), "they are searched by halves");
        let tongue = |text| {
            let mut tongue = Tongue::default();
            tongue.hear(text);
            (tongue.is_english(), tongue.is_foreign())
        };
        assert_eq!(tongue("This is what you need."), (true, false));
        assert_eq!(tongue("Das ist alles, und es ist gut."), (false, true));
        assert_eq!(tongue("alpha beta gamma"), (false, false));
    }
}
