// SPDX-License-Identifier: MIT
//! Rust's standard library: Mutex, Condvar, Barrier, thread, park, mpsc.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc;
use std::sync::{Arc, Barrier, Condvar, Mutex};
use thrum_bench_peers as bench;

static COUNTER: Mutex<u64> = Mutex::new(0);
static TURN: Mutex<usize> = Mutex::new(0);
static CHANGED: Condvar = Condvar::new();

fn uncontended() -> f64 {
    bench::uncontended(|n| (0..n).for_each(|_| drop(COUNTER.lock().unwrap())))
}

fn contended() -> f64 {
    *COUNTER.lock().unwrap() = 0;
    let hammer = || {
        let mut count = 0;
        while !bench::stopped() {
            *COUNTER.lock().unwrap() += 1;
            count += 1;
        }
        count
    };
    bench::contended(hammer, || *COUNTER.lock().unwrap())
}

fn condition() -> f64 {
    bench::two(|me| {
        let mut turn = TURN.lock().unwrap();
        while *turn != me {
            turn = CHANGED.wait(turn).unwrap();
        }
        *turn = 1 - me;
        CHANGED.notify_one();
    })
}

fn waking() -> f64 {
    let sleeper = |wake| {
        let mut woken = TURN.lock().unwrap();
        while *woken <= wake {
            woken = CHANGED.wait(woken).unwrap();
        }
    };
    bench::wake_all(sleeper, |wake| {
        *TURN.lock().unwrap() = wake + 1;
        CHANGED.notify_all();
    })
}

fn barrier() -> f64 {
    let meeting = Arc::new(Barrier::new(2));
    bench::two(move |_| {
        meeting.wait();
    })
}

static RAN: AtomicU64 = AtomicU64::new(0);

fn threads() -> f64 {
    let one = || {
        let thread = std::thread::spawn(|| RAN.store(RAN.load(Relaxed) + 1, Relaxed));
        thread.join().unwrap()
    };
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let busy: Vec<_> = (0..bench::threads(0))
        .map(|_| {
            let stop = stop.clone();
            std::thread::spawn(move || while !stop.load(Relaxed) {})
        })
        .collect();
    let figure = bench::threads_run(one, || RAN.load(Relaxed));
    stop.store(true, Relaxed);
    busy.into_iter().for_each(|thread| thread.join().unwrap());
    figure
}

/// The receiver belongs to one consumer; with several, a mutex around it would be measured.
fn one_consumer<S: Clone + Send + 'static>(
    sender: S,
    send: fn(&S, usize),
    receiver: mpsc::Receiver<usize>,
) -> f64 {
    if bench::threads(1) > 1 {
        eprintln!("one consumer only");
        std::process::exit(3);
    }
    let (sender, receiver) = (Mutex::new(sender), Mutex::new(receiver));
    bench::queue(
        move |first, n| {
            let sender = sender.lock().unwrap().clone();
            (first..first + n).for_each(|item| send(&sender, item));
        },
        move |n| {
            let receiver = receiver.lock().unwrap();
            (0..n).map(|_| receiver.recv().unwrap() as u64).sum()
        },
    )
}

fn bounded() -> f64 {
    let (sender, receiver) = mpsc::sync_channel(bench::QUEUE_SIZE);
    one_consumer(sender, |to, item| to.send(item).unwrap(), receiver)
}

fn unbounded() -> f64 {
    let (sender, receiver) = mpsc::channel();
    one_consumer(sender, |to, item| to.send(item).unwrap(), receiver)
}

fn main() {
    bench::run(&[
        ("lock_uncontended", "rust std::Mutex", uncontended),
        ("lock_contended", "rust std::Mutex", contended),
        ("condition_ping_pong", "rust std::Condvar", condition),
        ("wake_all", "rust std::Condvar", waking),
        ("barrier_of_two", "rust std::Barrier", barrier),
        ("thread_start_join", "rust std::thread", threads),
        ("queue_bounded", "rust std::mpsc", bounded),
        ("queue_unbounded", "rust std::mpsc", unbounded),
    ]);
}
