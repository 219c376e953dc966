//! The mirroring endpoint's listener: there while CREATE ENDPOINT's endpoint is started, at its port.
//!
//! As on a real server, a statement about the endpoint succeeds whether or not its port is free: that it is
//! taken stands in the error log (9692), and is told to whoever serves.

use super::ACCEPT_PAUSE;
use crate::instance::Instance;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use tokio::net::TcpListener;

/// Connections at a time; each mirrored database has one, and one more while a partner comes back.
const CONNECTIONS_MAX: usize = 256;

/// Listens as long as it is polled. Must run inside a `LocalSet`.
pub(super) async fn listen(instance: &Instance, ip: IpAddr, say: &dyn Fn(&str)) {
    loop {
        let Some(port) = instance.mirroring_port() else {
            instance.endpoint_changed().await;
            continue;
        };
        let address = SocketAddr::new(ip, port);
        match TcpListener::bind(address).await {
            Ok(listener) => {
                instance.log_line("Server", &format!("Server is listening on [ {address} ]."));
                instance
                    .log_line("Server", "The Database Mirroring endpoint is now listening for connections.");
                say(&format!("mirroring endpoint listening on {address}"));
                accept(instance, &listener, port).await;
                instance.log_line(
                    "Server",
                    "The Database Mirroring endpoint has stopped listening for connections.",
                );
                say(&format!("mirroring endpoint at {address} has stopped"));
            }
            Err(error) => {
                refused(instance, address, &error);
                say(&format!(
                    "the mirroring endpoint cannot listen at {address}: {error}; nobody can be this server's \
                     partner; free the port, or name another one with ALTER ENDPOINT"
                ));
                instance.endpoint_changed().await;
            }
        }
    }
}

fn refused(instance: &Instance, address: SocketAddr, error: &io::Error) {
    let (number, text) = if error.kind() == io::ErrorKind::AddrInUse {
        let text = format!(
            "The Database Mirroring endpoint cannot listen on port {} because it is in use by another process.",
            address.port()
        );
        (9692, text)
    } else {
        let text = format!(
            "The Database Mirroring endpoint cannot listen for connections due to the following error: '{error}'."
        );
        (9693, text)
    };
    instance.log_line("Server", &format!("Error: {number}, Severity: 16, State: 1."));
    instance.log_line("Server", &text);
}

/// Takes connections until the endpoint is no longer started at this port.
async fn accept(instance: &Instance, listener: &TcpListener, port: u16) {
    let token = Rc::new(());
    loop {
        let accepted = tokio::select! {
            biased;
            () = instance.endpoint_changed() => {
                if instance.mirroring_port() == Some(port) {
                    continue;
                }
                return;
            }
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        if Rc::strong_count(&token) > CONNECTIONS_MAX {
            continue;
        }
        let (instance, token) = (instance.clone(), Rc::clone(&token));
        tokio::task::spawn_local(async move {
            // Without it every acknowledgement of a commit would wait for the next packet.
            if stream.set_nodelay(true).is_ok() {
                instance.serve_mirroring(stream).await;
            }
            drop(token);
        });
    }
}
