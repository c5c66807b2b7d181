//! tokio on one thread: yielding, tasks created and awaited, channels, timers, memory. A runtime
//! gets the drivers that its workload needs and no others.

use std::future::Future;
use std::pin::Pin;
use std::process::exit;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::task::{yield_now, JoinHandle};
use tokio::time::{sleep, sleep_until, Sleep};

fn check(right: bool, what: &str) {
    if !right {
        eprintln!("wrong result: {}", what);
        exit(1);
    }
}

/// What a result lacks when it is to be wrong: see broken.py.
fn lost() -> u64 {
    std::env::var_os("EDDY_BENCH_BREAK").is_some() as u64
}

fn report(name: &str, taken: Duration, operations: u64) {
    println!("{} {:.3}", name, taken.as_nanos() as f64 / operations as f64);
}

fn run<F: Future>(future: F) -> F::Output {
    Builder::new_current_thread().build().unwrap().block_on(future)
}

fn run_timed<F: Future>(future: F) -> F::Output {
    Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

async fn sum_of(tasks: Vec<JoinHandle<u64>>) -> u64 {
    let mut sum = 0;
    for task in tasks {
        sum += task.await.unwrap();
    }
    sum - lost()
}

async fn yielding(tasks: u64, turns: u64) {
    let yield_often = move || async move {
        for _ in 0..turns {
            yield_now().await;
        }
        turns
    };
    let begun = Instant::now();
    let all = (0..tasks).map(|_| tokio::spawn(yield_often())).collect();
    let sum = sum_of(all).await;
    let taken = begun.elapsed();
    check(sum == tasks * turns, "yields");
    report("ns", taken, sum);
}

async fn create(count: u64) {
    let begun = Instant::now();
    let mut sum = 0;
    for _ in 0..count {
        sum += tokio::spawn(async { 1 }).await.unwrap();
    }
    let taken = begun.elapsed();
    check(sum - lost() == count, "each task ran once");
    report("ns", taken, count);
}

async fn many(count: u64, blocks: bool) {
    let mut warm = Duration::MAX;
    let mut cold = Duration::MAX;
    for round in 0..6 {
        let begun = Instant::now();
        let mut all = Vec::with_capacity(count as usize);
        for _ in 0..count {
            all.push(if blocks {
                tokio::spawn(async {
                    yield_now().await;
                    1
                })
            } else {
                tokio::spawn(async { 1 })
            });
        }
        let sum = sum_of(all).await;
        let taken = begun.elapsed();
        check(sum == count, "each task ran once");
        if round == 0 {
            cold = taken;
        } else {
            warm = warm.min(taken);
        }
    }
    report("cold", cold, count);
    report("warm", warm, count);
}

async fn queue(items: u64, capacity: usize) {
    let (sender, mut receiver) = mpsc::channel(capacity);
    let begun = Instant::now();
    let producer = tokio::spawn(async move {
        for item in 0..items {
            sender.send(item + lost() * (item / 2)).await.unwrap();
        }
    });
    let consumer = tokio::spawn(async move {
        let mut next = 0;
        while let Some(item) = receiver.recv().await {
            check(item == next, "items in order");
            next += 1;
        }
        next
    });
    let taken_out = consumer.await.unwrap();
    let taken = begun.elapsed();
    producer.await.unwrap();
    check(taken_out == items, "everything taken");
    report("ns", taken, items);
}

// ---- timers: one task polls all of them, so that there is nothing else in it ----

/// The same numbers as in bench.h.
struct Delays(u64);

impl Delays {
    fn next(&mut self) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_nanos(self.0 % 1_000_000_000)
    }
}

/// As std::future::poll_fn, which Rust has since 1.64.
struct PollWith<F>(F);

impl<T, F: FnMut(&mut Context) -> Poll<T> + Unpin> Future for PollWith<F> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<T> {
        (self.0)(context)
    }
}

/// Those that have not fired. The vectors never move their timers, which are pinned so.
fn poll_all(timers: &mut [Sleep], context: &mut Context) -> u64 {
    let mut left = 0;
    for timer in timers {
        if !timer.is_elapsed() && unsafe { Pin::new_unchecked(timer) }.poll(context).is_pending() {
            left += 1;
        }
    }
    left
}

async fn book(timers: &mut Vec<Sleep>, count: u64, base: Instant) -> u64 {
    let mut delays = Delays(88172645463325252);
    for _ in 0..count {
        timers.push(sleep_until((base + delays.next()).into()));
    }
    PollWith(|context: &mut Context| Poll::Ready(poll_all(timers, context))).await
}

async fn timers(count: u64, what: &str) {
    let mut all: Vec<Sleep> = Vec::with_capacity(count as usize);
    let hour = Duration::from_secs(3600);
    let booked = book(&mut all, count, Instant::now() + hour).await;
    check(booked == count, "each timer is booked");
    all.clear(); // now there is memory for them
    let base = Instant::now() + if what == "fire" { Duration::ZERO } else { hour };
    let begun = Instant::now();
    let booked = book(&mut all, count, base).await;
    let mut taken = begun.elapsed();
    if what == "fire" {
        std::thread::sleep(Duration::from_millis(1010));
        let begun = Instant::now();
        // The first timer to fire wakes this task, when all have fired.
        PollWith(|context: &mut Context| match poll_all(&mut all, context) {
            0 => Poll::Ready(()),
            _ => Poll::Pending,
        })
        .await;
        taken += begun.elapsed();
        let fired = all.iter().filter(|timer| timer.is_elapsed()).count() as u64;
        check(fired - lost() == count, "each timer fired");
    } else {
        check(booked - lost() == count, "each timer is booked");
    }
    let begun = Instant::now();
    all.clear();
    if what == "cancel" {
        taken += begun.elapsed();
    }
    report("ns", taken, count);
}

// ---- memory ----

fn resident() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<f64>().unwrap() * 4096.0
}

async fn parked(count: u64) {
    let mut all = Vec::with_capacity(count as usize);
    all.extend((0..count).map(|_| None));
    let before = resident();
    for task in &mut all {
        *task = Some(tokio::spawn(sleep(Duration::from_secs(3600))));
    }
    yield_now().await;
    // The tasks are asleep once each of them was polled: the one made last is the last of them.
    tokio::spawn(async {}).await.unwrap();
    let alive = all.iter().flatten().filter(|task| !task.is_finished()).count() as u64;
    check(alive - lost() == count, "every task is parked");
    println!("bytes {:.3}", (resident() - before) / count as f64);
    exit(0);
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let workload = arguments.get(1).map_or("", |word| word.as_str());
    let count: u64 = arguments.get(2).and_then(|word| word.parse().ok()).unwrap_or(0);
    match workload {
        _ if count == 0 => exit(2),
        "yield_2" => run(yielding(2, count / 2 + 1)),
        "yield_10k" => run(yielding(10000, count / 10000 + 1)),
        "create" => run(create(count)),
        "many" => run(many(count, false)),
        "many_block" => run(many(count, true)),
        "queue_1" => run(queue(count, 1)),
        "queue_64" => run(queue(count, 64)),
        "timer_insert" => run_timed(timers(count, "insert")),
        "timer_fire" => run_timed(timers(count, "fire")),
        "timer_cancel" => run_timed(timers(count, "cancel")),
        "parked" => run_timed(parked(count)),
        _ => exit(2),
    }
}
