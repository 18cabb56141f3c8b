// SPDX-License-Identifier: MIT
/** @file
 *  Clock: instants never go back, are never negative and never pass the end of the clock. */
#include "platform/clock.h"

#include <float.h>
#include <math.h>
#include <signal.h>
#include <time.h>

#include "runner.h"
#include "thrum/time.h"

/** The clock's end in seconds, about 292 years. */
#define END_S 9223372036.0

TEST(clock, now_is_the_monotonic_clock)
{
    for (int i = 0; i < 1000; i++) {
        int64_t before = test_now_ns();
        thrum_time now = thrum_now();
        int64_t after = test_now_ns();
        CHECK_LE(before, now);
        CHECK_LE(now, after);
    }
}

TEST(clock, after_is_so_many_seconds_from_now)
{
    static const double durations[] = {1e-9, 0.25, 1, 2.5, 3600, 1e6, 9e9};
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
        thrum_time ns = (thrum_time)(durations[i] * 1e9);
        thrum_time before = thrum_now();
        thrum_time instant = thrum_after(durations[i]);
        thrum_time after = thrum_now();
        CHECK_LE(before + ns, instant);
        CHECK_LE(instant, after + ns);
    }
}

static void check_is_now(double seconds)
{
    thrum_time before = thrum_now();
    thrum_time instant = thrum_after(seconds);
    CHECK_LE(before, instant);
    CHECK_LE(instant, thrum_now());
}

TEST(clock, after_nothing_or_less_is_now)
{
    check_is_now(0.0);
    check_is_now(-0.0);
    check_is_now(-1e-300);
    check_is_now(-1.0);
    check_is_now(-1e300);
    check_is_now(-DBL_MAX);
    check_is_now(-(double)INFINITY);
    check_is_now((double)NAN);
    check_is_now(-(double)NAN);
    check_is_now(1e-300);
    check_is_now(DBL_MIN);
}

TEST(clock, after_the_end_of_the_clock_is_forever)
{
    CHECK_EQ(thrum_after((double)INFINITY), THRUM_FOREVER);
    CHECK_EQ(thrum_after(DBL_MAX), THRUM_FOREVER);
    CHECK_EQ(thrum_after(1e300), THRUM_FOREVER);
    CHECK_EQ(thrum_after(1e10), THRUM_FOREVER);
    CHECK_EQ(thrum_after(END_S), THRUM_FOREVER);
}

/** Every double around the end is either a time to come or forever, and a longer duration is never
 *  an earlier instant. */
TEST(clock, after_does_not_wrap_around_the_end)
{
    double seconds = (double)(THRUM_FOREVER - thrum_now()) / 1e9 - 1;
    thrum_time last = 0;
    bool met_time = false, met_forever = false;
    for (int i = 0; i < 2000000 && !met_forever; i++) {
        thrum_time instant = thrum_after(seconds);
        CHECK_GE(instant, last);
        met_time = met_time || instant < THRUM_FOREVER;
        met_forever = instant == THRUM_FOREVER;
        last = instant;
        seconds = nextafter(seconds, (double)INFINITY);
    }
    CHECK(met_time);
    CHECK(met_forever);
}

TEST(clock, sleep_lasts_at_least_as_long_as_it_should)
{
    for (int ms = 1; ms <= 16; ms *= 2) {
        thrum_time end = thrum_after(ms / 1000.0);
        CHECK_STATUS(thrum_sleep(ms / 1000.0), 0);
        CHECK_GE(thrum_now(), end);
        end = thrum_after(ms / 1000.0);
        CHECK_STATUS(thrum_sleep_until(end), 0);
        CHECK_GE(thrum_now(), end);
    }
}

TEST(clock, sleep_of_nothing_returns)
{
    CHECK_STATUS(thrum_sleep(0), 0);
    CHECK_STATUS(thrum_sleep(-1), 0);
    CHECK_STATUS(thrum_sleep((double)NAN), 0);
    CHECK_STATUS(thrum_sleep(-(double)INFINITY), 0);
    CHECK_STATUS(thrum_sleep_until(0), 0);
    CHECK_STATUS(thrum_sleep_until(-1), 0);
    CHECK_STATUS(thrum_sleep_until(INT64_MIN), 0);
    CHECK_STATUS(thrum_sleep_until(thrum_now()), 0);
}

TEST(clock, signals_do_not_shorten_a_sleep)
{
    test_signals storm;
    test_send_signals(&storm, pthread_self(), SIGUSR1, 100);
    thrum_time end = thrum_after(0.03);
    CHECK_STATUS(thrum_sleep_until(end), 0);
    CHECK_GE(thrum_now(), end);
    CHECK_GT(test_stop_signals(&storm), 0);
}

static void *sleep_for_good(void *arg)
{
    thrum_sleep_until(*(thrum_time *)arg);
    FAIL("the end of the clock has come");
    return NULL;
}

TEST(clock, sleep_to_the_end_of_the_clock_sleeps)
{
    static thrum_time instants[] = {THRUM_FOREVER, THRUM_FOREVER - 1, INT64_C(1) << 62};
    static test_thread sleepers[3];
    test_allow_threads(3);
    for (int i = 0; i < 3; i++) {
        test_spawn(&sleepers[i], sleep_for_good, &instants[i]);
        test_wait_asleep(sleepers[i].tid);
    }
}

TEST(clock, the_wall_clock_is_the_system_s)
{
    struct timespec now;
    int64_t before = th_wall_clock_ns();
    CHECK_EQ(clock_gettime(CLOCK_REALTIME, &now), 0);
    int64_t after = th_wall_clock_ns();
    CHECK_LE(before, now.tv_sec * INT64_C(1000000000) + now.tv_nsec);
    CHECK_LE(now.tv_sec * INT64_C(1000000000) + now.tv_nsec, after);
}
