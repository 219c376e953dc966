//! What a command is, as data: its parameters, their sets and types, and the
//! function that does its work.

use futures::future::LocalBoxFuture;

use super::Call;
use crate::language::value::{EnumType, Value};
use crate::session::{Flow, Session};

/// What a command's work comes to: its output, or why it ended.
pub(crate) type Outcome = Result<Vec<Value>, Flow>;
/// A command's work.
pub(crate) type Run = for<'a> fn(&'a mut Session, &'a mut Call) -> LocalBoxFuture<'a, Outcome>;

/// A command.
pub(crate) struct Definition {
    /// Its name as its module spells it.
    pub(crate) name: &'static str,
    /// Its .NET class, which ends its error ids.
    pub(crate) type_name: &'static str,
    /// Where it comes from.
    pub(crate) module: Module,
    /// Other names.
    pub(crate) aliases: &'static [&'static str],
    /// Its parameters, in the order of its help.
    pub(crate) parameters: &'static [Parameter],
    /// The set that wins when several fit.
    pub(crate) default_set: &'static str,
    /// Whether it has `-WhatIf` and `-Confirm`.
    pub(crate) should_process: bool,
    /// How much it may do; `High` asks before it does it.
    pub(crate) impact: Impact,
    /// Its work.
    pub(crate) run: Run,
}

/// `ConfirmImpact`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Impact {
    Medium = 2,
    High = 3,
}

/// Where a command comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Module {
    /// PowerShell itself.
    PowerShell,
    /// The Lync module; reads the management store.
    LyncReading,
    /// The Lync module; writes the management store.
    LyncWriting,
    /// The Lync module; works on SQL Servers.
    LyncDeploying,
}

/// A parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) aliases: &'static [&'static str],
    /// The sets it belongs to; empty for all.
    pub(crate) sets: &'static [&'static str],
    pub(crate) mandatory: bool,
    pub(crate) position: Option<u8>,
    /// Takes what the pipeline brings.
    pub(crate) pipeline: bool,
    /// Takes all the positional arguments that are left.
    pub(crate) remaining: bool,
    /// `$null` is an answer.
    pub(crate) nullable: bool,
}

/// What a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Text,
    Texts,
    /// A machine's name, checked for its characters.
    Fqdn,
    Switch,
    Integer,
    Enum(&'static EnumType),
    HashTable,
    Block,
    Any,
    Anys,
}

impl Parameter {
    /// An optional named parameter of all sets.
    pub(crate) const fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            aliases: &[],
            sets: &[],
            mandatory: false,
            position: None,
            pipeline: false,
            remaining: false,
            nullable: false,
        }
    }

    /// It has to be given.
    pub(crate) const fn mandatory(mut self) -> Self {
        self.mandatory = true;
        self
    }

    /// It belongs to these sets only.
    pub(crate) const fn sets(mut self, sets: &'static [&'static str]) -> Self {
        self.sets = sets;
        self
    }

    /// It takes the positional argument at this place.
    pub(crate) const fn at(mut self, position: u8) -> Self {
        self.position = Some(position);
        self
    }

    /// It has other names.
    pub(crate) const fn alias(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// It takes pipeline input by value.
    pub(crate) const fn pipeline(mut self) -> Self {
        self.pipeline = true;
        self
    }

    /// It takes every positional argument that is left.
    pub(crate) const fn remaining(mut self) -> Self {
        self.remaining = true;
        self
    }

    /// `$null` is an answer.
    pub(crate) const fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }

    /// Whether it belongs to a set.
    pub(crate) fn is_in(&self, set: &str) -> bool {
        self.sets.is_empty() || self.sets.contains(&set)
    }
}

impl Definition {
    /// The names of its parameter sets; one nameless set when it has none.
    pub(crate) fn sets(&self) -> Vec<&'static str> {
        let mut sets: Vec<&'static str> = Vec::new();
        for parameter in self.parameters {
            for set in parameter.sets {
                if !sets.contains(set) {
                    sets.push(set);
                }
            }
        }
        if sets.is_empty() {
            sets.push(self.default_set);
        }
        sets
    }
}

/// Values of the preference parameters.
pub(crate) static ACTION_PREFERENCE: EnumType = EnumType {
    name: "System.Management.Automation.ActionPreference",
    members: &["SilentlyContinue", "Stop", "Continue", "Inquire", "Ignore", "Suspend"],
};

/// Parameters every command has.
pub(crate) static COMMON: &[Parameter] = &[
    Parameter::new("Verbose", Kind::Switch).alias(&["vb"]),
    Parameter::new("Debug", Kind::Switch).alias(&["db"]),
    Parameter::new("ErrorAction", Kind::Enum(&ACTION_PREFERENCE)).alias(&["ea"]),
    Parameter::new("WarningAction", Kind::Enum(&ACTION_PREFERENCE)).alias(&["wa"]),
    Parameter::new("InformationAction", Kind::Enum(&ACTION_PREFERENCE)).alias(&["infa"]),
    Parameter::new("ErrorVariable", Kind::Text).alias(&["ev"]),
    Parameter::new("WarningVariable", Kind::Text).alias(&["wv"]),
    Parameter::new("InformationVariable", Kind::Text).alias(&["iv"]),
    Parameter::new("OutVariable", Kind::Text).alias(&["ov"]),
    Parameter::new("OutBuffer", Kind::Integer).alias(&["ob"]),
    Parameter::new("PipelineVariable", Kind::Text).alias(&["pv"]),
];

/// Parameters of the commands that change something.
pub(crate) static RISK: &[Parameter] = &[
    Parameter::new("WhatIf", Kind::Switch).alias(&["wi"]),
    Parameter::new("Confirm", Kind::Switch).alias(&["cf"]),
];
