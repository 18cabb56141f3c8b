/* SPDX-License-Identifier: MIT */
/** @file
 *  A daemon thread: the program does not wait for it. In Python:
 *
 *      import threading, time
 *
 *      def tick():
 *          while True:
 *              print("tick")
 *              time.sleep(0.02)
 *
 *      threading.Thread(target=tick, daemon=True).start()
 *      time.sleep(0.1)
 *      print("main is done, and with it the program")
 */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

static void *tick(void *unused)
{
    for (;;) {
        puts("tick");
        thrum_sleep(0.02);
    }
    return unused;
}

int main(void)
{
    thrum_thread *ticker = thrum_spawn(tick, NULL, .daemon = THRUM_DAEMON);
    if (ticker == NULL || !thrum_thread_is_daemon(ticker))
        return EXIT_FAILURE;
    thrum_thread_free(ticker); /* drops the handle; the thread goes on */

    thrum_sleep(0.1);
    puts("main is done, and with it the program");
    return EXIT_SUCCESS; /* without .daemon the program would tick for ever */
}
