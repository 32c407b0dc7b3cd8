//! Pools and options: errors that name the argument, peers and their ring, and the independence of pools.
#![cfg(not(target_arch = "wasm32"))]

use geecache_edge::base::check::MAX_KEY_BYTES;
use geecache_edge::group::{Origin, Step, Task};
use geecache_edge::ring::Placement;
use geecache_edge::wire::{Geecache, Groupcache, GroupcacheV3};
use geecache_edge::{Code, Error, GroupOptions, PeerPicker, Pool, PoolOptions};

const PEERS: [&str; 3] = ["http://localhost:8001", "http://localhost:8002", "http://localhost:8003"];

fn options(self_name: Option<&str>, peers: &[&str]) -> PoolOptions {
    let peers = peers.iter().map(|&peer| peer.to_owned()).collect();
    PoolOptions { self_name: self_name.map(str::to_owned), peers, ..PoolOptions::default() }
}

fn pool(self_name: Option<&str>, peers: &[&str]) -> Pool {
    Pool::new(&options(self_name, peers)).unwrap()
}

fn owned(peers: &[&str]) -> Vec<String> {
    peers.iter().map(|&peer| peer.to_owned()).collect()
}

fn assert_error(error: Error, code: Code, names: &str) {
    assert_eq!(error.code(), code, "{error}");
    assert!(error.message().contains(names), "{error} does not contain {names:?}");
}

#[test]
fn group_name_in_use_is_an_error() {
    let mut pool = pool(None, &[]);
    let scores = pool.add_group("scores", GroupOptions::new(1 << 16)).unwrap();
    let error = pool.add_group("scores", GroupOptions::new(1 << 16)).unwrap_err();
    assert_error(error, Code::GroupExists, "\"scores\"");
    let error = pool.add_group("scores", GroupOptions::new(0)).unwrap_err();
    assert_error(error, Code::GroupExists, "\"scores\"");
    assert_ne!(
        pool.add_group("Scores", GroupOptions::new(1 << 16)).unwrap(),
        scores,
        "names are case-sensitive"
    );
    assert_eq!(pool.find_group("scores"), Some(scores));
    assert_eq!(pool.find_group("none"), None);
    assert_eq!(pool.group(scores).map(|group| group.name()), Some("scores"));
}

#[test]
fn group_name_that_no_path_can_carry_is_an_error() {
    let long = "g".repeat(256);
    for name in ["", ".", "..", "...", "/", "a/b", "/a", "a/", &long] {
        let error = pool(None, &[]).add_group(name, GroupOptions::new(1 << 16)).unwrap_err();
        assert_error(error, Code::Group, &format!("\"{}", &name[..name.len().min(64)]));
    }
    for name in ["a", "a b", "группа", "a.b", ".a", "..a", "%2F", "a+b", "?", &long[1..]] {
        assert!(pool(None, &[]).add_group(name, GroupOptions::new(1 << 16)).is_ok(), "{name:?}");
    }
}

#[test]
fn group_with_an_invalid_option_leaves_its_name_free() {
    let mut pool = pool(None, &[]);
    assert_error(pool.add_group("scores", GroupOptions::new(0)).unwrap_err(), Code::Option, "maxBytes");
    assert!(pool.add_group("scores", GroupOptions::new(1 << 16)).is_ok());
}

#[test]
fn message_quotes_names_truncated_and_without_control_characters() {
    let error = pool(None, &[])
        .add_group(&format!("a\n\u{1b}[31m/{}", "x".repeat(10_000)), GroupOptions::new(1 << 16));
    let message = error.unwrap_err().message().to_owned();
    assert!(!message.contains(char::is_control), "{message:?}");
    assert!(message.len() < 300 && message.contains('…'), "{message:?}");
}

#[test]
fn two_pools_are_independent() {
    let (mut one, mut other) = (pool(Some(PEERS[0]), &PEERS), pool(None, &[]));
    let in_one = one.add_group("scores", GroupOptions::new(1 << 16)).unwrap();
    let in_other = other.add_group("scores", GroupOptions::new(1 << 16)).unwrap();
    one.group_mut(in_one).unwrap().0.set(b"Tom", b"630", 0).unwrap();
    assert!(one.group(in_one).unwrap().peek(b"Tom", 0).is_some());
    assert!(other.group(in_other).unwrap().peek(b"Tom", 0).is_none());
    other.peers_mut().set_peers(&owned(&["elsewhere"])).unwrap();
    assert_eq!(one.peers().owner(b"Tom").map(|peer| &**peer), Some(PEERS[0]));
    one.add_group("more", GroupOptions::new(1 << 16)).unwrap();
    assert_eq!(other.find_group("more"), None);
}

#[test]
fn two_groups_of_a_pool_share_only_its_peers() {
    let mut pool = pool(None, &[]);
    let [one, other] = ["one", "other"].map(|name| pool.add_group(name, GroupOptions::new(1 << 16)).unwrap());
    pool.group_mut(one).unwrap().0.set(b"k", b"1", 0).unwrap();
    assert!(pool.group(other).unwrap().peek(b"k", 0).is_none());
}

#[test]
fn pick_peer_is_the_owner_unless_it_is_this_node() {
    for (self_name, owner) in
        [(Some(PEERS[0]), None), (Some(PEERS[1]), Some(PEERS[0])), (None, Some(PEERS[0]))]
    {
        let pool = pool(self_name, &PEERS);
        assert_eq!(
            pool.peers().owner(b"Tom").map(|peer| &**peer),
            Some(PEERS[0]),
            "owner() returns this node as well"
        );
        assert_eq!(pool.peers().pick_peer(b"Tom", 0).as_deref(), owner, "{self_name:?}");
    }
    let alone = pool(Some("me"), &[]);
    assert_eq!((alone.peers().owner(b"Tom"), alone.peers().pick_peer(b"Tom", 0)), (None, None));
}

#[test]
fn pick_peer_by_rank_follows_the_ring() {
    let pool = pool(Some(PEERS[2]), &PEERS);
    let around: Vec<_> = pool.peers().ring().owners(b"Tom").map(|peer| peer.to_string()).collect();
    for rank in 0..4 {
        let expected = around.get(rank as usize).filter(|&peer| peer != PEERS[2]);
        assert_eq!(
            pool.peers().pick_peer(b"Tom", rank).as_deref(),
            expected.map(|peer| &**peer),
            "rank {rank}"
        );
    }
    assert_eq!(pool.peers().pick_peer(b"Tom", u32::MAX), None);
}

#[test]
fn new_list_of_peers_applies_to_the_next_lookup() {
    let mut pool = pool(Some("self"), &["self", "a"]);
    let group = pool.add_group("scores", GroupOptions::new(1 << 16)).unwrap();
    let asks = |pool: &mut Pool, key: &[u8]| {
        let (group, peers) = pool.group_mut(group).unwrap();
        match group.begin(key, 0, Origin::Local, peers).unwrap() {
            Step::Lead(_, Task::Ask { peer, .. }) => Some(peer.to_string()),
            Step::Lead(_, Task::Load { .. }) => None,
            step => panic!("not led: {step:?}"),
        }
    };
    let before: Vec<_> = (0..20u8).map(|key| asks(&mut pool, &[0, key])).collect();
    assert!(before.contains(&None) && before.contains(&Some("a".into())));
    pool.peers_mut().set_peers(&owned(&["b"])).unwrap();
    assert!((0..20u8).all(|key| asks(&mut pool, &[1, key]).as_deref() == Some("b")));
    pool.peers_mut().set_peers(&[]).unwrap();
    assert!((0..20u8).all(|key| asks(&mut pool, &[2, key]).is_none()));
}

#[test]
fn invalid_list_of_peers_leaves_the_old_one() {
    let mut pool = pool(None, &PEERS);
    let print = pool.peers().ring().fingerprint();
    assert_error(pool.peers_mut().set_peers(&owned(&["a", ""])).unwrap_err(), Code::Option, "peers");
    let many: Vec<String> = (0..10_001).map(|at| at.to_string()).collect();
    assert_error(pool.peers_mut().set_peers(&many).unwrap_err(), Code::Option, "peers");
    assert_eq!(pool.peers().ring().fingerprint(), print);
}

#[test]
fn new_list_of_peers_has_the_same_number_of_points() {
    let mut three = Pool::new(&PoolOptions { replicas: 3, ..options(None, &[]) }).unwrap();
    three.peers_mut().set_peers(&owned(&PEERS)).unwrap();
    assert_eq!(three.peers().ring().fingerprint(), geecache_edge::Ring::new(3, PEERS).fingerprint());
}

#[test]
fn group_option_out_of_range_is_an_error_that_names_it() {
    type Set = fn(&mut GroupOptions, u64);
    let ranges: [(&str, Set, &[u64], &[u64]); 9] = [
        (
            "maxBytes",
            |o, n| (o.max_bytes, o.max_entry_bytes) = (n as usize, 1),
            &[8_192, 2 << 30],
            &[0, 8_191, (2 << 30) + 1],
        ),
        ("maxEntryBytes", |o, n| o.max_entry_bytes = n as usize, &[1, 1 << 16], &[0, (1 << 16) + 1]),
        ("ttlMs", |o, n| o.ttl_ms = Some(n), &[1, 1 << 42], &[0, (1 << 42) + 1, u64::MAX]),
        ("staleWhileRevalidateMs", |o, n| o.stale_while_revalidate_ms = n, &[0, 1 << 42], &[(1 << 42) + 1]),
        ("staleIfErrorMs", |o, n| o.stale_if_error_ms = n, &[0, 1 << 42], &[(1 << 42) + 1, u64::MAX]),
        ("hotTtlMs", |o, n| o.hot_ttl_ms = Some(n), &[0, 1 << 42], &[(1 << 42) + 1]),
        ("deadlineMs", |o, n| o.deadline_ms = n, &[1, i32::MAX as u64], &[0, 1 << 31, u64::MAX]),
        ("peerTimeoutMs", |o, n| o.peer_timeout_ms = n, &[1, i32::MAX as u64], &[0, 1 << 31]),
        ("failover", |o, n| o.failover = n as u32, &[0, 16], &[17, u32::MAX as u64]),
    ];
    for (name, set, good, bad) in ranges {
        let made = |number| {
            let mut options = GroupOptions::new(1 << 16);
            set(&mut options, number);
            options.check()
        };
        for &number in good {
            assert!(made(number).is_ok(), "{name} {number}");
        }
        for &number in bad {
            let error = made(number).unwrap_err();
            assert_error(error.clone(), Code::Option, &format!("the option {name} "));
            assert!(
                error.message().contains(&number.to_string()),
                "{error}: the message contains the number"
            );
        }
    }
}

#[test]
fn default_options_are_valid() {
    PoolOptions::default().check().unwrap();
    GroupOptions::new(8_192).check().unwrap();
    assert_eq!((PoolOptions::default().replicas, PoolOptions::default().base_path()), (50, "/_geecache/"));
    assert_eq!(MAX_KEY_BYTES, 65_535);
}

#[test]
fn pool_option_out_of_range_is_an_error_that_names_it() {
    type Set = fn(&mut PoolOptions);
    let bad: [(&str, Set); 12] = [
        ("replicas", |o| o.replicas = 0),
        ("replicas", |o| o.replicas = 1_001),
        ("self", |o| o.self_name = Some(String::new())),
        ("peers", |o| o.peers = vec![String::new()]),
        ("peers", |o| o.peers = vec!["a".into(); 10_001]),
        ("basePath", |o| o.base_path = Some(String::new())),
        ("basePath", |o| o.base_path = Some("/".into())),
        ("basePath", |o| o.base_path = Some("/cache".into())),
        ("basePath", |o| o.base_path = Some("cache/".into())),
        ("basePath", |o| o.base_path = Some("/a b/".into())),
        ("basePath", |o| o.base_path = Some("/../".into())),
        ("basePath", |o| o.base_path = Some("/%2F/".into())),
    ];
    for (name, set) in bad {
        let mut options = options(Some("self"), &["a"]);
        set(&mut options);
        assert_error(Pool::new(&options).unwrap_err(), Code::Option, &format!("the option {name}"));
    }
    let pool =
        Pool::new(&PoolOptions { base_path: Some("/_a-b/9/".into()), ..PoolOptions::default() }).unwrap();
    assert_eq!(pool.base_path(), "/_a-b/9/");
}

#[test]
fn wire_decides_base_path_and_placement_unless_an_option_does() {
    let owner = |wire, placement| {
        let peers = ["10.0.0.1:8080", "10.0.0.2:8080", "10.0.0.3:8080"].map(str::to_owned).to_vec();
        let pool = Pool::new(&PoolOptions { wire, placement, peers, ..PoolOptions::default() }).unwrap();
        let keys = (0..100).map(|key| format!("user:{key}"));
        let owners: Vec<_> =
            keys.map(|key| pool.peers().owner(key.as_bytes()).unwrap().to_string()).collect();
        (pool.base_path().to_owned(), owners)
    };
    let (base, geecache) = owner(&Geecache, None);
    assert_eq!(base, "/_geecache/");
    assert_eq!(
        owner(&Groupcache, None),
        ("/_groupcache/".to_owned(), geecache.clone()),
        "the same ring for both"
    );
    let v3 = owner(&GroupcacheV3, None);
    assert!(v3.0 == "/_groupcache/" && v3.1 != geecache);
    assert_eq!(
        owner(&GroupcacheV3, Some(Placement::Geecache)).1,
        geecache,
        "the option takes precedence over the wire"
    );
    let balanced = owner(&Geecache, Some(Placement::Balanced)).1;
    assert!(balanced != geecache && balanced != v3.1);
}
