// Runs the compiled tests: all of them, or those whose path contains one of the arguments.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const wanted = process.argv.slice(2);
const files = readdirSync('build/test', { recursive: true })
  .filter((name) => name.endsWith('.test.js') && (wanted.length === 0 || wanted.some((part) => name.includes(part))))
  .map((name) => join('build/test', name))
  .sort();
if (files.length === 0) {
  console.error(`no test file matches ${wanted.join(' ')}`);
  process.exit(1);
}
// Many tests start the programs, and with this variable every start of Node reads a file of certificates: 40 ms each.
delete process.env.NODE_EXTRA_CA_CERTS;
// Mirrors that this machine has configured are none of the tests' business; those that are about them make their own.
process.env.TSPULL_CONFIG_DIR = '/nonexistent';
delete process.env.CONTAINERS_REGISTRIES_CONF;
// The spec reporter ends with the summary, and repeats what failed; daemons of tests need a processor, too.
const options = ['--enable-source-maps', '--test', '--test-reporter=spec', '--test-concurrency=2'];
const { status } = spawnSync(process.execPath, [...options, ...files], { stdio: 'inherit' });
process.exit(status ?? 1);
