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
    when("the {server} hangs", "It keeps its connections and answers nothing.", |drill, arguments| {
        let server = server(arguments, 0)?;
        drill.hang(server)
    }),
    when("the {server} goes on", "After it hung.", |drill, arguments| {
        let server = server(arguments, 0)?;
        match drill.act(|estate| estate.go_on(server))? {
            true => Ok(()),
            false => Err(format!("the {server} does not hang: nothing changes")),
        }
    }),
    when("the {server} is shut down", "In good order, by an administrator.", |drill, arguments| {
        let server = server(arguments, 0)?;
        drill.shut_down(server)
    }),
    when(
        "data center {center} is restarted",
        "Every machine that runs loses power and gets it back.",
        |drill, arguments| {
            let center = center(arguments, 0)?;
            match drill.act(|estate| estate.restart(center))? {
                0 => Err(format!("nothing runs in data center {center}: nothing changes")),
                _ => Ok(()),
            }
        },
    ),
    when(
        "the link between the {place} and the {place} is cut",
        "Both ways; nothing is reset.",
        |drill, arguments| {
            let (from, to) = two_places(arguments)?;
            drill.act(|estate| estate.sever(&from, &to))
        },
    ),
    when("the link from the {place} to the {place} is cut", "This way only.", |drill, arguments| {
        let (from, to) = two_places(arguments)?;
        drill.act(|estate| estate.sever_one_way(&from, &to))
    }),
    when("the link between the {place} and the {place} is repaired", "Both ways.", |drill, arguments| {
        let (from, to) = two_places(arguments)?;
        drill.act(|estate| estate.repair(&from, &to))
    }),
    when(
        "the link between the {place} and the {place} is slowed down by {duration}",
        "Every byte arrives so much later, each way.",
        |drill, arguments| {
            let ((from, to), by) = (two_places(arguments)?, arguments.duration(2)?);
            if by.is_zero() {
                return Err(
                    "a link that is slowed down by nothing is as fast as before: leave this line out"
                        .to_owned(),
                );
            }
            drill.act(|estate| estate.delay(&from, &to, by))
        },
    ),
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

/// Two places of one line, between which there is a link.
fn two_places(arguments: &Arguments) -> Result<(Place, Place), String> {
    let place = |at: usize| -> Result<Place, String> {
        Ok(match arguments.word(at)? {
            "operator" => Place::Operator,
            "backup share" => Place::BackupShare,
            _ => Place::Server(server(arguments, at)?),
        })
    };
    let (from, to) = (place(0)?, place(1)?);
    if from == to {
        return Err(format!("there is no link from {from} to itself"));
    }
    Ok((from, to))
}
