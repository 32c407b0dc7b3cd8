// A peer on loopback, the body of a function: each key is answered in a way of its own. Resolves to its URL and what happened.
const http = process.getBuiltinModule("node:http");
const turn = () => new Promise((resolve) => setImmediate(resolve));
const answers = {
  value: (res) => res.end("value"),
  fresh: (res) => res.writeHead(200, { "geecache-fresh-ms": "1500" }).end("fresh"),
  empty: (res) => res.end(),
  pieces: async (res) => {
    for (const piece of ["a", "b", "c"]) { res.write(piece); await turn(); }
    res.end();
  },
  zipped: (res) => res.writeHead(200, { "content-encoding": "gzip" }).end(process.getBuiltinModule("node:zlib").gzipSync("unzipped")),
  absent: (res) => res.writeHead(404, { "geecache-outcome": "not-found" }).end("there is no such key"),
  lost: (res) => res.writeHead(404).end("Not Found"),
  failed: (res) => res.writeHead(500, { "geecache-outcome": "ERR_LOAD" }).end("the database is away"),
  broken: (res) => res.writeHead(500).end("<h1>Internal Server Error</h1>"),
  moved: (res) => res.writeHead(301, { location: "/_geecache/g/value" }).end(),
  elsewhere: (res) => res.writeHead(307, { location: "/_geecache/g/value" }).end("not here"),
  reset: async (res) => {
    res.writeHead(200, { "content-length": 100 });
    res.write("half");
    await turn();
    res.socket.resetAndDestroy();
  },
  mute: (res) => res.socket.resetAndDestroy(),
  silent: () => {},
  endless: (res) => {
    const more = () => { while (!res.destroyed && res.write(Buffer.alloc(1_000))); };
    res.writeHead(200).on("drain", more);
    more();
  },
  dripping: (res) => {
    res.writeHead(200);
    const drip = setInterval(() => res.write("x"), 5);
    res.on("close", () => clearInterval(drip));
  },
};
const asked = [];
const closed = [];
const server = http.createServer((req, res) => {
  const key = req.url.split("/").at(-1);
  asked.push(`${req.method} ${req.url}`);
  res.on("close", () => closed.push(key));
  answers[key](res);
});
return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve({
  url: `http://127.0.0.1:${server.address().port}`,
  asked,
  /** Settles once the peer has seen the answer to this key end or break off. */
  async hasClosed(key) { while (!closed.includes(key)) await turn(); },
  close() { server.closeAllConnections(); return new Promise((resolve) => server.close(resolve)); },
})));
