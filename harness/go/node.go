// A Go node for the tests and the demo: flags, an origin to load from, and a face that can be asked. The cache itself is in
// the other file of its program: groupcache.go or geecache.go.
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

// cache is a node's group of one name, among its peers.
type cache interface {
	// get finds a key's value wherever it is: here, at its owner, or by load.
	get(key string) ([]byte, error)
	// owner names the peer that owns the key.
	owner(key string) string
	// ServeHTTP answers peers, under basePath.
	http.Handler
}

// counts are what the demo shows; the names are those of the package's stats().
var counts struct{ requests, hits, peerHits, peerRequests, loads, fallbacks, errors int64 }

type notFound struct{ error }

func loader(origin, self string, isDemo bool) func(key string) ([]byte, error) {
	return func(key string) ([]byte, error) {
		atomic.AddInt64(&counts.loads, 1)
		from := origin + "/load?" + url.Values{"key": {key}, "by": {self}}.Encode()
		if isDemo {
			from = origin + "/" + key
		}
		answer, err := http.Get(from)
		if err != nil {
			return nil, err
		}
		defer answer.Body.Close()
		value, err := io.ReadAll(answer.Body)
		if err == nil && answer.StatusCode != 200 {
			err = fmt.Errorf("the origin answered %d", answer.StatusCode)
			if answer.StatusCode == 404 {
				err = notFound{err}
			}
		}
		return value, err
	}
}

func main() {
	self := flag.String("self", "", "this node's URL, its name on the ring")
	peers := flag.String("peers", "", "everybody's URLs, with commas between")
	origin := flag.String("origin", "", "whom to load from")
	group := flag.String("group", "main", "the group's name; tiles is the demo's")
	flag.Parse()

	isDemo := *group == "tiles"
	names := strings.Split(*peers, ",")
	here := open(*self, names, *group, loader(*origin, *self, isDemo))
	mux := http.NewServeMux()
	mux.HandleFunc(basePath, func(w http.ResponseWriter, r *http.Request) {
		atomic.AddInt64(&counts.peerRequests, 1)
		here.ServeHTTP(w, r)
	})
	mux.HandleFunc("/get", func(w http.ResponseWriter, r *http.Request) {
		value, err := here.get(r.FormValue("key"))
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
			owners = append(owners, here.owner(key))
		}
		json.NewEncoder(w).Encode(owners)
	})
	mux.HandleFunc("/stats", func(w http.ResponseWriter, r *http.Request) {
		forBrowsers(w)
		counted := map[string]int64{
			"requests": counts.requests, "hits": counts.hits, "joins": 0, "peerHits": counts.peerHits, "loads": counts.loads,
			"peerRequests": counts.peerRequests, "fallbacks": counts.fallbacks, "errors": counts.errors,
		}
		json.NewEncoder(w).Encode(map[string]interface{}{"groups": map[string]interface{}{*group: counted}})
	})
	mux.HandleFunc("/tile/", func(w http.ResponseWriter, r *http.Request) {
		forBrowsers(w)
		key := strings.TrimPrefix(r.URL.Path, "/tile/")
		atomic.AddInt64(&counts.requests, 1)
		hits, asked := atomic.LoadInt64(&counts.hits), atomic.LoadInt64(&counts.peerHits)
		value, err := here.get(key)
		w.Header().Set("x-owner", here.owner(key))
		// Of requests side by side one may be told another's way; they are shown and nothing else.
		switch {
		case atomic.LoadInt64(&counts.hits) > hits:
			w.Header().Set("x-cache", "hit")
		case atomic.LoadInt64(&counts.peerHits) > asked:
			w.Header().Set("x-cache", "peer")
		case here.owner(key) == *self:
			w.Header().Set("x-cache", "load")
		default:
			w.Header().Set("x-cache", "fallback")
		}
		if _, missing := err.(notFound); missing {
			http.Error(w, "There is no such tile.", http.StatusNotFound)
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

// forBrowsers lets the demo's page, which comes from another origin, read what it shows.
func forBrowsers(w http.ResponseWriter) {
	w.Header().Set("access-control-allow-origin", "*")
	w.Header().Set("access-control-expose-headers", "x-owner, x-cache")
	w.Header().Set("cache-control", "no-store")
}
