// A GeeCache node with the standard library alone, after the tutorial "7 days GeeCache": a map without eviction, a ring,
// singleflight, and peers over HTTP. Its wire is raw bytes (day 5), or protobuf (day 7) if built with
// -ldflags "-X main.wire=proto".
// It has the defects of the original: it splits the decoded path, forwards peer requests, follows redirects, and has no
// timeouts.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

const basePath = "/_geecache/"

var wire = "raw"

type node struct {
	self, name string
	points     []uint32
	peers      map[uint32]string
	load       func(string) ([]byte, error)

	mu      sync.Mutex
	values  map[string][]byte
	flights map[string]*flight
}

type flight struct {
	done  sync.WaitGroup
	value []byte
	err   error
}

func open(self string, peers []string, name string, load func(string) ([]byte, error)) cache {
	n := &node{self: self, name: name, load: load, peers: map[uint32]string{}, values: map[string][]byte{}, flights: map[string]*flight{}}
	for _, peer := range peers {
		for i := 0; i < 50; i++ {
			point := crc32.ChecksumIEEE([]byte(strconv.Itoa(i) + peer))
			n.points = append(n.points, point)
			n.peers[point] = peer
		}
	}
	sort.Slice(n.points, func(i, j int) bool { return n.points[i] < n.points[j] })
	return n
}

func (n *node) owner(key string) string {
	hash := crc32.ChecksumIEEE([]byte(key))
	at := sort.Search(len(n.points), func(i int) bool { return n.points[i] >= hash })
	return n.peers[n.points[at%len(n.points)]]
}

func (n *node) get(key string) ([]byte, error) {
	if key == "" {
		return nil, errors.New("key is required")
	}
	n.mu.Lock()
	if value, ok := n.values[key]; ok {
		n.mu.Unlock()
		atomic.AddInt64(&counts.hits, 1)
		return value, nil
	}
	if shared, ok := n.flights[key]; ok {
		n.mu.Unlock()
		shared.done.Wait()
		return shared.value, shared.err
	}
	own := new(flight)
	own.done.Add(1)
	n.flights[key] = own
	n.mu.Unlock()

	own.value, own.err = n.fetch(key)

	n.mu.Lock()
	delete(n.flights, key)
	n.mu.Unlock()
	own.done.Done()
	return own.value, own.err
}

func (n *node) fetch(key string) ([]byte, error) {
	owner := n.owner(key)
	if owner != n.self {
		value, err := n.request(owner, key)
		if err == nil {
			atomic.AddInt64(&counts.peerHits, 1)
			return value, nil
		}
		atomic.AddInt64(&counts.fallbacks, 1)
	}
	value, err := n.load(key)
	if err == nil {
		n.mu.Lock()
		n.values[key] = value
		n.mu.Unlock()
	}
	return value, err
}

func (n *node) request(peer, key string) ([]byte, error) {
	response, err := http.Get(peer + basePath + url.QueryEscape(n.name) + "/" + url.QueryEscape(key))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("server returned: %v", response.Status)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil || wire == "raw" {
		return body, err
	}
	return valueIn(body)
}

func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.SplitN(r.URL.Path[len(basePath):], "/", 2)
	if len(parts) != 2 {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	if parts[0] != n.name {
		http.Error(w, "no such group: "+parts[0], http.StatusNotFound)
		return
	}
	value, err := n.get(parts[1])
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if wire != "raw" {
		value = append(binary.AppendUvarint([]byte{0x0a}, uint64(len(value))), value...)
	}
	w.Write(value)
}

// valueIn decodes a message with one optional field, bytes value = 1.
func valueIn(body []byte) ([]byte, error) {
	if len(body) == 0 {
		return nil, nil
	}
	length, n := binary.Uvarint(body[1:])
	if body[0] != 0x0a || n <= 0 || uint64(len(body)-1-n) != length {
		return nil, errors.New("not a message with a value")
	}
	return body[1+n:], nil
}
