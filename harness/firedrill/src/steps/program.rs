//! `Given`: the failover program itself: when it dies, and how it may be wrong.

use super::drill::Drill;
use super::given::{place_in_order, step};
use super::parameter::Arguments;
use super::{Definition, Kind, StepResult};
use crate::estate::{Arrangement, Server};
use crate::fault::{Fault, Point};
use crate::red::{Wrong, named};

const fn given(
    text: &'static str,
    about: &'static str,
    run: fn(&mut Drill, &Arguments) -> StepResult,
) -> Definition {
    Definition::new(Kind::Given, text, about, run)
}

/// Kills, cuts, and wrong implementations.
pub(super) const PROGRAM: &[Definition] = &[
    given(
        "the failover program will be killed when step {step} begins",
        "It has asked; nothing has been done yet.",
        |drill, arguments| {
            drill.arrange(Arrangement::At(Point::beginning_of(step(arguments, 0)?), Fault::KillFailover))
        },
    ),
    given(
        "the failover program will be killed when step {step} has run",
        "It has been done; the answer never arrives.",
        |drill, arguments| {
            drill.arrange(Arrangement::At(Point::end_of(step(arguments, 0)?), Fault::KillFailover))
        },
    ),
    given(
        "the failover program will be killed while it copies log backup {count}",
        "",
        |drill, arguments| {
            drill.arrange(Arrangement::At(Point::copying(place_in_order(arguments, 0)?), Fault::KillFailover))
        },
    ),
    given(
        "the failover program will be killed while it restores log backup {count}",
        "",
        |drill, arguments| {
            drill.arrange(Arrangement::At(
                Point::restoring(place_in_order(arguments, 0)?),
                Fault::KillFailover,
            ))
        },
    ),
    given(
        "the failover program will be killed at moment {count}",
        "Moments are counted from 1 over all steps: before and after each statement, copied file and cmdlet that changes \
         something.",
        |drill, arguments| match usize::try_from(arguments.count(0)?) {
            Ok(0) => Err("moments are counted from 1".to_owned()),
            Ok(moment) => drill.arrange(Arrangement::At(Point::Moment { moment }, Fault::KillFailover)),
            Err(error) => Err(error.to_string()),
        },
    ),
    given(
        "the failover program's connections will be cut while it restores log backup {count}",
        "",
        |drill, arguments| {
            drill.arrange(Arrangement::At(
                Point::restoring(place_in_order(arguments, 0)?),
                Fault::CutFailoverConnections,
            ))
        },
    ),
    given("the backup share will be lost when step {step} begins", "", |drill, arguments| {
        drill.arrange(Arrangement::At(Point::beginning_of(step(arguments, 0)?), Fault::LoseShare))
    }),
    given(
        "a failover program that leaves out step {step}",
        "A wrong implementation, for drills that must fail: one that passes is vacuous.",
        |drill, arguments| wrong(drill, Wrong::DropStep(step(arguments, 0)?.number())),
    ),
    given("a failover program that does step {step} one step too early", "", |drill, arguments| {
        wrong(drill, Wrong::SwapWithPrevious(step(arguments, 0)?.number()))
    }),
    given(
        "a failover program without the guard {text}",
        "By its name in the plan: \"primary-is-gone\".",
        |drill, arguments| {
            let name = arguments.word(0)?;
            let guard = named(name).ok_or_else(|| format!("the plan knows no guard called {name}"))?;
            wrong(drill, Wrong::RemoveGuard(guard))
        },
    ),
    given(
        "a failover program without the action {text}",
        "By its name in the plan: \"bring-online\".",
        |drill, arguments| {
            let name = arguments.word(0)?;
            let action = named(name).ok_or_else(|| format!("the plan knows no action called {name}"))?;
            wrong(drill, Wrong::DropAction(action))
        },
    ),
    given(
        "a failover program without the verification {text}",
        "By its name in the plan: \"database-online\".",
        |drill, arguments| {
            let name = arguments.word(0)?;
            let verification =
                named(name).ok_or_else(|| format!("the plan knows no verification called {name}"))?;
            wrong(drill, Wrong::SkipVerification(verification))
        },
    ),
    given("a failover program that reports success after step {step}", "", |drill, arguments| {
        wrong(drill, Wrong::ReportSuccessAfter(step(arguments, 0)?.number()))
    }),
    given("a failover program that does not say what may be lost", "", |drill, _| {
        wrong(drill, Wrong::HideBound)
    }),
    given("a failover program that empties mgccomp", "", |drill, _| {
        let batch = "DELETE FROM dbo.tblComplianceData";
        wrong(drill, Wrong::Meddle { server: Server::Backup, database: "mgccomp", batch })
    }),
];

fn wrong(drill: &mut Drill, wrong: Wrong) -> StepResult {
    if !drill.attempts.is_empty() {
        return Err(
            "this line has to come before the failover: the program has been started already".to_owned()
        );
    }
    if wrong == Wrong::SwapWithPrevious(1) {
        return Err("step 1 is the first: there is no step before it to change places with".to_owned());
    }
    if wrong == Wrong::ReportSuccessAfter(7) {
        return Err(
            "step 7 is the last: a program that reports success after it leaves nothing out".to_owned()
        );
    }
    let wrongs = &mut drill.wrong.get_or_insert_default().wrongs;
    if wrongs.contains(&wrong) {
        return Err("this was said already: a program cannot be wrong in the same way twice".to_owned());
    }
    wrongs.push(wrong);
    Ok(())
}
