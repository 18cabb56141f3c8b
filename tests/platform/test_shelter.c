/* SPDX-License-Identifier: MIT */
/** @file
 *  Shelter: a write whose reader has gone ends nobody, and leaves no signal behind. */
#include "platform/shelter.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "runner.h"

/** Write to a pipe that nobody reads. Returns the errno. */
static int write_to_nobody(void)
{
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    close(ends[0]);
    int error = write(ends[1], "x", 1) < 0 ? errno : 0;
    close(ends[1]);
    return error;
}

static bool is_pending(int number)
{
    sigset_t set;
    CHECK_EQ(sigpending(&set), 0);
    return sigismember(&set, number) == 1;
}

static bool is_blocked(int number)
{
    sigset_t set;
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &set), 0);
    return sigismember(&set, number) == 1;
}

TEST(shelter, a_signal_of_the_write_is_taken_away)
{
    th_shelter outside;
    th_shelter_enter(&outside);
    CHECK(is_blocked(SIGPIPE) && is_blocked(SIGXFSZ));
    int error = write_to_nobody();
    CHECK_EQ(error, EPIPE);
    CHECK(is_pending(SIGPIPE));
    th_shelter_leave(&outside, error);
    CHECK(!is_pending(SIGPIPE));
    CHECK(!is_blocked(SIGPIPE) && !is_blocked(SIGXFSZ));
}

TEST(shelter, a_signal_that_was_there_before_stays)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    CHECK_EQ(raise(SIGPIPE), 0);
    th_shelter outside;
    th_shelter_enter(&outside);
    th_shelter_leave(&outside, write_to_nobody());
    CHECK(is_blocked(SIGPIPE) && is_pending(SIGPIPE));
}

TEST_DIES(shelter, is_over_once_left, SIGPIPE)
{
    th_shelter outside;
    th_shelter_enter(&outside);
    th_shelter_leave(&outside, 0);
    write_to_nobody();
}

/** Without red zones: AddressSanitizer leaves those of a cancelled thread behind, and then falls
 *  over them. */
__attribute__((no_sanitize("address"))) static void *be_cancelled(void *arg)
{
    th_shelter outside;
    th_shelter_enter(&outside);
    CHECK_EQ(pthread_cancel(pthread_self()), 0);
    pthread_testcancel();
    *(bool *)arg = true;
    th_shelter_leave(&outside, 0);
    pthread_testcancel();
    return NULL;
}

TEST(shelter, cancellation_waits_outside)
{
    test_thread thread;
    bool went_on = false;
    test_spawn(&thread, be_cancelled, &went_on);
    CHECK_PTR(test_join(&thread), PTHREAD_CANCELED);
    CHECK(went_on);
}
