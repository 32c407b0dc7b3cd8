// The types that a user's project has besides the package: those of Workers, which wrangler generates, and the snippets' own.
interface User {
  id: string;
  name: string;
}
interface Env {
  SHARD: { getByName(name: string): { fetch(url: string, init?: RequestInit): Promise<Response> } };
  DB: { find(id: string, signal: AbortSignal): Promise<User | null> };
  PEER_SECRET: string;
}
interface ExecutionContext {
  waitUntil(promise: Promise<unknown>): void;
}
interface ExportedHandler<Bindings> {
  fetch(request: Request, env: Bindings, ctx: ExecutionContext): Promise<Response>;
}
declare function findUser(id: string, signal: AbortSignal): Promise<User | undefined>;
declare const process: { env: Record<string, string | undefined> };
declare module "cloudflare:workers" {
  export class DurableObject<Bindings> {
    protected ctx: ExecutionContext & { id: { name?: string } };
    protected env: Bindings;
    fetch?(request: Request): Promise<Response>;
  }
}
