//! The interpreter's loop: instructions, errors and where they go, locks and waiting.

use super::environment::TableVariable;
use crate::error::SqlError;
use crate::instance::Instance;
use crate::session::sink::{Done, DoneKind};
use crate::session::{Session, Sink};
use crate::tsql::ast::{Instruction, Program, Statement, StatementKind};
use crate::value::{DataType, Value};
use std::cell::RefCell;
use std::rc::Rc;

/// How deep procedures may call each other.
pub(super) const NESTING_MAX: u32 = 32;

/// How often a program may loop before the other sessions have a turn.
pub(super) const LOOPS_PER_TURN: u64 = 256;

/// Why a program ends before its last instruction.
pub(super) enum Stop {
    /// An error looks for a CATCH block further out.
    Thrown(SqlError),
    /// The batch is over; the error has been sent.
    Aborted,
}

/// A running program's variables.
pub(super) struct Activation {
    pub(super) program: Rc<Program>,
    pub(super) values: Vec<Value>,
    pub(super) tables: RefCell<Vec<TableVariable>>,
}

impl Activation {
    pub(super) fn new(program: Rc<Program>) -> Self {
        let values = program.variables.iter().map(|v| v.default.clone().unwrap_or(Value::Null)).collect();
        Self { program, values, tables: RefCell::default() }
    }
}

/// Runs programs for one request.
pub(super) struct Runner<'a> {
    pub(super) instance: &'a Instance,
    pub(super) session: &'a Rc<Session>,
    pub(super) sink: &'a mut dyn Sink,
    /// What a statement's DONE is called here.
    pub(super) kind: DoneKind,
    /// Whether these are the client's own statements.
    pub(super) is_client: bool,
    /// Line of the statement that runs.
    pub(super) line: u32,
    /// TRY blocks around, in callers too.
    pub(super) tries: u32,
    /// Name and id of the procedure that runs.
    pub(super) procedure: (Rc<str>, i32),
    /// On whose behalf its statements work.
    pub(super) chain: super::permissions::Chain,
    /// Where result sets go instead of the client (INSERT … EXEC).
    pub(super) captured: Option<Vec<(Vec<crate::value::ColumnMeta>, Vec<crate::value::Row>)>>,
}

/// What a statement did, for the loop.
pub(super) enum Went {
    /// Go on.
    Next,
    /// RETURN.
    Return(i32),
}

impl<'a> Runner<'a> {
    pub(super) fn new(instance: &'a Instance, session: &'a Rc<Session>, sink: &'a mut dyn Sink) -> Self {
        Self {
            instance,
            session,
            sink,
            kind: DoneKind::Statement,
            is_client: true,
            line: 1,
            tries: 0,
            procedure: ("".into(), 0),
            chain: super::permissions::Chain::Caller,
            captured: None,
        }
    }

    /// Runs a program to its end. Gives its return status.
    pub(super) async fn run(&mut self, activation: &mut Activation) -> Result<i32, Stop> {
        let program = activation.program.clone();
        let mut handlers: Vec<usize> = Vec::new();
        let mut in_catch = 0_usize;
        let mut at = 0;
        let mut loops = 0_u64;
        let outcome = loop {
            let Some(instruction) = program.code.get(at) else { break Ok(0) };
            at += 1;
            let result = match instruction {
                Instruction::Jump(target) => {
                    if *target < at {
                        // A loop without any wait must not keep the others out, nor its own attention.
                        loops += 1;
                        if loops.is_multiple_of(LOOPS_PER_TURN) {
                            tokio::task::yield_now().await;
                        }
                    }
                    at = *target;
                    continue;
                }
                Instruction::JumpUnless { condition, target, line } => {
                    match self.condition(activation, condition, *line).await {
                        Ok(true) => continue,
                        Ok(false) => {
                            at = *target;
                            continue;
                        }
                        Err(e) => Err(e),
                    }
                }
                Instruction::BeginTry { handler } => {
                    handlers.push(*handler);
                    self.tries += 1;
                    continue;
                }
                Instruction::EndTry { after } => {
                    handlers.pop();
                    self.tries -= 1;
                    at = *after;
                    continue;
                }
                Instruction::EndCatch => {
                    self.session.exec.borrow_mut().caught.pop();
                    in_catch = in_catch.saturating_sub(1);
                    continue;
                }
                Instruction::Statement(statement) => self.observed(activation, statement, at - 1).await,
            };
            match result {
                Ok(Went::Next) => {}
                Ok(Went::Return(status)) => break Ok(status),
                Err(Failure::Stop(Stop::Aborted)) => break Err(Stop::Aborted),
                Err(Failure::Stop(Stop::Thrown(e)) | Failure::Error(e)) => {
                    let line = match instruction {
                        Instruction::Statement(statement) => statement.line,
                        Instruction::JumpUnless { line, .. } => *line,
                        _ => 0,
                    };
                    let e = self.placed(e, line);
                    if let Some(handler) = handlers.pop() {
                        self.tries -= 1;
                        self.doom_if_needed(&e);
                        self.session.exec.borrow_mut().caught.push(e);
                        in_catch += 1;
                        at = handler;
                        continue;
                    }
                    if self.tries > 0 {
                        break Err(Stop::Thrown(e));
                    }
                    if self.report(&e) {
                        break Err(Stop::Aborted);
                    }
                }
            }
        };
        self.tries -= u32::try_from(handlers.len()).unwrap_or(0);
        let mut state = self.session.exec.borrow_mut();
        for _ in 0..in_catch {
            state.caught.pop();
        }
        drop(state);
        outcome
    }

    /// Gives an error the procedure and line it was raised at.
    pub(super) fn placed(&self, mut e: SqlError, line: u32) -> SqlError {
        if e.line == 0 {
            e.line = line;
        }
        if e.procedure.is_empty() && !self.procedure.0.is_empty() {
            e.procedure = self.procedure.0.to_string();
        }
        e
    }

    /// Sends an error that no CATCH takes. `true`: the batch is over.
    pub(super) fn report(&mut self, e: &SqlError) -> bool {
        super::note_error(self.session, e);
        self.sink.message(e);
        let xact_abort = self.session.exec.borrow().settings.xact_abort && e.number != 50_000;
        let thrown = std::mem::take(&mut self.session.exec.borrow_mut().throws);
        let aborts = xact_abort || ends_batch(e) || thrown;
        if aborts && (xact_abort || rolls_back(e)) && self.session.exec.borrow().transaction.is_some() {
            self.roll_back_all();
        }
        self.done(0, None, true);
        aborts
    }

    /// In a TRY block, errors that would end the batch leave a transaction that can only be rolled back.
    pub(super) fn doom_if_needed(&mut self, e: &SqlError) {
        super::note_error(self.session, e);
        let mut state = self.session.exec.borrow_mut();
        let xact_abort = state.settings.xact_abort;
        if let Some(open) = &mut state.transaction
            && (xact_abort || (ends_batch(e) && e.number != 50_000 && rolls_back(e)))
        {
            open.doomed = true;
        }
    }

    /// Sends a DONE.
    pub(super) fn done(&mut self, command: u16, row_count: Option<u64>, is_error: bool) {
        let no_count = self.session.exec.borrow().settings.no_count;
        let in_transaction = self.session.state.borrow().open_transactions > 0;
        let row_count = row_count.filter(|_| !no_count);
        if self.captured.is_some() && !is_error {
            return;
        }
        self.sink.done(Done { kind: self.kind, command, row_count, is_error, in_transaction });
    }

    /// Shows the client's statements to the observer.
    pub(super) async fn observed(
        &mut self,
        activation: &mut Activation,
        statement: &Statement,
        at: usize,
    ) -> Result<Went, Failure> {
        self.line = statement.line;
        if !(self.is_client && self.instance.is_watched()) {
            return self.statement(activation, statement, at).await;
        }
        let shown = super::observe::describe(self, activation, statement);
        if let Some(shown) = &shown {
            self.instance.observe(shown.event(self.session, None)).await;
        }
        let before = std::mem::replace(&mut self.session.exec.borrow_mut().first_error, 0);
        let result = Box::pin(self.statement(activation, statement, at)).await;
        if let Some(shown) = &shown {
            let outcome = match &result {
                Err(Failure::Error(e) | Failure::Stop(Stop::Thrown(e))) => e.number,
                _ => self.session.exec.borrow().first_error,
            };
            self.instance.observe(shown.event(self.session, Some(outcome))).await;
        }
        self.session.exec.borrow_mut().first_error = before;
        result
    }

    /// Runs one statement.
    pub(super) async fn statement(
        &mut self,
        activation: &mut Activation,
        statement: &Statement,
        at: usize,
    ) -> Result<Went, Failure> {
        self.forget_listings();
        {
            let state = self.session.exec.borrow();
            if state.settings.no_exec && !matches!(&statement.kind, StatementKind::Set(_)) {
                return Ok(Went::Next);
            }
        }
        if let Some(name) = super::observe::command_name(&statement.kind) {
            self.session.update(|state| {
                if let Some(request) = &mut state.request {
                    name.clone_into(&mut request.command);
                    request.percent_complete = 0.0;
                }
            });
        }
        match &statement.kind {
            StatementKind::Nothing => {}
            StatementKind::Select(_)
            | StatementKind::Update(_)
            | StatementKind::Delete(_)
            | StatementKind::Merge(_)
            | StatementKind::Truncate(_)
            | StatementKind::Maintain(..)
            | StatementKind::CreateTable(_)
            | StatementKind::AlterTable(..)
            | StatementKind::Drop { .. }
            | StatementKind::CreateIndex(_)
            | StatementKind::DropIndex { .. }
            | StatementKind::CreateModule(_)
            | StatementKind::CreateSchema(..)
            | StatementKind::CreateType { .. }
            | StatementKind::CreateSynonym { .. }
            | StatementKind::Sequence(_) => self.rows_statement(activation, statement, None).await?,
            StatementKind::Insert(insert) => match &insert.source {
                dml_source @ crate::tsql::ast::InsertSource::Execute(_) => {
                    let crate::tsql::ast::InsertSource::Execute(inner) = dml_source else {
                        return Ok(Went::Next);
                    };
                    let captured = Box::pin(self.capture(activation, inner)).await?;
                    self.rows_statement(activation, statement, Some(&captured)).await?;
                }
                _ => self.rows_statement(activation, statement, None).await?,
            },
            StatementKind::Assign { variable, operator, value, declares } => {
                self.assign(activation, *variable, *operator, value).await?;
                if !declares {
                    self.session.exec.borrow_mut().last_error = 0;
                }
            }
            StatementKind::DeclareTable(slot) => {
                super::ddl::declare_table(activation, *slot)?;
            }
            StatementKind::Return(status) => {
                let status = match status {
                    None => 0,
                    Some(expr) => match self.evaluate(activation, expr, DataType::Int).await? {
                        Value::Int(n) => n as i32,
                        _ => 0,
                    },
                };
                return Ok(Went::Return(status));
            }
            _ => return self.other_statement(activation, statement, at).await,
        }
        Ok(Went::Next)
    }
}

/// Why a statement failed.
pub(super) enum Failure {
    /// Its own error.
    Error(SqlError),
    /// The whole program stops.
    Stop(Stop),
}

impl From<SqlError> for Failure {
    fn from(e: SqlError) -> Self {
        Self::Error(e)
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

/// Errors after which a batch does not go on.
pub(super) fn ends_batch(e: &SqlError) -> bool {
    e.severity >= 19
        || matches!(
            e.number,
            102 | 105
                | 137
                | 156
                | 207
                | 208
                | 209
                | 213
                | 241
                | 242
                | 244
                | 245
                | 248
                | 295
                | 1205
                | 3960
                | 4104
                | 4121
                | 8114
                | 8120
                | 8169
                | 40_510
                | 217
                | 596
        )
}

/// Errors that roll the transaction back when they end a batch.
pub(super) fn rolls_back(e: &SqlError) -> bool {
    matches!(e.number, 241 | 242 | 244 | 245 | 248 | 295 | 1205 | 3960 | 8114 | 8169) || e.severity >= 19
}
