//! The one network: machines, links between them, and the streams they carry.
//!
//! Everything that goes from machine to machine goes through here: TDS,
//! mirroring, share access, store replication. Links are keyed by (from, to)
//! and can be severed, delayed and repaired one way or both; a machine that
//! loses power resets its streams and answers nothing afterwards.

mod pipe;

pub use pipe::{Condition, End};

use pipe::Wire;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::rc::Rc;
use std::time::Duration;

/// Who accepts connections at a port.
pub type Listener = Rc<dyn Fn(End)>;

/// Who accepts connections at ports that are opened and closed while a machine runs; `None`: nobody does.
pub type PortListener = Rc<dyn Fn(u16) -> Option<Listener>>;

/// A machine's short name in lower case: `sql-b1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct Machine(Rc<str>);

impl Machine {
    /// The machine that a host name stands for, qualified or not.
    #[must_use]
    pub fn of(host: &str) -> Self {
        let short = host.split('.').next().unwrap_or(host);
        if short.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Self(short.to_ascii_lowercase().into())
        } else {
            Self(short.into())
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A stream that no link carries and no fault touches: for the judge.
#[must_use]
pub fn unwatched_stream() -> (End, End) {
    let (near, far, _) = pipe::stream(Condition::default(), Condition::default());
    (near, far)
}

/// Why one machine cannot reach another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// No machine has this name.
    #[error("no such host is known")]
    UnknownHost,
    /// It is off, or the link to or from it is severed: nothing comes back.
    #[error("the host does not answer")]
    Silent,
}

/// What the network costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkCosts {
    /// How long a connection attempt to a silent host takes to fail.
    pub connect_timeout: Duration,
    /// How long a look at a share on a silent host takes to fail.
    pub share_timeout: Duration,
}

struct Carried {
    from: Machine,
    to: Machine,
    port: u16,
    wire: Wire,
}

#[derive(Default)]
struct State {
    machines: BTreeMap<Machine, bool>,
    links: BTreeMap<(Machine, Machine), Condition>,
    /// Machines that hang: they keep their connections and answer nothing.
    hanging: BTreeSet<Machine>,
    listeners: BTreeMap<(Machine, u16), Listener>,
    other_ports: BTreeMap<Machine, PortListener>,
    carried: Vec<Carried>,
    purge_at: usize,
}

/// The network. Clones are the same one.
#[derive(Clone)]
pub struct Network {
    state: Rc<RefCell<State>>,
    costs: NetworkCosts,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").field("machines", &self.state.borrow().machines).finish_non_exhaustive()
    }
}

impl Network {
    /// A network without machines.
    #[must_use]
    pub fn new(costs: NetworkCosts) -> Self {
        Self { state: Rc::default(), costs }
    }

    /// Adds a machine, running, with clear links to all others.
    pub fn add(&self, machine: &Machine) {
        self.state.borrow_mut().machines.insert(machine.clone(), true);
    }

    /// Accepts connections to `port` of `machine`; a listener that was there is replaced.
    pub fn listen(&self, machine: &Machine, port: u16, listener: Listener) {
        self.state.borrow_mut().listeners.insert((machine.clone(), port), listener);
    }

    /// Asks `listener` about ports of `machine` that [`Network::listen`] does not know.
    pub fn listen_elsewhere(&self, machine: &Machine, listener: PortListener) {
        self.state.borrow_mut().other_ports.insert(machine.clone(), listener);
    }

    /// Whether a machine runs.
    #[must_use]
    pub fn is_on(&self, machine: &Machine) -> bool {
        self.state.borrow().machines.get(machine).copied().unwrap_or(false)
    }

    /// Cuts a machine's power: its streams are reset, it answers nothing.
    pub fn power_off(&self, machine: &Machine) {
        let wires = {
            let mut state = self.state.borrow_mut();
            state.hanging.remove(machine);
            state.machines.insert(machine.clone(), false);
            state.take_where(|carried| carried.from == *machine || carried.to == *machine)
        };
        wires.iter().for_each(|carried| carried.wire.reset());
    }

    /// Gives it power again. Who listens on it has to listen again if it stopped.
    pub fn power_on(&self, machine: &Machine) {
        self.state.borrow_mut().machines.insert(machine.clone(), true);
    }

    /// Severs the way `from` → `to`.
    pub fn sever(&self, from: &Machine, to: &Machine) {
        self.change_link(from, to, |link| link.held = true);
    }

    /// Repairs the way `from` → `to`; what was sent meanwhile arrives.
    pub fn repair(&self, from: &Machine, to: &Machine) {
        self.change_link(from, to, |link| *link = Condition::default());
    }

    /// Everything `from` → `to` arrives `by` later.
    pub fn delay(&self, from: &Machine, to: &Machine, by: Duration) {
        self.change_link(from, to, |link| link.delay = by);
    }

    /// Resets every stream that `client` has opened (to `port` only, if one is given); how many there were.
    pub fn reset_streams_from(&self, client: &Machine, port: Option<u16>) -> usize {
        let wires = self
            .state
            .borrow_mut()
            .take_where(|carried| carried.from == *client && port.is_none_or(|port| port == carried.port));
        wires.iter().for_each(|carried| carried.wire.reset());
        wires.len()
    }

    /// A machine hangs: nothing leaves or reaches it, and none of its connections breaks. Whether it did not before.
    pub fn hang(&self, machine: &Machine) -> bool {
        let changed = self.state.borrow_mut().hanging.insert(machine.clone());
        self.state.borrow().apply(|carried| carried.from == *machine || carried.to == *machine);
        changed
    }

    /// It goes on where it stopped. Whether it hung.
    pub fn go_on(&self, machine: &Machine) -> bool {
        let changed = self.state.borrow_mut().hanging.remove(machine);
        self.state.borrow().apply(|carried| carried.from == *machine || carried.to == *machine);
        changed
    }

    /// Whether a machine hangs.
    #[must_use]
    pub fn hangs(&self, machine: &Machine) -> bool {
        self.state.borrow().hanging.contains(machine)
    }

    fn change_link(&self, from: &Machine, to: &Machine, change: impl FnOnce(&mut Condition)) {
        change(self.state.borrow_mut().links.entry((from.clone(), to.clone())).or_default());
        self.state.borrow().apply(|carried| {
            carried.from == *from && carried.to == *to || carried.from == *to && carried.to == *from
        });
    }

    /// Whether `from` reaches `to` and back, and how long one round trip takes.
    ///
    /// # Errors
    /// [`Unreachable`] says why not.
    pub fn round_trip(&self, from: &Machine, to: &Machine) -> Result<Duration, Unreachable> {
        let state = self.state.borrow();
        let Some(&on) = state.machines.get(to) else { return Err(Unreachable::UnknownHost) };
        let there = state.link(from, to);
        let back = state.link(to, from);
        if !on || there.held || back.held {
            return Err(Unreachable::Silent);
        }
        Ok(there.delay + back.delay)
    }

    /// Opens a stream from a machine to a host's port.
    ///
    /// # Errors
    /// `NotFound` for an unknown name, `TimedOut` for a silent host (after the modelled time), `ConnectionRefused`
    /// when nobody listens.
    pub async fn connect(&self, from: &Machine, host: &str, port: u16) -> io::Result<End> {
        let to = Machine::of(host);
        match self.round_trip(from, &to) {
            Err(error @ Unreachable::UnknownHost) => {
                return Err(io::Error::new(io::ErrorKind::NotFound, format!("{host}: {error}")));
            }
            Err(error @ Unreachable::Silent) => {
                tokio::time::sleep(self.costs.connect_timeout).await;
                return Err(io::Error::new(io::ErrorKind::TimedOut, format!("{host}:{port}: {error}")));
            }
            Ok(round_trip) if !round_trip.is_zero() => tokio::time::sleep(round_trip).await,
            Ok(_) => {}
        }
        let elsewhere = self.state.borrow().other_ports.get(&to).cloned();
        let known = self.state.borrow().listeners.get(&(to.clone(), port)).cloned();
        let listener = known.or_else(|| elsewhere.and_then(|listener| listener(port)));
        let (end, listener, accepted) = {
            let mut state = self.state.borrow_mut();
            let Some(listener) = listener else {
                return Err(io::Error::new(
                    io::ErrorKind::ConnectionRefused,
                    format!("{host}:{port}: the target machine actively refused it"),
                ));
            };
            let (end, accepted, wire) = pipe::stream(state.link(from, &to), state.link(&to, from));
            state.carry(Carried { from: from.clone(), to, port, wire });
            (end, listener, accepted)
        };
        listener(accepted);
        Ok(end)
    }

    /// Nobody listens any more; every stream is reset.
    pub fn tear_down(&self) {
        let listeners = {
            let mut state = self.state.borrow_mut();
            (std::mem::take(&mut state.listeners), std::mem::take(&mut state.other_ports))
        };
        drop(listeners);
        let carried = std::mem::take(&mut self.state.borrow_mut().carried);
        carried.iter().for_each(|carried| carried.wire.reset());
    }

    /// How long a look at a share on a silent host takes to fail.
    #[must_use]
    pub fn share_timeout(&self) -> Duration {
        self.costs.share_timeout
    }

    /// All machines.
    #[must_use]
    pub fn machines(&self) -> BTreeSet<Machine> {
        self.state.borrow().machines.keys().cloned().collect()
    }
}

impl State {
    fn link(&self, from: &Machine, to: &Machine) -> Condition {
        if self.links.is_empty() && self.hanging.is_empty() {
            return Condition::default();
        }
        let link = self.links.get(&(from.clone(), to.clone())).copied().unwrap_or_default();
        Condition { held: link.held || self.hanging.contains(from) || self.hanging.contains(to), ..link }
    }

    /// Puts some of the streams under the conditions of their links as they are now.
    fn apply(&self, is_meant: impl Fn(&Carried) -> bool) {
        for carried in self.carried.iter().filter(|carried| is_meant(carried)) {
            carried.wire.set_forward(self.link(&carried.from, &carried.to));
            carried.wire.set_backward(self.link(&carried.to, &carried.from));
        }
    }

    /// Remembers a stream; forgets those that have ended, at a cost that stays constant per stream.
    fn carry(&mut self, carried: Carried) {
        if self.carried.len() >= self.purge_at.max(16) {
            self.carried.retain(|carried| !carried.wire.is_closed());
            self.purge_at = 2 * self.carried.len();
        }
        self.carried.push(carried);
    }

    fn take_where(&mut self, is: impl Fn(&Carried) -> bool) -> Vec<Carried> {
        let (taken, kept) = std::mem::take(&mut self.carried).into_iter().partition(|carried| is(carried));
        self.carried = kept;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::Instant;

    fn two_machines() -> (Network, Machine, Machine) {
        let costs =
            NetworkCosts { connect_timeout: Duration::from_secs(21), share_timeout: Duration::from_secs(30) };
        let network = Network::new(costs);
        let (a, b) = (Machine::of("sql-a1"), Machine::of("SQL-B1.litwareinc.com"));
        network.add(&a);
        network.add(&b);
        (network, a, b)
    }

    /// Listens at 1433 of `machine` and hands out what was accepted last.
    fn accept(network: &Network, machine: &Machine) -> Rc<RefCell<Option<End>>> {
        let accepted = Rc::new(RefCell::new(None));
        let slot = accepted.clone();
        network.listen(machine, 1433, Rc::new(move |end| *slot.borrow_mut() = Some(end)));
        accepted
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_is_found_by_its_short_or_full_name_in_any_case() {
        let (network, a, b) = two_machines();
        let accepted = accept(&network, &b);
        let mut client = network.connect(&a, "Sql-B1", 1433).await.unwrap();
        client.write_all(b"hi").await.unwrap();
        let mut server = accepted.borrow_mut().take().unwrap();
        let mut got = [0; 2];
        server.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"hi");
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_without_power_lets_a_connection_attempt_time_out() {
        let (network, a, b) = two_machines();
        let _accepted = accept(&network, &b);
        network.power_off(&b);
        let start = Instant::now();
        let error = network.connect(&a, "sql-b1", 1433).await.unwrap_err();
        assert_eq!((error.kind(), start.elapsed()), (io::ErrorKind::TimedOut, Duration::from_secs(21)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_port_without_listener_refuses_and_an_unknown_name_is_not_found() {
        let (network, a, _) = two_machines();
        assert_eq!(
            network.connect(&a, "sql-b1", 1433).await.unwrap_err().kind(),
            io::ErrorKind::ConnectionRefused
        );
        assert_eq!(network.connect(&a, "sql-c1", 1433).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[tokio::test(start_paused = true)]
    async fn losing_power_resets_the_streams_of_the_machine_and_no_others() {
        let (network, a, b) = two_machines();
        let operator = Machine::of("operator");
        network.add(&operator);
        let at_b = accept(&network, &b);
        let mut to_b = network.connect(&operator, "sql-b1", 1433).await.unwrap();
        let mut b_end = at_b.borrow_mut().take().unwrap();
        let mut doomed = network.connect(&a, "sql-b1", 1433).await.unwrap();
        network.power_off(&a);
        assert_eq!(doomed.read(&mut [0; 1]).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        to_b.write_all(b"ok").await.unwrap();
        b_end.read_exact(&mut [0; 2]).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_that_hangs_keeps_its_connections_and_answers_nothing() {
        let (network, a, b) = two_machines();
        let at_b = accept(&network, &b);
        let mut client = network.connect(&a, "sql-b1", 1433).await.unwrap();
        let mut server = at_b.borrow_mut().take().unwrap();
        network.sever(&a, &b);
        network.repair(&a, &b);
        assert!(network.hang(&b) && !network.hang(&b));
        server.write_all(b"down").await.unwrap();
        let mut got = [0; 4];
        let nothing = tokio::time::timeout(Duration::from_secs(1), client.read(&mut got)).await;
        assert!(nothing.is_err(), "what hangs says nothing");
        assert_eq!(network.round_trip(&a, &b), Err(Unreachable::Silent));
        assert!(network.go_on(&b));
        client.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"down");
    }

    #[tokio::test(start_paused = true)]
    async fn a_link_that_was_severed_stays_so_when_a_machine_goes_on() {
        let (network, a, b) = two_machines();
        network.sever(&a, &b);
        network.hang(&b);
        network.go_on(&b);
        assert_eq!(network.round_trip(&a, &b), Err(Unreachable::Silent));
    }

    #[tokio::test(start_paused = true)]
    async fn a_link_severed_one_way_lets_the_other_way_through() {
        let (network, a, b) = two_machines();
        let at_b = accept(&network, &b);
        let mut client = network.connect(&a, "sql-b1", 1433).await.unwrap();
        let mut server = at_b.borrow_mut().take().unwrap();
        network.sever(&a, &b);
        server.write_all(b"down").await.unwrap();
        let mut got = [0; 4];
        client.read_exact(&mut got).await.unwrap();
        client.write_all(b"up").await.unwrap();
        let nothing = tokio::time::timeout(Duration::from_secs(1), server.read(&mut got)).await;
        assert!(nothing.is_err(), "the severed way lets nothing through");
        network.repair(&a, &b);
        assert_eq!(server.read(&mut got).await.unwrap(), 2);
    }
}
