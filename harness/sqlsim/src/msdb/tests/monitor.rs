//! A monitor on a server of its own, reached over the network.

use super::*;
use crate::catalog::tests::{server, simulated_time};
use crate::network::{Network, Stream};
use crate::session::collecting::CollectedSet;
use std::cell::Cell;
use std::io;
use std::rc::Rc;

/// A network in which there is one server.
#[derive(Debug)]
struct WayTo {
    name: &'static str,
    server: Instance,
    is_open: Cell<bool>,
}

#[async_trait::async_trait(?Send)]
impl Network for WayTo {
    async fn connect(&self, host: &str, port: u16) -> io::Result<Box<dyn Stream>> {
        if !self.is_open.get() || host != self.name || port != 1433 {
            return Err(io::ErrorKind::HostUnreachable.into());
        }
        let (here, there) = tokio::io::duplex(1 << 16);
        let server = self.server.clone();
        tokio::task::spawn_local(async move { server.serve(there).await });
        Ok(Box::new(here))
    }
}

/// A secondary whose monitor is another server, which is called by `password`.
struct Pair {
    secondary: Instance,
    monitor: Instance,
    way: Rc<WayTo>,
}

impl Pair {
    fn of(clock: &crate::Clock) -> Self {
        let monitor = server("SQL-M", clock, Rc::new(crate::network::NoNetwork));
        let way = Rc::new(WayTo { name: "SQL-M", server: monitor.clone(), is_open: Cell::new(true) });
        Self { secondary: server("SQL-B1", clock, way.clone()), monitor, way }
    }

    async fn register(&self, client: &Client<'_>, password: &str) -> (Option<i32>, Option<i32>) {
        let mut arguments = vec![
            ("@primary_server", text("SQL-A1")),
            ("@primary_database", text("mgc")),
            ("@backup_source_directory", text(r"D:\backup")),
            ("@backup_destination_directory", text(r"D:\ship")),
            ("@copy_job_name", text("copy")),
            ("@restore_job_name", text("restore")),
            ("@monitor_server", text("SQL-M")),
            ("@monitor_server_security_mode", Value::Bit(false)),
            ("@monitor_server_login", text("sa")),
            ("@monitor_server_password", text(password)),
        ];
        let first = client.call("sp_add_log_shipping_secondary_primary", &arguments).await;
        if first.status != Ok(0) {
            return first.outcome();
        }
        arguments.truncate(2);
        arguments.push(("@secondary_database", text("mgc")));
        client.call("sp_add_log_shipping_secondary_database", &arguments).await.outcome()
    }

    async fn on_the_monitor(&self, query: &str) -> CollectedSet {
        let session = self.monitor.open_session(Introduction::of_service("tests", "here")).unwrap();
        let mut sink = CollectingSink::new();
        crate::exec::batch(&self.monitor, session.session(), query, &mut sink).await;
        sink.into_first_set().unwrap()
    }
}

#[test]
fn a_remote_monitor_gets_the_secondarys_row_its_history_and_loses_both_with_it() {
    simulated_time(async |clock| {
        let pair = Pair::of(&clock);
        let client = Client::of(&pair.secondary, true);
        assert_eq!(pair.register(&client, "pass-W0rd").await, (Some(0), None));
        let rows = "SELECT secondary_server, primary_server FROM msdb.dbo.log_shipping_monitor_secondary";
        let found = pair.on_the_monitor(rows).await.rows;
        assert_eq!(found[0].to_vec(), [text("SQL-B1"), text("SQL-A1")]);
        client.run_job("copy").await;
        let history = "SELECT session_status FROM msdb.dbo.log_shipping_monitor_history_detail";
        assert_eq!(pair.on_the_monitor(history).await.rows.len(), 1);
        let delete = [("@secondary_database", text("mgc"))];
        let deleted = client.call("sp_delete_log_shipping_secondary_database", &delete).await;
        assert_eq!(deleted.outcome(), (Some(0), None));
        assert!(pair.on_the_monitor(rows).await.rows.is_empty());
        assert!(pair.on_the_monitor(history).await.rows.is_empty());
    });
}

#[test]
fn a_monitor_that_refuses_the_login_stops_the_set_up_before_anything_is_changed() {
    simulated_time(async |clock| {
        let pair = Pair::of(&clock);
        let client = Client::of(&pair.secondary, true);
        assert_eq!(pair.register(&client, "wrong").await, (Some(1), Some(32_054)));
        assert!(client.all(&LOG_SHIPPING_SECONDARY).await.is_empty());
        assert!(client.all(&SYSJOBS).await.is_empty());
    });
}

#[test]
fn a_job_whose_monitor_is_gone_succeeds_with_a_warning() {
    simulated_time(async |clock| {
        let pair = Pair::of(&clock);
        let client = Client::of(&pair.secondary, true);
        pair.register(&client, "pass-W0rd").await;
        pair.way.is_open.set(false);
        assert_eq!(client.run_job("copy").await.0, 1);
        let lines = client.all(&LOG_SHIPPING_MONITOR_HISTORY_DETAIL).await;
        assert_eq!(lines.last().map(|line| line.int("session_status")), Some(4));
        let errors = client.all(&LOG_SHIPPING_MONITOR_ERROR_DETAIL).await;
        assert!(errors[0].text("message").contains("establishing a link to the remote monitor server"));
    });
}
