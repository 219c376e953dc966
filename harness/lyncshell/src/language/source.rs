//! A script's text: the typographic quotes and dashes PowerShell accepts made
//! plain, parsed into a concrete syntax tree, its syntax errors found.
//!
//! PowerShell takes `–`, `—` and `―` for a dash where a token begins, and the
//! typographic quotes for quotes; the documentation prints `–PoolState` with an
//! en dash. Inside a string they stay what they are, except that any quote of
//! the string's kind ends it. Positions do not move: every character is
//! replaced by one character.

use std::rc::Rc;

use tree_sitter::{Node, Parser, Tree};

use super::ast::Extent;
use super::error::ErrorRecord;
use super::pipes::empty_pipe_element;

/// Stands before a doubled typographic quote's placeholder, and for nothing.
const FILLER: char = '\u{FDD0}';
/// Typographic quotes kept as characters of a string, and their placeholders.
const KEPT: [(char, char); 7] = [
    ('\u{2018}', '\u{FDD1}'),
    ('\u{2019}', '\u{FDD2}'),
    ('\u{201A}', '\u{FDD3}'),
    ('\u{201B}', '\u{FDD4}'),
    ('\u{201C}', '\u{FDD5}'),
    ('\u{201D}', '\u{FDD6}'),
    ('\u{201E}', '\u{FDD7}'),
];

/// The longest script taken, in bytes.
const LONGEST_SCRIPT_BYTES: usize = 1 << 20;
/// The deepest nesting taken.
const DEEPEST_NESTING: usize = 400;

/// A script's text and tree.
pub(crate) struct Source {
    /// The text that was parsed.
    pub(crate) text: String,
    /// The text as written, by lines.
    lines: Vec<Rc<str>>,
    /// Its tree.
    pub(crate) tree: Tree,
}

fn is_single_quote(c: char) -> bool {
    matches!(c, '\'' | '\u{2018}'..='\u{201B}')
}

fn is_double_quote(c: char) -> bool {
    matches!(c, '"' | '\u{201C}'..='\u{201E}')
}

fn is_dash(c: char) -> bool {
    matches!(c, '\u{2013}'..='\u{2015}')
}

/// What the scanner is inside of.
#[derive(Clone, Copy, PartialEq)]
enum Inside {
    /// Code; the number of parentheses open since a string's `$(`, if in one.
    Code {
        string: bool,
        parentheses: usize,
    },
    Single,
    Double,
    HereSingle,
    HereDouble,
    LineComment,
    BlockComment,
}

/// Makes typographic dashes and quotes plain where PowerShell reads them as such.
pub(crate) fn normalise(script: &str) -> String {
    let characters: Vec<char> = script.chars().collect();
    let mut scanner =
        Scanner { characters, at: 0, plain: String::with_capacity(script.len()), inside: Vec::new() };
    scanner.inside.push(Inside::Code { string: false, parentheses: 0 });
    while scanner.at < scanner.characters.len() {
        scanner.step();
    }
    scanner.plain
}

/// Walks a script once.
struct Scanner {
    characters: Vec<char>,
    at: usize,
    plain: String,
    inside: Vec<Inside>,
}

impl Scanner {
    fn peek(&self, ahead: usize) -> char {
        self.characters.get(self.at + ahead).copied().unwrap_or('\0')
    }

    /// Emits a character in place of the current one.
    fn put(&mut self, c: char) {
        self.plain.push(c);
        self.at += 1;
    }

    /// Emits the current character as it is.
    fn keep(&mut self) {
        self.put(self.characters[self.at]);
    }

    /// Whether a token may begin here.
    fn token_begins(&self) -> bool {
        let before = self.plain.chars().next_back();
        before.is_none_or(|c| c.is_whitespace() || "([{,;|&=!".contains(c))
    }

    fn step(&mut self) {
        match self.inside.last().copied() {
            Some(Inside::Code { string, parentheses }) => self.code(string, parentheses),
            Some(Inside::Single) => self.quoted(is_single_quote, '\''),
            Some(Inside::Double) => match self.peek(0) {
                '`' => self.escape(),
                '$' if self.peek(1) == '(' => {
                    self.keep();
                    self.keep();
                    self.inside.push(Inside::Code { string: true, parentheses: 0 });
                }
                _ => self.quoted(is_double_quote, '"'),
            },
            Some(Inside::HereSingle) => self.here(is_single_quote, '\''),
            Some(Inside::HereDouble) => match self.peek(0) {
                '`' => self.escape(),
                '$' if self.peek(1) == '(' => {
                    self.keep();
                    self.keep();
                    self.inside.push(Inside::Code { string: true, parentheses: 0 });
                }
                _ => self.here(is_double_quote, '"'),
            },
            Some(Inside::LineComment) => {
                if self.peek(0) == '\n' {
                    self.inside.pop();
                }
                self.keep();
            }
            Some(Inside::BlockComment) => {
                if self.peek(0) == '#' && self.peek(1) == '>' {
                    self.inside.pop();
                    self.keep();
                }
                self.keep();
            }
            None => self.keep(),
        }
    }

    /// A backtick and what it escapes.
    fn escape(&mut self) {
        self.keep();
        if self.at < self.characters.len() {
            self.keep();
        }
    }

    fn code(&mut self, string: bool, parentheses: usize) {
        let (c, next) = (self.peek(0), self.peek(1));
        match c {
            '`' => self.escape(),
            '#' if self.token_begins() => {
                self.inside.push(Inside::LineComment);
                self.keep();
            }
            '<' if next == '#' => {
                self.inside.push(Inside::BlockComment);
                self.keep();
                self.keep();
            }
            '@' if is_single_quote(next) || is_double_quote(next) => {
                let single = is_single_quote(next);
                self.keep();
                self.put(if single { '\'' } else { '"' });
                self.inside.push(if single { Inside::HereSingle } else { Inside::HereDouble });
            }
            _ if is_single_quote(c) => {
                self.put('\'');
                self.inside.push(Inside::Single);
            }
            _ if is_double_quote(c) => {
                self.put('"');
                self.inside.push(Inside::Double);
            }
            _ if is_dash(c) && self.token_begins() => self.put('-'),
            '(' if string => {
                self.nest(parentheses + 1);
                self.keep();
            }
            ')' if string && parentheses == 0 => {
                self.inside.pop();
                self.keep();
            }
            ')' if string => {
                self.nest(parentheses - 1);
                self.keep();
            }
            _ => self.keep(),
        }
    }

    /// Notes how many parentheses are open inside a string's subexpression.
    fn nest(&mut self, parentheses: usize) {
        if let Some(top) = self.inside.last_mut() {
            *top = Inside::Code { string: true, parentheses };
        }
    }

    /// A character of a quoted string: a doubled quote is one of its
    /// characters, a single one ends it.
    fn quoted(&mut self, is_quote: fn(char) -> bool, plain: char) {
        let (c, next) = (self.peek(0), self.peek(1));
        if !is_quote(c) {
            self.keep();
        } else if !is_quote(next) {
            self.inside.pop();
            self.put(plain);
        } else if let Some((_, placeholder)) = KEPT.iter().find(|(kept, _)| *kept == next) {
            self.put(FILLER);
            self.put(*placeholder);
        } else {
            self.put(plain);
            self.put(plain);
        }
    }

    /// A character of a here-string, which ends at a quote and `@` on a new line.
    fn here(&mut self, is_quote: fn(char) -> bool, plain: char) {
        if is_quote(self.peek(0)) && self.peek(1) == '@' && self.plain.ends_with('\n') {
            self.inside.pop();
            self.put(plain);
        }
        self.keep();
    }
}

/// Turns the placeholders of a string's text back into what they stand for.
pub(crate) fn restore(text: &str) -> String {
    text.chars()
        .filter(|c| *c != FILLER)
        .map(|c| KEPT.iter().find(|(_, placeholder)| *placeholder == c).map_or(c, |(kept, _)| *kept))
        .collect()
}

impl Source {
    /// Parses a script.
    ///
    /// # Errors
    /// PowerShell's `ParserError` at the first place that does not parse.
    pub(crate) fn parse(script: &str) -> Result<Self, ErrorRecord> {
        if script.len() > LONGEST_SCRIPT_BYTES {
            return Err(ErrorRecord::not_modelled("scripts of more than 1 MB"));
        }
        let text = normalise(script);
        let mut parser = Parser::new();
        let unusable = || ErrorRecord::runtime("lync-shell could not load its grammar.", "NoGrammar");
        parser.set_language(&tree_sitter_powershell::LANGUAGE.into()).map_err(|_| unusable())?;
        let tree = parser.parse(&text, None).ok_or_else(unusable)?;
        let lines = script.split('\n').map(|line| Rc::from(line.trim_end_matches('\r'))).collect();
        let source = Self { text, lines, tree };
        if deeper_than(&source.tree, DEEPEST_NESTING) {
            return Err(ErrorRecord::not_modelled("scripts nested this deeply"));
        }
        if source.tree.root_node().has_error() {
            return Err(source.syntax_error());
        }
        Ok(source)
    }

    /// A node's text.
    pub(crate) fn text(&self, node: Node<'_>) -> &str {
        &self.text[node.byte_range()]
    }

    /// Where a node stands.
    pub(crate) fn extent(&self, node: Node<'_>) -> Extent {
        self.extent_of(node.start_byte(), node.end_byte())
    }

    /// Where a range of the text stands.
    pub(crate) fn extent_of(&self, start: usize, end: usize) -> Extent {
        let before = &self.text[..start];
        let line = before.matches('\n').count();
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Extent {
            line: line + 1,
            column,
            line_text: self.lines.get(line).cloned().unwrap_or_else(|| Rc::from("")),
            text: restore(self.text[start..end].trim_end()).into(),
        }
    }

    /// The first syntax error, in PowerShell's words where it is one of the
    /// usual ones.
    fn syntax_error(&self) -> ErrorRecord {
        let node = first_error(self.tree.root_node()).unwrap_or_else(|| self.tree.root_node());
        let (message, id, start, end) = self.explain(node);
        let mut error = ErrorRecord::new(
            message,
            "ParserError",
            "System.Management.Automation.ParentContainsErrorRecordException",
            id,
        );
        error.extent = Some(self.extent_of(start, end));
        error
    }

    /// What is wrong at a node: message, error id and the range it stands for.
    fn explain(&self, node: Node<'_>) -> (String, &'static str, usize, usize) {
        let (start, end) = (node.start_byte(), node.end_byte());
        if let Some(unclosed) = self.unclosed() {
            return unclosed;
        }
        if let Some((start, end)) = empty_pipe_element(&self.text) {
            return ("An empty pipe element is not allowed.".into(), "EmptyPipeElement", start, end);
        }
        if node.is_missing() {
            return match node.kind() {
                ")" => (
                    "Missing closing ')' in expression.".into(),
                    "MissingEndParenthesisInExpression",
                    start,
                    end,
                ),
                "}" => (
                    "Missing closing '}' in statement block or type definition.".into(),
                    "MissingEndCurlyBrace",
                    start,
                    end,
                ),
                kind if kind.chars().all(|c| c.is_ascii_punctuation()) => {
                    (format!("Missing '{kind}'."), "MissingToken", start, end)
                }
                _ => self.unexpected(start),
            };
        }
        self.unexpected(start)
    }

    /// The word at a place, unexpected.
    fn unexpected(&self, start: usize) -> (String, &'static str, usize, usize) {
        let rest = &self.text[start..];
        let skipped = rest.len() - rest.trim_start().len();
        let word: String = rest.trim_start().chars().take_while(|c| !c.is_whitespace()).take(60).collect();
        let start = start + skipped;
        let end = start + word.len();
        (
            format!("Unexpected token '{}' in expression or statement.", restore(&word)),
            "UnexpectedToken",
            start,
            end,
        )
    }

    /// A bracket or quote that is never closed: the usual reason.
    fn unclosed(&self) -> Option<(String, &'static str, usize, usize)> {
        let mut open: Vec<(char, usize)> = Vec::new();
        let mut characters = self.text.char_indices().peekable();
        let mut quote: Option<(char, usize)> = None;
        while let Some((at, c)) = characters.next() {
            match (quote, c) {
                (Some(('"', _)) | None, '`') => {
                    characters.next();
                }
                (Some((kind, _)), _) if kind == c => quote = None,
                (Some(_), _) => {}
                (None, '\'' | '"') => quote = Some((c, at)),
                (None, '(' | '{' | '[') => open.push((c, at)),
                (None, ')' | '}' | ']') => {
                    open.pop();
                }
                (None, _) => {}
            }
        }
        if let Some((kind, at)) = quote {
            let message = format!("The string is missing the terminator: {kind}.");
            return Some((message, "TerminatorExpectedAtEndOfString", at, self.text.trim_end().len()));
        }
        let (kind, at) = open.pop()?;
        let (message, id) = match kind {
            '(' => ("Missing closing ')' in expression.", "MissingEndParenthesisInExpression"),
            '{' => ("Missing closing '}' in statement block or type definition.", "MissingEndCurlyBrace"),
            _ => {
                ("Missing ] at end of attribute or type literal.", "EndSquareBracketExpectedAtEndOfAttribute")
            }
        };
        Some((message.to_owned(), id, at, at + 1))
    }
}

/// Whether a tree is nested more deeply than `limit` parentheses, braces and
/// blocks; every level of those is about a dozen nodes.
fn deeper_than(tree: &Tree, limit: usize) -> bool {
    let mut cursor = tree.walk();
    let mut depth = 0usize;
    loop {
        if depth > limit {
            return true;
        }
        if cursor.goto_first_child() {
            depth += 1;
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return false;
            }
            depth -= 1;
        }
    }
}

/// The first erroneous or missing node in the text's order.
fn first_error(node: Node<'_>) -> Option<Node<'_>> {
    let mut cursor = node.walk();
    loop {
        let here = cursor.node();
        if here.is_missing() {
            return Some(here);
        }
        if here.is_error() && here.id() != node.id() {
            return Some(here);
        }
        if here.has_error() && cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{normalise, restore};

    #[rstest::rstest]
    #[case("X \u{2013}A \u{2014}B \u{2015}C", "X -A -B -C")]
    #[case("X -A 'a\u{2013}b'", "X -A 'a\u{2013}b'")]
    #[case("X -A \u{201C}a\u{201D}", "X -A \"a\"")]
    #[case("X -A \u{2018}a\u{2019}", "X -A 'a'")]
    #[case("X -A 'a\u{2019} -B", "X -A 'a' -B")]
    #[case("X -A \"it\u{2019}s\"", "X -A \"it\u{2019}s\"")]
    #[case("X a\u{2013}b", "X a\u{2013}b")]
    #[case("# \u{2018}comment\nX \u{2013}A", "# \u{2018}comment\nX -A")]
    #[case("\"$(X \u{2013}A \u{2018}(\u{2019})\" \u{2013}B", "\"$(X -A '(')\" -B")]
    fn typographic_dashes_and_quotes_are_read_as_powershell_reads_them(
        #[case] typed: &str,
        #[case] read: &str,
    ) {
        assert_eq!(normalise(typed), read);
    }

    #[rstest::rstest]
    #[case("'O\u{2019}\u{2019}Brien'", "'O\u{2019}Brien'")]
    #[case("'O'\u{2019}Brien'", "'O\u{2019}Brien'")]
    #[case("'O''Brien'", "'O''Brien'")]
    fn a_doubled_typographic_quote_is_a_character_of_the_string(#[case] typed: &str, #[case] read: &str) {
        let plain = normalise(typed);
        assert_eq!(plain.chars().count(), typed.chars().count());
        assert_eq!(restore(&plain), read);
    }
}
