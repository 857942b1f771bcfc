import { supervise } from './supervise.js';

const [root = '', id = ''] = process.argv.slice(2);
// Signals are for the container, by way of requests; whoever wants this process to end kills it.
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
supervise(root, id).then(
  () => process.exit(),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
