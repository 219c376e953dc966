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
    Definition::new(Kind::When, text, about, run)
}

/// Everything that can happen.
pub(super) const WHEN: &[Definition] = &[
    when("data center {center} is lost", "Power and links, all at once.", |drill, arguments| {
        let place = Place::DataCenter(center(arguments, 0)?);
        drill.lose(place)
    }),
    when("data center {center} comes back", "", |drill, arguments| {
        drill.bring_back(Place::DataCenter(center(arguments, 0)?))
    }),
    when("the {server} is lost", "Its machine loses power.", |drill, arguments| {
        let place = Place::Server(server(arguments, 0)?);
        drill.lose(place)
    }),
    when("the {server} comes back", "", |drill, arguments| {
        drill.bring_back(Place::Server(server(arguments, 0)?))
    }),
    when("the backup share is lost", "", |drill, _| drill.lose(Place::BackupShare)),
    when("the backup share comes back", "", |drill, _| drill.bring_back(Place::BackupShare)),
    when("{duration} pass(es)", "Simulated time; jobs run, chat servers post.", |drill, arguments| {
        let duration = arguments.duration(0)?;
        drill.act(|estate| estate.run_for(duration))
    }),
    when("the chat service posts {count} more messages over {duration}", "", |drill, arguments| {
        let (messages, over) = (arguments.count(0)?, arguments.duration(1)?);
        if messages == 0 {
            return Err("0 messages are none: leave this line out".to_owned());
        }
        drill.act(|estate| estate.post_messages(messages, over))
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
            let script = arguments.block()?;
            let output = drill.act(|estate| estate.by_hand_shell(script))?;
            // A cmdlet may complain and the shell go on: that is an error too, whatever the exit code.
            let is_refused = output.exit_code != 0 || !output.stderr.trim().is_empty();
            drill.answered(is_refused, format!("{}{}", output.stdout, output.stderr));
            Ok(())
        },
    )
    .with_block(),
    when(
        "the operator runs on the {server}",
        "A T-SQL batch, the text block below the line, in master. A Then has to look at an error.",
        |drill, arguments| {
            let (batch, server) = (arguments.block()?, server(arguments, 0)?);
            let answer = drill.act(|estate| estate.by_hand_sql(server, "master", batch))?;
            match answer {
                Ok(()) => drill.answered(false, String::new()),
                Err(error) => drill.answered(true, error),
            }
            Ok(())
        },
    )
    .with_block(),
];
