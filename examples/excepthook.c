/* SPDX-License-Identifier: MIT */
/** @file
 *  Failing: a thread that fails ends alone, and the excepthook is told. In Python:
 *
 *      def hook(args):
 *          print(args.thread.name, "failed:", args.exc_value)
 *
 *      def read_settings():
 *          raise OSError("cannot read settings.ini")
 *
 *      threading.excepthook = hook
 *      thread = threading.Thread(target=read_settings, name="reader")
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

static int failures, last_code;

static void hook(const thrum_thread *thread, const thrum_error *error)
{
    printf("%s failed: %s\n", thrum_thread_name(thread), error->message);
    last_code = error->code;
    failures++;
}

static void *read_settings(void *path)
{
    return thrum_fail(ENOENT, "cannot read %s", (char *)path);
}

int main(void)
{
    thrum_set_excepthook(hook); /* the default prints to stderr */
    thrum_thread *reader = thrum_spawn(read_settings, "settings.ini", .name = "reader");
    thrum_thread_join(reader);
    bool no_result = thrum_thread_result(reader) == NULL;
    thrum_thread_free(reader);
    return failures == 1 && last_code == ENOENT && no_result ? EXIT_SUCCESS : EXIT_FAILURE;
}
