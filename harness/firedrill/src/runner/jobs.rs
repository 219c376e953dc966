//! Several drills at a time, each on a thread of its own.
//!
//! A drill on the sim arm shares nothing with another: it has its own runtime, clock and servers. So the threads change
//! nothing but how long a run takes, and reports keep the order of the book.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::book::Book;
use super::engine::{self, DrillOptions};
use crate::arm::ChosenArm;
use crate::report::{DrillReport, RunReport};

/// What a thread may need of stack; the main thread has as much.
const STACK_BYTES: usize = 8 << 20;

/// Drills at a time unless the user says otherwise: as many as there are processors, up to four. Each thread holds an
/// estate, some 20 MB.
#[must_use]
pub fn jobs_by_default() -> NonZeroUsize {
    let processors = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    processors.min(const { NonZeroUsize::new(4).expect("four is not zero") })
}

/// How to run the book.
#[derive(Clone)]
pub struct RunOptions {
    /// What holds for each drill.
    pub drills: DrillOptions,
    /// Where the estates are staged.
    pub arm: ChosenArm,
    /// How many drills are run at a time, on the sim arm; elsewhere they share servers, and one follows the other.
    pub jobs: NonZeroUsize,
    /// Told of each drill when it has ended and those before it have.
    pub observer: Rc<dyn Fn(&DrillReport)>,
}

impl Default for RunOptions {
    /// On the sim arm, one drill after the other.
    fn default() -> Self {
        Self {
            drills: DrillOptions::default(),
            arm: ChosenArm::default(),
            jobs: NonZeroUsize::MIN,
            observer: Rc::new(|_| {}),
        }
    }
}

/// What a run came to.
#[derive(Debug)]
pub struct Ran {
    /// The drills that were run, in the book's order.
    pub report: RunReport,
    /// Why the environment let no further drill run, if it didn't.
    pub environment: Option<String>,
}

/// Runs every drill of `book` and reports what each came to, in the book's order.
#[must_use]
pub fn run(book: Book, options: &RunOptions) -> Ran {
    let jobs = options.jobs.get().min(book.scenarios());
    let drills: Rc<RefCell<Vec<DrillReport>>> = Rc::default();
    let (observer, collected) = (Rc::clone(&options.observer), Rc::clone(&drills));
    let tell = move |drill| {
        observer(&drill);
        collected.borrow_mut().push(drill);
    };
    let environment = match options.arm.0.on_another_thread() {
        Some(arm) if jobs > 1 => on_threads(&book, &options.drills, (jobs, arm), tell)
            .err()
            .map(|error| format!("the operating system gives no thread to run drills on ({error})")),
        _ => engine::run(book, &options.drills, &options.arm, tell),
    };
    Ran { report: RunReport::of(options.arm.0.described(), options.drills.seed, drills.take()), environment }
}

/// Runs the book on as many threads as there are jobs, and tells of its drills in their order.
fn on_threads(
    book: &Book,
    options: &DrillOptions,
    (jobs, arm): (usize, fn() -> ChosenArm),
    tell: impl Fn(DrillReport),
) -> io::Result<()> {
    let shares = Shares::of(book, jobs);
    // cucumber silences panics while it runs and gives back what it found: on threads that is what another one put.
    let hook = std::panic::take_hook();
    let ran = std::thread::scope(|scope| {
        let (sender, reports) = mpsc::channel();
        for _ in 0..jobs {
            let (sender, options, shares) = (sender.clone(), options.clone(), &shares);
            let work = move || {
                let arm = arm();
                while let Some(share) = shares.next() {
                    let sender = sender.clone();
                    // Nobody listens any more when a thread could not be had.
                    engine::run(share, &options, &arm, move |drill| drop(sender.send(drill)));
                }
            };
            std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work)?;
        }
        drop(sender);
        let places = book.places();
        let ordinal = |drill: &DrillReport| {
            places.iter().position(|(file, line)| (file, *line) == (&drill.file, drill.line))
        };
        in_order(reports.iter().map(|drill| (ordinal(&drill).unwrap_or(places.len()), drill)), tell);
        Ok(())
    });
    std::panic::set_hook(hook);
    ran
}

/// A book that is handed out in pieces, in its order, to whoever has time.
struct Shares<'a> {
    book: &'a Book,
    drills_each: usize,
    next: AtomicUsize,
}

impl<'a> Shares<'a> {
    /// So many that the last to end does not keep the others waiting long.
    fn of(book: &'a Book, jobs: usize) -> Self {
        Self { book, drills_each: (book.scenarios() / (jobs * 4)).max(1), next: AtomicUsize::new(0) }
    }

    fn next(&self) -> Option<Book> {
        let first = self.next.fetch_add(self.drills_each, Ordering::Relaxed);
        let mut share = self.book.clone();
        share.keep_range(first..first + self.drills_each);
        (share.scenarios() > 0).then_some(share)
    }
}

/// Tells of what comes with its ordinal, from 0, in that order: of what comes early when its turn has come, or at the
/// end where something before it was abandoned.
fn in_order<T>(coming: impl IntoIterator<Item = (usize, T)>, tell: impl Fn(T)) {
    let mut early = BTreeMap::new();
    let mut next = 0;
    for (ordinal, one) in coming {
        early.insert(ordinal, one);
        while let Some(one) = early.remove(&next) {
            tell(one);
            next += 1;
        }
    }
    early.into_values().for_each(tell);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case::in_order(&[0, 1, 2], &[0, 1, 2])]
    #[case::early(&[2, 0, 1], &[0, 1, 2])]
    #[case::one_abandoned(&[2, 1], &[1, 2])]
    #[case::none(&[], &[])]
    fn drills_are_told_of_in_the_books_order(#[case] ended: &[usize], #[case] told: &[usize]) {
        let order = RefCell::new(Vec::new());
        in_order(ended.iter().map(|&ordinal| (ordinal, ordinal)), |drill| order.borrow_mut().push(drill));
        assert_eq!(*order.borrow(), told);
    }
}
