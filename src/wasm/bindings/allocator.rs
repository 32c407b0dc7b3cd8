//! The allocator of the npm package's wasm.

/// Smaller than the default allocator. Like it, it grows where linear memory ends: an allocator that takes
/// whole pages for each of the store's segments wastes part of them.
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();
