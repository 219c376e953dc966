//! Statements that are not rows work: settings, messages, transactions, waiting, cursors, KILL.

use super::run::{Activation, Failure, Runner, Stop, Went};
use crate::error::{SqlError, SqlResult};
use crate::messages::error;
use crate::tsql::ast::{Expr, RaiseError, SetOption, Statement, StatementKind, TransactionName};
use crate::value::{DataType, Value, convert};
use std::rc::Rc;
use std::time::Duration;

impl Runner<'_> {
    /// Statements other than rows work, control of flow and assignments.
    ///
    /// Boxed here, so that the callers of procedures need little stack.
    pub(super) fn other_statement<'r>(
        &'r mut self,
        activation: &'r mut Activation,
        statement: &'r Statement,
        at: usize,
    ) -> futures::future::LocalBoxFuture<'r, Result<Went, Failure>> {
        Box::pin(self.carry_out(activation, statement, at))
    }

    async fn carry_out(
        &mut self,
        activation: &mut Activation,
        statement: &Statement,
        at: usize,
    ) -> Result<Went, Failure> {
        match &statement.kind {
            StatementKind::Set(options) => {
                for option in options {
                    self.set(activation, option).await?;
                }
                self.done(0, None, false);
            }
            StatementKind::Use(name) => {
                self.use_database(name)?;
                self.done(0, None, false);
            }
            StatementKind::Print(value) => {
                let text = self.evaluate_text(activation, value).await?;
                let text = text.as_deref().filter(|text| !text.is_empty()).unwrap_or(" ");
                let message = SqlError { line: statement.line, ..super::print_message(text) };
                self.sink.message(&message);
                self.done(0, None, false);
            }
            StatementKind::RaiseError(raise) => self.raiserror(activation, raise, statement.line).await?,
            StatementKind::Throw(parts) => return self.throw(activation, parts.as_deref()).await,
            StatementKind::BeginTransaction(name) => {
                let name = self.transaction_name(activation, name.as_ref());
                self.begin(name)?;
                self.succeed();
            }
            StatementKind::Commit => {
                self.commit().await?;
                self.succeed();
            }
            StatementKind::Rollback(name) => {
                let name = self.transaction_name(activation, name.as_ref());
                self.roll_back(name.as_deref())?;
                self.succeed();
            }
            StatementKind::Save(name) => {
                if let Some(name) = self.transaction_name(activation, Some(name)) {
                    self.save(name)?;
                }
                self.succeed();
            }
            StatementKind::WaitFor { delay, time } => {
                self.waitfor(activation, *delay, time).await?;
                self.succeed();
            }
            StatementKind::Execute(execute) => return self.execute(activation, execute).await,
            StatementKind::ExecuteTextAs(parts, context) => {
                return self.execute_text_as(activation, parts, context).await;
            }
            StatementKind::ExecuteAs(context) => {
                let nesting = self.session.exec.borrow().nesting;
                self.execute_as(activation, context, nesting).await?;
                self.succeed();
            }
            StatementKind::Revert => {
                self.revert()?;
                self.succeed();
            }
            StatementKind::ExecuteText(parts) => return self.execute_text(activation, parts).await,
            StatementKind::Kill { session, status_only } => {
                self.kill(*session, *status_only)?;
                self.succeed();
            }
            cursor @ (StatementKind::DeclareCursor { .. }
            | StatementKind::SetCursor { .. }
            | StatementKind::Cursor(..)
            | StatementKind::Fetch { .. }) => self.cursor_statement(activation, cursor, at).await?,
            StatementKind::Unsupported(what) => return Err(error(40_510, 1, &[what]).into()),
            _ => {
                super::admin::run(self, activation, statement).await?;
            }
        }
        Ok(Went::Next)
    }

    /// A statement without rows succeeded.
    pub(super) fn succeed(&mut self) {
        {
            let mut state = self.session.exec.borrow_mut();
            state.last_error = 0;
            state.row_count = 0;
        }
        self.done(0, None, false);
    }

    fn transaction_name(&self, activation: &Activation, name: Option<&TransactionName>) -> Option<Rc<str>> {
        match name? {
            TransactionName::Name(name) => Some(name.clone()),
            TransactionName::Variable(slot) => match activation.values.get(*slot) {
                Some(Value::Text(text)) => Some(text.clone()),
                _ => None,
            },
        }
    }

    // ---- SET ------------------------------------------------------------------

    async fn set(&mut self, activation: &Activation, option: &SetOption) -> SqlResult<()> {
        let number = match option {
            SetOption::LockTimeout(value)
            | SetOption::RowCount(value)
            | SetOption::TextSize(value)
            | SetOption::DateFirst(value) => {
                match self.evaluate(activation, value, DataType::BigInt).await? {
                    Value::Int(n) => n,
                    _ => 0,
                }
            }
            _ => 0,
        };
        if let SetOption::IdentityInsert(name, on) = option {
            let target = self
                .with_environment(activation, false, |env| {
                    match super::source::resolve(env, env.database, name)? {
                        (database, super::source::Found::Table(def)) => {
                            if def.identity_ordinal().is_none() {
                                return Err(error(8106, 1, &[name]).into());
                            }
                            Ok((database, def.object_id))
                        }
                        _ => Err(error(1088, 11, &[name]).into()),
                    }
                })
                .await?;
            let mut state = self.session.exec.borrow_mut();
            state.settings.identity_insert = on.then_some(target);
            return Ok(());
        }
        if let SetOption::ContextInfo(value) = option {
            let fixed = DataType::Binary(128);
            let value = self.evaluate(activation, value, fixed).await?;
            let Value::Binary(info) = value else { return Err(error(8115, 2, &[&"NULL", &"varbinary"])) };
            self.session.update(|state| state.context_info = Some(info));
            return Ok(());
        }
        let mut state = self.session.exec.borrow_mut();
        let settings = &mut state.settings;
        match option {
            SetOption::Switch(name, on) => match &**name {
                "NOCOUNT" => settings.no_count = *on,
                "XACT_ABORT" => settings.xact_abort = *on,
                "IMPLICIT_TRANSACTIONS" => settings.implicit_transactions = *on,
                "QUOTED_IDENTIFIER" => settings.quoted_identifier = *on,
                "NOEXEC" => settings.no_exec = *on,
                "PARSEONLY" => settings.parse_only = *on,
                "FMTONLY" => settings.format_only = *on,
                "ANSI_WARNINGS" => settings.ansi_warnings = *on,
                "ARITHABORT" => settings.arith_abort = *on,
                "CONCAT_NULL_YIELDS_NULL" if !on => {
                    return Err(error(40_510, 1, &[&"SET CONCAT_NULL_YIELDS_NULL OFF"]));
                }
                "CONCAT_NULL_YIELDS_NULL" => settings.concat_null_yields_null = true,
                "ANSI_NULLS" if !on => return Err(error(40_510, 1, &[&"SET ANSI_NULLS OFF"])),
                // Plans, statistics, padding: they change no result here.
                _ => {}
            },
            SetOption::LockTimeout(_) => settings.lock_timeout_ms = number.max(-1),
            SetOption::RowCount(_) => settings.row_count_limit = u64::try_from(number).unwrap_or(0),
            SetOption::TextSize(_) => settings.text_size = number,
            SetOption::DateFirst(_) => {
                if !(1..=7).contains(&number) {
                    return Err(error(2741, 1, &[&number]));
                }
                settings.date_first = number as i32;
            }
            SetOption::Isolation(level) => settings.isolation = *level,
            SetOption::DateFormat(format) if &**format != "mdy" => {
                return Err(error(40_510, 1, &[&format!("SET DATEFORMAT {format}")]));
            }
            SetOption::Language(name)
                if !crate::engine::same_name(name, "us_english")
                    && !crate::engine::same_name(name, "english") =>
            {
                return Err(error(40_510, 1, &[&format!("SET LANGUAGE {name}")]));
            }
            _ => {}
        }
        Ok(())
    }

    /// USE.
    pub(super) fn use_database(&mut self, name: &str) -> SqlResult<()> {
        let (id, new) = {
            let engine = self.instance.0.engine.borrow();
            let database = engine.database_by_name(name).ok_or_else(|| error(911, 1, &[&name]))?;
            engine.can_open(database.id, self.session)?;
            (database.id, database.name.clone())
        };
        let old = self.switch_database(id);
        self.sink.database_changed(&old, &new);
        let changed = error(5701, 2, &[&new]);
        self.sink.message(&SqlError { line: 1, ..changed });
        Ok(())
    }

    /// Makes a database the current one without telling the client; gives the old one's name.
    pub(super) fn switch_database(&self, id: u32) -> Rc<str> {
        let old = self.session.state.borrow().database_id;
        let mut engine = self.instance.0.engine.borrow_mut();
        if old != id {
            engine.leave_database(self.session.id, old);
            engine.enter_database(self.session.id, id);
            self.session.update(|state| state.database_id = id);
        }
        engine.database(old).map_or_else(|| "master".into(), |database| database.name.clone())
    }

    // ---- messages ---------------------------------------------------------------

    async fn raiserror(
        &mut self,
        activation: &Activation,
        raise: &RaiseError,
        line: u32,
    ) -> Result<(), Failure> {
        let (message, message_type) = self.evaluate_typed(activation, &raise.message).await?;
        let severity = self.evaluate(activation, &raise.severity, DataType::Int).await?;
        let state = self.evaluate(activation, &raise.state, DataType::Int).await?;
        let mut arguments = Vec::new();
        for argument in &raise.arguments {
            arguments.push(self.evaluate_typed(activation, argument).await?);
        }
        let number = |value: Value| match value {
            Value::Int(n) => n,
            _ => 0,
        };
        // A negative severity stands for the message's own.
        let own_severity = match message {
            Value::Int(id) => {
                crate::messages::MESSAGES.iter().find(|m| i64::from(m.number) == id).map(|m| m.severity)
            }
            _ => None,
        };
        let severity = match (number(severity), own_severity) {
            (given, Some(own)) if given < 0 => own,
            (given, _) => given.clamp(0, 25) as u8,
        };
        let state = match number(state) {
            n @ 0..=255 => n as u8,
            _ => 1,
        };
        if severity > 18 && !raise.options.iter().any(|option| &**option == "LOG") {
            return Err(error(2754, 1, &[]).into());
        }
        let (number, template) = match message {
            Value::Text(text) => (50_000, text.to_string()),
            Value::Int(number) => {
                let number = i32::try_from(number).unwrap_or(0);
                let found = crate::messages::MESSAGES.iter().find(|message| message.number == number);
                match found {
                    Some(found) if number >= 13_000 && number != 50_000 => {
                        (number, found.template.to_owned())
                    }
                    _ => return Err(error(18_054, 1, &[&number, &severity, &state]).into()),
                }
            }
            _ => (50_000, convert::display(&message, message_type, 0).unwrap_or_default()),
        };
        let text: String = super::printf::format(&template, &arguments).chars().take(2047).collect();
        let raised = SqlError { number, severity, state, message: text, procedure: String::new(), line };
        if severity > 10 {
            return Err(raised.into());
        }
        let mut raised = raised;
        raised.procedure = self.procedure.0.to_string();
        self.sink.message(&raised);
        if raise.options.iter().any(|option| &**option == "SETERROR") {
            self.session.exec.borrow_mut().last_error = number;
        } else {
            self.session.exec.borrow_mut().last_error = 0;
        }
        self.done(0, None, false);
        Ok(())
    }

    async fn throw(&mut self, activation: &Activation, parts: Option<&[Expr; 3]>) -> Result<Went, Failure> {
        let thrown = match parts {
            None => {
                let caught = self.session.exec.borrow().caught.last().cloned();
                caught.ok_or_else(|| error(10_704, 1, &[]))?
            }
            Some([number, message, state]) => {
                let number = match self.evaluate(activation, number, DataType::Int).await? {
                    Value::Int(n) => n as i32,
                    _ => 0,
                };
                if number < 50_000 {
                    return Err(error(35_100, 1, &[&number]).into());
                }
                let message = self.evaluate_text(activation, message).await?.unwrap_or_else(|| "".into());
                let state = match self.evaluate(activation, state, DataType::Int).await? {
                    Value::Int(n) => n.clamp(0, 255) as u8,
                    _ => 0,
                };
                SqlError {
                    number,
                    severity: 16,
                    state,
                    message: message.to_string(),
                    procedure: String::new(),
                    line: 0,
                }
            }
        };
        self.session.exec.borrow_mut().throws = true;
        Err(Failure::Error(thrown))
    }

    // ---- waiting, KILL ------------------------------------------------------------

    async fn waitfor(&mut self, activation: &Activation, delay: bool, time: &Expr) -> SqlResult<()> {
        let text = self.evaluate_text(activation, time).await?.unwrap_or_else(|| "".into());
        let wrong = || error(148, 1, &[&text]);
        let moment = crate::value::datetime::parse(&text).ok_or_else(wrong)?;
        if text.trim().is_empty() || moment.days != crate::value::datetime::DAYS_TO_1900 {
            return Err(wrong());
        }
        let mut wait_ms = moment.time / 10_000;
        if !delay {
            let clock = &self.instance.0.clock;
            let now =
                crate::value::datetime::Moment::of_timestamp(clock.utc_now(), clock.utc_offset_minutes());
            let now_ms = now.time / 10_000;
            let day_ms = 86_400_000;
            wait_ms = (wait_ms + day_ms - now_ms) % day_ms;
        }
        self.session.update(|state| {
            state.status = "suspended";
            state.wait_type = "WAITFOR";
        });
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        self.session.update(|state| {
            state.status = "running";
            state.wait_type = "";
        });
        Ok(())
    }

    fn kill(&mut self, session: i64, status_only: bool) -> SqlResult<()> {
        if !self.has_server_permission("ALTER ANY CONNECTION") {
            return Err(error(6102, 1, &[]));
        }
        let Some(id) = u16::try_from(session).ok().filter(|id| *id > 0 && *id < 32_768) else {
            return Err(error(6101, 1, &[&session]));
        };
        if self.session.exec.borrow().transaction.is_some() {
            return Err(error(6115, 1, &[&"KILL"]));
        }
        let victim = self.instance.0.sessions.borrow().get(id);
        let Some(victim) = victim else { return Err(error(6106, 2, &[&id])) };
        if status_only {
            return Err(error(6120, 1, &[&id]));
        }
        if id == self.session.id {
            return Err(error(6104, 1, &[]));
        }
        if !victim.is_user_process {
            return Err(error(6107, 1, &[]));
        }
        let login = self.session.login.clone();
        self.instance.log_line(
            &format!("spid{}", self.session.id),
            &format!("Process ID {id} was killed by hostname {}, login {login}.", self.session.host_name),
        );
        victim.kill();
        Ok(())
    }

    /// Result sets of a statement instead of sending them (INSERT … EXEC).
    pub(super) async fn capture(
        &mut self,
        activation: &mut Activation,
        statement: &Statement,
    ) -> Result<Vec<(Vec<crate::value::ColumnMeta>, Vec<crate::value::Row>)>, Failure> {
        if self.captured.is_some() {
            return Err(error(8164, 1, &[]).into());
        }
        self.captured = Some(Vec::new());
        let result = self.other_statement(activation, statement, 0).await;
        let captured = self.captured.take().unwrap_or_default();
        match result {
            Ok(_) => Ok(captured),
            Err(failure) => Err(failure),
        }
    }

    /// The program is over for good.
    pub(super) fn abort() -> Failure {
        Failure::Stop(Stop::Aborted)
    }
}
