// Go on one processor: yielding, goroutines created and waited for, channels.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
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
	default:
		fmt.Fprintln(os.Stderr, "usage: go WORKLOAD COUNT")
		os.Exit(2)
	}
}
