// A worker that asks another through its binding, and hangs up when a gate at the origin opens.
export default {
  async fetch(request, env) {
    const { pathname, search, searchParams } = new URL(request.url);
    const hangUp = new AbortController();
    const asked = env.CACHE.fetch(`http://cache${pathname}${search}`, { signal: hangUp.signal }).then(
      (answer) => `answered ${answer.status}`,
      (error) => `${error.name}`,
    );
    await fetch(`${env.ORIGIN}/gate?name=${searchParams.get("gate")}`);
    hangUp.abort();
    return new Response(await asked);
  },
};
