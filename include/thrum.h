/* SPDX-License-Identifier: MIT */
/** @file
 *  thrum: Python's threads, natively in C. Everything, in the order in which one learns it.
 *
 *      #include <thrum.h>
 */
#ifndef THRUM_H
#define THRUM_H

/* clang-format off: the order in which one learns it */
#include <thrum/barrier.h>
#include <thrum/condition.h>
#include <thrum/event.h>
#include <thrum/executor.h>
#include <thrum/future.h>
#include <thrum/local.h>
#include <thrum/lock.h>
#include <thrum/log.h>
#include <thrum/once.h>
#include <thrum/queue.h>
#include <thrum/rlock.h>
#include <thrum/semaphore.h>
#include <thrum/status.h>
#include <thrum/thread.h>
#include <thrum/time.h>
#include <thrum/timer.h>
#include <thrum/version.h>
#include <thrum/with.h>
/* clang-format on */

#endif
