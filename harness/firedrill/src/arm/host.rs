//! One SQL Server of an estate, wherever it runs.

use crate::net::Network;
use async_trait::async_trait;
use sqlsim::Observer;
use sqlsim::network::Stream;
use std::io;
use std::rc::Rc;

/// A SQL Server's machine as the estate handles it.
#[async_trait(?Send)]
pub(crate) trait Host: std::fmt::Debug {
    /// Whether it has power.
    fn is_running(&self) -> bool;

    /// A stream to its TDS port past every link: the judge's and the stage hand's way.
    async fn connect(&self) -> io::Result<Box<dyn Stream>>;

    /// Accepts, on the estate's network, what the links carry to it.
    ///
    /// # Errors
    /// When an address is taken.
    fn listen(&self, network: &Network) -> io::Result<()>;

    /// Who is shown the statements that reach it over links.
    fn watch(&self, observer: Rc<dyn Observer>);

    /// Cuts its power: SIGKILL, or the nearest thing that the arm has.
    async fn power_off(&self) -> io::Result<()>;

    /// Gives it its power back; returns when it answers.
    async fn power_on(&self) -> io::Result<()>;

    /// Stops it in the middle of whatever it does, its connections open. Links hold what is sent to it anyway.
    async fn pause(&self) -> io::Result<()> {
        Ok(())
    }

    /// Lets it go on.
    async fn go_on(&self) -> io::Result<()> {
        Ok(())
    }

    /// Ends it in good order, as an administrator does; its machine is off afterwards.
    async fn shut_down(&self) -> io::Result<()>;

    /// The drill is over.
    fn tear_down(&self);

    /// The user id as which the server writes files, where that is another process's.
    fn writes_as(&self) -> Option<u32> {
        None
    }

    /// The simulated server behind it, if it runs in this process.
    fn instance(&self) -> Option<sqlsim::Instance> {
        None
    }
}
