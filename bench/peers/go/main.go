// SPDX-License-Identifier: MIT

// Go's peers: its sync package and channels. Goroutines are not kernel threads: where a wait is what
// is measured, the names say so.
package main

var entries = []entry{
	{"lock_uncontended", "go sync.Mutex", lockUncontended},
	{"lock_contended", "go sync.Mutex (goroutines)", lockContended},
	{"condition_ping_pong", "go sync.Cond (goroutines)", conditionPingPong},
	{"semaphore_ping_pong", "go chan of 1 (goroutines)", semaphorePingPong},
	{"wake_all", "go sync.Cond (goroutines)", wakeAll},
	{"queue_bounded", "go chan (goroutines)", queueBounded},
	{"queue_ping_pong", "go chan (goroutines)", queuePingPong},
	{"executor_empty", "go chan (goroutines)", executorEmpty},
	{"executor_futures", "go chan each (goroutines)", executorFutures},
	{"executor_submit_wait", "go chan (goroutines)", executorSubmitWait},
	{"map_large", "go (goroutines)", func() float64 { return maps(mapLarge, mapsLarge) }},
	{"map_small", "go (goroutines)", func() float64 { return maps(mapSmall, mapsSmall) }},
	{"timer_start_cancel", "go AfterFunc", timerStartCancel},
	{"timer_lateness", "go AfterFunc", timerLateness},
	{"idle", "go", idle},
}

func main() {
	run(entries)
}
