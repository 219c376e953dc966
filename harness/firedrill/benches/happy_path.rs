//! The happy path as the document tells it, from a fresh estate to the oracle's last word: staging by T-SQL over
//! real TDS connections, 240 single-statement messages, the loss of data center A, and the seven steps.

use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use firedrill::runner::book::Book;
use firedrill::runner::{DrillOptions, RunOptions, run};
use firedrill::verdict::Verdict;

/// The program's own allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn happy_path(bench: &mut Criterion) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../features/en/data-center-lost.feature");
    let mut book = Book::read(&[file]).expect("the feature can be read");
    book.keep_tagged("@smoke").expect("the tags are an expression");
    let features = book.features;
    let options =
        RunOptions { drills: DrillOptions { seed: 1, ..DrillOptions::default() }, ..RunOptions::default() };
    bench.bench_function("happy path", |bencher| {
        bencher.iter(|| {
            let report = run(Book { features: features.clone() }, &options).report;
            assert!(
                report.drills.iter().all(|drill| drill.verdict == Verdict::Passed),
                "{:?}",
                report.drills
            );
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = happy_path
}
criterion_main!(benches);
