/* SPDX-License-Identifier: MIT */
/** @file
 *  The peer of futures: a mutex, a condition and a flag, as one writes it by hand. */
#ifndef THRUM_BENCH_FUTURE_H
#define THRUM_BENCH_FUTURE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

typedef struct glibc_future {
    pthread_mutex_t mutex;
    pthread_cond_t is_done_now;
    bool is_done;
    void *result;
} glibc_future;

static inline glibc_future *glibc_future_new(void)
{
    glibc_future *future = calloc(1, sizeof *future);
    if (future != NULL) {
        pthread_mutex_init(&future->mutex, NULL);
        pthread_cond_init(&future->is_done_now, NULL);
    }
    return future;
}

static inline void glibc_future_set(glibc_future *future, void *result)
{
    pthread_mutex_lock(&future->mutex);
    future->result = result;
    future->is_done = true;
    pthread_cond_broadcast(&future->is_done_now);
    pthread_mutex_unlock(&future->mutex);
}

static inline void *glibc_future_get(glibc_future *future)
{
    pthread_mutex_lock(&future->mutex);
    while (!future->is_done)
        pthread_cond_wait(&future->is_done_now, &future->mutex);
    void *result = future->result;
    pthread_mutex_unlock(&future->mutex);
    return result;
}

static inline void glibc_future_free(glibc_future *future)
{
    pthread_cond_destroy(&future->is_done_now);
    pthread_mutex_destroy(&future->mutex);
    free(future);
}

#endif
