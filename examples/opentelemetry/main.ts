// Ten requests for three users. The cache's counters are printed to the console, in place of a collector.
import { metrics } from "@opentelemetry/api";
import { ConsoleMetricExporter, MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { createPool, json } from "geecache-edge";
import { observe } from "./observe.ts";

const reader = new PeriodicExportingMetricReader({ exporter: new ConsoleMetricExporter() });
const provider = new MeterProvider({ readers: [reader] });
metrics.setGlobalMeterProvider(provider);

const pool = createPool();
const users = pool.group("users", { maxBytes: 1024 * 1024, codec: json<{ id: string }>(), load: (id) => ({ id }) });
observe(pool, metrics.getMeter("geecache-edge"));

for (let i = 0; i < 10; i++) await users.get(`user-${i % 3}`);
await provider.shutdown();
