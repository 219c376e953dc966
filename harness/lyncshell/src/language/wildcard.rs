//! PowerShell's wildcards: `*`, `?` and `[a-z]`.

/// Whether `text` matches `pattern`. Case counts only when `case` is set.
pub(crate) fn matches(pattern: &str, text: &str, case: bool) -> bool {
    // Most patterns are plain ASCII names, and a shell compares each with every cmdlet that it has.
    if !case && pattern.is_ascii() && text.is_ascii() && !pattern.contains(['*', '?', '[', '`']) {
        return pattern.eq_ignore_ascii_case(text);
    }
    let fold = |text: &str| -> Vec<char> {
        if case { text.chars().collect() } else { text.to_lowercase().chars().collect() }
    };
    matches_from(&fold(pattern), &fold(text))
}

/// Greedy matching with one point to come back to: linear in practice, never exponential.
fn matches_from(pattern: &[char], text: &[char]) -> bool {
    let (mut at, mut in_text) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while in_text < text.len() {
        if pattern.get(at) == Some(&'*') {
            star = Some((at, in_text));
            at += 1;
            continue;
        }
        if let Some(next) = one(pattern, at, text[in_text]) {
            at = next;
            in_text += 1;
            continue;
        }
        let Some((star_at, star_text)) = star else { return false };
        star = Some((star_at, star_text + 1));
        at = star_at + 1;
        in_text = star_text + 1;
    }
    pattern[at..].iter().all(|left| *left == '*')
}

/// Where the pattern goes on after matching one character, if it does.
fn one(pattern: &[char], at: usize, found: char) -> Option<usize> {
    match pattern.get(at)? {
        '?' => Some(at + 1),
        '[' => {
            let end = at + pattern[at..].iter().position(|&c| c == ']')?;
            let set = &pattern[at + 1..end];
            let mut index = 0;
            while index < set.len() {
                if set.get(index + 1) == Some(&'-') && index + 2 < set.len() {
                    if (set[index]..=set[index + 2]).contains(&found) {
                        return Some(end + 1);
                    }
                    index += 3;
                } else {
                    if set[index] == found {
                        return Some(end + 1);
                    }
                    index += 1;
                }
            }
            None
        }
        '`' => (pattern.get(at + 1) == Some(&found)).then_some(at + 2),
        expected => (*expected == found).then_some(at + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[rstest::rstest]
    #[case("*.litwareinc.com", "atl.litwareinc.com", true)]
    #[case("a*b*c", "aXXbYYc", true)]
    #[case("a*b*c", "aXXbYY", false)]
    #[case("?hat", "Chat", true)]
    #[case("[a-c]x", "bx", true)]
    #[case("[a-c]x", "dx", false)]
    #[case("get-csSERVICE", "Get-CsService", true)]
    #[case("Get-CsService", "Get-CsServices", false)]
    #[case("Größe", "gRÖSSE", false)]
    #[case("GRÖßE", "größe", true)]
    #[case("", "", true)]
    #[case("", "x", false)]
    #[case("*", "", true)]
    #[case("`*", "*", true)]
    #[case("`*", "x", false)]
    fn wildcards_match_as_like_does(#[case] pattern: &str, #[case] text: &str, #[case] expected: bool) {
        assert_eq!(matches(pattern, text, false), expected);
    }

    #[test]
    fn many_stars_do_not_take_forever() {
        assert!(!matches(&"*a".repeat(40), &"a".repeat(39), false));
    }
}
