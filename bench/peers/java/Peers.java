// SPDX-License-Identifier: MIT

import java.util.Arrays;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.LinkedTransferQueue;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/** Java's peers: monitors and java.util.concurrent. */
final class Peers {
    private static final ReentrantLock lock = new ReentrantLock();
    private static final Condition changed = lock.newCondition();
    private static int turn, woken;
    private static long counter;
    private static volatile boolean stop;

    // ---- locks and waiting ----

    private static double reentrantUncontended() {
        double started = Harness.now();
        for (int i = 0; i < Harness.PAIRS; i++) {
            lock.lock();
            lock.unlock();
        }
        return (Harness.now() - started) / Harness.PAIRS * 1e9;
    }

    private static double synchronizedUncontended() {
        double started = Harness.now();
        for (int i = 0; i < Harness.PAIRS; i++) {
            synchronized (lock) {
                counter++;
            }
        }
        return (Harness.now() - started) / Harness.PAIRS * 1e9;
    }

    private static long reentrantHammer() {
        long n = 0;
        for (; !stop; n++) {
            lock.lock();
            counter++;
            lock.unlock();
        }
        return n;
    }

    private static long synchronizedHammer() {
        long n = 0;
        for (; !stop; n++) {
            synchronized (lock) {
                counter++;
            }
        }
        return n;
    }

    private static double contended(java.util.function.LongSupplier hammer) {
        long[] served = new long[Harness.threadsOr(2)];
        stop = false;
        counter = 0;
        Harness.crew(served.length, index -> served[index] = hammer.getAsLong(), () -> {
            Harness.sleep(Harness.CONTENDED_S);
            stop = true;
        });
        long sum = Arrays.stream(served).sum();
        Harness.check(sum == counter, "the counter lost updates");
        Harness.note("least/most", (double) Harness.least(served) / Harness.most(served));
        return sum / Harness.CONTENDED_S / 1e6;
    }

    private static double two(Harness.Body turnOf) {
        return Harness.TURNS / Harness.crew(2, me -> {
            for (int i = 0; i < Harness.TURNS; i++)
                turnOf.run(me);
        }) / 1e3;
    }

    private static double conditionPingPong() {
        return two(me -> {
            lock.lock();
            while (turn != me)
                changed.await();
            turn = 1 - me;
            changed.signal();
            lock.unlock();
        });
    }

    private static double semaphorePingPong() {
        Semaphore[] sides = {new Semaphore(1), new Semaphore(0)};
        return two(me -> {
            sides[me].acquire();
            sides[1 - me].release();
        });
    }

    private static double barrierOfTwo() {
        var barrier = new CyclicBarrier(2);
        return two(me -> barrier.await());
    }

    private static double wakeAll() {
        woken = 0;
        double spent = 0, reached = 0;
        var awake = new CountDownLatch[Harness.WAKES];
        Arrays.setAll(awake, i -> new CountDownLatch(Harness.SLEEPERS));
        for (int i = 0; i < Harness.SLEEPERS; i++)
            Harness.start(index -> {
                for (int wake = 0; wake < Harness.WAKES; wake++) {
                    lock.lock();
                    while (woken <= wake)
                        changed.await();
                    lock.unlock();
                    awake[wake].countDown();
                }
            }, i);
        for (int wake = 0; wake < Harness.WAKES; wake++) {
            Harness.sleep(0.003);
            double started = Harness.now();
            lock.lock();
            woken = wake + 1;
            changed.signalAll();
            lock.unlock();
            spent += Harness.now() - started;
            Harness.await(awake[wake]);
            reached += Harness.now() - started;
        }
        Harness.note("us until all ran", reached / Harness.WAKES * 1e6);
        return spent / Harness.WAKES * 1e6;
    }

    private static double threads() {
        var ran = new AtomicLong();
        var stop = new AtomicBoolean();
        for (int i = 0; i < Harness.threadsOr(0); i++)
            Harness.start(index -> {
                while (!stop.get())
                    continue;
            }, i);
        double started = Harness.now();
        for (int i = 0; i < Harness.THREADS_RUN; i++)
            Harness.join(Harness.start(index -> ran.incrementAndGet(), i));
        double seconds = Harness.now() - started;
        stop.set(true);
        Harness.check(ran.get() == Harness.THREADS_RUN, "a thread did not run");
        return seconds / Harness.THREADS_RUN * 1e6;
    }

    // ---- queues ----

    /** Items are boxed, as a Java queue's are; all but a few of these boxes are new ones. */
    private static double through(BlockingQueue<Integer> queue) {
        int sides = Harness.threadsOr(1), share = Harness.ITEMS / sides;
        var sum = new LongAdder();
        double seconds = Harness.crew(2 * sides, index -> {
            if (index % 2 == 0) {
                int first = index / 2 * share + 1;
                for (int i = first; i < first + share; i++)
                    queue.put(i);
                return;
            }
            long own = 0;
            for (int i = 0; i < share; i++)
                own += queue.take();
            sum.add(own);
        });
        long items = (long) share * sides;
        Harness.check(sum.sum() == items * (items + 1) / 2, "items were lost or came twice");
        return items / seconds / 1e6;
    }

    private static double queuePingPong(IntFunction<BlockingQueue<Integer>> maker) {
        var going = maker.apply(Harness.QUEUE_SIZE);
        var coming = maker.apply(Harness.QUEUE_SIZE);
        return Harness.crew(2, me -> {
            for (int i = 1; i <= Harness.TURNS; i++) {
                if (me == 0) {
                    going.put(i);
                    Harness.check(coming.take() == i, "an item was lost");
                } else {
                    coming.put(going.take());
                }
            }
        }) / Harness.TURNS * 1e6;
    }

    // ---- executors ----

    private static ExecutorService threadPool(int workers) {
        return Executors.newFixedThreadPool(workers);
    }

    private static void finish(ExecutorService pool) {
        pool.shutdown();
        try {
            Harness.check(pool.awaitTermination(1, TimeUnit.MINUTES), "the pool did not end");
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static double executorEmpty(IntFunction<ExecutorService> maker) {
        var ran = new LongAdder();
        double started = Harness.now();
        var pool = maker.apply(Harness.threadsOr(Harness.WORKERS));
        Runnable empty = ran::increment;
        for (int i = 0; i < Harness.TASKS; i++)
            pool.execute(empty);
        finish(pool);
        double seconds = Harness.now() - started;
        Harness.check(ran.sum() == Harness.TASKS, "tasks did not run, or twice");
        return seconds / Harness.TASKS * 1e9;
    }

    private static int result(Future<Integer> future) {
        try {
            return future.get();
        } catch (InterruptedException | ExecutionException e) {
            throw new AssertionError(e);
        }
    }

    private static double executorFutures(IntFunction<ExecutorService> maker) {
        double started = Harness.now();
        var pool = maker.apply(Harness.threadsOr(Harness.WORKERS));
        @SuppressWarnings({"unchecked", "rawtypes"})
        Future<Integer>[] futures = new Future[Harness.TASKS];
        for (int i = 0; i < futures.length; i++) {
            int value = i + 1;
            futures[i] = pool.submit(() -> value);
        }
        long sum = 0;
        for (var future : futures)
            sum += result(future);
        finish(pool);
        double seconds = Harness.now() - started;
        Harness.check(sum == (long) Harness.TASKS * (Harness.TASKS + 1) / 2, "a result is wrong");
        return seconds / Harness.TASKS * 1e9;
    }

    private static double executorSubmitWait(IntFunction<ExecutorService> maker) {
        var pool = maker.apply(Harness.WORKERS);
        double started = Harness.now();
        for (int i = 1; i <= Harness.SUBMITS; i++) {
            int value = i;
            Harness.check(result(pool.submit(() -> value)) == i, "a result is wrong");
        }
        double seconds = Harness.now() - started;
        finish(pool);
        return seconds / Harness.SUBMITS * 1e6;
    }

    private static long mapItem(long item) {
        return (item * 0x9e3779b97f4a7c15L) >>> 40;
    }

    private static double maps(int n, int count) {
        long[] outputs = new long[n];
        double started = Harness.now();
        for (int i = 0; i < count; i++)
            IntStream.range(0, n).parallel().forEach(item -> outputs[item] = mapItem(item + 1L));
        double seconds = Harness.now() - started;
        for (int i = 0; i < n; i++)
            Harness.check(outputs[i] == mapItem(i + 1L), "a map's result is wrong");
        return seconds / ((double) n * count) * 1e9;
    }

    // ---- timers ----

    private static double timerStartCancel() {
        double started = Harness.now();
        var service = new ScheduledThreadPoolExecutor(1);
        service.setRemoveOnCancelPolicy(true);
        ScheduledFuture<?>[] timers = new ScheduledFuture<?>[Harness.TIMERS];
        for (int i = 0; i < timers.length; i++)
            timers[i] = service.schedule(() -> Harness.check(false, "a cancelled timer fired"),
                60 + (int) (i * 7919L % 3600), TimeUnit.SECONDS);
        for (var timer : timers)
            Harness.check(timer.cancel(false), "a timer could not be cancelled");
        double seconds = Harness.now() - started;
        service.shutdownNow();
        return seconds / Harness.TIMERS * 1e9;
    }

    private static double timerLateness() {
        var service = new ScheduledThreadPoolExecutor(1);
        double[] late = new double[Harness.LATE_TIMERS];
        var ended = new CountDownLatch(late.length);
        for (int i = 0; i < late.length; i++) {
            double turnOf = i * 0.6180339887498949;
            long after = (long) ((0.1 + Harness.LATE_SPAN_S * (turnOf - Math.floor(turnOf))) * 1e9);
            int index = i;
            long due = System.nanoTime() + after;
            service.schedule(() -> {
                late[index] = (System.nanoTime() - due) * 1e-3;
                ended.countDown();
            }, after, TimeUnit.NANOSECONDS);
        }
        Harness.await(ended);
        service.shutdownNow();
        Arrays.sort(late);
        Harness.note("p99 us", late[late.length / 100 * 99]);
        Harness.note("earliest us", late[0]);
        return late[late.length / 2];
    }

    private static double idle() {
        var pool = threadPool(Harness.WORKERS);
        pool.execute(() -> {});
        var service = new ScheduledThreadPoolExecutor(1);
        service.schedule(() -> {}, 1, TimeUnit.HOURS);
        Harness.sleep(0.2);
        double cpu = Harness.cpuNow();
        Harness.sleep(Harness.IDLE_S);
        cpu = Harness.cpuNow() - cpu;
        pool.shutdownNow();
        service.shutdownNow();
        return cpu / Harness.IDLE_S * 1e3;
    }

    public static void main(String[] arguments) {
        Harness.run(arguments,
            new Harness.Entry("lock_uncontended", "java ReentrantLock", Peers::reentrantUncontended),
            new Harness.Entry("lock_uncontended", "java synchronized", Peers::synchronizedUncontended),
            new Harness.Entry("rlock_uncontended", "java ReentrantLock", Peers::reentrantUncontended),
            new Harness.Entry("lock_contended", "java ReentrantLock",
                () -> contended(Peers::reentrantHammer)),
            new Harness.Entry("lock_contended", "java synchronized",
                () -> contended(Peers::synchronizedHammer)),
            new Harness.Entry("condition_ping_pong", "java Condition", Peers::conditionPingPong),
            new Harness.Entry("semaphore_ping_pong", "java Semaphore", Peers::semaphorePingPong),
            new Harness.Entry("barrier_of_two", "java CyclicBarrier", Peers::barrierOfTwo),
            new Harness.Entry("wake_all", "java Condition", Peers::wakeAll),
            new Harness.Entry("thread_start_join", "java Thread", Peers::threads),
            new Harness.Entry("queue_bounded", "java ArrayBlockingQueue",
                () -> through(new ArrayBlockingQueue<>(Harness.QUEUE_SIZE))),
            new Harness.Entry("queue_unbounded", "java LinkedTransferQueue",
                () -> through(new LinkedTransferQueue<>())),
            new Harness.Entry("queue_unbounded", "java LinkedBlockingQueue",
                () -> through(new LinkedBlockingQueue<>())),
            new Harness.Entry("queue_ping_pong", "java ArrayBlockingQueue",
                () -> queuePingPong(ArrayBlockingQueue::new)),
            new Harness.Entry("executor_empty", "java ForkJoinPool",
                () -> executorEmpty(ForkJoinPool::new)),
            new Harness.Entry("executor_empty", "java ThreadPoolExecutor",
                () -> executorEmpty(Peers::threadPool)),
            new Harness.Entry("executor_futures", "java ForkJoinPool",
                () -> executorFutures(ForkJoinPool::new)),
            new Harness.Entry("executor_futures", "java ThreadPoolExecutor",
                () -> executorFutures(Peers::threadPool)),
            new Harness.Entry("executor_submit_wait", "java ForkJoinPool",
                () -> executorSubmitWait(ForkJoinPool::new)),
            new Harness.Entry("executor_submit_wait", "java ThreadPoolExecutor",
                () -> executorSubmitWait(Peers::threadPool)),
            new Harness.Entry("map_large", "java parallel stream (inlined)",
                () -> maps(Harness.MAP_LARGE, Harness.MAPS_LARGE)),
            new Harness.Entry("map_small", "java parallel stream (inlined)",
                () -> maps(Harness.MAP_SMALL, Harness.MAPS_SMALL)),
            new Harness.Entry("timer_start_cancel", "java ScheduledThreadPoolExecutor",
                Peers::timerStartCancel),
            new Harness.Entry("timer_lateness", "java ScheduledThreadPoolExecutor",
                Peers::timerLateness),
            new Harness.Entry("idle", "java", Peers::idle));
    }
}
