// SPDX-License-Identifier: MIT
/** @file
 *  The main of every test executable. */
#include "runner.h"

int main(int argc, char **argv)
{
    return test_main(argc, argv);
}
