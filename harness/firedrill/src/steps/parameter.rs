//! The kinds of parameter a step may take, and the step texts that use them.
//!
//! A step text is plain words with `{kind}` where a value goes and `(s)` where a plural may be; everything else is
//! matched as written. `firedrill steps` explains the kinds from this same table.

use std::time::Duration;

use super::findings;

/// One kind of parameter: its name in step texts, what it matches, and what to write there.
#[derive(Debug, Clone, Copy)]
pub struct ParameterKind {
    /// The name between braces.
    pub name: &'static str,
    /// The regular expression, without capturing groups.
    pub pattern: fn() -> String,
    /// What an author may write, in words.
    pub explained: fn() -> String,
}

/// Every kind of parameter.
pub const PARAMETER_KINDS: &[ParameterKind] = &[
    ParameterKind {
        name: "count",
        pattern: || r"\d+".to_owned(),
        explained: || "a whole number: 240".to_owned(),
    },
    ParameterKind {
        name: "duration",
        pattern: || r"\d+ (?:milliseconds?|seconds?|minutes?|hours?|days?)".to_owned(),
        explained: || {
            "a number and a unit: 50 milliseconds, 30 seconds, 5 minutes, 2 hours, 1 day".to_owned()
        },
    },
    ParameterKind {
        name: "text",
        pattern: || r#""[^"]*""#.to_owned(),
        explained: || "words between double quotes: \"litware\"".to_owned(),
    },
    ParameterKind {
        name: "server",
        pattern: || "primary|mirror|backup mirror|backup".to_owned(),
        explained: || "a SQL Server of the estate: primary, mirror, backup, backup mirror".to_owned(),
    },
    ParameterKind {
        name: "place",
        pattern: || "operator|backup share|primary|mirror|backup mirror|backup".to_owned(),
        explained: || {
            "an end of a link: operator, backup share, or a SQL Server: primary, mirror, backup, backup mirror".to_owned()
        },
    },
    ParameterKind {
        name: "center",
        pattern: || "A|B".to_owned(),
        explained: || "a data center: A (primary and mirror) or B (backup and backup mirror)".to_owned(),
    },
    ParameterKind {
        name: "step",
        pattern: || "[1-7]".to_owned(),
        explained: || "a step of the procedure: 1 to 7".to_owned(),
    },
    ParameterKind {
        name: "damage",
        pattern: || "missing|torn|corrupt|of another database".to_owned(),
        explained: || {
            "what is wrong with a log backup: missing, torn (its end is gone), corrupt (a byte is flipped), of another database".to_owned()
        },
    },
    ParameterKind {
        name: "condition",
        pattern: || "online and writable|online and read-only|restoring|in standby|not there".to_owned(),
        explained: || {
            "the condition of a database: online and writable, online and read-only, restoring, in standby, not there".to_owned()
        },
    },
    ParameterKind {
        name: "pool-state",
        pattern: || "Normal|FailedOver".to_owned(),
        explained: || "a pool state: Normal, FailedOver".to_owned(),
    },
    ParameterKind {
        name: "job",
        pattern: || "copy|restore".to_owned(),
        explained: || "a log-shipping job of the backup: copy, restore".to_owned(),
    },
    ParameterKind {
        name: "cmdlet",
        pattern: || "pool-state|mirror|active-server".to_owned(),
        explained: || {
            "a cmdlet of the procedure by what it sets: pool-state (step 5), mirror (step 6), active-server (step 7)".to_owned()
        },
    },
    ParameterKind {
        name: "telling",
        pattern: || "missing|damaged|not a backup of mgc".to_owned(),
        explained: || {
            "what the operator is told of a log backup: missing, damaged, not a backup of mgc".to_owned()
        },
    },
    ParameterKind {
        name: "finding",
        pattern: findings::phrases_pattern,
        explained: findings::phrases_explained,
    },
];

/// The kind named `name`.
#[must_use]
pub fn parameter_kind(name: &str) -> Option<&'static ParameterKind> {
    PARAMETER_KINDS.iter().find(|kind| kind.name == name)
}

/// Why a step text cannot be turned into a pattern. Step texts are part of this program: a test reads them all.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum StepTextError {
    /// `{` without `}`.
    #[error("the step text \"{0}\" opens a brace that it does not close")]
    OpenBrace(String),
    /// A kind that the table does not have.
    #[error("the step text \"{text}\" uses the unknown parameter kind {{{kind}}}")]
    UnknownKind {
        /// The step text.
        text: String,
        /// The unknown kind.
        kind: String,
    },
}

/// The regular expression of a step text, anchored at both ends, with one capturing group per parameter.
///
/// `mark` becomes an empty named group at the front, by which the dispatcher knows which definition matched.
///
/// # Errors
/// When braces do not pair, or name a kind that does not exist.
pub fn pattern_of(text: &str, mark: &str) -> Result<String, StepTextError> {
    let mut pattern = format!("^(?P<{mark}>)");
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        pattern.push_str(&literal(&rest[..open]));
        let close = rest.find('}').ok_or_else(|| StepTextError::OpenBrace(text.to_owned()))?;
        let name = &rest[open + 1..close];
        let kind = parameter_kind(name)
            .ok_or_else(|| StepTextError::UnknownKind { text: text.to_owned(), kind: name.to_owned() })?;
        pattern.push('(');
        pattern.push_str(&(kind.pattern)());
        pattern.push(')');
        rest = &rest[close + 1..];
    }
    pattern.push_str(&literal(rest));
    pattern.push('$');
    Ok(pattern)
}

/// Plain words as a pattern: `(s)` is an optional s, `(is|are)` a choice, everything else stands for itself.
fn literal(words: &str) -> String {
    let mut pattern = String::new();
    let mut rest = words;
    while let Some(open) = rest.find('(') {
        let Some(length) = rest[open..].find(')') else { break };
        escape_into(&mut pattern, &rest[..open]);
        let inside = &rest[open + 1..open + length];
        pattern.push_str("(?:");
        pattern.push_str(inside);
        pattern.push(')');
        if !inside.contains('|') {
            pattern.push('?');
        }
        rest = &rest[open + length + 1..];
    }
    escape_into(&mut pattern, rest);
    pattern
}

/// Appends `words` so that each character stands for itself.
fn escape_into(pattern: &mut String, words: &str) {
    for character in words.chars() {
        if r"\.+*?()|[]{}^$#&-~".contains(character) {
            pattern.push('\\');
        }
        pattern.push(character);
    }
}

/// The values a step was written with, in order.
#[derive(Debug, Clone)]
pub struct Arguments {
    /// The captured words.
    pub words: Vec<String>,
    /// The text block under the step, if any.
    pub block: Option<String>,
}

impl Arguments {
    /// The words at `index` (quotes of a `{text}` removed).
    ///
    /// # Errors
    /// When the definition asks for more parameters than its text has.
    pub fn word(&self, index: usize) -> Result<&str, String> {
        self.words.get(index).map(|word| word.trim_matches('"')).ok_or_else(|| {
            format!("this step's definition asks for parameter {}, which its text lacks", index + 1)
        })
    }

    /// The whole number at `index`.
    ///
    /// # Errors
    /// When the number is too large to be one of ours.
    pub fn count(&self, index: usize) -> Result<u32, String> {
        let word = self.word(index)?;
        let count: u32 =
            word.parse().map_err(|_| format!("{word} is too large for a count; write at most 100000"))?;
        if count > 100_000 {
            return Err(format!("{word} is too large for a count; write at most 100000"));
        }
        Ok(count)
    }

    /// The text block below the line.
    ///
    /// # Errors
    /// When there is none.
    pub fn block(&self) -> Result<&str, String> {
        self.block.as_deref().ok_or_else(|| "a text block is missing below this line".to_owned())
    }

    /// The duration at `index`.
    ///
    /// # Errors
    /// When it is longer than a year.
    pub fn duration(&self, index: usize) -> Result<Duration, String> {
        parse_duration(self.word(index)?)
    }
}

/// Reads `5 minutes`.
///
/// # Errors
/// When the words are no duration, or one longer than a year.
pub fn parse_duration(words: &str) -> Result<Duration, String> {
    let wrong = || format!("\"{words}\" is not a duration; write a number and a unit, such as 5 minutes");
    let (number, unit) = words.split_once(' ').ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let milliseconds = match unit.trim_end_matches('s') {
        "millisecond" => 1,
        "second" => 1_000,
        "minute" => 60_000,
        "hour" => 3_600_000,
        "day" => 86_400_000,
        _ => return Err(wrong()),
    };
    number
        .checked_mul(milliseconds)
        .filter(|total| *total <= 366 * 86_400_000)
        .map(Duration::from_millis)
        .ok_or_else(|| format!("{words} is longer than a year, the longest a drill may last"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::{Arguments, StepTextError, parse_duration, pattern_of};

    fn captures(text: &str, line: &str) -> Option<Vec<String>> {
        let pattern = cucumber::codegen::Regex::new(&pattern_of(text, "d0").unwrap()).unwrap();
        pattern.captures(line).map(|found| {
            found.iter().skip(2).map(|group| group.map_or(String::new(), |m| m.as_str().to_owned())).collect()
        })
    }

    #[rstest]
    #[case("mgc on the {server} is {condition}", "mgc on the backup mirror is restoring", &["backup mirror", "restoring"])]
    #[case("{count} log backup(s) behind", "1 log backup behind", &["1"])]
    #[case("{count} log backup(s) behind", "2 log backups behind", &["2"])]
    #[case("{duration} pass(es)", "1 hour passes", &["1 hour"])]
    #[case("{count} (is|are) copied", "3 are copied", &["3"])]
    #[case("what? [mgc] costs 1.5 $", "what? [mgc] costs 1.5 $", &[])]
    fn a_step_text_matches_the_lines_an_author_would_write(
        #[case] text: &str,
        #[case] line: &str,
        #[case] expected: &[&str],
    ) {
        assert_eq!(captures(text, line).unwrap(), expected);
    }

    #[rstest]
    #[case("the pool state is {pool-state}", "the pool state is Broken")]
    #[case("{count} log backups", "two log backups")]
    #[case("data center {center} is lost", "data center A is lost today")]
    #[case("costs 1.5", "costs 145")]
    fn a_step_text_does_not_match_other_words(#[case] text: &str, #[case] line: &str) {
        assert_eq!(captures(text, line), None);
    }

    #[test]
    fn a_step_text_with_an_unknown_kind_is_refused() {
        let error = pattern_of("a {colour} server", "d0").unwrap_err();
        assert_eq!(
            error,
            StepTextError::UnknownKind { text: "a {colour} server".into(), kind: "colour".into() }
        );
    }

    #[rstest]
    #[case("1 second", 1)]
    #[case("90 minutes", 5_400)]
    #[case("2 days", 172_800)]
    fn durations_are_read_as_written(#[case] words: &str, #[case] seconds: u64) {
        assert_eq!(parse_duration(words), Ok(Duration::from_secs(seconds)));
    }

    #[rstest]
    #[case("99999999999999999999 minutes")]
    #[case("400 days")]
    fn a_duration_longer_than_a_year_is_refused(#[case] words: &str) {
        assert!(parse_duration(words).is_err());
    }

    #[test]
    fn a_count_beyond_reason_is_refused_rather_than_staged() {
        let arguments = Arguments { words: vec!["4000000000000".into()], block: None };
        assert_eq!(
            arguments.count(0).unwrap_err(),
            "4000000000000 is too large for a count; write at most 100000"
        );
    }
}
