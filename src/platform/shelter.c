/* SPDX-License-Identifier: MIT */
/** @file
 *  Shelter.
 *
 *  Purpose     SIGPIPE and SIGXFSZ, and cancellation, held back for a while.
 *  Protocol    A signal that the write itself raised is taken away again, unless the program had it
 *              pending already. */
#include "platform/shelter.h"

#include <errno.h>
#include <stddef.h>
#include <time.h>

#include "platform/thread.h"

static sigset_t signals_of_writing(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    sigaddset(&set, SIGXFSZ);
    return set;
}

void th_shelter_enter(th_shelter *outside)
{
    const sigset_t ours = signals_of_writing();
    outside->cancel_state = th_cancel_disable();
    pthread_sigmask(SIG_BLOCK, &ours, &outside->blocked);
    sigemptyset(&outside->pending); /* what is not blocked does not stay pending */
    if (sigismember(&outside->blocked, SIGPIPE) == 1 ||
        sigismember(&outside->blocked, SIGXFSZ) == 1)
        sigpending(&outside->pending);
}

void th_shelter_leave(const th_shelter *outside, int error)
{
    const int raised = error == EPIPE ? SIGPIPE : error == EFBIG ? SIGXFSZ : 0;
    if (raised != 0 && sigismember(&outside->pending, raised) == 0) {
        const struct timespec at_once = {0, 0};
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, raised);
        sigtimedwait(&set, NULL, &at_once);
    }
    pthread_sigmask(SIG_SETMASK, &outside->blocked, NULL);
    th_cancel_restore(outside->cancel_state);
}
