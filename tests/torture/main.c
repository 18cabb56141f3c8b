/* SPDX-License-Identifier: MIT */
/** @file
 *  thrum-torture: scenario x duration x seed. README.md says how to use it. */
#include <stdio.h>

#include "torture.h"

static void list(void)
{
    for (size_t i = 0; scenarios[i] != NULL; i++) {
        if (scenarios[i]->hidden)
            continue;
        const char *reason = scenario_left_out(scenarios[i]);
        printf("%-11s %s%s%s%s\n", scenarios[i]->name, scenarios[i]->proves,
               reason == NULL ? "" : " (", reason == NULL ? "" : reason, reason == NULL ? "" : ")");
    }
}

int main(int argc, char **argv)
{
    int status = options_read(argc, argv);
    if (status >= 0)
        return status;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (options.list) {
        list();
        return 0;
    }
    printf("thrum-torture: seed %llu, %g s each, %u threads, time factor %u\n",
           (unsigned long long)options.seed, options.seconds, options.threads,
           torture_time_factor());
    disturb_open();
    watchdog_open();
    bool passed = true;
    for (size_t i = 0; scenarios[i] != NULL; i++) {
        if (!options_choose(scenarios[i]) || scenario_left_out(scenarios[i]) != NULL)
            continue;
        bool good = run_scenario(scenarios[i]);
        table_add(good);
        passed = passed && good;
    }
    table_print();
    return passed ? 0 : 1;
}
