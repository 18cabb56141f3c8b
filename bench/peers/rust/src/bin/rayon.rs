// SPDX-License-Identifier: MIT
//! Rayon: scopes, install, parallel iterators; and the threadpool crate beside it.

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::mpsc;
use thrum_bench_peers as bench;

fn pool(workers: usize) -> ThreadPool {
    ThreadPoolBuilder::new().num_threads(workers).build().unwrap()
}

fn executor() -> f64 {
    bench::executor(|n, workers| {
        pool(workers).in_place_scope(|scope| (0..n).for_each(|_| scope.spawn(|_| bench::task_ran())))
    })
}

fn submit_wait() -> f64 {
    let pool = pool(bench::WORKERS);
    bench::submit_wait(|i| pool.install(|| i))
}

fn maps(n: usize, count: usize) -> f64 {
    let pool = pool(bench::WORKERS);
    bench::map(
        |inputs, outputs| {
            pool.install(|| {
                inputs.par_iter().zip(outputs).for_each(|(i, o)| *o = bench::map_item(*i))
            })
        },
        n,
        count,
    )
}

fn map_large() -> f64 {
    maps(bench::MAP_LARGE, bench::MAPS_LARGE)
}

fn map_small() -> f64 {
    maps(bench::MAP_SMALL, bench::MAPS_SMALL)
}

fn idle() -> f64 {
    let pool = pool(bench::WORKERS);
    pool.install(bench::task_ran);
    bench::idle()
}

fn threadpool() -> f64 {
    bench::executor(|n, workers| {
        let pool = threadpool::ThreadPool::new(workers);
        (0..n).for_each(|_| pool.execute(bench::task_ran));
        pool.join();
    })
}

fn threadpool_submit_wait() -> f64 {
    let pool = threadpool::ThreadPool::new(bench::WORKERS);
    bench::submit_wait(|i| {
        let (sender, receiver) = mpsc::channel();
        pool.execute(move || sender.send(i).unwrap());
        receiver.recv().unwrap()
    })
}

fn main() {
    bench::run(&[
        ("executor_empty", "rayon in_place_scope", executor),
        ("executor_empty", "rust threadpool", threadpool),
        ("executor_submit_wait", "rayon install", submit_wait),
        ("executor_submit_wait", "rust threadpool", threadpool_submit_wait),
        ("map_large", "rayon par_iter", map_large),
        ("map_small", "rayon par_iter", map_small),
        ("idle", "rayon", idle),
    ]);
}
