// Types of the workerd globals used by the workers in harness/, tests/ and www/.

declare module "cloudflare:workers" {
  /** The bindings, also outside of requests. Each worker casts them to its own type. */
  export const env: unknown;
}

interface Scheduler {
  wait(ms: number): Promise<void>;
}
