//! What a client can ask for that tiberius does not send: bytes put together here (MS-TDS 2.2.6.4, 2.2.3.1.2).

use crate::support::{connect, connect_with, sign_in, simulated, stream_to};
use sqlsim::Instance;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

const ERROR: u8 = 0xAA;
const LOGIN_ACK: u8 = 0xAD;
const FEATURE_ACK: u8 = 0xAE;

/// A token of an answer: its type and what is behind its length.
type Token = (u8, Vec<u8>);

struct Raw {
    stream: DuplexStream,
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A LOGIN7 of sa. `flags_3` has 1 for a change of the password, 0x10 for features.
fn login7(flags_3: u8, new_password: &str, features: &[u8]) -> Vec<u8> {
    let scrambled =
        |text: &str| utf16(text).into_iter().map(|b| b.rotate_left(4) ^ 0xA5).collect::<Vec<u8>>();
    let mut fixed = vec![0; 94];
    fixed[4..8].copy_from_slice(&0x7400_0004_u32.to_le_bytes());
    fixed[8..12].copy_from_slice(&4096_u32.to_le_bytes());
    fixed[27] = flags_3;
    let mut data = Vec::new();
    let mut put = |fixed: &mut Vec<u8>, at: usize, bytes: &[u8], count: usize| {
        let offset = u16::try_from(94 + data.len()).expect("small");
        fixed[at..at + 2].copy_from_slice(&offset.to_le_bytes());
        fixed[at + 2..at + 4].copy_from_slice(&u16::try_from(count).expect("small").to_le_bytes());
        data.extend_from_slice(bytes);
    };
    put(&mut fixed, 40, &utf16("sa"), 2);
    put(&mut fixed, 44, &scrambled("pass-W0rd"), 9);
    put(&mut fixed, 86, &scrambled(new_password), new_password.len());
    // Where the features begin stands in four bytes of its own.
    put(&mut fixed, 56, &[0; 4], 4);
    let length = data.len();
    data[length - 4..].copy_from_slice(&u32::try_from(94 + length).expect("small").to_le_bytes());
    data.extend_from_slice(features);
    let mut message = [fixed, data].concat();
    let length = u32::try_from(message.len()).expect("small");
    message[..4].copy_from_slice(&length.to_le_bytes());
    message
}

impl Raw {
    fn new(instance: &Instance) -> Self {
        Self { stream: stream_to(instance) }
    }

    /// Sends a message in one packet and reads the answer.
    async fn send(&mut self, kind: u8, status: u8, payload: &[u8]) -> Vec<Token> {
        let length = u16::try_from(payload.len() + 8).expect("one packet").to_be_bytes();
        let packet = [&[kind, status | 1, length[0], length[1], 0, 0, 1, 0], payload].concat();
        self.stream.write_all(&packet).await.expect("an open stream");
        let mut answer = Vec::new();
        loop {
            let mut header = [0; 8];
            self.stream.read_exact(&mut header).await.expect("an answer");
            let mut body = vec![0; usize::from(u16::from_be_bytes([header[2], header[3]])) - 8];
            self.stream.read_exact(&mut body).await.expect("a whole packet");
            answer.extend_from_slice(&body);
            if header[1] & 1 == 1 {
                return tokens(&answer);
            }
        }
    }

    /// Runs a batch that gives no rows.
    async fn batch(&mut self, status: u8, text: &str) -> Vec<Token> {
        // ALL_HEADERS: no transaction, one request.
        let mut payload = vec![22, 0, 0, 0, 18, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0];
        payload.extend(utf16(text));
        self.send(1, status, &payload).await
    }
}

fn tokens(answer: &[u8]) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = answer;
    while let [kind, behind @ ..] = rest {
        let (body, after) = match kind {
            0xFD..=0xFF => behind.split_at(12),
            0x79 => behind.split_at(4),
            _ => {
                let length = usize::from(u16::from_le_bytes([behind[0], behind[1]]));
                behind[2..].split_at(length)
            }
        };
        found.push((*kind, body.to_vec()));
        rest = after;
    }
    found
}

/// The numbers of the errors in an answer.
fn errors(answer: &[Token]) -> Vec<i32> {
    let number = |body: &[u8]| i32::from_le_bytes([body[0], body[1], body[2], body[3]]);
    answer.iter().filter(|(kind, _)| *kind == ERROR).map(|(_, body)| number(body)).collect()
}

fn has(answer: &[Token], kind: u8) -> bool {
    answer.iter().any(|(found, _)| *found == kind)
}

/// Whether an ENVCHANGE of that type is in the answer.
fn has_change(answer: &[Token], change: u8) -> bool {
    answer.iter().any(|(kind, body)| *kind == 0xE3 && body[0] == change)
}

#[test]
fn features_that_are_asked_for_are_not_acknowledged_and_do_no_harm() {
    simulated(async |instance| {
        // SESSIONRECOVERY, COLUMNENCRYPTION, UTF8_SUPPORT, USERAGENT, and one that nobody knows.
        let mut features = Vec::new();
        for (feature, data) in
            [(0x01, &[0; 4][..]), (0x04, &[3]), (0x0A, &[]), (0x10, b"agent"), (0x77, &[1, 2])]
        {
            features.push(feature);
            features.extend_from_slice(&u32::try_from(data.len()).expect("small").to_le_bytes());
            features.extend_from_slice(data);
        }
        features.push(0xFF);
        let answer = Raw::new(&instance).send(16, 0, &login7(0x10, "", &features)).await;
        assert_eq!(
            (errors(&answer), has(&answer, LOGIN_ACK), has(&answer, FEATURE_ACK)),
            (vec![], true, false)
        );
    });
}

#[test]
fn federated_authentication_is_refused() {
    simulated(async |instance| {
        let features = [2, 1, 0, 0, 0, 2, 0xFF];
        let answer = Raw::new(&instance).send(16, 0, &login7(0x10, "", &features)).await;
        assert_eq!((errors(&answer), has(&answer, LOGIN_ACK)), (vec![18452], false));
    });
}

#[test]
fn a_change_of_the_password_at_login_is_refused_and_changes_nothing() {
    simulated(async |instance| {
        let answer = Raw::new(&instance).send(16, 0, &login7(1, "An0ther-one", &[])).await;
        assert_eq!((errors(&answer), has(&answer, LOGIN_ACK)), (vec![18456], false));
        let log = instance.error_log().join("\n");
        assert!(log.contains("Changing the password while logging in is not supported."), "{log}");
        connect(&instance).await;
        assert!(connect_with(&instance, sign_in("An0ther-one")).await.is_err());
    });
}

#[test]
fn a_client_that_only_means_to_read_is_let_in() {
    simulated(async |instance| {
        let mut config = sign_in("pass-W0rd");
        config.readonly(true);
        let mut client = connect_with(&instance, config).await.expect("a login");
        let row = client.simple_query("SELECT 1").await.expect("an answer").into_row().await.expect("a row");
        assert_eq!(row.expect("one row").get::<i32, _>(0), Some(1));
    });
}

/// Leaves traces of every kind in a session.
const TRACES: &str = "CREATE TABLE #t (i int); SET LOCK_TIMEOUT 7; SET XACT_ABORT ON; SET DATEFIRST 3; \
     SET CONTEXT_INFO 0x01; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; USE msdb; BEGIN TRANSACTION";

/// Raises an error for each trace that is left.
const LOOK: &str = "IF OBJECT_ID('tempdb..#t') IS NOT NULL RAISERROR('a table', 16, 1); \
     IF @@LOCK_TIMEOUT <> -1 OR @@DATEFIRST <> 7 RAISERROR('SET options', 16, 1); \
     IF CONTEXT_INFO() IS NOT NULL RAISERROR('CONTEXT_INFO', 16, 1); \
     IF DB_NAME() <> 'master' RAISERROR('the database', 16, 1)";

#[test]
fn a_pooled_connection_is_reset_before_its_next_user() {
    simulated(async |instance| {
        for (status, transactions) in [(0x08, 0), (0x10, 1)] {
            let mut raw = Raw::new(&instance);
            raw.send(16, 0, &login7(0, "", &[])).await;
            assert_eq!(errors(&raw.batch(0, TRACES).await), []);
            assert_eq!(errors(&raw.batch(0, LOOK).await), [50_000; 4], "the traces can be seen");
            let look = format!("{LOOK}; IF @@TRANCOUNT <> {transactions} RAISERROR('a transaction', 16, 1)");
            let answer = raw.batch(status, &look).await;
            assert_eq!(errors(&answer), [], "status {status:#x}");
            assert!(has_change(&answer, 18), "the reset is acknowledged");
            assert!(has_change(&answer, 1), "the client learns of the database");
            assert_eq!(has_change(&answer, 10), transactions == 0, "the rollback is told");
        }
    });
}

#[test]
fn a_reset_that_cannot_go_back_to_the_database_of_the_login_ends_the_connection() {
    simulated(async |instance| {
        let mut other = connect(&instance).await;
        other
            .simple_query("CREATE DATABASE d")
            .await
            .expect("a database")
            .into_results()
            .await
            .expect("made");
        let mut config = sign_in("pass-W0rd");
        config.database("d");
        drop(connect_with(&instance, config).await.expect("a login"));
        let mut raw = Raw::new(&instance);
        let mut login = login7(0, "", &[]);
        // DATABASE: one character behind the rest.
        let offset = u16::try_from(login.len()).expect("small").to_le_bytes();
        login[68..72].copy_from_slice(&[offset[0], offset[1], 1, 0]);
        login.extend(utf16("d"));
        let length = u32::try_from(login.len()).expect("small");
        login[..4].copy_from_slice(&length.to_le_bytes());
        raw.send(16, 0, &login).await;
        assert_eq!(errors(&raw.batch(0, "USE master").await), []);
        other
            .simple_query("DROP DATABASE d")
            .await
            .expect("nobody is in it")
            .into_results()
            .await
            .expect("gone");
        let answer = raw.batch(0x08, "PRINT 'x'").await;
        assert_eq!(errors(&answer).first(), Some(&4021));
    });
}

#[test]
fn bulk_load_is_refused_by_name_and_the_session_lives_on() {
    simulated(async |instance| {
        let mut raw = Raw::new(&instance);
        raw.send(16, 0, &login7(0, "", &[])).await;
        let answer = raw.send(7, 0, &[0x81, 0, 0]).await;
        assert_eq!(errors(&answer), [40_510]);
        assert_eq!(errors(&raw.batch(0, "PRINT 'x'").await), []);
    });
}

#[test]
fn a_table_valued_parameter_is_refused_by_name_and_the_session_lives_on() {
    simulated(async |instance| {
        let mut raw = Raw::new(&instance);
        raw.send(16, 0, &login7(0, "", &[])).await;
        // sp_executesql with one parameter of type 0xF3: no schema, type "t", no columns, no rows.
        let mut payload = vec![22, 0, 0, 0, 18, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0];
        payload.extend([0xFF, 0xFF, 10, 0, 0, 0, 0, 0, 0xF3, 0, 0, 1, b't', 0, 0xFF, 0xFF, 0, 0]);
        let answer = raw.send(3, 0, &payload).await;
        assert_eq!(errors(&answer), [40_510]);
        assert_eq!(errors(&raw.batch(0, "PRINT 'x'").await), []);
    });
}

#[test]
fn a_client_that_asks_for_mars_is_told_that_there_is_none() {
    simulated(async |instance| {
        let mut stream = stream_to(&instance);
        // PRELOGIN: VERSION, ENCRYPTION (not supported), MARS (wanted).
        let payload = [0, 0, 16, 0, 6, 1, 0, 22, 0, 1, 4, 0, 23, 0, 1, 0xFF, 9, 0, 0, 0, 0, 0, 2, 1];
        let packet = [&[18, 1, 0, 32, 0, 0, 1, 0], &payload[..]].concat();
        stream.write_all(&packet).await.expect("an open stream");
        let mut answer = vec![0; 8];
        stream.read_exact(&mut answer).await.expect("an answer");
        let mut body = vec![0; usize::from(u16::from_be_bytes([answer[2], answer[3]])) - 8];
        stream.read_exact(&mut body).await.expect("a whole packet");
        let mars = body.chunks(5).find(|option| option[0] == 4).expect("it says something about MARS");
        let at = usize::from(u16::from_be_bytes([mars[1], mars[2]]));
        assert_eq!(body[at], 0);
    });
}
