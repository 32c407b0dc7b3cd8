/** The part of the Workers runtime that the entry for it imports. */
declare module "cloudflare:workers" {
  /** Keeps work alive after the response; undefined before late 2024. */
  export const waitUntil: ((promise: Promise<unknown>) => void) | undefined;
}
