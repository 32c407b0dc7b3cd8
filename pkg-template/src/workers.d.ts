/** What the entry for Workers needs of its runtime. */
declare module "cloudflare:workers" {
  /** Keeps work alive after the answer; there from late 2024 on. */
  export const waitUntil: ((promise: Promise<unknown>) => void) | undefined;
}
