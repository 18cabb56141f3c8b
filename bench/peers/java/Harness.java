// SPDX-License-Identifier: MIT

import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.function.DoubleSupplier;

/**
 * The command line and the line of figures, as in ../../harness.c. A round is run twice and the
 * second is measured: the first is for the just-in-time compiler.
 */
final class Harness {
    /** The sizes of ../../frames.h. */
    static final int PAIRS = 5_000_000, TURNS = 20_000, THREADS_RUN = 2_000, SLEEPERS = 32, WAKES = 20;
    static final int ITEMS = 2_000_000, QUEUE_SIZE = 1024, WORKERS = 2, TASKS = 1_000_000;
    static final int SUBMITS = 20_000, MAP_LARGE = 1_000_000, MAPS_LARGE = 10, MAP_SMALL = 1_000;
    static final int MAPS_SMALL = 10_000, TIMERS = 1_000_000, LATE_TIMERS = 10_000;
    static final double CONTENDED_S = 0.5, LATE_SPAN_S = 1.0, IDLE_S = 2.0;

    record Entry(String workload, String name, DoubleSupplier round) {}

    interface Body {
        void run(int index) throws Exception;
    }

    private static final List<String> notes = new ArrayList<>();
    private static int threads, cpus;

    static void run(String[] arguments, Entry... entries) {
        boolean list = false;
        String one = null;
        for (int i = 0; i < arguments.length; i++) {
            switch (arguments[i]) {
                case "--list" -> list = true;
                case "--one" -> one = arguments[++i];
                case "--threads" -> threads = Integer.parseInt(arguments[++i]);
                case "--cpus" -> cpus = Integer.parseInt(arguments[++i]);
                default -> throw new IllegalArgumentException(arguments[i]);
            }
        }
        for (Entry entry : entries) {
            if (list)
                System.out.println("contender\t" + entry.workload + "\t" + entry.name);
            else if (one == null || one.equals(entry.workload + "/" + entry.name))
                measure(entry);
        }
        System.exit(0);
    }

    private static void measure(Entry entry) {
        entry.round.getAsDouble();
        notes.clear();
        System.gc();
        double started = now(), cpu = cpuNow();
        double figure = entry.round.getAsDouble();
        double cpuS = cpuNow() - cpu, wallS = now() - started;
        System.out.printf("{\"workload\": \"%s\", \"contender\": \"%s\", \"figure\": %g, "
            + "\"wall_s\": %.6f, \"cpu_s\": %.6f, \"checked\": true, \"notes\": {%s}}%n",
            entry.workload, entry.name, figure, wallS, cpuS, String.join(", ", notes));
    }

    static void note(String name, double value) {
        notes.add(String.format("\"%s\": %g", name, value));
    }

    static void check(boolean done, String what) {
        if (!done)
            throw new AssertionError("wrong result: " + what);
    }

    static int threadsOr(int otherwise) {
        return threads != 0 ? threads : otherwise;
    }

    static double now() {
        return System.nanoTime() * 1e-9;
    }

    /** CPU seconds of this process, the compiler's and the collector's too. */
    static double cpuNow() {
        var system = (com.sun.management.OperatingSystemMXBean)
            ManagementFactory.getOperatingSystemMXBean();
        return system.getProcessCpuTime() * 1e-9;
    }

    static void sleep(double seconds) {
        try {
            Thread.sleep((long) (seconds * 1e3));
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /** Put the calling thread on the first or second processor; with one, bench.py has done so. */
    private static void place(int index) throws Exception {
        if (cpus < 2)
            return;
        String thread = Files.readSymbolicLink(Path.of("/proc/thread-self")).getFileName().toString();
        String cpu = Integer.toString(index % cpus);
        int status = new ProcessBuilder("taskset", "-cp", cpu, thread)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD).start().waitFor();
        check(status == 0, "a thread could not be placed");
    }

    static Thread start(Body body, int index) {
        Thread thread = new Thread(() -> {
            try {
                body.run(index);
            } catch (Exception e) {
                e.printStackTrace();
                Runtime.getRuntime().halt(1);
            }
        });
        thread.start();
        return thread;
    }

    static void join(Thread... ended) {
        try {
            for (Thread thread : ended)
                thread.join();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /** Seconds that `count` threads take for body(0), body(1), ... from their common start. */
    static double crew(int count, Body body) {
        return crew(count, body, () -> {});
    }

    /** The same; meanwhile() runs beside them. */
    static double crew(int count, Body body, Runnable meanwhile) {
        var placed = new CountDownLatch(count);
        var ready = new CountDownLatch(1);
        Thread[] members = new Thread[count];
        for (int i = 0; i < count; i++)
            members[i] = start(index -> {
                place(index);
                placed.countDown();
                ready.await();
                body.run(index);
            }, i);
        await(placed);
        double started = now();
        ready.countDown();
        meanwhile.run();
        join(members);
        return now() - started;
    }

    static long least(long[] of) {
        return Arrays.stream(of).min().getAsLong();
    }

    static long most(long[] of) {
        return Arrays.stream(of).max().getAsLong();
    }
}
