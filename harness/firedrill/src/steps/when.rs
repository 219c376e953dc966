//! `When`: what happens.

use super::drill::Drill;
use super::given::{center, server};
use super::parameter::Arguments;
use super::{Definition, Kind, StepResult};
use crate::estate::Place;

const fn when(
    text: &'static str,
    about: &'static str,
    run: fn(&mut Drill, &Arguments) -> StepResult,
) -> Definition {
    Definition { kind: Kind::When, text, about, run }
}

/// Everything that can happen.
pub(super) const WHEN: &[Definition] = &[
    when("data center {center} is lost", "Power and links, all at once.", |drill, arguments| {
        let place = Place::DataCenter(center(arguments, 0)?);
        drill.lose(place)
    }),
    when("data center {center} comes back", "", |drill, arguments| {
        let place = Place::DataCenter(center(arguments, 0)?);
        drill.act(|estate| estate.bring_back(place))
    }),
    when("the {server} is lost", "Its machine loses power.", |drill, arguments| {
        let place = Place::Server(server(arguments, 0)?);
        drill.lose(place)
    }),
    when("the {server} comes back", "", |drill, arguments| {
        let place = Place::Server(server(arguments, 0)?);
        drill.act(|estate| estate.bring_back(place))
    }),
    when("the backup share is lost", "", |drill, _| drill.lose(Place::BackupShare)),
    when("the backup share comes back", "", |drill, _| {
        drill.share_repaired();
        drill.act(|estate| estate.bring_back(Place::BackupShare))
    }),
    when("{duration} pass(es)", "Simulated time; jobs run, chat servers post.", |drill, arguments| {
        let duration = arguments.duration(0)?;
        drill.act(|estate| estate.run_for(duration))
    }),
    when("the chat service posts {count} more messages over {duration}", "", |drill, arguments| {
        let (messages, over) = (arguments.count(0)?, arguments.duration(1)?);
        drill.act(|estate| estate.post_messages(messages, over)).map(|_| ())
    }),
    when("the operator fails over to the backup", "Starts the failover program.", |drill, _| {
        drill.fail_over("run", false)
    }),
    when("the operator fails over again", "", |drill, _| drill.fail_over("run", false)),
    when("the operator fails over again and accepts data loss", "", |drill, _| drill.fail_over("run", true)),
    when("the operator fails over to the backup and accepts data loss", "", |drill, _| {
        drill.fail_over("run", true)
    }),
    when("the operator resumes the failover", "", |drill, _| drill.fail_over("resume", false)),
    when("the operator resumes the failover and accepts data loss", "", |drill, _| {
        drill.fail_over("resume", true)
    }),
    when(
        "the operator asks what stands in the way",
        "The program's preflight: it changes nothing.",
        |drill, _| drill.fail_over("preflight", false),
    ),
    when(
        "the operator enters in the management shell",
        "The text block below the line. A Then has to look at an error.",
        |drill, arguments| {
            let script =
                arguments.block.clone().ok_or_else(|| "a text block between \"\"\" is missing".to_owned())?;
            let output = drill.act(|estate| estate.by_hand_shell(&script))?;
            drill.answered(output.exit_code, format!("{}{}", output.stdout, output.stderr));
            Ok(())
        },
    ),
    when(
        "the operator runs on the {server}",
        "A T-SQL batch, the text block below the line, in master. A Then has to look at an error.",
        |drill, arguments| {
            let batch =
                arguments.block.clone().ok_or_else(|| "a text block between \"\"\" is missing".to_owned())?;
            let server = server(arguments, 0)?;
            let answer = drill.act(|estate| estate.by_hand_sql(server, "master", &batch))?;
            match answer {
                Ok(()) => drill.answered(0, String::new()),
                Err(error) => drill.answered(1, error),
            }
            Ok(())
        },
    ),
];
