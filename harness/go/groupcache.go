// A real golang/groupcache node.
package main

import (
	"context"

	"github.com/golang/groupcache"
	"github.com/golang/groupcache/consistenthash"
)

const basePath = "/_groupcache/"

type node struct {
	*groupcache.HTTPPool
	group *groupcache.Group
	ring  *consistenthash.Map
	self  string
}

func open(self string, peers []string, name string, load func(string) ([]byte, error)) cache {
	pool := groupcache.NewHTTPPoolOpts(self, nil)
	pool.Set(peers...)
	ring := consistenthash.New(50, nil)
	ring.Add(peers...)
	group := groupcache.NewGroup(name, 16<<20, groupcache.GetterFunc(
		func(_ context.Context, key string, dest groupcache.Sink) error {
			value, err := load(key)
			if err != nil {
				return err
			}
			return dest.SetBytes(value)
		}))
	return &node{pool, group, ring, self}
}

func (n *node) get(key string) (value []byte, err error) {
	err = n.group.Get(context.Background(), key, groupcache.AllocatingByteSliceSink(&value))
	return
}

// owner uses a ring of its own, because the pool reports only whether the owner is another peer.
func (n *node) owner(key string) string {
	owner := n.ring.Get(key)
	if _, isRemote := n.PickPeer(key); isRemote == (owner == n.self) {
		return "the pool disagrees"
	}
	return owner
}
