// SPDX-License-Identifier: MIT
//! crossbeam-channel, and flume beside it: channels, both bounded and not.

use thrum_bench_peers as bench;

/// Contenders for one kind of channel.
macro_rules! channel {
    ($name:ident, $channels:path) => {
        mod $name {
            use super::bench;
            use $channels as channels;

            fn through(
                (sender, receiver): (channels::Sender<usize>, channels::Receiver<usize>),
            ) -> f64 {
                bench::queue(
                    move |first, n| (first..first + n).for_each(|i| sender.send(i).unwrap()),
                    move |n| (0..n).map(|_| receiver.recv().unwrap() as u64).sum(),
                )
            }

            pub fn bounded() -> f64 {
                through(channels::bounded(bench::QUEUE_SIZE))
            }

            pub fn unbounded() -> f64 {
                through(channels::unbounded())
            }

            pub fn alone() -> f64 {
                let (sender, receiver) = channels::bounded(bench::QUEUE_SIZE);
                bench::uncontended(|n| {
                    for i in 0..n {
                        sender.send(i).unwrap();
                        assert_eq!(receiver.recv().unwrap(), i, "an item was lost");
                    }
                })
            }

            pub fn turns() -> f64 {
                let (going, gone) = channels::bounded(bench::QUEUE_SIZE);
                let (coming, come) = channels::bounded(bench::QUEUE_SIZE);
                bench::queue_turns(
                    move |item| {
                        going.send(item).unwrap();
                        come.recv().unwrap()
                    },
                    move || {
                        let item = gone.recv().unwrap();
                        coming.send(item).unwrap();
                        item
                    },
                )
            }
        }
    };
}

channel!(crossbeam, crossbeam_channel);
channel!(flumed, flume);

fn main() {
    bench::run(&[
        ("queue_bounded", "crossbeam-channel", crossbeam::bounded),
        ("queue_unbounded", "crossbeam-channel", crossbeam::unbounded),
        ("queue_uncontended", "crossbeam-channel", crossbeam::alone),
        ("queue_ping_pong", "crossbeam-channel", crossbeam::turns),
        ("queue_bounded", "flume", flumed::bounded),
        ("queue_unbounded", "flume", flumed::unbounded),
        ("queue_uncontended", "flume", flumed::alone),
        ("queue_ping_pong", "flume", flumed::turns),
    ]);
}
