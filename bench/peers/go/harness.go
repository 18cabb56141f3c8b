// SPDX-License-Identifier: MIT

package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// The sizes of ../../frames.h.
const (
	pairs       = 5000000
	contendedS  = 0.5
	turns       = 20000
	sleepers    = 32
	wakes       = 20
	items       = 2000000
	queueSize   = 1024
	workers     = 2
	tasks       = 1000000
	submits     = 20000
	mapLarge    = 1000000
	mapsLarge   = 10
	mapSmall    = 1000
	mapsSmall   = 10000
	timers      = 1000000
	lateTimers  = 10000
	lateSpanS   = 1.0
	idleSeconds = 2.0
)

type entry struct {
	workload, name string
	round          func() float64
}

var (
	list    = flag.Bool("list", false, "say what can be measured")
	one     = flag.String("one", "", "measure only WORKLOAD/CONTENDER")
	cpus    = flag.Int("cpus", 0, "1: bench.py has put the process on one processor")
	threads = flag.Int("threads", 0, "so many threads, where that can be chosen")
	notes   []string
)

func run(entries []entry) {
	flag.Parse()
	for _, e := range entries {
		if *list {
			fmt.Printf("contender\t%s\t%s\n", e.workload, e.name)
		} else if *one == "" || *one == e.workload+"/"+e.name {
			measure(e)
		}
	}
}

func measure(e entry) {
	notes = nil
	started, cpu := time.Now(), cpuNow()
	figure := e.round()
	cpuS, wallS := cpuNow()-cpu, time.Since(started).Seconds()
	fmt.Printf("{\"workload\": %q, \"contender\": %q, \"figure\": %g, \"wall_s\": %.6f, "+
		"\"cpu_s\": %.6f, \"checked\": true, \"notes\": {%s}}\n",
		e.workload, e.name, figure, wallS, cpuS, strings.Join(notes, ", "))
}

func note(name string, value float64) {
	notes = append(notes, fmt.Sprintf("%q: %g", name, value))
}

func check(done bool, what string) {
	if !done {
		fmt.Fprintln(os.Stderr, "wrong result:", what)
		os.Exit(1)
	}
}

func threadsOr(otherwise int) int {
	if *threads != 0 {
		return *threads
	}
	return otherwise
}

func usage() syscall.Rusage {
	var of syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &of)
	return of
}

// CPU seconds of this process.
func cpuNow() float64 {
	of := usage()
	return float64(of.Utime.Nano()+of.Stime.Nano()) * 1e-9
}
