//! Quoting: one function for each place where a name or a text goes into a statement or a script.
//! Quoted texts are types of their own, so that a bare string cannot be pasted by mistake.

use std::fmt;

/// A T-SQL identifier in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identifier(String);

/// A T-SQL Unicode string literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal(String);

/// A PowerShell argument in single quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument(String);

/// Quotes a name for T-SQL: `[na]]me]` (QUOTENAME's rule).
pub fn identifier(name: &str) -> Identifier {
    Identifier(format!("[{}]", name.replace(']', "]]")))
}

/// Quotes a text for T-SQL: `N'it''s'`. Typographic quotes mean nothing to T-SQL.
pub fn literal(text: &str) -> Literal {
    Literal(format!("N'{}'", text.replace('\'', "''")))
}

/// Quotes a text for PowerShell, in single quotes, in which nothing is expanded. PowerShell takes four
/// typographic quotes for a single quote as well; each is doubled. A line break would end the statement
/// on standard input, and no name or path has one: it becomes a blank.
pub fn argument(text: &str) -> Argument {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for c in text.chars() {
        match c {
            '\'' | '\u{2018}' | '\u{2019}' | '\u{201A}' | '\u{201B}' => quoted.extend([c, c]),
            '\r' | '\n' | '\0' => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    Argument(quoted)
}

/// Several texts as a PowerShell list: `'a','b'`.
pub fn argument_list<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    texts.into_iter().map(|text| argument(text).0).collect::<Vec<_>>().join(",")
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    /// Reads a T-SQL literal or bracketed identifier as the server does; none if it ends too early.
    fn unquote(quoted: &str, open: &str, close: char) -> Option<String> {
        let mut rest = quoted.strip_prefix(open)?.chars().peekable();
        let mut text = String::new();
        while let Some(c) = rest.next() {
            if c == close {
                if rest.peek() == Some(&close) {
                    rest.next();
                } else {
                    return rest.next().is_none().then_some(text);
                }
            }
            text.push(c);
        }
        None
    }

    /// Reads a single-quoted PowerShell string as PowerShell does: any two single quotes, of whatever
    /// form, are one; any single one ends the string.
    fn powershell_reads(quoted: &str) -> Option<String> {
        let is_quote = |c: &char| "'\u{2018}\u{2019}\u{201A}\u{201B}".contains(*c);
        let mut rest = quoted.strip_prefix('\'')?.chars().peekable();
        let mut text = String::new();
        while let Some(c) = rest.next() {
            if is_quote(&c) && rest.next_if(is_quote).is_none() {
                return rest.next().is_none().then_some(text);
            }
            text.push(c);
        }
        None
    }

    #[rstest]
    #[case("mgc", "[mgc]", "N'mgc'", "'mgc'")]
    #[case("m]gc", "[m]]gc]", "N'm]gc'", "'m]gc'")]
    #[case("O'Neil", "[O'Neil]", "N'O''Neil'", "'O''Neil'")]
    #[case("a’b", "[a’b]", "N'a’b'", "'a’’b'")]
    #[case("$(x) `n –f", "[$(x) `n –f]", "N'$(x) `n –f'", "'$(x) `n –f'")]
    fn hostile_names_are_quoted(#[case] text: &str, #[case] id: &str, #[case] lit: &str, #[case] arg: &str) {
        assert_eq!(identifier(text).to_string(), id);
        assert_eq!(literal(text).to_string(), lit);
        assert_eq!(argument(text).to_string(), arg);
    }

    #[test]
    fn a_list_quotes_each_of_its_texts() {
        assert_eq!(argument_list(["a", "b'c"]), "'a','b''c'");
    }

    proptest! {
        #[test]
        fn what_is_quoted_reads_back_as_it_was(text in "[a-z'\\]\\[\"`$;‘’‚‛“”–— ()-]{0,40}") {
            prop_assert_eq!(unquote(&identifier(&text).0, "[", ']'), Some(text.clone()));
            prop_assert_eq!(unquote(&literal(&text).0, "N'", '\''), Some(text.clone()));
            prop_assert_eq!(powershell_reads(&argument(&text).0), Some(text));
        }

        #[test]
        fn an_argument_never_breaks_the_line(text in "\\PC*[\r\n]\\PC*") {
            prop_assert!(!argument(&text).0.contains(['\r', '\n']));
        }
    }
}
