/* SPDX-License-Identifier: MIT */
/** @file
 *  A program outside the tree. Valid as C and as C++. */
#include <stdio.h>
#include <thrum.h>

static thrum_lock lock;
static int answer;

static void *work(void *arg)
{
    thrum_with (&lock)
        answer = 42;
    return arg;
}

int main(void)
{
    thrum_thread *thread = thrum_spawn(work, NULL);
    if (thread == NULL || thrum_thread_join(thread) != 0)
        return 1;
    thrum_thread_free(thread);
    THRUM_HOLD(&lock);
    printf("%d from a thread\n", answer);
    return 0;
}
