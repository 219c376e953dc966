//! JSON paths: `[append] [lax | strict] $.name."name"[0]`.

use super::text::{Kind, Reader, Span, unescaped};
use crate::SqlError;
use crate::error::SqlResult;
use crate::messages::error;

/// One step of a path.
#[derive(Debug)]
pub(super) enum Step {
    Member(String),
    Element(usize),
}

/// A path.
#[derive(Debug)]
pub(crate) struct JsonPath {
    pub(super) append: bool,
    pub(super) strict: bool,
    pub(super) steps: Vec<Step>,
}

/// How many steps a path may have; more than JSON may be deep finds nothing.
const STEPS_MAX: usize = 200;

impl JsonPath {
    /// `$`.
    pub(super) fn root() -> Self {
        Self { append: false, strict: false, steps: Vec::new() }
    }

    /// `$.name`, lax.
    pub(super) fn member(name: &str) -> Self {
        Self { steps: vec![Step::Member(name.to_owned())], ..Self::root() }
    }

    /// Reads a path.
    ///
    /// # Errors
    /// 13607, with the character and its place.
    pub(crate) fn parse(text: &str) -> SqlResult<Self> {
        let mut path = Self::root();
        let mut rest = text.trim_start();
        if let Some(behind) = word(rest, "append") {
            path.append = true;
            rest = behind;
        }
        if let Some(behind) = word(rest, "strict") {
            path.strict = true;
            rest = behind;
        } else if let Some(behind) = word(rest, "lax") {
            rest = behind;
        }
        let bad = |rest: &str| bad(text, text.len() - rest.len());
        rest = rest.strip_prefix('$').ok_or_else(|| bad(rest))?;
        loop {
            rest = rest.trim_start();
            if rest.is_empty() {
                return Ok(path);
            }
            if path.steps.len() >= STEPS_MAX {
                return Err(bad(rest));
            }
            if let Some(behind) = rest.strip_prefix('.') {
                let behind = behind.trim_start();
                let (name, after) = name(behind).ok_or_else(|| bad(behind))?;
                path.steps.push(Step::Member(name));
                rest = after;
            } else if let Some(behind) = rest.strip_prefix('[') {
                let behind = behind.trim_start();
                let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
                let index = behind[..digits].parse().map_err(|_| bad(behind))?;
                let after = behind[digits..].trim_start();
                rest = after.strip_prefix(']').ok_or_else(|| bad(after))?;
                path.steps.push(Step::Element(index));
            } else {
                return Err(bad(rest));
            }
        }
    }

    /// `append` belongs to JSON_MODIFY alone.
    pub(super) fn refuse_append(&self) -> SqlResult<()> {
        if self.append { Err(bad("append", 0)) } else { Ok(()) }
    }
}

/// What stands behind a word and at least one space.
fn word<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let behind = text.get(..word.len()).filter(|start| start.eq_ignore_ascii_case(word))?;
    let rest = &text[behind.len()..];
    let trimmed = rest.trim_start();
    (trimmed.len() < rest.len() || trimmed.starts_with('$')).then_some(trimmed)
}

fn bad(text: &str, at: usize) -> SqlError {
    let shown = text[at..].chars().next().unwrap_or('.');
    let position: usize = text[..at].chars().map(char::len_utf16).sum();
    error(13_607, 4, &[&shown, &position])
}

/// A name at the start of `text`, and what stands behind it.
fn name(text: &str) -> Option<(String, &str)> {
    if text.starts_with('"') {
        let mut escaped = false;
        let end = text.char_indices().skip(1).find(|(_, c)| {
            let closes = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            closes
        })?;
        return Some((unescaped(&text[..=end.0]), &text[end.0 + 1..]));
    }
    let starts = |c: char| c.is_alphabetic() || matches!(c, '_' | '$');
    if !text.chars().next().is_some_and(starts) {
        return None;
    }
    let end = text.find(|c: char| !(starts(c) || c.is_numeric())).unwrap_or(text.len());
    Some((text[..end].to_owned(), &text[end..]))
}

/// A value that a path led to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) value: Span,
    /// Where its name begins, in an object.
    pub(super) name_at: Option<usize>,
}

/// Where a path led.
pub(super) enum Found {
    Value(Place),
    /// The path ends nowhere. The object or array in which its last step found nothing, when all steps before it
    /// were found and it is one in which that step could be.
    Nothing(Option<Span>),
}

/// Follows a path, reading no further than it needs.
///
/// # Errors
/// 13606 and 13609.
pub(super) fn follow(text: &str, path: &JsonPath) -> SqlResult<Found> {
    let mut reader = Reader::new(text);
    let mut container = reader.root()?;
    let Some((last, before)) = path.steps.split_last() else {
        let value = reader.rest_of(container)?;
        return Ok(Found::Value(Place { value, name_at: None }));
    };
    for step in before {
        match search(text, &mut reader, &mut container, step)? {
            Some(_) if reader.is_container() => container = reader.enter()?,
            Some(_) => {
                reader.value()?;
                return Ok(Found::Nothing(None));
            }
            None => return Ok(Found::Nothing(None)),
        }
    }
    match search(text, &mut reader, &mut container, last)? {
        Some(name_at) => Ok(Found::Value(Place { value: reader.value()?, name_at })),
        None => Ok(Found::Nothing((container.end > container.start).then_some(container))),
    }
}

/// Looks for a step in a container that was just entered. `Some` with the name's place leaves the reader before
/// the value; `None` has read the container to its end, unless a step of that sort cannot be in it.
fn search(
    text: &str,
    reader: &mut Reader<'_>,
    container: &mut Span,
    step: &Step,
) -> SqlResult<Option<Option<usize>>> {
    let fits = match step {
        Step::Member(_) => container.kind == Kind::Object,
        Step::Element(_) => container.kind == Kind::Array,
    };
    let mut at = 0;
    while let Some(member) = reader.next(container, at == 0)? {
        if !fits {
            reader.value()?;
            // The first member has told what sort of container it is.
            container.end = container.start;
            return Ok(None);
        }
        let found = match (step, member.name) {
            (Step::Member(name), Some((start, end))) => unescaped(&text[start..end]) == *name,
            (Step::Element(index), _) => at == *index,
            (Step::Member(_), None) => false,
        };
        if found {
            return Ok(Some(member.name.map(|(start, _)| start)));
        }
        reader.value()?;
        at += 1;
    }
    if !fits {
        container.end = container.start;
    }
    Ok(None)
}
