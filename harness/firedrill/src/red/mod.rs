//! Wrong implementations: what a failover program must not be, made from the right one.
//!
//! A plan is data, so most wrong implementations are transformations of it: a step dropped, neighbours swapped, a
//! guard removed, a verification skipped, success reported early. Two kinds of wrong lie outside the plan: a report
//! that says something else than what was done, and a hand that touches what it must leave alone.

pub mod table;

use std::rc::Rc;

use failover::plan::{Action, Guard, Plan, Verification};

use crate::estate::{PlanTransformation, Server};

/// One wrong done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// Leaves out a step.
    DropStep(u8),
    /// Does a step before the one that precedes it.
    SwapWithPrevious(u8),
    /// Leaves out an action.
    DropAction(Action),
    /// Removes a guard, wherever it stands.
    RemoveGuard(Guard),
    /// Skips a verification, wherever it stands.
    SkipVerification(Verification),
    /// Reports success after this step.
    ReportSuccessAfter(u8),
    /// Says nothing about what may be lost.
    HideBound,
    /// Reports a bound this many minutes later than it is.
    BoundLaterByMinutes(i64),
    /// Says nothing of what it found.
    KeepSilent,
    /// Runs a batch on a server that the procedure does not contain.
    Meddle {
        /// Where.
        server: Server,
        /// In which database.
        database: &'static str,
        /// What.
        batch: &'static str,
    },
}

/// A failover program with some wrongs in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WrongImplementation {
    /// The wrongs, done together.
    pub wrongs: Vec<Wrong>,
}

impl WrongImplementation {
    /// One with these wrongs.
    #[must_use]
    pub fn of(wrongs: &[Wrong]) -> Self {
        Self { wrongs: wrongs.to_vec() }
    }

    /// How it changes a plan; none when it leaves the plan alone.
    #[must_use]
    pub fn plan_transformation(&self) -> Option<PlanTransformation> {
        let wrongs = self.wrongs.clone();
        wrongs.iter().any(Wrong::changes_the_plan).then(|| -> PlanTransformation {
            Rc::new(move |mut plan: Plan| {
                for wrong in &wrongs {
                    wrong.apply_to(&mut plan);
                }
                plan
            })
        })
    }

    /// Makes the program's report say what this implementation would say.
    pub fn rewrite_report(&self, report: &mut serde_json::Value) {
        for wrong in &self.wrongs {
            match wrong {
                Wrong::HideBound => {
                    if let Some(report) = report.as_object_mut() {
                        report.insert("bound".to_owned(), serde_json::json!({}));
                    }
                }
                Wrong::BoundLaterByMinutes(minutes) => {
                    for key in ["backup_start_utc", "backup_finish_utc"] {
                        let Some(value) = report.pointer_mut(&format!("/bound/{key}")) else { continue };
                        let moved = value
                            .as_str()
                            .and_then(|text| text.parse::<jiff::Timestamp>().ok())
                            .and_then(|at| at.checked_add(jiff::SignedDuration::from_mins(*minutes)).ok());
                        if let Some(moved) = moved {
                            *value = serde_json::Value::String(moved.to_string());
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// Whether what was told is to be forgotten.
    #[must_use]
    pub fn keeps_silent(&self) -> bool {
        self.wrongs.contains(&Wrong::KeepSilent)
    }

    /// What it runs on servers beside the procedure.
    pub fn meddling(&self) -> impl Iterator<Item = (&Server, &'static str, &'static str)> {
        self.wrongs.iter().filter_map(|wrong| match wrong {
            Wrong::Meddle { server, database, batch } => Some((server, *database, *batch)),
            _ => None,
        })
    }
}

impl Wrong {
    fn changes_the_plan(&self) -> bool {
        !matches!(
            self,
            Self::HideBound | Self::BoundLaterByMinutes(_) | Self::KeepSilent | Self::Meddle { .. }
        )
    }

    fn apply_to(&self, plan: &mut Plan) {
        match self {
            Self::DropStep(number) => plan.steps.retain(|step| step.number != *number),
            Self::SwapWithPrevious(number) => {
                if let Some(index) = plan.steps.iter().position(|step| step.number == *number)
                    && index > 0
                {
                    plan.steps.swap(index - 1, index);
                }
            }
            Self::DropAction(action) => {
                plan.steps.iter_mut().for_each(|step| step.actions.retain(|one| one != action));
            }
            Self::RemoveGuard(guard) => {
                plan.steps.iter_mut().for_each(|step| step.guards.retain(|one| one != guard));
            }
            Self::SkipVerification(verification) => {
                plan.steps.iter_mut().for_each(|step| step.verifications.retain(|one| one != verification));
                plan.before_success.retain(|one| one != verification);
            }
            Self::ReportSuccessAfter(number) => {
                plan.steps.retain(|step| step.number <= *number);
                plan.before_success.clear();
            }
            Self::HideBound | Self::BoundLaterByMinutes(_) | Self::KeepSilent | Self::Meddle { .. } => {}
        }
    }
}

/// The guard, verification or action with this name (its serialized form, as plans print it).
#[must_use]
pub fn named<T: serde::de::DeserializeOwned>(name: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(name.to_owned())).ok()
}
