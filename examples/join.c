/* SPDX-License-Identifier: MIT */
/** @file
 *  Join: wait for a thread, and take what it returned. In Python:
 *
 *      import threading, time
 *
 *      def cook(meal):
 *          time.sleep(0.1)
 *          print(meal, "is ready")
 *
 *      cooking = threading.Thread(target=cook, args=("soup",))
 *      cooking.start()
 *      cooking.join(timeout=0.01)
 *      print("still cooking" if cooking.is_alive() else "done already")
 *      cooking.join()
 *      print("let's eat the soup")
 */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

static void *cook(void *meal)
{
    thrum_sleep(0.1);
    printf("%s is ready\n", (char *)meal);
    return meal;
}

int main(void)
{
    thrum_thread *cooking = thrum_spawn(cook, "soup");
    if (cooking == NULL)
        return EXIT_FAILURE;

    if (thrum_thread_join_until(cooking, thrum_after(0.01)) == THRUM_ETIMEDOUT)
        puts("still cooking");
    int status = thrum_thread_join(cooking);
    const char *meal = thrum_thread_result(cooking); /* Python would need a Future for that */
    thrum_thread_free(cooking);
    if (status != 0 || meal == NULL)
        return EXIT_FAILURE;

    printf("let's eat the %s\n", meal);
    return EXIT_SUCCESS;
}
