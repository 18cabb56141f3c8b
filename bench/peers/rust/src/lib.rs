// SPDX-License-Identifier: MIT
//! The command line and the line of figures, and the work that all contenders in Rust share: the
//! counterpart of ../../harness.c and ../../frames.c, with the same sizes.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::*};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

pub const PAIRS: u64 = 5_000_000;
pub const CONTENDED_S: f64 = 0.5;
pub const TURNS: u64 = 20_000;
pub const THREADS_RUN: u64 = 2_000;
pub const SLEEPERS: usize = 32;
pub const WAKES: usize = 20;
pub const ITEMS: u64 = 2_000_000;
pub const QUEUE_SIZE: usize = 1024;
pub const WORKERS: usize = 2;
pub const TASKS: u64 = 1_000_000;
pub const SUBMITS: u64 = 20_000;
pub const MAP_LARGE: usize = 1_000_000;
pub const MAPS_LARGE: usize = 10;
pub const MAP_SMALL: usize = 1_000;
pub const MAPS_SMALL: usize = 10_000;
pub const IDLE_S: f64 = 2.0;

pub type Entry = (&'static str, &'static str, fn() -> f64);

static CPUS: AtomicUsize = AtomicUsize::new(0);
static THREADS: AtomicUsize = AtomicUsize::new(0);
static NOTES: Mutex<Vec<(&'static str, f64)>> = Mutex::new(Vec::new());

// ---- command line ----

pub fn run(entries: &[Entry]) {
    let mut list = false;
    let mut one = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().expect("an option lacks its value");
        match argument.as_str() {
            "--list" => list = true,
            "--one" => one = Some(value()),
            "--cpus" => CPUS.store(value().parse().unwrap(), Relaxed),
            "--threads" => THREADS.store(value().parse().unwrap(), Relaxed),
            _ => panic!("unknown option: {argument}"),
        }
    }
    for (workload, name, round) in entries {
        if list {
            println!("contender\t{workload}\t{name}");
        } else if one.is_none() || one == Some(format!("{workload}/{name}")) {
            measure(workload, name, *round);
        }
    }
}

fn measure(workload: &str, name: &str, round: fn() -> f64) {
    NOTES.lock().unwrap().clear();
    let (started, cpu) = (Instant::now(), cpu_now());
    let figure = round();
    let (cpu_s, wall_s) = (cpu_now() - cpu, started.elapsed().as_secs_f64());
    let notes: Vec<String> =
        NOTES.lock().unwrap().iter().map(|(note, value)| format!("\"{note}\": {value}")).collect();
    println!(
        "{{\"workload\": \"{workload}\", \"contender\": \"{name}\", \"figure\": {figure}, \
         \"wall_s\": {wall_s:.6}, \"cpu_s\": {cpu_s:.6}, \"checked\": true, \"notes\": {{{}}}}}",
        notes.join(", ")
    );
}

pub fn note(name: &'static str, value: f64) {
    NOTES.lock().unwrap().push((name, value));
}

pub fn threads(otherwise: usize) -> usize {
    match THREADS.load(Relaxed) {
        0 => otherwise,
        chosen => chosen,
    }
}

/// CPU seconds of this process.
pub fn cpu_now() -> f64 {
    let mut spent = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut spent) };
    spent.tv_sec as f64 + spent.tv_nsec as f64 * 1e-9
}

/// Put the calling thread on a processor, if `--cpus` asked for it. With one, bench.py has put the
/// whole process there.
pub fn place(index: usize) {
    let cpus = CPUS.load(Relaxed);
    if cpus < 2 {
        return;
    }
    unsafe {
        let mut usable: libc::cpu_set_t = std::mem::zeroed();
        libc::sched_getaffinity(libc::getpid(), std::mem::size_of_val(&usable), &mut usable);
        let cpu = (0..1024).filter(|&cpu| libc::CPU_ISSET(cpu, &usable)).nth(index % cpus);
        let mut own: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu.expect("there are not as many processors"), &mut own);
        libc::sched_setaffinity(0, std::mem::size_of_val(&own), &own);
    }
}

// ---- the work ----

/// Seconds that `threads` threads take for body(0), body(1), ... from their common start.
pub fn crew<F: Fn(usize) + Send + Sync + 'static>(threads: usize, body: F) -> f64 {
    let (body, ready) = (Arc::new(body), Arc::new(Barrier::new(threads + 1)));
    let members: Vec<_> = (0..threads)
        .map(|index| {
            let (body, ready) = (body.clone(), ready.clone());
            std::thread::spawn(move || {
                place(index);
                ready.wait();
                body(index);
            })
        })
        .collect();
    let started = Instant::now();
    ready.wait();
    for member in members {
        member.join().unwrap();
    }
    started.elapsed().as_secs_f64()
}

/// ns per pair of `pairs(n)`.
pub fn uncontended(pairs: impl Fn(u64)) -> f64 {
    pairs(PAIRS / 100);
    let started = Instant::now();
    pairs(PAIRS);
    started.elapsed().as_secs_f64() / PAIRS as f64 * 1e9
}

static STOP: AtomicBool = AtomicBool::new(false);

#[inline]
pub fn stopped() -> bool {
    STOP.load(Relaxed)
}

/// Million pairs per s; hammer() says how often it held the lock, counter() what was counted.
pub fn contended<H, C>(hammer: H, counter: C) -> f64
where
    H: Fn() -> u64 + Send + Sync + 'static,
    C: Fn() -> u64,
{
    let count = threads(2);
    let served: Arc<Vec<AtomicU64>> = Arc::new((0..count).map(|_| AtomicU64::new(0)).collect());
    let of = served.clone();
    STOP.store(false, Relaxed);
    let stopper = std::thread::spawn(|| {
        std::thread::sleep(Duration::from_secs_f64(CONTENDED_S));
        STOP.store(true, Relaxed);
    });
    crew(count, move |index| of[index].store(hammer(), Relaxed));
    stopper.join().unwrap();
    let served: Vec<u64> = served.iter().map(|one| one.load(Relaxed)).collect();
    let sum: u64 = served.iter().sum();
    assert_eq!(sum, counter(), "the counter lost updates");
    note("least/most", *served.iter().min().unwrap() as f64 / *served.iter().max().unwrap() as f64);
    sum as f64 / CONTENDED_S / 1e6
}

/// Thousand round trips per s of two threads that call turn(me).
pub fn two<F: Fn(usize) + Send + Sync + 'static>(turn: F) -> f64 {
    TURNS as f64 / crew(2, move |me| (0..TURNS).for_each(|_| turn(me))) / 1e3
}

/// us per thread that one() starts and joins; ran() says how many have run.
pub fn threads_run(one: impl Fn(), ran: impl Fn() -> u64) -> f64 {
    let started = Instant::now();
    (0..THREADS_RUN).for_each(|_| one());
    let seconds = started.elapsed().as_secs_f64();
    assert_eq!(ran(), THREADS_RUN, "a thread did not run");
    seconds / THREADS_RUN as f64 * 1e6
}

/// Mean us that wake(i) costs the waker while SLEEPERS threads are in sleeper(i).
pub fn wake_all<S, W>(sleeper: S, wake: W) -> f64
where
    S: Fn(usize) + Send + Sync + 'static,
    W: Fn(usize),
{
    let (sleeper, awake) = (Arc::new(sleeper), Arc::new(Barrier::new(SLEEPERS + 1)));
    let members: Vec<_> = (0..SLEEPERS)
        .map(|_| {
            let (sleeper, awake) = (sleeper.clone(), awake.clone());
            std::thread::spawn(move || {
                for i in 0..WAKES {
                    sleeper(i);
                    awake.wait();
                    awake.wait();
                }
            })
        })
        .collect();
    let (mut spent, mut reached) = (0.0, 0.0);
    for i in 0..WAKES {
        std::thread::sleep(Duration::from_millis(3));
        let started = Instant::now();
        wake(i);
        spent += started.elapsed().as_secs_f64();
        awake.wait();
        reached += started.elapsed().as_secs_f64();
        awake.wait();
    }
    members.into_iter().for_each(|member| member.join().unwrap());
    note("us until all ran", reached / WAKES as f64 * 1e6);
    spent / WAKES as f64 * 1e6
}

/// Million items per s: produce(first, n) puts numbers, consume(n) returns the sum of what it got.
pub fn queue<P, C>(produce: P, consume: C) -> f64
where
    P: Fn(usize, usize) + Send + Sync + 'static,
    C: Fn(usize) -> u64 + Send + Sync + 'static,
{
    let sides = threads(1);
    let share = ITEMS as usize / sides;
    let sum = Arc::new(AtomicU64::new(0));
    let into = sum.clone();
    let seconds = crew(2 * sides, move |index| {
        if index % 2 == 0 {
            produce(index / 2 * share + 1, share);
        } else {
            into.fetch_add(consume(share), Relaxed);
        }
    });
    let items = (share * sides) as u64;
    assert_eq!(sum.load(Relaxed), items * (items + 1) / 2, "items were lost or came twice");
    items as f64 / seconds / 1e6
}

/// us per round trip: there(i) and back() return what they got.
pub fn queue_turns<T, B>(there: T, back: B) -> f64
where
    T: Fn(usize) -> usize + Send + Sync + 'static,
    B: Fn() -> usize + Send + Sync + 'static,
{
    let seconds = crew(2, move |me| {
        for i in 1..=TURNS as usize {
            assert_eq!(if me == 0 { there(i) } else { back() }, i, "an item was lost");
        }
    });
    seconds / TURNS as f64 * 1e6
}

const COUNTS: usize = 128;

/// Each thread counts on a line of its own, as in ../../frames.c.
#[repr(align(64))]
struct Count(AtomicU64);
static COUNTED: [Count; COUNTS] = {
    const ZERO: Count = Count(AtomicU64::new(0));
    [ZERO; COUNTS]
};
static COUNTING: AtomicUsize = AtomicUsize::new(0);
thread_local!(static MINE: usize = COUNTING.fetch_add(1, Relaxed));

pub fn task_ran() {
    MINE.with(|&mine| {
        let count = &COUNTED[mine].0;
        count.store(count.load(Relaxed) + 1, Relaxed)
    });
}

/// ns per task: run(n, workers) runs n tasks that call task_ran().
pub fn executor(run: impl Fn(u64, usize)) -> f64 {
    let started = Instant::now();
    run(TASKS, threads(WORKERS));
    let seconds = started.elapsed().as_secs_f64();
    let ran: u64 = COUNTED.iter().map(|count| count.0.load(Relaxed)).sum();
    assert_eq!(ran, TASKS, "tasks did not run, or twice");
    seconds / TASKS as f64 * 1e9
}

/// us per task: one(i) submits a task that returns i and waits for it.
pub fn submit_wait(one: impl Fn(u64) -> u64) -> f64 {
    one(1);
    let started = Instant::now();
    (1..=SUBMITS).for_each(|i| assert_eq!(one(i), i, "a result is wrong"));
    started.elapsed().as_secs_f64() / SUBMITS as f64 * 1e6
}

#[inline(never)]
pub fn map_item(item: usize) -> usize {
    (item.wrapping_mul(0x9e3779b97f4a7c15)) >> 40
}

/// ns per item of `maps` maps of n items.
pub fn map(map: impl Fn(&[usize], &mut [usize]), n: usize, maps: usize) -> f64 {
    let inputs: Vec<usize> = (1..=n).collect();
    let mut outputs = vec![0; n];
    map(&inputs, &mut outputs);
    let started = Instant::now();
    (0..maps).for_each(|_| map(&inputs, &mut outputs));
    let seconds = started.elapsed().as_secs_f64();
    for (input, output) in inputs.iter().zip(&outputs) {
        assert_eq!(*output, map_item(*input), "a map's result is wrong");
    }
    seconds / (n * maps) as f64 * 1e9
}

/// CPU ms per s of this process while it does nothing.
pub fn idle() -> f64 {
    let switches = || unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage.ru_nvcsw as f64
    };
    std::thread::sleep(Duration::from_millis(200));
    let (before, cpu) = (switches(), cpu_now());
    std::thread::sleep(Duration::from_secs_f64(IDLE_S));
    let cpu = cpu_now() - cpu;
    note("wake-ups per s", (switches() - before - 1.0) / IDLE_S);
    cpu / IDLE_S * 1e3
}
