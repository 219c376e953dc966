//! The drill book: finds feature files, reads them, and makes one list of drills of them.
//!
//! Everything that can be wrong with a file is found here, before anything is staged, and named with file and line.
//! Nothing is skipped in silence: what cannot be read stops the run.

use std::ops::Range;
use std::path::{Path, PathBuf};

use cucumber::feature::Ext as _;
use cucumber::gherkin::{EnvError, Feature, GherkinEnv, ParseFileError, tagexpr::TagOperation};
use cucumber::tag::Ext as _;

/// Where `firedrill run` looks when no path is given.
const DEFAULT_FOLDERS: [&str; 2] = ["features/en", "features/ko"];

/// The most scenarios one file may hold: the runner's matching grows with the square of it.
pub const MOST_SCENARIOS_IN_A_FILE: usize = 200;

/// The most rows one outline may have.
pub const MOST_ROWS_IN_AN_OUTLINE: usize = 100;

/// The most folders below one another that are searched.
const DEEPEST_FOLDER: usize = 16;

/// Why the drill book cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// A path that is not there.
    #[error(
        "{path}: no such file or folder; nothing was run. Name a .feature file or a folder that holds some"
    )]
    Missing {
        /// The path as given.
        path: String,
    },
    /// Neither default folder is there.
    #[error(
        "there is no features/en here; nothing was run. Run from the project's folder, or name the features to run"
    )]
    NoBook,
    /// A file that is no feature file.
    #[error("{path}: not a feature file; nothing was run. Feature files end in .feature")]
    NotAFeature {
        /// The path as given.
        path: String,
    },
    /// A folder without feature files.
    #[error("{path}: no .feature file in it; nothing was run. Name a folder that holds some, or a file")]
    NoFeatureIn {
        /// The folder as given.
        path: String,
    },
    /// Folders below folders without an end in sight.
    #[error("{path}: lies more than {DEEPEST_FOLDER} folders deep; nothing was run. Name it by itself")]
    TooDeep {
        /// The folder that was not searched.
        path: String,
    },
    /// A feature, or an outline in it, of which no drill comes.
    #[error("{path}: {what}: no drill comes of it; nothing was run. {advice}")]
    NoScenario {
        /// The file, with a line where there is one.
        path: String,
        /// What has none.
        what: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// A file that cannot be read.
    #[error(
        "{path}: cannot be read ({source}); nothing was run. Check its permissions and that it is UTF-8 text"
    )]
    Unreadable {
        /// The file.
        path: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file that is not Gherkin.
    #[error(
        "{path}:{line}:{column}: not Gherkin: {reason}; nothing was run. Correct this line and run again"
    )]
    NotGherkin {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What was expected there.
        reason: String,
    },
    /// An outline that uses a column its examples lack.
    #[error(
        "{path}:{line}: no column <{name}> in the examples; nothing was run. Add the column or correct the name"
    )]
    NoSuchColumn {
        /// The file.
        path: String,
        /// The line of the step.
        line: usize,
        /// The missing column.
        name: String,
    },
    /// More scenarios or rows than the runner takes in reasonable time.
    #[error("{path}: {count} {what}, and at most {most} are allowed; nothing was run. Split it")]
    TooMany {
        /// The file, with a line where there is one.
        path: String,
        /// How many there are.
        count: usize,
        /// What there are too many of.
        what: &'static str,
        /// How many there may be.
        most: usize,
    },
    /// A tag expression that cannot be read.
    #[error(
        "--tags {expression:?}: not a tag expression: {reason}; nothing was run. Write for example '@smoke and not @slow'"
    )]
    Tags {
        /// The expression as given.
        expression: String,
        /// Where it goes wrong.
        reason: String,
    },
}

/// Which part of the selected drills this run takes: `I/N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 1 to `of`.
    pub index: usize,
    /// How many parts there are.
    pub of: usize,
}

impl std::str::FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not I/N with 1 <= I <= N, such as 1/4");
        let (index, of) = text.split_once('/').ok_or_else(wrong)?;
        let (index, of) = (index.parse().map_err(|_| wrong())?, of.parse().map_err(|_| wrong())?);
        if index == 0 || index > of { Err(wrong()) } else { Ok(Self { index, of }) }
    }
}

/// The features to run, outlines expanded, in a fixed order.
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// The features, each with its path set.
    pub features: Vec<Feature>,
}

impl Book {
    /// Reads all feature files at `paths` (the default folders when empty).
    ///
    /// # Errors
    /// The first thing wrong with a path or a file.
    pub fn read(paths: &[PathBuf]) -> Result<Self, BookError> {
        let mut features = Vec::new();
        for path in feature_files(paths)? {
            features.push(read_feature(&path)?);
        }
        Ok(Self { features })
    }

    /// Keeps the scenarios whose tags (the feature's and rule's included) satisfy `expression`.
    ///
    /// # Errors
    /// When the expression cannot be read.
    pub fn keep_tagged(&mut self, expression: &str) -> Result<(), BookError> {
        let tags: TagOperation =
            expression.trim().parse().map_err(|error: <TagOperation as std::str::FromStr>::Err| {
                BookError::Tags {
                    expression: expression.to_owned(),
                    reason: format!("column {}", error.location.column),
                }
            })?;
        self.keep(|feature_tags, scenario| tags.eval(feature_tags.iter().chain(&scenario.tags)));
        Ok(())
    }

    /// Keeps every N-th scenario, counted over the whole book.
    pub fn keep_shard(&mut self, shard: Shard) {
        let mut ordinal = 0;
        self.keep(|_, _| {
            ordinal += 1;
            (ordinal - 1) % shard.of == shard.index - 1
        });
    }

    /// Keeps the scenarios with these ordinals, counted from 0 over the whole book.
    pub(super) fn keep_range(&mut self, range: Range<usize>) {
        let mut ordinals = 0..;
        self.keep(|_, _| ordinals.next().is_some_and(|ordinal| range.contains(&ordinal)));
    }

    /// How many scenarios there are.
    #[must_use]
    pub fn scenarios(&self) -> usize {
        self.features.iter().map(cucumber::feature::Ext::count_scenarios).sum()
    }

    /// File and line of each scenario, in the order in which they are run.
    pub(super) fn places(&self) -> Vec<(String, usize)> {
        let places = self.features.iter().flat_map(|feature| {
            let file = feature.path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
            let of_rules = feature.rules.iter().flat_map(|rule| &rule.scenarios);
            let scenarios = feature.scenarios.iter().chain(of_rules);
            scenarios.map(move |scenario| (file.clone(), scenario.position.line))
        });
        places.collect()
    }

    fn keep(&mut self, mut wanted: impl FnMut(&[String], &cucumber::gherkin::Scenario) -> bool) {
        for feature in &mut self.features {
            let tags = feature.tags.clone();
            feature.scenarios.retain(|scenario| wanted(&tags, scenario));
            for rule in &mut feature.rules {
                let tags: Vec<String> = tags.iter().chain(&rule.tags).cloned().collect();
                rule.scenarios.retain(|scenario| wanted(&tags, scenario));
            }
            feature.rules.retain(|rule| !rule.scenarios.is_empty());
        }
        self.features.retain(|feature| feature.count_scenarios() > 0);
    }
}

/// All feature files at `paths`, each folder's in order of name.
fn feature_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, BookError> {
    let mut found = Vec::new();
    if paths.is_empty() {
        let present: Vec<&Path> =
            DEFAULT_FOLDERS.iter().map(Path::new).filter(|folder| folder.is_dir()).collect();
        if present.is_empty() {
            return Err(BookError::NoBook);
        }
        for folder in present {
            search_some(folder, &mut found)?;
        }
        return Ok(found);
    }
    for path in paths {
        if path.is_dir() {
            search_some(path, &mut found)?;
        } else if !path.exists() {
            return Err(BookError::Missing { path: path.display().to_string() });
        } else if is_feature(path) {
            found.push(path.clone());
        } else {
            return Err(BookError::NotAFeature { path: path.display().to_string() });
        }
    }
    // One file may be named in several ways, and is still one.
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|path| seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())));
    Ok(found)
}

/// Searches a folder that has to hold some feature file.
fn search_some(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), BookError> {
    let before = found.len();
    search(folder, DEEPEST_FOLDER, found)?;
    match found.len() > before {
        true => Ok(()),
        false => Err(BookError::NoFeatureIn { path: folder.display().to_string() }),
    }
}

fn is_feature(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("feature"))
}

fn search(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), BookError> {
    let unreadable = |source| BookError::Unreadable { path: folder.display().to_string(), source };
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        entries.push(entry.map_err(unreadable)?.path());
    }
    entries.sort();
    for path in entries {
        if path.is_dir() {
            if depth == 0 {
                return Err(BookError::TooDeep { path: path.display().to_string() });
            }
            search(&path, depth - 1, found)?;
        } else if is_feature(&path) {
            found.push(path);
        }
    }
    Ok(())
}

/// Reads one feature file and expands its outlines.
fn read_feature(path: &Path) -> Result<Feature, BookError> {
    let shown = path.display().to_string();
    let feature = Feature::parse_path(path, GherkinEnv::default())
        .map_err(|error| explain_parse_error(&shown, error))?;
    refuse_excess(&shown, &feature)?;
    refuse_nothing(&shown, &feature)?;
    let feature = feature.expand_examples().map_err(|error| BookError::NoSuchColumn {
        path: shown.clone(),
        line: error.pos.line,
        name: error.name,
    })?;
    let count = feature.count_scenarios();
    if count > MOST_SCENARIOS_IN_A_FILE {
        return Err(BookError::TooMany {
            path: shown,
            count,
            what: "scenarios",
            most: MOST_SCENARIOS_IN_A_FILE,
        });
    }
    Ok(feature)
}

/// Refuses what no drill would come of: it would be missing from the run without a word.
fn refuse_nothing(path: &str, feature: &Feature) -> Result<(), BookError> {
    let nothing = |line: Option<usize>, what, advice| {
        let path = line.map_or_else(|| path.to_owned(), |line| format!("{path}:{line}"));
        Err(BookError::NoScenario { path, what, advice })
    };
    let of_rules = feature.rules.iter().flat_map(|rule| &rule.scenarios);
    let mut scenarios = feature.scenarios.iter().chain(of_rules).peekable();
    if scenarios.peek().is_none() {
        return nothing(None, "a feature without a scenario", "Write one, or remove the file");
    }
    for scenario in scenarios {
        let line = Some(scenario.position.line);
        let rows_of = |table: &cucumber::gherkin::Table| table.rows.len().saturating_sub(1);
        let is_empty =
            |examples: &cucumber::gherkin::Examples| examples.table.as_ref().is_none_or(|t| rows_of(t) == 0);
        if scenario.examples.iter().any(is_empty) {
            return nothing(line, "examples without a row", "Add a row below the names of the columns");
        }
    }
    Ok(())
}

/// Refuses outlines with more rows than are reasonable, before they are expanded.
fn refuse_excess(path: &str, feature: &Feature) -> Result<(), BookError> {
    let scenarios = feature.scenarios.iter().chain(feature.rules.iter().flat_map(|rule| &rule.scenarios));
    for scenario in scenarios {
        let rows: usize = scenario
            .examples
            .iter()
            .filter_map(|examples| examples.table.as_ref())
            .map(|table| table.rows.len().saturating_sub(1))
            .sum();
        if rows > MOST_ROWS_IN_AN_OUTLINE {
            return Err(BookError::TooMany {
                path: format!("{path}:{}", scenario.position.line),
                count: rows,
                what: "rows of examples",
                most: MOST_ROWS_IN_AN_OUTLINE,
            });
        }
    }
    Ok(())
}

/// Turns the parser's error into one line. The parser keeps its position to itself and lists what it expected in
/// no fixed order, so both are read back from its text.
fn explain_parse_error(path: &str, error: ParseFileError) -> BookError {
    match error {
        ParseFileError::Reading { source, .. } => BookError::Unreadable { path: path.to_owned(), source },
        ParseFileError::Parsing { error, source, .. } => {
            let text = source.to_string();
            let place = text.strip_prefix("Error at ").unwrap_or(&text);
            let mut parts = place.splitn(3, ':');
            let mut number = || parts.next().and_then(|part| part.trim().parse().ok()).unwrap_or(1);
            let (line, column) = (number(), number());
            let (line, column, reason) = match error {
                Some(EnvError::UnknownKeyword(keyword)) => unknown_keyword(path, &keyword, (line, column)),
                Some(error) => (line, column, error.to_string().trim_end_matches('.').to_owned()),
                None => (line, column, expected_here(parts.next().unwrap_or_default())),
            };
            BookError::NotGherkin { path: path.to_owned(), line, column, reason }
        }
    }
}

/// The parser stops at the line after the one that it does not understand, and knows how that one begins.
fn unknown_keyword(path: &str, keyword: &str, stopped: (usize, usize)) -> (usize, usize, String) {
    if keyword.starts_with('\u{feff}') {
        return (1, 1, "the file begins with a byte order mark; save it as UTF-8 without one".to_owned());
    }
    let text = std::fs::read_to_string(path).unwrap_or_default();
    if let Some(block) = text_block(&text, keyword) {
        return block;
    }
    let found = text.lines().zip(1..).find(|(line, _)| line.trim_start().starts_with(keyword));
    match found {
        Some((line, number)) => {
            let column = 1 + line.len() - line.trim_start().len();
            (number, column, format!("\"{}\" begins with no keyword", line.trim()))
        }
        None => (stopped.0, stopped.1, format!("unknown keyword {keyword:?}")),
    }
}

/// What is wrong with a text block that the parser stumbles over: it names the block's first line as if it were a keyword.
fn text_block(text: &str, keyword: &str) -> Option<(usize, usize, String)> {
    let mark = ["\"\"\"", "```"].into_iter().find(|mark| keyword.starts_with(mark))?;
    let mut open = None;
    for (line, number) in text.lines().zip(1..) {
        let Some(rest) = line.trim_start().strip_prefix(mark) else { continue };
        let column = 1 + line.len() - line.trim_start().len();
        open = match open {
            Some(_) => None,
            None if !rest.trim().is_empty() => {
                let reason = format!("a text block begins with a line of {mark} alone");
                return Some((number, column, reason));
            }
            None => Some((number, column)),
        };
    }
    let (number, column) = open?;
    Some((number, column, format!("this text block is never closed; a line of {mark} has to end it")))
}

/// `{"a", "b"}` in a fixed order and as words.
fn expected_here(listed: &str) -> String {
    let is_word =
        |one: &&str| one.chars().any(char::is_alphabetic) && !one.contains("match") && !one.contains('\\');
    let mut expected: Vec<&str> = listed.split('"').skip(1).step_by(2).filter(is_word).collect();
    expected.sort_unstable();
    expected.dedup();
    if expected.is_empty() {
        "a keyword is missing or misspelt".to_owned()
    } else {
        format!("expected {}", expected.join(" or "))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rstest::rstest;

    use super::{Book, BookError, Shard};

    /// A folder of its own for one test, removed afterwards.
    struct Folder(PathBuf);

    impl Folder {
        fn with(name: &str, files: &[(&str, &str)]) -> Self {
            let folder = std::env::temp_dir().join(format!("firedrill-book-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&folder).unwrap();
            for (file, text) in files {
                std::fs::write(folder.join(file), text).unwrap();
            }
            Self(folder)
        }

        fn read(&self) -> Result<Book, String> {
            Book::read(std::slice::from_ref(&self.0))
                .map_err(|error| error.to_string().replace(&self.0.display().to_string(), "FOLDER"))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    const TWO: &str = "@a\nFeature: F\n  @b\n  Scenario: one\n    Then x\n  Scenario Outline: two <n>\n    Then <n>\n    Examples:\n      | n |\n      | 1 |\n      | 2 |\n";

    #[test]
    fn outlines_are_expanded_and_counted() {
        let folder = Folder::with("expanded", &[("f.feature", TWO)]);
        assert_eq!(folder.read().unwrap().scenarios(), 3);
    }

    #[rstest]
    #[case("@a", 3)]
    #[case("@b", 1)]
    #[case("@a and not @b", 2)]
    #[case("@none", 0)]
    fn tags_of_feature_and_scenario_select(#[case] expression: &str, #[case] kept: usize) {
        let folder = Folder::with(&format!("tags{kept}"), &[("f.feature", TWO)]);
        let mut book = folder.read().unwrap();
        book.keep_tagged(expression).unwrap();
        assert_eq!(book.scenarios(), kept);
    }

    #[test]
    fn a_broken_tag_expression_is_an_error_not_an_empty_selection() {
        let error = Book::default().keep_tagged("@a and").unwrap_err();
        insta::assert_snapshot!(error, @r#"--tags "@a and": not a tag expression: column 7; nothing was run. Write for example '@smoke and not @slow'"#);
    }

    #[test]
    fn shards_cover_the_book_without_overlap() {
        let folder = Folder::with("shards", &[("f.feature", TWO)]);
        let sizes: Vec<usize> = (1..=2)
            .map(|index| {
                let mut book = folder.read().unwrap();
                book.keep_shard(Shard { index, of: 2 });
                book.scenarios()
            })
            .collect();
        assert_eq!(sizes, [2, 1]);
    }

    #[rstest]
    #[case("0/2")]
    #[case("3/2")]
    #[case("1")]
    #[case("a/b")]
    fn a_shard_outside_its_range_is_refused(#[case] text: &str) {
        assert!(text.parse::<Shard>().is_err());
    }

    #[test]
    fn a_missing_path_is_an_error() {
        let error = Book::read(&[PathBuf::from("no/such.feature")]).unwrap_err();
        assert!(matches!(error, BookError::Missing { .. }));
    }

    #[test]
    fn text_that_is_not_gherkin_is_named_with_its_line() {
        let folder = Folder::with(
            "broken",
            &[("f.feature", "Feature: F\n  Scenario: s\n    Then x\n    Whatever y\n")],
        );
        insta::assert_snapshot!(folder.read().unwrap_err(), @r#"FOLDER/f.feature:4:5: not Gherkin: "Whatever y" begins with no keyword; nothing was run. Correct this line and run again"#);
    }

    #[test]
    fn a_column_that_the_examples_lack_is_named() {
        let text =
            "Feature: F\n  Scenario Outline: s\n    Then <m>\n    Examples:\n      | n |\n      | 1 |\n";
        let folder = Folder::with("column", &[("f.feature", text)]);
        insta::assert_snapshot!(folder.read().unwrap_err(), @"FOLDER/f.feature:3: no column <m> in the examples; nothing was run. Add the column or correct the name");
    }

    #[test]
    fn an_outline_with_more_than_a_hundred_rows_is_refused() {
        let mut text =
            String::from("Feature: F\n  Scenario Outline: s\n    Then <n>\n    Examples:\n      | n |\n");
        for row in 0..101 {
            text.push_str(&format!("      | {row} |\n"));
        }
        let folder = Folder::with("rows", &[("f.feature", &text)]);
        insta::assert_snapshot!(folder.read().unwrap_err(), @"FOLDER/f.feature:2: 101 rows of examples, and at most 100 are allowed; nothing was run. Split it");
    }
}
