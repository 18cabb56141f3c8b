/* SPDX-License-Identifier: MIT */
/** @file
 *  libevent: timers. With EVENT_BASE_FLAG_PRECISE_TIMER, as its manual asks for where the lateness
 *  matters. */
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>

#include "frames.h"

static struct timeval after(double seconds)
{
    return (struct timeval){(time_t)seconds,
                            (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6)};
}

static struct event_base *base_new(void)
{
    struct event_config *config = event_config_new();
    event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    bench_check(base != NULL, "no memory");
    return base;
}

static void never(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    bench_wrong("a cancelled timer fired");
}

static void cycle(long n)
{
    struct event_base *base = base_new();
    struct event **timers = calloc((size_t)n, sizeof *timers);
    bench_check(timers != NULL, "no memory");
    for (long i = 0; i < n; i++) {
        struct timeval delay = after(BENCH_TIMER_S(i));
        timers[i] = evtimer_new(base, never, NULL);
        bench_check(timers[i] != NULL && evtimer_add(timers[i], &delay) == 0, "a start failed");
    }
    for (long i = 0; i < n; i++) {
        bench_check(evtimer_del(timers[i]) == 0, "a timer could not be cancelled");
        event_free(timers[i]);
    }
    free(timers);
    event_base_free(base);
}

static double start_cancel(void)
{
    return bench_timers(cycle);
}

static double due[BENCH_LATE_TIMERS], fired[BENCH_LATE_TIMERS];

static void fire(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    *(double *)arg = bench_now();
}

static double lateness(void)
{
    static struct event timers[BENCH_LATE_TIMERS];
    struct event_base *base = base_new();
    for (int i = 0; i < BENCH_LATE_TIMERS; i++) {
        struct timeval delay = after(bench_due(i));
        evtimer_assign(&timers[i], base, fire, &fired[i]);
        due[i] = bench_now() + bench_due(i);
        bench_check(evtimer_add(&timers[i], &delay) == 0, "a start failed");
    }
    event_base_dispatch(base);
    return bench_lateness(due, fired);
}

static const bench_entry entries[] = {
    {"timer_start_cancel", {"libevent", start_cancel}},
    {"timer_lateness", {"libevent", lateness}},
};

BENCH_PEER_MAIN(entries)
