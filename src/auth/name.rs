//! What makes two user names the same.

use unicode_normalization::UnicodeNormalization;

/// The form under which a name is unique: compatibility-normalised, case folded, and normalised again (folding can
/// undo the first; Unicode's definition of a compatibility caseless match, D146).
pub fn key(name: &str) -> String {
    let folded = caseless::default_case_fold_str(&name.nfkc().collect::<String>());
    folded.nfkc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_to_unicode_are_the_same() {
        for (one, other) in [("Mia", "mIA"), ("Ｍｉａ", "mia"), ("Straße", "STRASSE"), ("①", "1"), ("é", "e\u{301}")]
        {
            assert_eq!(key(one), key(other), "{one} {other}");
        }
        assert_ne!(key("mia"), key("maya"));
    }
}
