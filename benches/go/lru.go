// groupcache's lru in Go, on the hits of benches/store.rs. `make bench` runs it if Go is installed.
package main

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/golang/groupcache/lru"
)

const (
	lookups  = 400_000
	keyBytes = 29
	rounds   = 15
)

func main() {
	for _, count := range []int{1_000, 100_000} {
		cache := lru.New(0)
		keys := make([]string, count)
		for number := range keys {
			keys[number] = fmt.Sprintf("https://example.net/u/%07d", number)
			cache.Add(keys[number], make([]byte, 100))
		}
		// The same random order as in Rust. All keys are one string, so that reading them is sequential.
		state, order := uint64(0x9e3779b97f4a7c15), strings.Builder{}
		for i := 0; i < lookups; i++ {
			state = state*6364136223846793005 + 1442695040888963407
			order.WriteString(keys[int(state>>33)%count])
		}
		inOrder, sum := order.String(), 0
		pass := func() {
			for at := 0; at < len(inOrder); at += keyBytes {
				if value, ok := cache.Get(inOrder[at : at+keyBytes]); ok {
					sum += len(value.([]byte))
				}
			}
		}
		times := make([]float64, rounds)
		for round := range times {
			pass()
			began := time.Now()
			pass()
			times[round] = float64(time.Since(began).Nanoseconds()) / lookups
		}
		if sum != rounds*2*lookups*100 {
			panic("a lookup missed")
		}
		sort.Float64s(times)
		record(fmt.Sprintf("hit.%d.go.median", count), times[rounds/2])
		record(fmt.Sprintf("hit.%d.go.min", count), times[0])
		fmt.Printf("  %7d entries: %.1f (%.1f)\n", count, times[rounds/2], times[0])
	}
}
