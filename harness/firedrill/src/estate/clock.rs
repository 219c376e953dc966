//! The estate's clock, as every part of the house wants it.

/// The estate's time.
#[derive(Clone, Debug)]
pub(crate) struct EstateClock(pub(crate) sqlsim::Clock);

impl failover::environment::Clock for EstateClock {
    fn utc_now(&self) -> jiff::Timestamp {
        self.0.utc_now()
    }
}

impl lyncshell::Clock for EstateClock {
    fn utc_now(&self) -> jiff::Timestamp {
        self.0.utc_now()
    }
}
