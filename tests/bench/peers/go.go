// Go on one processor: yielding, goroutines created and waited for, channels; and, for
// workers.py, channels on two.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

func check(right bool, what string) {
	if !right {
		fmt.Fprintln(os.Stderr, "wrong result:", what)
		os.Exit(1)
	}
}

// What a result lacks when it is to be wrong: see broken.py.
func lost() int {
	if _, set := os.LookupEnv("EDDY_BENCH_BREAK"); set {
		return 1
	}
	return 0
}

func report(name string, taken time.Duration, operations int) {
	fmt.Printf("%s %.3f\n", name, float64(taken.Nanoseconds())/float64(operations))
}

func yield(tasks, turns int) {
	var group sync.WaitGroup
	sum := 0
	group.Add(tasks)
	begun := time.Now()
	for i := 0; i < tasks; i++ {
		go func() {
			for turn := 0; turn < turns; turn++ {
				runtime.Gosched()
			}
			sum += turns
			group.Done()
		}()
	}
	group.Wait()
	taken := time.Since(begun)
	check(sum-lost() == tasks*turns, "yields")
	report("ns", taken, sum)
}

func create(count int) {
	sum := 0
	done := make(chan struct{})
	begun := time.Now()
	for i := 0; i < count; i++ {
		go func() {
			sum++
			done <- struct{}{}
		}()
		<-done
	}
	taken := time.Since(begun)
	check(sum-lost() == count, "each goroutine ran once")
	report("ns", taken, count)
}

func many(count int, blocks bool) {
	warm := time.Duration(1 << 62)
	for round := 0; round <= 5; round++ {
		var group sync.WaitGroup
		sum := 0
		begun := time.Now()
		group.Add(count)
		for i := 0; i < count; i++ {
			go func() {
				if blocks {
					runtime.Gosched()
				}
				sum++
				group.Done()
			}()
		}
		group.Wait()
		taken := time.Since(begun)
		check(sum-lost() == count, "each goroutine ran once")
		if round == 0 {
			report("cold", taken, count)
		} else if taken < warm {
			warm = taken
		}
	}
	report("warm", warm, count)
}

func queue(items, capacity int) {
	channel := make(chan int, capacity)
	begun := time.Now()
	go func() {
		for i := 0; i < items; i++ {
			channel <- i
		}
		close(channel)
	}()
	next := 0
	for item := range channel {
		check(item == next, "items in order")
		next++
	}
	taken := time.Since(begun)
	check(next-lost() == items, "everything taken")
	report("ns", taken, items)
}

func resident() float64 {
	text, err := os.ReadFile("/proc/self/statm")
	check(err == nil, "statm")
	pages := 0
	_, err = fmt.Sscanf(string(text), "%d %d", new(int), &pages)
	check(err == nil, "statm")
	return float64(pages * os.Getpagesize())
}

func parked(count int) {
	sum := 0
	before := resident()
	for i := 0; i < count; i++ {
		go func() {
			sum++
			time.Sleep(time.Hour)
		}()
	}
	for turns := 0; sum < count && turns < 1000; turns++ {
		runtime.Gosched()
	}
	check(sum-lost() == count, "every goroutine is parked")
	fmt.Printf("bytes %.3f\n", (resident()-before)/float64(count))
}

func cpu() time.Duration {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage) == nil, "getrusage")
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// From one goroutine to another on two processors; with room for one an item comes back each
// time. Go may run both on one thread in turns, unless each is `locked` to one of its own.
func between(items, capacity int, locked bool) {
	runtime.GOMAXPROCS(2)
	there := make(chan int, capacity)
	back := make(chan int, 1)
	pairs := capacity == 1
	begin := make(chan struct{})
	go func() {
		if locked {
			runtime.LockOSThread()
		}
		close(begin)
		next := 0
		for item := range there {
			check(item == next, "items in order")
			next++
			if pairs {
				back <- item
			}
		}
		back <- next
	}()
	if locked {
		runtime.LockOSThread()
	}
	<-begin
	begun := time.Now()
	used := cpu()
	for i := 0; i < items; i++ {
		there <- i
		if pairs {
			check(<-back == i, "the item that comes back")
		}
	}
	close(there)
	check(<-back == items, "everything taken")
	passed := items
	if pairs {
		passed *= 2
	}
	report("ns", time.Since(begun), passed)
	report("cpu_ns", cpu()-used, passed)
}

func main() {
	runtime.GOMAXPROCS(1)
	count := 0
	workload := ""
	if len(os.Args) == 3 {
		workload = os.Args[1]
		count, _ = strconv.Atoi(os.Args[2])
	}
	switch workload {
	case "yield_2":
		yield(2, count/2+1)
	case "yield_10k":
		yield(10000, count/10000+1)
	case "create":
		create(count)
	case "many":
		many(count, false)
	case "many_block":
		many(count, true)
	case "queue_1":
		queue(count, 1)
	case "queue_64":
		queue(count, 64)
	case "parked":
		parked(count)
	case "procs_1":
		between(count, 1, false)
	case "procs_1024":
		between(count, 1024, false)
	case "threads_1":
		between(count, 1, true)
	case "threads_1024":
		between(count, 1024, true)
	default:
		fmt.Fprintln(os.Stderr, "usage: go WORKLOAD COUNT")
		os.Exit(2)
	}
}
