//! Getting in, and being kept out.

use crate::support::{connect, connect_with, sign_in, simulated, stream_to, told};
use sqlsim::session::{Endpoint, Limits};
use tiberius::{AuthMethod, EncryptionLevel};
use tokio_util::compat::TokioAsyncReadCompatExt;

#[test]
fn a_wrong_password_is_18456_and_only_the_error_log_says_why() {
    simulated(async |instance| {
        let error = connect_with(&instance, sign_in("wrong")).await.expect_err("a wrong password");
        assert_eq!(told(&error), Some((18456, 14, 1)));
        let log = instance.error_log().join("\n");
        assert!(log.contains("Error: 18456, Severity: 14, State: 8."), "{log}");
        assert!(log.contains("2026-03-01 19:00:00.00 Logon"), "{log}");
    });
}

#[test]
fn an_unknown_login_looks_to_the_client_like_a_wrong_password() {
    simulated(async |instance| {
        let mut config = sign_in("pass-W0rd");
        config.authentication(AuthMethod::sql_server("rtcuser", "pass-W0rd"));
        let error = connect_with(&instance, config).await.expect_err("no such login");
        assert_eq!(told(&error), Some((18456, 14, 1)));
        assert!(instance.error_log().join("\n").contains("State: 5."));
    });
}

#[test]
fn a_database_that_is_not_there_is_4060() {
    simulated(async |instance| {
        let mut config = sign_in("pass-W0rd");
        config.database("mgc");
        let error = connect_with(&instance, config).await.expect_err("no such database");
        assert_eq!(told(&error), Some((4060, 11, 1)));
    });
}

#[test]
fn a_client_that_requires_encryption_is_refused() {
    simulated(async |instance| {
        let mut config = sign_in("pass-W0rd");
        config.encryption(EncryptionLevel::Required);
        assert!(connect_with(&instance, config).await.is_err());
        assert!(instance.error_log().join("\n").contains("required encryption"));
    });
}

#[test]
fn bytes_that_are_no_protocol_close_the_connection() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    simulated(async |instance| {
        for hostile in
            [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x16, 3, 1, 0, 5, 1, 2, 3], &[18, 1, 0, 9, 0, 0, 1, 0, 0]]
        {
            let mut stream = stream_to(&instance);
            stream.write_all(hostile).await.expect("room");
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.expect("the end");
            assert!(answer.is_empty());
        }
    });
}

#[test]
fn a_login_that_never_comes_is_given_up() {
    use tokio::io::AsyncReadExt;
    simulated(async |instance| {
        let mut stream = stream_to(&instance);
        assert_eq!(stream.read_to_end(&mut Vec::new()).await.expect("the end"), 0);
        assert!(instance.error_log().join("\n").contains("took too long"));
    });
}

#[test]
fn a_machine_without_power_breaks_its_connections_and_takes_no_others() {
    simulated(async |instance| {
        let mut client = connect(&instance).await;
        instance.power_off();
        assert!(client.simple_query("SELECT 1").await.is_err());
        assert!(connect_with(&instance, sign_in("pass-W0rd")).await.is_err());
        instance.power_on();
        connect(&instance).await;
    });
}

proptest::proptest! {
    #[test]
    fn whatever_a_stranger_sends_the_server_goes_on(
        messages in proptest::collection::vec(
            (0_u8..20, proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)),
            1..6,
        )
    ) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        simulated(async |instance| {
            let (mut stranger, there) = tokio::io::duplex(1 << 16);
            for (kind, payload) in &messages {
                let length = u16::try_from(payload.len() + 8).expect("small").to_be_bytes();
                let packet = [&[*kind, 1, length[0], length[1], 0, 0, 1, 0], payload.as_slice()].concat();
                stranger.write_all(&packet).await.expect("room");
            }
            stranger.shutdown().await.expect("an open stream");
            // A panic of the server would end the test here.
            instance.serve(there).await;
            let mut answer = Vec::new();
            let _ = stranger.read_to_end(&mut answer).await;
            connect(&instance).await;
        });
    }
}

/// A stream to a listener with these limits, from this address.
fn stream_at(
    instance: &sqlsim::Instance,
    endpoint: &std::rc::Rc<Endpoint>,
    address: &'static str,
) -> tokio::io::DuplexStream {
    let (here, there) = tokio::io::duplex(1 << 16);
    let (instance, endpoint) = (instance.clone(), std::rc::Rc::clone(endpoint));
    tokio::task::spawn_local(async move { instance.serve_at(&endpoint, address, there).await });
    here
}

#[test]
fn one_session_too_many_is_17809_and_a_closed_one_makes_room() {
    simulated(async |instance| {
        // An endpoint's limit is one session; the server's own count too, and Agent is off here.
        let limits = Limits { sessions_max: 1, ..Limits::default() };
        let endpoint = std::rc::Rc::new(Endpoint::default().with_limits(limits));
        let connect = async || {
            let stream = stream_at(&instance, &endpoint, "192.0.2.1");
            Box::pin(tiberius::Client::connect(sign_in("pass-W0rd"), stream.compat())).await
        };
        let first = connect().await.expect("room");
        let error = connect().await.expect_err("no room");
        assert_eq!(told(&error), Some((17809, 20, 1)));
        let log = instance.error_log().join("\n");
        assert!(log.contains("maximum number of '1' user connections"), "{log}");
        drop(first);
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        connect().await.expect("room again");
    });
}

#[test]
fn an_address_whose_logins_keep_failing_has_to_wait_and_others_do_not() {
    simulated(async |instance| {
        let endpoint = std::rc::Rc::new(Endpoint::default());
        let sign_in_from = async |address: &'static str, password: &str| {
            let began = tokio::time::Instant::now();
            let stream = stream_at(&instance, &endpoint, address);
            let connected = Box::pin(tiberius::Client::connect(sign_in(password), stream.compat())).await;
            (connected.is_ok(), began.elapsed().as_millis())
        };
        let mut waits_ms = Vec::new();
        for _ in 0..6 {
            let (signed_in, wait_ms) = sign_in_from("192.0.2.1", "wrong").await;
            assert!(!signed_in);
            waits_ms.push(wait_ms);
        }
        assert_eq!(waits_ms, [0, 0, 0, 250, 500, 1000]);
        assert_eq!(sign_in_from("192.0.2.2", "pass-W0rd").await, (true, 0));
        assert_eq!(sign_in_from("192.0.2.1", "pass-W0rd").await, (true, 2000));
        assert_eq!(sign_in_from("192.0.2.1", "pass-W0rd").await, (true, 0));
        let log = instance.error_log().join("\n");
        assert!(log.contains("State: 8.") && log.contains("[CLIENT: 192.0.2.1]"), "{log}");
    });
}

#[test]
fn connections_that_do_not_sign_in_are_bounded() {
    use tokio::io::AsyncReadExt;
    simulated(async |instance| {
        let limits = Limits { strangers_max: 2, ..Limits::default() };
        let endpoint = std::rc::Rc::new(Endpoint::default().with_limits(limits));
        let waiting = [(); 2].map(|()| stream_at(&instance, &endpoint, "192.0.2.1"));
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        let mut third = stream_at(&instance, &endpoint, "192.0.2.1");
        let began = tokio::time::Instant::now();
        assert_eq!(third.read(&mut [0; 1]).await.expect("the end"), 0);
        // Whoever is let in and says nothing is closed too, but a minute later.
        assert_eq!(began.elapsed(), std::time::Duration::ZERO, "closed at once");
        drop(waiting);
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        let stream = stream_at(&instance, &endpoint, "192.0.2.1");
        Box::pin(tiberius::Client::connect(sign_in("pass-W0rd"), stream.compat())).await.expect("room again");
    });
}

#[test]
fn a_message_longer_than_a_login_may_be_is_refused_before_the_login() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    simulated(async |instance| {
        let mut stream = stream_to(&instance);
        let mut packet = vec![16, 0, 0x40, 0, 0, 0, 1, 0];
        packet.resize(0x4000, 0);
        // Nine packets of 16 KiB are more than 128 KiB; the server closes before it has them all.
        for _ in 0..9 {
            if stream.write_all(&packet).await.is_err() {
                break;
            }
        }
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(answer.is_empty());
        let log = instance.error_log().join("\n");
        assert!(log.contains("the request is larger than the limit of 131071"), "{log}");
    });
}
