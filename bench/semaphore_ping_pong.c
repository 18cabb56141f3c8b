/* SPDX-License-Identifier: MIT */
/** @file
 *  Two threads hand a permit to and fro. */
#include <pthread.h>
#include <semaphore.h>

#include "harness.h"
#include "thrum/semaphore.h"

#define ROUNDS 50000

static thrum_semaphore there, back;
static sem_t glibc_there, glibc_back;

static void *thrum_partner(void *arg)
{
    bench_place(1);
    for (int i = 0; i < ROUNDS; i++) {
        thrum_semaphore_acquire(&there);
        thrum_semaphore_release(&back, 1);
    }
    return arg;
}

static double thrum_round(void)
{
    pthread_t partner;
    bench_place(0);
    double started = bench_now();
    if (pthread_create(&partner, NULL, thrum_partner, NULL) != 0)
        bench_wrong("no more threads");
    for (int i = 0; i < ROUNDS; i++) {
        thrum_semaphore_release(&there, 1);
        thrum_semaphore_acquire(&back);
    }
    pthread_join(partner, NULL);
    return ROUNDS / (bench_now() - started) / 1e3;
}

static void *glibc_partner(void *arg)
{
    bench_place(1);
    for (int i = 0; i < ROUNDS; i++) {
        sem_wait(&glibc_there);
        sem_post(&glibc_back);
    }
    return arg;
}

static double glibc_round(void)
{
    pthread_t partner;
    sem_init(&glibc_there, 0, 0);
    sem_init(&glibc_back, 0, 0);
    bench_place(0);
    double started = bench_now();
    if (pthread_create(&partner, NULL, glibc_partner, NULL) != 0)
        bench_wrong("no more threads");
    for (int i = 0; i < ROUNDS; i++) {
        sem_post(&glibc_there);
        sem_wait(&glibc_back);
    }
    pthread_join(partner, NULL);
    return ROUNDS / (bench_now() - started) / 1e3;
}

static const bench_contender contenders[] = {{"thrum", thrum_round}, {"glibc", glibc_round}};

BENCH_MAIN("semaphore ping-pong", "thousand round trips per s", BENCH_HIGHER_IS_BETTER, contenders)
