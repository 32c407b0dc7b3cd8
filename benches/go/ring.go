// groupcache's consistenthash in Go, on the peers and keys of benches/ring.rs. `make bench` runs it if Go is installed.
package main

import (
	"fmt"
	"time"

	"github.com/golang/groupcache/consistenthash"
)

const (
	replicas = 50
	keys     = 1 << 12
	lookups  = 1 << 20
	turns    = 15
)

// fastest returns the fastest of several turns, in ns per operation: other load on the machine only adds time.
func fastest(operations int, turn func()) float64 {
	best := 1e18
	for i := 0; i < turns; i++ {
		began := time.Now()
		turn()
		if ns := float64(time.Since(began).Nanoseconds()) / float64(operations); ns < best {
			best = ns
		}
	}
	return best
}

func main() {
	named := make([]string, keys)
	for at := range named {
		named[at] = fmt.Sprintf("%010d", uint64(at)*0x9e3779b97f4a7c15>>32)
	}
	for _, peers := range []int{3, 100, 1000} {
		names := make([]string, peers)
		for peer := range names {
			names[peer] = fmt.Sprintf("https://node-%d.example.net", peer)
		}
		build := func() *consistenthash.Map {
			ring := consistenthash.New(replicas, nil)
			ring.Add(names...)
			return ring
		}
		ring, sum := build(), 0
		ns := fastest(lookups, func() {
			for i := 0; i < lookups/keys; i++ {
				for _, key := range named {
					sum += len(ring.Get(key))
				}
			}
		})
		ms := fastest(1, func() { sum += len(build().Get("")) }) / 1e6
		record(fmt.Sprintf("lookup.%d.go", peers), ns)
		record(fmt.Sprintf("build.%d.go", peers), ms)
		fmt.Printf("%6d  %10.1f ns %7.2f ms\n", peers, ns, ms)
	}
}
