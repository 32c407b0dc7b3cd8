// Counts the wasm instances that are made in this isolate.
let instances = 0;

WebAssembly.Instance = class extends WebAssembly.Instance {
  constructor(...given) {
    super(...given);
    instances++;
  }
};

export const instancesSoFar = () => instances;
