// A worker that requests another by its service binding, and aborts the request when a gate at the origin is released.

/** @typedef {{ CACHE: { fetch: typeof fetch }, ORIGIN: string }} Bindings */

export default {
  /** @param {Request} request @param {Bindings} env */
  async fetch(request, env) {
    const { pathname, search, searchParams } = new URL(request.url);
    const controller = new AbortController();
    const outcome = env.CACHE.fetch(`http://cache${pathname}${search}`, { signal: controller.signal }).then(
      (response) => `status ${response.status}`,
      (error) => `${error.name}`,
    );
    await fetch(`${env.ORIGIN}/gate?name=${searchParams.get("gate")}`);
    controller.abort();
    return new Response(await outcome);
  },
};
