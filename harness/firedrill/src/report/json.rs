//! The JSON report.

use super::RunReport;

/// The report as indented JSON with a final line feed. Fields keep the order of the model.
///
/// # Errors
/// Never for this model; the serializer's error is passed on.
pub fn render(report: &RunReport) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use crate::report::{RunReport, tests::a_drill};
    use crate::verdict::Verdict;

    #[test]
    fn the_json_report_names_its_schema_and_version_first() {
        let text =
            super::render(&RunReport::of(crate::report::tests::sim(), 7, vec![a_drill(Verdict::Passed)]))
                .unwrap();
        assert!(text.starts_with("{\n  \"schema\": \"firedrill-report\",\n  \"version\": 1,\n"), "{text}");
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["drills"][0]["lost"]["ranges"][0]["first"], 236);
        assert_eq!(read["counts"]["passed"], 1);
    }
}
