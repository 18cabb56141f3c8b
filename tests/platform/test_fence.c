/* SPDX-License-Identifier: MIT */
/** @file
 *  Fences for all threads; and what stands on membarrier passes its tests without it. */
#include "platform/fence.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/atomic.h"
#include "runner.h"

#if defined(__x86_64__)
#define IS_EMULATED false
#else
#define IS_EMULATED true /* perhaps */
#endif

enum { ROUNDS = 10000, LEADS = 50 };

/* ---- store buffering: the others keep only the compiler from reordering ---- */

static uint32_t x, y, saw_x, round_begun, round_done;

static void *write_y_and_read_x(void *unused)
{
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        while (th_load_acq(&round_begun) != round)
            continue;
        th_store_rlx(&y, round);
        th_fence_signal();
        saw_x = th_load_rlx(&x);
        th_store_rel(&round_done, round);
    }
    return unused;
}

TEST(platform_fence, one_of_two_sees_the_other)
{
    if (!th_can_fence_others())
        return;
    pthread_t other;
    CHECK_EQ(pthread_create(&other, NULL, write_y_and_read_x, NULL), 0);
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        th_store_rel(&round_begun, round);
        for (uint32_t i = round % LEADS; i > 0; i--) /* the other takes a while to see it */
            th_fence_signal();
        th_store_rlx(&x, round);
        th_fence_others();
        uint32_t saw_y = th_load_rlx(&y);
        while (th_load_acq(&round_done) != round)
            continue;
        CHECK(saw_y == round || saw_x == round);
    }
    pthread_join(other, NULL);
}

TEST(platform_fence, errno_is_kept)
{
    if (!th_can_fence_others())
        return;
    errno = EDOM;
    th_fence_others();
    CHECK_EQ(errno, EDOM);
}

/* ---- without membarrier ---- */

/** The kernel has no membarrier from now on, nor for the programs that this process becomes; false:
 *  it cannot be told so. */
static bool forbid_membarrier(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {.len = sizeof code / sizeof *code, .filter = code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

/** Become the test program that lies beside this one, without the faults that this one may be
 *  given, and not for longer. */
static void become(void *name)
{
    unsetenv("THRUM_FAULT");
    prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0UL, 0UL, 0UL);
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    CHECK_GT(length, 0);
    path[length] = '\0';
    char *base = strrchr(path, '/') + 1;
    CHECK_LT(strlen(name), sizeof path - (size_t)(base - path));
    strcpy(base, name);
    if (!forbid_membarrier())
        _exit(IS_EMULATED ? 0 : 1);
    execl(path, path, (char *)NULL);
    _exit(1);
}

TEST(platform_fence, maps_and_locks_do_without_membarrier)
{
    char programs[][32] = {"test_executor_map", "test_lock", "test_condition"};
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
        CHECK_EXITED(test_run_child(become, programs[i]), 0);
}
