// fetch without connection reuse.

/**
 * Like `fetch`, on a connection of its own. A server can close an idle connection in the moment that a client reuses
 * it, and on a busy machine that happens.
 * @param {string} url
 * @param {RequestInit} [init]
 */
export function fetchOnce(url, init = {}) {
  return fetch(url, { ...init, headers: { ...init.headers, connection: "close" } });
}
