/* SPDX-License-Identifier: MIT */
/** @file
 *  Logging: who said what, and when.
 *
 *  Three threads bake at once. Each says what it does; the log adds the time, the level and the
 *  thread's name, and keeps the lines whole. A run looks like this:
 *
 *      07:31:04 INFO     MainThread  the bakery opens
 *      07:31:04 INFO     Anna        bread goes into the oven
 *      07:31:04 INFO     Ben         cake goes into the oven
 *      07:31:04 INFO     Cleo        pizza goes into the oven
 *      07:31:04 WARNING  Ben         the oven is at 260 degrees
 *      07:31:04 INFO     Anna        bread is done
 *      07:31:04 INFO     Cleo        pizza is done
 *      07:31:04 ERROR    Ben         cake is burnt
 *      07:31:04 INFO     MainThread  the bakery closes
 *
 *  In Python: logging.basicConfig(level=logging.INFO, format=..., datefmt=...), and then
 *  logging.info("%s goes into the oven", name). */
#include <stdlib.h>
#include <thrum.h>

typedef struct dish {
    const char *name;
    const char *baker;
    double seconds;
    int degrees;
} dish;

static void *bake(void *arg)
{
    const dish *mine = arg;
    thrum_info("%s goes into the oven", mine->name);
    thrum_debug("%s takes %.1f s", mine->name, mine->seconds); /* below INFO: costs one load */
    if (mine->degrees > 250) {
        thrum_sleep(0.05);
        thrum_warning("the oven is at %d degrees", mine->degrees);
    }
    thrum_sleep(mine->seconds);
    if (mine->degrees > 250)
        thrum_log_error("%s is burnt", mine->name);
    else
        thrum_info("%s is done", mine->name);
    return NULL;
}

int main(void)
{
    static dish dishes[] = {
        {"bread", "Anna", 0.1, 220},
        {"cake", "Ben", 0.25, 260},
        {"pizza", "Cleo", 0.2, 250},
    };
    enum { DISHES = sizeof dishes / sizeof *dishes };
    thrum_thread *bakers[DISHES];

    int status = thrum_log_config(.level = THRUM_LOG_INFO,
                                  .format = "%(asctime)s %(levelname)-8s %(threadName)-11s "
                                            "%(message)s",
                                  .datefmt = "%H:%M:%S");
    if (status != 0) {
        fprintf(stderr, "cannot log: %s\n", thrum_strerror(status));
        return EXIT_FAILURE;
    }

    thrum_info("the bakery opens");
    for (int i = 0; i < DISHES; i++)
        bakers[i] = thrum_spawn(bake, &dishes[i], .name = dishes[i].baker);
    for (int i = 0; i < DISHES; i++) {
        if (bakers[i] == NULL) {
            thrum_critical("%s has no baker", dishes[i].name);
            continue;
        }
        thrum_thread_join(bakers[i]);
        thrum_thread_free(bakers[i]);
    }
    thrum_info("the bakery closes");
    return EXIT_SUCCESS;
}
