/* SPDX-License-Identifier: MIT */
/** @file
 *  Models of the run queue (src/flow/run_queue.c): nothing is lost and nothing taken twice, by
 *  owner and thieves; what was written before a put is read after the take. Four slots. */
#include "flow/run_queue.h"
#include "model_kit.h"
#include "platform/memory.h"

enum { TASKS = 8 };

static th_run_queue shared, others[4];
static thrum_future tasks[TASKS];
static int written[TASKS]; /**< by the owner before it puts */
static int taken[TASKS];

static void take(bool is_taken, th_item item)
{
    if (!is_taken)
        return;
    const thrum_future *task = item.arg;
    int which = (int)(task - tasks);
    model_assert(written[which] == 1);
    taken[which]++;
}

static void take_from(th_run_queue *queue)
{
    th_item item = {.target = NULL};
    bool taken_one = th_run_queue_take(queue, &item);
    take(taken_one, item);
}

static void steal_from(th_run_queue *from, th_run_queue *own)
{
    th_item item = {.target = NULL};
    bool taken_one = th_run_queue_steal(from, own, &item);
    take(taken_one, item);
}

static bool put(int which)
{
    written[which] = 1;
    return th_run_queue_push(&shared, (th_item){.arg = &tasks[which]});
}

static void put_three(void)
{
    for (int i = 0; i < 3; i++)
        model_assert(put(i));
}

static void put_two_and_take(void)
{
    model_assert(put(0));
    model_assert(put(1));
    take_from(&shared);
}

/** One more than there is room for, unless somebody takes. */
static void put_five(void)
{
    for (int i = 0; i < 5; i++) {
        if (!put(i))
            take_from(&shared);
        else
            continue;
        model_assert(put(i));
    }
}

static void take_one(void)
{
    take_from(&shared);
}

static void rob(void)
{
    th_run_queue *own = &others[model_thread()];
    steal_from(&shared, own);
    take_from(own);
}

/** Steals from who steals. */
static void rob_robber(void)
{
    th_run_queue *own = &others[model_thread()];
    steal_from(&others[1], own);
    take_from(own);
}

static void drain(th_run_queue *queue)
{
    for (th_item item; th_run_queue_take(queue, &item);)
        take(true, item);
}

static void all_taken_once(void)
{
    drain(&shared);
    for (int i = 0; i < 4; i++)
        drain(&others[i]);
    for (int i = 0; i < TASKS; i++)
        model_assert(taken[i] == written[i]);
}

MODEL(run_queue, takes, .what = "the owner and another take of two",
      .threads = {put_two_and_take, take_one}, .finish = all_taken_once, .stale_reads = 2)
MODEL(run_queue, robs, .what = "a thief takes half of three", .threads = {put_three, rob},
      .finish = all_taken_once, .stale_reads = 2)
MODEL(run_queue, robbed_by_two, .what = "two thieves and the owner",
      .threads = {put_two_and_take, rob, rob}, .finish = all_taken_once, .preemptions = 2)
MODEL(run_queue, robbed_by_two_weak, .what = "the same on weak memory",
      .threads = {put_two_and_take, rob, rob}, .finish = all_taken_once, .stale_reads = 1,
      .preemptions = 2)
MODEL(run_queue, full, .what = "slots are used again while a thief reads them",
      .threads = {put_five, rob}, .finish = all_taken_once, .preemptions = 3)
MODEL(run_queue, full_weak, .what = "the same on weak memory", .threads = {put_five, take_one},
      .finish = all_taken_once, .stale_reads = 2, .preemptions = 2)
MODEL(run_queue, robber_is_robbed, .what = "a thief is robbed while it steals",
      .threads = {put_three, rob, rob_robber}, .finish = all_taken_once, .preemptions = 2)
MODEL(run_queue, robber_is_robbed_weak, .what = "the same on weak memory",
      .threads = {put_three, rob, rob_robber}, .finish = all_taken_once, .stale_reads = 1,
      .preemptions = 2)
