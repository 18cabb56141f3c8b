/* SPDX-License-Identifier: MIT */
/** @file
 *  Scenario: lifetime. Two workers share an object for one operation each, and who learns that the
 *  other is through gives the memory up at once. Under AddressSanitizer it is freed; elsewhere it
 *  is poisoned and kept for a while: who still writes to it is found out when it is looked at.
 *
 *  Even slots make objects and hand them to the odd slot after them; a last slot that is left over
 *  plays both parts. */
#include <stdlib.h>
#include <string.h>

#include "torture.h"

enum kind { LOCK, RLOCK, CONDITION, SEMAPHORE, EVENT, BARRIER, ONCE, KINDS };

typedef struct shared {
    thrum_lock lock;
    thrum_rlock rlock;
    thrum_condition condition;
    thrum_semaphore semaphore;
    thrum_event event;
    thrum_barrier barrier;
    thrum_once once;
    enum kind kind;
    unsigned users; /* under the lock, or atomic */
    bool ready;
} shared;

#define KEPT 32
#define POISON 0xa5

/** Where a maker leaves an object for its partner; one cell, so makers wait for their partners. */
typedef struct mailbox {
    thrum_semaphore empty, full;
    shared *object;
    shared *kept[2][KEPT]; /* of each partner: memory given up */
    unsigned turn[2];
} mailbox;

static mailbox mailboxes[WORKERS_MAX];
static uint64_t made, given_up;

static void lifetime_setup(unsigned workers)
{
    (void)workers;
    memset(mailboxes, 0, sizeof mailboxes);
    for (int i = 0; i < WORKERS_MAX; i++)
        mailboxes[i].empty = (thrum_semaphore)THRUM_SEMAPHORE(1);
    made = given_up = 0;
}

/** Free it, unless somebody has written to it since it was given up. */
static void look_again(shared *object)
{
    const unsigned char *bytes = (const unsigned char *)object;
    for (size_t i = 0; object != NULL && i < sizeof *object; i++)
        if (bytes[i] != POISON) {
            torture_count(OVERLAP, 1);
            break;
        }
    free(object);
}

static void give_up(shared *object, mailbox *box, unsigned partner)
{
    __atomic_add_fetch(&given_up, 1, __ATOMIC_RELAXED);
    if (TORTURE_ASAN) {
        free(object);
        return;
    }
    shared **place = &box->kept[partner][box->turn[partner]++ % KEPT];
    memset(object, POISON, sizeof *object);
    look_again(*place);
    *place = object;
}

/** Count oneself out under a lock; whether one was the last. */
static bool last_under_lock(shared *object)
{
    thrum_lock_acquire(&object->lock);
    bool last = --object->users == 0;
    thrum_lock_release(&object->lock);
    return last;
}

static bool last_under_rlock(shared *object)
{
    thrum_rlock_acquire(&object->rlock);
    bool last = --object->users == 0;
    thrum_rlock_release(&object->rlock);
    return last;
}

static bool last_of_all(shared *object)
{
    return __atomic_sub_fetch(&object->users, 1, __ATOMIC_ACQ_REL) == 0;
}

static void nothing(void *unused)
{
    (void)unused;
}

/** The maker's operation; true if it is the one to give the memory up. */
static bool make_part(shared *object)
{
    switch (object->kind) {
    case LOCK: return last_under_lock(object);
    case RLOCK: return last_under_rlock(object);
    case CONDITION:
        thrum_lock_acquire(&object->lock);
        object->ready = true;
        thrum_condition_notify(&object->condition, 1);
        thrum_lock_release(&object->lock);
        return false;
    case SEMAPHORE:
        torture_expect(thrum_semaphore_release(&object->semaphore, 1), false);
        return false;
    case EVENT: thrum_event_set(&object->event); return false;
    case BARRIER:
        if (thrum_barrier_wait(&object->barrier) < 0)
            torture_count(UNEXPECTED_STATUS, 1);
        return last_of_all(object);
    default: thrum_once_run(&object->once, nothing, NULL); return last_of_all(object);
    }
}

/** The partner's operation; true if it is the one to give the memory up. */
static bool take_part(shared *object)
{
    switch (object->kind) {
    case CONDITION:
        thrum_lock_acquire(&object->lock);
        while (!object->ready)
            torture_expect(thrum_condition_wait(&object->condition, &object->lock), false);
        thrum_lock_release(&object->lock);
        return true;
    case SEMAPHORE: torture_expect(thrum_semaphore_acquire(&object->semaphore), false); return true;
    case EVENT: torture_expect(thrum_event_wait(&object->event), false); return true;
    default: return make_part(object);
    }
}

static shared *make(worker *me)
{
    shared *object = calloc(1, sizeof *object);
    if (object == NULL)
        return NULL;
    object->kind = (enum kind)torture_random(me, KINDS);
    object->users = 2;
    torture_expect(thrum_barrier_init(&object->barrier, 2, NULL, NULL), false);
    __atomic_add_fetch(&made, 1, __ATOMIC_RELAXED);
    return object;
}

static void hand_over(mailbox *box, shared *object)
{
    torture_expect(thrum_semaphore_acquire(&box->empty), false);
    box->object = object;
    torture_expect(thrum_semaphore_release(&box->full, 1), false);
}

static bool lifetime_step(worker *me)
{
    mailbox *box = &mailboxes[me->slot / 2];
    if (me->slot % 2 == 1) {
        torture_expect(thrum_semaphore_acquire(&box->full), false);
        shared *object = box->object;
        torture_expect(thrum_semaphore_release(&box->empty, 1), false);
        if (object != NULL && take_part(object))
            give_up(object, box, 1);
        return object != NULL;
    }
    bool last = torture_stopping(), alone = me->slot + 1 == me->slots;
    shared *object = make(me);
    if (object == NULL)
        return true;
    if (alone) {
        object->users = 1;
        object->kind = me->own[0]++ % 2 == 0 ? LOCK : RLOCK;
    } else {
        hand_over(box, object);
    }
    if (make_part(object))
        give_up(object, box, 0);
    if (last && !alone)
        hand_over(box, NULL);
    return !last;
}

static void lifetime_check(void)
{
    torture_conserve(made, given_up);
    for (int i = 0; i < WORKERS_MAX; i++)
        for (int k = 0; k < KEPT; k++) {
            look_again(mailboxes[i].kept[0][k]);
            look_again(mailboxes[i].kept[1][k]);
        }
}

const scenario scenario_lifetime = {
    .name = "lifetime",
    .proves = "an object may go as soon as its last operation is known to be over",
    .setup = lifetime_setup,
    .step = lifetime_step,
    .check = lifetime_check,
    .least = 2,
    .in_mixed = true,
};
