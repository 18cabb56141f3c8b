/* SPDX-License-Identifier: MIT */
/** @file
 *  Map.
 *
 *  Purpose     Executor.map as an iterator: results in the order of the inputs, as they are asked
 *              for.
 *  State       A ring of the futures that have been submitted and not been taken, the oldest first.
 *              The calling thread's alone.
 *  Protocol    Inputs are pulled and submitted while the ring holds fewer than `buffersize`: by
 *              new, and by next after it has taken a result out. An input that could not be
 *              submitted is kept; what came of it is told when it is its turn, and the next call
 *              tries again. What ends the map cancels everything in the ring.
 *  Invariants  Never more than `buffersize` are submitted and not taken. No input is pulled for
 *              which there is no room in the ring.
 *  Rejected    Pulling the next input before waiting for the oldest result, as Python does: one
 *              more is in flight than was asked for. */
#include <stdint.h>

#include "flow/future.h"
#include "platform/memory.h"
#include "platform/options.h"
#include "thrum/executor.h"

#define FIRST_ROOM 16

struct thrum_map {
    thrum_executor *executor;
    thrum_target target;
    bool (*next)(void *state, void **ret_input);
    void *state;
    size_t buffersize; /**< SIZE_MAX: without bound */
    thrum_time deadline;
    thrum_future **ring;
    size_t room, oldest, count;
    void *input; /**< pulled, but not submitted */
    bool has_input;
    bool is_pulling;   /**< inside `next` */
    bool is_exhausted; /**< there is nothing more to pull */
    int refusal;       /**< what the last submit was answered */
    thrum_future *failed;
};

/* ---- the ring ---- */

static thrum_future **place(thrum_map *map, size_t i)
{
    return &map->ring[(map->oldest + i) % map->room];
}

/** Make room for one more future; false: no memory. */
static bool make_room(thrum_map *map)
{
    if (map->count < map->room)
        return true;
    size_t room = map->room == 0 ? FIRST_ROOM : 2 * map->room;
    thrum_future **ring = th_alloc(room * sizeof(thrum_future *));
    if (ring == NULL)
        return false;
    for (size_t i = 0; i < map->count; i++)
        ring[i] = *place(map, i);
    th_free(map->ring);
    map->ring = ring;
    map->room = room;
    map->oldest = 0;
    return true;
}

static thrum_future *take_oldest(thrum_map *map)
{
    thrum_future *future = *place(map, 0);
    map->oldest = (map->oldest + 1) % map->room;
    map->count--;
    return future;
}

/** Cancel what has not begun; there is nothing more to come. */
static void end(thrum_map *map)
{
    map->is_exhausted = true;
    map->has_input = false;
    for (size_t i = 0; i < map->count; i++)
        (void)thrum_future_cancel(*place(map, i));
    while (map->count > 0)
        thrum_future_free(take_oldest(map));
}

/* ---- inputs ---- */

static bool has_more(thrum_map *map)
{
    if (!map->has_input && !map->is_exhausted) {
        map->is_pulling = true;
        map->has_input = map->next(map->state, &map->input);
        map->is_pulling = false;
        map->is_exhausted = !map->has_input;
    }
    return map->has_input;
}

/** Submit inputs while there is room: 0, or why there are fewer than there could be. */
static int fill(thrum_map *map, thrum_time deadline)
{
    while (map->count < map->buffersize) {
        if (!make_room(map))
            return THRUM_ENOMEM;
        if (!has_more(map))
            return 0;
        thrum_future **to = place(map, map->count);
        int status =
            thrum_executor_submit_until(map->executor, map->target, map->input, to, deadline);
        if (status != 0)
            return status;
        map->has_input = false;
        map->count++;
    }
    return 0;
}

thrum_map *thrum_map_new_with(thrum_executor *executor, thrum_target target,
                              bool (*next)(void *state, void **ret_input), void *state,
                              const thrum_map_options *given)
{
    th_self(); /* an abandoned thread stops here */
    thrum_map_options options = {.size = 0};
    th_copy_options(&options, sizeof options, given);
    if (executor == NULL || target == NULL || next == NULL || options.buffersize > SIZE_MAX / 2)
        return NULL;
    thrum_map *map = th_alloc(sizeof *map);
    if (map == NULL)
        return NULL;
    map->executor = executor;
    map->target = target;
    map->next = next;
    map->state = state;
    map->buffersize = options.buffersize != 0 ? options.buffersize : SIZE_MAX;
    map->deadline = options.deadline != 0 ? options.deadline : THRUM_FOREVER;
    map->refusal = fill(map, map->deadline);
    return map;
}

/* ---- results ---- */

/** The oldest future is done, as `status` says. */
static int give(thrum_map *map, int status)
{
    thrum_future *future = take_oldest(map);
    if (status == 0) {
        thrum_future_free(future);
        return 0;
    }
    if (status == THRUM_ECANCELLED)
        thrum_future_free(future);
    else
        map->failed = future;
    end(map);
    return status;
}

int thrum_map_next_until(thrum_map *map, void **ret_result, thrum_time deadline)
{
    if (map == NULL)
        return THRUM_EINVAL;
    th_self(); /* an abandoned thread stops here */
    if (map->is_pulling)
        return THRUM_ESTATE;
    deadline = deadline < map->deadline ? deadline : map->deadline;
    if (map->count == 0) {
        map->refusal = fill(map, deadline);
        if (map->count == 0)
            return map->refusal != 0 ? map->refusal : THRUM_EEMPTY;
    }
    thrum_future *oldest = *place(map, 0);
    int status = thrum_future_wait_until(oldest, deadline);
    if (status != 0)
        return status;
    status = give(map, thrum_future_result(oldest, ret_result));
    if (status == 0) /* what keeps an input from being submitted is told at its turn */
        map->refusal = fill(map, deadline);
    return status;
}

int thrum_map_next(thrum_map *map, void **ret_result)
{
    return thrum_map_next_until(map, ret_result, THRUM_FOREVER);
}

const thrum_error *thrum_map_error(const thrum_map *map)
{
    return map != NULL && map->failed != NULL ? thrum_future_error(map->failed) : NULL;
}

void thrum_map_free(thrum_map *map)
{
    th_self(); /* an abandoned thread stops here */
    if (map == NULL)
        return;
    end(map);
    thrum_future_free(map->failed);
    th_free(map->ring);
    th_free(map);
}
