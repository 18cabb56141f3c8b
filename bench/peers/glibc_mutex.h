/* SPDX-License-Identifier: MIT */
/** @file
 *  The C library's mutex and condition, for the files of numbers: see mutex_peer.h. */
#ifndef THRUM_BENCH_GLIBC_MUTEX_H
#define THRUM_BENCH_GLIBC_MUTEX_H

#include <pthread.h>

static pthread_mutex_t glibc_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t glibc_changed = PTHREAD_COND_INITIALIZER;

#define LOCK() pthread_mutex_lock(&glibc_mutex)
#define UNLOCK() pthread_mutex_unlock(&glibc_mutex)
#define WAIT() pthread_cond_wait(&glibc_changed, &glibc_mutex)
#define SIGNAL() pthread_cond_signal(&glibc_changed)
#define BROADCAST() pthread_cond_broadcast(&glibc_changed)
#include "mutex_peer.h"

#endif
