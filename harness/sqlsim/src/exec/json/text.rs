//! Reading JSON text: values by their place in it.

use crate::SqlError;
use crate::messages::error;

/// How deep objects and arrays may lie in one another.
const DEPTH_MAX: u32 = 128;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Text,
    Number,
    Bool,
    Array,
    Object,
}

impl Kind {
    /// OPENJSON's column `type`.
    pub(super) fn code(self) -> i64 {
        self as i64
    }
}

/// A value's kind and place, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What a container holds next.
pub(super) struct Member {
    /// Where the name stands, quotes included; `None` in an array.
    pub(super) name: Option<(usize, usize)>,
}

/// A place in a JSON text.
pub(super) struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: u32,
}

type Read<T> = Result<T, SqlError>;

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// 13609 for the character at a place; the end of the text shows as a point.
    fn bad(&self, at: usize) -> SqlError {
        let shown = self.text[at..].chars().next().unwrap_or('.');
        let position: usize = self.text[..at].chars().map(char::len_utf16).sum();
        error(13_609, 4, &[&shown, &position])
    }

    /// The whole text: one object or array and nothing behind it.
    pub(super) fn document(&mut self) -> Read<Span> {
        let root = self.root()?;
        let span = self.rest_of(root)?;
        self.skip_space();
        if self.at < self.text.len() { Err(self.bad(self.at)) } else { Ok(span) }
    }

    /// Steps into the root, which is an object or an array.
    pub(super) fn root(&mut self) -> Read<Span> {
        self.skip_space();
        match self.byte() {
            Some(b'{' | b'[') => self.enter(),
            _ => Err(self.bad(self.at)),
        }
    }

    /// Steps into the object or array here. Its end is not known yet.
    pub(super) fn enter(&mut self) -> Read<Span> {
        let kind = if self.byte() == Some(b'{') { Kind::Object } else { Kind::Array };
        if self.depth >= DEPTH_MAX {
            return Err(error(13_606, 1, &[&DEPTH_MAX]));
        }
        self.depth += 1;
        let start = self.at;
        self.at += 1;
        Ok(Span { kind, start, end: start })
    }

    /// The next member of a container that was entered, its value still to be read; `None` at its end.
    pub(super) fn next(&mut self, container: &mut Span, first: bool) -> Read<Option<Member>> {
        let close = if container.kind == Kind::Object { b'}' } else { b']' };
        self.skip_space();
        if self.byte() == Some(close) {
            self.at += 1;
            self.depth -= 1;
            container.end = self.at;
            return Ok(None);
        }
        if !first {
            if self.byte() != Some(b',') {
                return Err(self.bad(self.at));
            }
            self.at += 1;
            self.skip_space();
        }
        if container.kind == Kind::Array {
            return Ok(Some(Member { name: None }));
        }
        if self.byte() != Some(b'"') {
            return Err(self.bad(self.at));
        }
        let start = self.at;
        self.string()?;
        let name = Some((start, self.at));
        self.skip_space();
        if self.byte() != Some(b':') {
            return Err(self.bad(self.at));
        }
        self.at += 1;
        Ok(Some(Member { name }))
    }

    /// Where the next value begins, and whether it is a container.
    pub(super) fn is_container(&mut self) -> bool {
        self.skip_space();
        matches!(self.byte(), Some(b'{' | b'['))
    }

    /// Reads the value here to its end.
    pub(super) fn value(&mut self) -> Read<Span> {
        self.skip_space();
        let start = self.at;
        let kind = match self.byte() {
            Some(b'{' | b'[') => {
                let container = self.enter()?;
                return self.rest_of(container);
            }
            Some(b'"') => {
                self.string()?;
                Kind::Text
            }
            Some(b'-' | b'0'..=b'9') => {
                self.token();
                if !is_number(&self.text[start..self.at]) {
                    return Err(self.bad(start));
                }
                Kind::Number
            }
            _ => {
                self.token();
                match &self.text[start..self.at] {
                    "null" => Kind::Null,
                    "true" | "false" => Kind::Bool,
                    _ => return Err(self.bad(start)),
                }
            }
        };
        Ok(Span { kind, start, end: self.at })
    }

    /// Reads a container that was entered to its end; containers inside wait in a list, not on the stack.
    pub(super) fn rest_of(&mut self, container: Span) -> Read<Span> {
        let mut open = vec![(container, true)];
        while let Some((mut inner, first)) = open.pop() {
            if self.next(&mut inner, first)?.is_none() {
                if open.is_empty() {
                    return Ok(inner);
                }
                continue;
            }
            open.push((inner, false));
            if self.is_container() {
                let inside = self.enter()?;
                open.push((inside, true));
            } else {
                self.value()?;
            }
        }
        Err(self.bad(self.at))
    }

    fn token(&mut self) {
        while self.byte().is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')) {
            self.at += 1;
        }
    }

    /// A string, from its opening quote; what is wrong in it is told of that quote.
    fn string(&mut self) -> Read<()> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    let bytes = self.text.as_bytes();
                    let length = match bytes.get(self.at + 1) {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
                        Some(b'u') => 6,
                        _ => return Err(self.bad(start)),
                    };
                    let digits = bytes.get(self.at + 2..self.at + length).unwrap_or(b"?");
                    if !digits.iter().all(u8::is_ascii_hexdigit) {
                        return Err(self.bad(start));
                    }
                    self.at += length;
                }
                None | Some(0..=0x1F) => return Err(self.bad(start)),
                Some(_) => self.at += 1,
            }
        }
    }
}

fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole)
        && (whole.len() == 1 || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(digits)
}

/// The text that a JSON string stands for; half of a surrogate pair becomes U+FFFD.
pub(super) fn unescaped(quoted: &str) -> String {
    let inside = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(quoted);
    if !inside.contains('\\') {
        return inside.to_owned();
    }
    let mut units: Vec<u16> = Vec::with_capacity(inside.len());
    let mut rest = inside;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c != '\\' {
            units.extend(c.encode_utf16(&mut [0; 2]).iter());
            continue;
        }
        let escape = rest.chars().next().unwrap_or('\\');
        rest = &rest[escape.len_utf8()..];
        units.push(match escape {
            'b' => 8,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            't' => 9,
            'u' => {
                let (digits, behind) = rest.split_at(rest.len().min(4));
                rest = behind;
                u16::from_str_radix(digits, 16).unwrap_or(0xFFFD)
            }
            other => u16::try_from(u32::from(other)).unwrap_or(0xFFFD),
        });
    }
    String::from_utf16_lossy(&units)
}
