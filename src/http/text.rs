//! Which names and texts are taken.

use std::ops::RangeInclusive;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use crate::error::{Error, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// On one line, with nothing invisible in it: two names that look alike should be alike.
    Name,
    Text,
}

/// Checks length and characters; `what` is the parameter's name, with which the message begins.
pub fn check_text(what: &str, text: &str, chars: RangeInclusive<usize>, kind: TextKind) -> Result<()> {
    if !chars.contains(&text.chars().count()) {
        return Err(Error::parameter(format!("{what}: {} to {} characters", chars.start(), chars.end())));
    }
    if text.chars().any(|char| is_control(char, kind)) {
        return Err(Error::parameter(format!("{what}: control characters are not allowed")));
    }
    if kind == TextKind::Name && text.chars().any(is_invisible) {
        return Err(Error::parameter(format!("{what}: invisible characters are not allowed")));
    }
    Ok(())
}

fn is_control(char: char, kind: TextKind) -> bool {
    char.is_control() && !(kind == TextKind::Text && matches!(char, '\n' | '\t'))
}

/// Format characters (bidi controls and zero-width ones among them), line separators, and letters without a shape.
fn is_invisible(char: char) -> bool {
    use GeneralCategory::{Format, LineSeparator, ParagraphSeparator};
    matches!(char.general_category(), Format | LineSeparator | ParagraphSeparator)
        || matches!(char, '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, kind: TextKind, expect: Option<&str>) {
        let message = check_text("name", text, 1..=8, kind).err().map(|error| error.message.into_owned());
        assert_eq!(message.as_deref(), expect, "{text:?}");
    }

    #[test]
    fn names_and_texts_are_checked() {
        use TextKind::{Name, Text};
        let length = Some("name: 1 to 8 characters");
        let control = Some("name: control characters are not allowed");
        let invisible = Some("name: invisible characters are not allowed");
        check("", Name, length);
        check("123456789", Name, length);
        check("关注关注关注关注", Name, None);
        check("a b'<&", Name, None);
        check("❤\u{FE0F}🇨🇳", Name, None);
        check("a\0", Text, control);
        check("a\u{85}", Text, control);
        check("a\r", Text, control);
        check("a\n\tb", Text, None);
        check("a\nb", Name, control);
        check("a\tb", Name, control);
        for char in ['\u{202E}', '\u{2066}', '\u{200B}', '\u{200D}', '\u{FEFF}', '\u{061C}', '\u{2028}', '\u{3164}'] {
            check(&format!("a{char}b"), Name, invisible);
            check(&format!("a{char}b"), Text, None);
        }
    }
}
