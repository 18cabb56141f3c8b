/* SPDX-License-Identifier: MIT */
/** @file
 *  Timer: a call to be made later. In Python:
 *
 *      t = threading.Timer(0.05, say, ["hello, a little later"])
 *      t.start()
 *      t.join()
 *
 *      t = threading.Timer(30.0, say, ["never said"])
 *      t.start()
 *      t.cancel()
 */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>
#include <thrum/timer.h>

static void *say(void *what)
{
    printf("%s: %s\n", thrum_thread_name(thrum_current_thread()), (char *)what);
    return NULL;
}

static thrum_semaphore ticks;

static void *tick(void *unused)
{
    thrum_semaphore_release(&ticks, 1);
    return unused;
}

int main(void)
{
    static char later[] = "hello, a little later", never[] = "never said";

    thrum_timer *greeting = thrum_timer_new(0.05, say, later, .name = "greeter");
    thrum_timer_start(greeting);
    thrum_timer_join(greeting);
    thrum_timer_free(greeting);

    thrum_timer *forgotten = thrum_timer_new(30.0, say, never);
    thrum_timer_start(forgotten);
    bool was_prevented = thrum_timer_cancel(forgotten);
    printf("cancelled in time: %s\n", was_prevented ? "yes" : "no");
    thrum_timer_free(forgotten);

    thrum_timer *clock = thrum_timer_new(0.01, tick, NULL, .repeat = true);
    thrum_timer_start(clock);
    for (int i = 0; i < 3; i++)
        thrum_semaphore_acquire(&ticks);
    thrum_timer_cancel(clock);
    thrum_timer_join(clock); /* no call is under way any more */
    thrum_timer_free(clock);
    puts("the clock has ticked three times");
    return was_prevented ? EXIT_SUCCESS : EXIT_FAILURE;
}
