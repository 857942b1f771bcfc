import { supervise } from './supervise.js';

// Signals are for the container, by way of requests; whoever wants this process to end kills it.
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
supervise().then(
  () => process.exit(),
  () => process.exit(1),
);
