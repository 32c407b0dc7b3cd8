// A Go node for the tests and the demo: flags, a loader that requests the origin, and HTTP handlers. The cache is in the
// other file of the program: groupcache.go or geecache.go.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
)

// cache is one group of a node.
type cache interface {
	// get returns the value of a key from memory, from its owner, or from the loader.
	get(key string) ([]byte, error)
	// owner returns the URL of the peer that owns the key.
	owner(key string) string
	// ServeHTTP responds to peer requests under basePath.
	http.Handler
}

// counts are the counters that the demo shows, with the names of the package's stats().
var counts struct{ requests, hits, peerHits, peerRequests, loads, fallbacks, errors int64 }

type notFound struct{ error }

func loader(origin, self string, isDemo bool) func(key string) ([]byte, error) {
	return func(key string) ([]byte, error) {
		atomic.AddInt64(&counts.loads, 1)
		from := origin + "/load?" + url.Values{"key": {key}, "by": {self}}.Encode()
		if isDemo {
			from = origin + "/" + key
		}
		response, err := http.Get(from)
		if err != nil {
			return nil, err
		}
		defer response.Body.Close()
		value, err := io.ReadAll(response.Body)
		if err == nil && response.StatusCode != 200 {
			err = fmt.Errorf("status %d from the origin", response.StatusCode)
			if response.StatusCode == 404 {
				err = notFound{err}
			}
		}
		return value, err
	}
}

func main() {
	self := flag.String("self", "", "this node's URL, its name on the ring")
	peers := flag.String("peers", "", "the URLs of all peers, separated by commas")
	origin := flag.String("origin", "", "the URL of the origin")
	group := flag.String("group", "main", "the group's name; tiles selects the demo's origin")
	flag.Parse()

	isDemo := *group == "tiles"
	names := strings.Split(*peers, ",")
	local := open(*self, names, *group, loader(*origin, *self, isDemo))
	mux := http.NewServeMux()
	mux.HandleFunc(basePath, func(w http.ResponseWriter, r *http.Request) {
		atomic.AddInt64(&counts.peerRequests, 1)
		local.ServeHTTP(w, r)
	})
	mux.HandleFunc("/get", func(w http.ResponseWriter, r *http.Request) {
		value, err := local.get(r.FormValue("key"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		w.Write(value)
	})
	mux.HandleFunc("/owners", func(w http.ResponseWriter, r *http.Request) {
		var keys, owners []string
		if err := json.NewDecoder(r.Body).Decode(&keys); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for _, key := range keys {
			owners = append(owners, local.owner(key))
		}
		json.NewEncoder(w).Encode(owners)
	})
	mux.HandleFunc("/stats", func(w http.ResponseWriter, r *http.Request) {
		forBrowsers(w)
		counted := map[string]int64{
			"requests": counts.requests, "hits": counts.hits, "coalesced": 0, "peerHits": counts.peerHits, "loads": counts.loads,
			"peerRequests": counts.peerRequests, "fallbacks": counts.fallbacks, "errors": counts.errors,
		}
		json.NewEncoder(w).Encode(map[string]interface{}{"groups": map[string]interface{}{*group: counted}})
	})
	mux.HandleFunc("/tile/", func(w http.ResponseWriter, r *http.Request) {
		forBrowsers(w)
		key := strings.TrimPrefix(r.URL.Path, "/tile/")
		atomic.AddInt64(&counts.requests, 1)
		hits, peerHits := atomic.LoadInt64(&counts.hits), atomic.LoadInt64(&counts.peerHits)
		value, err := local.get(key)
		w.Header().Set("x-owner", local.owner(key))
		// Concurrent requests can be labelled with each other's source. The demo only displays it.
		switch {
		case atomic.LoadInt64(&counts.hits) > hits:
			w.Header().Set("x-cache", "hit")
		case atomic.LoadInt64(&counts.peerHits) > peerHits:
			w.Header().Set("x-cache", "peer")
		case local.owner(key) == *self:
			w.Header().Set("x-cache", "load")
		default:
			w.Header().Set("x-cache", "fallback")
		}
		if _, missing := err.(notFound); missing {
			http.Error(w, "No such tile.", http.StatusNotFound)
			return
		}
		if err != nil {
			atomic.AddInt64(&counts.errors, 1)
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		w.Header().Set("content-type", "image/png")
		w.Write(value)
	})
	listen, err := url.Parse(*self)
	if err == nil {
		err = http.ListenAndServe(listen.Host, mux)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// forBrowsers sets the CORS headers of the demo's page, which has another origin.
func forBrowsers(w http.ResponseWriter) {
	w.Header().Set("access-control-allow-origin", "*")
	w.Header().Set("access-control-expose-headers", "x-owner, x-cache")
	w.Header().Set("cache-control", "no-store")
}
