// SPDX-License-Identifier: MIT

package main

import (
	"math"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

// Seconds that `count` goroutines take for body(0), body(1), ... from their common start.
func crew(count int, body func(index int)) float64 {
	var ended sync.WaitGroup
	start := make(chan struct{})
	for i := 0; i < count; i++ {
		ended.Add(1)
		go func(index int) {
			<-start
			body(index)
			ended.Done()
		}(i)
	}
	started := time.Now()
	close(start)
	ended.Wait()
	return time.Since(started).Seconds()
}

// ---- locks and waiting ----

var mutex sync.Mutex

func lockUncontended() float64 {
	started := time.Now()
	for i := 0; i < pairs; i++ {
		mutex.Lock()
		mutex.Unlock()
	}
	return time.Since(started).Seconds() / pairs * 1e9
}

func lockContended() float64 {
	count := threadsOr(2)
	served := make([]int64, count)
	var counter int64
	var stop int32
	time.AfterFunc(time.Duration(contendedS*1e9), func() { atomic.StoreInt32(&stop, 1) })
	crew(count, func(index int) {
		var n int64
		for ; atomic.LoadInt32(&stop) == 0; n++ {
			mutex.Lock()
			counter++
			mutex.Unlock()
		}
		served[index] = n
	})
	var sum, least, most int64 = 0, math.MaxInt64, 0
	for _, n := range served {
		sum += n
		if n < least {
			least = n
		}
		if n > most {
			most = n
		}
	}
	check(sum == counter, "the counter lost updates")
	note("least/most", float64(least)/float64(most))
	return float64(sum) / contendedS / 1e6
}

func conditionPingPong() float64 {
	changed := sync.NewCond(&mutex)
	turn := 0
	return turns / crew(2, func(me int) {
		for i := 0; i < turns; i++ {
			mutex.Lock()
			for turn != me {
				changed.Wait()
			}
			turn = 1 - me
			changed.Signal()
			mutex.Unlock()
		}
	}) / 1e3
}

func semaphorePingPong() float64 {
	sides := [2]chan struct{}{make(chan struct{}, 1), make(chan struct{}, 1)}
	sides[0] <- struct{}{}
	return turns / crew(2, func(me int) {
		for i := 0; i < turns; i++ {
			<-sides[me]
			sides[1-me] <- struct{}{}
		}
	}) / 1e3
}

func wakeAll() float64 {
	changed := sync.NewCond(&mutex)
	woken, spent, reached := 0, 0.0, 0.0
	var awake [wakes]sync.WaitGroup
	for i := range awake {
		awake[i].Add(sleepers)
	}
	for i := 0; i < sleepers; i++ {
		go func() {
			for wake := 0; wake < wakes; wake++ {
				mutex.Lock()
				for woken <= wake {
					changed.Wait()
				}
				mutex.Unlock()
				awake[wake].Done()
			}
		}()
	}
	for wake := 0; wake < wakes; wake++ {
		time.Sleep(3 * time.Millisecond)
		started := time.Now()
		mutex.Lock()
		woken = wake + 1
		changed.Broadcast()
		mutex.Unlock()
		spent += time.Since(started).Seconds()
		awake[wake].Wait()
		reached += time.Since(started).Seconds()
	}
	note("us until all ran", reached/wakes*1e6)
	return spent / wakes * 1e6
}

// ---- queues ----

func queueBounded() float64 {
	sides := threadsOr(1)
	share := items / sides
	queue := make(chan int, queueSize)
	var sum int64
	seconds := crew(2*sides, func(index int) {
		if index%2 == 0 {
			first := index/2*share + 1
			for i := first; i < first+share; i++ {
				queue <- i
			}
			return
		}
		var own int64
		for i := 0; i < share; i++ {
			own += int64(<-queue)
		}
		atomic.AddInt64(&sum, own)
	})
	count := int64(share * sides)
	check(sum == count*(count+1)/2, "items were lost or came twice")
	return float64(count) / seconds / 1e6
}

func queuePingPong() float64 {
	going, coming := make(chan int, queueSize), make(chan int, queueSize)
	return crew(2, func(me int) {
		for i := 1; i <= turns; i++ {
			if me == 0 {
				going <- i
				check(<-coming == i, "an item was lost")
			} else {
				coming <- <-going
			}
		}
	}) / turns * 1e6
}

// ---- executors: so many goroutines that read functions from a channel ----

type pool struct {
	work  chan func(worker int)
	ended sync.WaitGroup
}

func newPool(count int) *pool {
	p := &pool{work: make(chan func(int), queueSize)}
	p.ended.Add(count)
	for i := 0; i < count; i++ {
		go func(worker int) {
			for task := range p.work {
				task(worker)
			}
			p.ended.Done()
		}(i)
	}
	return p
}

func (p *pool) finish() {
	close(p.work)
	p.ended.Wait()
}

func executorEmpty() float64 {
	type count struct {
		ran int64
		_   [56]byte
	}
	counts := make([]count, threadsOr(workers))
	started := time.Now()
	p := newPool(len(counts))
	empty := func(worker int) { counts[worker].ran++ }
	for i := 0; i < tasks; i++ {
		p.work <- empty
	}
	p.finish()
	seconds := time.Since(started).Seconds()
	var ran int64
	for i := range counts {
		ran += counts[i].ran
	}
	check(ran == tasks, "tasks did not run, or twice")
	return seconds / tasks * 1e9
}

func (p *pool) submit(i int) chan int {
	future := make(chan int, 1)
	p.work <- func(int) { future <- i }
	return future
}

func executorFutures() float64 {
	started := time.Now()
	p := newPool(threadsOr(workers))
	futures := make([]chan int, tasks)
	for i := range futures {
		futures[i] = p.submit(i + 1)
	}
	sum := 0
	for _, future := range futures {
		sum += <-future
	}
	p.finish()
	seconds := time.Since(started).Seconds()
	check(sum == tasks*(tasks+1)/2, "a result is wrong")
	return seconds / tasks * 1e9
}

func executorSubmitWait() float64 {
	p := newPool(workers)
	defer p.finish()
	<-p.submit(1)
	started := time.Now()
	for i := 1; i <= submits; i++ {
		check(<-p.submit(i) == i, "a result is wrong")
	}
	return time.Since(started).Seconds() / submits * 1e6
}

// ---- map: a goroutine per processor, and a share of the items each ----

//go:noinline
func mapItem(item uint64) uint64 {
	return (item * 0x9e3779b97f4a7c15) >> 40
}

func maps(n, count int) float64 {
	inputs, outputs := make([]uint64, n), make([]uint64, n)
	for i := range inputs {
		inputs[i] = uint64(i) + 1
	}
	share := (n + workers - 1) / workers
	started := time.Now()
	for round := 0; round < count; round++ {
		var ended sync.WaitGroup
		for first := 0; first < n; first += share {
			ended.Add(1)
			go func(first, last int) {
				for i := first; i < last; i++ {
					outputs[i] = mapItem(inputs[i])
				}
				ended.Done()
			}(first, first+min(share, n-first))
		}
		ended.Wait()
	}
	seconds := time.Since(started).Seconds()
	for i := range inputs {
		check(outputs[i] == mapItem(inputs[i]), "a map's result is wrong")
	}
	return seconds / float64(n*count) * 1e9
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}

// ---- timers ----

func timerStartCancel() float64 {
	started := time.Now()
	pending := make([]*time.Timer, timers)
	for i := range pending {
		after := time.Duration(60+i*7919%3600) * time.Second
		pending[i] = time.AfterFunc(after, func() { check(false, "a cancelled timer fired") })
	}
	for _, timer := range pending {
		check(timer.Stop(), "a timer could not be cancelled")
	}
	return time.Since(started).Seconds() / timers * 1e9
}

func timerLateness() float64 {
	late := make([]float64, lateTimers)
	var ended sync.WaitGroup
	ended.Add(lateTimers)
	for i := range late {
		_, part := math.Modf(float64(i) * 0.6180339887498949)
		after := time.Duration((0.1 + lateSpanS*part) * 1e9)
		index, due := i, time.Now().Add(after)
		time.AfterFunc(after, func() {
			late[index] = time.Since(due).Seconds() * 1e6
			ended.Done()
		})
	}
	ended.Wait()
	sort.Float64s(late)
	note("p99 us", late[lateTimers/100*99])
	note("earliest us", late[0])
	return late[lateTimers/2]
}

// ---- nothing ----

func idle() float64 {
	p := newPool(workers)
	p.submit(1)
	time.AfterFunc(time.Hour, func() {})
	time.Sleep(200 * time.Millisecond)
	before, cpu := usage().Nvcsw, cpuNow()
	time.Sleep(time.Duration(idleSeconds * 1e9))
	cpu = cpuNow() - cpu
	note("wake-ups per s", float64(usage().Nvcsw-before-1)/idleSeconds)
	return cpu / idleSeconds * 1e3
}
