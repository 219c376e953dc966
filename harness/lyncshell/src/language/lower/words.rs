//! What the words of a script mean: variables' names, escapes, here-strings,
//! bare words and operators.

use super::super::ast::{BinaryOperator, Expression, Part};
use super::super::source::restore;
use super::super::value::Value;

/// Whether a bare word is a redirection the grammar took for an argument (`2>$null`).
pub(super) fn is_redirection(text: &str) -> bool {
    let rest = text.strip_prefix(|c: char| c.is_ascii_digit() || c == '*').unwrap_or(text);
    rest.starts_with('>')
}

/// A variable's name without its sign and braces; `global:` and its like are
/// all one scope here.
pub(super) fn variable_name(text: &str) -> String {
    let name = text.trim_start_matches(['$', '@']);
    let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
    let lower = name.to_ascii_lowercase();
    match lower.split_once(':') {
        Some(("global" | "local" | "script" | "private", rest)) => rest.to_owned(),
        _ => lower,
    }
}

/// The offset of a here-string's body and the body, without the line breaks
/// that belong to its delimiters.
pub(super) fn here_string_body(text: &str) -> (usize, &str) {
    let lead = text.find('\n').map_or(text.len(), |at| at + 1);
    let tail = text.rfind('\n').unwrap_or(text.len());
    let tail = if tail > 0 && text.as_bytes()[tail - 1] == b'\r' { tail - 1 } else { tail };
    if lead > tail { (lead.min(text.len()), "") } else { (lead, &text[lead..tail]) }
}

/// What backtick sequences and doubled quotes mean.
pub(super) fn unescape(text: &str, doubled_quotes: bool) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '`' => match characters.next() {
                Some('n') => plain.push('\n'),
                Some('r') => plain.push('\r'),
                Some('t') => plain.push('\t'),
                Some('0') => plain.push('\0'),
                Some('a') => plain.push('\u{7}'),
                Some('b') => plain.push('\u{8}'),
                Some('f') => plain.push('\u{c}'),
                Some('v') => plain.push('\u{b}'),
                Some(other) => plain.push(other),
                None => plain.push('`'),
            },
            '"' if doubled_quotes && characters.peek() == Some(&'"') => {
                characters.next();
                plain.push('"');
            }
            _ => plain.push(c),
        }
    }
    restore(&plain)
}

/// A bare word as an argument: a string whose simple variables expand.
pub(super) fn bare_word(text: &str) -> Expression {
    let mut parts: Vec<Part> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let name: String = rest[at + 1..]
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'))
            .collect();
        let escaped = rest[..at].ends_with('`');
        if name.is_empty() || escaped {
            parts.push(Part::Text(rest[..=at].to_owned()));
            rest = &rest[at + 1..];
            continue;
        }
        parts.push(Part::Text(rest[..at].to_owned()));
        parts.push(Part::Value(Expression::Variable(variable_name(&name))));
        rest = &rest[at + 1 + name.len()..];
    }
    if !parts.iter().any(|part| matches!(part, Part::Value(_))) {
        return Expression::Literal(Value::from(unescape(text, false)));
    }
    parts.push(Part::Text(rest.to_owned()));
    for part in &mut parts {
        if let Part::Text(text) = part {
            *text = unescape(text, false);
        }
    }
    Expression::Expandable(parts)
}

/// The operator a word stands for.
pub(super) fn binary_operator(text: &str) -> Option<BinaryOperator> {
    use BinaryOperator::*;
    let simple = match text {
        "+" => Add,
        "-" => Subtract,
        "*" => Multiply,
        "/" => Divide,
        "%" => Remainder,
        ".." => Range,
        "-f" => Format,
        "-and" => And,
        "-or" => Or,
        "-xor" => Xor,
        "-band" => BitAnd,
        "-bor" => BitOr,
        "-bxor" => BitXor,
        "-in" | "-iin" => In { not: false },
        "-notin" | "-inotin" => In { not: true },
        "-join" => Join,
        "-is" => Is { not: false },
        "-isnot" => Is { not: true },
        "-as" => As,
        _ => return cased_operator(text),
    };
    Some(simple)
}

/// The operators that come in three spellings: `-eq`, `-ieq` and `-ceq`.
fn cased_operator(text: &str) -> Option<BinaryOperator> {
    use BinaryOperator::*;
    let plain = |text: &str, case: bool| -> Option<BinaryOperator> {
        Some(match text {
            "eq" => Equal { case },
            "ne" => NotEqual { case },
            "gt" => Greater { case },
            "ge" => GreaterOrEqual { case },
            "lt" => Less { case },
            "le" => LessOrEqual { case },
            "like" => Like { case, not: false },
            "notlike" => Like { case, not: true },
            "match" => Match { case, not: false },
            "notmatch" => Match { case, not: true },
            "contains" => Contains { case, not: false },
            "notcontains" => Contains { case, not: true },
            "replace" => Replace { case },
            "split" => Split { case },
            _ => return None,
        })
    };
    let name = text.strip_prefix('-')?;
    plain(name, false)
        .or_else(|| plain(name.strip_prefix('i')?, false))
        .or_else(|| plain(name.strip_prefix('c')?, true))
}
