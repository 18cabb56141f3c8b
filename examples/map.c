/* SPDX-License-Identifier: MIT */
/** @file
 *  map: the same function for many inputs, eagerly and one by one. In Python:
 *
 *      with ThreadPoolExecutor() as executor:
 *          squares = list(executor.map(square, range(10)))
 *          for root in executor.map(root_of, squares, buffersize=4):
 *              print(root)
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>
#include <thrum/executor.h>

enum { COUNT = 10 };

static void *square(void *number)
{
    return (void *)((intptr_t)number * (intptr_t)number);
}

static void *root_of(void *number)
{
    intptr_t root = 0;
    while (root * root < (intptr_t)number)
        root++;
    if (root * root != (intptr_t)number)
        return thrum_fail(1, "%" PRIdPTR " is no square", (intptr_t)number);
    return (void *)root;
}

typedef struct squares {
    void *numbers[COUNT];
    int given;
} squares;

static bool next_square(void *state, void **ret_input)
{
    squares *self = state;
    if (self->given == COUNT)
        return false;
    *ret_input = self->numbers[self->given++];
    return true;
}

int main(void)
{
    squares all = {.given = 0};
    for (intptr_t i = 0; i < COUNT; i++)
        all.numbers[i] = (void *)i;

    THRUM_EXECUTOR(executor);
    if (thrum_executor_map(executor, square, all.numbers, COUNT, all.numbers) != 0)
        return EXIT_FAILURE;

    all.numbers[COUNT - 1] = (void *)80; /* which is none */
    thrum_map *roots = thrum_map_new(executor, root_of, next_square, &all, .buffersize = 4);
    void *root;
    int status;
    while ((status = thrum_map_next(roots, &root)) == 0)
        printf("%" PRIdPTR "\n", (intptr_t)root);
    if (status == THRUM_EFAILED)
        printf("failed: %s\n", thrum_map_error(roots)->message);
    thrum_map_free(roots);
    return status == THRUM_EFAILED ? EXIT_SUCCESS : EXIT_FAILURE;
}
