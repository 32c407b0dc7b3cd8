// Counts the wasm instances created in this isolate.
let instances = 0;

const Instance = WebAssembly.Instance;
WebAssembly.Instance = class extends Instance {
  /** @param {ConstructorParameters<typeof Instance>} args */
  constructor(...args) {
    super(...args);
    instances++;
  }
};

export const instanceCount = () => instances;
