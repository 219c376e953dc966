//! What a listener knows before anybody has signed in: encryption, limits, and who failed lately.
//!
//! The server itself has no cryptography: whoever owns the socket hands in a
//! [`Tls`], which turns a stream of bytes into an encrypted one. What is agreed
//! with a client follows MS-TDS 2.2.6.5 (PRELOGIN, "Encryption").

use crate::network::Stream;
use crate::tds::prelogin::Encryption;
use async_trait::async_trait;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;
use std::{fmt, io};
use tokio::time::Instant;

/// Whether a listener encrypts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EncryptionPolicy {
    /// Never; a client that wants it is told that there is none.
    #[default]
    Off,
    /// As the client wishes: everything, the login only, or nothing when it cannot. TDS 8.0 is taken too.
    Optional,
    /// Everything; a client that cannot is closed. TDS 8.0 is taken too.
    Required,
    /// TDS 8.0 only: TLS comes before PRELOGIN.
    Strict,
}

/// How the handshake begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// TDS 7.x: after PRELOGIN, in packets of type 0x12. TLS 1.2 at most, since the records that
    /// TLS 1.3 sends after the handshake would lie half inside and half outside of packets.
    InsidePackets,
    /// TDS 8.0: at once, with ALPN `tds/8.0`.
    First,
}

/// The server's side of TLS.
#[async_trait(?Send)]
pub trait Tls: fmt::Debug {
    /// Carries out the handshake.
    ///
    /// # Errors
    /// As the handshake fails: the stream is of no use then.
    async fn accept(&self, stream: Box<dyn Stream>, handshake: Handshake) -> io::Result<Box<dyn Encrypted>>;
}

/// A stream that is encrypted.
pub trait Encrypted: Stream {
    /// The stream below. TDS 7.x goes on in clear text behind an encrypted login.
    fn into_plain(self: Box<Self>) -> Box<dyn Stream>;
}

/// What a client and a listener agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Agreed {
    /// Everything in clear text.
    Nothing,
    /// LOGIN7 alone is encrypted.
    Login,
    /// Everything is encrypted.
    Everything,
    /// The two cannot work together.
    Refused,
}

/// Bounds on what strangers and clients can take from a listener's server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Signed-in sessions at the same time; one more gets error 17809.
    pub sessions_max: usize,
    /// Connections that have not signed in yet; one more is closed at once.
    pub strangers_max: usize,
    /// Logins that may fail in a row from one address before the next one has to wait.
    pub free_failures: u32,
    /// The first wait; it doubles with each further failure.
    pub failure_delay: Duration,
    /// The longest wait.
    pub failure_delay_max: Duration,
    /// Time without a failure after which an address is forgiven.
    pub failure_memory: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions_max: 32_717,
            strangers_max: 256,
            free_failures: 3,
            failure_delay: Duration::from_millis(250),
            failure_delay_max: Duration::from_secs(15),
            failure_memory: Duration::from_mins(5),
        }
    }
}

/// Addresses whose failures are remembered.
const ADDRESSES_MAX: usize = 4096;

/// A listener. Connections that arrive at it share it.
#[derive(Debug, Default)]
pub struct Endpoint {
    policy: EncryptionPolicy,
    tls: Option<Rc<dyn Tls>>,
    limits: Limits,
    strangers: Cell<usize>,
    failures: RefCell<BTreeMap<Rc<str>, Failures>>,
}

#[derive(Debug)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Endpoint {
    /// A listener that encrypts as `policy` says.
    #[must_use]
    pub fn encrypting(policy: EncryptionPolicy, tls: Rc<dyn Tls>) -> Self {
        Self { policy, tls: Some(tls), ..Self::default() }
    }

    /// The same listener with other limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    pub(super) fn policy(&self) -> EncryptionPolicy {
        if self.tls.is_some() { self.policy } else { EncryptionPolicy::Off }
    }

    pub(super) fn tls(&self) -> Option<Rc<dyn Tls>> {
        self.tls.clone()
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What is answered to a client's wish, and what follows from the two.
    pub(super) fn agree(&self, wish: Encryption) -> (Encryption, Agreed) {
        use Encryption::{NotSupported, Off, On, Required};
        match (self.policy(), wish) {
            (EncryptionPolicy::Off, Off | NotSupported) => (NotSupported, Agreed::Nothing),
            (EncryptionPolicy::Off, On | Required) => (NotSupported, Agreed::Refused),
            (EncryptionPolicy::Optional, Off) => (Off, Agreed::Login),
            (EncryptionPolicy::Optional, NotSupported) => (NotSupported, Agreed::Nothing),
            (EncryptionPolicy::Optional | EncryptionPolicy::Required, On | Required) => {
                (On, Agreed::Everything)
            }
            (EncryptionPolicy::Required, Off) => (Required, Agreed::Everything),
            (EncryptionPolicy::Required, NotSupported) => (Required, Agreed::Refused),
            // PRELOGIN outside of TLS: this client does not speak TDS 8.0.
            (EncryptionPolicy::Strict, _) => (Required, Agreed::Refused),
        }
    }

    /// Counts a connection that has not signed in; `None` when there are too many.
    pub(super) fn stranger(self: &Rc<Self>) -> Option<Stranger> {
        let count = self.strangers.get();
        (count < self.limits.strangers_max).then(|| {
            self.strangers.set(count + 1);
            Stranger(Rc::clone(self))
        })
    }

    /// How long a login from this address has to wait.
    pub(super) fn delay(&self, address: &str) -> Duration {
        let failures = self.failures.borrow();
        let Some(found) = failures.get(address).filter(|found| self.is_remembered(found)) else {
            return Duration::ZERO;
        };
        let Some(doublings) = found.count.checked_sub(self.limits.free_failures) else {
            return Duration::ZERO;
        };
        self.limits
            .failure_delay
            .saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX))
            .min(self.limits.failure_delay_max)
    }

    /// Remembers that a login from this address failed.
    pub(super) fn failed(&self, address: &str) {
        let now = Instant::now();
        let mut failures = self.failures.borrow_mut();
        failures.retain(|_, found| self.is_remembered(found));
        if failures.len() >= ADDRESSES_MAX && !failures.contains_key(address) {
            failures.pop_first();
        }
        let entry = failures.entry(address.into()).or_insert(Failures { count: 0, last: now });
        entry.count = entry.count.saturating_add(1);
        entry.last = now;
    }

    /// Forgives an address whose login succeeded.
    pub(super) fn succeeded(&self, address: &str) {
        self.failures.borrow_mut().remove(address);
    }

    fn is_remembered(&self, failures: &Failures) -> bool {
        failures.last.elapsed() < self.limits.failure_memory
    }
}

/// A connection that has not signed in yet, while it lives.
#[derive(Debug)]
pub(super) struct Stranger(Rc<Endpoint>);

impl Drop for Stranger {
    fn drop(&mut self) {
        self.0.strangers.set(self.0.strangers.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[derive(Debug)]
    struct NoTls;

    #[async_trait(?Send)]
    impl Tls for NoTls {
        async fn accept(&self, _: Box<dyn Stream>, _: Handshake) -> io::Result<Box<dyn Encrypted>> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    /// The table of MS-TDS 2.2.6.5: rows are what the client says, columns what the server is set to.
    #[rstest]
    #[case(Encryption::Off, EncryptionPolicy::Optional, Encryption::Off, Agreed::Login)]
    #[case(Encryption::Off, EncryptionPolicy::Required, Encryption::Required, Agreed::Everything)]
    #[case(Encryption::Off, EncryptionPolicy::Off, Encryption::NotSupported, Agreed::Nothing)]
    #[case(Encryption::On, EncryptionPolicy::Optional, Encryption::On, Agreed::Everything)]
    #[case(Encryption::On, EncryptionPolicy::Required, Encryption::On, Agreed::Everything)]
    #[case(Encryption::On, EncryptionPolicy::Off, Encryption::NotSupported, Agreed::Refused)]
    #[case(Encryption::NotSupported, EncryptionPolicy::Optional, Encryption::NotSupported, Agreed::Nothing)]
    #[case(Encryption::NotSupported, EncryptionPolicy::Required, Encryption::Required, Agreed::Refused)]
    #[case(Encryption::NotSupported, EncryptionPolicy::Off, Encryption::NotSupported, Agreed::Nothing)]
    #[case(Encryption::Required, EncryptionPolicy::Optional, Encryption::On, Agreed::Everything)]
    #[case(Encryption::Required, EncryptionPolicy::Off, Encryption::NotSupported, Agreed::Refused)]
    #[case(Encryption::Required, EncryptionPolicy::Strict, Encryption::Required, Agreed::Refused)]
    fn client_and_server_agree_as_the_protocol_says(
        #[case] wish: Encryption,
        #[case] policy: EncryptionPolicy,
        #[case] answer: Encryption,
        #[case] agreed: Agreed,
    ) {
        let endpoint = Endpoint::encrypting(policy, Rc::new(NoTls));
        assert_eq!(endpoint.agree(wish), (answer, agreed));
    }

    #[tokio::test(start_paused = true)]
    async fn logins_that_keep_failing_have_to_wait_ever_longer_and_are_forgiven() {
        let endpoint = Endpoint::default();
        let mut delays_ms = Vec::new();
        for _ in 0..12 {
            delays_ms.push(endpoint.delay("192.0.2.1").as_millis());
            endpoint.failed("192.0.2.1");
        }
        assert_eq!(delays_ms, [0, 0, 0, 250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
        assert_eq!(endpoint.delay("192.0.2.2"), Duration::ZERO, "others do not wait");
        tokio::time::advance(Duration::from_mins(5)).await;
        assert_eq!(endpoint.delay("192.0.2.1"), Duration::ZERO);
        endpoint.failed("192.0.2.1");
        assert_eq!(endpoint.failures.borrow()["192.0.2.1"].count, 1, "what is long ago does not count");
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_that_failed_are_not_remembered_without_bound() {
        let endpoint = Endpoint::default();
        for number in 0..ADDRESSES_MAX + 10 {
            endpoint.failed(&number.to_string());
        }
        assert_eq!(endpoint.failures.borrow().len(), ADDRESSES_MAX);
    }

    #[test]
    fn strangers_are_counted_while_they_live() {
        let endpoint =
            Rc::new(Endpoint::default().with_limits(Limits { strangers_max: 1, ..Limits::default() }));
        let first = endpoint.stranger();
        assert!(first.is_some() && endpoint.stranger().is_none());
        drop(first);
        assert!(endpoint.stranger().is_some());
    }
}
