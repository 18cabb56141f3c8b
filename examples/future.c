/* SPDX-License-Identifier: MIT */
/** @file
 *  Future: a result that is not there yet, made and completed by hand. In Python:
 *
 *      answer = Future()
 *      answer.add_done_callback(lambda future: print("the answer is there"))
 *      Thread(target=compute, args=[answer]).start()     # answer.set_result(42)
 *      print(answer.result())
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>
#include <thrum/future.h>

static int answer_value = 42;

/** Gives the first future a result, and the second an error. */
static void *compute(void *arg)
{
    thrum_future **futures = arg;
    if (thrum_future_start(futures[0]) == 0) /* it has not been cancelled */
        thrum_future_set_result(futures[0], &answer_value);
    thrum_future_set_error(futures[1], EDOM, "no answer to question %d", 2);
    return NULL;
}

static void say_done(thrum_future *future, void *name)
{
    (void)future;
    printf("%s is done\n", (const char *)name);
}

int main(void)
{
    static char first[] = "the first", second[] = "the second";
    thrum_future *futures[] = {thrum_future_new(), thrum_future_new(), thrum_future_new()};
    thrum_future_add_done_callback(futures[0], say_done, first);
    thrum_future_add_done_callback(futures[1], say_done, second);

    bool cancelled = thrum_future_cancel(futures[2]); /* nobody has begun it */
    thrum_thread *thread = thrum_spawn(compute, futures);

    void *result = NULL;
    int status = thrum_future_result(futures[0], &result);
    printf("result: %d\n", status == 0 ? *(int *)result : -1);
    int failed = thrum_future_result(futures[1], NULL);
    printf("%s: %s\n", thrum_strerror(failed), thrum_future_error(futures[1])->message);
    printf("%s\n", thrum_strerror(thrum_future_result(futures[2], NULL)));

    int done = 0;
    thrum_as_completed *all = thrum_as_completed_new(futures, 3);
    while (thrum_as_completed_next(all, NULL) == 0)
        done++;
    thrum_as_completed_free(all);
    printf("%d of 3 are done\n", done);

    thrum_thread_join(thread);
    thrum_thread_free(thread);
    for (int i = 0; i < 3; i++)
        thrum_future_free(futures[i]);
    bool is_right =
        status == 0 && result == &answer_value && failed == THRUM_EFAILED && cancelled && done == 3;
    return is_right ? EXIT_SUCCESS : EXIT_FAILURE;
}
