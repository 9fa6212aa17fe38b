//! Names in quotes, as Git writes those with characters that would be mistaken.

/// What stands in quotes at the start of `text`, with the escapes of C, and what is behind them;
/// `None` if they are broken or it is not UTF-8.
pub(in crate::patch) fn read(text: &str) -> Option<(String, &str)> {
    let quoted = text.strip_prefix('"')?;
    let mut bytes = Vec::with_capacity(quoted.len());
    let mut rest = quoted.bytes().enumerate();
    loop {
        match rest.next()? {
            (at, b'"') => return Some((String::from_utf8(bytes).ok()?, &quoted[at + 1..])),
            (_, b'\\') => bytes.push(match rest.next()?.1 {
                b'n' => b'\n',
                b't' => b'\t',
                b'r' => b'\r',
                b'a' => 7,
                b'b' => 8,
                b'v' => 11,
                b'f' => 12,
                digit @ b'0'..=b'3' => {
                    let digits = [digit, rest.next()?.1, rest.next()?.1];
                    digits.iter().try_fold(0_u8, |value, digit| {
                        matches!(digit, b'0'..=b'7').then(|| (value << 3) | (digit - b'0'))
                    })?
                }
                other => other,
            }),
            (_, byte) => bytes.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read_and_broken_quotes_are_not() {
        let rows = [
            (r#""a b" c"#, Some(("a b", " c"))),
            (r#""\303\244\t\"""#, Some(("ä\t\"", ""))),
            (r#""a\\" b"#, Some(("a\\", " b"))),
            (r#""a"#, None),
            (r#""\389""#, None),
            (r#""\377""#, None),
            ("a", None),
        ];
        for (text, expected) in rows {
            let found = read(text);
            let found = found.as_ref().map(|(name, rest)| (name.as_str(), *rest));
            assert_eq!(found, expected, "{text}");
        }
    }
}
