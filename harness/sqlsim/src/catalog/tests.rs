//! Every view answers, with the columns it declares.

use super::*;
use crate::engine::{Endpoint, EndpointRole, EndpointState};
use crate::session::open::Introduction;
use crate::store::memory_files::MemoryFiles;
use crate::value::{DataType, Length, Value};
use crate::{Clock, CostModel, InstanceConfig};

/// Runs `test` on a server of its own, as the simulated arm runs one.
pub(crate) fn simulated<T>(test: impl AsyncFnOnce(Instance) -> T) -> T {
    simulated_time(async |clock| test(server("SQL-B1", &clock, Rc::new(crate::network::NoNetwork))).await)
}

/// Runs `test` on one thread, with a paused clock and local tasks.
pub(crate) fn simulated_time<T>(test: impl AsyncFnOnce(Clock) -> T) -> T {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        test(Clock::starting_at("2013-11-01T10:00:00Z".parse().unwrap(), 60)).await
    })
}

/// A server with drives of its own.
pub(crate) fn server(name: &str, clock: &Clock, network: Rc<dyn crate::Network>) -> Instance {
    let files = Rc::new(MemoryFiles::new(clock, &['C', 'D']));
    for directory in [r"D:\data", r"D:\backup", r"D:\ship"] {
        files.make_directory(directory).unwrap();
    }
    let config = InstanceConfig {
        server_name: name.into(),
        host: format!("{}.litwareinc.com", name.to_lowercase()),
        sa_password: "pass-W0rd".into(),
        tds_port: 1433,
        data_directory: r"D:\data".into(),
        backup_directory: r"D:\backup".into(),
        agent_enabled: true,
        seed: 1,
        cost: CostModel::default(),
        product: crate::config::Product::default(),
    };
    Instance::start(config, clock.clone(), files, network, Rc::new(crate::observer::NoObserver))
}

/// Whether a value can stand in a column of this type.
fn fits(value: &Value, data_type: DataType) -> bool {
    match (value, data_type) {
        (Value::Null, _) | (_, DataType::SqlVariant) => true,
        (Value::Bit(_), DataType::Bit) | (Value::Real(_), DataType::Real) => true,
        (Value::Int(n), DataType::TinyInt) => (0..=255).contains(n),
        (Value::Int(n), DataType::SmallInt) => i16::try_from(*n).is_ok(),
        (Value::Int(n), DataType::Int) => i32::try_from(*n).is_ok(),
        (Value::Int(_), DataType::BigInt) => true,
        (Value::Decimal(_), DataType::Decimal { .. }) => true,
        (Value::Guid(_), DataType::UniqueIdentifier) => true,
        (Value::DateTime { .. }, DataType::DateTime) => true,
        (Value::Binary(b), DataType::VarBinary(Length::Upto(n)) | DataType::Binary(n)) => {
            b.len() <= usize::from(n)
        }
        (Value::Text(t), DataType::NVarChar(Length::Upto(n)) | DataType::VarChar(Length::Upto(n))) => {
            t.chars().count() <= usize::from(n)
        }
        (Value::Text(t), DataType::Char(n) | DataType::NChar(n)) => t.chars().count() <= usize::from(n),
        (Value::Text(_), DataType::NVarChar(Length::Max)) => true,
        _ => false,
    }
}

#[test]
fn every_view_gives_rows_of_the_types_it_declares() {
    simulated(async |instance| {
        let who = Introduction::of_service("tests", "here");
        let session = instance.open_session(who).unwrap();
        let mut engine = instance.0.engine.borrow_mut();
        engine.endpoint = Some(Endpoint {
            endpoint_id: 65_536,
            name: "Mirroring".into(),
            state: EndpointState::Started,
            port: 5022,
            role: EndpointRole::Partner,
            is_encryption_enabled: true,
            authentication: "WINDOWS NEGOTIATE".into(),
            certificate: None,
            algorithm: 2,
            connect: Vec::new(),
        });
        for view in views() {
            for database_id in [1, 4] {
                let context = ViewContext {
                    instance: &instance,
                    engine: &engine,
                    session: session.session(),
                    database_id,
                };
                let columns = view.columns();
                for row in view.rows(&context) {
                    assert_eq!(row.len(), columns.len(), "{}", view.name);
                    for (value, column) in row.iter().zip(columns.iter()) {
                        let place = format!("{}.{}: {value:?}", view.name, column.name);
                        assert!(fits(value, column.data_type), "{place} is no {:?}", column.data_type);
                        assert!(column.nullable || !value.is_null(), "{place} may not be NULL");
                    }
                }
            }
        }
    });
}

#[rstest::rstest]
#[case("sys", "databases", 80)]
#[case("SYS", "Dm_Exec_Sessions", 51)]
#[case("sys", "dm_exec_requests", 59)]
#[case("sys", "dm_exec_connections", 23)]
#[case("dbo", "sysprocesses", 32)]
#[case("sys", "database_mirroring", 21)]
#[case("sys", "database_mirroring_endpoints", 18)]
#[case("sys", "master_files", 31)]
#[case("sys", "database_recovery_status", 7)]
fn a_view_has_as_many_columns_as_the_manual_lists(
    #[case] schema: &str,
    #[case] name: &str,
    #[case] count: usize,
) {
    assert_eq!(view(schema, name).unwrap().columns().len(), count);
}

#[test]
fn a_catalog_view_does_not_answer_as_a_table_of_dbo() {
    assert!(view("dbo", "databases").is_none());
    assert!(view("sys", "no_such_view").is_none());
}

#[test]
fn a_restoring_database_shows_no_collation() {
    simulated(async |instance| {
        let session = instance.open_session(Introduction::of_service("tests", "here")).unwrap();
        let mut engine = instance.0.engine.borrow_mut();
        let before = show(&instance, &engine, session.session());
        engine.database_mut(3).unwrap().state = crate::engine::DatabaseState::Restoring;
        let after = show(&instance, &engine, session.session());
        assert_ne!(before, after);
        assert_eq!(after, [Value::Null, Value::text("RESTORING")]);
    });

    fn show(instance: &Instance, engine: &Engine, session: &Session) -> [Value; 2] {
        let found = view("sys", "databases").unwrap();
        let rows = found.rows(&ViewContext { instance, engine, session, database_id: 1 });
        let columns = found.columns();
        let at = |name: &str| columns.iter().position(|c| &*c.name == name).unwrap();
        let model = rows.iter().find(|row| row[0] == Value::text("model")).unwrap();
        [model[at("collation_name")].clone(), model[at("state_desc")].clone()]
    }
}
