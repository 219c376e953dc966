//! EXECUTE: procedures in T-SQL and in Rust, text, and procedure calls by RPC.

use super::api_cursors;
use super::environment::DatabaseTypes;
use super::permissions::{Chain, Object};
use super::procedures::{self, DefaultValue, Procedure, ProcedureContext};
use super::run::{Activation, Failure, NESTING_MAX, Runner, Stop, Went};
use super::state::Prepared;
use crate::engine::{ModuleKind, NamedObject, same_name};
use crate::error::SqlResult;
use crate::messages::error;
use crate::session::rpc::{RpcParam, RpcRequest};
use crate::session::sink::{Done, DoneKind};
use crate::tsql::ast::{Execute, Expr, ObjectKind, ObjectName, ProcedureName, Program};
use crate::tsql::{self, Module};
use crate::value::{ColumnMeta, DataType, Value, convert};
use std::rc::Rc;

/// An argument on its way to a procedure.
pub(super) struct Given {
    pub(super) name: Option<Rc<str>>,
    /// `None` is DEFAULT.
    pub(super) value: Option<(Value, DataType)>,
    /// Whether the caller wants it back.
    pub(super) output: bool,
}

/// What a procedure gave: its status and its output parameters by position of the argument.
pub(super) struct Returned {
    pub(super) status: i32,
    pub(super) outputs: Vec<(usize, Value, DataType)>,
}

/// What a name means.
enum Callable {
    Rust(&'static Procedure),
    Module { database: u32, id: i32, name: Rc<str>, text: Rc<str>, chain: Chain },
    Script { database: u32, script: crate::catalog::scripts::Script },
    ExecuteSql,
    Prepared(&'static str),
    ApiCursor(&'static str),
}

const PREPARED: [&str; 4] = ["sp_prepare", "sp_execute", "sp_prepexec", "sp_unprepare"];

impl Runner<'_> {
    /// EXECUTE of a procedure.
    pub(super) async fn execute(
        &mut self,
        activation: &mut Activation,
        execute: &Execute,
    ) -> Result<Went, Failure> {
        let name = match &execute.procedure {
            ProcedureName::Name(name) => name.clone(),
            ProcedureName::Variable(slot) => match activation.values.get(*slot) {
                Some(Value::Text(text)) => procedure_name(text)?,
                _ => return Err(error(2812, 62, &[&""]).into()),
            },
        };
        let mut given = Vec::with_capacity(execute.arguments.len());
        for argument in &execute.arguments {
            let value = match &argument.value {
                None => None,
                Some(expr) => Some(self.evaluate_typed(activation, expr).await?),
            };
            given.push(Given { name: argument.name.clone(), value, output: argument.output.is_some() });
        }
        let outside = std::mem::replace(&mut self.kind, DoneKind::InProcedure);
        let returned = self.call(&name, given).await;
        self.kind = outside;
        let returned = returned?;
        for (at, value, from) in returned.outputs {
            let Some(slot) = execute.arguments.get(at).and_then(|argument| argument.output) else { continue };
            let to = activation.program.variables.get(slot).map_or(from, |v| v.data_type);
            activation.values[slot] = convert::implicit(&value, from, to)?;
        }
        if let Some(slot) = execute.status_into
            && let Some(status) = activation.values.get_mut(slot)
        {
            *status = Value::Int(returned.status.into());
        }
        self.procedure_done(returned.status);
        Ok(Went::Next)
    }

    fn procedure_done(&mut self, status: i32) {
        if self.captured.is_some() {
            return;
        }
        let nested = self.kind == DoneKind::InProcedure;
        if !nested {
            self.sink.return_status(status);
        }
        let in_transaction = self.session.state.borrow().open_transactions > 0;
        let kind = if nested { DoneKind::InProcedure } else { DoneKind::Procedure };
        self.sink.done(Done { kind, command: 0xE0, row_count: None, is_error: false, in_transaction });
    }

    /// EXECUTE ('text') AS.
    pub(super) async fn execute_text_as(
        &mut self,
        activation: &mut Activation,
        parts: &[Expr],
        context: &crate::tsql::ast::ExecuteAs,
    ) -> Result<Went, Failure> {
        let nesting = self.session.exec.borrow().nesting + 1;
        self.execute_as(activation, context, nesting).await?;
        let went = Box::pin(self.execute_text(activation, parts)).await;
        self.session.end_impersonation(nesting);
        went
    }

    /// EXECUTE ('text').
    pub(super) async fn execute_text(
        &mut self,
        activation: &mut Activation,
        parts: &[Expr],
    ) -> Result<Went, Failure> {
        let mut text = String::new();
        let mut written = Vec::new();
        for part in parts {
            concatenated(part, &mut written);
        }
        for part in written {
            if let Some(part) = self.evaluate_text(activation, part).await? {
                text.push_str(&part);
            }
        }
        let program = self.parse("", &text)?;
        let mut inner = Activation::new(program);
        self.nested(&mut inner, None, Chain::Caller).await?;
        Ok(Went::Next)
    }

    /// Parses with the session's settings.
    pub(super) fn parse(&self, parameters: &str, text: &str) -> SqlResult<Rc<Program>> {
        let quoted = self.session.exec.borrow().settings.quoted_identifier;
        let database = self.session.state.borrow().database_id;
        tsql::parse(parameters, text, quoted, &DatabaseTypes { instance: self.instance, database })
    }

    /// Runs a program one level deeper; the current database and SET options come back afterwards.
    pub(super) async fn nested(
        &mut self,
        inner: &mut Activation,
        database: Option<u32>,
        chain: Chain,
    ) -> Result<i32, Stop> {
        let level = {
            let mut state = self.session.exec.borrow_mut();
            if state.nesting >= NESTING_MAX {
                return Err(Stop::Thrown(error(217, 1, &[&NESTING_MAX])));
            }
            state.nesting += 1;
            state.nesting
        };
        let settings = self.session.exec.borrow().settings.clone();
        let before = self.session.state.borrow().database_id;
        if let Some(database) = database {
            self.switch_database(database);
        }
        let client = self.is_client;
        self.is_client = client && database.is_none();
        let chain = std::mem::replace(&mut self.chain, chain);
        let outcome = Box::pin(self.run(inner)).await;
        self.chain = chain;
        self.session.end_impersonation(level);
        self.is_client = client;
        self.switch_database(before);
        super::ddl::drop_temporary(self.instance, self.session, level);
        let mut state = self.session.exec.borrow_mut();
        state.end_cursors(level);
        state.nesting -= 1;
        state.settings = settings;
        drop(state);
        outcome
    }

    // ---- procedures -------------------------------------------------------------

    /// Calls a procedure by name.
    pub(super) async fn call(&mut self, name: &ObjectName, given: Vec<Given>) -> Result<Returned, Failure> {
        match self.find(name)? {
            Callable::Rust(procedure) => self.call_rust(procedure, given).await,
            Callable::Module { database, id, name, text, chain } => {
                self.call_module(database, id, name, text, chain, given).await
            }
            Callable::Script { database, script } => {
                self.call_module(database, 0, script.name, script.text, Chain::System, given).await
            }
            Callable::ExecuteSql => self.execute_sql(given).await,
            Callable::Prepared(which) => self.prepared(which, given).await,
            Callable::ApiCursor(which) => Box::pin(self.api_cursor(which, given)).await,
        }
    }

    fn find(&self, name: &ObjectName) -> SqlResult<Callable> {
        let current = self.session.state.borrow().database_id;
        let base = super::synonyms::base_of(&self.instance.0.engine.borrow(), current, name);
        let name = base.as_ref().unwrap_or(name);
        if name.server.is_some() {
            return Err(error(40_510, 1, &[&"linked server"]));
        }
        let unknown = || error(2812, 62, &[name]);
        let engine = self.instance.0.engine.borrow();
        let current = self.session.state.borrow().database_id;
        let database = match &name.database {
            None => current,
            Some(database) => {
                let id = engine.database_id(database).ok_or_else(unknown)?;
                engine.can_open(id, self.session)?;
                id
            }
        };
        let schema = name.schema.as_deref().unwrap_or("dbo");
        let found =
            engine.database(database).and_then(|db| match db.content.object_by_name(schema, &name.name)? {
                NamedObject::Module(module) if module.kind == ModuleKind::Procedure => Some(module),
                _ => None,
            });
        if let Some(module) = found {
            let object = Object {
                database,
                id: module.object_id,
                schema: module.schema.clone(),
                name: module.name.clone(),
            };
            super::permissions::check(&engine, self.session, self.chain, &object, "EXECUTE")?;
            return Ok(Callable::Module {
                chain: object.chain(&engine),
                database,
                id: module.object_id,
                name: module.name.clone(),
                text: module.text.clone(),
            });
        }
        drop(engine);
        if same_name(&name.name, "sp_executesql") {
            return Ok(Callable::ExecuteSql);
        }
        if let Some(which) = PREPARED.iter().find(|known| same_name(known, &name.name)) {
            return Ok(Callable::Prepared(which));
        }
        if let Some(which) = api_cursors::PROCEDURES.iter().find(|known| same_name(known, &name.name)) {
            return Ok(Callable::ApiCursor(which));
        }
        let known = procedures::find(&name.name, database == crate::engine::MSDB).map(Callable::Rust);
        let script = || {
            let script = crate::catalog::scripts::procedure(&name.name)?;
            Some(Callable::Script { database, script })
        };
        known.or_else(script).ok_or_else(|| match crate::catalog::refused_procedure(&name.name) {
            Some(refused) => crate::messages::unsupported(&refused),
            None => unknown(),
        })
    }

    async fn call_rust(
        &mut self,
        procedure: &'static Procedure,
        given: Vec<Given>,
    ) -> Result<Returned, Failure> {
        let bound = bind_rust(procedure, &given)?;
        let (arguments, is_given, positions) = bound;
        let mut capture = self.captured.is_some().then(crate::session::collecting::CollectingSink::new);
        let (result, arguments) = {
            let sink: &mut dyn crate::session::Sink = match &mut capture {
                Some(capture) => capture,
                None => self.sink,
            };
            let mut context = ProcedureContext {
                instance: self.instance,
                session: self.session,
                sink,
                procedure,
                arguments,
                given: is_given,
                in_try: self.tries > 0,
                raised: None,
            };
            let result = (procedure.body)(&mut context).await;
            (context.raised.map_or(result, Err), context.arguments)
        };
        if let (Some(capture), Some(captured)) = (capture, &mut self.captured) {
            for set in capture.sets {
                captured.push((set.columns, set.rows));
            }
            for message in capture.messages {
                self.sink.message(&message);
            }
        }
        let status = match result {
            Ok(status) => status,
            Err(mut e) => {
                if e.procedure.is_empty() {
                    procedure.name.clone_into(&mut e.procedure);
                }
                if e.line == 0 {
                    e.line = 1;
                }
                return Err(e.into());
            }
        };
        let mut outputs = Vec::new();
        for (at, position) in positions.iter().enumerate() {
            if given[at].output && procedure.parameters[*position].output {
                outputs.push((at, arguments[*position].clone(), procedure.parameters[*position].data_type));
            }
        }
        Ok(Returned { status, outputs })
    }

    /// Boxed here, so that a deep call takes little of its caller's stack.
    fn call_module(
        &mut self,
        database: u32,
        id: i32,
        name: Rc<str>,
        text: Rc<str>,
        chain: Chain,
        given: Vec<Given>,
    ) -> futures::future::LocalBoxFuture<'_, Result<Returned, Failure>> {
        Box::pin(self.run_module(database, id, name, text, chain, given))
    }

    async fn run_module(
        &mut self,
        database: u32,
        id: i32,
        name: Rc<str>,
        text: Rc<str>,
        chain: Chain,
        given: Vec<Given>,
    ) -> Result<Returned, Failure> {
        let types = DatabaseTypes { instance: self.instance, database };
        let module = tsql::parse_module(ObjectKind::Procedure, &text, &types)?;
        let Module::Procedure(program) = &*module else {
            return Err(error(2812, 62, &[&name]).into());
        };
        let program = program.clone();
        let mut inner = Activation::new(program.clone());
        let positions = bind_parameters(&program, &name, &given, &mut inner.values)?;
        let executes_as = if chain == Chain::System { None } else { tsql::executes_as(&text, &types)? };
        let context = executes_as.filter(|who| &**who != "CALLER");
        if let Some(who) = context {
            let nesting = self.session.exec.borrow().nesting + 1;
            // OWNER and SELF are who owns the schema: dbo, unless somebody was given it.
            let user = match (&*who, chain) {
                ("OWNER" | "SELF", Chain::Owner(_, owner)) => self.user_name(database, owner),
                _ => who,
            };
            let caller = self.trusted_user(database, &user)?;
            self.session.impersonate(caller, database, nesting);
        }
        let count =
            |runner: &Self| runner.session.exec.borrow().transaction.as_ref().map_or(0, |open| open.count);
        let before = count(self);
        let outside = std::mem::replace(&mut self.procedure, (name.clone(), id));
        let status = self.nested(&mut inner, Some(database), chain).await;
        self.procedure = outside;
        let status = status?;
        let after = count(self);
        if before != after && chain != Chain::System {
            let mut mismatch = error(266, 2, &[&before, &after]);
            mismatch.procedure = name.to_string();
            if self.tries > 0 {
                return Err(mismatch.into());
            }
            mismatch.line = self.line;
            super::note_error(self.session, &mismatch);
            self.sink.message(&mismatch);
        }
        Ok(Returned { status, outputs: outputs_of(&program, &given, &positions, &inner) })
    }

    /// sp_executesql.
    async fn execute_sql(&mut self, mut given: Vec<Given>) -> Result<Returned, Failure> {
        if given.is_empty() {
            return Err(error(201, 10, &[&"sp_executesql", &"@statement"]).into());
        }
        let text = text_argument(given.remove(0), "@statement")?;
        let declarations =
            if given.is_empty() { "".into() } else { text_argument(given.remove(0), "@params")? };
        let program = self.parse(&declarations, &text)?;
        let mut inner = Activation::new(program.clone());
        let positions = bind_parameters(&program, &"".into(), &given, &mut inner.values)?;
        let status = self.nested(&mut inner, None, Chain::Caller).await?;
        let mut outputs = outputs_of(&program, &given, &positions, &inner);
        for (at, ..) in &mut outputs {
            *at += 2;
        }
        Ok(Returned { status, outputs })
    }

    /// sp_prepare, sp_execute, sp_prepexec, sp_unprepare.
    async fn prepared(&mut self, which: &str, mut given: Vec<Given>) -> Result<Returned, Failure> {
        if given.is_empty() {
            return Err(error(201, 10, &[&which, &"@handle"]).into());
        }
        let handle = given.remove(0);
        let number = |given: &Given| match &given.value {
            Some((Value::Int(n), _)) => i32::try_from(*n).unwrap_or(0),
            _ => 0,
        };
        match which {
            "sp_unprepare" => {
                let handle = number(&handle);
                let found = self.session.exec.borrow_mut().prepared.remove(&handle);
                found.ok_or_else(|| error(8179, 2, &[&handle]))?;
                Ok(Returned { status: 0, outputs: Vec::new() })
            }
            "sp_execute" => {
                let handle = number(&handle);
                let found = self.session.exec.borrow().prepared.get(&handle).cloned();
                let program = found.ok_or_else(|| error(8179, 2, &[&handle]))?.program;
                let mut inner = Activation::new(program.clone());
                let positions = bind_parameters(&program, &"".into(), &given, &mut inner.values)?;
                let status = self.nested(&mut inner, None, Chain::Caller).await?;
                let mut outputs = outputs_of(&program, &given, &positions, &inner);
                for (at, ..) in &mut outputs {
                    *at += 1;
                }
                Ok(Returned { status, outputs })
            }
            _ => {
                if given.len() < 2 {
                    return Err(error(201, 10, &[&which, &"@stmt"]).into());
                }
                let declarations = text_argument(given.remove(0), "@params")?;
                let text = text_argument(given.remove(0), "@stmt")?;
                let program = self.parse(&declarations, &text)?;
                let handle = {
                    let mut state = self.session.exec.borrow_mut();
                    state.last_handle += 1;
                    let handle = state.last_handle;
                    state.prepared.insert(handle, Prepared { program: program.clone() });
                    handle
                };
                let mut outputs = Vec::new();
                let mut status = 0;
                if which == "sp_prepexec" {
                    let mut inner = Activation::new(program.clone());
                    let positions = bind_parameters(&program, &"".into(), &given, &mut inner.values)?;
                    status = self.nested(&mut inner, None, Chain::Caller).await?;
                    outputs = outputs_of(&program, &given, &positions, &inner);
                    for (at, ..) in &mut outputs {
                        *at += 3;
                    }
                }
                outputs.insert(0, (0, Value::Int(handle.into()), DataType::Int));
                Ok(Returned { status, outputs })
            }
        }
    }

    // ---- RPC ------------------------------------------------------------------------

    /// A procedure call of a client.
    pub(super) async fn rpc(&mut self, request: &RpcRequest) -> Result<(), Failure> {
        self.kind = DoneKind::InProcedure;
        let Some(name) = request.procedure.name() else {
            return Err(error(40_510, 1, &[&"this procedure number"]).into());
        };
        let name = procedure_name(name)?;
        if same_name(&name.name, "sp_prepexecrpc") {
            return Err(error(40_510, 1, &[&name.name]).into());
        }
        let runs_text =
            ["sp_executesql", "sp_execute", "sp_prepexec"].iter().any(|known| same_name(known, &name.name));
        match request.params.first().map(|first| &first.value) {
            Some(Value::Text(text)) if same_name(&name.name, "sp_executesql") => {
                let declared = match request.params.get(1).map(|second| &second.value) {
                    Some(Value::Text(declared)) if !declared.is_empty() => format!("({declared})"),
                    _ => String::new(),
                };
                self.session.asks(&format!("{declared}{text}"), true);
            }
            _ => self.session.asks(&name.to_string(), true),
        }
        let given = request.params.iter().map(given_by_client).collect();
        // The text inside sp_executesql is the client's own.
        let watched = self.is_client && !runs_text && self.instance.is_watched();
        let shown = watched.then(|| super::observe::Shown::procedure(self, &name.name));
        if let Some(shown) = &shown {
            self.instance.observe(shown.event(self.session, None)).await;
            self.session.exec.borrow_mut().first_error = 0;
        }
        let result = self.call(&name, given).await;
        if let Some(shown) = &shown {
            let outcome = match &result {
                Err(Failure::Error(e) | Failure::Stop(Stop::Thrown(e))) => e.number,
                _ => self.session.exec.borrow().first_error,
            };
            self.instance.observe(shown.event(self.session, Some(outcome))).await;
        }
        let returned = result?;
        self.sink.return_status(returned.status);
        for (at, value, data_type) in &returned.outputs {
            let Some(parameter) = request.params.get(*at).filter(|parameter| parameter.is_output) else {
                continue;
            };
            let to = if runs_text && *at > 0 { parameter.data_type } else { *data_type };
            let value = convert::implicit(value, *data_type, to)?;
            let column =
                ColumnMeta { name: parameter.name.clone(), data_type: to, nullable: true, identity: false };
            self.sink.return_value(u16::try_from(*at).unwrap_or(u16::MAX), &column, &value);
        }
        let in_transaction = self.session.state.borrow().open_transactions > 0;
        self.sink.done(Done {
            kind: DoneKind::Procedure,
            command: 0xE0,
            row_count: None,
            is_error: false,
            in_transaction,
        });
        Ok(())
    }
}

/// The parts of a concatenation: inside `EXECUTE ( … )` each of them is text, whatever its type.
fn concatenated<'e>(part: &'e Expr, into: &mut Vec<&'e Expr>) {
    match part {
        Expr::Binary(crate::tsql::ast::BinaryOperator::Add, left, right) => {
            concatenated(left, into);
            concatenated(right, into);
        }
        other => into.push(other),
    }
}

fn given_by_client(parameter: &RpcParam) -> Given {
    Given {
        name: (!parameter.name.is_empty()).then(|| parameter.name.to_ascii_lowercase().into()),
        value: (!parameter.is_default).then(|| (parameter.value.clone(), parameter.data_type)),
        output: parameter.is_output,
    }
}

/// The name of a procedure in a text.
fn procedure_name(text: &str) -> SqlResult<ObjectName> {
    let program = tsql::parse("", &format!("EXEC {text}"), true, &tsql::NoTypes)
        .map_err(|_| error(2812, 62, &[&text]))?;
    match program.code.first() {
        Some(crate::tsql::ast::Instruction::Statement(crate::tsql::ast::Statement {
            kind:
                crate::tsql::ast::StatementKind::Execute(Execute { procedure: ProcedureName::Name(name), .. }),
            ..
        })) => Ok(name.clone()),
        _ => Err(error(2812, 62, &[&text])),
    }
}

pub(super) fn text_argument(given: Given, name: &str) -> SqlResult<Rc<str>> {
    match given.value {
        Some((Value::Text(text), _)) => Ok(text),
        Some((Value::Null, _)) | None => Ok("".into()),
        Some(_) => Err(error(214, 2, &[&name, &"ntext/nchar/nvarchar"])),
    }
}

type BoundArguments = (Vec<Value>, Vec<bool>, Vec<usize>);

/// Binds arguments to the declared parameters of a procedure in Rust: values, which were given, and positions.
fn bind_rust(procedure: &Procedure, given: &[Given]) -> SqlResult<BoundArguments> {
    let declared = procedure.parameters;
    let mut values: Vec<Option<Value>> = vec![None; declared.len()];
    let mut is_given = vec![false; declared.len()];
    let mut positions = Vec::with_capacity(given.len());
    let of_procedure = |mut e: crate::SqlError| {
        procedure.name.clone_into(&mut e.procedure);
        e
    };
    for (at, argument) in given.iter().enumerate() {
        let position = match &argument.name {
            Some(name) => declared
                .iter()
                .position(|parameter| same_name(parameter.name, name))
                .ok_or_else(|| of_procedure(error(8145, 1, &[name, &procedure.name])))?,
            None if declared.is_empty() => return Err(of_procedure(error(8146, 1, &[&procedure.name]))),
            None if at >= declared.len() => return Err(of_procedure(error(8144, 2, &[&procedure.name]))),
            None => at,
        };
        positions.push(position);
        if let Some((value, from)) = &argument.value {
            let converted =
                convert::implicit(value, *from, declared[position].data_type).map_err(of_procedure)?;
            values[position] = Some(converted);
            is_given[position] = true;
        }
    }
    let mut bound = Vec::with_capacity(declared.len());
    for (parameter, value) in declared.iter().zip(values) {
        bound.push(match (value, parameter.default) {
            (Some(value), _) => value,
            (None, DefaultValue::Null) => Value::Null,
            (None, DefaultValue::Int(n)) if parameter.data_type == DataType::Bit => Value::Bit(n != 0),
            (None, DefaultValue::Int(n)) => Value::Int(n),
            (None, DefaultValue::Text(text)) => Value::text(text),
            (None, DefaultValue::Required) => {
                return Err(of_procedure(error(201, 4, &[&procedure.name, &parameter.name])));
            }
        });
    }
    Ok((bound, is_given, positions))
}

/// Binds arguments to the parameters of a program; gives the slot of each argument.
pub(super) fn bind_parameters(
    program: &Program,
    name: &Rc<str>,
    given: &[Given],
    values: &mut [Value],
) -> SqlResult<Vec<usize>> {
    let declared = &program.variables[..program.parameter_count];
    let mut slots = Vec::with_capacity(given.len());
    let mut supplied = vec![false; declared.len()];
    for (at, argument) in given.iter().enumerate() {
        let slot = match &argument.name {
            Some(wanted) => declared
                .iter()
                .position(|parameter| same_name(&parameter.name, wanted))
                .ok_or_else(|| error(8145, 2, &[wanted, name]))?,
            None if at >= declared.len() && declared.is_empty() && !name.is_empty() => {
                return Err(error(8146, 2, &[name]));
            }
            None if at >= declared.len() => return Err(error(8144, 2, &[name])),
            None => at,
        };
        slots.push(slot);
        if let Some((value, from)) = &argument.value {
            values[slot] = convert::implicit(value, *from, declared[slot].data_type)?;
            supplied[slot] = true;
        }
    }
    for (parameter, supplied) in declared.iter().zip(supplied) {
        if !supplied && parameter.default.is_none() && !parameter.output {
            if name.is_empty() {
                let signature = declared.iter().map(|p| &*p.name).collect::<Vec<_>>().join(",");
                return Err(error(8178, 1, &[&format!("({signature})"), &parameter.name]));
            }
            return Err(error(201, 4, &[name, &parameter.name]));
        }
    }
    for (value, parameter) in values.iter_mut().zip(declared) {
        // Defaults are written as constants of any type.
        let from = match value {
            Value::Int(_) => DataType::BigInt,
            Value::Decimal(d) => d.literal_type(),
            Value::Text(_) if !parameter.data_type.is_text() => super::functions::TEXT,
            _ => continue,
        };
        *value = convert::implicit(value, from, parameter.data_type)?;
    }
    Ok(slots)
}

fn outputs_of(
    program: &Program,
    given: &[Given],
    slots: &[usize],
    inner: &Activation,
) -> Vec<(usize, Value, DataType)> {
    let mut outputs = Vec::new();
    for (at, (argument, slot)) in given.iter().zip(slots).enumerate() {
        let parameter = &program.variables[*slot];
        if argument.output && parameter.output {
            outputs.push((at, inner.values[*slot].clone(), parameter.data_type));
        }
    }
    outputs
}
