/* SPDX-License-Identifier: MIT */
/** @file
 *  Run queue: by hand in one thread, and with thieves. */
#include "flow/run_queue.h"

#include "runner.h"

enum { TASKS = 200000, THIEVES = 3 };

static thrum_future tasks[TH_RUN_QUEUE_SLOTS + 1];

static thrum_future *take_from(th_run_queue *queue)
{
    th_item item;
    return th_run_queue_take(queue, &item) ? item.arg : NULL;
}

static thrum_future *steal_from(th_run_queue *from, th_run_queue *own)
{
    th_item item;
    return th_run_queue_steal(from, own, &item) ? item.arg : NULL;
}

static void fill(th_run_queue *queue, int count)
{
    for (int i = 0; i < count; i++)
        CHECK(th_run_queue_push(queue, (th_item){.arg = &tasks[i]}));
}

TEST(run_queue, gives_the_oldest_first)
{
    th_run_queue queue = {.head = 0};
    CHECK_PTR(take_from(&queue), NULL);
    fill(&queue, 3);
    CHECK_EQ(th_run_queue_count(&queue), 3);
    for (int i = 0; i < 3; i++)
        CHECK_PTR(take_from(&queue), &tasks[i]);
    CHECK_PTR(take_from(&queue), NULL);
    CHECK_EQ(th_run_queue_count(&queue), 0);
}

TEST(run_queue, refuses_when_full)
{
    th_run_queue queue = {.head = 0};
    fill(&queue, TH_RUN_QUEUE_SLOTS);
    CHECK(!th_run_queue_push(&queue, (th_item){.arg = &tasks[TH_RUN_QUEUE_SLOTS]}));
    CHECK_PTR(take_from(&queue), &tasks[0]);
    CHECK(th_run_queue_push(&queue, (th_item){.arg = &tasks[TH_RUN_QUEUE_SLOTS]}));
    for (int i = 1; i <= TH_RUN_QUEUE_SLOTS; i++)
        CHECK_PTR(take_from(&queue), &tasks[i]);
}

TEST(run_queue, numbers_wrap_around)
{
    th_run_queue queue = {.head = UINT32_MAX - 2, .tail = UINT32_MAX - 2};
    th_run_queue other = {.head = UINT32_MAX, .tail = UINT32_MAX};
    fill(&queue, TH_RUN_QUEUE_SLOTS);
    CHECK(!th_run_queue_push(&queue, (th_item){.arg = &tasks[0]}));
    CHECK_EQ(th_run_queue_count(&queue), TH_RUN_QUEUE_SLOTS);
    CHECK_PTR(steal_from(&queue, &other), &tasks[0]);
    for (int i = 1; i < TH_RUN_QUEUE_SLOTS / 2; i++)
        CHECK_PTR(take_from(&other), &tasks[i]);
    for (int i = TH_RUN_QUEUE_SLOTS / 2; i < TH_RUN_QUEUE_SLOTS; i++)
        CHECK_PTR(take_from(&queue), &tasks[i]);
}

TEST(run_queue, thief_takes_the_older_half)
{
    for (int count = 1; count <= TH_RUN_QUEUE_SLOTS; count++) {
        th_run_queue queue = {.head = 0}, other = {.head = 0};
        fill(&queue, count);
        CHECK_PTR(steal_from(&queue, &other), &tasks[0]);
        int half = (count + 1) / 2;
        CHECK_EQ(th_run_queue_count(&other), half - 1);
        CHECK_EQ(th_run_queue_count(&queue), count - half);
        for (int i = 1; i < half; i++)
            CHECK_PTR(take_from(&other), &tasks[i]);
        for (int i = half; i < count; i++)
            CHECK_PTR(take_from(&queue), &tasks[i]);
        CHECK_PTR(steal_from(&queue, &other), NULL);
    }
}

/** Tasks are numbers here; each is counted by who takes it. */
static unsigned char taken[TASKS];
static th_run_queue shared;
static bool is_over;

static void count(thrum_future *number)
{
    uintptr_t which = (uintptr_t)number - 1;
    CHECK_LT(which, TASKS);
    CHECK_EQ(__atomic_add_fetch(&taken[which], 1, __ATOMIC_SEQ_CST), 1);
}

static void *be_thief(void *unused)
{
    (void)unused;
    th_run_queue own = {.head = 0};
    bool goes_on = true;
    while (goes_on) {
        goes_on = !__atomic_load_n(&is_over, __ATOMIC_SEQ_CST);
        thrum_future *task = steal_from(&shared, &own);
        for (; task != NULL; task = take_from(&own)) {
            goes_on = true;
            count(task);
        }
    }
    return NULL;
}

TEST_LIMIT(run_queue, loses_nothing_and_doubles_nothing, 60)
{
    test_thread thieves[THIEVES];
    for (int i = 0; i < THIEVES; i++)
        test_spawn(&thieves[i], be_thief, NULL);
    for (uintptr_t number = 1; number <= TASKS; number++) {
        while (!th_run_queue_push(&shared, (th_item){.arg = (thrum_future *)number})) {
            thrum_future *task = take_from(&shared);
            if (task != NULL)
                count(task);
        }
        thrum_future *task = number % 3 == 0 ? take_from(&shared) : NULL;
        if (task != NULL)
            count(task);
    }
    __atomic_store_n(&is_over, true, __ATOMIC_SEQ_CST);
    for (thrum_future *task; (task = take_from(&shared)) != NULL;)
        count(task);
    for (int i = 0; i < THIEVES; i++)
        test_join(&thieves[i]);
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ(taken[i], 1);
}
