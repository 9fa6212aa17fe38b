//! Base64 (RFC 4648), as far as it takes to recognise what is encoded so.

use std::ops::Range;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const FOR_ADDRESSES: &[u8; 64] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// How `value` looks wherever it stands in something that is encoded: at each of the three places
/// within a group, in both alphabets, without the digits that depend on its neighbours.
pub(super) fn appearances(value: &[u8]) -> Vec<String> {
    let mut appearances = Vec::new();
    for alphabet in [STANDARD, FOR_ADDRESSES] {
        for before in 0..3 {
            let bits: Vec<u8> =
                std::iter::repeat_n(0, before).chain(value.iter().copied()).collect();
            // Digits of six bits that lie wholly inside the value.
            let (first, last) = ((before * 8).div_ceil(6), bits.len() * 8 / 6);
            appearances.push(digits(alphabet, &bits, first..last));
        }
    }
    appearances.sort();
    appearances.dedup();
    appearances
}

/// The bytes in base64, without padding.
pub(super) fn encoded(bytes: &[u8]) -> String {
    digits(STANDARD, bytes, 0..(bytes.len() * 8).div_ceil(6))
}

/// These of the digits of `bytes`.
fn digits(alphabet: &[u8; 64], bytes: &[u8], which: Range<usize>) -> String {
    which.map(|digit| char::from(alphabet[usize::from(six_bits(bytes, digit))])).collect()
}

/// What is encoded; `None` if it is not base64. The padding may be missing.
pub(super) fn decoded(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut buffer, mut bits) = (Vec::with_capacity(text.len() * 3 / 4), 0_u32, 0);
    for digit in text.trim_end_matches('=').bytes() {
        let value = STANDARD
            .iter()
            .position(|known| *known == digit)
            .or_else(|| FOR_ADDRESSES.iter().position(|known| *known == digit))?;
        buffer = (buffer << 6 | value as u32) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((buffer >> bits & 0xff) as u8);
        }
    }
    Some(bytes)
}

fn six_bits(bytes: &[u8], digit: usize) -> u8 {
    let (byte, shift) = (digit * 6 / 8, digit * 6 % 8);
    let at = |place: usize| u16::from(bytes.get(place).copied().unwrap_or(0));
    ((at(byte) << 8 | at(byte + 1)) >> (10 - shift) & 0x3f) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_recognised_at_each_place_of_a_group() {
        // `printf '…hunter2-hunter2' | base64`, with none, one and two bytes before it.
        for encoded in
            ["aHVudGVyMi1odW50ZXIy", "eGh1bnRlcjItaHVudGVyMg==", "eHlodW50ZXIyLWh1bnRlcjI="]
        {
            assert!(
                appearances(b"hunter2-hunter2")
                    .iter()
                    .any(|appearance| encoded.contains(appearance)),
                "{encoded}"
            );
        }
        assert_eq!(decoded("dXNlcjpodW50ZXIy").unwrap(), b"user:hunter2");
        assert_eq!(decoded("dXNlcjpodW50ZXI=").unwrap(), b"user:hunter");
        assert_eq!(decoded("not base64!"), None);
        assert_eq!(encoded(b"user:hunter2"), "dXNlcjpodW50ZXIy");
        assert_eq!(encoded(b"user:hunter"), "dXNlcjpodW50ZXI");
    }
}
