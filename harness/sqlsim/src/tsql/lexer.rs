//! Cuts T-SQL text into tokens.
//!
//! Comments (nested ones too) and white space vanish here; every token keeps
//! its place in the text and its line, so that errors can name both.

use crate::error::SqlResult;
use crate::messages;
use crate::value::Decimal;
use std::rc::Rc;

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub enum TokenKind {
    /// An unquoted word: keyword or identifier.
    Word(Rc<str>),
    /// `[name]` or `"name"`.
    QuotedName(Rc<str>),
    /// `@name`, in lower case.
    Variable(Rc<str>),
    /// `@@name`, in lower case.
    SystemVariable(Rc<str>),
    /// `'text'` or `N'text'`.
    Text {
        /// The text, quotes undoubled.
        text: Rc<str>,
        /// Whether it had the N prefix.
        national: bool,
    },
    /// `0xABCD`.
    Binary(Rc<[u8]>),
    /// A whole number or one with a point.
    Number(Decimal),
    /// A number with an exponent.
    Float(f64),
    /// `$1.25`, in ten-thousandths.
    Money(i64),
    /// An operator or punctuation mark.
    Symbol(&'static str),
    /// The end of the text.
    End,
}

/// One token.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// First byte in the text.
    pub start: usize,
    /// Byte behind the last.
    pub end: usize,
    /// Line, from 1.
    pub line: u32,
}

const SYMBOLS: [&str; 36] = [
    "<=", ">=", "<>", "!=", "!<", "!>", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "::", "(", ")", ",",
    ";", ".", "=", "<", ">", "+", "-", "*", "/", "%", "&", "|", "^", "~", ":", "{", "}", "!",
];

/// Cuts `text` into tokens, the last of which is [`TokenKind::End`].
///
/// # Errors
/// 102, 103, 105 or 113 for text that is no token.
pub fn tokens(text: &str, quoted_identifiers: bool) -> SqlResult<Vec<Token>> {
    let mut lexer = Lexer { text, bytes: text.as_bytes(), at: 0, line: 1, quoted_identifiers };
    let mut out = Vec::with_capacity(text.len() / 4 + 4);
    loop {
        lexer.skip_blanks()?;
        let (start, line) = (lexer.at, lexer.line);
        let kind = lexer.next_kind()?;
        let ended = kind == TokenKind::End;
        out.push(Token { kind, start, end: lexer.at, line });
        if ended {
            return Ok(out);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    line: u32,
    quoted_identifiers: bool,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn failure(&self, line: u32, number: i32, arguments: &[&dyn std::fmt::Display]) -> crate::SqlError {
        crate::SqlError { line, ..messages::error(number, 1, arguments) }
    }

    fn skip_blanks(&mut self) -> SqlResult<()> {
        while self.at < self.bytes.len() {
            match self.peek(0) {
                b'\n' => {
                    self.line += 1;
                    self.at += 1;
                }
                b'-' if self.peek(1) == b'-' => {
                    while self.at < self.bytes.len() && self.peek(0) != b'\n' {
                        self.at += 1;
                    }
                }
                b'/' if self.peek(1) == b'*' => self.skip_comment()?,
                byte if byte <= b' ' => self.at += 1,
                0xC2 if self.peek(1) == 0xA0 => self.at += 2,
                0xEF if self.peek(1) == 0xBB && self.peek(2) == 0xBF => self.at += 3,
                _ => break,
            }
        }
        Ok(())
    }

    fn skip_comment(&mut self) -> SqlResult<()> {
        let mut depth = 0_u32;
        let line = self.line;
        loop {
            match (self.peek(0), self.peek(1)) {
                (b'/', b'*') => {
                    depth += 1;
                    self.at += 2;
                }
                (b'*', b'/') => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                _ if self.at >= self.bytes.len() => return Err(self.failure(line, 113, &[])),
                (byte, _) => {
                    self.line += u32::from(byte == b'\n');
                    self.at += 1;
                }
            }
        }
    }

    fn next_kind(&mut self) -> SqlResult<TokenKind> {
        if self.at >= self.bytes.len() {
            return Ok(TokenKind::End);
        }
        match self.peek(0) {
            b'\'' => self.string(false),
            b'N' | b'n' if self.peek(1) == b'\'' => {
                self.at += 1;
                self.string(true)
            }
            b'"' if !self.quoted_identifiers => self.string(false),
            b'"' => self.quoted_name(b'"'),
            b'[' => self.quoted_name(b']'),
            b'@' => Ok(self.variable()),
            b'0' if matches!(self.peek(1), b'x' | b'X') => Ok(self.binary()),
            b'0'..=b'9' => self.number(),
            b'.' if self.peek(1).is_ascii_digit() => self.number(),
            b'$' if self.peek(1).is_ascii_digit() || self.peek(1) == b'.' => {
                self.at += 1;
                self.money()
            }
            byte if byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'#' | b'$') || byte >= 0x80 => {
                self.word()
            }
            _ => self.symbol(),
        }
    }

    /// A quoted run up to an undoubled `close`; the opening quote is at the current place.
    fn quoted(&mut self, close: u8) -> SqlResult<Rc<str>> {
        let line = self.line;
        self.at += 1;
        let start = self.at;
        let mut doubled = false;
        loop {
            if self.at >= self.bytes.len() {
                return Err(self.failure(line, 105, &[&&self.text[start..]]));
            }
            let byte = self.peek(0);
            self.line += u32::from(byte == b'\n');
            self.at += 1;
            if byte == close {
                if self.peek(0) != close {
                    break;
                }
                doubled = true;
                self.at += 1;
            }
        }
        let inner = &self.text[start..self.at - 1];
        if doubled {
            let close = char::from(close).to_string();
            return Ok(inner.replace(&close.repeat(2), &close).into());
        }
        Ok(inner.into())
    }

    fn string(&mut self, national: bool) -> SqlResult<TokenKind> {
        let close = self.peek(0);
        let text = self.quoted(close)?;
        Ok(TokenKind::Text { text, national })
    }

    fn quoted_name(&mut self, close: u8) -> SqlResult<TokenKind> {
        let line = self.line;
        let name = self.quoted(close)?;
        if name.chars().count() > 128 {
            return Err(self.failure(line, 103, &[&"identifier", &name, &128]));
        }
        Ok(TokenKind::QuotedName(name))
    }

    fn take_word(&mut self) -> &str {
        let start = self.at;
        while self.at < self.bytes.len() {
            let byte = self.peek(0);
            if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'#' | b'$' | b'@') || byte >= 0x80 {
                if byte == 0xC2 && self.peek(1) == 0xA0 {
                    break;
                }
                self.at += 1;
            } else {
                break;
            }
        }
        &self.text[start..self.at]
    }

    fn word(&mut self) -> SqlResult<TokenKind> {
        let line = self.line;
        let word: Rc<str> = self.take_word().into();
        let unusual =
            |c: char| !(c.is_alphanumeric() || matches!(c, '_' | '#' | '$' | '@' | '\u{300}'..='\u{36f}'));
        if word.contains(unusual) {
            return Err(self.failure(line, 102, &[&word]));
        }
        if word.chars().count() > 128 {
            return Err(self.failure(line, 103, &[&"identifier", &word, &128]));
        }
        Ok(TokenKind::Word(word))
    }

    fn variable(&mut self) -> TokenKind {
        let name = self.take_word().to_ascii_lowercase();
        if name.starts_with("@@") {
            TokenKind::SystemVariable(name.into())
        } else {
            TokenKind::Variable(name.into())
        }
    }

    fn binary(&mut self) -> TokenKind {
        self.at += 2;
        let start = self.at;
        while self.peek(0).is_ascii_hexdigit() {
            self.at += 1;
        }
        let digits = &self.bytes[start..self.at];
        let nibble = |digit: u8| char::from(digit).to_digit(16).map_or(0, |n| n as u8);
        let mut bytes = Vec::with_capacity(digits.len().div_ceil(2));
        let (odd, even) = digits.split_at(digits.len() % 2);
        bytes.extend(odd.iter().map(|digit| nibble(*digit)));
        bytes.extend(even.chunks_exact(2).map(|pair| nibble(pair[0]) << 4 | nibble(pair[1])));
        TokenKind::Binary(bytes.into())
    }

    /// Digits with at most one point; gives the text.
    fn digits(&mut self) -> &str {
        let start = self.at;
        let mut seen_point = false;
        while self.peek(0).is_ascii_digit() || (self.peek(0) == b'.' && !seen_point) {
            seen_point |= self.peek(0) == b'.';
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    fn number(&mut self) -> SqlResult<TokenKind> {
        let (start, line) = (self.at, self.line);
        self.digits();
        let sign = usize::from(matches!(self.peek(1), b'+' | b'-'));
        if matches!(self.peek(0), b'e' | b'E') && self.peek(1 + sign).is_ascii_digit() {
            self.at += 1 + sign;
            while self.peek(0).is_ascii_digit() {
                self.at += 1;
            }
            let text = &self.text[start..self.at];
            return text.parse().map(TokenKind::Float).map_err(|_| self.failure(line, 102, &[&text]));
        }
        let text = &self.text[start..self.at];
        Decimal::parse(text).map(TokenKind::Number).ok_or_else(|| self.failure(line, 1007, &[&text, &38]))
    }

    fn money(&mut self) -> SqlResult<TokenKind> {
        let line = self.line;
        let text = self.digits().to_owned();
        Decimal::parse(&text)
            .and_then(|d| d.rescale(4))
            .and_then(|d| i64::try_from(d.mantissa).ok())
            .map(TokenKind::Money)
            .ok_or_else(|| self.failure(line, 102, &[&text]))
    }

    fn symbol(&mut self) -> SqlResult<TokenKind> {
        let rest = &self.text[self.at..];
        let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) else {
            let odd: String = rest.chars().take(1).collect();
            return Err(self.failure(self.line, 102, &[&odd]));
        };
        self.at += symbol.len();
        Ok(TokenKind::Symbol(symbol))
    }
}

/// T-SQL's reserved words, in upper case and order: they end expressions and cannot be bare names.
const RESERVED: &[&str] = &[
    "ADD",
    "ALL",
    "ALTER",
    "AND",
    "ANY",
    "AS",
    "ASC",
    "AUTHORIZATION",
    "BACKUP",
    "BEGIN",
    "BETWEEN",
    "BREAK",
    "BROWSE",
    "BULK",
    "BY",
    "CASCADE",
    "CASE",
    "CHECK",
    "CHECKPOINT",
    "CLOSE",
    "CLUSTERED",
    "COALESCE",
    "COLLATE",
    "COLUMN",
    "COMMIT",
    "COMPUTE",
    "CONSTRAINT",
    "CONTAINS",
    "CONTINUE",
    "CONVERT",
    "CREATE",
    "CROSS",
    "CURRENT",
    "CURRENT_DATE",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "CURRENT_USER",
    "CURSOR",
    "DATABASE",
    "DBCC",
    "DEALLOCATE",
    "DECLARE",
    "DEFAULT",
    "DELETE",
    "DENY",
    "DESC",
    "DISTINCT",
    "DISTRIBUTED",
    "DOUBLE",
    "DROP",
    "DUMP",
    "ELSE",
    "END",
    "ERRLVL",
    "ESCAPE",
    "EXCEPT",
    "EXEC",
    "EXECUTE",
    "EXISTS",
    "EXIT",
    "EXTERNAL",
    "FETCH",
    "FILE",
    "FILLFACTOR",
    "FOR",
    "FOREIGN",
    "FREETEXT",
    "FROM",
    "FULL",
    "FUNCTION",
    "GOTO",
    "GRANT",
    "GROUP",
    "HAVING",
    "HOLDLOCK",
    "IDENTITY",
    "IDENTITYCOL",
    "IDENTITY_INSERT",
    "IF",
    "IN",
    "INDEX",
    "INNER",
    "INSERT",
    "INTERSECT",
    "INTO",
    "IS",
    "JOIN",
    "KEY",
    "KILL",
    "LEFT",
    "LIKE",
    "LINENO",
    "LOAD",
    "MERGE",
    "NATIONAL",
    "NOCHECK",
    "NONCLUSTERED",
    "NOT",
    "NULL",
    "NULLIF",
    "OF",
    "OFF",
    "OFFSETS",
    "ON",
    "OPEN",
    "OPENDATASOURCE",
    "OPENQUERY",
    "OPENROWSET",
    "OPENXML",
    "OPTION",
    "OR",
    "ORDER",
    "OUTER",
    "OVER",
    "PERCENT",
    "PIVOT",
    "PLAN",
    "PRIMARY",
    "PRINT",
    "PROC",
    "PROCEDURE",
    "PUBLIC",
    "RAISERROR",
    "READ",
    "READTEXT",
    "RECONFIGURE",
    "REFERENCES",
    "REPLICATION",
    "RESTORE",
    "RESTRICT",
    "RETURN",
    "REVERT",
    "REVOKE",
    "RIGHT",
    "ROLLBACK",
    "ROWCOUNT",
    "ROWGUIDCOL",
    "RULE",
    "SAVE",
    "SCHEMA",
    "SELECT",
    "SESSION_USER",
    "SET",
    "SETUSER",
    "SHUTDOWN",
    "SOME",
    "STATISTICS",
    "SYSTEM_USER",
    "TABLE",
    "TABLESAMPLE",
    "TEXTSIZE",
    "THEN",
    "TO",
    "TOP",
    "TRAN",
    "TRANSACTION",
    "TRIGGER",
    "TRUNCATE",
    "TRY_CONVERT",
    "TSEQUAL",
    "UNION",
    "UNIQUE",
    "UNPIVOT",
    "UPDATE",
    "UPDATETEXT",
    "USE",
    "USER",
    "VALUES",
    "VARYING",
    "VIEW",
    "WAITFOR",
    "WHEN",
    "WHERE",
    "WHILE",
    "WITH",
    "WITHIN",
    "WRITETEXT",
];

/// Whether `word` is reserved, in any case.
#[must_use]
pub fn is_reserved(word: &str) -> bool {
    let mut upper = [0_u8; 20];
    let Some(upper) = upper.get_mut(..word.len()) else { return false };
    upper.copy_from_slice(word.as_bytes());
    upper.make_ascii_uppercase();
    RESERVED.binary_search_by(|reserved| reserved.as_bytes().cmp(upper)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_words_are_in_order() {
        assert!(RESERVED.is_sorted());
        assert!(is_reserved("select") && !is_reserved("selected"));
    }

    #[test]
    fn comments_nest_and_lines_are_counted() {
        let tokens = tokens("/* a /* b */\n c */ x -- y\n[z]]z]", true).expect("lexes");
        let kinds: Vec<_> = tokens.iter().map(|t| (&t.kind, t.line)).collect();
        assert_eq!(kinds[0], (&TokenKind::Word("x".into()), 2));
        assert_eq!(kinds[1], (&TokenKind::QuotedName("z]z".into()), 3));
    }

    #[rstest::rstest]
    #[case("select 'abc", 105)]
    #[case("/* open", 113)]
    #[case("select \u{2013}", 102)]
    fn text_that_is_no_token_gets_its_number(#[case] text: &str, #[case] number: i32) {
        assert_eq!(tokens(text, true).expect_err("fails").number, number);
    }
}
