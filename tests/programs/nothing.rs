//! Programs that do nothing: they must come out badly, whatever they claim.

use crate::support::{Folder, Said, firedrill, trial};
use libtest_mimic::{Failed, Trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("a program that does nothing and claims success survives nothing", claims_success),
        trial("a program that does nothing and says so survives only what asks for nothing else", says_so),
        trial("where every drill asks to stop nothing is judged", only_stopping),
        trial("the card is written as JSON too", as_json),
    ]
}

const DRILLS: [&str; 4] =
    ["features/en/data-center-a.feature", "features/en/always.feature", "--tags", "@smoke"];

fn score(folder: &Folder, program: &str, more: &[&str]) -> Result<Said, Failed> {
    Ok(Said::of(&firedrill(folder).args(["score", "--failover", program]).args(more).output()?))
}

fn claims_success(folder: &Folder) -> Result<(), Failed> {
    let said = score(folder, "true", &DRILLS)?;
    said.expect(1, &["0 of 4 drills survived\n", "  success claimed that is none in 4 drills\n"])?;
    said.expect_not(&["data lost", "two writable copies"])
}

fn says_so(folder: &Folder) -> Result<(), Failed> {
    let said = score(folder, "false", &DRILLS)?;
    said.expect(
        1,
        &[
            "survived, stopping  :9    The primary is still alive",
            "1 of 4 drills survived, 1 of them by stopping",
            "it carried out no failover",
        ],
    )?;
    said.expect_not(&["success claimed"])
}

fn only_stopping(folder: &Folder) -> Result<(), Failed> {
    let drill = include_str!("../../features/en/data-center-a.feature");
    let one = drill.split("\n  Scenario: The mirror is still alive").next().unwrap_or_default();
    std::fs::write(folder.path("stopping.feature"), one)?;
    let feature = folder.path("stopping.feature").display().to_string();
    score(folder, "false", &[&feature])?.expect(3, &["1 of 1 drills survived, 1 of them by stopping"])
}

fn as_json(folder: &Folder) -> Result<(), Failed> {
    let file = folder.path("card.json");
    let (feature, shown) = (folder.feature().display().to_string(), file.display().to_string());
    score(folder, "true", &[&feature, "--json", &shown])?.expect(1, &[])?;
    let card: serde_json::Value = serde_json::from_slice(&std::fs::read(&file)?)?;
    let found =
        (&card["schema"], &card["program"], &card["totals"]["not_survived"], &card["drills"][0]["harm"][0]);
    let wanted = ("firedrill-score", "true", 1, "false-success");
    match found == (&wanted.0.into(), &wanted.1.into(), &wanted.2.into(), &wanted.3.into()) {
        true => Ok(()),
        false => Err(format!("{found:?}").into()),
    }
}
