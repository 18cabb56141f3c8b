// SPDX-License-Identifier: MIT
//! parking_lot: Mutex, ReentrantMutex, Condvar.

use parking_lot::{Condvar, Mutex, ReentrantMutex};
use thrum_bench_peers as bench;

static COUNTER: Mutex<u64> = parking_lot::const_mutex(0);
static REENTRANT: ReentrantMutex<()> = parking_lot::const_reentrant_mutex(());
static TURN: Mutex<usize> = parking_lot::const_mutex(0);
static CHANGED: Condvar = Condvar::new();

fn uncontended() -> f64 {
    bench::uncontended(|n| (0..n).for_each(|_| drop(COUNTER.lock())))
}

fn reentrant() -> f64 {
    bench::uncontended(|n| (0..n).for_each(|_| drop(REENTRANT.lock())))
}

fn contended() -> f64 {
    *COUNTER.lock() = 0;
    let hammer = || {
        let mut count = 0;
        while !bench::stopped() {
            *COUNTER.lock() += 1;
            count += 1;
        }
        count
    };
    bench::contended(hammer, || *COUNTER.lock())
}

fn condition() -> f64 {
    bench::two(|me| {
        let mut turn = TURN.lock();
        while *turn != me {
            CHANGED.wait(&mut turn);
        }
        *turn = 1 - me;
        CHANGED.notify_one();
    })
}

fn waking() -> f64 {
    let sleeper = |wake| {
        let mut woken = TURN.lock();
        while *woken <= wake {
            CHANGED.wait(&mut woken);
        }
    };
    bench::wake_all(sleeper, |wake| {
        *TURN.lock() = wake + 1;
        CHANGED.notify_all();
    })
}

fn main() {
    bench::run(&[
        ("lock_uncontended", "parking_lot::Mutex", uncontended),
        ("rlock_uncontended", "parking_lot::ReentrantMutex", reentrant),
        ("lock_contended", "parking_lot::Mutex", contended),
        ("condition_ping_pong", "parking_lot::Condvar", condition),
        ("wake_all", "parking_lot::Condvar", waking),
    ]);
}
