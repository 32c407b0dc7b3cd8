// What the demo's worker finds in its environment; the cluster puts it there.

interface Env {
  /** Its own URL. */
  SELF: string;
  /** The URLs of all peers, its own among them. */
  PEERS: string[];
  /** The URL of the origin. */
  ORIGIN: string;
}

declare module "cloudflare:workers" {
  /** The bindings, also to be had where there is no request yet. */
  export const env: Env;
}
