/* SPDX-License-Identifier: MIT */
/** @file
 *  ThreadPoolExecutor: two workers, four tasks. In Python:
 *
 *      with concurrent.futures.ThreadPoolExecutor(max_workers=2) as executor:
 *          executor.map(thread_function, range(4))
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <thrum.h>
#include <thrum/executor.h>

enum { TASKS = 4 };

static void *thread_function(void *number)
{
    thrum_log_info("Thread %" PRIdPTR ": starting", (intptr_t)number);
    thrum_sleep(0.1);
    thrum_log_info("Thread %" PRIdPTR ": finishing", (intptr_t)number);
    return number;
}

int main(void)
{
    int failed = thrum_log_config(.level = THRUM_LOG_INFO, .format = "%(asctime)s: %(message)s",
                                  .datefmt = "%H:%M:%S");
    {
        THRUM_EXECUTOR(executor, .max_workers = 2);
        for (intptr_t i = 0; i < TASKS; i++)
            failed |= thrum_executor_submit(executor, thread_function, (void *)i, NULL);
    } /* waits for all of them */
    thrum_log_info("Main    : all done");
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
